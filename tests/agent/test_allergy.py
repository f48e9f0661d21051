"""Nobody is offered what they say to be allergic to."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import knowledge.rules
from agent.allergy import offers, said_of


@pytest.mark.parametrize(
    "text",
    ["First-line for low-severity CAP in the UK, penicillin allergy?", "I'm allergic to amoxicillin, what can I take?",
     "she reacted to Augmentin as a child", "我对青霉素过敏，嗓子疼能吃什么药", "allergic to ampicilin and penicillin"],
)  # fmt: skip
def test_a_penicillin_is_not_offered_to_who_is_allergic_to_one(text):
    forbidden = said_of(text)
    for sentence in ("Amoxicillin 500 mg TDS orally for 5 days.", "Cefalexin is another choice.", "可以吃阿莫西林。"):
        assert offers(sentence, forbidden)
    for sentence in ("Doxycycline 200 mg loading dose then 100 mg OD.", "Do not take amoxicillin if you are allergic to penicillin.",
                     "青霉素过敏的人不能吃阿莫西林。"):  # fmt: skip
        assert not offers(sentence, forbidden)


@pytest.mark.parametrize(
    "text",
    ["no penicillin allergy, sore throat", "NKDA, on amoxicillin", "没有青霉素过敏史", "hay fever allergy tablets", "I take amoxicillin",
     ""],
)  # fmt: skip
def test_an_allergy_that_was_denied_or_is_to_something_else_forbids_nothing(text):
    assert not offers("Amoxicillin 500 mg three times a day.", said_of(text))


def test_families_are_apart():
    assert not offers("Amoxicillin may be given.", said_of("I am allergic to sulfa drugs"))
    assert offers("Naproxen eases pain.", said_of("aspirin allergy, my knee hurts"))


def test_every_family_names_its_source():
    with (Path(knowledge.rules.__file__).parent / "allergies.toml").open("rb") as stream:
        families = tomllib.load(stream)
    for family in families.values():
        assert (
            {"organisation", "title", "year", "url", "checked"} <= set(family["source"])
            and family["en"]
            and family["zh"]
        )
