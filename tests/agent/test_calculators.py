"""Calculators over their own data: examples reproduced, bands whole, units checked, nothing assumed."""

from __future__ import annotations

import itertools
import random
import re
from datetime import date

import pytest

from agent.calculators.load import calculator, calculators, phrases
from agent.calculators.points import band, score
from agent.calculators.run import assess, calculate
from agent.calculators.show import show
from agent.calculators.types import Calculator, Input, Partial, Result
from agent.news2 import news2
from agent.vitals import Vitals
from knowledge.errors import InputError

ALL = tuple(calculators().values())
SCORES = tuple(one for one in ALL if one.items)
EXAMPLES = [(one, example) for one in ALL for example in one.examples]
TODAY = date(2026, 11, 22)
HAN = re.compile(r"[\u4e00-\u9fff]")


def _id(value: object) -> str | None:
    return value.id if isinstance(value, Calculator) else None


def test_there_are_at_least_thirty() -> None:
    assert len(ALL) >= 50 and len({one.specialty for one in ALL}) >= 10


@pytest.mark.parametrize("one", ALL, ids=_id)
def test_a_calculator_says_where_it_comes_from_and_whom_it_is_for_in_both_languages(one: Calculator) -> None:
    sources = [one.source, *(scale.source for scale in one.scales if scale.source)]
    for source in sources:
        assert source.organisation and source.title and 1900 < source.year <= 2026
        assert source.url.startswith(("https://", "http://")) and source.checked in ("2026-11-22", "")
        assert source.jurisdiction in phrases()
    assert one.limits and one.examples and one.names
    words = [
        one.title,
        one.shown,
        *one.limits,
        *(each.label for each in one.inputs),
        *(item.label for item in one.items),
    ]
    words += [scale.label for scale in one.scales] + [band.meaning for scale in one.scales for band in scale.bands]
    words += [choice.label for each in one.inputs for choice in each.choices] + [flag.text for flag in one.flags]
    assert all(pair.en.strip() and pair.zh.strip() for pair in words)
    assert all(HAN.search(pair.zh) for pair in (one.title, *one.limits))
    assert not any(HAN.search(pair.en) for pair in words)


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=_id)
def test_a_worked_example_is_reproduced(one: Calculator, example) -> None:
    today = date.fromisoformat(example.today) if example.today else TODAY
    result = calculate(one.id, example.inputs, today=today)
    assert result.value == example.value
    assert tuple(f"{scale}:{found}" for scale, found in result.bands) == example.bands
    assert {name: result.also[name] for name in example.also or {}} == (example.also or {})
    assert result.working and example.where


def test_few_sources_wait_to_be_opened() -> None:
    sources = [s for one in ALL for s in (one.source, *(scale.source for scale in one.scales)) if s and not s.checked]
    assert {source.organisation for source in sources} == {
        "AHA/ACCF/HRS",
        "ACOG",
        "Roca O et al.",
        "Surviving Sepsis Campaign",
    }


def test_examples_say_where_they_stand() -> None:
    assert all(example.where.startswith(("own: ", "http")) or "found by search" in example.where or "page" in example.where
               or "question of" in example.where for _, example in EXAMPLES)  # fmt: skip
    published = {one.id for one, example in EXAMPLES if "http" in example.where and not example.where.startswith("own")}
    assert len(published) >= 20


@pytest.mark.parametrize("one", ALL, ids=_id)
def test_every_value_has_one_band_and_every_band_a_value(one: Calculator) -> None:
    for scale in one.scales:
        for lower, upper in itertools.pairwise(scale.bands):
            # At its beginning a band holds (after it, where it says above); just below, the one before does.
            assert band(scale, upper.low) == (lower if upper.above else upper)
            assert band(scale, upper.low - 1e-9) == lower and band(scale, upper.low + 1e-9) == upper
        if one.items and not scale.of:
            points = score(one.items, {})
            low, high = sum(p.low for p in points), sum(p.high for p in points)
            halves = [low + step / 2 for step in range(int((high - low) * 2) + 1)]
            assert {band(scale, value).id for value in halves} == {each.id for each in scale.bands}


