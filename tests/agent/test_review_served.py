"""Held answers and the review page on a real server: asked by the API, looked at by a clinician in a real chromium.

ANAMNESIS_SCREENSHOTS names a folder that keeps the pictures.
"""

from __future__ import annotations

import json
import shutil

import pytest

from agent.accounts import keys, people, sessions
from agent.accounts.types import Who
from agent.app.staff.who import COOKIE
from agent.records import consent, duty, review
from agent.records.holding import answer_ready
from agent.types import Answer, Claim, Triage
from tests.agent.api_served import serving
from tests.agent.app_browser import CHROMIUM, DESKTOP, FLAGS, PHONE, SHOTS, until

COLD = "I've had a runny nose and a sore throat for two days, no fever. Do I need antibiotics?"
COLD_ZH = "我流鼻涕、嗓子疼两天了，没有发烧，需要吃抗生素吗？"
CHEST = "My dad has had a heavy pressure on his chest for 40 minutes and he is grey and sweaty"
CRISIS = "I want to kill myself tonight"


@pytest.fixture(scope="module")
def house(api_agent, tmp_path_factory):
    with serving(api_agent, tmp_path_factory.mktemp("review"), hold=True) as found:
        found.clinician = Who(people.add(found.db, "doctor.a", "clinician", None, by="test").id, "clinician")
        with found.db.writing() as connection:
            found.token, _ = sessions.begin_in(found.db, connection, found.clinician.account, "clinician")
        yield found


@pytest.fixture
def on_duty(house):
    duty.begin(house.db, house.clinician)
    yield house.clinician
    duty.end(house.db, house.clinician)


def _asker(house, *kinds):
    """A client whose account agreed to `kinds`, and who it is."""
    key = house.key()
    who = keys.who_bears(house.db, key)
    for kind in kinds:
        consent.give_consent(house.db, who, kind)
    return house.client(key), who


def _ask(client, words=COLD, **more):
    told = client.post("/api/v1/ask", json={"text": words, "country": "GB", "intake": False, **more})
    assert told.status_code == 200, told.text
    return told.json()


def test_advice_waits_with_its_urgency_and_signs_and_comes_when_it_was_looked_at(house, on_duty):
    client, _ = _asker(house, "review")
    told = _ask(client)
    held = told["held"]
    assert held["turn"] == 1 and held["before"] == 0 and told["level"] == "self_care" and not told["kept"]
    assert "antibiotics do not" not in told["answer"].lower() and "When to get help" in told["answer"] and "999" in told["answer"]
    assert "**Look after yourself" in told["answer"] and "A clinician looks at this answer" in told["answer"]
    address = f"/api/v1/answers/{told['conversation']}/1"
    waits = client.get(address).json()
    assert waits["status"] == "waiting" and waits["answer"] == told["answer"] and waits["line"]
    other, _ = _asker(house, "review")
    assert other.get(address).status_code == 404 == client.get(address[:-1] + "2").status_code
    (row,) = review.queue(house.db, on_duty, reason="held")
    _, (turn,) = review.open_review(house.db, on_duty, row.id)
    assert turn.said == COLD and "antibiotics" in turn.answer.text.lower()
    assert review.approve(house.db, on_duty, row.id)
    given = client.get(address).json()
    assert given["status"] == "approved" and "antibiotics" in given["answer"].lower() and given["citations"][0]["passage"]
    assert client.post("/api/v1/ask", json={"text": "x" * 20_001}).status_code == 422


def test_a_stream_says_the_urgency_first_and_nothing_of_what_is_held(house, on_duty):
    client, who = _asker(house, "review", "keep")
    asked = {"model": "anamnesis", "stream": True, "store": True, "messages": [{"role": "user", "content": COLD}],
             "anamnesis": {"country": "GB", "intake": False}}  # fmt: skip
    lines = client.post("/v1/chat/completions", json=asked).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    said = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    own = next(chunk["anamnesis"] for chunk in chunks if "anamnesis" in chunk)
    assert next(filter(None, said)).startswith("**Look after yourself") and "A clinician looks at this" in "".join(said)
    assert own["kept"] and own["held"]["turn"] == own["turn"] == 1
    waiting = answer_ready(house.db, who, own["conversation"], 1)
    full = next(row for row in review.queue(house.db, on_duty, reason="held") if row.conversation == own["conversation"])
    _, turns = review.open_review(house.db, on_duty, full.id)
    own_words = [claim.text.rstrip(".") for claim in turns[-1].answer.claims]
    advice = [words for words in own_words if words not in waiting.answer.text]
    assert advice and not [text for text in advice if text in "".join(said)]
    assert not [text for text in advice if text in client.get("/api/v1/export").text], "nor does an export have it"
    client.post("/api/v1/erase", json={"conversation": own["conversation"]})
    assert client.get(f"/api/v1/answers/{own['conversation']}/1").status_code == 404


