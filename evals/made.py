"""Vectors made to lie as ours do: in clusters of clusters, with the spread that the library's own vectors have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrieval.types import Vectors

# Shares of the library's variance that lie between subjects, between topics of a subject, and within a topic, set so that
# neighbours lie about as near to one another as the library's own.
_SUBJECTS, _TOPICS, _WITHIN = 0.4, 0.25, 0.35
_PER_SUBJECT, _PER_TOPIC = 2_000, 60
_BATCH = 65_536


class Made:
    """A source of vectors like `real` (n, dimensions), of unit length; the same seed gives the same vectors."""

    def __init__(self, real: Vectors, rows: int, *, seed: int = 0) -> None:
        self.rows, self._seed = rows, seed
        self._mean = real.mean(axis=0).astype(np.float32)
        values, axes = np.linalg.eigh(np.cov(real.T))
        self._spread = (axes * np.sqrt(np.maximum(values, 0))).astype(np.float32).T
        random = np.random.default_rng(seed)
        subjects = self._noise(random, max(rows // _PER_SUBJECT, 20), _SUBJECTS)
        topics = max(rows // _PER_TOPIC, 50)
        self._topics = subjects[random.integers(0, len(subjects), topics)] + self._noise(random, topics, _TOPICS)
        weights = 1 / np.sqrt(np.arange(1, topics + 1))
        self._weights = weights / weights.sum()

    def vectors(self) -> Iterator[Vectors]:
        """All of them, shape (at most 65,536, dimensions) at a time."""
        for number, start in enumerate(range(0, self.rows, _BATCH)):
            random = np.random.default_rng((self._seed, 1, number))
            yield self._some(random, min(_BATCH, self.rows - start), _WITHIN)

    def queries(self, count: int) -> Vectors:
        """Questions: further from their topics than the pages are."""
        return self._some(np.random.default_rng((self._seed, 2)), count, 2 * _WITHIN)

    def _some(self, random: np.random.Generator, count: int, within: float) -> Vectors:
        chosen = random.choice(len(self._topics), count, p=self._weights)
        vectors = self._mean + self._topics[chosen] + self._noise(random, count, within)
        made: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return made

    def _noise(self, random: np.random.Generator, count: int, share: float) -> Vectors:
        noise: Vectors = random.standard_normal((count, len(self._mean)), dtype=np.float32) @ self._spread
        return noise * np.float32(np.sqrt(share))
