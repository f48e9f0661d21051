"""Every calculator as a form: it renders, and its documented examples come to their documented results through the page."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from agent.app.doctor.calculating import choices, fields_of, form_html, from_note, result_html
from agent.app.doctor.calculators import worked_out
from agent.calculators.load import calculators
from agent.calculators.show import value_text
from agent.messages import say
from knowledge.errors import InputError
from tests.agent.doctor_house import asked_by, house_of

ALL = tuple(calculators().values())


class Form(HTMLParser):
    """The fields of a form: a name to its options (None where one types), to what stands in it; and the labels."""

    def __init__(self, html):
        super().__init__()
        self.options, self.values, self.labels, self.ids, self._select = {}, {}, set(), set(), ""
        self.feed(html)

    def handle_starttag(self, tag, given):
        at = dict(given)
        if tag == "input":
            self.options[at["name"]], self.values[at["name"]] = None, at.get("value", "")
            self.ids |= {at["id"]} if "id" in at else set()
        elif tag == "select":
            self._select = at["name"]
            self.options[self._select], self.values[self._select] = [], ""
            self.ids |= {at["id"]} if "id" in at else set()
        elif tag == "option":
            self.options[self._select].append(at["value"])
            if "selected" in at:
                self.values[self._select] = at["value"]
        elif tag == "label":
            self.labels.add(at["for"])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    found = house_of(None, tmp_path_factory.mktemp("desk"))
    yield found
    found.db.engine.dispose()


@pytest.fixture(scope="module")
def clinician(house):
    return asked_by(house)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_a_calculator_has_a_field_for_each_input_and_its_examples_hold(one, house, clinician, monkeypatch):
    form = Form(form_html(one.id, "zh"))
    assert {each.name for each in one.inputs} | {"calculator"} <= set(form.options)
    assert form.labels == form.ids and len(form.ids) == len(one.inputs), "every field has its label"
    assert all(str(limit.zh)[:20] in form_html(one.id, "zh").replace("&lt;", "<").replace("&gt;", ">") for limit in one.limits)
    for example in one.examples:
        today = date.fromisoformat(example.today) if example.today else date.today()
        monkeypatch.setattr("agent.app.doctor.calculators.date", _Today(today))
        sent = _filled(form, example.inputs)
        shown = worked_out(house, json.dumps(sent), clinician, "en")
        assert "st-good" in shown, (example.where, shown)
        assert value_text(one, example.value, "en") in shown, (example.where, shown)
        assert one.source.url in shown.replace("&amp;", "&") and str(one.source.year) in shown


class _Today:
    def __init__(self, day):
        self._day = day

    def today(self):
        return self._day


def _filled(form, values):
    """What a person would do: choose where there is a list, and number and unit apart where there is a list of units."""
    sent = dict(form.values)
    for name, value in values.items():
        options = form.options[name]
        if options is not None:
            known = {option.replace("_", " "): option for option in options}
            value = known.get(str(value).replace("_", " "), value)
            sent[name] = {"true": "yes", "false": "no"}.get(str(value).lower(), str(value))
            continue
        units, split = form.options.get(f"{name}--unit"), re.fullmatch(r"([\d.,]+) (.+)", str(value))
        if units and split and split[2] in units:
            sent[name], sent[f"{name}--unit"] = split[1], split[2]
        else:
            sent[name] = str(value)
    return sent


def test_a_number_without_its_unit_is_asked_about_and_never_guessed(house, clinician):
    sent = {"calculator": "cockcroft-gault", "age": "72", "sex": "male", "weight": "80", "weight--unit": "kg", "creatinine": "124"}
    shown = worked_out(house, json.dumps(sent), clinician, "en")
    assert "st-warn" in shown and "124 without a unit" in shown
    right = worked_out(house, json.dumps(sent | {"creatinine--unit": "umol/L"}), clinician, "en")
    assert "st-good" in right
    missing = worked_out(house, json.dumps({"calculator": "curb-65", "age": "72"}), clinician, "zh")
    assert "没有提到的不会当作" in missing and "st-warn" in missing


@pytest.mark.parametrize("given", ["", "{", "[]", '{"calculator": "x"}', '{"calculator": 1}', '{"age": "<b>"}'])
def test_what_is_no_form_is_said_in_words(house, clinician, given):
    shown = worked_out(house, given, clinician, "en")
    assert "st-fault" in shown and "<b>" not in shown


def test_a_note_fills_the_form_and_the_person_is_taken_out_first():
    note = ("Jane Doe, NHS 943 476 5919, 72F, CAP, confused, urea 9 mmol/L, RR 32, BP 88/50. CURB-65? Creatinine 124 umol/L")
    name, shown = from_note(note, "", "en", today=date(2026, 11, 23))
    form = Form(shown)
    assert name == "curb-65" and "Jane" not in shown and "943" not in shown
    assert form.values["confusion"] == "yes" and form.values["systolic"] == "88" and form.values["breaths"] == "32"
    assert (form.values["urea"], form.values["urea--unit"]) == ("9", "mmol/L")
    _, values = fields_of(json.dumps(form.values))
    assert "5 points" in result_html("curb-65", values, "en", today=date(2026, 11, 23))
    due = from_note("LMP 2026-03-02, due date?", "due-date", "en", today=date(2026, 5, 1))[1]
    assert Form(due).values["last_period"] == "2026-03-02"
    with pytest.raises(InputError):
        from_note("no calculator here", "", "en", today=date(2026, 5, 1))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_names_every_calculator_once(language):
    listed = choices(language)
    assert {value for _, value in listed} == {one.id for one in ALL} and len({title for title, _ in listed}) == len(ALL)
    assert say(language, "doctor_area_heart") in " ".join(title for title, _ in listed)
