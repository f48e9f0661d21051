"""What a note gives a calculator, which one a question names, and the command that does both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.calculate_command import calculate as command
from agent.calculators.load import calculators
from agent.calculators.naming import named, wanted
from agent.calculators.reading import read
from agent.calculators.run import assess
from agent.calculators.types import Partial, Result
from agent.privacy import Redactor

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("curb-65", "72M, 80 kg, creatinine 1.2 mg/dL, BP 85/50, RR 32, urea 9, new confusion",
         {"age": "72 y", "systolic": "85", "diastolic": "50", "breaths": "32", "urea": "9", "confusion": "yes"}),
        ("cockcroft-gault", "72M, 80 kg, creatinine 1.2 mg/dL, BP 85/50, RR 32, urea 9, new confusion",
         {"age": "72 y", "sex": "male", "weight": "80 kg", "creatinine": "1.2 mg/dl"}),
        ("due-date", "女 34岁 末次月经2026年3月2日", {"last_period": "2026年3月2日"}),
        ("due-date", "女 34岁 末次月经[DATE-1 -265d]", {"last_period": "[date-1 -265d]"}),
        ("due-date", "my last period started on March 2nd, 2026", {"last_period": "march 2nd, 2026"}),
        ("curb-65", "no confusion, BUN 25 mg/dL, rr 22", {"confusion": "no", "urea": "25 mg/dL BUN", "breaths": "22"}),
        ("curb-65", "blood urea 54 mg/dL", {"urea": "54 mg/dL urea"}),
        ("crb-65", "老人80岁肺炎 呼吸32次/分 血压85/50 意识模糊",
         {"age": "80 y", "breaths": "32 次/分", "systolic": "85", "diastolic": "50", "confusion": "yes"}),
        ("crb-65", "80岁，神志清楚，没有意识模糊，呼吸20次/分", {"age": "80 y", "breaths": "20 次/分", "confusion": "no"}),
        ("cha2ds2-vasc", "76 year old woman with hypertension, no diabetes, father had a stroke, previous MI",
         {"age": "76 y", "sex": "female", "hypertension": "yes", "diabetes": "no", "vascular_disease": "yes"}),
        ("cha2ds2-vasc", "房颤卒中评分 女 76岁 高血压 糖尿病 无心衰 无中风史 没有冠心病",
         {"age": "76 y", "sex": "female", "hypertension": "yes", "diabetes": "yes", "heart_failure": "no"}),
        ("cha2ds2-vasc", "no stroke or TIA, no vascular disease", {"stroke": "no", "vascular_disease": "no"}),
        ("cha2ds2-vasc", "无中风或TIA，无血管疾病", {"stroke": "no", "vascular_disease": "no"}),
        ("ottawa-ankle", "pain in the ankle, can't bear weight, no midfoot pain, lateral malleolus tender",
         {"malleolar_pain": "yes", "four_steps": "no", "midfoot_pain": "no", "lateral_tenderness": "yes"}),
        ("news2", "sats 96% on room air", {"spo2": "96 %", "oxygen": "no"}),
        ("cha2ds2-vasc", "hypertension: yes, diabetes: no, heart failure (no)",
         {"hypertension": "yes", "diabetes": "no", "heart_failure": "no"}),
        ("child-pugh", "bilirubin 2.5 mg/dL, albumin 30 g/L, INR 1.5, mild ascites, no encephalopathy",
         {"bilirubin": "2.5 mg/dl", "albumin": "30 g/l", "inr": "1.5", "ascites": "slight", "encephalopathy": "none"}),
        ("child-pugh", "胆红素 60 μmol/L，白蛋白25g/L，大量腹水，肝性脑病2级",
         {"bilirubin": "60 μmol/l", "albumin": "25 g/l", "ascites": "moderate", "encephalopathy": "grade_1_2"}),
        ("fena", "urine Na 20, plasma sodium 140, urine creatinine 100 mg/dl, creatinine 2 mg/dl",
         {"urine_sodium": "20", "sodium": "140", "urine_creatinine": "100 mg/dl", "creatinine": "2 mg/dl"}),
        ("gcs", "GCS E3 V4 M5", {"eye": "3", "verbal": "4", "motor": "5"}),
        ("news2", "RR 25, sats 92% , BP 95/60, HR 120, alert, temp 38.6, scale 1, not on oxygen",
         {"breaths": "25", "spo2": "92 %", "systolic": "95", "pulse": "120", "alert": "alert", "temperature": "38.6",
          "oxygen_scale": "scale_1", "oxygen": "no"}),
        ("bmi", "我身高1米75，体重140斤", {"height": "1米75", "weight": "140 斤"}),
        ("bmi", "5'10\" and 180 lb, lost 5 kg", {"height": "5'10\"", "weight": "180 lb"}),
        ("heart-score", "highly suspicious, normal ECG, two risk factors, troponin normal",
         {"history": "highly", "ecg": "normal", "risk_factors": "one_two", "troponin": "normal"}),
        ("fib-4", "血小板20万, AST 50, ALT 36", {"platelets": "20 万", "ast": "50", "alt": "36"}),
        ("due-date-scan", "scan on 1 May 2026 said 8+4 weeks", {"scan_day": "1 may 2026", "scan_age": "8+4"}),
        ("wells-pe", "HR 110, no haemoptysis, previous DVT in 2019, no cancer",
         {"pulse": "110", "haemoptysis": "no", "previous_vte": "yes", "cancer": "no"}),
        ("cha2ds2-vasc", "age=76 sex=female hypertension=yes", {"age": "76", "sex": "female", "hypertension": "yes"}),
        ("sofa", "GCS 13, creatinine clearance 40 mL/min", {"gcs": "13"}),
    ],
)  # fmt: skip
def test_a_note_gives_what_it_says(name: str, text: str, expected: dict[str, str]) -> None:
    assert read(name, text, "en") == expected


@pytest.mark.parametrize(
    ("name", "text", "absent"),
    [
        ("curb-65", "could it be confusion?", "confusion"),
        ("cha2ds2-vasc", "my father had a stroke", "stroke"),
        ("egfr-ckd-epi-2021", "I walked 100 m", "sex"),
        ("egfr-ckd-epi-2021", "creatinine clearance 40 mL/min", "creatinine"),
        ("egfr-ckd-epi-2021", "creatinine 106 umol/L in 2019", "creatinine"),
        ("corrected-sodium", "urine sodium 20", "sodium"),
        ("curb-65", "RR 20-24", "breaths"),
        ("bmi", "lost 12 kg", "weight"),
        ("fib-4", "platelets <50", "platelets"),
        ("cha2ds2-vasc", "what is a stroke score?", "hypertension"),
        ("egfr-ckd-epi-2021", "he said she said", "sex"),
        ("perc", "walked 1 hr 30 min", "pulse"),
        # A part denied is not the whole denied.
        ("cha2ds2-vasc", "no angina", "vascular_disease"),
        ("cha2ds2-vasc", "no TIA", "stroke"),
        ("has-bled", "not on aspirin", "bleeding_medicines"),
        ("has-bled", "not on dialysis", "kidney_disease"),
        ("perc", "not on HRT", "oestrogen"),
        ("perc", "no recent surgery", "surgery_trauma_4w"),
        ("canadian-c-spine", "not ambulatory", "low_risk"),
        ("feverpain", "no cough", "cough_coryza"),
        ("feverpain", "没有咳嗽", "cough_coryza"),
    ],
)
def test_what_is_not_said_of_this_person_now_is_not_there(name: str, text: str, absent: str) -> None:
    assert absent not in read(name, text, "en")


@pytest.mark.parametrize(
    ("text", "creatinine"),
    [
        ("creatinine was 1.0 mg/dL last year, now 2.4 mg/dL", "2.4 mg/dl"),
        ("creatinine rose from 90 umol/L to 140 umol/L", "90 umol/l or 140 umol/l"),
        ("creatinine 90 umol/L. creatinine 140 umol/L", "90 umol/l or 140 umol/l"),
        ("creatinine 90 umol/L and urea 140 mmol/L", "90 umol/l"),
    ],
)
def test_of_two_values_the_present_counts_or_both_are_asked_about(text: str, creatinine: str) -> None:
    assert read("egfr-ckd-epi-2021", text, "en")["creatinine"] == creatinine
    part = assess("egfr-ckd-epi-2021", read("egfr-ckd-epi-2021", text, "en"))
    assert isinstance(part, Partial)
    assert [problem.code for problem in part.problems] == (["two_values"] if " or " in creatinine else [])


def test_a_unit_that_is_wrong_is_handed_on_and_refused() -> None:
    part = assess("egfr-ckd-epi-2021", read("egfr-ckd-epi-2021", "creatinine 1.2 g/L, 60M", "en"))
    assert isinstance(part, Partial) and [problem.code for problem in part.problems] == ["wrong_unit"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CURB-65 for a 72 year old, RR 32", ("curb-65",)),
        ("curb65: new confusion", ("curb-65",)),
        ("work out the creatinine clearance", ("cockcroft-gault",)),
        ("肌酐清除率怎么算", ("cockcroft-gault",)),
        ("预产期是哪天，末次月经2026年3月2日", ("due-date",)),
        ("when is my baby due?", ("due-date",)),
        ("how far along am I? LMP 2026-07-23", ("gestational-age",)),
        ("CHA₂DS₂-VASc and HAS-BLED, 76 y, on aspirin, diabetes", ("cha2ds2-vasc", "has-bled")),
        ("CHA2DS2-VA, 76 y, diabetes", ("cha2ds2-va",)),
        ("MELD-Na: INR 1.5", ("meld-na",)),
        ("am I overweight? 80 kg, 170 cm", ("bmi",)),
        ("BMI 80kg 1.7m", ("bmi",)),
        ("我175cm 140斤 胖不胖", ("bmi",)),
        ("MAP for BP 120/80", ("mean-arterial-pressure",)),
        ("PHQ-9: 2 2 3 2 1 1 1 0 1", ("phq-9",)),
    ],
)
def test_a_question_that_names_and_gives_is_wanted(text: str, expected: tuple[str, ...]) -> None:
    assert wanted(text, "en") == expected


@pytest.mark.parametrize(
    "text",
    [
        "What does a high BMI mean?", "is a CURB-65 score useful in the elderly?", "I was lying on the sofa",
        "bad news 2 days ago", "我打算怀孕，BMI高有影响吗", "when am I due my next vaccine?", "cold winters make it worse", "my heart hurts", "fever pain in my belly",
        "I'm 8 weeks pregnant with cramps", "my due date is next week and I am bleeding", "the map of the town", "MY HEART HURTS SO MUCH PLEASE HELP",
        "", "   ", "🙂", "\ud800", "مرحبا", "胸口疼",
    ],
)  # fmt: skip
def test_a_message_that_wants_no_calculation_gets_none(text: str) -> None:
    assert wanted(text, "en") == ()


@pytest.mark.parametrize("name", [one.id for one in calculators().values()])
def test_every_calculator_is_named_by_each_of_its_names(name: str) -> None:
    one = calculators()[name]
    for each in one.names:
        assert name in named(f"please {each.removeprefix('=')} now", "en"), each


def test_a_note_through_privacy_to_the_day_and_back() -> None:
    safe = Redactor(TODAY).redact("末次月经2026年3月2日，预产期？")
    assert "2026" not in safe.text
    result = assess("due-date", read("due-date", safe.text, "zh"), today=TODAY)
    assert isinstance(result, Result) and result.value == "2026-12-07"


@pytest.mark.parametrize(
    "text", ["creatinine 1.2 mg/dL, no confusion, BP 120/80. " * 2200, "肌酐" * 50_000, "1" * 100_000]
)
def test_a_long_text_is_read_in_time_that_grows_with_it(text: str) -> None:
    read("curb-65", "x", "en"), named("x", "en")
    began = time.process_time()
    named(text, "en"), read("curb-65", text, "en")
    assert time.process_time() - began < 8


def _run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, list(arguments))
    return done.exit_code, done.output


def test_the_command_lists_works_out_and_reads() -> None:
    code, output = _run()
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0 and {row["id"] for row in rows} == set(calculators()) and all(row["inputs"] for row in rows)
    code, output = _run("cha2ds2-vasc", "age=76", "sex=female", "hypertension=yes", "diabetes=no", "stroke=no",
                        "heart_failure=no", "vascular_disease=no")  # fmt: skip
    row = json.loads(output)
    assert (code, row["value"], row["bands"]) == (0, 4.0, {"women": "advise"})
    code, output = _run("--text", "CURB-65: 72M, BP 85/50, RR 32, urea 9, new confusion")
    row = json.loads(output)["calculators"][0]
    assert (code, row["done"], row["between"], row["bands"]) == (0, False, [4.0, 5.0], {"nice": "high"})
    assert row["problems"] == [{"input": "urea", "problem": "no_unit", "given": "9"}]
    code, output = _run("--text", "BMI：身高175cm，体重70kg")
    assert code == 0 and "正常范围" in json.loads(output)["calculators"][0]["text"]
    assert _run("bmi", "weight")[0] == 2 and _run("bmi", "--text", "x")[0] == 2


def test_a_batch_keeps_order_and_puts_errors_in_their_place(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        {"id": 1, "text": "BMI 70 kg 1.75 m"},
        {"id": 2, "calculator": "bmi", "values": {"weight": "70 kg", "height": "175 cm"}},
        {"id": 3, "text": "hello"},
        {"id": 4, "calculator": "bmi", "values": {"weight": 70, "height": "175 cm"}},
        {"id": 5, "values": {}},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "calculate", "--batch", str(source), "--out", str(target)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ANAMNESIS_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert done.returncode == 1 and [row["id"] for row in found] == [1, 2, 3, 4, 5]
    assert found[0]["calculators"][0]["value"] == found[1]["value"] == 22.9
    assert ["error" in row for row in found] == [False, False, True, True, True]
    assert "without a unit" in found[3]["error"]["message"]
