"""What is the person's own on the page: consent before anything, what is kept by it, thumbs, data taken away, leaving."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace

import pytest

from agent.accounts import people
from agent.accounts.sessions import begin_in
from agent.accounts.types import VISITOR, Who
from agent.app.handlers import Handlers
from agent.app.patient.acts import Acts, Asker
from agent.app.patient.consent import Form, agree, mode_of
from agent.app.patient.mydata import as_html, gathered
from agent.app.patient.screen import consent_html, mode_words
from agent.app.view import turn_html
from agent.config import Settings
from agent.database import open_ground
from agent.messages import messages, say
from agent.records import duty, review
from agent.records.consent import consents_of, withdraw_consent
from agent.records.conversations import mine, turns_of
from agent.records.keeping import policy
from agent.records.retention import Retention
from agent.types import Sentence, Urgency
from knowledge.places import duties
from tests.agent.app_desk import EMERGENCY, HOME, ask, begun, desks, done, scripted
from tests.agent.test_app_view import Tags

SECRET = "my knee hurts, write to mary@example.org"
SAFE = "my knee hurts"
CLINICIAN = Who(account="doctor", role="clinician")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor, banner="**Home**")]))
    with desks(tmp_path) as make:
        yield make()


@pytest.fixture
def patient(desk) -> Who:
    return Who(account=people.add(desk.db, "ann", "patient", None, by="test").id, role="patient")


def door(desk, who=VISITOR, **changes) -> tuple[Handlers, Acts, Asker]:
    settings = Settings(home=desk.db.home)
    acts = Acts(desk, settings)
    return Handlers(desk, acts, settings), acts, Asker(who, **({"token": "", "language": "en", "country": "GB"} | changes))


def stored(desk) -> str:
    """Everything that lies in the database's files, opened by its keys where it is sealed."""
    raw = b"".join(file.read_bytes() for file in desk.db.home.iterdir() if file.is_file()).decode("utf-8", "replace")
    return raw + "".join(str(entry.payload) for entry in desk.db.audit.export())


# Consent


def test_without_a_consent_nothing_is_read_and_the_page_says_whom_to_call(desk, monkeypatch):
    scripted(monkeypatch, lambda *told: pytest.fail("the message was read"))
    handlers, acts, asker = door(desk)
    (shown,) = handlers.ask(SECRET, asker, "patient")
    assert "999" in shown["consent"] and "consent-title" in shown["consent"] and "mary@" not in json.dumps(shown)
    held = desk.begin()
    (turn,) = ask(desk, held, SECRET, country="GB")
    assert turn.over and "999" in turn.note and not held.turns and not turn.said
    assert not held.state.messages
    refused = acts.do(replace(asker, token=held.token), {"act": "refuse", "health": True})
    assert "999" in (refused.consent or "") and not acts.agreed(replace(asker, token=held.token))
    # Ticking other boxes is not agreeing to this one.
    for form in ({}, {"review": True}, {"health": "yes"}, {"health": 1}):
        assert say("en", "patient_consent_fault_health") in (acts.do(asker, {"act": "agree"} | form).consent or "")
    assert not any(each.agreed for each in desk.open.all())


def test_who_agreed_to_other_words_is_asked_again(desk, patient, monkeypatch):
    held, kept = begun(desk), desk.begin(who=patient)
    agree(desk.db, patient, kept, Form(frozenset({"health"})), "GB")
    assert ask(desk, held, "x")[-1].text == ask(desk, kept, "x", who=patient)[-1].text == "fine"
    monkeypatch.setattr(duties, "consent_version", lambda: "2099-01")
    handlers, _, asker = door(desk, token=held.token)
    (shown,) = handlers.ask("y", asker, "patient")
    assert say("en", "patient_consent_again") in Tags(shown["consent"]).words
    assert not ask(desk, held, "y")[-1].answer and not ask(desk, kept, "y", who=patient)[-1].answer


