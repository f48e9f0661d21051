"""Negation, time, experiencer, figures of speech, typos, scripts, and odd texts."""

from __future__ import annotations

import time

import pytest

from agent.findings import find
from agent.types import Finding, SafeText


def _one(text: str, name: str) -> Finding:
    found = [finding for finding in find(SafeText(text), "en") if finding.id == name]
    assert found, f"{name} not found in {text!r}"
    return found[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("no chest pain today", "chest_pain"),
        ("denies fever, cough, vomiting", "vomiting"),
        ("No fever, stiff neck, vomiting, or rash.", "stiff_neck"),
        ("I have a cough but no fever", "fever"),
        ("without any vomiting", "vomiting"),
        ("my arm is not weak", "one_side_weak"),
        ("没有发烧、头痛、呕吐", "vomiting"),
        ("不发烧，咳嗽三天", "fever"),
        ("否认胸痛，呕吐", "vomiting"),
        ("胸痛没有", "chest_pain"),
        ("無發燒", "fever"),
    ],
)
def test_denied(text: str, name: str) -> None:
    finding = _one(text, name)
    assert finding.negated and not finding.present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("no fever, throat hurts", "sore_throat"),
        ("the chest pain is not going away", "chest_pain"),
        ("not just a cough", "cough"),
        ("I can't breathe", "breath_severe"),
        ("no appetite and my stomach hurts", "abdominal_pain"),
        ("I don't know why I keep vomiting", "vomiting"),
        ("no fever but vomiting", "vomiting"),
        ("呼吸不了", "breath_severe"),
        ("没有发烧，但是胸痛", "chest_pain"),
        ("不咳嗽，头痛", "headache"),
        ("发烧一直没退", "fever"),
        ("不知道为什么胸口疼", "chest_pain"),
    ],
)
def test_not_denied(text: str, name: str) -> None:
    assert _one(text, name).present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I had a stroke in 2011", "stroke_word"),
        ("had seizures as a child", "seizure"),
        ("chest pain ten years ago", "chest_pain"),
        ("十年前中风过", "stroke_word"),
        ("小时候抽搐过", "seizure"),
        ("去年胸痛过", "chest_pain"),
    ],
)
def test_past(text: str, name: str) -> None:
    assert _one(text, name).time == "past"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("what are the signs of a stroke", "stroke_word"),
        ("how do I know if it is appendicitis?", "appendicitis_word"),
        ("if I had chest pain would I know?", "chest_pain"),
        ("can anxiety cause palpitations?", "palpitations"),
        ("nearly had a heart attack when I saw the bill", "heart_attack_claim"),
        ("worried about getting a stroke", "stroke_word"),
        ("心梗有什么症状", "heart_attack_claim"),
        ("如果胸痛怎么办", "chest_pain"),
        ("怎么预防中风", "stroke_word"),
    ],
)
def test_asked_or_imagined(text: str, name: str) -> None:
    assert _one(text, name).time == "hypothetical"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("how do I know if my chest pain is serious", "chest_pain"),
        ("is my headache dangerous, it came on suddenly", "headache"),
        ("I have had vomiting since Monday, what should I do?", "vomiting"),
        ("胸痛半小时了怎么办", "chest_pain"),
    ],
)
def test_a_question_about_oneself_is_real(text: str, name: str) -> None:
    assert _one(text, name).present


def test_family_history_is_somebody_else_and_a_sick_relative_is_the_patient() -> None:
    assert _one("my father had a stroke at 60", "stroke_word").experiencer == "other"
    assert _one("family history of stroke", "stroke_word").experiencer == "other"
    assert _one("我爸以前得过中风", "stroke_word").experiencer == "other"
    assert _one("my dad has chest pain now", "chest_pain").experiencer == "patient"
    assert _one("我爸现在胸痛", "chest_pain").experiencer == "patient"
    assert _one("my dog is vomiting", "vomiting").experiencer == "other"


def test_resolved_is_marked_and_still_present() -> None:
    finding = _one("my right arm went numb for ten minutes, gone now", "one_side_numb")
    assert finding.resolved and finding.present
    assert not _one("my eyes have gone yellow", "jaundice").resolved
    assert not _one("the pain is not gone, chest still hurts", "chest_pain").resolved


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("diarrhoea since monday", "diarrhea"),
        ("vommiting all night", "vomiting"),
        ("my stomache hurts", "abdominal_pain"),
        ("bad palpatations", "palpitations"),
        ("he is unconcious", "unresponsive"),
        ("I can’t breathe", "breath_severe"),
        ("CHEST PAIN", "chest_pain"),
        ("喘不過氣", "breath_severe"),
        ("發 燒", "fever"),
        ("我有COPD，喘", "copd"),
        ("[NAME-1] has a fever since [DATE-1 -3d]", "fever"),
    ],
)
def test_spelling_script_and_mixture(text: str, name: str) -> None:
    assert _one(text, name).present


def test_places_are_code_points_of_the_text() -> None:
    text = "😷🤒 sadly I have a fever and a cough"
    for finding in find(SafeText(text), "en"):
        assert text[finding.start : finding.end] == finding.text
    assert text[_one(text, "fever").start :].startswith("fever")


@pytest.mark.parametrize(
    "text", ["", "   ", "\n\n", "😀😀", "؟ مرحبا", "\ud800 chest pain \udfff", "\x00\x00", "...", "12 34", "[NAME-1]"]
)
def test_odd_texts_never_raise(text: str) -> None:
    for finding in find(SafeText(text), "zh"):
        assert text[finding.start : finding.end] == finding.text


@pytest.mark.parametrize(
    "text",
    [
        "pain " * 20_000,
        "疼" * 100_000,
        "no " * 33_000,
        "chest pain, " * 8_400,
        "(" * 100_000,
        "a" * 100_000,
        "gone now. " * 10_000,
        "1" * 100_000,
    ],
)
def test_long_texts_take_linear_time(text: str) -> None:
    started = time.process_time()
    find(SafeText(text), "en")
    assert time.process_time() - started < 4
