"""Which calculators a question names, and for which of them it wants a calculation."""

from __future__ import annotations

import re
from functools import cache

from agent.calculators.load import calculators
from agent.calculators.reading import read, said
from agent.matcher import Matcher
from agent.tokens import simplified, tokenize
from agent.types import Language
from knowledge.rules import load_lexicon

_EXACT = "="
"""Begins a name that counts in capitals only, since it is a word too (MAP, NEWS, SOFA)."""
_WORK_OUT = re.compile(
    r"\b(?:calculat\w*|comput\w*|work(?:ing)? out|figure out|add up|estimate)\b"
    r"|计算|算一?[下算]|怎么算|算出|帮我算|评一?下|打分|得几分|几分|多少分"
)
_SHORT = 4
"""Most words of a message in capitals that may still name something by them ("MAP 120/80")."""
_TELLS_LITTLE = frozenset({"age", "sex"})
"""What stands in most messages and shows no wish for a calculation."""


def named(text: str, language: Language) -> tuple[str, ...]:
    """The ids of the calculators that a text names or clearly asks for, in order of place.

    Both languages are always tried, since people mix them; `language` is taken for callers that have it.
    """
    plain = simplified(text, load_lexicon().traditional)
    spans = [(match.start(), match.end(), _names()[_key(match.group())]) for match in _any_name().finditer(plain)]
    found = {start: name for start, _, name in spans}
    # Whoever writes a whole message in capitals names nothing by them.
    if any(sign.islower() for sign in text) or len(text.split()) <= _SHORT:
        # "MELD" within "MELD-Na" is part of that name.
        inside = {place for start, end, _ in spans for place in range(start, end)}
        for match in _any_capitals().finditer(text):
            found |= {} if match.start() in inside else {match.start(): _capitals()[match.group()]}
    tokens = tokenize(text, traditional=load_lexicon().traditional)
    for ask in _asks().match(tokens):
        found.setdefault(tokens[ask.first].start, ask.id)
    return tuple(dict.fromkeys(found[place] for place in sorted(found)))


def wanted(text: str, language: Language) -> tuple[str, ...]:
    """Those of the named that a text wants calculated: it says so, or gives something to calculate with.

    "What does a high BMI mean?" names and wants nothing; "BMI, 80 kg, 1.70 m" and "when is my baby due?" want.
    """
    tokens = tokenize(text, traditional=load_lexicon().traditional)
    asked = {match.id for match in _asks().match(tokens)}
    says_so = bool(_WORK_OUT.search(text.lower()))
    return tuple(
        each
        for each in named(text, language)
        if says_so or each in asked or set(read(each, text, language)) - _TELLS_LITTLE
    )


@cache
def _names() -> dict[str, str]:
    return {_key(name): one.id for one in calculators().values() for name in one.names if not name.startswith(_EXACT)}


@cache
def _capitals() -> dict[str, str]:
    return {
        name.removeprefix(_EXACT): one.id
        for one in calculators().values()
        for name in one.names
        if name.startswith(_EXACT)
    }


@cache
def _any_name() -> re.Pattern[str]:
    names = [name for one in calculators().values() for name in one.names if not name.startswith(_EXACT)]
    return re.compile("|".join(said(name) for name in sorted(names, key=len, reverse=True)))


@cache
def _any_capitals() -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(map(re.escape, _capitals()))})(?![A-Za-z])")


@cache
def _asks() -> Matcher:
    lexicon = load_lexicon()
    return Matcher({one.id: one.asks for one in calculators().values() if one.asks}, words=lexicon.words)


def _key(name: str) -> str:
    return re.sub(r"[\s\-‑–_₂]", lambda match: "2" if match.group() == "₂" else "", name.lower())