def test_the_words_that_are_agreed_to_have_a_version():
    """Who agreed to these words is asked again when they change: raise `consent_version` in duties.toml, then this hash."""
    told = [messages(language)[name] for language in ("en", "zh") for name in sorted(messages("en"))
            if (name.startswith("patient_consent_") and "_fault_" not in name) or name == "notice"]  # fmt: skip
    told += [str(sorted(row.items())) for row in policy().consents.values()]
    found = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    assert (duties.consent_version(), found) == ("2026-11-23", WORDS)


WORDS = "91e0d13270c091da"


@pytest.mark.parametrize(("country", "age"), [("CN", 14), ("GB", 13), ("FR", 16), ("", 16)])
def test_below_the_age_of_the_place_a_guardian_agrees(desk, country, age):
    _, acts, asker = door(desk, country=country)
    page = Tags(acts.consent(asker, ask=True))
    assert say("en", "patient_consent_under", age=age) in page.words
    assert not [box for box in page.all("input") if "checked" in box], "nothing is ticked beforehand"
    alone = acts.do(asker, {"act": "agree", "health": True, "under": True})
    assert alone.token is None and say("en", "patient_consent_fault_guardian", age=age) in Tags(alone.consent or "").words
    assert {box["name"] for box in Tags(alone.consent or "").all("input") if "checked" in box} == {"health", "under"}
    together = acts.do(asker, {"act": "agree", "health": True, "under": True, "guardian": True})
    held = desk.open.find(together.token or "")
    (given,) = consents_of(desk.db, Who(holds=frozenset({held.state.id})), conversation=held.state.id)
    assert given.kind == "health" and given.guardian and given.country == country
    grown = acts.do(asker, {"act": "agree", "health": True})
    assert not desk.open.find(grown.token).guardian


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_screen_says_all_of_it_and_the_law_of_the_place(language):
    keeps = Retention({"anonymous": {"default": 7}})
    page = Tags(consent_html(language, "CN", Settings(), keeps, who=Who()))
    for name in ("notice", "research_preview", "patient_consent_done_here", "patient_consent_kept_never", "patient_consent_back"):
        assert say(language, name).replace("**", "") in page.words, name
    assert "120" in page.words and "7" in page.words and duties.duties("CN", "consent")[0].says[language] in page.words
    assert "**" not in page.words and page.depth == 0
    boxes = {box["name"] for box in page.all("input")}
    assert boxes == {"health", "review", "training", "under", "guardian"}, "a visitor has nothing to find a kept chat again with"
    account = Tags(consent_html(language, "", Settings(), keeps, who=Who(account="a", role="patient")))
    assert "keep" in {box["name"] for box in account.all("input")} and "911" in account.words
    far = Settings(engine="openai", base_url="https://models.example.org/v1")
    assert "models.example.org" in Tags(consent_html(language, "", far, keeps, who=Who())).words
    near = Settings(engine="openai", base_url="http://127.0.0.1:8000/v1")
    assert say(language, "patient_consent_done_here") in Tags(consent_html(language, "", near, keeps, who=Who())).words


# What is kept


@pytest.mark.parametrize(
    ("account", "kinds", "mode"),
    [
        ("", "", "private"), ("", "health", "private"), ("", "health keep", "private"), ("", "health review", "anonymous"),
        ("", "health training", "private"), ("a", "health", "private"), ("a", "health review training", "private"),
        ("a", "health keep", "account"), ("a", "keep review", "account"),
    ],
)  # fmt: skip
def test_what_was_agreed_to_decides_how_a_chat_is_kept(account, kinds, mode):
    assert mode_of(Who(account=account, role="patient" if account else "visitor"), frozenset(kinds.split())) == mode


def test_by_default_no_word_of_a_visitor_reaches_the_disk(desk):
    held = begun(desk)
    turn = ask(desk, held, SECRET)[-1]
    assert turn.text == "fine" and turn.kept == 0 and SAFE in held.state.messages[0].text
    assert SAFE not in stored(desk) and "fine" not in stored(desk)
    (record,) = desk.db.audit.export(conversation=held.state.id)
    assert record.payload == {"kind": "answer", "level": "self_care", "rules": []}
    assert mode_words("en", Retention({}), held.mode) == say("en", "patient_mode_private")


