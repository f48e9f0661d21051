"""The National Early Warning Score 2 (Royal College of Physicians, 2017), from the parts that were measured.

For somebody of 16 or more who is not pregnant. A part that nobody measured adds nothing, so the score is a lower bound;
it counts only from three measured parts on. Scale 2 of oxygen (88-92 % as the aim) is used for known COPD.
"""

from __future__ import annotations

from agent.vitals import Vitals

_LEAST_PARTS = 3
_ADULT = 16

# (upper bound, points): the first bound that the value does not exceed gives the points.
_BREATHS = ((8, 3), (11, 1), (20, 0), (24, 2), (999, 3))
_SPO2 = ((91, 3), (93, 2), (95, 1), (100, 0))
_SPO2_COPD = ((83, 3), (85, 2), (87, 1), (100, 0))
_SYSTOLIC = ((90, 3), (100, 2), (110, 1), (219, 0), (999, 3))
_PULSE = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (999, 3))
_TEMPERATURE = ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (99.0, 2))


def news2(vitals: Vitals, *, age: float | None, pregnant: bool, copd: bool, confused: bool) -> float | None:
    """The score, or None for a child, a pregnancy, or fewer than three measured parts. `confused`: new, or not alert."""
    if pregnant or (age is not None and age < _ADULT):
        return None
    measured = (
        (vitals.breaths, _BREATHS),
        (vitals.spo2, _SPO2_COPD if copd else _SPO2),
        (vitals.systolic, _SYSTOLIC),
        (vitals.pulse, _PULSE),
        (vitals.temperature, _TEMPERATURE),
    )
    points = [
        next(points for bound, points in bands if value <= bound) for value, bands in measured if value is not None
    ]
    return None if len(points) < _LEAST_PARTS else float(sum(points) + (3 if confused else 0))
