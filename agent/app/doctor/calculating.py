"""Calculators as forms: fields made from each calculator's own definition, and its result with formula, source and limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from html import escape

from agent.app.markup import blocks
from agent.app.staff.html import Html, fault, join, muted, tag
from agent.calculators.faults import accepted, in_language, unit_word
from agent.calculators.load import calculator, calculators
from agent.calculators.naming import named
from agent.calculators.reading import read
from agent.calculators.run import assess
from agent.calculators.show import show, source_line
from agent.calculators.types import Input, Result
from agent.calculators.values import parse, unit_of
from agent.language import detect
from agent.messages import say
from agent.privacy import Redactor
from agent.types import Language
from knowledge.errors import InputError

FORM = "dd-form"
"""The id of the form on the page."""
_UNIT = "--unit"
"""Behind an input's name: the field of its unit."""
_PLAIN = "0123456789.,+- "
MOST_FIELDS = 200


def choices(language: Language) -> list[tuple[str, str]]:
    """Every calculator by title and area, in the order of the areas."""
    areas = {each: say(language, f"doctor_area_{each}") for each in {one.specialty for one in calculators().values()}}
    return [
        (say(language, "doctor_calculator", title=in_language(one.title, language), area=areas[one.specialty]), one.id)
        for one in sorted(calculators().values(), key=lambda one: areas[one.specialty])
    ]


def form_html(name: str, language: Language, given: Mapping[str, str] | None = None) -> Html:
    """The calculator's fields, each with what it may be, filled with what is `given`; and what to know before it is used.

    Raises:
        InputError: there is no such calculator.
    """
    one = calculator(name)
    fields = join(_field(each, language, (given or {}).get(each.name, "")) for each in one.inputs)
    hidden = Html(f'<input type="hidden" name="calculator" value="{one.id}">')
    before = join((
        tag("p", say(language, "doctor_formula", formula=in_language(one.shown, language))),
        tag("p", tag("strong", say(language, "doctor_not_when"))),
        tag("ul", join(tag("li", in_language(each, language)) for each in one.limits)),
        tag("p", Html(blocks(source_line(one.source, language)))),
    ))  # fmt: skip
    return join((
        tag("h2", in_language(one.title, language)),
        tag("section", before, class_="st-card st-plain"),
        tag("form", join((hidden, fields)), id=FORM, class_="dd-form", autocomplete="off", onsubmit="return false"),
    ))  # fmt: skip


def fields_of(given: str) -> tuple[str, dict[str, str]]:
    """The calculator and the values that a page sent, number and unit together; empty fields are not there.

    Raises:
        InputError: it is no such form.
    """
    try:
        sent = json.loads(given)
    except (ValueError, RecursionError):
        sent = None
    if (
        not isinstance(sent, dict)
        or len(sent) > MOST_FIELDS
        or not all(isinstance(each, str) for each in sent.values())
    ):
        raise InputError("The fields were not sent", expected="a calculator and its values", remedy="Choose it again")
    name = sent.get("calculator", "")
    values = {}
    for each in calculator(name).inputs:
        value, unit = sent.get(each.name, "").strip()[:200], sent.get(each.name + _UNIT, "")
        if value:
            values[each.name] = f"{value} {unit}".strip() if set(value) <= set(_PLAIN) else value
    return name, values


def result_html(name: str, values: Mapping[str, str], language: Language, *, today: date) -> Html:
    """The result with its meaning, points, formula, limits and source; or in words what is missing or cannot be used.

    Raises:
        InputError: no such calculator or input.
    """
    outcome = assess(name, values, today=today)
    lines = "\n".join(show(outcome, language))
    tone = "st-good" if isinstance(outcome, Result) else "st-warn"
    return tag("section", Html(blocks(lines)), class_=f"st-card dd-result {tone}", role="status")