def test_a_visitor_who_lets_a_clinician_read_is_kept_without_names_and_gone_when_it_is_taken_back(desk):
    held = begun(desk, "review")
    turn = ask(desk, held, SECRET)[-1]
    owner = Who(holds=frozenset({held.state.id}))
    (kept,) = mine(desk.db, owner)
    assert kept.mode == "anonymous" and turn.kept == 1
    (first,) = turns_of(desk.db, owner, held.state.id)
    assert SAFE in first.said and "mary@" not in first.said
    _, acts, asker = door(desk, token=held.token)
    done_so = acts.do(asker, {"act": "withdraw:review"})
    assert say("en", "patient_data_taken_back_erased") in Tags(done_so.data or "").words and not mine(desk.db, owner)
    assert SAFE not in stored(desk)
    assert ask(desk, held, "and now?")[-1].text == "fine" and not mine(desk.db, owner), "the chat goes on and is not kept"


def test_an_account_keeps_what_it_agreed_to_and_nothing_before(desk, patient):
    held = desk.begin(who=patient)
    agree(desk.db, patient, held, Form(frozenset({"health"})), "")
    ask(desk, held, SECRET, who=patient)
    assert not mine(desk.db, patient)
    _, acts, asker = door(desk, patient, token=held.token)
    assert say("en", "patient_data_agreed") in Tags(acts.do(asker, {"act": "give:keep"}).data or "").words
    assert ask(desk, held, "second", who=patient)[-1].kept == 1
    assert [kept.mode for kept in mine(desk.db, patient)] == ["account"]
    withdraw_consent(desk.db, patient, "health")  # elsewhere, by the API
    assert not ask(desk, held, "third", who=patient)[-1].answer and not mine(desk.db, patient)


def test_a_crisis_takes_away_what_was_kept_and_asks_for_nothing_again(desk, monkeypatch):
    held = begun(desk, "review")
    owner = Who(holds=frozenset({held.state.id}))
    ask(desk, held, SECRET)
    assert mine(desk.db, owner)
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter(
        [done(state, message, redactor, kind="crisis", level="urgent", rules=("self-harm",))]))  # fmt: skip
    turn = ask(desk, held, "I want to end it")[-1]
    assert turn.rule == "crisis" and not mine(desk.db, owner) and "patient_leave_here" not in turn_html(turn)
    assert "Leave at once" in Tags(turn_html(turn)).words
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    assert ask(desk, held, "and my knee")[-1].text == "fine", "nobody in a crisis is asked to tick boxes again"
    assert not mine(desk.db, owner) and "end it" not in stored(desk) and "my knee" not in stored(desk)


def test_abuse_leaves_no_history_from_then_on(desk, monkeypatch, patient):
    held = desk.begin(who=patient)
    agree(desk.db, patient, held, Form(frozenset({"health", "keep"})), "")
    for rules in (("abuse",), ()):
        scripted(monkeypatch, lambda state, message, redactor, cancel, rules=rules: iter(
            [done(state, message, redactor, rules=rules)]))  # fmt: skip
        turn = ask(desk, held, "he hits me", who=patient)[-1]
        assert turn.kept == 0 and not mine(desk.db, patient)
    _, acts, asker = door(desk, patient, token=held.token)
    assert "nobody who looks at this device" in acts.mode(asker)


# Withdrawn, erased, left


def test_withdrawing_ends_the_chat_and_erases_it(desk, patient):
    for who, kinds in ((Who(), ("review",)), (patient, ("keep",))):
        held = desk.begin(who=who)
        agree(desk.db, who, held, Form(frozenset({"health", *kinds})), "")
        ask(desk, held, SECRET, who=who)
        handlers, acts, asker = door(desk, who, token=held.token)
        shown = handlers.act(json.dumps({"act": "withdraw:health"}), asker)
        assert say("en", "patient_data_withdrawn") in Tags(shown["consent"]).words and shown["token"] == ""
        assert shown["past"] == shown["now"] == "" and desk.open.find(held.token) is None
        assert not mine(desk.db, who if who.account else Who(holds=frozenset({held.state.id})))
        assert not acts.agreed(replace(asker, token=""))
    assert SAFE not in stored(desk)


