"""A percentile from a histogram: Prometheus' own estimate, linear within the bucket that holds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds; `beyond`: it is more than that, in the open bucket after the last bound."""

    seconds: float
    beyond: bool = False


def percentile(buckets: Sequence[tuple[float, float]], share: float) -> Estimate | None:
    """The value below which `share` (0 to 1) of what was counted lies; None where nothing was.

    `buckets`: upper bound and how many lie at or below it, bounds rising, the last infinite; as
    `histogram_quantile` of Prometheus has it.
    """
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    wanted, below, lower = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            if math.isinf(bound):
                return Estimate(lower, beyond=True)
            return Estimate(lower + (bound - lower) * max(0.0, wanted - below) / (count - below))
        below, lower = count, bound
    return Estimate(lower, beyond=True)