@pytest.mark.parametrize("one", SCORES, ids=_id)
def test_an_item_of_a_choice_names_every_answer(one: Calculator) -> None:
    choices = {each.name: {choice.id for choice in each.choices} for each in one.inputs if each.kind == "choice"}
    for item in one.items:
        conditions = [c for rule in item.rules for c in rule.conditions]
        if item.id in choices and all(c.equals for c in conditions):
            assert {c.equals for c in conditions} == choices[item.id]


def _some(each: Input, chance: random.Random) -> str:
    if each.kind == "yes_no":
        return chance.choice(["yes", "no"])
    if each.kind == "choice":
        return chance.choice(each.choices).id
    value = each.low + (each.high - each.low) * chance.random() ** 2
    return (
        f"{max(value, each.low):.0f} {each.units[0].name}".removesuffix(" 1")
        if each.low >= 1
        else f"{value:.4f} {each.units[0].name}".removesuffix(" 1")
    )


def _filled(one: Calculator, chance: random.Random) -> dict[str, str]:
    values = {each.name: _some(each, chance) for each in one.inputs}
    if "diastolic" in values:
        values["systolic"], values["diastolic"] = str(chance.randint(80, 250)), str(chance.randint(20, 79))
    return values


@pytest.mark.parametrize("one", SCORES, ids=_id)
def test_whatever_is_missing_the_range_holds_the_score_and_a_settled_band_stays(one: Calculator) -> None:
    chance = random.Random(7)
    for _ in range(60):
        values = _filled(one, chance)
        done = assess(one.id, values, today=TODAY)
        assert isinstance(done, Result), (values, done)
        known = {name: value for name, value in values.items() if chance.random() < 0.6}
        part = assess(one.id, known, today=TODAY)
        if isinstance(part, Result):
            assert part.value == done.value
            continue
        assert part.low <= done.value <= part.high
        assert set(part.bands) <= set(done.bands)
        assert not set(part.missing) & set(known)
        assert set(part.flags) <= set(done.flags)