def test_leaving_while_an_answer_is_written_leaves_nothing(desk, monkeypatch):
    began, left = threading.Event(), threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        began.set()
        assert left.wait(timeout=10)
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    held = begun(desk, "review")
    asking = threading.Thread(target=lambda: ask(desk, held, SECRET))
    asking.start()
    assert began.wait(timeout=10)
    desk.leave(held.token)
    assert held.cancel.is_set() and desk.open.find(held.token) is None
    left.set()
    asking.join(timeout=10)
    assert not mine(desk.db, Who(holds=frozenset({held.state.id}))) and SAFE not in stored(desk)
    desk.leave("nobody's")


def test_erasing_one_chat_leaves_the_others_and_everything_is_everything(desk, patient):
    ids = []
    for _ in range(3):
        held = desk.begin(who=patient)
        agree(desk.db, patient, held, Form(frozenset({"health", "keep"})), "")
        ask(desk, held, SECRET, who=patient)
        ids.append(held.state.id)
    stranger = begun(desk, "review")
    ask(desk, stranger, SECRET)
    handlers, acts, asker = door(desk, patient, token=held.token)
    handlers.act(json.dumps({"act": f"erase:{ids[0]}"}), asker)
    assert {kept.id for kept in mine(desk.db, patient)} == set(ids[1:])
    foreign = acts.do(asker, {"act": f"erase:{stranger.state.id}"})
    assert mine(desk.db, Who(holds=frozenset({stranger.state.id})))
    assert say("en", "patient_data_failed") in Tags(foreign.data or "").words
    acts.do(asker, {"act": "erase"})
    assert {kept.id for kept in mine(desk.db, patient)} == {ids[1]} and desk.open.find(held.token) is None
    gone = acts.do(replace(asker, token=""), {"act": "erase-all"})
    assert not mine(desk.db, patient) and not consents_of(desk.db, patient) and gone.consent
    assert mine(desk.db, Who(holds=frozenset({stranger.state.id}))), "somebody else's"


def test_a_page_of_one_who_signed_out_is_not_gone_on_with(desk, patient):
    held = desk.begin(who=patient)
    agree(desk.db, patient, held, Form(frozenset({"health", "keep"})), "")
    ask(desk, held, SECRET, who=patient)
    handlers, _, asker = door(desk, token=held.token)
    assert SAFE not in json.dumps(handlers.act(json.dumps({"act": "data"}), asker))
    (shown,) = handlers.ask("and now?", asker, "patient")
    assert say("en", "patient_signed_out") in Tags(shown["consent"]).words and mine(desk.db, patient)
    fresh, _, own = door(desk, patient)
    assert any("fine" in str(each.get("now")) for each in fresh.ask("again", own, "patient")), "who agreed is not asked twice"


def test_a_new_chat_of_the_page_needs_no_second_consent_and_is_kept_by_none(desk):
    held = begun(desk, "review", country="GB")
    handlers, _, asker = door(desk, token=held.token)
    shown = handlers.begin_anew(asker)
    later = desk.open.find(shown["token"])
    assert shown["consent"] == "" and desk.open.find(held.token) is None and later is not None
    assert ask(desk, later, SECRET)[-1].text == "fine" and SAFE not in stored(desk)
    assert say("en", "patient_mode_private").replace("**", "") in Tags(shown["mode"]).words


# Asked again, thumbs, data


