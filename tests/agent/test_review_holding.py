"""Answers that wait for a clinician: which do, what is never withheld, how they come, and that nothing of them stays; both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from agent.accounts import people, sessions
from agent.accounts.types import Who
from agent.privacy import Redactor
from agent.records import (
    consent,
    conversations,
    corrections,
    duty,
    erasure,
    feedback,
    holding,
    interim,
    release,
    retention,
    review,
)
from agent.records.holding import Terms
from agent.records.types import Held, Keeping
from agent.records.waiting import waiting
from agent.store import reading
from agent.types import Answer, Citation, Claim, ConversationState, FiredRule, Message, Triage
from knowledge.errors import AccessError, InputError

OPEN = Terms(on=True, duty=True, consent=True)
KEPT = Keeping(True, "", 1)
_RULE = FiredRule("cough", "routine", "a cough", "see", "ours", "https://example.org", 2025)
_TRIAGE = Triage("routine", (_RULE,), "why", has_symptom=True)
NET = "**When to get help**\n- You cough blood [2]."
TEXT = f"Violet kettle syrup helps [1].\n\n{NET}\n\nTell me this too, it could change the advice:\n\n- How old are you?"


def _cite(key):
    return Citation(key, f"p{key}", "cold", "Colds", "ours", "https://example.org", "2025", "quoted", "Most coughs last three weeks.")


def _answer(*, kind="answer", level="routine", symptom=True, said=TEXT, rules=("cough",)):
    claims = (Claim("Violet kettle syrup helps.", True, "1", "q"), Claim("You cough blood.", True, "2", "q"))
    triage = replace(_TRIAGE, level=level, has_symptom=symptom)
    return Answer(kind, level, said, "en", triage, (_cite("1"), _cite("2")), claims, banner="**Book a visit**", rules=rules)


@pytest.mark.parametrize(
    ("terms", "answer", "keeping", "first_aid", "waits"),
    [
        ({}, {}, KEPT, False, True),
        ({}, {"level": "self_care"}, KEPT, False, True),
        ({}, {"level": "unclear"}, KEPT, False, True),
        ({"on": False}, {}, KEPT, False, False),
        ({"duty": False}, {}, KEPT, False, False),
        ({"consent": False}, {}, KEPT, False, False),
        ({"clinician": True}, {}, KEPT, False, False),
        ({}, {"level": "urgent"}, KEPT, False, False),
        ({}, {"level": "emergency", "kind": "emergency"}, KEPT, False, False),
        ({}, {"level": "emergency"}, KEPT, False, False),
        ({}, {"kind": "crisis", "level": "urgent"}, Keeping(False, "crisis"), False, False),
        ({}, {"symptom": False, "level": "self_care"}, KEPT, False, False),
        ({}, {"kind": "clarify", "level": "unclear"}, KEPT, False, False),
        ({}, {"kind": "refusal"}, KEPT, False, False),
        ({}, {"kind": "out_of_scope"}, KEPT, False, False),
        ({}, {"kind": "not_found"}, KEPT, False, False),
        ({}, {}, Keeping(False, "abuse"), False, False),
        ({}, {}, KEPT, True, False),
    ],
)
def test_what_is_held(terms, answer, keeping, first_aid, waits):
    assert holding.holds(replace(OPEN, **terms), _answer(**answer), keeping, first_aid=first_aid) is waits


def test_meanwhile_the_urgency_the_signs_and_the_questions_are_shown_and_the_advice_is_not():
    held = Held(1, "2026-11-22T10:00:00.000+00:00", "2026-11-22T10:30:00.000+00:00", 2)
    shown = interim.meanwhile(_answer(), held, country="GB")
    assert shown.banner == "**Book a visit**" and shown.level == "routine" and NET in shown.text and "How old are you?" in shown.text
    assert "Violet" not in shown.text and [each.key for each in shown.citations] == ["2"] and [each.key for each in shown.claims] == ["2"]
    assert "10:00 UTC" in shown.text and "10:30 UTC" in shown.text and "2 before you" in shown.text and "999" in shown.text
    caution = _answer(said=f"Do not stop the tablets on your own.\n\n{TEXT}", rules=("cough", "own-dose"))
    assert "Do not stop the tablets" in interim.meanwhile(caution, held, country="").text, "a caution may not wait"
    assert interim.waiting_line(held, "en", now="2026-11-22T10:05:30.000+00:00").startswith("A clinician looks at this answer. It has waited for 5 min")
    chinese = replace(_answer(said="止咳糖浆有用[1]。\n\n**什么情况要就医**\n- 咳血[2]。"), language="zh")
    assert "咳血" in interim.meanwhile(chinese, held, country="CN").text and "糖浆" not in interim.meanwhile(chinese, held, country="CN").text


def test_a_corrected_answer_keeps_the_signs_and_a_raised_level_its_banner():
    given = interim.released(_answer(), "corrected", country="GB", corrected="Honey helps [1].", raised="urgent")
    assert "Honey helps" in given.text and NET in given.text and "Violet" not in given.text and "changed it" in given.text
    assert given.level == "urgent" == given.triage.level and "today" in given.banner and "clinician" in given.banner
    state = ConversationState("c", "en", messages=(Message("user", "x"), Message("assistant", interim.shown(_answer()))), triage=_TRIAGE)
    after = interim.taken_up(state, _answer(), given)
    assert after.messages[1].text == interim.shown(given) and after.triage.level == "urgent" == after.triage.floor
    alarm = interim.released(_answer(), "approved", country="GB", raised="emergency")
    assert alarm.kind == "emergency" and "999" in alarm.banner
    assert interim.higher("routine") == ("urgent", "emergency") and interim.higher("emergency") == ()
    assert interim.higher("unclear") == ("routine", "urgent", "emergency")


def _safe(words):
    return Redactor(date(2026, 11, 22)).redact(words)


def _person(db, name, role="patient", *kinds):
    who = Who(people.add(db, name, role, None, by="test").id, role)
    for kind in kinds:
        consent.give_consent(db, who, kind)
    return who


def _on_duty(db, name="doctor.a"):
    who = _person(db, name, "clinician")
    with db.writing() as connection:
        token, _ = sessions.begin_in(db, connection, who.account, "clinician")
    duty.begin(db, who)
    return who, token


def _hold(db, who, id_="c1", *, kept, turn=1):
    state = ConversationState(id_, "en", messages=(Message("user", "my violet cough"), Message("assistant", interim.shown(_answer()))), triage=_TRIAGE)
    if kept:
        conversations.keep_turn(db, who, state, _safe("my violet cough"), _answer(), mode="account")
    held, _ = holding.hold(db, who, id_, turn, _safe("my violet cough"), _answer(), kept=kept, country="GB",
                           earlier=(Message("user", "before that"),), minutes=30)  # fmt: skip
    return held


def _words(db):
    """Every stored word there is a key for, and the raw rows."""
    with reading(db.engine) as connection:
        held = connection.execute(text("SELECT body FROM held WHERE body IS NOT NULL")).scalars().all()
        keys = connection.execute(text("SELECT conversation FROM conversation_keys WHERE conversation LIKE 'held:%'")).scalars().all()
    return held, keys


@pytest.mark.parametrize("kept", [True, False])
def test_an_answer_waits_is_approved_and_comes(ground, kept):
    who, (clinician, _) = _person(ground, "patient.a", "patient", "review", "keep"), _on_duty(ground)
    _hold(ground, who, kept=kept)
    ground.clock.forward(minutes=4)
    ready = holding.answer_ready(ground, who, "c1", 1)
    assert (ready.status, ready.held.before) == ("waiting", 0) and "Violet" not in ready.answer.text and "4 min" in ready.line
    if kept:
        (turn,) = conversations.turns_of(ground, who, "c1")
        assert "Violet" not in turn.answer.text and "Violet" not in conversations.state_of(ground, who, "c1").messages[-1].text
    (row,) = review.queue(ground, clinician, reason="held")
    opened, turns = review.open_review(ground, clinician, row.id)
    assert opened.readable and turns[-1].said == "my violet cough" and "Violet" in turns[-1].answer.text
    assert [each.text for each in turns[-1].earlier] == ([] if kept else ["before that"])
    duty.sign(ground, clinician)
    assert review.approve(ground, clinician, row.id) is True
    given = holding.answer_ready(ground, who, "c1", 1)
    assert given.status == "approved" and "Violet kettle" in given.answer.text and "approved" in given.answer.text and given.line == ""
    assert len([entry for entry in ground.audit.export() if entry.kind == "opened"]) == 1
    stored, keys = _words(ground)
    if kept:
        assert (stored, keys) == ([], []), "the conversation has it now"
        assert "Violet" in conversations.turns_of(ground, who, "c1")[0].answer.text
        assert "Violet" in conversations.state_of(ground, who, "c1").messages[-1].text
    else:
        assert len(stored) == len(keys) == 1
        ground.clock.forward(minutes=61)
        review.queue(ground, clinician)
        assert _words(ground) == ([], []) and holding.answer_ready(ground, who, "c1", 1) is None
        (wordless,) = review.queue(ground, clinician, status="approved")
        assert wordless.turn == 0 and review.open_review(ground, clinician, wordless.id)[1] == ()
    assert ground.audit.verify().fault == ""


def test_a_corrected_answer_comes_in_the_clinicians_words_and_level(ground):
    who, (clinician, _) = _person(ground, "patient.a", "patient", "review"), _on_duty(ground)
    _hold(ground, who, kept=False)
    (row,) = review.queue(ground, clinician)
    for wrong in ("self_care", "routine"):
        with pytest.raises(InputError, match="none is lowered"):
            review.approve(ground, clinician, row.id, raised=wrong)
    review.correct(ground, clinician, row.id, _safe("Honey helps [1]."), raised="urgent")
    given = holding.answer_ready(ground, who, "c1", 1)
    assert (given.status, given.answer.level) == ("corrected", "urgent") and "Honey" in given.answer.text and NET in given.answer.text
    assert review.queue(ground, clinician, status="corrected")[0].raised == "urgent"


@pytest.mark.parametrize("ends", ["time", "button", "session", "quiet", "consent"])
@pytest.mark.parametrize("kept", [True, False])
def test_nobody_waits_in_vain(ground, ends, kept):
    who, (clinician, token) = _person(ground, "patient.a", "patient", "review", "keep"), _on_duty(ground)
    _hold(ground, who, kept=kept)
    if ends == "time":
        for _ in range(3):
            ground.clock.forward(minutes=10)
            duty.sign(ground, clinician)
    elif ends == "button":
        duty.end(ground, clinician)
    elif ends == "session":
        sessions.end(ground, token)
    elif ends == "quiet":
        ground.clock.forward(minutes=15)
        assert not duty.is_on(ground, clinician)
    else:
        consent.withdraw_consent(ground, who, "review")
    ready = holding.answer_ready(ground, who, "c1", 1)
    assert ready.status == "unreviewed" and "Violet" in ready.answer.text and ready.answer.text.startswith("**Not reviewed")
    (row,) = review.queue(ground, clinician, reason="held")
    if not kept or ends == "consent":
        assert review.open_review(ground, clinician, row.id)[1] == (), "nobody reads it any more"
    assert review.approve(ground, clinician, row.id) is False, "it is for the record only"
    assert holding.answer_ready(ground, who, "c1", 1).status == "unreviewed"


def test_of_two_clinicians_the_second_is_told_and_the_person_gets_one_answer(ground):
    who, (first, _), (second, _) = _person(ground, "patient.a", "patient", "review"), _on_duty(ground), _on_duty(ground, "doctor.b")
    assert duty.on_duty(ground) == 2
    _hold(ground, who, kept=False)
    (row,) = review.queue(ground, first)
    came = []

    def decide(clinician, words):
        try:
            review.correct(ground, clinician, row.id, _safe(words))
            came.append(words)
        except review.Decided:
            came.append("told")

    threads = [threading.Thread(target=decide, args=each) for each in ((first, "Honey."), (second, "Sugar."))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (words,) = [each for each in came if each != "told"]
    assert len(came) == 2 and words in holding.answer_ready(ground, who, "c1", 1).answer.text


def test_only_its_person_fetches_it_and_only_clinicians_release_it(ground):
    who, (clinician, _) = _person(ground, "patient.a", "patient", "review"), _on_duty(ground)
    _hold(ground, who, kept=False)
    for stranger in (_person(ground, "patient.b"), Who(holds=frozenset({"c1"})), clinician):
        with pytest.raises(AccessError):
            holding.answer_ready(ground, stranger, "c1", 1)
    (row,) = review.queue(ground, clinician)
    for outsider in (who, _person(ground, "op.a", "operator"), _person(ground, "eval.a", "evaluator")):
        for act in (lambda o: review.approve(ground, o, row.id), lambda o: duty.begin(ground, o), lambda o: review.comment(ground, o, row.id, _safe("x"))):
            with pytest.raises(AccessError):
                act(outsider)


def test_terms_need_setting_duty_and_consent_and_a_page_that_holds_the_conversation(ground):
    who = _person(ground, "patient.a")
    page = Who(holds=frozenset({"v1"}))
    assert holding.terms_of(ground, who, "c1", on=True) == Terms(True, False, False)
    clinician, _ = _on_duty(ground)
    assert holding.terms_of(ground, who, "c1", on=True) == Terms(True, True, False)
    assert holding.terms_of(ground, who, "c1", on=False) == Terms(False, False, False)
    consent.give_consent(ground, who, "review")
    consent.give_consent(ground, page, "review", conversation="v1")
    assert holding.terms_of(ground, who, "c1", on=True) == OPEN
    assert holding.terms_of(ground, page, "v1", on=True) == OPEN
    assert not holding.terms_of(ground, Who(), "v1", on=True).consent
    assert holding.terms_of(ground, clinician, "c2", on=True).clinician


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("how", ["own", "account", "consent", "left"])
def test_an_erasure_takes_held_answers_and_reviews_along(ground, kept, how):
    who, (clinician, _) = _person(ground, "patient.a", "patient", "review", "keep", "health"), _on_duty(ground)
    _hold(ground, who, kept=kept)
    if how == "own":
        erasure.erase_own(ground, who, "c1")
    elif how == "account":
        erasure.erase_account(ground, who.account)
    elif how == "consent":
        consent.withdraw_consent(ground, who, "health")
    elif kept:
        erasure.erase_own(ground, who)
    else:
        assert holding.forget(ground, Who(), "c1") == 0 and holding.forget(ground, who, "c1") == 1
    assert _words(ground) == ([], []) and holding.answer_ready(ground, who if how != "account" else clinician, "c1", 1) is None
    assert [row.turn for row in review.queue(ground, clinician)] == ([0] if how == "left" and not kept else [])
    assert ground.audit.verify().fault == ""


def test_a_restored_backup_ends_what_was_held_in_it(ground):
    who, _ = _person(ground, "patient.a", "patient", "review"), _on_duty(ground)
    _hold(ground, who, kept=False)
    retention.purge(ground, ground.clock())
    assert len(_words(ground)[0]) == 1, "it still waits"
    ground.clock.forward(minutes=31)
    retention.purge(ground, ground.clock())
    ground.clock.forward(minutes=61)
    retention.purge(ground, ground.clock())
    assert _words(ground) == ([], [])
    assert release.sweep(ground) == 0


def test_asked_again_only_the_last_answer_waits(ground):
    who, (clinician, _) = _person(ground, "patient.a", "patient", "review"), _on_duty(ground)
    for _ in range(2):
        _hold(ground, who, kept=False)
    assert [len(each) for each in _words(ground)] == [1, 1]
    assert sorted(row.turn for row in review.queue(ground, clinician, reason="held")) == [0, 1]
    (row,) = [row for row in review.queue(ground, clinician, reason="held") if row.turn]
    assert review.approve(ground, clinician, row.id) and holding.answer_ready(ground, who, "c1", 1).status == "approved"


def test_a_thumb_down_where_nothing_is_kept_shows_level_and_rules(ground):
    clinician, page = _person(ground, "doctor.a", "clinician"), Who(holds=frozenset({"v1"}))
    for thumb in (1, -1, -1):
        feedback.note_thumb(ground, page, "v1", thumb, level="routine", rules=("cough",), language="en")
    (row,) = review.queue(ground, clinician)
    assert (row.reason, row.turn, row.level, row.rules) == ("thumbed_down", 0, "routine", ("cough",))
    with pytest.raises(AccessError):
        feedback.note_thumb(ground, Who(), "v1", -1, level="routine", rules=())
    assert erasure.erase_own(ground, page).conversations == 0 and review.queue(ground, clinician) == ()


def test_how_many_wait_and_for_how_long(ground):
    assert waiting(ground).count == 0
    review.enqueue(ground, "c1", 0, ("emergency",), _answer(kind="emergency", level="emergency"))
    ground.clock.forward(seconds=90)
    review.enqueue(ground, "c2", 0, ("sampled",), _answer())
    found = waiting(ground)
    assert (found.count, round(found.oldest_seconds), dict(found.by_reason)) == (2, 90, {"emergency": 1, "sampled": 1})


def test_the_queue_is_filtered_and_a_comment_leaves_it_open(ground):
    who, clinician = _person(ground, "patient.a", "patient", "review"), _person(ground, "doctor.a", "clinician")
    state = ConversationState("c1", "en", triage=_TRIAGE)
    conversations.keep_turn(ground, who, state, _safe("cough"), _answer(), mode="account")
    review.enqueue(ground, "c1", 1, ("sampled",), _answer())
    review.enqueue(ground, "c2", 0, ("crisis",), replace(_answer(kind="crisis", level="urgent"), language="zh"))
    assert [row.reason for row in review.queue(ground, clinician)] == ["crisis", "sampled"]
    for given, reasons in (({"reason": "sampled"}, ["sampled"]), ({"level": "urgent"}, ["crisis"]), ({"language": "zh"}, ["crisis"]),
                           ({"language": "zh", "level": "routine"}, []), ({"status": "approved"}, [])):  # fmt: skip
        assert [row.reason for row in review.queue(ground, clinician, **given)] == reasons
    sample = review.queue(ground, clinician, reason="sampled")[0]
    review.comment(ground, clinician, sample.id, _safe("call 07700 900123"))
    opened, _ = review.open_review(ground, clinician, sample.id)
    assert opened.status == "waiting" and "900123" not in opened.comment and opened.comment.startswith("call")
    review.approve(ground, clinician, sample.id)
    assert review.open_review(ground, clinician, sample.id)[0].comment == opened.comment, "a decision without one leaves it"
    consent.withdraw_consent(ground, who, "review")
    closed, turns = review.open_review(ground, clinician, sample.id)
    assert (turns, closed.comment, closed.readable) == ((), "", False)


def test_corrections_go_to_finetune_collect_without_who(ground, tmp_path):
    from finetune.collect import run_collect

    who, clinician = _person(ground, "patient.a", "patient", "review", "keep", "training"), _person(ground, "doctor.a", "clinician")
    for number, id_ in enumerate(("c1", "c2")):
        state = ConversationState(id_, "en", triage=_TRIAGE)
        conversations.keep_turn(ground, who, state, _safe(f"how long does a cough last {number}"), _answer(), mode="account")
        review.enqueue(ground, id_, 1, ("sampled",), _answer())
    for row in review.queue(ground, clinician):
        review.correct(ground, clinician, row.id, _safe("Most coughs last three weeks [1]."), raised="urgent")
    out = tmp_path / "corrections.jsonl"
    assert corrections.write_corrections(ground, out) == 2 and out.stat().st_mode & 0o777 == 0o600
    raw = out.read_text(encoding="utf-8")
    assert who.account not in raw and clinician.account not in raw and '"c1"' not in raw
    lines = [corrections.as_row(each) for each in corrections.corrections(ground)]
    assert {line["text"] for line in lines} == {f"how long does a cough last {number}" for number in (0, 1)}
    assert all(line["level"] == "urgent" and line["review"]["decided"] for line in lines)
    taken = run_collect(out, tmp_path / "examples.jsonl", replay=0.0)
    assert len(taken.examples) + sum(taken.left_out.values()) == 2 and "no consent to training" not in taken.left_out
    assert taken.left_out == {} or set(taken.left_out) == {"asked twice"}, taken.left_out
    consent.withdraw_consent(ground, who, "training")
    assert corrections.write_corrections(ground, out) == 0