@pytest.mark.parametrize("one", SCORES, ids=_id)
def test_a_yes_moves_the_score_by_its_points_alone(one: Calculator) -> None:
    chance = random.Random(11)
    plain = {item.id: item for item in one.items if len({c.input for r in item.rules for c in r.conditions}) == 1}
    used = [c.input for item in one.items for rule in item.rules for c in rule.conditions]
    for each in one.inputs:
        if each.kind != "yes_no" or each.name not in plain or len(set(used) - {each.name}) == len(set(used)):
            continue
        if any(
            c.input == each.name for item in one.items if item.id != each.name for r in item.rules for c in r.conditions
        ):
            continue
        rules = {rule.conditions[0].equals: rule.points for rule in plain[each.name].rules}
        for _ in range(5):
            values = _filled(one, chance)
            yes, no = (calculate(one.id, {**values, each.name: answer}, today=TODAY).value for answer in ("yes", "no"))
            assert yes - no == rules.get("yes", 0) - rules.get("no", 0)


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("curb-65", {"urea": "7 mmol/L"}, ("urea", 0)),
        ("curb-65", {"urea": "7.1 mmol/L"}, ("urea", 1)),
        ("curb-65", {"breaths": "29"}, ("breaths", 0)),
        ("curb-65", {"breaths": "30"}, ("breaths", 1)),
        ("curb-65", {"systolic": "90", "diastolic": "61"}, ("pressure", 0)),
        ("curb-65", {"systolic": "89"}, ("pressure", 1)),
        ("curb-65", {"diastolic": "60"}, ("pressure", 1)),
        ("curb-65", {"age": "64.9"}, ("age", 0)),
        ("curb-65", {"age": "65"}, ("age", 1)),
        ("cha2ds2-vasc", {"age": "74"}, ("age", 1)),
        ("cha2ds2-vasc", {"age": "75"}, ("age", 2)),
        ("has-bled", {"age": "65"}, ("age", 0)),
        ("has-bled", {"age": "66"}, ("age", 1)),
        ("wells-pe", {"pulse": "100"}, ("pulse", 0)),
        ("wells-pe", {"pulse": "101"}, ("pulse", 1.5)),
        ("perc", {"spo2": "94"}, ("spo2", 1)),
        ("perc", {"spo2": "95"}, ("spo2", 0)),
        ("heart-score", {"age": "44"}, ("age", 0)),
        ("heart-score", {"age": "45"}, ("age", 1)),
        ("heart-score", {"age": "65"}, ("age", 2)),
        ("child-pugh", {"bilirubin": "1.9 mg/dL"}, ("bilirubin", 1)),
        ("child-pugh", {"bilirubin": "2 mg/dL"}, ("bilirubin", 2)),
        ("child-pugh", {"bilirubin": "3 mg/dL"}, ("bilirubin", 2)),
        ("child-pugh", {"bilirubin": "3.1 mg/dL"}, ("bilirubin", 3)),
        ("child-pugh", {"albumin": "35 g/L"}, ("albumin", 2)),
        ("child-pugh", {"albumin": "36 g/L"}, ("albumin", 1)),
        ("child-pugh", {"albumin": "27 g/L"}, ("albumin", 3)),
        ("glasgow-blatchford", {"urea": "6.4 mmol/L"}, ("urea", 0)),
        ("glasgow-blatchford", {"urea": "6.5 mmol/L"}, ("urea", 2)),
        ("glasgow-blatchford", {"urea": "25 mmol/L"}, ("urea", 6)),
        ("glasgow-blatchford", {"sex": "male", "haemoglobin": "129 g/L"}, ("haemoglobin", 1)),
        ("glasgow-blatchford", {"sex": "male", "haemoglobin": "130 g/L"}, ("haemoglobin", 0)),
        ("glasgow-blatchford", {"sex": "male", "haemoglobin": "119 g/L"}, ("haemoglobin", 3)),
        ("glasgow-blatchford", {"sex": "female", "haemoglobin": "119 g/L"}, ("haemoglobin", 1)),
        ("glasgow-blatchford", {"sex": "female", "haemoglobin": "120 g/L"}, ("haemoglobin", 0)),
        ("glasgow-blatchford", {"haemoglobin": "99 g/L"}, ("haemoglobin", 6)),
        ("mcisaac", {"age": "14"}, ("age", 1)),
        ("mcisaac", {"age": "15"}, ("age", 0)),
        ("mcisaac", {"age": "45"}, ("age", -1)),
        ("abcd2", {"duration": "9 min"}, ("duration", 0)),
        ("abcd2", {"duration": "10 min"}, ("duration", 1)),
        ("abcd2", {"duration": "1 h"}, ("duration", 2)),
        ("news2", {"oxygen_scale": "scale_2", "oxygen": "yes", "spo2": "97"}, ("spo2", 3)),
        ("news2", {"oxygen_scale": "scale_2", "oxygen": "no", "spo2": "97"}, ("spo2", 0)),
        ("news2", {"oxygen_scale": "scale_2", "spo2": "90"}, ("spo2", 0)),
        ("sofa", {"pf_ratio": "150 mmHg", "ventilated": "no"}, ("lungs", 2)),
        ("sofa", {"pf_ratio": "150 mmHg", "ventilated": "yes"}, ("lungs", 3)),
        ("sofa", {"creatinine": "5 mg/dL"}, ("kidney", 4)),
    ],
)  # fmt: skip
def test_points_at_their_boundaries(name: str, values: dict[str, str], found: tuple[str, float]) -> None:
    point = next(p for p in assess(name, values, today=TODAY).points if p.item == found[0])
    assert (point.low, point.high) == (found[1], found[1])


