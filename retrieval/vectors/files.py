"""Vectors on disk: plain rows of float32 that only grow. They are the truth that every faster index is made from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.errors import IndexFault, StoreError
from retrieval.types import Vectors

_REBUILD = "Delete the folder and build it again"


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

    def row(self, row: int) -> Vectors:
        """A vector that was appended, shape (dimensions,)."""
        self._stream.flush()
        offset = row * self._dimensions * 4
        return np.fromfile(self._path, dtype="<f4", count=self._dimensions, offset=offset).astype(np.float32)

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
