"""What is kept of conversations: sealed, for a time, and gone when somebody says so; SQLite and a real PostgreSQL alike."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from agent import rotation
from agent.accounts import people, sessions
from agent.accounts.passwords import Strength
from agent.accounts.types import VISITOR, Who
from agent.privacy import Redactor
from agent.records import consent, conversations, corrections, erasure, feedback, keeping, retention, review
from agent.records.codec import decode, encode
from agent.records.export import export_own
from agent.records.types import Mode
from agent.store import reading
from agent.types import Answer, Citation, Claim, ConversationState, Facts, Finding, FiredRule, Message, Triage
from knowledge.errors import AccessError, ConfigError, InputError, StoreError

WEAK = Strength(passes=1, memory=8, lanes=1)
_RULE = FiredRule("cough", "routine", "a cough", "see", "ours", "https://example.org", 2025, hours=48)
_TRIAGE = Triage("routine", (_RULE,), "why", findings=(Finding("cough", 0, 5, "cough", time="past", resolved=True),),
                 facts=Facts(age_years=3.5, sex="female", conditions=("asthma",)), has_symptom=True)  # fmt: skip
_CITED = Citation("1", "p1", "cold", "Colds", "ours", "https://example.org/cold", "2025", "colds pass", "colds pass in a week",
                  jurisdiction=("GB",), page=3)  # fmt: skip


def _state(id_="c1", words=(), *, country="GB", kinds=()):
    messages = [Message("user", word) for word in words] + [Message("assistant", "x", kind=kind) for kind in kinds]
    return ConversationState(id_, "en", country=country, messages=tuple(messages), triage=_TRIAGE, asked=("age",), person="self")


def _answer(said="colds pass [1]", *, kind="answer", level="routine", rules=("cough",), supported=(True, True)):
    claims = tuple(Claim(f"{said} {number}", right, "1", "colds pass") for number, right in enumerate(supported))
    return Answer(kind, level, said, "en", _TRIAGE, (_CITED,), claims, timings={"triage": 0.25}, rules=rules)


def _safe(words):
    return Redactor(date(2026, 11, 22)).redact(words)


def _person(db, name, role):
    return Who(people.add(db, name, role, None, by="test").id, role)


def _keep(db, who, id_="c1", said="my cough is a violet kettle", *, mode: Mode = "account", **more):
    state = _state(id_, (said,))
    return conversations.keep_turn(db, who, state, _safe(said), _answer(**more), mode=mode)


def _audited(db, kind):
    return [entry.payload for entry in db.audit.export() if entry.kind == kind]


def _held(db):
    """Every byte of the home's files, or every row where the database is a server's."""
    raw = b"".join(path.read_bytes() for path in sorted(db.home.iterdir()) if path.is_file() and path.name != "master.keys")
    with reading(db.engine) as connection:
        for table in ("audit", "conversations", "turns", "feedback", "reviews", "held", "consents", "erasures", "conversation_keys"):
            raw += " ".join(str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))).encode()
    return raw


def test_states_and_answers_come_back_as_they_were():
    for value in (_state(words=("a", "咳嗽 \U0001f98a")), ConversationState("c"), _answer(), _TRIAGE, replace(_answer(), triage=Triage("unclear"))):
        assert decode(type(value), encode(value)) == value
    row = json.loads(encode(_state()))
    row["from_a_newer_program"] = 1
    del row["helped"]
    assert decode(ConversationState, json.dumps(row)) == _state()


@pytest.mark.parametrize("given", ["", "[]", "null", "{}", '{"id": 7}', '{"id": "c", "messages": [{"role": "root", "text": "secret"}]}',
                                   '{"id": "c", "messages": "secret"}', '{"id": "c", "begins": true}', '{"id": "c", "triage": {"level": "secret"}}'])  # fmt: skip
def test_a_stored_value_that_is_none_is_a_fault_without_its_words(given):
    with pytest.raises(StoreError, match="ConversationState cannot be read") as caught:
        decode(ConversationState, given)
    assert "secret" not in str(caught.value) and caught.value.__cause__ is None


def test_a_conversation_is_kept_read_and_goes_on(ground):
    who = _person(ground, "patient.a", "patient")
    assert _keep(ground, who) == keeping.Keeping(True, "", 1)
    assert _keep(ground, who, said="and a seventh stair").number == 2
    (kept,) = conversations.mine(ground, who)
    assert (kept.id, kept.account, kept.mode, kept.country, kept.language) == ("c1", who.account, "account", "GB", "en")
    first, second = conversations.turns_of(ground, who, "c1")
    assert (first.number, first.said, first.answer) == (1, "my cough is a violet kettle", _answer())
    assert second.said == "and a seventh stair"
    assert conversations.state_of(ground, who, "c1") == _state(words=("and a seventh stair",))
    assert _audited(ground, "opened") == [], "who opens their own is not watched"


def test_no_word_of_it_stands_in_the_database(ground):
    who = _person(ground, "patient.a", "patient")
    clinician = _person(ground, "doctor.a", "clinician")
    consent.give_consent(ground, who, "review")
    marks = ["violet kettle", "amber lantern", "seventh stair", "turquoise trowel", "ninth melon"]
    ground.audit.append("answer", {"message": marks[0], "text": marks[1]}, conversation="c1")
    _keep(ground, who, said=f"my cough is a {marks[0]}, 咳嗽像紫水壶", **{"rules": ("cough",)})
    conversations.keep_turn(ground, who, _state(words=(marks[0],)), _safe(marks[0]), _answer(marks[1]), mode="account")
    feedback.give_feedback(ground, who, "c1", 2, -1, reason=_safe(marks[2]))
    (row,) = review.queue(ground, clinician)
    review.correct(ground, clinician, row.id, _safe(marks[3]), comment=_safe(marks[4]))
    held = _held(ground)
    for mark in (*marks, "咳嗽像紫水壶", "colds pass"):
        assert mark.encode() not in held, mark
    opened, turns = review.open_review(ground, clinician, row.id)
    assert (opened.corrected, opened.comment, turns[1].answer.text, turns[1].thumb_reason) == (marks[3], marks[4], marks[1], marks[2])


def test_only_whose_it_is_and_clinicians_read_it_and_clinicians_are_recorded(ground):
    owner, stranger = _person(ground, "patient.a", "patient"), _person(ground, "patient.b", "patient")
    _keep(ground, owner)
    denied = 0
    for who in (stranger, VISITOR, Who(holds=frozenset({"c1"})), _person(ground, "op.a", "operator"), _person(ground, "eval.a", "evaluator"),
                replace(owner, scopes=frozenset({"metrics"}))):  # fmt: skip
        for read in (conversations.turns_of, conversations.state_of, conversations.open_conversation):
            for id_ in ("c1", "no-such"):
                with pytest.raises(AccessError):
                    read(ground, who, id_)
                denied += 1
    assert len(_audited(ground, "denied")) == denied
    clinician = _person(ground, "doctor.a", "clinician")
    assert len(conversations.turns_of(ground, clinician, "c1")) == 1
    assert _audited(ground, "opened") == [{"conversation": "c1", "account": clinician.account, "role": "clinician"}]
    with pytest.raises(InputError, match="No conversation"):
        conversations.turns_of(ground, clinician, "no-such")
    with pytest.raises(AccessError):
        _keep(ground, stranger)
    assert len(conversations.turns_of(ground, owner, "c1")) == 1, "nobody writes into it either"


def test_what_cannot_be_recorded_is_not_opened(ground, monkeypatch):
    owner, clinician = _person(ground, "patient.a", "patient"), _person(ground, "doctor.a", "clinician")
    _keep(ground, owner)

    def broken(*given, **more):
        raise StoreError("full")

    monkeypatch.setattr(type(ground.audit), "append", broken)
    with pytest.raises(StoreError, match="full"):
        conversations.turns_of(ground, clinician, "c1")


def test_a_visitor_goes_on_with_what_its_page_holds(ground):
    visitor = Who(holds=frozenset({"c1"}))
    _keep(ground, VISITOR, mode="anonymous")
    _keep(ground, visitor, said="more", mode="anonymous")
    assert [kept.id for kept in conversations.mine(ground, visitor)] == ["c1"] and conversations.mine(ground, VISITOR) == ()
    with pytest.raises(AccessError):
        _keep(ground, VISITOR, said="from another page", mode="anonymous")
    assert erasure.erase_own(ground, visitor).conversations == 1


@pytest.mark.parametrize(("role", "mode"), [("visitor", "account"), ("visitor", "clinic"), ("patient", "anonymous"), ("patient", "for ever")])
def test_a_mode_that_one_cannot_have(ground, role, mode):
    who = VISITOR if role == "visitor" else _person(ground, "a.b", role)
    with pytest.raises(InputError):
        _keep(ground, who, mode=mode)


NOTHING = [
    ({"mode": "private"}, {}, "private"),
    ({}, {"kind": "crisis", "level": "urgent", "rules": ("suicide-thought",)}, "crisis"),
    ({}, {"kind": "crisis", "level": "urgent", "rules": ("abuse",)}, "abuse"),
    ({}, {"rules": ("reads-like-abuse-other",)}, "abuse"),
]


@pytest.mark.parametrize(("given", "answer", "rule"), NOTHING)
def test_of_some_conversations_nothing_is_kept_and_what_was_kept_goes(ground, given, answer, rule):
    who = _person(ground, "patient.a", "patient")
    ground.audit.append("answer", {"message": "violet kettle"}, conversation="c1")
    _keep(ground, who)
    state = _state(words=("violet kettle",))
    done = conversations.keep_turn(ground, who, state, _safe("violet kettle"), _answer(**answer), mode=given.get("mode", "account"))
    assert (done.history, done.rule) == (False, rule)
    assert keeping.why(rule, "en") and keeping.why(rule, "zh")
    assert conversations.mine(ground, who) == ()
    assert [entry.payload for entry in ground.audit.export(conversation="c1")] == [None]
    assert ground.audit.verify().fault == ""
    assert [row["reason"] for row in erasure.erasures(ground)] == ["not kept"]


def test_nothing_of_a_crisis_is_kept_from_then_on(ground):
    later = _state(words=("thank you",), kinds=("crisis", "answer"))
    assert not keeping.decide("account", later, _answer()).history
    assert keeping.decide("account", _state(kinds=("answer", "emergency")), _answer(kind="emergency", level="emergency")).history


def test_abuse_that_was_told_elsewhere_counts_from_the_first_message_that_is_stored():
    """Of a state that holds the words, whether something had read them (`crisis`) or nothing had."""
    harmless = Message("user", "how long does shingles last?", crisis="")
    for told, rule in ((Message("user", "he did it again", crisis="reads-like-abuse"), "abuse"),
                       (Message("user", "it is too much", crisis="suicide-thought-continued"), "crisis"),
                       (Message("user", "my husband hits me"), "abuse"), (Message("user", "我老公经常打我"), "abuse"),
                       (Message("user", "I want to kill myself"), "crisis"), (Message("user", "my knee hurts"), "")):  # fmt: skip
        state = replace(_state(), messages=(told, harmless))
        assert keeping.decide("account", state, _answer()) == keeping.Keeping(not rule, rule), told
        assert keeping.logged("account", state) == ("private" if rule else "account"), "nor its later words in the audit log"
    searched = replace(_state(), audience="clinician", messages=(Message("user", "Patient says he wants to kill himself tonight and has bought pills"),))
    assert keeping.decide("account", searched, _answer()).history, "a clinician's search is no crisis, as in the turn"


def test_a_message_kept_by_an_older_program_reads_as_one_that_nothing_read():
    row = json.loads(encode(_state(words=("my husband hits me",))))
    del row["messages"][0]["crisis"]
    old = decode(ConversationState, json.dumps(row))
    assert old == _state(words=("my husband hits me",)) and not keeping.decide("account", old, _answer()).history


def test_each_rule_that_keeps_nothing_names_rules_that_exist():
    import tomllib
    from pathlib import Path

    import knowledge.rules

    crisis = tomllib.loads((Path(knowledge.rules.__file__).parent / "policy" / "crisis.toml").read_text(encoding="utf-8"))
    known = {rule["id"] for rule in crisis["rule"]}
    named = set().union(*(rule.rules for rule in keeping.policy().rules))
    assert named and {name.removeprefix("reads-like-") for name in named} <= known
    assert known >= {"abuse", "abuse-other"}


def test_the_audit_of_a_turn_that_is_not_kept_says_how_it_was_decided_and_no_words(ground):
    payload = {"message": "violet kettle", "kind": "crisis", "level": "urgent", "rules": ["abuse"], "text": "call", "claims": [],
               "citations": [{"key": "1"}], "facts": {"age_years": 30}, "timings": {"triage": 0.1}}  # fmt: skip
    crisis = keeping.OutlineLog(ground.engine, ground.vault, mode="account")
    crisis.append("answer", payload, conversation="c1")
    crisis.append("answer", payload | {"kind": "answer", "rules": []}, conversation="c2")
    keeping.OutlineLog(ground.engine, ground.vault, mode="private").append("answer", payload | {"kind": "answer", "rules": []}, conversation="c3")
    outline = {"kind": "crisis", "level": "urgent", "rules": ["abuse"], "timings": {"triage": 0.1}}
    kept = {entry.conversation: entry.payload for entry in ground.audit.export()}
    assert kept["c1"] == outline and kept["c2"]["message"] == "violet kettle"
    assert kept["c3"] == outline | {"kind": "answer", "rules": []}


def test_feedback_is_given_on_ones_own_and_a_thumb_down_is_looked_at(ground):
    who, clinician = _person(ground, "patient.a", "patient"), _person(ground, "doctor.a", "clinician")
    consent.give_consent(ground, who, "review")
    _keep(ground, who)
    feedback.give_feedback(ground, who, "c1", 1, 1)
    assert review.queue(ground, clinician) == ()
    feedback.give_feedback(ground, who, "c1", 1, -1, reason=_safe("it missed my fever"))
    (turn,) = conversations.turns_of(ground, who, "c1")
    assert (turn.thumb, turn.thumb_reason) == (-1, "it missed my fever")
    feedback.give_feedback(ground, who, "c1", 1, -1)
    (row,) = review.queue(ground, clinician)
    assert (row.reason, row.turn, row.level, row.status) == ("thumbed_down", 1, "routine", "waiting")
    for given in ({"turn": 2}, {"turn": 0}, {"thumb": 2}, {"reason": _safe("x" * 4001)}):
        wanted = {"turn": 1, "thumb": 1} | given
        with pytest.raises(InputError):
            feedback.give_feedback(ground, who, "c1", wanted["turn"], wanted["thumb"], reason=wanted.get("reason"))
    with pytest.raises(AccessError):
        feedback.give_feedback(ground, _person(ground, "patient.b", "patient"), "c1", 1, -1)


@pytest.mark.parametrize(
    ("answer", "draw", "reasons"),
    [
        ({"kind": "emergency", "level": "emergency"}, 0.0, ("emergency",)),
        ({"kind": "crisis", "level": "emergency"}, 0.9, ("emergency", "crisis")),
        ({"supported": (True, False, False)}, 0.9, ("low_support",)),
        ({"supported": (True, True, False)}, 0.9, ()),
        ({"supported": ()}, 0.019, ("sampled",)),
        ({}, 0.02, ()),
    ],
)
def test_who_is_looked_at(answer, draw, reasons):
    assert review.reasons_for(_answer(**answer), draw=draw) == reasons


def test_a_review_is_decided_once_by_one_and_recorded(ground):
    who, clinician = _person(ground, "patient.a", "patient"), _person(ground, "doctor.a", "clinician")
    consent.give_consent(ground, who, "review")
    _keep(ground, who)
    answer = _answer(kind="emergency", level="emergency")
    review.enqueue(ground, "c1", 1, ("sampled",), answer)
    ground.clock.forward(hours=1)
    for _ in range(2):
        review.enqueue(ground, "c1", 1, ("emergency",), answer)
    first, second = review.queue(ground, clinician)
    assert [first.reason, second.reason] == ["emergency", "sampled"], "the urgent one first, and once"
    for outsider in (who, VISITOR, _person(ground, "op.a", "operator")):
        for act in (lambda o: review.queue(ground, o), lambda o: review.open_review(ground, o, first.id), lambda o: review.approve(ground, o, first.id)):
            with pytest.raises(AccessError):
                act(outsider)
    outcomes = []

    def decide():
        try:
            review.approve(ground, clinician, first.id, comment=_safe("fine"))
            outcomes.append("done")
        except InputError:
            outcomes.append("before")

    threads = [threading.Thread(target=decide) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["before", "before", "done"]
    done, _ = review.open_review(ground, clinician, first.id)
    assert (done.status, done.comment, done.decided_by) == ("approved", "fine", clinician.account)
    assert [row["did"] for row in _audited(ground, "reviewed")] == ["approved"]
    assert len(_audited(ground, "opened")) == 1
    for act in (lambda: review.correct(ground, clinician, second.id, _safe("  ")), lambda: review.approve(ground, clinician, "no-such"),
                lambda: review.correct(ground, clinician, second.id, _safe("x" * 20_001))):  # fmt: skip
        with pytest.raises(InputError):
            act()


def test_a_crisis_waits_in_the_queue_without_a_word(ground):
    clinician = _person(ground, "doctor.a", "clinician")
    answer = _answer(kind="crisis", level="urgent", rules=("suicide-thought",))
    review.enqueue(ground, "c9", 0, review.reasons_for(answer, draw=1.0), answer)
    (row,) = review.queue(ground, clinician)
    opened, turns = review.open_review(ground, clinician, row.id)
    assert (opened.reason, opened.rules, turns) == ("crisis", ("suicide-thought",), ())
    with pytest.raises(InputError, match="Nothing is kept"):
        review.approve(ground, clinician, row.id, comment=_safe("call them"))
    review.approve(ground, clinician, row.id)
    assert retention.purge(ground, ground.clock() + timedelta(days=31)).conversations == 0
    assert review.queue(ground, clinician, status="approved") == ()


def test_a_wordless_review_of_a_private_chat_goes_after_thirty_days_decided_or_not(ground):
    clinician, start = _person(ground, "doctor.a", "clinician"), ground.clock()
    for id_ in ("c8", "c9"):
        keeping.OutlineLog(ground.engine, ground.vault, mode="private").append("answer", {"level": "routine"}, conversation=id_)
        review.enqueue(ground, id_, 0, ["sampled"], _answer())
    review.approve(ground, clinician, review.queue(ground, clinician)[0].id)
    retention.purge(ground, start + timedelta(days=29))
    assert len(_rows(ground, "reviews")) == 2
    retention.purge(ground, start + timedelta(days=31))
    assert _rows(ground, "reviews") == []


def test_corrections_become_examples_only_while_their_person_agrees(ground):
    who, clinician = _person(ground, "patient.a", "patient"), _person(ground, "doctor.a", "clinician")
    consent.give_consent(ground, who, "review")
    _keep(ground, who)
    review.enqueue(ground, "c1", 1, ("sampled",), _answer())
    (row,) = review.queue(ground, clinician)
    review.correct(ground, clinician, row.id, _safe("colds pass in ten days"))
    assert list(corrections.corrections(ground)) == []
    consent.give_consent(ground, who, "training", country="GB")
    (found,) = corrections.corrections(ground)
    assert (found.said, found.answered, found.corrected) == ("my cough is a violet kettle", "colds pass [1]", "colds pass in ten days")
    consent.withdraw_consent(ground, who, "training")
    assert list(corrections.corrections(ground)) == [] and len(conversations.mine(ground, who)) == 1


def test_consent_is_written_with_its_words_and_withdrawn_as_easily(ground, monkeypatch):
    who = _person(ground, "patient.a", "patient")
    _keep(ground, who)
    assert not consent.stands(ground, who, "health")
    given = consent.give_consent(ground, who, "health", country="cn", age=40)
    assert (given.country, given.guardian, given.withdrawn) == ("CN", False, "") and given.version
    assert consent.stands(ground, who, "health")
    monkeypatch.setattr(consent.duties, "consent_version", lambda: "2099-01")
    assert not consent.stands(ground, who, "health"), "who agreed to other words is asked again"
    monkeypatch.undo()
    consent.give_consent(ground, who, "health", country="CN")
    assert [bool(each.withdrawn) for each in consent.consents_of(ground, who)] == [True, False]
    assert consent.withdraw_consent(ground, who, "health") and not consent.withdraw_consent(ground, who, "health")
    assert conversations.mine(ground, who) == (), "what was kept under it goes with it"
    assert [row["did"] for row in _audited(ground, "consent")] == ["given", "given", "withdrawn"]


@pytest.mark.parametrize(
    ("country", "age", "guardian", "stands"),
    [("CN", 13.9, False, False), ("CN", 13.9, True, True), ("CN", 14, False, True), ("GB", 12, False, False), ("GB", 13, False, True),
     ("DE", 15, False, False), ("", 15, False, False), ("", 16, False, True), ("CN", None, False, True)],
)
def test_below_an_age_that_differs_by_place_a_guardian_agrees(ground, country, age, guardian, stands):
    who = Who(holds=frozenset({"c1"}))
    if stands:
        assert consent.give_consent(ground, who, "health", conversation="c1", country=country, age=age, guardian=guardian).guardian is guardian
    else:
        with pytest.raises(InputError, match="guardian"):
            consent.give_consent(ground, who, "health", conversation="c1", country=country, age=age, guardian=guardian)
    assert consent.stands(ground, who, "health", conversation="c1") is stands


def test_nobody_agrees_for_another_conversation_or_to_nothing(ground):
    with pytest.raises(AccessError):
        consent.give_consent(ground, VISITOR, "health", conversation="c1")
    with pytest.raises(InputError, match="'everything' is nothing"):
        consent.give_consent(ground, Who(holds=frozenset({"c1"})), "everything", conversation="c1")


def test_an_erasure_leaves_a_tombstone_a_line_and_no_byte(ground):
    who = _person(ground, "patient.a", "patient")
    for id_ in ("c1", "c2"):
        ground.audit.append("answer", {"message": f"kettle of {id_}"}, conversation=id_)
        _keep(ground, who, id_)
        feedback.give_feedback(ground, who, id_, 1, -1, reason=_safe("why"))
    sealed = _sealed(ground, "c1")
    assert len(sealed) == 5 and all(each.encode() in _held(ground) for each in sealed)
    done = erasure.erase_own(ground, who, "c1")
    assert (done.conversations, done.records) == (1, 1)
    assert [each for each in sealed if each.encode() in _held(ground)] == [], "not even what was sealed"
    assert [kept.id for kept in conversations.mine(ground, who)] == ["c2"] and len(conversations.turns_of(ground, who, "c2")) == 1
    assert _audited(ground, "erased") == [{"records": 1, "conversations": 1, "reason": "asked", "account": ""}]
    lines = [json.loads(line) for line in (ground.home / erasure.LIST).read_text().splitlines()]
    assert [(row["what"], row["subject"]) for row in lines] == [("conversation", "c1")]
    assert (ground.home / erasure.LIST).stat().st_mode & 0o777 == 0o600
    assert ground.audit.verify().fault == ""
    assert erasure.erase_conversation(ground, "c1").records == 0, "said again, it only cleans the files"
    with pytest.raises(AccessError):
        erasure.erase_own(ground, _person(ground, "patient.b", "patient"), "c2")
    with pytest.raises(InputError, match="No record of conversation 'zzz'"):
        erasure.erase_conversation(ground, "zzz")


def _sealed(db, id_):
    with reading(db.engine) as connection:
        found = []
        for query in ("SELECT payload FROM audit WHERE conversation = :c", "SELECT state FROM conversations WHERE id = :c",
                      "SELECT body FROM turns WHERE conversation = :c", "SELECT reason FROM feedback WHERE conversation = :c",
                      "SELECT wrapped FROM conversation_keys WHERE conversation = :c"):  # fmt: skip
            found += [each for each in connection.execute(text(query), {"c": id_}).scalars() if each]
    return found


def test_an_account_goes_with_all_that_is_its(ground):
    who = Who(people.add(ground, "patient.a", "patient", "violet kettle seventh stair", by="t", strength=WEAK).id, "patient")
    with ground.writing() as connection:
        token, _ = sessions.begin_in(ground, connection, who.account, "patient")
    for id_ in ("c1", "c2"):
        _keep(ground, who, id_)
    consent.give_consent(ground, who, "health", country="GB")
    assert erasure.erase_account(ground, who.account, by="test").conversations == 2
    assert sessions.who_holds(ground, token) == VISITOR and people.listed(ground) == ()
    with reading(ground.engine) as connection:
        for table in ("conversations", "turns", "consents", "conversation_keys", "sessions"):
            assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one() == 0, table
    assert {row["what"] for row in erasure.erasures(ground)} == {"account", "conversation"}
    operator = _person(ground, "op.a", "operator")
    before = (ground.home / erasure.LIST).read_text()
    with pytest.raises(InputError, match="last operator"):
        erasure.erase_account(ground, operator.account)
    assert (ground.home / erasure.LIST).read_text() == before


def test_an_erasure_that_cannot_be_listed_is_not_done_and_said(ground):
    who = _person(ground, "patient.a", "patient")
    _keep(ground, who)
    (ground.home / erasure.LIST).mkdir()
    with pytest.raises(StoreError, match="nothing was erased"):
        erasure.erase_own(ground, who, "c1")
    assert len(conversations.turns_of(ground, who, "c1")) == 1
    (ground.home / erasure.LIST).rmdir()
    assert erasure.erase_own(ground, who, "c1").conversations == 1


def test_an_erasure_works_where_the_key_is_lost(ground):
    who = _person(ground, "patient.a", "patient")
    _keep(ground, who)
    (ground.home / "master.keys").unlink()
    with pytest.raises(StoreError, match="is not here"):
        conversations.turns_of(ground, who, "c1")
    assert erasure.erase_own(ground, who, "c1").conversations == 1


def test_a_restored_backup_is_put_right_by_the_list(ground):
    who, other = _person(ground, "patient.a", "patient"), _person(ground, "patient.b", "patient")
    for id_, person in (("c1", who), ("c2", who), ("c3", other)):
        ground.audit.append("answer", {"message": "kettle"}, conversation=id_)
        _keep(ground, person, id_)
    rows = {name: _rows(ground, name) for name in ("conversations", "turns", "conversation_keys", "accounts")}
    erasure.erase_own(ground, who, "c1")
    erasure.erase_account(ground, other.account, by="t")
    _put_back(ground, rows)
    assert len(_rows(ground, "turns")) == 3, "what is tested was there before"
    lines = (ground.home / erasure.LIST).read_text()
    assert erasure.replay(ground, lines.splitlines()) == (3, 0)
    assert [row.id for row in _rows(ground, "conversations")] == ["c2"] and len(_rows(ground, "accounts")) == 1
    assert erasure.replay(ground, lines.splitlines()) == (0, 3), "any number of times"
    assert (ground.home / erasure.LIST).read_text() == lines, "a replay adds nothing to the list that it reads"
    assert ground.audit.verify().fault == ""
    for bad in ("{", "[]", '{"what": "all", "subject": "x"}', '{"what": "account"}', '{"what": "account", "subject": 7}'):
        with pytest.raises(InputError, match="Line 2 is no erasure"):
            erasure.replay(ground, ["", bad])


def _rows(db, table):
    with reading(db.engine) as connection:
        return connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()


def _put_back(db, rows):
    """As a restore does: rows that were erased since are there again."""
    with db.writing() as connection:
        for table in ("accounts", "conversation_keys", "conversations", "turns"):
            for row in rows[table]:
                names = list(row._mapping)
                connection.execute(
                    text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)}) ON CONFLICT DO NOTHING"),
                    dict(row._mapping),
                )


def test_what_is_past_its_time_goes_by_mode_and_place(ground):
    who = _person(ground, "patient.a", "patient")
    (ground.home / retention.FILE).write_text("[anonymous]\ndefault = 30\nCN = 180\n[account]\ndefault = 3650\n[clinic]\nGB = 4000\n")
    rules = retention.load_retention(ground.home)
    assert [rules.of(*each) for each in (("anonymous", ""), ("anonymous", "cn"), ("account", "GB"), ("clinic", "GB"), ("clinic", "CN"), ("clinic", "FR"))] == [
        30, 180, 3650, 4000, 5479, 365]  # fmt: skip
    for id_, country in (("a1", "GB"), ("a2", "CN")):
        conversations.keep_turn(ground, VISITOR, _state(id_, country=country), _safe("kettle"), _answer(), mode="anonymous")
    _keep(ground, who, "b1")
    _keep(ground, who, "b2", mode="clinic")
    ground.audit.append("answer", {"message": "only here"}, conversation="only-audit")
    start = ground.clock()

    def left(days):
        retention.purge(ground, start + timedelta(days=days))
        return " ".join(row.id for row in _rows(ground, "conversations"))

    assert left(29) == "a1 a2 b1 b2" and next(ground.audit.export(conversation="only-audit")).payload
    assert left(31) == "a2 b1 b2"
    assert next(ground.audit.export(conversation="only-audit")).payload is None
    assert left(181) == "b1 b2" and left(3651) == "b2" and left(4001) == ""
    assert ground.audit.verify().fault == ""
    assert list(erasure.erasures(ground)) == [], "time ends it again in a restored backup; no list is needed"


def test_a_purge_ends_sessions_and_counters_too(ground):
    from agent.accounts import throttle

    who = _person(ground, "patient.a", "patient")
    with ground.writing() as connection:
        sessions.begin_in(ground, connection, who.account, "patient")
    throttle.admit(ground, "sign_in", "x", throttle.NAME)
    assert retention.purge(ground, ground.clock()) == retention.Purged(0, 0, 0, 0)
    assert retention.purge(ground, ground.clock() + timedelta(days=2)) == retention.Purged(0, 0, 1, 1)
    with pytest.raises(InputError, match="no zone"):
        retention.purge(ground, datetime(2030, 1, 1))


def test_what_a_visitor_agreed_to_who_never_asked_goes_and_what_belongs_to_somebody_stays(ground):
    who, start = _person(ground, "patient.a", "patient"), ground.clock()
    consent.give_consent(ground, who, "keep")
    for id_ in ("never-asked", "kept"):
        page = Who(holds=frozenset({id_}))
        for kind in ("health", "review"):
            consent.give_consent(ground, page, kind, conversation=id_)
    consent.withdraw_consent(ground, Who(holds=frozenset({"never-asked"})), "review", conversation="never-asked")
    conversations.keep_turn(ground, VISITOR, _state("kept", country="CN"), _safe("kettle"), _answer(), mode="anonymous")
    (ground.home / retention.FILE).write_text("[anonymous]\ndefault = 30\nCN = 180\n")
    assert retention.purge(ground, start + timedelta(days=29)).consents == 0
    assert retention.purge(ground, start + timedelta(days=31)).consents == 2
    assert {row.subject for row in _rows(ground, "consents")} == {who.account, "kept"}
    retention.purge(ground, start + timedelta(days=181))
    assert {row.subject for row in _rows(ground, "consents")} == {who.account}
    assert ground.audit.verify().fault == ""


@pytest.mark.parametrize("given", ["[private]\ndefault = 3", "[for_ever]\ndefault = 3", "anonymous = 3", "[anonymous]\ndefault = 0", "[anonymous]\ndefault = 36526",
                                   '[anonymous]\ndefault = "30"', "[anonymous]\ndefault = true", "[anonymous]\nXX = 3", "[clinic]\nDE = 365", "["])  # fmt: skip
def test_a_policy_that_cannot_be_is_refused(tmp_path, given):
    (tmp_path / retention.FILE).write_text(given)
    with pytest.raises(ConfigError):
        retention.load_retention(tmp_path)


def test_one_takes_away_all_that_is_kept_of_one_labelled_as_a_programs(ground):
    who, other = _person(ground, "patient.a", "patient"), _person(ground, "patient.b", "patient")
    _keep(ground, who)
    _keep(ground, other, "c2", said="somebody else's turquoise trowel")
    feedback.give_feedback(ground, who, "c1", 1, 1)
    consent.give_consent(ground, who, "health", country="GB")
    taken = json.loads(json.dumps(export_own(ground, who)))
    (kept,) = taken["conversations"]
    (turn,) = kept["turns"]
    assert (turn["said"], turn["thumb"], turn["ai_generated"]) == ("my cough is a violet kettle", 1, True)
    assert turn["answer"]["citations"][0]["quote"] == "colds pass" and taken["consents"][0]["kind"] == "health"
    assert "AI" in taken["label"]["en"] and "人工智能" in taken["label"]["zh"] and "trowel" not in json.dumps(taken)
    assert _audited(ground, "exported") == [{"account": who.account, "conversations": 1}]
    assert export_own(ground, Who(holds=frozenset({"c2"})))["conversations"] == [], "an account's is not a page's"
    assert len(export_own(ground, replace(who, scopes=frozenset({"own"})))["consents"]) == 1
    assert conversations.mine(ground, replace(who, scopes=frozenset({"metrics"}))) == ()
    with pytest.raises(AccessError):
        export_own(ground, replace(who, scopes=frozenset({"chat"})))


def test_a_page_does_not_erase_what_became_an_accounts(ground):
    who = _person(ground, "patient.a", "patient")
    _keep(ground, who)
    with pytest.raises(AccessError):
        erasure.erase_own(ground, Who(holds=frozenset({"c1"})), "c1")
    assert erasure.erase_own(ground, Who(holds=frozenset({"c1"}))).conversations == 0
    assert len(conversations.turns_of(ground, who, "c1")) == 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_kept_erased_purged_and_rotated_the_chain_verifies_and_no_word_is_left(ground, seed):
    """A random life of a database beside a model of it in memory."""
    random = Random(seed)
    people_ = [_person(ground, f"patient.{n}", "patient") for n in range(3)]
    kept: dict[str, list[str]] = {}
    owner: dict[str, Who] = {}
    last: dict[str, datetime] = {}
    words: set[str] = set()
    gone: set[str] = set()
    number = 0
    for step in range(60):
        act = random.choice(["keep"] * 6 + ["thumb", "erase", "purge", "rotate", "half", "crisis", "account"])
        ids = sorted(kept)
        if act == "keep" or not ids:
            fresh = not ids or random.random() < 0.4
            id_ = f"c{step}" if fresh else random.choice(ids)
            owner.setdefault(id_, random.choice(people_))
            word = f"mark{random.randrange(10**15):015d}"
            words.add(word)
            ground.audit.append("answer", {"message": word}, conversation=id_)
            conversations.keep_turn(ground, owner[id_], _state(id_, (word,)), _safe(f"a {word} b"), _answer(word), mode="account")
            kept.setdefault(id_, []).append(word)
            last[id_] = ground.clock()
        elif act == "thumb":
            id_ = random.choice(ids)
            word = f"thumb{random.randrange(10**15):015d}"
            words.add(word)
            feedback.give_feedback(ground, owner[id_], id_, 1, -1, reason=_safe(f"a {word}"))
        elif act in ("erase", "crisis"):
            id_ = random.choice(ids)
            gone |= set(_sealed(ground, id_))
            if act == "erase":
                erasure.erase_own(ground, owner[id_], id_)
            else:
                crisis = _answer(kind="crisis", level="urgent", rules=("abuse",))
                conversations.keep_turn(ground, owner[id_], _state(id_), _safe("help"), crisis, mode="account")
            del kept[id_]
        elif act == "purge":
            ground.clock.forward(days=random.choice([1, 100, 200]))
            past = [id_ for id_ in ids if last[id_] < ground.clock() - timedelta(days=365)]
            gone |= {each for id_ in past for each in _sealed(ground, id_)}
            retention.purge(ground, ground.clock())
            for id_ in past:
                del kept[id_]
        elif act == "account" and number < 1:
            number += 1
            leaves = random.choice(people_)
            mine = [id_ for id_ in ids if owner[id_] == leaves]
            gone |= {each for id_ in mine for each in _sealed(ground, id_)}
            erasure.erase_account(ground, leaves.account, by="t")
            people_.remove(leaves)
            for id_ in mine:
                del kept[id_]
        elif act == "rotate":
            rotation.rotate(ground, batch=3)
        elif act == "half":
            rotation.rotate(ground, batch=1, most=1)
        if step % 10 == 9:
            outcome = ground.audit.verify()
            assert outcome.fault == ""
            held = _held(ground)
            assert [word for word in words if word.encode() in held] == []
            # A replaced state's bytes stay in a free page only sealed; what was erased does not stay at all.
            assert [each for each in gone if each.encode() in held] == []
            said = {id_: [turn.answer.text for turn in conversations.turns_of(ground, owner[id_], id_)] for id_ in kept}
            assert said == kept
            assert {row.id for row in _rows(ground, "conversations")} == set(kept)
            assert {row.conversation for row in _rows(ground, "conversation_keys")} == set(kept)