@pytest.mark.parametrize(
    ("name", "values", "scale", "expected"),
    [
        ("bmi", {"weight": "72.25 kg", "height": "170 cm"}, "who", "overweight"),
        ("bmi", {"weight": "72 kg", "height": "170 cm"}, "who", "normal"),
        ("bmi", {"weight": "69.36 kg", "height": "170 cm"}, "china", "overweight"),
        ("bmi", {"weight": "80.92 kg", "height": "170 cm"}, "china", "obese"),
        ("bmi", {"weight": "66.47 kg", "height": "170 cm"}, "asian", "increased"),
        ("fib-4", {"age": "52", "ast": "40", "alt": "64", "platelets": "200"}, "to-65", "between"),
        ("fib-4", {"age": "66", "ast": "40", "alt": "64", "platelets": "200"}, "over-65", "low"),
        ("qtc-bazett", {"qt": "450 ms", "pulse": "60", "sex": "male"}, "men", "long"),
        ("qtc-bazett", {"qt": "450 ms", "pulse": "60", "sex": "female"}, "women", "usual"),
        ("qtc-bazett", {"qt": "500 ms", "pulse": "60", "sex": "female"}, "women", "very-long"),
        ("corrected-calcium", {"calcium": "2.60 mmol/L", "albumin": "40 g/L"}, "range", "normal"),
        ("fena", {"sodium": "140", "urine_sodium": "70", "creatinine": "2 mg/dL", "urine_creatinine": "100 mg/dL"}, "cause", "between"),
    ],
)  # fmt: skip
def test_bands_at_their_boundaries(name: str, values: dict[str, str], scale: str, expected: str) -> None:
    assert dict(calculate(name, values, today=TODAY).bands)[scale] == expected


