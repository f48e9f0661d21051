"""What is searched for: what somebody has and asks, and not what is denied or was another's."""

from __future__ import annotations

import pytest

from agent.query import about, affirmed, standalone
from agent.types import Facts


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        ("en", "RUQ pain, fever, no jaundice", "RUQ pain, fever"),
        ("en", "I have pain under my right ribs and a fever but no jaundice, what should I do?",
         "I have pain under my right ribs and a fever, what should I do?"),
        ("en", "65M cough, denies chest pain, SOB or haemoptysis. On ramipril.", "65M cough. On ramipril"),
        ("en", "My dad had a heart attack at 50. I get chest tightness when I run.", "I get chest tightness when I run"),
        ("zh", "右上腹痛，发热，无黄疸", "右上腹痛，发热"),
        ("zh", "孩子发烧，没有皮疹，没有呕吐，精神好，要吃布洛芬吗？", "孩子发烧，精神好，要吃布洛芬吗？"),
    ],
)  # fmt: skip
def test_what_is_denied_is_not_searched_for(language, text, left) -> None:
    assert affirmed(text, language) == left
    assert standalone(text, (), topic="", language=language) == left


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "why do I have no fever with flu?"),
        ("en", "Can flu come without fever?"),
        ("en", "I have flu but no fever, is that normal?"),
        ("en", "My mother had breast cancer, should I be tested?"),
        ("en", "no period for three months, no pain"),
        ("en", "I have a cough and I can't sleep"),
        ("zh", "为什么感冒了却不发烧？"),
        ("zh", "咳嗽三天，没有发烧。为什么不发烧？"),
    ],
)
def test_a_denial_that_is_asked_about_is_searched_for(language, text) -> None:
    assert affirmed(text, language) == text


def test_a_place_in_abbreviation_is_written_out_for_the_search() -> None:
    assert about("RUQ pain", Facts(), "en") == "RUQ pain\npain under the right ribs"
