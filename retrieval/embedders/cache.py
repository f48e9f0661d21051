"""Vectors kept by passage id and embedder, so that nothing is embedded twice; the library's ship with the project."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import numpy as np

from retrieval.types import Vectors

SHIPPED = Path(__file__).parent / "vectors"


class VectorCache:
    """Vectors read from the shipped folder and from `home` (may be None); new ones are written to `home`."""

    def __init__(self, embedder_id: str, *, home: Path | None = None, shipped: Path = SHIPPED) -> None:
        name = file_name(embedder_id)
        self._home = home / name if home else None
        self._known: dict[str, Vectors] = {}
        self._new: dict[str, Vectors] = {}
        for path in (shipped / name, self._home):
            if path is not None and path.is_file():
                self._known.update(_read(path))

    def get(self, passage_id: str) -> Vectors | None:
        """Shape (dimensions,), or None when this passage was never embedded."""
        return self._known.get(passage_id)

    def put(self, passage_id: str, vector: Vectors) -> None:
        """Keep a vector until `save`."""
        self._known[passage_id] = self._new[passage_id] = vector

    def save(self) -> None:
        """Write new vectors beside the old ones; nothing is written where nothing is new."""
        if not self._new or self._home is None:
            return
        kept = _read(self._home) if self._home.is_file() else {}
        write(self._home, {**kept, **self._new})
        self._new.clear()


def file_name(embedder_id: str) -> str:
    """The cache file of an embedder."""
    return re.sub(r"[^a-zA-Z0-9._-]+", "_", embedder_id) + ".npz"


def write(path: Path, vectors: dict[str, Vectors]) -> None:
    """Half precision (cosines move by under 0.001), ids sorted so that the same vectors give the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = sorted(vectors)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as out:
        np.savez_compressed(out, ids=np.array(ids), vectors=np.stack([vectors[i] for i in ids]).astype(np.float16))
    temporary.replace(path)


def _read(path: Path) -> dict[str, Vectors]:
    # A cache is only a saving: a damaged one is as good as none, and the next save replaces it.
    try:
        with np.load(path, allow_pickle=False) as archive:
            vectors = archive["vectors"].astype(np.float32)
            return {str(i): row / np.linalg.norm(row) for i, row in zip(archive["ids"], vectors, strict=True)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
