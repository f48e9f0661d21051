"""One calculation from values as people write them: done, or what it still needs, or why a value cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from agent.calculators.compute import FORMULAS, half_up
from agent.calculators.faults import needs, why
from agent.calculators.load import calculator
from agent.calculators.points import band, holds, needed, raised, score
from agent.calculators.types import Calculator, Partial, Point, Problem, Result, Scale, Value
from agent.calculators.values import parse
from knowledge.errors import InputError

_BELOW = (("diastolic", "systolic"), ("hdl", "cholesterol"), ("last_period", "on_day"))
"""Pairs of which the first can never be above the second."""


def calculate(name: str, values: Mapping[str, str | float | bool], *, today: date | None = None) -> Result:
    """The result of calculator `name`.

    `values`: input name to "1.4 mg/dL", "yes", "72 y", a number or a bool; `today` is the day of asking.

    Raises:
        InputError: no such calculator or input, a value that cannot be used, or something missing; it names them all.
    """
    outcome = assess(name, values, today=today)
    if isinstance(outcome, Result):
        return outcome
    one = calculator(name)
    inputs = {each.name: each for each in one.inputs}
    if outcome.problems:
        sentences = [why(problem, inputs[problem.input], "en") for problem in outcome.problems]
        raise InputError(
            f"{one.title.en}: {'; '.join(wrong for wrong, _ in sentences)}",
            expected="; ".join(dict.fromkeys(expected for _, expected in sentences)),
            remedy=f"Give it again, as {outcome.problems[0].input}=VALUE; {one.limits[0].en}",
        )
    missing = [inputs[each] for each in outcome.missing]
    raise InputError(
        f"{one.title.en} still needs {', '.join(each.name for each in missing)}",
        expected="; ".join(needs(each, "en") for each in missing),
        remedy=f"Give them as name=value, such as {missing[0].name}=VALUE; what is not given is never taken for no",
    )


def assess(name: str, values: Mapping[str, str | float | bool], *, today: date | None = None) -> Result | Partial:
    """The result, or what is still missing or cannot be used; for a score, with the range it can lie in.

    Raises:
        InputError: no such calculator, or a value for an input it does not have.
    """
    one, day = calculator(name), today or date.today()
    inputs = {each.name: each for each in one.inputs}
    unknown = sorted(set(values) - set(inputs))
    if unknown:
        raise InputError(
            f"{one.id} has no input {', '.join(unknown)}",
            expected=f"any of {', '.join(inputs)}",
            remedy="Check the spelling",
        )
    known: dict[str, Value] = {}
    problems: list[Problem] = []
    for each in one.inputs:
        if each.name in values:
            value = parse(each, values[each.name], day)
            if isinstance(value, Problem):
                problems.append(value)
            else:
                known[each.name] = value
        elif each.default == "today":
            known[each.name] = day
    for lower, higher in _BELOW:
        if lower in known and higher in known and known[lower] > known[higher]:  # type: ignore[operator]
            problems.append(Problem(lower, "not_below", str(values[lower])))
            del known[lower]
    return _score(one, known, problems) if one.items else _formula(one, known, problems)


def _formula(one: Calculator, known: Mapping[str, Value], problems: list[Problem]) -> Result | Partial:
    missing = tuple(each.name for each in one.inputs if each.required and each.name not in known)
    if missing or problems:
        asked = {problem.input for problem in problems}
        return Partial(one.id, known, tuple(each for each in missing if each not in asked), tuple(problems))
    computed = FORMULAS[one.formula](known)
    digits = {quantity.id: quantity.digits for quantity in one.also}
    also = {name: _shown(value, digits[name]) for name, value in computed.also}
    value = _shown(computed.value, one.digits)
    result = Result(one.id, value, one.unit, known, also=also or None, working=computed.working)
    return replace(result, bands=_bands(one, known, {"": value, **also}))


def _score(one: Calculator, known: Mapping[str, Value], problems: list[Problem]) -> Result | Partial:
    points = score(one.items, known)
    low, high = sum(point.low for point in points), sum(point.high for point in points)
    scored = {condition.input for item in one.items for rule in item.rules for condition in rule.conditions}
    beside = (each.name for each in one.inputs if each.required and each.name not in scored | set(known))
    asked = {problem.input for problem in problems}
    missing = tuple(each for each in (*needed(one.items, known), *beside) if each not in asked)
    flags = raised(one.flags, points, known)
    at_low, at_high = (dict(_bands(one, known, {"": total})) for total in (low, high))
    if missing or problems:
        settled = tuple((scale, found) for scale, found in at_low.items() if at_high.get(scale) == found)
        return Partial(one.id, known, missing, tuple(problems), points, low, high, settled, flags)
    working = (_sum(points, low),)
    return Result(one.id, low, one.unit, known, points, tuple(at_low.items()), flags, working=working)


def _sum(points: tuple[Point, ...], total: float) -> str:
    parts = [f"{point.low:g}" if point.low >= 0 else f"({point.low:g})" for point in points]
    return f"{' + '.join(parts)} = {total:g}"


def _bands(
    one: Calculator, known: Mapping[str, Value], quantities: Mapping[str, float | str]
) -> tuple[tuple[str, str], ...]:
    found = []
    for scale in one.scales:
        value = quantities.get(scale.of)
        if isinstance(value, int | float) and _applies(scale, known):
            found.append((scale.id, band(scale, value).id))
    return tuple(found)


def _applies(scale: Scale, known: Mapping[str, Value]) -> bool:
    return not scale.when or holds(scale.when, known, every=True) is True


def _shown(value: float | date, digits: int) -> float | str:
    return value.isoformat() if isinstance(value, date) else half_up(value, digits)
