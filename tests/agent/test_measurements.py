"""Laboratory values, NEWS2, where a temperature was taken, and weights."""

from __future__ import annotations

import pytest

from agent.facts import read_facts
from agent.labs import read_labs
from agent.news2 import news2
from agent.triage import triage
from agent.types import SafeText
from agent.vitals import Vitals, read_vitals


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("k+ 6.9 on today's bloods", "potassium", 6.9),
        ("the lab rang, potassium came back at 6.8", "potassium", 6.8),
        ("化验血钾6.5", "potassium", 6.5),
        ("hb 62 g/l", "hemoglobin", 6.2),
        ("my hemoglobin is 6.8", "hemoglobin", 6.8),
        ("血红蛋白只有58", "hemoglobin", 5.8),
        ("platelets 12,000", "platelets", 12.0),
        ("血小板8000", "platelets", 8.0),
        ("anc 200", "neutrophils", 0.2),
        ("inr was 8.5", "inr", 8.5),
        ("blood ketones 3.4", "ketones", 3.4),
        ("bilirubin 18", "bilirubin", 307.8),
        ("黄疸值17.5", "bilirubin", 299.25),
    ],
)
def test_a_laboratory_value_comes_in_one_unit(text: str, name: str, value: float) -> None:
    assert read_labs([text])[name] == pytest.approx(value)


@pytest.mark.parametrize("text", ["a1c 7.1", "hba1c 62", "potassium in bananas", "sodium 2 g a day", "钾肥50斤"])
def test_what_is_no_laboratory_value_is_left(text: str) -> None:
    assert read_labs([text]) == {}


def test_a_later_laboratory_value_replaces_an_earlier() -> None:
    assert read_labs(["potassium 6.9", "repeat potassium 4.4"])["potassium"] == 4.4


def test_news2_of_the_royal_college_worked_by_hand() -> None:
    # RR 25 (3) + SpO2 92 (2) + BP 95 (2) + pulse 120 (2) + 38.6 (1)
    ill = Vitals(spo2=92, pulse=120, systolic=95, breaths=25, temperature=38.6)
    assert news2(ill, age=70, pregnant=False, copd=False, confused=False) == 10
    assert news2(ill, age=70, pregnant=False, copd=False, confused=True) == 13
    # Scale 2: 92 % is what a person with COPD aims at.
    assert news2(ill, age=70, pregnant=False, copd=True, confused=False) == 8
    well = Vitals(spo2=98, pulse=72, systolic=124, breaths=14, temperature=36.8)
    assert news2(well, age=None, pregnant=False, copd=False, confused=False) == 0


def test_news2_is_no_score_for_a_child_a_pregnancy_or_two_numbers() -> None:
    ill = Vitals(spo2=92, pulse=120, systolic=95)
    assert news2(ill, age=12, pregnant=False, copd=False, confused=False) is None
    assert news2(ill, age=30, pregnant=True, copd=False, confused=False) is None
    assert news2(Vitals(spo2=80, pulse=150), age=60, pregnant=False, copd=False, confused=False) is None


def test_a_temperature_is_the_armpits_when_it_is_said_or_usual() -> None:
    assert read_vitals(["temp 37.6 under the arm"]).armpit
    assert read_vitals(["宝宝体温37.6"]).armpit
    assert not read_vitals(["宝宝耳温37.6"]).armpit
    assert not read_vitals(["her temperature is 37.6"]).armpit


def level(text: str) -> str:
    language = "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en"
    return triage((SafeText(text),), language).level  # type: ignore[arg-type]


def test_an_armpit_reading_is_a_fever_sooner_in_either_language() -> None:
    assert level("my 6 week old baby's temperature is 37.6 under the arm") == "emergency"
    assert level("宝宝6周大，腋温37.6度") == "emergency"
    assert level("宝宝6周大，耳温37.6度，吃奶好") != "emergency"
    assert level("my 6 week old baby's temperature is 37.6 in the ear, feeding well") != "emergency"


def test_a_cold_body_is_cold_also_without_a_fever_and_an_age_is_no_temperature() -> None:
    assert level("temperature 33.8, no fever") == "emergency"
    assert level("感冒第8天，现在不烧，我33") != "emergency"


@pytest.mark.parametrize(
    ("text", "kilograms"),
    [("孩子体重24斤", 12.0), ("she weighs 9.5 kg", 9.5), ("weight 150 lbs", 68.0), ("最近瘦了20斤", None)],
)
def test_weight_in_kilograms(text: str, kilograms: float | None) -> None:
    assert read_facts([SafeText(text)], "zh", ()).weight_kg == kilograms
