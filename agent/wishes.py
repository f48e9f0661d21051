"""What a person wants of the record (deleted, not kept, or told what is), and what their message tells without it.

The patterns are rules of policy (`knowledge/rules/policy/wish.toml`). A wish is no complaint: neither triage nor a learned reader
reads its own clause. Whatever else stands there is read: a clause is left out only where nothing in it is a finding, a number, a
word of health, or said of anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from agent import intents
from agent.findings import find
from agent.intents import Rule
from agent.privacy import redact_again
from agent.types import Message, SafeText
from knowledge.rules import load_lexicon

_SENTENCES = re.compile(r"([.!?;]+(?:\s+|$|(?=[\u3400-\u9fff]))|[。！？；\n]+)")
# Not in "10:30" and "1,000".
_CLAUSES = re.compile(
    r"(\s*(?:[，：、…()（）“”\"—–]|[,:](?!\d))+\s*|\s-+\s|\s(?=(?:but|because|cause|cos|so|and|although|though|however)\b)"
    r"|(?=但是?|因为|因為|不过|不過|而且|可是|另外|还有|還有))",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"(?<=[\u3400-\u9fff])[^\S\n]+(?=[\u3400-\u9fff])|[^\S\n]+(?=[^\S\n])")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+-\d+[^\]]*\]")
_SOMEBODY = re.compile(r"\b(?:i|i'm|im|i've|i'd|i'll|he|she|they|we)\b|[我他她]", re.IGNORECASE)
_HAN = re.compile(r"[\u3400-\u9fff]")
_HAN_TELLS = 2
"""Han characters that tell something when nothing else is left of a clause."""
_CLAUSE_MOST = 400
"""Longest clause in which a wish is looked for: more without any mark is a story, and patterns are slow on it."""
_ASIDE_MOST = 80
"""Longest clause that can be an aside ("before I tell you anything"); the patterns are short."""


_Clauses = Sequence[tuple[str, list[tuple[Rule, tuple[int, int]]]]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish of the record. `rest` is what the message tells without it, "" where it tells nothing else."""

    rule: Rule
    rest: str


def read(text: str) -> Wish | None:
    """The wish in a redacted text, None where there is none; of several the first of the file's rules. Linear in the text."""
    parts = [
        [(piece, _wishes_in(piece)) for piece in _CLAUSES.split(part)]
        for part in _SENTENCES.split(_BLANKS.sub("", text))
    ]
    rules = {rule.id for part in parts for _, wishes in part for rule, _ in wishes}
    if not rules:
        return None
    rule = next(rule for rule in _rules() if rule.id in rules)
    if not _says_something(_joined(piece for part in parts for piece in _rid(part, everywhere=True))):
        return Wish(rule, "")
    return Wish(rule, _joined(piece for part in parts for piece in _rid(part)))


def without(text: str) -> str:
    """What a text tells without its wish; the text itself where it holds none."""
    wish = read(text)
    return text if wish is None else wish.rest


def told(message: SafeText) -> SafeText:
    """What a message tells without its wish; the message itself where it holds none."""
    rest = without(message.text)
    return message if rest == message.text else replace(message, text=rest)


def spoken(messages: Sequence[Message], *, read: Callable[[str], str] = without) -> tuple[Message, ...]:
    """Messages without the person's wishes; those that hold nothing else are left out. `read`: `without`, or what remembers it."""
    left = (replace(each, text=read(each.text)) if each.role == "user" else each for each in messages)
    return tuple(now for now, was in zip(left, messages, strict=True) if now.text or not was.text)


@cache
def _rules() -> tuple[Rule, ...]:
    return tuple(rule for rule in intents.rules() if rule.kind == "wish")


def _wishes_in(clause: str) -> list[tuple[Rule, tuple[int, int]]]:
    if not 1 < len(clause) <= _CLAUSE_MOST:
        return []
    plain = intents.plain(clause)
    return [
        (rule, match.span())
        for rule in _rules()
        for language, main in rule.main.items()
        if main and (match := main.search(plain)) and not ((unless := rule.unless[language]) and unless.search(plain))
    ]


