"""A conversation from its beginning: a new state, replayed messages, and an answer as the command line's contract has it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from agent.build import Agent
from agent.config import Settings
from agent.history import replayed
from agent.privacy import Redactor
from agent.turn import run_turn
from agent.types import Answer, Audience, ConversationState, Done
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
