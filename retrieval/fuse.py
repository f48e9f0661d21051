"""Two ways to make one ranking of several: by their scores, and by ranks alone where scores say nothing of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def by_scores(scores: Sequence[Mapping[int, float]], *, weights: Sequence[float]) -> list[int]:
    """Rows best first, by the weighted sum of their scores, each ranker's brought to mean 0 and spread 1 over all rows.

    Every row of one ranker has to have a score of every other: a ranker that did not find it says what that is worth.
    """
    rows = list(scores[0])
    if not rows:
        return []
    total = np.zeros(len(rows))
    for own, weight in zip(scores, weights, strict=True):
        values = np.array([own[row] for row in rows])
        spread = float(values.std())
        total += weight * (values - values.mean()) / spread if spread > 0 else 0.0
    return [rows[place] for place in np.argsort(-total, kind="stable")]


def reciprocal_rank(
    rankings: Mapping[str, Sequence[int]], *, weights: Mapping[str, float], k: int = 60
) -> list[tuple[int, float]]:
    """Rows by fused score, best first: the sum over rankers of weight / (k + rank), ranks from 1 (Cormack, Clarke and
    Buettcher, SIGIR 2009, with a weight for each ranker).

    Ties keep the order in which rows were first seen, so the same rankings give the same fusion.
    """
    scores: dict[int, float] = {}
    for name, rows in rankings.items():
        for rank, row in enumerate(rows, 1):
            scores[row] = scores.get(row, 0.0) + weights[name] / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