def _rid(part: _Clauses, *, everywhere: bool = False) -> list[str]:
    """A sentence's clauses without wishes and the asides ("hi", "before I start") next to them; elsewhere an aside may belong to
    a complaint ("for a month or so")."""
    left = [_left(piece, wishes) if wishes else piece for piece, wishes in part]
    asides = [not wishes and not _unless_aside(piece) for piece, wishes in part]
    gone = set(range(len(part))) if everywhere else {place for place, (_, wishes) in enumerate(part) if wishes}
    for step in (1, -1):
        for place in sorted(gone, key=lambda place: place * step):
            beside = place + step
            while 0 <= beside < len(part) and (asides[beside] or not re.search(r"\w", part[beside][0])):
                gone.add(beside)
                beside += step
    return ["" if asides[place] and place in gone else piece for place, piece in enumerate(left)]


def _left(clause: str, wishes: Sequence[tuple[Rule, tuple[int, int]]]) -> str:
    """What a wish's own clause tells beside it: all of it where the wish itself names a complaint."""
    start, end = min(span[0] for _, span in wishes), max(span[1] for _, span in wishes)
    if _finds(_bare(clause[start:end])):
        return clause
    left = f"{clause[:start]} {clause[end:]}".strip()
    return left if _tells(f"{_bare(clause[:start])} {_bare(clause[end:])}") else ""


def _unless_aside(clause: str) -> str:
    plain = intents.plain(clause).strip(" '\"~*")
    if not re.search(r"\w", plain) or len(plain) > _ASIDE_MOST:
        return clause
    aside = (pattern.fullmatch(plain) for pattern in intents.patterns("wish", "beside").values() if pattern)
    return "" if any(aside) else clause


def _bare(left: str) -> str:
    """What is left of a wish's clause without the turns of speech around a wish ("I want you to", "if I tell you something")."""
    plain = intents.plain(left)
    for tail in intents.patterns("wish", "tails").values():
        plain = tail.sub(" ", plain) if tail else plain
    return plain


def _tells(bare: str) -> bool:
    """Whether what is left is worth reading: a missed complaint costs more than a needless caution."""
    if not re.search(r"\w", bare):
        return False
    if _finds(bare) or _numbers(bare) or intents.of_health(intents.read(bare)):
        return True
    # Chinese often leaves "I" out.
    return len(_HAN.findall(bare)) >= _HAN_TELLS or (bool(_SOMEBODY.search(bare)) and _words(bare) >= 2)


def _says_something(rest: str) -> bool:
    return _words(rest) >= 2 or _numbers(rest) or _finds(rest) or intents.of_health(intents.read(rest))


def _words(text: str) -> int:
    """Words in Latin letters; two Han characters count as one."""
    text = _PLACEHOLDER.sub(" ", text)
    return len(re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)?", text)) + len(_HAN.findall(text)) // 2


def _numbers(text: str) -> bool:
    return bool(re.search(r"\d", _PLACEHOLDER.sub(" ", text)))


def _finds(text: str) -> bool:
    """Whether a text names a symptom, an illness or a medicine; what only colours a sentence ("last week") is none."""
    known = load_lexicon().findings
    return any(known[each.id].kind != "modifier" for each in find(redact_again(text, date.today()), "en"))


def _joined(pieces: Iterable[str]) -> str:
    """What is left of clauses and the marks between them, in order. With a clause its mark goes, but for the end of a sentence."""
    kept: list[str] = []
    for piece in pieces:
        if re.search(r"\w", piece):
            kept.append(piece)
        elif kept and not re.search(r"\w", kept[-1]):
            if _SENTENCES.fullmatch(piece) and not _SENTENCES.fullmatch(kept[-1]):
                mark = kept[-1].strip()
                kept[-1] = f"{mark}{piece}" if mark.endswith((")", "）", "”")) else piece
        elif kept:
            kept.append(piece)
    return "".join(kept).strip(" \t\n,:，：、—–-")
