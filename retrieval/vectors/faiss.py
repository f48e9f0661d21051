"""Exact inner product over unit vectors (cosine) in FAISS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import IndexFault
from retrieval.types import Vectors


class FaissVectors:
    """A flat index; row i is passage i."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @property
    def shape(self) -> tuple[int, int]:
        """(passages, dimensions)."""
        return int(self._index.ntotal), int(self._index.d)

    def nearest(self, query: Vectors, k: int, *, rows: NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
        """At most k (row, cosine), best first; only among `rows` where given."""
        import faiss

        if rows is not None and rows.size == 0:
            return []
        parameters = None if rows is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))  # type: ignore[call-arg]
        scores, found = self._index.search(query[None, :], min(k, self.shape[0]), params=parameters)
        return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        import faiss

        faiss.write_index(self._index, str(path))


def build(vectors: Vectors) -> FaissVectors:
    """A flat index of vectors, shape (passages, dimensions)."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return FaissVectors(index)


def load(path: Path) -> FaissVectors:
    """Read an index.

    Raises:
        IndexFault: FAISS cannot read the file.
    """
    import faiss

    try:
        return FaissVectors(faiss.read_index(str(path)))
    except RuntimeError as fault:
        raise IndexFault(
            f"{path} is not a FAISS index ({fault})", remedy="Delete the folder and build it again"
        ) from fault
