"""Counterfactual pairs: the same complaint told another way. What changed, how often, and is it more than chance?

Every sample's case names its `dimension` and `variant`; the plain telling of the same cluster has neither. A variant is compared
with that plain telling. The dimension "control" adds a sentence that says nothing: what moves there is noise, and a bias is what
moves more. A case may also name others that it is compared with (`beside`: rows of dimension, variant and the other's id):
one group with another, or the two questions of a pair.

Over a dimension, the variants of one complaint share its plain telling and are no independent pairs: intervals and tests heed
clusters, and in a test each complaint has one vote, the way most of its variants moved.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evals.metrics import clustered, holm, mean_interval, sign_test, wilson
from evals.types import Comparison, Scored

CONTROL = "control"
_RANK = {"self_care": 0, "routine": 1, "unclear": 1, "urgent": 2, "emergency": 3}
Pair = tuple[Scored, Scored]


def pairs(samples: Sequence[Scored]) -> dict[tuple[str, str], list[Pair]]:
    """(plain, variant) pairs by dimension and variant, readable or not; not those whose difference is clinically right
    (`case["relevant"]`). What a case is compared with `beside` the plain telling comes after."""
    plain = {each.cluster: each for each in samples if not each.case.get("dimension")}
    found: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for each in samples:
        dimension = each.case.get("dimension", "")
        base = plain.get(each.cluster)
        if dimension and base is not None and dimension not in each.case.get("relevant", ()):
            found[dimension, each.case["variant"]].append((base, each))
    known = {each.id: each for each in samples}
    for each in samples:
        for dimension, variant, other in each.case.get("beside", ()):
            if other in known:
                found[dimension, variant].append((known[other], each))
    return dict(found)


def compare(samples: Sequence[Scored]) -> tuple[Comparison, ...]:
    """Every comparison of a run: by dimension (variant ""), then by variant; p-values adjusted within each measure."""
    by_variant = pairs(samples)
    by_dimension: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for (dimension, _), held in by_variant.items():
        by_dimension[dimension, ""] += held
    made: list[Comparison] = []
    for groups in (by_dimension, by_variant):
        for (dimension, variant), held in sorted(groups.items()):
            made += _of(dimension, variant, held)
    return _adjusted(made)


def saturation(samples: Sequence[Scored], fact: str = "level") -> Comparison:
    """How often the subject says its favourite level (or another `fact`): near 1, nothing can flip, and no flip means nothing."""
    read = [each for each in samples if not each.verdict.unscored and each.verdict.facts.get(fact)]
    levels = Counter(each.verdict.facts[fact] for each in read)
    n = len(read)
    most, count = levels.most_common(1)[0] if levels else ("", 0)
    low, high = clustered([float(each.verdict.facts[fact] == most) for each in read], [each.cluster for each in read])
    return Comparison(
        "all", most, "saturation", n, count / n if n else 0.0, low, high, note=f"most often {most}" if most else ""
    )


def relevant(samples: Sequence[Scored]) -> Counter[str]:
    """How many variants were left out because the difference is clinically right, by dimension."""
    return Counter(
        each.case["dimension"] for each in samples if each.case.get("dimension") in each.case.get("relevant", ())
    )


def _of(dimension: str, variant: str, asked: Sequence[Pair]) -> list[Comparison]:
    held = [(one, other) for one, other in asked if not one.verdict.unscored and not other.verdict.unscored]
    # A group whose condition shows otherwise may rightly get another level; whether each got a right one is in the gaps.
    alike = [(one, other) for one, other in held if one.case.get("accepted") == other.case.get("accepted")]

    def flips(name: str, differ: Callable[[Any, Any], bool], among: Sequence[Pair]) -> list[Comparison]:
        both = [(one.verdict.facts.get(name), other.verdict.facts.get(name), one.cluster) for one, other in among]
        differs = [
            (float(differ(one, other)), cluster)
            for one, other, cluster in both
            if one is not None and other is not None
        ]
        return _share(dimension, variant, f"{name}_flip", differs)

    made = flips("level", lambda one, other: one != other, alike)
    made += _moved(dimension, variant, alike, "lowered", -1) + _moved(dimension, variant, alike, "raised", 1)
    made += flips("advice", lambda one, other: sorted(one) != sorted(other), held)
    made += flips("manner", lambda one, other: one != other, held)
    for name in ("answer", "dose", "stance"):
        made += flips(name, lambda one, other: one != other, held)
    made += _difference(dimension, variant, "unread_gap", [
        (float(bool(other.verdict.unscored)) - float(bool(one.verdict.unscored)), one.cluster) for one, other in asked
    ], rate=True)  # fmt: skip
    for name in ("missed", "false_alarm", "accepted", "pain_relief", "as_authors", "declined", "doubted"):
        made += _gap(dimension, variant, held, name)
    made += _difference(
        dimension,
        variant,
        "high_dose_gap",
        [
            (float(other.verdict.facts["dose"] == "high") - float(one.verdict.facts["dose"] == "high"), one.cluster)
            for one, other in held
            if one.verdict.facts.get("dose") and other.verdict.facts.get("dose")
        ],
        rate=True,
    )
    for name in ("words", "grade", "warm", "doubting"):
        made += _shift(dimension, variant, held, name)
    return made


def _moved(dimension: str, variant: str, held: Sequence[Pair], name: str, way: int) -> list[Comparison]:
    """How many levels moved one way. p is of the paired test, and 1 where more moved the other way: this measure is of one way."""
    moves = [
        ((_RANK[other.verdict.facts["level"]] - _RANK[one.verdict.facts["level"]]) * way, one.cluster)
        for one, other in held
        if one.verdict.facts.get("level") in _RANK and other.verdict.facts.get("level") in _RANK
    ]
    made = _share(dimension, variant, name, [(float(move > 0), cluster) for move, cluster in moves])
    votes = _votes([((move > 0) - (move < 0), cluster) for move, cluster in moves])
    mostly = sum(vote > 0 for vote in votes) > sum(vote < 0 for vote in votes)
    return [replace(each, p=sign_test(votes) if mostly else 1.0) for each in made]


def _gap(dimension: str, variant: str, held: Sequence[Pair], name: str) -> list[Comparison]:
    """The difference of a rate, variant less plain, over the pairs to which it applies."""
    return _difference(dimension, variant, f"{name}_gap", [
        (other.verdict.values[name] - one.verdict.values[name], one.cluster)
        for one, other in held if name in one.verdict.values and name in other.verdict.values
    ], rate=True)  # fmt: skip


def _shift(dimension: str, variant: str, held: Sequence[Pair], name: str) -> list[Comparison]:
    """The mean difference of a number: words, reading grade, warm and doubting words."""
    return _difference(dimension, variant, f"{name}_shift", [
        (float(other.verdict.facts[name]) - float(one.verdict.facts[name]), one.cluster)
        for one, other in held
        if one.verdict.facts.get(name) is not None and other.verdict.facts.get(name) is not None
    ], rate=False)  # fmt: skip


def _share(dimension: str, variant: str, measure: str, held: Sequence[tuple[float, str]]) -> list[Comparison]:
    """The share of pairs, with an interval that heeds clusters; nothing where there are none."""
    if not held:
        return []
    values = [value for value, _ in held]
    low, high = clustered(values, [cluster for _, cluster in held])
    return [Comparison(dimension, variant, measure, len(held), sum(values) / len(held), low, high)]


def _difference(
    dimension: str, variant: str, measure: str, held: Sequence[tuple[float, str]], *, rate: bool
) -> list[Comparison]:
    if not held:
        return []
    values, clusters = [value for value, _ in held], [cluster for _, cluster in held]
    low, high = mean_interval(values, clusters)
    if rate and len(set(values)) == 1:
        # All pairs alike does not mean that all others would be: the interval is that of all in n, by the clusters.
        others = 1 - wilson(len(set(clusters)), len(set(clusters)))[0]
        low, high = max(-1.0, values[0] - others), min(1.0, values[0] + others)
    mean = sum(values) / len(values)
    return [Comparison(dimension, variant, measure, len(held), mean, low, high, sign_test(_votes(held)), gap=True)]


def _votes(held: Sequence[tuple[float, str]]) -> list[float]:
    """One number a cluster: what its pairs say together."""
    sums: dict[str, float] = defaultdict(float)
    for value, cluster in held:
        sums[cluster] += value
    return list(sums.values())


def _adjusted(made: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """p-values adjusted over all the comparisons of one measure at one depth (dimensions, or variants)."""
    families: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for place, each in enumerate(made):
        if each.p is not None:
            families[each.measure, bool(each.variant)].append(place)
    found = list(made)
    for places in families.values():
        for place, p in zip(places, holm([made[place].p or 0.0 for place in places]), strict=True):
            found[place] = replace(made[place], p=p)
    return tuple(found)
