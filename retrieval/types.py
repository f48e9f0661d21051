"""Values that leave the retrieval package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Passage

Mode = Literal["bm25", "dense", "hybrid"]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be returned. An empty field does not filter; audience `patient` also admits `both`.

    `prefer` is a jurisdiction whose passages come earlier among those admitted; it holds nothing back. `documents` are the ids
    of those that may be returned; None admits all, an empty set none.
    """

    language: str = ""
    audience: str = ""
    jurisdiction: str = ""
    published_since: str = ""
    prefer: str = ""
    documents: frozenset[str] | None = None

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences whose passages are admitted; none named admits all."""
        return (self.audience, "both") if self.audience else ()

    @property
    def admits_all(self) -> bool:
        """Whether nothing is held back."""
        return not (self.language or self.audience or self.rare)

    @property
    def rare(self) -> bool:
        """Whether a condition is set that the word index does not know."""
        return bool(self.jurisdiction or self.published_since) or self.documents is not None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its fused score (higher is better), with the score each ranker gave, for tracing."""

    passage: Passage
    score: float
    bm25: float | None = None
    dense: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first; `searched` is the number of passages the filters admitted; `read_as` the misspelt names in the
    query and what they were put right to."""

    hits: tuple[Hit, ...]
    searched: int
    read_as: Mapping[str, str] = field(default_factory=dict)


class Embedder(Protocol):
    """Text to unit vectors. `id` names the model and its revision; two embedders never share one."""

    id: str
    dimensions: int

    def query(self, text: str) -> Vectors:
        """One vector, shape (dimensions,), float32, unit length."""

    def passages(self, texts: list[str]) -> Vectors:
        """Shape (len(texts), dimensions), float32, unit length."""


class VectorStore(Protocol):
    """The vectors of an index's passages, by row."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, dimensions)."""

    def nearest(self, query: Vectors, k: int, filters: Filters = ...) -> list[tuple[int, float]]:
        """At most k (row, cosine), best first, among the passages that `filters` admit (`prefer` is not looked at)."""

    def rows(self, rows: Sequence[int]) -> Vectors:
        """Vectors by row, shape (len(rows), dimensions)."""
