"""Any sentence-transformers model (extra `gpu`); prompts named query and passage are used where the model has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from knowledge.errors import ConfigError
from retrieval.types import Vectors


class SentenceTransformersEmbedder:
    """Wraps a loaded model; vectors are normalised to unit length."""

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._prompts: dict[str, str] = dict(getattr(model, "prompts", {}) or {})
        self.id = f"sentence-transformers/{name}"
        self.dimensions = int(model.get_sentence_embedding_dimension())

    def query(self, text: str) -> Vectors:
        """Shape (dimensions,)."""
        vector: Vectors = self._encode([text], "query")[0]
        return vector

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), dimensions)."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return self._encode(texts, "passage" if "passage" in self._prompts else "document")

    def _encode(self, texts: list[str], prompt: str) -> Vectors:
        name = prompt if self._prompts.get(prompt) else None
        vectors = self._model.encode(texts, prompt_name=name, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def open_embedder(model: str) -> SentenceTransformersEmbedder:
    """Load a model by hub id or folder.

    Raises:
        ConfigError: the extra is not installed, no model was named, or it cannot be loaded (offline, wrong name).
    """
    if not model:
        raise ConfigError("No model named", expected="sentence-transformers:MODEL", remedy="Name a hub id or a folder")
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as fault:
        raise ConfigError("sentence-transformers is not installed", remedy="pip install 'anamnesis[gpu]'") from fault
    try:
        loaded = SentenceTransformer(model)
    except (OSError, ValueError) as fault:
        raise ConfigError(
            f"The embedder {model!r} cannot be loaded: {fault}",
            remedy="Give a local folder when the model hub cannot be reached",
        ) from fault
    return SentenceTransformersEmbedder(loaded, model)