def test_asked_again_it_is_the_same_question_from_the_same_place(desk, monkeypatch):
    seen = []

    def script(state, message, redactor, cancel):
        seen.append((message, len(state.messages)))
        yield done(state, message, redactor, text=f"answer {len(seen)}")

    scripted(monkeypatch, script)
    held = begun(desk)
    handlers, _, asker = door(desk, token=held.token)
    for message in ("first", SECRET):
        list(handlers.ask(message, asker, "patient"))
    shown = list(handlers.retry(asker, "patient"))
    assert seen == [("first", 0), (SECRET, 2), (SECRET, 2)]
    assert "answer 3" in shown[-1]["now"] and "answer 2" not in shown[0]["past"] and "box" not in shown[0]
    assert [turn.number for turn in held.turns] == [1, 3] and len(held.state.messages) == 4
    assert "once-more" in shown[-1]["now"] and "once-more" not in shown[0]["past"]
    assert not list(door(desk)[0].retry(Asker(Who(), "unknown", "en", ""), "patient"))


def test_a_thumb_stands_beside_a_kept_answer_with_redacted_words(desk):
    held = begun(desk, "review")
    ask(desk, held, SECRET)
    handlers, _, asker = door(desk, token=held.token)
    shown = handlers.act(json.dumps({"act": "thumb", "turn": 1, "thumb": -1}), asker)
    assert say("en", "patient_thumb_why") in Tags(shown["now"]).words
    told = {"act": "thumb", "turn": 1, "thumb": -1, "sure": True, "reason": "wrong", "words": "ask mary@example.org"}
    words = Tags(handlers.act(json.dumps(told), asker)["now"]).words
    assert say("en", "patient_thumb_thanks_review") in words and say("en", "patient_thumb_why") not in words
    (turn,) = turns_of(desk.db, Who(holds=frozenset({held.state.id})), held.state.id)
    assert turn.thumb == -1 and say("en", "patient_thumb_reason_wrong") in turn.thumb_reason
    assert "[EMAIL-" in turn.thumb_reason and "mary" not in turn.thumb_reason
    assert [row.reason for row in review.queue(desk.db, CLINICIAN)] == ["thumbed_down"]


def test_where_nothing_is_kept_a_thumb_says_level_rules_and_no_words(desk, monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter(
        [done(state, message, redactor, rules=("cold-home",))]))  # fmt: skip
    held = begun(desk)
    ask(desk, held, SECRET)
    handlers, _, asker = door(desk, token=held.token)
    words = Tags(handlers.act(json.dumps({"act": "thumb", "turn": 1, "thumb": -1, "words": "secret words"}), asker)["now"]).words
    assert say("en", "patient_thumb_outline") in words
    rows = [row for row in review.queue(desk.db, CLINICIAN) if row.reason == "thumbed_down"]
    assert [(row.turn, row.level, row.rules) for row in rows] == [(0, "self_care", ("cold-home",))]
    assert "secret words" not in stored(desk)
    for bad in ({"turn": 9, "thumb": 1}, {"turn": 1, "thumb": 7}, {"turn": "x", "thumb": 1}, {}):
        assert "now" not in handlers.act(json.dumps({"act": "thumb"} | bad), asker)


def test_my_data_is_all_of_it_and_says_that_a_program_wrote_it(desk, patient):
    held = desk.begin(who=patient)
    agree(desk.db, patient, held, Form(frozenset({"health", "keep"})), "GB")
    ask(desk, held, SECRET, who=patient)
    other = begun(desk, "review")
    ask(desk, other, "somebody else's cough")
    found = gathered(desk.db, patient, held)
    told = json.dumps(found, ensure_ascii=False)
    assert SAFE in told and "mary@" not in told and "cough" not in told
    assert found["ai_generated"] is True and found["label"]["zh"] == duties.label("zh") and found["content_number"]
    assert found["conversations"][0]["turns"][0]["ai_generated"] is True
    assert [each["kind"] for each in found["consents"]] == ["health", "keep"]
    for language in ("en", "zh"):
        page = Tags(as_html(found, language).decode())
        assert duties.label(language) in page.words and SAFE in page.words and not page.all("script")
        named = {meta.get("name"): meta.get("content") for meta in page.all("meta")}
        assert named["ai-generated"] == "true" and named["content-number"] == found["content_number"]
    visitor = gathered(desk.db, Who(), other)
    assert "cough" in json.dumps(visitor) and SAFE not in json.dumps(visitor) and visitor["account"] is None


