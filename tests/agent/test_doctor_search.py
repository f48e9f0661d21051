"""The doctor's desk: search with each filter on the real library, two guidelines side by side, an answer with its evidence."""

from __future__ import annotations

import re
import threading

import pytest

from agent.app.doctor.answer import answer_html
from agent.app.doctor.ask import answered
from agent.app.doctor.compare import choices, laid
from agent.app.doctor.comparing import compare
from agent.app.doctor.finding import find
from agent.app.doctor.search import looked
from agent.app.doctor.shelf import Chosen, admitted, shelf
from agent.app.staff.who import who_asks
from agent.messages import say
from knowledge.errors import AccessError, InputError
from tests.agent.doctor_house import asked_by, house_of

PNEUMONIA = "Which antibiotic for low-severity pneumonia in the community?"
BTS = "guideline:BTS Guidelines for the Management of Community Acquired Pneumonia in Adults"
ATS = ("guideline:Diagnosis and Treatment of Adults with Community-acquired Pneumonia. An Official Clinical Practice Guideline "
       "of the American Thoracic Society and Infectious Diseases Society of America")  # fmt: skip


@pytest.fixture(scope="module")
def house(api_agent, tmp_path_factory):
    found = house_of(api_agent, tmp_path_factory.mktemp("desk"))
    yield found
    found.db.engine.dispose()


@pytest.fixture(scope="module")
def clinician(house):
    return asked_by(house)


@pytest.mark.parametrize(
    ("chosen", "holds", "count"),
    [
        (Chosen(), lambda one: True, 929),
        (Chosen(sources=("British Thoracic Society",)), lambda one: "British Thoracic Society" in one.organisations, 3),
        (Chosen(places=("GB",)), lambda one: "GB" in one.places, 8),
        (Chosen(places=("GB", "EU")), lambda one: {"GB", "EU"} & {*one.places}, 11),
        (Chosen(since="2020", until="2022"), lambda one: "2020" <= one.published[:4] <= "2022", 36),
        (Chosen(specialties=("eye",)), lambda one: "eye" in one.specialties, 17),
        (Chosen(audience="clinician"), lambda one: one.audience == "clinician", 145),
        (Chosen(language="zh"), lambda one: one.language == "zh", 191),
        (Chosen(outdated=False), lambda one: not one.outdated, 890),
    ],
    ids=["none", "source", "place", "two places", "years", "specialty", "audience", "language", "current"],
)
def test_each_filter_admits_what_it_says_and_search_stays_within(house, chosen, holds, count):
    volumes = shelf(house.agent().index)
    ids = admitted(volumes, chosen)
    assert ids == {one.id for one in volumes if holds(one)} and len(ids) == count
    outcome = find(house.agent(), "When are antibiotics needed?", chosen)
    assert outcome.documents == count and outcome.hits
    assert {hit.passage.document for hit in outcome.hits} <= ids


def test_a_passage_is_shown_in_its_section_with_its_marks(house, clinician):
    shown = looked(house, PNEUMONIA, Chosen(sources=("British Thoracic Society",)), clinician, "en")
    first = shown.split("</article>")[0]
    assert "NICE NG250" in first and "st-warn" in first and say("en", "doctor_outdated") in first
    assert "United Kingdom" in first and "2009" in first and "https://doi.org/10.1136/thx.2009.121434" in first
    assert re.search(r"<mark>[^<]*(severity|pneumonia|CAP)", first)
    assert "dd-here" in first and first.count("<h4>") >= 2, "the passages before and after"
    # Asked in Chinese, the English passage's sentence is found by the words' English names.
    chinese = looked(house, "社区获得性肺炎首选什么抗生素", Chosen(sources=("British Thoracic Society",)), clinician, "zh")
    assert say("zh", "doctor_nothing") not in chinese
    assert say("zh", "doctor_outdated") in chinese and re.search(r"<mark>[^<]*pneumonia", chinese, re.I)


def test_what_was_replaced_stands_below_what_is_current_and_bears_on_it(house):
    mixed = 0
    for question in (PNEUMONIA, "antibiotics for pneumonia", "target blood pressure in diabetes", "when to treat atrial fibrillation"):
        hits = find(house.agent(), question, Chosen()).hits
        places = [(not hit.near, bool(hit.passage.superseded_by)) for hit in hits]
        assert places == sorted(places), question
        mixed += (False, False) in places and (False, True) in places
    assert mixed, "a question that both answer"


def test_an_empty_result_says_what_was_searched_and_which_filter_to_relax(house, clinician):
    shown = looked(house, PNEUMONIA, Chosen(specialties=("eye",), places=("GB",)), clinician, "en")
    assert say("en", "doctor_no_documents") in shown and say("en", "doctor_searched", passages=0, documents=0) in shown
    for name, count in (("specialties", 8), ("places", 17)):
        assert say("en", "doctor_without", filter=say("en", f"doctor_by_{name}"), count=count) in shown
    other = looked(house, PNEUMONIA, Chosen(specialties=("musculoskeletal",)), clinician, "en")
    assert say("en", "doctor_nothing") in other and say("en", "doctor_farther", count=10) in other
    assert "not a year" not in other and "is no year" in looked(house, "x", Chosen(since="20x0"), clinician, "en")
    with pytest.raises(InputError):
        admitted(shelf(house.agent().index), Chosen(since="2022", until="2020"))


