"""What the reader is taught with is told untidily some of the time, and still says the same."""

import random
import re
from datetime import date

import pytest

from agent.privacy import redact_once
from agent.triage import triage
from finetune.noise import noisy, sentences

FEVER = "My temperature is 39.5 C, and my chest has been hurting since 10:30! Should I worry, doctor?"
FEVER_ZH = "孩子发烧39.5度，从10:30开始，精神不好，需要去医院吗？"


@pytest.mark.parametrize("text", [FEVER, FEVER_ZH])
def test_numbers_stay_and_the_share_is_kept(text: str) -> None:
    order = random.Random(7)
    told = [noisy(text, order, share=0.5) for _ in range(400)]
    changed = [each for each in told if each != text]
    # Some ways of changing have nothing to change in a text (no letters, no long words), so it is at most the share.
    assert 0.25 < len(changed) / len(told) < 0.6
    assert all(re.findall(r"\d+[.:]\d+", each) == ["39.5", "10:30"] for each in told)
    assert len(set(changed)) > 50


def test_none_where_none_is_asked_for() -> None:
    assert all(noisy(FEVER, random.Random(n), share=0.0) == FEVER for n in range(20))


def test_chatter_is_of_the_language_of_the_text() -> None:
    order, english = random.Random(1), " ".join(sentences()["en"])
    for _ in range(200):
        said = noisy(FEVER_ZH, order, share=1.0).replace(FEVER_ZH, "")
        assert not re.search(r"[A-Za-z]{3,}", said)
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_chatter_says_nothing_the_rules_hear() -> None:
    for language, rows in sentences().items():
        for row in rows:
            found = triage((redact_once(row, date(2026, 11, 23)),), language)
            assert (found.level, found.rules) == ("self_care", ()), row