def test_every_answer_has_its_label_and_a_held_one_says_so_under_its_banner():
    from tests.agent.test_app_view import answered

    turn = replace(answered(), held="A clinician looks at this first.")
    html, page = turn_html(turn), Tags(turn_html(turn))
    assert duties.label("en") in page.words and page.tags[0][1]["data-ai-generated"] == "true"
    assert html.index("</aside>") < html.index("A clinician looks") < html.index('class="body"')
    assert duties.label("en") not in Tags(turn_html(replace(turn, status="writing"))).words


def test_what_cannot_be_read_from_the_database_does_not_hold_back_an_emergency(desk, monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter(
        [Urgency(EMERGENCY, "**Call 999**"), done(state, message, redactor, kind="emergency", triage=EMERGENCY)]))  # fmt: skip
    held = begun(desk)
    desk._db = open_ground(Settings(home=desk.db.home, database="sqlite:////proc/nowhere/x.db"))
    assert any("999" in turn.banner for turn in ask(desk, held, "my chest"))


def test_a_held_answer_waits_under_its_urgency_and_comes_when_a_clinician_has_read_it(tmp_path, monkeypatch):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter(
        [Urgency(HOME, "**Home**"), Sentence("Rest a day."), done(state, message, redactor, text="Rest a day.", banner="**Home**")]))  # fmt: skip
    with desks(tmp_path, hold=True) as make:
        desk = make()
        doctor = Who(account=people.add(desk.db, "doctor", "clinician", None, by="test").id, role="clinician")
        with desk.db.writing() as connection:
            begin_in(desk.db, connection, doctor.account, "clinician")
        duty.begin(desk.db, doctor)
        unread = begun(desk)
        assert ask(desk, unread, SECRET)[-1].text == "Rest a day.", "who did not agree that it is read does not wait"
        held = begun(desk, "review")
        turns = ask(desk, held, SECRET)
        turn, words = turns[-1], Tags(turn_html(turns[-1])).words
        assert "Rest a day" not in "".join(each.text for each in turns) and turn.waits and turn.held in words
        assert "Home" in words and words.index("Home") < words.index(turn.held[:20])
        handlers, _, asker = door(desk, token=held.token)
        assert "now" not in handlers.act(json.dumps({"act": "look"}), asker) or held.turns[-1].waits
        (row,) = [row for row in review.queue(desk.db, doctor) if row.reason == "held"]
        review.approve(desk.db, doctor, row.id)
        shown = handlers.act(json.dumps({"act": "look"}), asker)
        assert "Rest a day." in shown["now"] and "data-waits" not in shown["now"] and not held.turns[-1].waits
        assert "Rest a day." in held.state.messages[-1].text
        ask(desk, held, "and my other knee")
        desk.leave(held.token)
        assert "other knee" not in stored(desk) and not [row for row in review.queue(desk.db, doctor) if row.reason == "held"]


@pytest.mark.parametrize("form", ["markdown", "pdf", "print"])
def test_the_page_for_the_doctor_says_in_words_and_to_machines_that_a_program_wrote_it(desk, form):
    if form == "pdf":
        pytest.importorskip("reportlab", reason="reportlab is not installed")
    held = begun(desk)
    ask(desk, held, f"{SECRET} <script>")
    _, _, data = desk.paper(held.token, form)
    if form == "pdf":
        pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed")
        document = pdfium.PdfDocument(data)
        assert "ai-generated: true" in document.get_metadata_dict()["Keywords"]
        data = document[0].get_textpage().get_text_bounded().encode()
    told = data.decode()
    assert "(AI" in told.replace("\\", "") and SAFE in told and "mary@" not in told
    if form != "pdf":
        assert ("ai-generated: true" if form == "markdown" else 'data-ai-generated="true"') in told
        assert "<script" not in told.replace("\\<", "")