@pytest.mark.parametrize(
    ("words", "kinds"),
    [(COLD, ()), (CHEST, ("review",)), (CRISIS, ("review",)), ("What is asthma?", ("review",)), ("I burnt my finger on the kettle, what do I do?", ("review",))],
    ids=["no-consent", "emergency", "crisis", "no-symptom", "first-aid"],
)
def test_what_may_not_wait_does_not(house, on_duty, words, kinds):
    client, _ = _asker(house, *kinds)
    told = _ask(client, words)
    assert told["held"] is None and "A clinician looks at this" not in told["answer"]


def test_with_nobody_on_duty_nothing_waits(house):
    client, _ = _asker(house, "review")
    assert _ask(client)["held"] is None


@pytest.mark.parametrize("store", [False, True], ids=["private", "account"])
@pytest.mark.parametrize("agrees", [False, True], ids=["not-agreed", "agreed"])
def test_each_reason_gets_into_the_queue_from_a_real_turn_in_every_mode(house, monkeypatch, store, agrees):
    client, _ = _asker(house, "keep", *(["review"] if agrees else []))
    words = {"emergency": CHEST, "crisis": CRISIS, "low_support": "Can a cold cause a fever?", "sampled": "What is asthma?"}
    seen = {}
    for reason, text in words.items():
        with monkeypatch.context() as patch:
            patch.setattr("agent.api.turns.random.random", lambda reason=reason: 0.0 if reason == "sampled" else 0.99)
            if reason == "low_support":
                patch.setattr("agent.records.review.policy", _no_support)
            told = _ask(client, text, store=store)
        rows = [row for row in review.queue(house.db, house.clinician, most=1000) if row.conversation == told["conversation"]]
        seen[reason] = {row.reason for row in rows}
        kept = store and reason != "crisis"
        assert {row.turn for row in rows} == {1 if kept and agrees else 0}, "words are shown only where they are kept and it was agreed"
        assert told["kept"] is kept and rows[0].language == "en" and rows[0].level == told["level"]
        if kept:
            down = {"conversation": told["conversation"], "turn": told["turn"], "thumb": "down"}
            assert client.post("/api/v1/feedback", json=down).status_code == 200
            down_rows = [row for row in review.queue(house.db, house.clinician, reason="thumbed_down", most=1000)
                         if row.conversation == told["conversation"]]  # fmt: skip
            assert [row.turn for row in down_rows] == [1 if agrees else 0]
    assert seen["emergency"] == {"emergency"} and "crisis" in seen["crisis"] and seen["sampled"] == {"sampled"}
    assert seen["low_support"] == {"low_support"}


def _no_support():
    from dataclasses import replace

    from agent.records.keeping import policy

    return replace(policy(), support=1.1)


def test_what_cannot_be_queued_takes_no_emergency_answer_away(house, monkeypatch):
    from knowledge.errors import StoreError

    def broken(*given, **more):
        raise StoreError("full")

    monkeypatch.setattr("agent.api.turns.enqueue", broken)
    client, _ = _asker(house, "keep")
    assert _ask(client, CHEST)["level"] == "emergency"
    monkeypatch.setattr("agent.api.turns.keep_turn", broken)
    told = _ask(client, CHEST, store=True)
    assert told["level"] == "emergency" and not told["kept"]
    ordinary = client.post("/api/v1/ask", json={"text": COLD, "store": True, "intake": False})
    assert ordinary.status_code == 503


# In the browser.


@pytest.fixture(scope="module")
def browser(house, tmp_path_factory):
    pytest.importorskip("selenium", reason="selenium is not installed")
    found, driver = next(filter(None, map(shutil.which, CHROMIUM)), None), shutil.which("chromedriver")
    if not found or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    page.get(f"{house.url}/sign-in")
    page.add_cookie({"name": COOKIE, "value": house.token, "path": "/", "httpOnly": True, "sameSite": "Lax"})
    try:
        yield page
    finally:
        page.quit()


def _look(browser, url, size):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1,
                                                                   "mobile": size == PHONE})  # fmt: skip
    browser.get(url)
    until(lambda: _text(browser, "#rv-duty .st-card"), 60)


def _text(browser, css):
    return str(browser.execute_script("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", css))


