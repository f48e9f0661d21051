"""Exact inner product over unit vectors (cosine) in FAISS; on disk, plain rows of float32 that only grow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import IndexFault, StoreError
from retrieval.types import Vectors

_REBUILD = "Delete the folder and build it again"
_BATCH = 16_384


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

        if self.shape[0] == 0 or (rows is not None and rows.size == 0):
            return []
        parameters = None if rows is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))  # type: ignore[call-arg]
        scores, found = self._index.search(query[None, :], min(k, self.shape[0]), params=parameters)
        return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]

    def row(self, row: int) -> Vectors:
        """One vector, shape (dimensions,)."""
        vector: Vectors = self._index.reconstruct(row)
        return vector


class VectorFile:
    """Rows of float32, little-endian, no header: appended to, cut back after a killed run, read through the page cache."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path, self._dimensions = path, dimensions
        self._stream: Any = None

    def begin(self, rows: int) -> None:
        """Open for appending after row `rows`; what lies beyond was never kept.

        Raises:
            IndexFault: there are fewer rows than that: some were lost.
        """
        try:
            self._path.touch()
            if self._path.stat().st_size < rows * self._dimensions * 4:
                raise IndexFault(f"{self._path} has lost vectors", expected=f"{rows} of them", remedy=_REBUILD)
            os.truncate(self._path, rows * self._dimensions * 4)
            self._stream = self._path.open("ab")
        except OSError as fault:
            raise StoreError(
                f"{self._path} cannot be written: {fault}", remedy="Choose a folder that can be written"
            ) from fault

    def append(self, vectors: Vectors) -> None:
        """Add rows, shape (n, dimensions)."""
        self._stream.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())

    def flush(self) -> None:
        """Hand everything to the disk.

        Raises:
            StoreError: the disk is full.
        """
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as fault:
            raise StoreError(
                f"{self._path} cannot be written: {fault}", remedy="Free some space, then run it again"
            ) from fault

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def read(path: Path, rows: int, dimensions: int) -> Vectors:
    """The first `rows` rows of a vector file, mapped, shape (rows, dimensions).

    Raises:
        IndexFault: the file is missing or shorter.
    """
    size = path.stat().st_size if path.is_file() else -1
    if size < rows * dimensions * 4:
        raise IndexFault(
            f"{path} holds {max(0, size)} bytes", expected=f"{rows} vectors of {dimensions}", remedy=_REBUILD
        )
    if rows == 0:
        return np.empty((0, dimensions), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r", shape=(rows, dimensions))


def load(path: Path, rows: int, dimensions: int) -> FaissVectors:
    """A flat index of a vector file.

    Raises:
        IndexFault: the file is missing or shorter than `rows` rows.
    """
    import faiss

    vectors = read(path, rows, dimensions)
    index = faiss.IndexFlatIP(dimensions)
    for start in range(0, rows, _BATCH):
        index.add(np.ascontiguousarray(vectors[start : start + _BATCH], dtype=np.float32))
    return FaissVectors(index)
