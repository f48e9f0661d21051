"""Held advice and a signed-in patient as they meet them: the page in a real chromium, a clinician on duty beside it.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import json

import pytest

from agent.accounts import people
from agent.accounts.sessions import begin_in
from agent.accounts.types import Who
from agent.app.patient.consent import standing
from agent.app.staff.who import COOKIE
from agent.messages import say
from agent.records import duty, review
from agent.records.conversations import mine, turns_of
from agent.types import SafeText
from tests.agent.api_served import serving
from tests.agent.app_browser import CHEST, COLD, DESKTOP, PHONE, Page, chrome, shots, until

__all__ = ("chrome", "shots")
pytestmark = pytest.mark.browser
ADVICE = {"en": "antibiotics do not", "zh": "抗生素"}
HEEL = "My heel hurts for the first steps every morning, for three weeks now. What helps?"
OWN_WORDS = {"en": "No antibiotics: rest, drink, and ring us on Friday if it is no better.",
             "zh": "不用吃抗生素：休息、多喝水，周五还不好就来电话。"}  # fmt: skip


@pytest.fixture(scope="module")
def house(api_agent, chrome, tmp_path_factory):
    pytest.importorskip("gradio", reason="gradio is not installed")
    with serving(api_agent, tmp_path_factory.mktemp("held"), chat=True, hold=True) as served:
        served.clinician = Who(people.add(served.db, "doctor.h", "clinician", None, by="test").id, "clinician")
        with served.db.writing() as connection:
            begin_in(served.db, connection, served.clinician.account, "clinician")
        served.tab = Page(served.url, chrome, tmp_path_factory.mktemp("profile"), DESKTOP, "en-GB", agree=False)
        yield served
        complaints = served.tab.complaints()
        served.tab.driver.quit()
        assert not complaints


@pytest.fixture
def on_duty(house):
    duty.begin(house.db, house.clinician)
    yield house.clinician
    duty.end(house.db, house.clinician)


def _said(tab, language):
    """What the page answers, without the question."""
    return tab.now().replace(COLD[language], "").lower()


def _opened(house, language, size, *kinds, session="", agree=True):
    """The page as somebody new, or as who bears the session."""
    tab = house.tab
    tab.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})  # fmt: skip
    tab.leave(house.url)
    tab.driver.delete_all_cookies()
    if session:
        tab.driver.add_cookie({"name": COOKIE, "value": session, "path": "/"})
    tab.run("localStorage.setItem('anamnesis', arguments[0])", json.dumps({"language": language}))
    tab.driver.get(house.url)
    until(lambda: tab.run("return document.querySelector('fieldset[aria-label]') !== null"), 30)
    if agree:
        until(lambda: say(language, "patient_consent_title") in tab.one("#consent").text, 30)
        tab.agree(*kinds)
    return tab


@pytest.mark.parametrize(("language", "size"), [("en", DESKTOP), ("zh", PHONE)])
def test_advice_waits_under_its_level_and_comes_by_itself(house, on_duty, shots, language, size):
    tab = _opened(house, language, size, "review")
    tab.ask(COLD[language])
    told = _said(tab, language)
    assert ADVICE[language] not in told and tab.run("return document.querySelector('#now .held[data-waits]') !== null")
    assert tab.run("return document.querySelector('#now aside.banner') !== null"), "the level does not wait"
    assert say(language, "safety_heading").lower() in told, "nor do the signs"
    assert tab.sideways() <= 0
    tab.shot(f"held-waits-{language}-{size[0]}", shots)
    (row,) = review.queue(house.db, on_duty, reason="held")
    assert review.approve(house.db, on_duty, row.id)
    until(lambda: ADVICE[language] in _said(tab, language), 60, tab.now)
    assert say(language, "review_held_approved").strip("*") in tab.now()
    assert not tab.run("return document.querySelector('#chat .held[data-waits]') !== null")
    tab.shot(f"held-came-{language}-{size[0]}", shots)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_clinician_wrote_instead_is_shown_as_theirs(house, on_duty, language):
    tab = _opened(house, language, DESKTOP, "review")
    tab.ask(COLD[language])
    (row,) = review.queue(house.db, on_duty, reason="held")
    assert review.correct(house.db, on_duty, row.id, SafeText(OWN_WORDS[language]))
    until(lambda: OWN_WORDS[language].rstrip(".。") in tab.now(), 60, tab.now)
    assert say(language, "review_held_corrected").strip("*") in tab.now()
    assert tab.run("return document.querySelector('#now aside.banner') !== null")


def test_an_emergency_does_not_wait_and_who_did_not_agree_neither(house, on_duty):
    tab = _opened(house, "en", DESKTOP, "review")
    told = tab.ask(CHEST["en"])
    assert tab.banner().get_attribute("role") == "alert" and "data-waits" not in tab.run("return document.querySelector('#chat').innerHTML")
    assert "emergency" in told.lower()
    tab = _opened(house, "en", DESKTOP)
    assert ADVICE["en"] in tab.ask(COLD["en"]).lower()
    assert not review.queue(house.db, on_duty, reason="held")


def test_with_nobody_on_duty_the_answer_is_there(house):
    tab = _opened(house, "en", DESKTOP, "review")
    assert ADVICE["en"] in tab.ask(COLD["en"]).lower()


def test_when_the_clinician_leaves_the_answer_comes_and_says_that_nobody_read_it(house):
    duty.begin(house.db, house.clinician)
    tab = _opened(house, "en", DESKTOP, "review")
    assert ADVICE["en"] not in tab.ask(COLD["en"]).lower()
    duty.end(house.db, house.clinician)
    until(lambda: ADVICE["en"] in tab.now().lower(), 60, tab.now)
    assert "Not reviewed: no clinician looked at this answer in time." in tab.now()


def test_a_signed_in_patient_agrees_once_and_finds_what_was_kept(house, tmp_path):
    account = people.add(house.db, "patient.h", "patient", None, by="test")
    with house.db.writing() as connection:
        session = begin_in(house.db, connection, account.id, "patient")[0]
    who = Who(account.id, "patient")
    tab = _opened(house, "en", DESKTOP, "keep", session=session)
    tab.ask(HEEL)
    (kept,) = mine(house.db, who)
    assert len(turns_of(house.db, who, kept.id)) == 1 and "keep" in standing(house.db, who, None)
    # The same person in a new tab: nothing to agree to again, a new chat of their own.
    tab = _opened(house, "en", PHONE, session=session, agree=False)
    until(lambda: tab.one("#message textarea").is_displayed(), 20)
    assert not tab.run("return (document.querySelector('#consent .agree') || {offsetParent: null}).offsetParent !== null")
    tab.ask(CHEST["en"])
    assert {len(turns_of(house.db, who, each.id)) for each in mine(house.db, who)} == {1} and len(mine(house.db, who)) == 2
    tab.press("#bar [data-act=data]")
    until(lambda: say("en", "patient_data_account") in tab.one("#data").text, 10)
    assert tab.sideways() <= 0
    # Somebody else at the same browser sees none of it, and erases none of it.
    tab = _opened(house, "en", DESKTOP)
    tab.press("#bar [data-act=data]")
    until(lambda: tab.one("#data").text.strip() != "", 10)
    assert "My heel" not in tab.run("return document.body.innerText") and say("en", "patient_data_account") not in tab.one("#data").text
    assert len(mine(house.db, who)) == 2
