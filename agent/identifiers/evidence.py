"""Is this word a name? What lists and letters say, apart from where it stands. Trained by `finetune.names`.

Nothing is kept of the words asked about: no cache, for a cache would be a list of people.
"""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import knowledge

if TYPE_CHECKING:
    import numpy as np

PATH = Path(knowledge.__file__).parent / "rules" / "privacy" / "names.npz"
SIZE = 1 << 14
"""Buckets for pieces of words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hashes of words of every day, given names and surnames; weights of letters; log odds of Chinese characters."""

    words: frozenset[int]
    given_names: frozenset[int]
    family_names: frozenset[int]
    weights: np.ndarray
    bias: float
    middle: dict[str, float]
    last: dict[str, float]

    def ordinary(self, word: str) -> bool:
        """A lower-cased word that people write without thinking of a person; each part of a compound is looked up."""
        if hashed(word) in self.words:
            return True
        parts = word.split("-") if "-" in word else ()
        return bool(parts) and all(len(part) < 2 or hashed(part) in self.words for part in parts)

    def given(self, word: str) -> bool:
        """A given name somewhere, lower-cased; or two of them in one ("kelly-ann"), which "may-thurner" is not."""
        if "-" not in word or hashed(word) in self.given_names:
            return hashed(word) in self.given_names
        return all(hashed(part) in self.given_names for part in word.split("-"))

    def surname(self, word: str) -> bool:
        """A family name somewhere, lower-cased; of a double one a part is enough."""
        return hashed(word) in self.family_names or (
            "-" in word and any(hashed(part) in self.family_names for part in word.split("-"))
        )

    def sounds(self, word: str) -> float:
        """Log odds of a name by letters alone: about 0 where they say nothing, 2 for a likely name."""
        found = pieces(word)
        return float(self.weights[found].sum()) + self.bias if found else 0.0

    def name(self, word: str) -> float:
        """How much a lower-cased Latin word is a name: 3 in a list and no word, 1 both, -3 only a word; else by letters."""
        listed = self.given(word) or self.surname(word)
        if self.ordinary(word):
            return 1.0 if self.given(word) else -1.0 if listed else -3.0
        return 3.0 if listed else max(-2.0, min(2.0, self.sounds(word)))

    def chinese(self, given: str) -> float:
        """Log odds that one or two Chinese characters are a given name, a character's mean."""
        if len(given) == 1:
            return self.last.get(given, 0.0)
        return (self.middle.get(given[0], 0.0) + self.last.get(given[-1], 0.0)) / 2


@functools.cache
def evidence() -> Evidence:
    """The evidence, about 40 ms the first time. Raises OSError where the file is missing."""
    import numpy as np

    with np.load(PATH) as file:
        characters = [chr(code) for code in file["characters"]]
        return Evidence(
            words=frozenset(file["ordinary"].tolist()),
            given_names=frozenset(file["given"].tolist()),
            family_names=frozenset(file["surnames"].tolist()),
            weights=file["weights"].astype(np.float32),
            bias=float(file["bias"]),
            middle=dict(zip(characters, file["middle"].tolist(), strict=True)),
            last=dict(zip(characters, file["last"].tolist(), strict=True)),
        )


def hashed(word: str) -> int:
    """32 bits; among 100,000 words one stranger in 40,000 is taken for one of them."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def pieces(word: str) -> list[int]:
    """Buckets of a word's pieces of one to four letters, its edges marked."""
    marked = f"^{word[:24]}$"
    return sorted(
        {
            zlib.crc32(marked[at : at + size].encode("utf-8", "surrogatepass")) % SIZE
            for size in (1, 2, 3, 4)
            for at in range(len(marked) - size + 1)
        }
    )
