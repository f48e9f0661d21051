"""Vectors of texts, each embedded once: kept between builds, since the eval sets hold more questions than the data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.types import Embedder, Vectors

_CACHE: dict[bytes, Vectors] = {}
_BATCH = 64


def vectors_of(texts: Sequence[str], embedder: Embedder) -> Vectors:
    """Unit vectors, shape (texts, dimensions)."""
    keys = [_key(text, embedder) for text in texts]
    missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in _CACHE}.items())
    for start in range(0, len(missing), _BATCH):
        part = missing[start : start + _BATCH]
        rows = embedder.passages([text for _, text in part])
        _CACHE.update((key, row) for (key, _), row in zip(part, rows, strict=True))
    return np.stack([_CACHE[key] for key in keys])


def remember(path: Path, embedder: Embedder) -> None:
    """Take up what an earlier build kept; a file that cannot be read, or of another embedder, is only a saving lost."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["embedder"]) == embedder.id:
                _CACHE.update(zip((bytes(key) for key in file["keys"]), file["rows"], strict=True))
    except (OSError, ValueError, KeyError):
        return


def keep(path: Path, embedder: Embedder) -> None:
    """Write every vector of this process for the next build."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    keys = np.array([np.frombuffer(key, np.uint8) for key in _CACHE], np.uint8)
    np.savez(part, embedder=embedder.id, keys=keys, rows=np.stack(list(_CACHE.values())).astype(np.float32))
    os.replace(part, path)


def _key(text: str, embedder: Embedder) -> bytes:
    return hashlib.blake2b(f"{embedder.id}\x1f{text}".encode(), digest_size=16).digest()