def from_note(note: str, chosen: str, language: Language, *, today: date) -> tuple[str, Html]:
    """The calculator of a note (`chosen`, else the first it names) and its form with what the note says, redacted first.

    Raises:
        InputError: none was chosen and the note names none.
    """
    safe = Redactor(today).redact(note).text
    spoken = detect(safe, language)
    said = named(safe, spoken)
    name = chosen or next(iter(said), "")
    if not name:
        raise InputError(
            "The note names no calculator that is here", expected="a name such as CURB-65 or BMI",
            remedy="Choose one from the list and read the note again",
        )  # fmt: skip
    one = calculator(name)
    inputs = {each.name: each for each in one.inputs}
    found = {
        key: shown for key, value in read(name, safe, spoken).items() if (shown := _as_typed(inputs[key], value, today))
    }
    labels = say(language, "comma").join(in_language(inputs[key].label, language) for key in found)
    about = muted(say(language, "doctor_note_read", fields=labels) if found else say(language, "doctor_note_nothing"))
    others = [in_language(calculator(each).title, language) for each in said if each != name]
    also = muted(say(language, "doctor_note_also", names=say(language, "comma").join(others))) if others else Html("")
    return name, join((about, also, form_html(name, language, found)))


def unusable(language: Language) -> Html:
    """What is said where no calculator was chosen."""
    return fault(say(language, "doctor_choose_first"))


def _as_typed(one: Input, value: str, today: date) -> str:
    """A value as its field takes it: a day as the browser writes it, a placeholder of a day by its distance from today."""
    if one.kind != "date":
        return value
    day = parse(one, value, today)
    return day.isoformat() if isinstance(day, date) else ""


def _field(one: Input, language: Language, given: str) -> Html:
    name = f"dd-input-{one.name}"
    about = f"{name}-about"
    needed = one.required and not one.default
    mark = Html("") if needed else join((" ", tag("span", say(language, "doctor_optional"), class_="st-muted")))
    label = tag("label", join((in_language(one.label, language), mark)), for_=name)
    hint = tag("span", accepted(one, language) if one.kind in ("number", "date") else "", id=about, class_="st-muted")
    if one.kind in ("yes_no", "choice"):
        field = _select(one, name, language, given)
    elif one.kind == "date":
        field = Html(
            f'<input type="date" id="{name}" name="{one.name}" value="{escape(given)}" aria-describedby="{about}">'
        )
    else:
        field = _number(one, name, about, language, given)
    return tag("div", join((label, field, hint)), class_="dd-field")


def _select(one: Input, name: str, language: Language, given: str) -> Html:
    answers = (
        [(each, say(language, f"doctor_{each}")) for each in ("yes", "no")]
        if one.kind == "yes_no"
        else [(choice.id, in_language(choice.label, language)) for choice in one.choices]
    )
    options = [("", say(language, "doctor_not_said")), *answers]
    shown = (tag("option", text, value=value, selected=value == given) for value, text in options)
    return tag("select", join(shown), id=name, name_=one.name)


def _number(one: Input, name: str, about: str, language: Language, given: str) -> Html:
    value, unit = _split(one, given)
    field = Html(
        f'<input type="text" inputmode="decimal" id="{name}" name="{one.name}" value="{escape(value)}" maxlength="80" '
        f'aria-describedby="{about}">'
    )
    units = [each.name for each in one.units]
    if len(units) < 2:
        return tag("span", join((field, " ", unit_word(units[0], language))), class_="dd-with-unit")
    # No unit is chosen beforehand: where several are in use, a number without one is asked about.
    options = [("", say(language, "doctor_unit_none")), *((each, unit_word(each, language) or each) for each in units)]
    shown = (tag("option", text, value=each, selected=each == unit) for each, text in options)
    label = say(language, "doctor_unit", label=in_language(one.label, language))
    choose = tag("select", join(shown), name_=one.name + _UNIT, aria_label=label)
    return tag("span", join((field, choose)), class_="dd-with-unit")


def _split(one: Input, given: str) -> tuple[str, str]:
    """What a note says of a number as its two fields hold it: with the unit chosen where it is one, else as it was written."""
    value, _, written = given.partition(" ")
    unit = unit_of(one, written) if written else None
    return (value, unit.name) if unit is not None and set(value) <= set(_PLAIN) else (given, "")