def _press(browser, css):
    until(lambda: browser.execute_script("const e = document.querySelector(arguments[0]); return !!e && e.offsetParent !== null", css), 30)
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def _write(browser, css, words):
    browser.execute_script(
        "const box = document.querySelector(arguments[0]); Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')"
        ".set.call(box, arguments[1]); box.dispatchEvent(new Event('input', {bubbles: true})); box.dispatchEvent(new Event('blur'));",
        f"{css} textarea", words,
    )  # fmt: skip


def _picture(browser, name):
    if SHOTS:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        width = browser.execute_script("return window.innerWidth")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": min(height, 4000), "deviceScaleFactor": 1, "mobile": False})
        browser.save_screenshot(f"{SHOTS}/{name}.png")


@pytest.mark.browser
def test_a_clinician_goes_on_duty_reads_corrects_and_the_person_gets_it(house, browser):
    _look(browser, f"{house.url}/review/", DESKTOP)
    assert "not on duty" in _text(browser, "#rv-duty") and "written into the audit record" in _text(browser, "#rv-recorded")
    _press(browser, "#rv-begin")
    until(lambda: "You are on duty" in _text(browser, "#rv-duty"), 30)
    client, _ = _asker(house, "review")
    told = _ask(client)
    address = f"/api/v1/answers/{told['conversation']}/1"
    browser.execute_script("document.querySelector('#rv-beat').click()")
    until(lambda: "Answer held" in _text(browser, "#rv-held"), 30)
    _picture(browser, "review-list-en")
    before = len([entry for entry in house.db.audit.export() if entry.kind == "opened"])
    _press(browser, "#rv-held button[data-id]")
    until(lambda: "runny nose" in _text(browser, "#rv-reading"), 30)
    assert "not yet shown to its person" in _text(browser, "#rv-reading") and "Quoted span" in _text(browser, "#rv-reading")
    assert len([entry for entry in house.db.audit.export() if entry.kind == "opened"]) == before + 1
    assert browser.execute_script("return document.activeElement.tagName") == "H2"
    _picture(browser, "review-open-en")
    _write(browser, "#rv-corrected", "Antibiotics do not help a cold [1]. Ask for Mary Johnson on 07700 900123.")
    _press(browser, "#rv-correct")
    until(lambda: "Taken out before it is stored" in _text(browser, "#rv-preview"), 30)
    assert "900123" not in _text(browser, "#rv-preview") and client.get(address).json()["status"] == "waiting"
    _picture(browser, "review-preview-en")
    _press(browser, "#rv-correct")
    until(lambda: "Its person gets your answer now" in _text(browser, "#rv-told"), 30)
    given = client.get(address).json()
    assert given["status"] == "corrected" and "Antibiotics do not help a cold" in given["answer"] and "900123" not in given["answer"]
    assert "When to get help" in given["answer"]
    assert [each["message"] for each in browser.get_log("browser") if each["source"] == "javascript" and each["level"] == "SEVERE"] == []


@pytest.mark.browser
def test_in_chinese_on_a_phone_a_decided_one_is_told_and_a_wordless_one_is_approved(house, browser, on_duty):
    answer = Answer("crisis", "urgent", "", "zh", Triage("urgent"), claims=(Claim("x", True),), rules=("suicide-thought",))
    review.enqueue(house.db, "wordless", 0, ("crisis",), answer)
    client, _ = _asker(house, "review")
    told = _ask(client, COLD_ZH)
    assert "医生看过" in told["answer"]
    _look(browser, f"{house.url}/zh/review/", PHONE)
    until(lambda: "暂缓的回答" in _text(browser, "#rv-held"), 30)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1"), "nothing runs over the edge"
    _picture(browser, "review-list-zh-phone")
    _press(browser, "#rv-held button[data-id]")
    until(lambda: "流鼻涕" in _text(browser, "#rv-reading"), 30)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1")
    _picture(browser, "review-open-zh-phone")
    row = next(row for row in review.queue(house.db, on_duty, reason="held") if row.conversation == told["conversation"])
    review.approve(house.db, on_duty, row.id)
    _press(browser, "#rv-approve")
    until(lambda: "在您之前已有人作出决定" in _text(browser, "#rv-told"), 30)
    assert not browser.execute_script("const e = document.querySelector('#rv-approve'); return !!e && e.offsetParent !== null")
    _press(browser, "#rv-close")
    wordless = next(row for row in review.queue(house.db, on_duty, reason="crisis", most=1000) if row.conversation == "wordless")
    _press(browser, f"#rv-queue button[data-id='{wordless.id}']")
    until(lambda: "没有可显示的文字" in _text(browser, "#rv-reading"), 30)
    assert not browser.execute_script("const e = document.querySelector('#rv-corrected textarea'); return !!e && e.offsetParent !== null")
    _press(browser, "#rv-approve")
    until(lambda: "已认可" in _text(browser, "#rv-told"), 30)
