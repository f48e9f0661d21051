"""Names of medicines and illnesses put right where they were misspelt: "hydroxizine" searches for hydroxyzine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from string import ascii_lowercase

from knowledge.terms import load_terms
from retrieval.tokenize import tokens

_WORD = re.compile(r"[A-Za-z]{6,}")
# One slip in a short name, two in a long one: medicines' names lie near each other, and a wrong one would be a wrong answer.
_LONG = 9


def respelt(text: str, *, known: Callable[[str], bool]) -> Mapping[str, str]:
    """Misspelt names in a text and the names they must mean; empty for nearly every text.

    A word counts as misspelt where no passage holds it (`known`, of stems) and the terminology does not; it is put right
    only where one name is nearest, begins with the same letter, and is one slip away (two from nine letters on).
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found: dict[str, str] = {}
    names = _names()
    for word in dict.fromkeys(_WORD.findall(text)):
        lower = word.lower()
        if lower in names or any(known(stem) for stem in tokens(lower)):
            continue
        most = 2 if len(lower) >= _LONG else 1
        near = process.extract(lower, _by_letter()[lower[0]], scorer=OSA.distance, score_cutoff=most, limit=2)
        if near and (len(near) == 1 or near[0][1] < near[1][1]):
            found[word] = near[0][0]
    return found


def put_right(text: str, names: Mapping[str, str]) -> str:
    """The text with those names in place of the misspelt ones."""
    return re.sub(r"[A-Za-z]+", lambda word: names.get(word[0], word[0]), text)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Every English name of one word."""
    return frozenset(
        name.lower() for concept in load_terms().concepts for name in concept.english if _WORD.fullmatch(name)
    )


@lru_cache(maxsize=1)
def _by_letter() -> Mapping[str, tuple[str, ...]]:
    return {letter: tuple(sorted(name for name in _names() if name[0] == letter)) for letter in ascii_lowercase}
