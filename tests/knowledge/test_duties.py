"""What the law of a place asks: each entry has a page behind it, and where nothing is known the strictest holds."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.errors import KnowledgeError
from knowledge.places import duties, place


@pytest.mark.parametrize("duty", duties._load().duties, ids=lambda duty: f"{duty.place}-{duty.kind}")
def test_every_duty_has_both_languages_and_an_opened_page(duty):
    assert set(duty.says) == {"en", "zh"} and all(len(text) > 10 for text in duty.says.values())
    assert place(duty.place) is not None
    assert duty.sources
    for source in duty.sources:
        assert source.organisation and source.title and source.url.startswith("http")
        assert date.fromisoformat(source.checked)
        assert source.year is None or 2000 <= source.year <= 2030
    assert duty.kind != "guardian" or 13 <= duty.age <= 18
    assert duty.kind not in ("keep", "log") or 365 <= duty.days <= 36525


def test_no_place_says_a_thing_twice():
    named = [(duty.place, duty.kind) for duty in duties._load().duties]
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("code", "age"),
    [("CN", 14), ("cn", 14), ("GB", 13), ("uk", 13), ("US", 13), ("EU", 16), ("DE", 16), ("IE", 16), ("AT", 14), ("FI", 13), ("CZ", 15),
     ("", 16), ("JP", 16), ("XX", 16)],
)
def test_below_which_age_a_guardian_agrees(code, age):
    assert duties.guardian_age(code) == age


@pytest.mark.parametrize(("code", "kinds"), [("CN", {"consent", "guardian", "label", "posing", "keep"}), ("AT", {"consent", "guardian", "label"}),
                                             ("NL", {"consent", "guardian", "label", "keep"}), ("JP", set()), ("", set())])  # fmt: skip
def test_what_a_place_asks(code, kinds):
    assert {duty.kind for duty in duties.duties(code)} == kinds


def test_a_members_own_rule_stands_before_the_unions():
    assert [duty.place for duty in duties.duties("AT", "guardian")] == ["AT"]
    assert [duty.place for duty in duties.duties("AT", "label")] == ["EU"]


@pytest.mark.parametrize(("mode", "code", "days"), [("anonymous", "", 30), ("anonymous", "CN", 30), ("account", "GB", 365),
                                                    ("clinic", "", 365), ("clinic", "CN", 5479), ("clinic", "DE", 3653)])  # fmt: skip
def test_how_long_things_are_kept_when_nobody_says_otherwise(mode, code, days):
    assert duties.days_kept(mode, code) == days


def test_what_is_not_kept_has_no_days():
    with pytest.raises(KnowledgeError, match="'private'"):
        duties.days_kept("private", "GB")


def test_the_label_says_that_a_program_wrote_it_and_never_a_clinician():
    assert "AI" in duties.label("en") and "人工智能" in duties.label("zh") and "医师审核" in duties.label("zh")


@pytest.mark.parametrize("row", [{"kind": "guardian"}, {"kind": "keep"}, {"kind": "more"}])
def test_a_damaged_entry_is_found(row):
    with pytest.raises(ValueError, match="duty 7"):
        duties._duty({"place": "CN", "en": "a", "zh": "b", "source": {}, **row}, 7, "2026-11-22")
