"""A conversation from its beginning: a new state, replayed messages, and an answer as the command line's contract has it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from agent.build import Agent
from agent.config import Settings
from agent.history import replayed
from agent.privacy import Redactor
from agent.turn import run_turn
from agent.types import Answer, Audience, ConversationState, Done, Message
from knowledge.errors import AnamnesisError, InputError


def new_state(settings: Settings, *, audience: Audience | None = None, country: str = "") -> ConversationState:
    """An empty conversation with a random id."""
    chosen: Audience = audience or ("clinician" if settings.audience == "clinician" else "patient")
    return ConversationState(id=uuid.uuid4().hex, audience=chosen, country=country or settings.country)


def answer_messages(agent: Agent, messages: Sequence[Any], *, audience: Audience = "patient") -> Answer:
    """The answer to the last of `messages` ({"role","content"}), the earlier ones taken as said.

    Earlier user messages are redacted and weighed by triage; of the earlier assistant messages only the questions count, and
    what a short reply to them means.

    Raises:
        InputError: no messages, an unknown role, a content that is not text, or the last is not the user's.
    """
    checked = [_checked(number, message) for number, message in enumerate(messages, 1)]
    if not checked or checked[-1][0] != "user":
        raise InputError("The last message is not the user's", expected='messages that end with {"role": "user", ...}')
    redactor = Redactor(date.today())
    state = replayed(new_state(agent.settings, audience=audience), checked[:-1], redactor, agent.embedder)
    for event in run_turn(agent, state, checked[-1][1], redactor=redactor):
        if isinstance(event, Done):
            return event.answer
    raise AnamnesisError("The turn ended without an answer", remedy="Report this with the question")


def replay_turns(
    agent: Agent, state: ConversationState, told: Sequence[tuple[str, str]], *, context: str = ""
) -> tuple[ConversationState, tuple[Answer, ...]]:
    """The state after messages (role, raw text), each of the user's a turn, and the answers of the history it is about.

    What the assistant said there takes the place of what this turn said, since the person replied to that. `context` is what a
    record tells of the person, raw.
    """
    redactor = Redactor(date.today())
    state = with_context(state, context, redactor)
    answers: list[tuple[int, Answer]] = []
    for number, (role, content) in enumerate(told):
        if role == "assistant":
            said = Message("assistant", redactor.redact(content).text)
            ours = number > 0 and told[number - 1][0] == "user"
            state = replace(state, messages=(*(state.messages[:-1] if ours else state.messages), said))
            continue
        for event in run_turn(agent, state, content, redactor=redactor):
            if isinstance(event, Done):
                state = event.state
                answers.append((len(state.messages), event.answer))
    return state, tuple(answer for place, answer in answers if place > state.begins)


def with_context(state: ConversationState, context: str, redactor: Redactor) -> ConversationState:
    """The state with what a record tells of the person, as the first thing that was said; alone it is no complaint, so its
    urgency is not weighed until there is one."""
    if not context:
        return state
    return replace(state, messages=(*state.messages, Message("user", redactor.redact(context).text)))


def as_row(answer: Answer) -> dict[str, Any]:
    """The contract's fields of `anamnesis ask`. `answer` is what a person sees: the urgency, then the text."""
    return {
        "kind": answer.kind,
        "level": answer.level,
        "answer": "\n\n".join(part for part in (answer.banner, answer.text) if part),
        "citations": [
            {
                "key": c.key, "title": c.title, "source": c.source, "url": c.url, "published": c.published, "quote": c.quote,
                "licence": c.licence, "jurisdiction": list(c.jurisdiction), "superseded_by": c.superseded_by,
                "evidence_grade": c.evidence_grade, "page": c.page,
            }
            for c in answer.citations
        ],
        "claims": [
            {"text": c.text, "supported": c.supported, "key": c.key, "quote": c.quote} for c in answer.claims
        ],
        "language": answer.language,
        "model": answer.model,
        "settings": answer.settings,
        "timings": answer.timings,
        "rules": list(answer.rules),
    }  # fmt: skip


def _checked(number: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("content"), str):
        raise InputError(f"Message {number} has no text", expected='{"role": "user" or "assistant", "content": "..."}')
    role = message.get("role")
    if role not in ("user", "assistant"):
        raise InputError(f"Message {number} has the role {role!r}", expected="user or assistant")
    return role, message["content"]