@pytest.mark.parametrize(
    ("name", "key", "one", "other"),
    [
        ("egfr-ckd-epi-2021", "creatinine", "1 mg/dL", "88.4 umol/L"),
        ("egfr-ckd-epi-2021", "creatinine", "1.4 mg/dl", "123.76 μmol/L"),
        ("curb-65", "urea", "10 mmol/L", "28 mg/dL BUN"),
        ("curb-65", "urea", "10 mmol/L", "60.06 mg/dL urea"),
        ("corrected-sodium", "glucose", "20 mmol/L", "360 mg/dL"),
        ("corrected-calcium", "calcium", "2.5 mmol/L", "10 mg/dL"),
        ("corrected-calcium", "albumin", "40 g/L", "4 g/dL"),
        ("child-pugh", "bilirubin", "2 mg/dL", "34.2 umol/L"),
        ("ldl-friedewald", "cholesterol", "5 mmol/L", "193.35 mg/dL"),
        ("ldl-friedewald", "triglycerides", "2 mmol/L", "177.14 mg/dL"),
        ("a-a-gradient", "pao2", "75.0062 mmHg", "10 kPa"),
        ("news2", "temperature", "37 °C", "98.6 F"),
        ("news2", "temperature", "38.5", "101.3"),
        ("bmi", "weight", "50 kg", "100 斤"),
        ("bmi", "weight", "90.718474 kg", "200 lb"),
        ("bmi", "height", "177.8 cm", "5'10\""),
        ("bmi", "height", "1.75 m", "1米75"),
        ("fib-4", "platelets", "150", "150,000 /uL"),
        ("fib-4", "platelets", "150 x10^9/L", "15万"),
        ("average-glucose", "hba1c", "7 %", "53 mmol/mol"),
        ("mcisaac", "age", "3 y", "36 months"),
        ("due-date-scan", "scan_age", "8+4", "8 weeks 4 days"),
        ("due-date-scan", "scan_age", "60 d", "8周4天"),
        ("a-a-gradient", "fio2", "0.21", "21 %"),
        ("qtc-bazett", "qt", "400 ms", "0.4 s"),
    ],
)
def test_units_convert_by_known_pairs(name: str, key: str, one: str, other: str) -> None:
    first, second = (assess(name, {key: value}, today=TODAY).inputs[key] for value in (one, other))
    assert second == pytest.approx(first, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("cockcroft-gault", {"creatinine": "1.4"}, "no_unit"),
        ("cockcroft-gault", {"creatinine": 124.0}, "no_unit"),
        ("cockcroft-gault", {"weight": "80"}, "no_unit"),
        ("cockcroft-gault", {"creatinine": "1.4 mmol/L"}, "wrong_unit"),
        ("cockcroft-gault", {"weight": "80 cm"}, "wrong_unit"),
        ("cockcroft-gault", {"creatinine": "124 mg/dL"}, "out_of_range"),
        ("cockcroft-gault", {"creatinine": "1.4 umol/L"}, "out_of_range"),
        ("cockcroft-gault", {"creatinine": "-1 mg/dL"}, "out_of_range"),
        ("cockcroft-gault", {"creatinine": "nan"}, "not_a_number"),
        ("cockcroft-gault", {"creatinine": "<0.3 mg/dL"}, "not_a_number"),
        ("cockcroft-gault", {"age": "12"}, "out_of_range"),
        ("cockcroft-gault", {"sex": "x"}, "not_choice"),
        ("cockcroft-gault", {"creatinine": "1.0 mg/dL or 2.4 mg/dL"}, "two_values"),
        ("curb-65", {"urea": "25 mg/dL"}, "wrong_unit"),
        ("curb-65", {"urea": "9"}, "no_unit"),
        ("curb-65", {"confusion": "maybe"}, "not_yes_no"),
        ("curb-65", {"confusion": ""}, "unreadable"),
        ("curb-65", {"confusion": "y" * 200}, "unreadable"),
        ("mean-arterial-pressure", {"systolic": "80", "diastolic": "120"}, "not_below"),
        ("fib-4", {"platelets": "2000"}, "no_unit"),
        ("sofa", {"gcs": "13.5"}, "not_whole"),
        ("ldl-friedewald", {"triglycerides": "5 mmol/L"}, "out_of_range"),
        ("due-date", {"last_period": "03/04/2026"}, "two_days"),
        ("due-date", {"last_period": "2 March"}, "not_a_day"),
        ("due-date", {"last_period": "2026-02-30"}, "not_a_day"),
        ("due-date", {"last_period": "2027-01-01"}, "day_out_of_range"),
        ("due-date", {"last_period": "2024-01-01"}, "day_out_of_range"),
        ("gestational-age", {"last_period": "2026-10-01", "on_day": "2026-09-01"}, "not_below"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_guessed(name: str, values: dict[str, str], code: str) -> None:
    part = assess(name, values, today=TODAY)
    assert isinstance(part, Partial) and [problem.code for problem in part.problems] == [code]
    with pytest.raises(InputError) as raised:
        calculate(name, values, today=TODAY)
    one = calculator(name)
    assert one.title.en in str(raised.value)
    assert next(each for each in one.inputs if each.name == part.problems[0].input).label.en in str(raised.value)
    for language in ("en", "zh"):
        assert "{" not in "".join(show(part, language))


@pytest.mark.parametrize("one", [one for one in ALL if one.formula], ids=_id)
def test_a_formula_stands_both_ends_of_its_ranges(one: Calculator) -> None:
    chance = random.Random(5)
    for _ in range(40):
        values = {
            each.name: f"{chance.choice([each.low, each.high])} {each.units[0].name}".removesuffix(" 1")
            if each.kind == "number"
            else f"2026-10-0{chance.randint(1, 9)}"
            if each.kind == "date"
            else _some(each, chance)
            for each in one.inputs
        }
        assert show(assess(one.id, values, today=TODAY), "en")


@pytest.mark.parametrize("value", ["[DATE-1 -99999999d]", "1e400", "\ud800", "\x00", "٣", "½", "[", "9" * 60])
def test_no_value_however_odd_does_harm(value: str) -> None:
    for one in ALL:
        for each in one.inputs:
            assert show(assess(one.id, {each.name: value}, today=TODAY), "zh")


def test_an_error_names_what_is_missing_unknown_or_no_calculator() -> None:
    with pytest.raises(InputError, match=r"heart_failure, diabetes, stroke, vascular_disease.*never taken for no"):
        calculate("cha2ds2-vasc", {"age": "76", "sex": "female", "hypertension": "yes"})
    with pytest.raises(InputError, match=r"no input colour.*any of weight, height, age"):
        calculate("bmi", {"colour": "blue"})
    with pytest.raises(InputError, match=r"'curb'.*curb-65"):
        calculate("curb", {})
    assert calculate("BMI", {"weight": "70 kg", "height": "1.75 m"}).value == 22.9


def test_a_score_that_is_not_finished_says_where_it_can_lie_and_what_is_settled() -> None:
    part = assess("curb-65", {"confusion": "yes", "age": "72", "systolic": "85", "breaths": "32"})
    assert isinstance(part, Partial)
    assert (part.low, part.high, part.missing) == (4, 5, ("urea",)) and part.bands == (("nice", "high"),)
    english, chinese = "\n".join(show(part, "en")), "\n".join(show(part, "zh"))
    assert (
        "between 4 and 5 points" in english and "Still needed:\n- urea (0.3 to 100 mmol/L; also in mg/dL BUN" in english
    )
    assert "目前在 4～5 分之间" in chinese and "还需要：\n- 尿素" in chinese
    # A systolic of 85 settles the pressure: the diastolic is not asked for.
    assert "diastolic" not in part.missing


def test_nothing_unsaid_is_a_no() -> None:
    part = assess("perc", {"age": "35", "pulse": "80", "spo2": "98"})
    assert isinstance(part, Partial) and part.bands == () and (part.low, part.high) == (0, 5)
    assert "What was not said is not taken for no." in show(part, "en")


def test_a_thought_of_death_is_said_first_whatever_the_sum_and_before_the_rest_is_known() -> None:
    answers = dict.fromkeys((each.name for each in calculator("phq-9").inputs), "0")
    assert calculate("phq-9", answers).flags == ()
    result = calculate("phq-9", {**answers, "harm": "1"})
    assert result.value == 1 and result.flags == ("harm",)
    assert "safety today" in show(result, "en")[1] and "今天就需要谈安全" in show(result, "zh")[1]
    part = assess("phq-9", {"harm": "2"})
    assert part.flags == ("harm",) and "safety today" in show(part, "en")[1]


def test_one_measurement_of_three_raises_news2_whatever_the_sum() -> None:
    well = {"breaths": "16", "spo2": "97", "oxygen_scale": "scale_1", "oxygen": "no", "systolic": "120", "pulse": "70",
            "alert": "alert", "temperature": "36.8"}  # fmt: skip
    assert calculate("news2", well).flags == () and calculate("news2", well).value == 0
    low = calculate("news2", {**well, "pulse": "40"})
    assert (low.value, low.flags) == (3, ("single-three",))


def test_news2_agrees_with_the_score_that_triage_uses() -> None:
    chance = random.Random(3)
    for _ in range(300):
        copd, confused = chance.random() < 0.5, chance.random() < 0.3
        vitals = Vitals(
            spo2=chance.randint(70, 100), pulse=chance.randint(30, 160), systolic=chance.randint(70, 240),
            breaths=chance.randint(5, 40), temperature=round(chance.uniform(34, 41), 1),
        )  # fmt: skip
        ours = calculate("news2", {
            "breaths": str(vitals.breaths), "spo2": str(vitals.spo2), "oxygen_scale": "scale_2" if copd else "scale_1",
            "oxygen": "no", "systolic": str(vitals.systolic), "pulse": str(vitals.pulse),
            "alert": "cvpu" if confused else "alert", "temperature": str(vitals.temperature),
        })  # fmt: skip
        assert ours.value == news2(vitals, age=70, pregnant=False, copd=copd, confused=confused)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("one", ALL, ids=_id)
def test_an_answer_shows_value_meaning_formula_working_limits_and_source(one: Calculator, language) -> None:
    example = one.examples[0]
    result = calculate(one.id, example.inputs, today=date.fromisoformat(example.today) if example.today else TODAY)
    lines = show(result, language)
    text = "\n".join(lines)
    assert lines[0].startswith("**") and lines[0].endswith("**")
    assert one.source.url in text and str(one.source.year) in text and "{" not in text and "None" not in text
    title, limit = (one.title.zh, one.limits[0].zh) if language == "zh" else (one.title.en, one.limits[0].en)
    assert title in lines[0] and limit in text and result.working[0] in text
    assert len(lines) == len([line for line in lines if line.strip()])
    if language == "en":
        assert not HAN.search(text.replace("国家卫生健康委员会", ""))


@pytest.mark.parametrize("name", sorted(phrases()))
def test_a_sentence_has_both_languages_and_the_same_fields(name: str) -> None:
    pair = phrases()[name]
    fields = [set(re.findall(r"\{(\w+)", text)) for text in (pair.en, pair.zh)]
    assert bool(pair.en) == bool(pair.zh) and fields[0] == fields[1]
    assert pair.en or name in ("1", "fraction")
