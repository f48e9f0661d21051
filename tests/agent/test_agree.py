"""In what a claim and a span differ, exactly."""

from __future__ import annotations

import pytest

from agent.agree import FEATURES, agreement, best_span, inverted, opposites, values
from knowledge.types import Passage

FEVER = "A fever usually gets better within 3 days. Give paracetamol if the child is distressed. Do not give aspirin to a child under 16."


@pytest.mark.parametrize(
    ("claim", "quote", "language"),
    [
        ("Ibuprofen raises blood pressure.", "Ibuprofen lowers blood pressure.", "en"),
        ("Take it before meals.", "Take it after meals.", "en"),
        ("A shorter course is recommended.", "A longer course is recommended.", "en"),
        ("The rash begins on the left arm.", "The rash begins on the right arm.", "en"),
        ("吃药后血压会升高。", "吃药后血压会降低。", "zh"),
        ("少数人会梦游。", "大多数人会梦游。", "zh"),
    ],
)
def test_an_opposite_is_seen_and_its_own_words_are_not_one(claim, quote, language):
    assert opposites(claim, quote, language)
    assert not opposites(quote, quote, language)


def test_who_does_what_to_whom_is_in_the_order_of_the_words():
    span = "DOACs do not need the regular clotting tests that warfarin needs."
    assert inverted("Warfarin does not need the regular clotting tests that DOACs need.", span) > inverted(span, span) == 0


@pytest.mark.parametrize(
    ("claim", "span"),
    [
        ("Aspirin must not be given to children under 16.", "Do not give aspirin to a child under 16."),
        ("Fever is better within 3 days.", "A fever usually gets better within 3 days."),
    ],
)
def test_the_span_is_the_sentence_that_holds_most_of_the_claim(claim, span):
    assert best_span(claim, FEVER, "") == span


def test_two_neighbours_are_quoted_where_the_second_adds_to_the_first():
    text = "Sprains need rest. Ice helps too. Nothing else is known."
    assert best_span("Rest for sprains, and ice.", text, "") == "Sprains need rest. Ice helps too."


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("A fever usually gets better within 5 days.", "number"),
        ("A fever usually gets better within 3 hours.", "3 hour"),
        ("Give aspirin to a child under 16.", "negated"),
    ],
)
def test_a_number_a_unit_or_a_denial_that_differs_is_a_conflict(claim, why):
    passage = Passage(id="f", document="f", title="Fever", heading="", text=FEVER, language="en", sources=())
    _, conflict = values(claim, passage, best_span(claim, FEVER, "Fever"), "en")
    assert why in conflict


def test_there_is_one_value_for_each_feature():
    found = agreement("A fever passes.", FEVER, passage=FEVER, subject="Fever", language="en")
    assert len(found.values) == len(FEATURES)
