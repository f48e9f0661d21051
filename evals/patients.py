"""Scripted patients: an opening that leaves something decisive out, and facts that come out only when they are asked for.

`evals/cases/patients.jsonl`; the writer had seen neither the questions nor the rules, only the list of topics that a question
can be about. A patient answers each question with the facts under its topics, or with a plain no. Those at even places may be
used to build on, the odd ones are for reporting.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from agent import intake
from agent.build import Agent
from agent.privacy import Redactor
from agent.session import new_state
from agent.turn import run_turn
from agent.types import Answer, Done, Language
from knowledge.errors import AnamnesisError
from knowledge.rules import load_triage

PATH = Path(__file__).parent / "cases" / "patients.jsonl"
_NOTHING = {"en": "No, nothing like that.", "zh": "没有这些。"}
_UNKNOWN = {"en": "I don't know.", "zh": "不清楚。"}
_MEASURED = frozenset({"age", "temperature", "readings", "pregnancy_weeks", "duration"})
MOST_TURNS = 4


@dataclass(frozen=True, slots=True)
class Patient:
    """One scripted patient. `before` and `accepted` are levels: on the opening alone, and with the facts known."""

    id: str
    language: Language
    opening: str
    before: tuple[str, ...]
    facts: dict[str, str]
    accepted: tuple[str, ...]
    decisive: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation went: the answer to the opening, the last answer, and the topics that were asked about."""

    first: Answer
    last: Answer
    topics: tuple[str, ...]
    turns: int


@lru_cache(maxsize=1)
def patients() -> tuple[Patient, ...]:
    """Every scripted patient, in order."""
    rows = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    return tuple(_patient(row) for row in rows)


def converse(agent: Agent, patient: Patient, *, today: date) -> Outcome:
    """The conversation with a patient, to the turn in which nothing more is asked."""
    state, redactor = new_state(agent.settings), Redactor(today)
    message = patient.opening
    answers: list[Answer] = []
    topics: list[str] = []
    for turn in range(1, MOST_TURNS + 1):
        done = next(event for event in run_turn(agent, state, message, redactor=redactor) if isinstance(event, Done))
        state = done.state
        answers.append(done.answer)
        asked = _topics(done.answer.text, patient.language)
        if not asked:
            return Outcome(answers[0], answers[-1], tuple(topics), turn)
        topics += [topic for group in asked for topic in group]
        message = _reply(asked, patient)
    return Outcome(answers[0], answers[-1], tuple(topics), MOST_TURNS)


def _topics(text: str, language: Language) -> list[tuple[str, ...]]:
    """What the questions in an answer are about, one tuple a question."""
    found = [rule.topics for rule in intake.asked_in(text, language)]
    found += [each.topics for each in load_triage().questions.values() if each.ask[language] in text]
    return found


def _reply(asked: list[tuple[str, ...]], patient: Patient) -> str:
    parts: list[str] = []
    for topics in asked:
        told = [patient.facts[topic] for topic in topics if topic in patient.facts]
        unknown = bool(set(topics) & _MEASURED)
        parts += told or [(_UNKNOWN if unknown else _NOTHING)[patient.language]]
    return "\n".join(dict.fromkeys(parts))


def _patient(row: dict[str, Any]) -> Patient:
    missing = {"id", "language", "opening", "facts", "accepted"} - set(row)
    if missing:
        raise AnamnesisError(f"A patient lacks {', '.join(sorted(missing))}", expected=str(PATH))
    return Patient(
        id=row["id"],
        language=row["language"],
        opening=row["opening"],
        before=tuple(row["before"]),
        facts=row["facts"],
        accepted=tuple(row["accepted"]),
        decisive=frozenset(row["decisive"]),
    )
