"""BM25 by bm25s over a passage's title, heading, synonyms and text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Passage
from retrieval.tokenize import tokens

# A word of the title or heading says more than one of the text; the fields are repeated as often as they weigh.
_FIELDS = (("title", 3), ("heading", 2), ("synonyms", 1), ("text", 1))


class Bm25:
    """Scores of every passage for a query. Method "lucene", k1 1.5, b 0.75 (bm25s's defaults)."""

    def __init__(self, index: Any, size: int) -> None:
        self._index, self._size = index, size

    def scores(self, query: str) -> NDArray[np.float32]:
        """Shape (passages,): 0 where no word of the query occurs."""
        words = [word for word in dict.fromkeys(tokens(query)) if word in self._index.vocab_dict]
        if not words:
            return np.zeros(self._size, dtype=np.float32)
        scores: NDArray[np.float32] = self._index.get_scores(words)
        return scores

    def known(self, word: str) -> bool:
        """Whether a stemmed word occurs in any passage."""
        return word in self._index.vocab_dict

    def save(self, folder: Path) -> None:
        """Write the index to a new folder."""
        self._index.save(str(folder), show_progress=False)


def build(passages: Iterable[Passage]) -> Bm25:
    """Index passages in order; row i of the scores is passage i."""
    import bm25s

    words = [passage_tokens(passage) for passage in passages]
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return Bm25(index, len(words))


def load(folder: Path, size: int) -> Bm25:
    """Read an index of `size` passages."""
    import bm25s

    return Bm25(bm25s.BM25.load(str(folder), show_progress=False), size)


def passage_tokens(passage: Passage) -> list[str]:
    """The words of a passage, each field as often as it weighs."""
    found: list[str] = []
    for name, weight in _FIELDS:
        value = getattr(passage, name)
        found.extend(tokens("\n".join(value) if isinstance(value, tuple) else value) * weight)
    return found
