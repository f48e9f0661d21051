"""Misspelt names: put right where one name must be meant, left alone everywhere else."""

import pytest

from retrieval.spelling import put_right, respelt


def _known(stem):
    return stem in {"strang", "purpl"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hydroxizine", "hydroxyzine"), ("benedryl", "benadryl"), ("Amoxcicilin", "amoxicillin"), ("Chylamdia", "chlamydia")],
)
def test_one_slip_or_two_in_a_long_name_is_put_right(typed, meant):
    names = respelt(f"is {typed} safe with wine?", known=_known)
    assert names == {typed: meant}
    assert put_right(f"is {typed} safe with {typed}s?", names) == f"is {meant} safe with {typed}s?"


@pytest.mark.parametrize(
    "text",
    [
        "is ibuprofen safe",  # a name as it stands
        "strange purple wine",  # words that passages hold
        "hydroxyhydrazoline",  # too far from any name
        "abcdef qwertz",
        "布洛芬和酒",
        "asprn",  # too short to be sure of
    ],
)
def test_other_words_are_left_alone(text):
    assert respelt(text, known=_known) == {}
    assert put_right(text, {}) == text


def test_between_two_names_as_near_as_each_other_nothing_is_chosen():
    assert respelt("prednisoone", known=_known) == {}
    assert respelt("prednisolonee", known=_known) == {"prednisolonee": "prednisolone"}
