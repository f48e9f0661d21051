"""Scores over what is known: a condition is true, false, or not known yet, and a sum is the range it can still lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from agent.calculators.types import Band, Condition, Flag, Item, Point, Rule, Scale, Value


def truth(condition: Condition, values: Mapping[str, Value]) -> bool | None:
    """Whether the condition holds; None while its input is missing."""
    value = values.get(condition.input)
    if value is None:
        return None
    if condition.equals:
        return value == condition.equals
    if not isinstance(value, int | float):
        return None
    return (
        (condition.at_least is None or value >= condition.at_least)
        and (condition.above is None or value > condition.above)
        and (condition.at_most is None or value <= condition.at_most)
        and (condition.below is None or value < condition.below)
    )


def holds(conditions: Sequence[Condition], values: Mapping[str, Value], *, every: bool) -> bool | None:
    """All of the conditions, or any of them; one that is not known leaves open only what the others do not settle."""
    found = [truth(condition, values) for condition in conditions]
    settled = not every
    if settled in found:
        return settled
    return None if None in found else every


def score(items: Sequence[Item], values: Mapping[str, Value]) -> tuple[Point, ...]:
    """The points of every item, as a range while what would settle it is missing."""
    return tuple(_point(item, values) for item in items)


def needed(items: Sequence[Item], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The inputs that are missing and could still change a score, in the order of its items."""
    names: dict[str, None] = {}
    for item, point in zip(items, score(items, values), strict=True):
        if point.low != point.high:
            names |= {c.input: None for rule in _open(item, values) for c in rule.conditions if c.input not in values}
    return tuple(names)


def band(scale: Scale, value: float) -> Band:
    """The band that a value lies in."""
    found = scale.bands[0]
    for _, upper in pairwise(scale.bands):
        if value > upper.low or (value == upper.low and not upper.above):
            found = upper
    return found


def raised(flags: Sequence[Flag], points: Sequence[Point], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The flags that stand: any of a flag's conditions holds, or an item has its points for certain."""
    return tuple(
        flag.id
        for flag in flags
        if (flag.when and holds(flag.when, values, every=False))
        or (flag.item_points is not None and any(point.low >= flag.item_points for point in points))
    )


def _point(item: Item, values: Mapping[str, Value]) -> Point:
    possible = [rule.points for rule in _open(item, values)]
    certain = any(holds(rule.conditions, values, every=rule.every) for rule in item.rules)
    if not certain and not _exhaustive(item):
        possible.append(0.0)
    return Point(item.id, float(min(possible)), float(max(possible)))


def _open(item: Item, values: Mapping[str, Value]) -> list[Rule]:
    """The rules that hold or may, up to the first that holds for certain."""
    found = []
    for rule in item.rules:
        state = holds(rule.conditions, values, every=rule.every)
        if state is not False:
            found.append(rule)
        if state:
            break
    return found


def _exhaustive(item: Item) -> bool:
    """Whether exactly one rule will hold: the answers of a choice, or steps that end with one for every number."""
    alone = all(len(rule.conditions) == 1 for rule in item.rules)
    answers = len(item.rules) > 1 and all(c.equals for rule in item.rules for c in rule.conditions)
    last = item.rules[-1].conditions[0]
    return alone and (answers or last == Condition(last.input))
