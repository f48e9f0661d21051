"""Which passages, how many, and which survive: the one home of that decision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Passage
from retrieval.fuse import reciprocal_rank
from retrieval.index import Index
from retrieval.types import Embedder, Filters, Hit, Mode, SearchResult, Vectors

# Chosen by `make bench-fusion` on the even-numbered LiveQA questions (nDCG@10 .680 against .614 for dense alone).
WEIGHTS: Mapping[str, float] = {"dense": 1.0, "bm25": 0.2}
_DEPTH = 100


def search(
    index: Index,
    query: str,
    *,
    embedder: Embedder,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    k: int = 10,
    mode: Mode = "hybrid",
    per_document: int = 1,
    weights: Mapping[str, float] = WEIGHTS,
    vector: Vectors | None = None,
) -> SearchResult:
    """The k best passages, at most `per_document` of one document, among those the filters admit.

    Scores: cosine for dense, BM25 for bm25, fused reciprocal rank for hybrid. `vector` saves embedding the query
    again where the caller has it; `weights` are the rankers' shares in hybrid.
    """
    rows = admitted(index, filters)
    searched = len(index.passages) if rows is None else int(rows.size)
    if not query.strip() or searched == 0:
        return SearchResult(hits=(), searched=searched)
    dense: dict[int, float] = {}
    words: dict[int, float] = {}
    depth = max(_DEPTH, k * per_document)
    if mode != "bm25":
        vector = embedder.query(query) if vector is None else vector
        dense = dict(index.vectors.nearest(vector, depth, rows=rows))
    if mode != "dense":
        words = _best(index.bm25.scores(query), rows, depth)
    if mode == "hybrid":
        ranked = reciprocal_rank({"dense": list(dense), "bm25": list(words)}, weights=weights)
    else:
        ranked = list((dense or words).items())
    hits: list[Hit] = []
    seen: dict[str, int] = {}
    for row, score in ranked:
        passage = index.passages[row]
        seen[passage.document] = seen.get(passage.document, 0) + 1
        if seen[passage.document] <= per_document:
            hits.append(Hit(passage=passage, score=score, bm25=words.get(row), dense=dense.get(row)))
        if len(hits) == k:
            break
    return SearchResult(hits=tuple(hits), searched=searched)


def admitted(index: Index, filters: Filters) -> NDArray[np.int64] | None:
    """Rows the filters admit; None when they admit all."""
    if filters == Filters():
        return None
    return np.array([row for row, passage in enumerate(index.passages) if _admits(filters, passage)], dtype=np.int64)


def _admits(filters: Filters, passage: Passage) -> bool:
    return (
        (not filters.language or passage.language == filters.language)
        and (not filters.audience or passage.audience in (filters.audience, "both"))
        and _holds_in(filters.jurisdiction, passage.jurisdiction)
        and (not filters.published_since or not passage.published or passage.published >= filters.published_since)
    )


def _holds_in(wanted: str, holds: tuple[str, ...]) -> bool:
    return not wanted or not holds or wanted in holds or "INT" in holds


def _best(scores: NDArray[np.float32], rows: NDArray[np.int64] | None, k: int) -> dict[int, float]:
    if rows is not None:
        allowed = np.zeros(scores.shape, dtype=bool)
        allowed[rows] = True
        scores = np.where(allowed, scores, 0.0)
    found = np.flatnonzero(scores > 0)
    top = found[np.argsort(-scores[found], kind="stable")[:k]]
    return {int(row): float(scores[row]) for row in top}
