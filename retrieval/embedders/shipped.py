"""The vectors that ship with the embedded library, so that a first start embeds nothing, and no answer its sentences: of passages
by id, of sentences by a digest of what of them is embedded, for one embedder.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Passage
from retrieval.types import Vectors

SHIPPED = Path(__file__).parent / "vectors"
AXES = 192
"""Numbers that are kept of a sentence's vector."""


def vectors(embedder_id: str, *, folder: Path = SHIPPED) -> Callable[[Passage], Vectors | None]:
    """The vector of a passage, shape (dimensions,), where it ships; the file is read at the first question."""
    known: dict[str, Vectors] | None = None

    def vector(passage: Passage) -> Vectors | None:
        nonlocal known
        if known is None:
            known = read(folder / file_name(embedder_id))
        return known.get(passage.id)

    return vector


def file_name(embedder_id: str) -> str:
    """The file of an embedder's vectors."""
    return re.sub(r"[^a-zA-Z0-9._-]+", "_", embedder_id) + ".npz"


def write(path: Path, by_id: dict[str, Vectors]) -> None:
    """Half precision (cosines move by under 0.001), ids sorted so that the same vectors give the same file."""
    ids = sorted(by_id)
    _saved(path, ids=np.array(ids), vectors=np.stack([by_id[i] for i in ids]).astype(np.float16))


def read(path: Path) -> dict[str, Vectors]:
    """Unit vectors by passage id; none from a missing or damaged file, which is only a saving lost."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            rows = archive["vectors"].astype(np.float32)
            return {str(i): row / np.linalg.norm(row) for i, row in zip(archive["ids"], rows, strict=True)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


@dataclass(frozen=True, slots=True)
class Sentences:
    """Vectors of sentences, each as its place on a few axes through the middle of all of them, in steps of one size."""

    mean: Vectors
    axes: Vectors
    step: float
    rows: Mapping[bytes, NDArray[np.int8]]

    @classmethod
    def fitted(cls, vectors: Vectors, *, most: int = AXES) -> Sentences:
        """The axes along which vectors, shape (n, dimensions), differ most, with no rows yet."""
        mean = vectors.mean(axis=0)
        _, _, directions = np.linalg.svd(vectors - mean, full_matrices=False)
        # Half precision is what is kept, so rows are made with it.
        axes = directions[:most].astype(np.float16).astype(np.float32)
        farthest = float(np.abs((vectors - mean) @ axes.T).max())
        return cls(mean, axes, (farthest or 1.0) / 127, {})

    def placed(self, vectors: Vectors) -> NDArray[np.int8]:
        """Shape (n, axes)."""
        return np.clip(np.rint((vectors - self.mean) @ self.axes.T / self.step), -127, 127).astype(np.int8)

    def of(self, texts: Sequence[str]) -> list[Vectors | None]:
        """The vector of each text, shape (dimensions,), nearly as it was; None where it did not ship."""
        found = [self.rows.get(digest(text)) for text in texts]
        return [None if row is None else self.mean + self.step * (row @ self.axes) for row in found]


def sentences(embedder_id: str) -> Callable[[Sequence[str]], list[Vectors | None]]:
    """The shipped vectors of sentences, as `Sentences.of` gives them; the file is read at the first question."""
    return lambda texts: _sentences(embedder_id).of(texts)


@cache
def _sentences(embedder_id: str) -> Sentences:
    nothing = np.zeros(0, np.float32)
    return read_sentences(SHIPPED / sentences_name(embedder_id)) or Sentences(nothing, nothing, 1.0, {})


def sentences_name(embedder_id: str) -> str:
    """The file of the sentences' vectors."""
    return f"sentences-{file_name(embedder_id)}"


def digest(text: str) -> bytes:
    """Eight bytes that name a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def write_sentences(path: Path, known: Sentences) -> None:
    """Digests sorted so that the same vectors give the same file."""
    names = sorted(known.rows)
    _saved(
        path,
        names=np.frombuffer(b"".join(names), np.uint8).reshape(-1, 8),
        rows=np.stack([known.rows[name] for name in names]),
        mean=known.mean.astype(np.float32),
        axes=known.axes.astype(np.float16),
        step=np.array(known.step),
    )


def read_sentences(path: Path) -> Sentences | None:
    """None from a missing or damaged file, which is only a saving lost."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names, rows = archive["names"].tobytes(), archive["rows"]
            by_name = {names[8 * place : 8 * place + 8]: row for place, row in enumerate(rows)}
            return Sentences(archive["mean"], archive["axes"].astype(np.float32), float(archive["step"]), by_name)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _saved(path: Path, **arrays: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **arrays)
    temporary.replace(path)
