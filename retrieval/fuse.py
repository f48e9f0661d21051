"""Weighted reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009, with a weight for each ranker)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def reciprocal_rank(
    rankings: Mapping[str, Sequence[int]], *, weights: Mapping[str, float], k: int = 60
) -> list[tuple[int, float]]:
    """Rows by fused score, best first: the sum over rankers of weight / (k + rank), ranks from 1.

    Ties keep the order in which rows were first seen, so the same rankings give the same fusion.
    """
    scores: dict[int, float] = {}
    for name, rows in rankings.items():
        for rank, row in enumerate(rows, 1):
            scores[row] = scores.get(row, 0.0) + weights[name] / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
