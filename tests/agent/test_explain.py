"""Clinical words in plain ones: only words that are clinical, that have one meaning, and whose plain name is not there."""

from __future__ import annotations

import pytest

from agent.explain import explain


@pytest.mark.parametrize(
    ("text", "language", "word", "plain"),
    [
        ("Your dyspnoea may come from the heart.", "en", "dyspnoea", "breathlessness"),
        ("This can follow a myocardial infarction.", "en", "myocardial infarction", "heart attack"),
        ("Take acetaminophen as the label says.", "en", "acetaminophen", "paracetamol"),
        ("可能是急性心肌梗死。", "zh", "急性心肌梗死", "心梗"),
    ],
)
def test_a_clinical_word_gets_its_plain_name(text, language, word, plain):
    found = {each.word: each for each in explain(text, language)}
    assert plain in found[word].plain


def test_a_plain_word_and_one_explained_already_are_left_alone():
    assert explain("A heart attack needs an ambulance.", "en") == ()
    assert explain("A myocardial infarction is a heart attack.", "en") == ()
    assert explain("", "en") == ()


def test_an_open_abbreviation_is_not_explained_and_a_settled_one_is():
    assert explain("What is PID?", "en") == ()
    (found,) = [each for each in explain("PID can follow chlamydia.", "en") if each.word == "PID"]
    assert found.plain[0] == "pelvic inflammatory disease" and found.other


def test_no_more_than_eight_and_each_once():
    words = ["dyspnoea", "pruritus", "epistaxis", "syncope", "dysuria", "haematuria", "alopecia", "dyspepsia", "cephalgia", "pyrexia", "tinnitus"]
    found = explain(". ".join(words + words), "en")
    assert len(found) == 8 and len({each.word for each in found}) == 8
