"""The desk: conversations of open pages, how their turns run, and how they are forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from agent.app import conversations, running
from agent.app.conversations import CLOSED_S, IDLE_S
from agent.app.view import Turn, turn_html
from agent.messages import say
from agent.types import Facts, Status, Triage, Urgency
from knowledge.errors import InputError
from tests.agent.app_desk import EMERGENCY, HOME, ask, begun, desks, done, scripted
from tests.agent.test_app_view import Tags


@pytest.fixture
def make_desk(tmp_path):
    with desks(tmp_path) as make:
        yield make


def test_a_conversation_goes_on_and_only_redacted_words_are_in_its_state(monkeypatch, make_desk):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    desk = make_desk()
    held = begun(desk)
    assert desk.open.find(held.token) is held and len(held.token) >= 32
    ask(desk, held, "I am a@example.org")
    turns = ask(desk, held, "and again a@example.org", country="GB", audience="clinician")
    assert (
        [turn.number for turn in held.turns] == [1, 2] and turns[-1].over and turns[-1].said.endswith("a@example.org")
    )
    assert len(held.state.messages) == 4 and "@" not in str(held.state)
    assert (held.state.country, held.state.audience) == ("GB", "clinician")
    assert "a@example.org" not in repr(held.redactor)
    turns = desk.answer(held, "third", language="en", country="", audience="patient")
    assert next(turn for turn in turns if turn.over)
    turns.close()  # the page left with the answer in its hand
    assert len(held.state.messages) == 6 and held.state.messages[-1].text == "fine"


FEVER = Triage("urgent", has_symptom=True, facts=Facts(age_years=0.25, weight_kg=6.0))


def fever(state, message, redactor, cancel):
    event = done(state, message, redactor, triage=FEVER)
    yield replace(event, state=replace(event.state, triage=FEVER, person="child"))


def test_a_changed_field_is_a_message_and_a_wrong_one_comes_back(monkeypatch, make_desk):
    scripted(monkeypatch, fever)
    desk = make_desk()
    held = begun(desk)
    assert desk.corrected("unknown", {}) is None and desk.corrected(held.token, {}) is None
    turn = ask(desk, held, "my baby is hot")[-1]
    typed = {row.id: row.typed for row in turn.rows}
    assert turn.unfolded and typed["age"] == "3 months"
    assert desk.corrected(held.token, typed | {"age": "8 years"}) == "Correction: the age is 8 years old."
    nothing = desk.corrected(held.token, typed)
    assert isinstance(nothing, Turn) and nothing.hint == say("en", "understood_nothing") and nothing.unfolded
    wrong = desk.corrected(held.token, typed | {"age": "abc", "nonsense": "x"})
    assert isinstance(wrong, Turn) and wrong.tries == nothing.tries + 1
    assert next(row for row in wrong.rows if row.id == "age").fault and held.turns[-1].rows == turn.rows
    assert not ask(desk, held, "and now?")[-1].unfolded


def test_nothing_is_unfolded_over_an_emergency_and_no_form_stands_in_a_crisis(monkeypatch, make_desk):
    def script(state, message, redactor, cancel):
        level = replace(FEVER, level="emergency")
        event = done(state, message, redactor, triage=level, kind="crisis" if "crisis" in message else "emergency")
        yield replace(event, state=replace(event.state, triage=level, person="child"))

    scripted(monkeypatch, script)
    desk = make_desk()
    turn = ask(desk, begun(desk), "my baby")[-1]
    assert turn.rows and not turn.unfolded
    assert not ask(desk, begun(desk), "a crisis")[-1].rows


def test_a_fault_in_reading_back_takes_nothing_from_the_answer(monkeypatch, caplog, make_desk):
    def broken(state, language):
        raise ValueError("my baby")

    scripted(monkeypatch, fever)
    monkeypatch.setattr(running, "understood", broken)
    desk = make_desk()
    turn = ask(desk, begun(desk), "my baby is hot")[-1]
    assert turn.text == "fine" and not turn.rows and not turn.note
    assert "ValueError" in caplog.text and "baby" not in caplog.text


def test_the_page_for_the_doctor_is_made_in_memory_and_redacted(monkeypatch, make_desk):
    scripted(monkeypatch, fever)
    desk = make_desk()
    held = begun(desk)
    with pytest.raises(InputError):
        desk.paper(held.token, "markdown")
    ask(desk, held, "Mail a@example.org, my baby is hot")
    name, kind, data = desk.paper(held.token, "markdown")
    assert name.endswith(".md") and kind.startswith("text/markdown")
    assert "my baby is hot" in data.decode() and "@" not in data.decode()


def test_stop_ends_one_turn_and_no_other(monkeypatch, make_desk):
    started = threading.Barrier(3)

    def script(state, message, redactor, cancel):
        yield Status(say("en", "status_writing"))
        started.wait(timeout=5)
        assert cancel.wait(timeout=5)
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    desk = make_desk()
    conversations = [begun(desk), begun(desk)]
    ended: dict[int, list[Turn]] = {}
    threads = [
        threading.Thread(target=lambda i=i: ended.update({i: ask(desk, conversations[i], "x")})) for i in range(2)
    ]
    for thread in threads:
        thread.start()
    started.wait(timeout=5)
    desk.stop(conversations[0].token)
    desk.stop("unknown")
    threads[0].join(timeout=5)
    assert ended[0][-1].note == say("en", "stopped")
    assert threads[1].is_alive() and not conversations[1].cancel.is_set()
    desk.stop(conversations[1].token)
    threads[1].join(timeout=5)
    assert ended[1][-1].over


def test_a_turn_that_waits_for_another_says_so(monkeypatch, make_desk):
    release = threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        yield Status(say("en", "status_writing"))
        assert release.wait(timeout=10)
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    monkeypatch.setattr(running, "_LOOK_S", 0.02)
    loading = [True]
    desk = make_desk(loading=lambda: loading[0])
    first = desk.answer(begun(desk), "x", language="en", country="", audience="patient")
    statuses = [next(turn.status for turn in first if turn.status == say("en", "status_loading"))]
    loading[0] = False
    second = desk.answer(begun(desk), "y", language="en", country="", audience="patient")
    statuses.append(next(turn.status for turn in second if turn.status == say("en", "status_waiting")))
    statuses.append(next(turn.status for turn in first if turn.status == say("en", "status_writing")))
    release.set()
    assert list(first)[-1].over and list(second)[-1].over
    assert statuses == [say("en", f"status_{name}") for name in ("loading", "waiting", "writing")]


def test_a_fault_is_a_kind_word_and_nothing_of_it_is_logged_or_forgotten(monkeypatch, caplog, make_desk):
    secret = "my name is Mary Johnson and my chest hurts"

    def script(state, message, redactor, cancel):
        yield Urgency(EMERGENCY, "**Call**")
        raise ValueError(f"cannot read {message}")

    scripted(monkeypatch, script)
    desk = make_desk()
    held = begun(desk)
    turn = ask(desk, held, secret, country="GB")[-1]
    words = Tags(turn_html(turn)).words
    assert turn.over and "999" in turn.note and "Call" in words
    assert "Traceback" not in words and "ValueError" not in words
    assert "ValueError" in caplog.text and "Mary" not in caplog.text and "chest" not in caplog.text
    assert held.state.triage is EMERGENCY and "chest hurts" in held.state.messages[0].text
    assert "Mary" not in str(held.state)


def test_a_page_that_leaves_midway_is_stopped_and_what_it_said_is_known(monkeypatch, make_desk):
    stopped = threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        assert cancel.wait(timeout=5)
        stopped.set()
        yield done(state, message, redactor)

    scripted(monkeypatch, script)
    desk = make_desk()
    held = begun(desk)
    turns = desk.answer(held, "a sore throat", language="en", country="", audience="patient")
    assert next(turn for turn in turns if turn.banner)
    assert [turn.note for turn in ask(desk, held, "impatient")] == [say("en", "app_busy")]
    turns.close()
    assert stopped.wait(timeout=5) and not held.lock.locked()
    assert held.state.messages[0].text == "a sore throat"


def test_pages_that_are_closed_or_left_alone_are_forgotten(monkeypatch, make_desk):
    scripted(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    now, gone = [0.0], []
    desk = make_desk(clock=lambda: now[0])
    desk.open.forgotten = gone.append
    closed, idle, back, fresh = (begun(desk, session=name) for name in ("closed", "idle", "back", "fresh"))
    desk.open.close_session("closed")
    desk.open.close_session("back")
    now[0] = CLOSED_S / 2
    ask(desk, back, "I am still here")
    now[0] = CLOSED_S + 1
    desk.sweep()
    assert desk.open.find(closed.token) is None and gone == ["closed"]
    assert desk.open.find(idle.token) and desk.open.find(back.token)
    now[0] = IDLE_S + CLOSED_S
    ask(desk, fresh, "x")
    desk.sweep()
    assert desk.open.find(fresh.token) and desk.open.find(idle.token) is None and set(gone) == {"closed", "idle", "back"}
    desk.open.forget(fresh.token)
    assert desk.open.find(fresh.token) is None


def test_too_many_conversations_push_out_the_longest_idle(monkeypatch, make_desk):
    monkeypatch.setattr(conversations, "MOST", 3)
    now = [0.0]
    desk = make_desk(clock=lambda: now[0])
    made = []
    for second in range(6):
        now[0] = float(second)
        made.append(begun(desk))
    desk.sweep()
    assert [desk.open.find(held.token) is not None for held in made] == [False, False, False, True, True, True]


def test_setting_the_place_after_an_emergency_shows_its_number(monkeypatch, make_desk):
    def script(state, message, redactor, cancel):
        yield done(state, message, redactor, kind="emergency", level="emergency", triage=EMERGENCY, banner="**Call**")

    scripted(monkeypatch, script)
    desk = make_desk()
    held = begun(desk)
    assert desk.moved(held.token, "GB") is None
    ask(desk, held, "my chest")
    moved = desk.moved(held.token, "GB")
    assert moved is not None and "999" in moved.banner and "911" not in moved.banner
    assert say("en", "place_unknown") not in moved.text
    nowhere = desk.moved(held.token, "")
    assert nowhere is not None and "911" in nowhere.banner and say("en", "place_unknown") in nowhere.text
