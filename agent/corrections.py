"""The plain sentences that correct what was understood, and how they are read again.

They are messages of the person like any other: a line each, in the words of `agent/messages` (`fix_` and a name). Whoever reads
a conversation knows them by their first word, so that none is taken for a short reply to a question or for a question itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent.messages import say
from agent.types import Language

_AGE = re.compile(r"\b(?:\d{1,3}(?:\.\d)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
                  r"[ -](?:day|week|month|year)s?[ -]old\b", re.I)  # fmt: skip
_AGE_ZH = re.compile(r"(?:\d{1,3}|[一二两三四五六七八九十]{1,3})(?:周?岁|(?:个月|周|天)大)")
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
# A sentence is known by the first of these that fits: the narrow ones stand before the wide ones.
_NAMES: Final = (
    "age", "sex_female", "sex_male", "not_pregnant", "postpartum", "pregnant_weeks", "pregnant", "temperature", "weight",
    "since", "who_not_child", "who_self", "who_other", "who", "no_medicines", "no_conditions", "no_allergies", "no_medicine",
    "no_condition", "no_allergy", "medicine", "condition", "allergy", "no", "there_is",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fix:
    """A correcting sentence: its name in `agent/messages` without `fix_`, and what it says."""

    name: str
    value: str = ""


def sentence(name: str, language: Language, value: str = "") -> str:
    """The correcting sentence of that name."""
    return say(language, f"fix_{name}", value=value)


def fixes(text: str) -> tuple[Fix, ...]:
    """The correcting sentences of a message, in its order; its other lines are left out."""
    found = []
    for line in text.splitlines():
        for name, pattern in _patterns():
            if match := pattern.fullmatch(line.strip()):
                found.append(Fix(name, match.groupdict().get("value") or ""))
                break
    return tuple(found)


def is_correction(text: str) -> bool:
    """Whether a message holds nothing but correcting sentences."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and len(fixes(text)) == len(lines)


def without(text: str) -> str:
    """A text without its correcting sentences."""
    return "\n".join(line for line in text.splitlines() if not fixes(line))


def mended(texts: Sequence[str]) -> tuple[str, ...]:
    """The messages that tell something, without corrections, the age in them being the one that was corrected last."""
    ages = [fix.value for text in texts for fix in fixes(text) if fix.name == "age"]
    told = [without(text) for text in texts if not is_correction(text)]
    if not ages:
        return tuple(told)
    return tuple(_AGE_ZH.sub(ages[-1], _AGE.sub(f"{ages[-1]} old", text)) for text in told)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    mark = "\x00"
    return tuple(
        (name, re.compile(re.escape(sentence(name, language, mark)).replace(re.escape(mark), "(?P<value>.+?)")))
        for name in _NAMES
        for language in _LANGUAGES
    )