def test_what_was_typed_is_escaped_and_who_may_not_is_refused_and_recorded(house, clinician):
    from types import SimpleNamespace

    from agent.accounts.types import Who
    from agent.app.staff.who import KEY

    assert "<script>" not in looked(house, "<script>alert(1)</script>", Chosen(since="<b>x"), clinician, "en")
    # A key of another scope: what its role may do is not what it may do.
    narrow = SimpleNamespace(request=SimpleNamespace(scope={KEY: Who("somebody", "clinician", frozenset({"own"}))}))
    before = house.db.audit.verify().entries
    assert looked(house, PNEUMONIA, Chosen(), narrow, "en") == looked(house, PNEUMONIA, Chosen(), narrow, "en")
    assert say("en", "doctor_refused") in laid(house, PNEUMONIA, BTS, ATS, narrow, "en")
    assert house.db.audit.verify().entries == before + 3


def test_two_guidelines_part_in_their_numbers_and_one_that_is_silent_is_said_to_be(house, clinician):
    found = compare(house.agent(), "How long should antibiotics be given for pneumonia?", BTS, ATS)
    times = next((one, other) for kind, one, other in found.numbers if kind == "time")
    assert "10 day" in times[0] and "5 day" in times[1]
    assert any("10 day" in pair.left_only and "5 day" in pair.right_only for pair in found.pairs)
    shown = laid(house, "How long should antibiotics be given for pneumonia?", BTS, ATS, clinician, "en")
    assert say("en", "doctor_compare_never") in shown and "NICE NG250" in shown and "2019" in shown and "2009" in shown
    silent = laid(house, "gout treatment with allopurinol", "place:GB", "place:US", clinician, "zh")
    assert say("zh", "doctor_silent", label="英国") in silent and say("zh", "doctor_differs") not in silent
    # A question in Chinese is not taken for silence where the English pages speak to it.
    chinese = laid(house, "痛风用别嘌醇", "place:GB", "place:US", clinician, "zh")
    assert say("zh", "doctor_silent", label="英国") in chinese and say("zh", "doctor_silent", label="美国") not in chinese
    assert "gout" in chinese.lower() and say("zh", "doctor_foreign") in chinese
    assert "Expected" in laid(house, "x", BTS, BTS, clinician, "en")


def test_the_same_time_in_another_unit_is_no_difference():
    from agent.app.doctor.comparing import _differing

    assert _differing("Give it for 14 days.", "Give it for 2 weeks or 14 days.") is None
    pair = _differing("Give 500 mg for 14 days.", "Give 250 mg for 2 weeks and 3 days.")
    assert pair is not None and pair.left_only[-1] == "500 mg" and "250 mg" in pair.right_only


def test_every_choice_of_a_side_means_documents(house):
    from agent.app.doctor.comparing import documents_of

    volumes = shelf(house.agent().index)
    found = choices(volumes, "en")
    assert len(found) > 100 and all(documents_of(volumes, value) for _, value in found)
    assert len({value for _, value in found}) == len(found)


def test_a_clinician_is_answered_with_claims_verdicts_spans_and_what_to_think_of(house, clinician):
    who = who_asks(clinician)
    asked = "72-year-old man, cough and fever for 3 days, no chest pain. What can it be?"
    turns = list(answered(house, who, asked, (), "", threading.Event(), "en"))
    assert len(turns) > 2 and not turns[0][0].over
    last, said = turns[-1]
    shown = answer_html(last, "en")
    assert last.over and last.banner and say("en", "differential_danger_heading") in last.text
    assert say("en", "doctor_supported") in shown and 'href="#dd-source-1"' in shown and 'id="dd-source-1"' in shown
    assert all(claim.quote in shown or "&" in claim.quote or "'" in claim.quote for claim in last.claims if claim.supported)
    assert "<mark>" in shown
    # What follows is understood by what was said; nothing of either is in the database.
    second = list(answered(house, who, "And if he is allergic to penicillin?", said, "", threading.Event(), "en"))[-1]
    assert len(second[1]) == 4
    with house.db.reading() as connection:
        from sqlalchemy import text

        assert connection.execute(text("SELECT count(*) FROM conversations")).scalar() == 0


def test_a_stopped_question_ends_and_nobody_else_asks(house, clinician):
    cancel = threading.Event()
    cancel.set()
    assert list(answered(house, who_asks(clinician), "How long does a cold last?", (), "", cancel, "en"))[-1][0].over
    from agent.accounts.types import Who

    with pytest.raises(AccessError):
        next(answered(house, Who("x", "clinician", frozenset({"own"})), "x", (), "", cancel, "en"))
