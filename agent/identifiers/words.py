"""Latin-script words with their place in a text: what the English recognisers read instead of characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+(?:['’\-][A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+)*")
_SPACE = " \t\u00a0"


@dataclass(frozen=True, slots=True)
class Word:
    """`end` is without a possessive 's; `low` is lower-cased, straight-quoted, without it."""

    text: str
    start: int
    end: int
    low: str

    @property
    def capital(self) -> bool:
        """Written as a name: Maria, McCoy, O'Neil; not COPD, not maria."""
        return self.text[0].isupper() and (len(self.text) == 1 or any(ch.islower() for ch in self.text))

    @property
    def shouted(self) -> bool:
        return len(self.text) > 1 and self.text.isupper()


def words(text: str) -> list[Word]:
    """Words in order. Linear in the text."""
    found = []
    for match in _WORD.finditer(text):
        raw, end = match[0], match.end()
        if len(raw) > 2 and raw[-2] in "'’" and raw[-1] in "sS":
            raw, end = raw[:-2], end - 2
        found.append(Word(raw, match.start(), end, raw.lower().replace("’", "'")))
    return found


def adjacent(text: str, left: Word, right: Word) -> bool:
    """Only blanks between (an initial may carry a full stop)."""
    gap = text[left.end : right.start]
    if gap and gap[0] == "." and (len(left.text) == 1 or left.low in ("st", "mt", "jr", "sr")):
        gap = gap[1:]
    return len(gap) <= 3 and gap != "" and all(ch in _SPACE for ch in gap)


def before(text: str, word: Word, width: int) -> str:
    return text[max(0, word.start - width) : word.start]


def initial(text: str, found: Sequence[Word], at: int) -> bool:
    """A lone capital standing for a name: "P." or "P," after a given name."""
    if at >= len(found) or len(found[at].text) != 1 or not found[at].text.isupper():
        return False
    after = text[found[at].end : found[at].end + 1]
    return after in ("", ".", ",", ")", ";", "?", "!", ":", "\n") or (after == " " and found[at].text not in "IA")
