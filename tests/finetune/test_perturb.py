"""One change that makes a true sentence false."""

from __future__ import annotations

import random

import pytest

from finetune.perturb import falsified

TEXT = "Do not take more than 8 tablets in 24 hours. The risk is higher after a meal. 感冒一般持续7到10天，不需要抗生素。"


@pytest.mark.parametrize("sentence", ["Do not take more than 8 tablets in 24 hours.", "The risk is higher after a meal.", "感冒一般持续7到10天，不需要抗生素。"])
@pytest.mark.parametrize("seed", range(6))
def test_a_changed_sentence_differs_and_says_how(sentence, seed):
    made, kind = falsified(sentence, TEXT, random.Random(seed))
    assert made and made != sentence and kind in ("number", "unit", "negation", "opposite", "term")
    assert made not in TEXT


def test_the_same_seed_makes_the_same_change():
    assert falsified(TEXT, TEXT, random.Random(3)) == falsified(TEXT, TEXT, random.Random(3))


def test_a_sentence_with_nothing_to_change_is_left():
    assert falsified("Hm.", "Hm.", random.Random(0)) == ("", "")
