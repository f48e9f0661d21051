"""A calculation as Markdown lines in either language: value, meaning, points, formula and working, limits, source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from agent.calculators.faults import in_language, needs, phrase, unit_word, why
from agent.calculators.load import calculator, phrases
from agent.calculators.types import Calculator, Partial, Point, Result, Source, Value
from agent.calculators.values import shown_number
from agent.types import Language


def show(outcome: Result | Partial, language: Language) -> tuple[str, ...]:
    """The lines, without a blank one. A partial says what it needs, and for a score where it can lie."""
    one = calculator(outcome.calculator)
    lines = [_headline(one, outcome, language)]
    lines += [phrase("flag", language, text=_flag(one, name, language)) for name in outcome.flags]
    lines += _bands(one, outcome, language)
    if isinstance(outcome, Result):
        lines += _also(one, outcome, language)
    else:
        lines += _open(one, outcome, language)
    lines += _points(one, outcome.points, language)
    # A questionnaire's answers are its points, which stand above.
    if outcome.inputs and not (one.items and all(each.kind == "choice" for each in one.inputs)):
        lines.append(phrase("used", language, values=_list(_used(one, outcome.inputs, language), language)))
    lines.append(phrase("formula", language, shown=in_language(one.shown, language)))
    if isinstance(outcome, Result) and outcome.working:
        lines.append(phrase("working", language, working=_list(outcome.working, language)))
    lines.append(
        phrase("limits", language, limits=_spaced((in_language(each, language) for each in one.limits), language))
    )
    lines.append(source_line(one.source, language))
    return tuple(lines)


def value_text(one: Calculator, value: float | str, language: Language) -> str:
    """A calculator's value with its unit, as it is shown ("3 points", "17 weeks and 3 days", "7 December 2026")."""
    return _quantity(one.unit, one.digits, value, language)


def source_line(source: Source, language: Language) -> str:
    """Who, what, when, where, and the address."""
    return phrase(
        "source", language, organisation=source.organisation, title=source.title, year=source.year,
        place=in_language(phrases()[source.jurisdiction], language), url=source.url,
    )  # fmt: skip


def _headline(one: Calculator, outcome: Result | Partial, language: Language) -> str:
    title = in_language(one.title, language)
    if isinstance(outcome, Result):
        return phrase("headline", language, title=title, value=value_text(one, outcome.value, language))
    if outcome.low is None or outcome.high is None:
        return phrase("headline_open", language, title=title)
    unit = unit_word(one.unit, language)
    return phrase("headline_range", language, title=title, low=f"{outcome.low:g}", high=f"{outcome.high:g}", unit=unit)


def _flag(one: Calculator, name: str, language: Language) -> str:
    return next(in_language(flag.text, language) for flag in one.flags if flag.id == name)


def _bands(one: Calculator, outcome: Result | Partial, language: Language) -> list[str]:
    kind = "band" if isinstance(outcome, Result) else "band_settled"
    lines = []
    for scale_id, band_id in outcome.bands:
        scale = next(each for each in one.scales if each.id == scale_id)
        found = next(each for each in scale.bands if each.id == band_id)
        line = phrase(
            kind, language, label=in_language(scale.label, language), meaning=in_language(found.meaning, language)
        )
        if scale.source is not None:
            place = in_language(phrases()[scale.source.jurisdiction], language)
            line += phrase(
                "band_source", language, organisation=scale.source.organisation, year=scale.source.year, place=place
            )
        lines.append(line)
    return lines


def _also(one: Calculator, outcome: Result, language: Language) -> list[str]:
    lines = []
    for each in one.also:
        value = (outcome.also or {}).get(each.id)
        if value is not None:
            shown = _quantity(each.unit, each.digits, value, language)
            lines.append(phrase("also", language, label=in_language(each.label, language), value=shown))
    return lines


def _open(one: Calculator, outcome: Partial, language: Language) -> list[str]:
    inputs = {each.name: each for each in one.inputs}
    lines = []
    if outcome.problems:
        lines.append(phrase("cannot", language))
        for problem in outcome.problems:
            wrong, accepted = why(problem, inputs[problem.input], language)
            lines.append(phrase("cannot_item", language, wrong=wrong, accepted=accepted))
    if outcome.missing:
        lines.append(phrase("still", language))
        lines += [phrase("still_item", language, need=needs(inputs[name], language)) for name in outcome.missing]
        if any(inputs[name].kind == "yes_no" for name in outcome.missing):
            lines.append(phrase("never_no", language))
    return lines


def _points(one: Calculator, points: tuple[Point, ...], language: Language) -> list[str]:
    if not points:
        return []
    labels = {item.id: in_language(item.label, language) for item in one.items}
    lines = [phrase("points_head", language)]
    for point in points:
        low, high = f"{point.low:g}", f"{point.high:g}"
        shown = low if low == high else phrase("points_open", language, low=low, high=high)
        lines.append(phrase("points_item", language, label=labels[point.item], points=shown))
    return lines


def _used(one: Calculator, values: Mapping[str, Value], language: Language) -> list[str]:
    used = []
    for each in one.inputs:
        value = values.get(each.name)
        if value is None:
            continue
        if isinstance(value, date):
            shown = _date(value, language)
        elif isinstance(value, str):
            choice = next((choice for choice in each.choices if choice.id == value), None)
            shown = phrase(value, language) if choice is None else in_language(choice.label, language)
        else:
            shown = f"{shown_number(value)} {unit_word(each.units[0].name, language)}".strip()
        used.append(phrase("used_item", language, label=in_language(each.label, language), value=shown))
    return used


def _quantity(unit: str, digits: int, value: float | str, language: Language) -> str:
    if isinstance(value, str):
        return _date(date.fromisoformat(value), language)
    if unit == "weeks":
        return phrase("weeks", language, weeks=int(value) // 7, days=int(value) % 7)
    number = f"{value:.{digits}f}" if unit != "points" else f"{value:g}"
    return f"{number} {unit_word(unit, language)}".strip()


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _date(day: date, language: Language) -> str:
    return (
        f"{day.year}年{day.month}月{day.day}日"
        if language == "zh"
        else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    )


def _list(parts: list[str] | tuple[str, ...], language: Language) -> str:
    return ("；" if language == "zh" else "; ").join(parts)


def _spaced(parts: Iterable[str], language: Language) -> str:
    return ("" if language == "zh" else " ").join(parts)
