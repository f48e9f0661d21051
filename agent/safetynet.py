"""When to get help, in the words of the page the answer came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.types import Facts, Language
from agent.whom import fits
from knowledge.chunk import sentences
from knowledge.types import Passage
from retrieval.types import Hit

# The help sections of a topic (knowledge/library/README.md, rule 7), most urgent first.
_HEADINGS = {
    "en": (
        re.compile(r"\bambulance\b|\bemergency\b(?!.*contracept)", re.I),
        re.compile(r"\btoday\b|\bsame day\b|\bget (?:medical )?help\b", re.I),
    ),
    "zh": (re.compile(r"救护车|急救|马上去急诊"), re.compile(r"当天|今天|尽快就医")),
}


_MOST = (8, 4)


@dataclass(frozen=True, slots=True)
class Sign:
    """One warning sign, a sentence of `passage`."""

    text: str
    passage: Passage


# A question about when to be seen is answered by those very sections.
_SEEN = r"(?:doctor|gp|see|worr\w*|serious|hospital|er|a&e|help|concern\w*)"
_ASKS_WHEN = {
    "en": re.compile(
        rf"\bwhen (?:should|do|to|would|is it)\b.{{0,40}}\b{_SEEN}\b|\bshould i (?:see|go to|be worried|worry|call)\b"
        r"|\bis (?:it|this|that) (?:serious|dangerous|an emergency)\b",
        re.I,
    ),
    "zh": re.compile(
        r"(?:什么时候|什么情况|何时|需不需要|要不要|需要|用不用|该不该).{0,8}(?:看医生|就医|去医院|急诊|住院)"
        r"|严重吗|危险吗|要紧吗"
    ),
}


def answering(query: str, hits: Sequence[Hit], language: Language) -> tuple[Hit, ...]:
    """The hits without help sections, which follow every answer anyway, unless they are what was asked for, or all."""
    if _ASKS_WHEN[language].search(query):
        return tuple(hits)
    others = tuple(hit for hit in hits if not is_help(hit.passage, language))
    return others or tuple(hits)


def is_help(passage: Passage, language: Language) -> bool:
    """Whether a passage is a list of signs for getting help."""
    return any(heading.search(passage.heading) for heading in _HEADINGS[language])


def signs(
    document: str,
    passages: Sequence[Passage],
    language: Language,
    *,
    facts: Facts = Facts(),  # noqa: B008 - frozen
) -> tuple[Sign, ...]:
    """The warning signs of one document: at most eight that need an ambulance, then four that need somebody today.

    Signs that are only a baby's or a child's are left out for a person known to be grown up; a sign is never left out
    because an age was not said.
    """
    own = [passage for passage in passages if passage.document == document]
    found: list[Sign] = []
    for heading, most in zip(_HEADINGS[language], _MOST, strict=True):
        bullets = [
            Sign(line.removeprefix("- "), passage)
            for passage in own
            if heading.search(passage.heading)
            for line in sentences(passage.text)
            if line.startswith("- ") and fits(line, facts, language)
        ]
        found.extend(bullets[:most])
    return tuple(dict.fromkeys(found))
