"""What somebody says to be allergic to must not be offered to them: the sentence that does is left out."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path

import knowledge.rules

_DATA = Path(knowledge.rules.__file__).parent / "allergies.toml"
_SAID = re.compile(r"\ballerg\w*|\banaphyla\w*|\breact(?:s|ed|ion)? to\b|过敏", re.I)
_NOT_ALLERGIC = re.compile(
    r"\b(?:no|not|never|without|denies|nil)\b[^.;,]{0,30}\ballerg|\bnka\b|\bnkda\b|(?:没有|无|否认|不)[^。；，]{0,6}过敏",
    re.I,
)
# How far from the word for the allergy the medicine may stand, in characters.
_NEAR = 60


def said_of(text: str) -> tuple[re.Pattern[str], ...]:
    """A pattern for each family of medicines that a text says somebody is allergic to; none where an allergy is denied."""
    found = []
    for names, family in _families():
        for said in _SAID.finditer(text):
            around = text[max(0, said.start() - _NEAR) : said.end() + _NEAR]
            if names.search(around) and not _NOT_ALLERGIC.search(around):
                found.append(family)
                break
    return tuple(found)


def offers(sentence: str, forbidden: tuple[re.Pattern[str], ...]) -> bool:
    """Whether a sentence names a medicine of a forbidden family without speaking of the allergy."""
    return any(family.search(sentence) for family in forbidden) and not _SAID.search(sentence)


@lru_cache(maxsize=1)
def _families() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    with _DATA.open("rb") as stream:
        data = tomllib.load(stream)
    return tuple(
        (_pattern([*row["en"], *row["zh"]]), _pattern([*row["en"], *row["zh"], *row["with"]])) for row in data.values()
    )


def _pattern(names: list[str]) -> re.Pattern[str]:
    latin = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name.isascii())
    chinese = "|".join(re.escape(name) for name in names if not name.isascii())
    return re.compile(rf"\b(?:{latin})s?\b|{chinese}", re.I)
