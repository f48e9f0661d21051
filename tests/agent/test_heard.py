"""A conversation's messages are read once each, and remembering what they came to changes no answer."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

import agent.privacy
import evals
from agent.heard import Heard, hear
from agent.history import heard, memory, replayed
from agent.matcher import Matcher
from agent.privacy import Redactor
from agent.triage import Memory, triage
from agent.types import ConversationState, SafeText

CASES = Path(evals.__file__).parent / "cases"
DAY = date(2026, 11, 23)


class _Stub:
    """Another embedder than the learned reader knows, so that the rules alone speak."""

    id = "stub"


def _told(count: int) -> list[tuple[str, str]]:
    words = "My back has ached since week {0}, I am 43, it is {0} of 40 today and my mother had sciatica, no fever."
    return [pair for number in range(count) for pair in (("user", words.format(number)), ("assistant", "Keep moving."))]


def _passes(monkeypatch, count: int) -> dict[str, int]:
    counted = {"findings": 0, "facts": 0, "identifiers": 0}

    def counting(name, original):
        def wrapped(*args, **kwargs):
            counted[name] += 1
            return original(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patched:
        patched.setattr(Matcher, "match", counting("findings", Matcher.match))
        patched.setattr("agent.heard.told", counting("facts", agent.heard.told))
        patched.setattr("agent.privacy.find", counting("identifiers", agent.privacy.find))
        replayed(ConversationState(id="x"), _told(count), Redactor(DAY), _Stub())
    return counted


def test_a_replay_reads_each_message_as_often_however_many_there_are(monkeypatch) -> None:
    few, many = _passes(monkeypatch, 6), _passes(monkeypatch, 24)
    assert many["facts"] == 24
    # Four times the messages, at most four times the passes; with every prefix read again it was over fifty times as many.
    assert all(many[name] <= 4 * few[name] for name in few), (few, many)


def test_a_question_tried_on_a_conversation_reads_only_the_reply(monkeypatch) -> None:
    redactor = Redactor(DAY)
    state = replayed(ConversationState(id="x"), _told(5), redactor, _Stub())
    said = heard(state, SafeText(""), "en", redactor)
    read: list[str] = []
    original = agent.heard.find
    monkeypatch.setattr("agent.heard.find", lambda text, language: read.append(text.text) or original(text, language))
    for reply in ("I cannot pass water.", "My saddle is numb.", "No."):
        judged = triage((*said, SafeText(reply)), "en", memory=memory(redactor))
        assert judged == triage((*said, SafeText(reply)), "en")
    assert [text for text in read if text in {each.text for each in said}].count(said[0].text) == 3
    triage(said, "en", memory=memory(redactor))
    assert read[-1] != said[0].text


def _dialogues() -> list[tuple[str, list[str]]]:
    rows = [json.loads(line) for line in (CASES / "pressure.jsonl").read_text(encoding="utf-8").splitlines()]
    return [(row["language"], row["turns"]) for row in rows[::4]]


@pytest.mark.parametrize(("language", "turns"), _dialogues())
def test_what_is_remembered_changes_no_answer(language, turns) -> None:
    texts, remembered, previous = [SafeText(turn) for turn in turns], Memory(), None
    for end in range(1, len(texts) + 1):
        found = triage(texts[:end], language, previous=previous, memory=remembered)
        assert found == triage(texts[:end], language, previous=previous)
        previous = found


def test_a_history_that_begins_otherwise_is_read_from_its_start() -> None:
    remembered = Memory()
    triage([SafeText("chest pain"), SafeText("my arm hurts too")], "en", memory=remembered)
    other = [SafeText("a paper cut"), SafeText("it stopped bleeding")]
    assert triage(other, "en", memory=remembered) == triage(other, "en")
    assert triage(other[:1], "en", memory=remembered) == triage(other[:1], "en")


def test_a_correction_takes_back_what_it_denies_in_all_messages_before() -> None:
    so_far = hear(SafeText("He has a fever and a rash."), "en", Heard())
    mended = hear(SafeText("Sorry, I was wrong: no rash."), "en", so_far)
    assert mended.corrected and "rash" in {each.id for each in so_far.found[0]}
    assert "rash" not in {each.id for each in mended.found[0]}
