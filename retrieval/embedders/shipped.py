"""The vectors that ship with the embedded library, by passage id and embedder, so that a first start embeds nothing."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from knowledge.types import Passage
from retrieval.types import Vectors

SHIPPED = Path(__file__).parent / "vectors"


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
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = sorted(by_id)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as out:
        np.savez_compressed(out, ids=np.array(ids), vectors=np.stack([by_id[i] for i in ids]).astype(np.float16))
    temporary.replace(path)


def read(path: Path) -> dict[str, Vectors]:
    """Unit vectors by passage id; none from a missing or damaged file, which is only a saving lost."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            rows = archive["vectors"].astype(np.float32)
            return {str(i): row / np.linalg.norm(row) for i, row in zip(archive["ids"], rows, strict=True)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
