"""`anamnesis summary`: the page to take to a doctor, from the messages of a conversation."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.config import load
from knowledge.errors import InputError

if TYPE_CHECKING:
    from agent.build import Agent
    from agent.types import Answer, ConversationState, Language

_EXPECTED = '{"messages": [{"role": "user" or "assistant", "content": "..."}]}'


@click.command()
@click.option(
    "--messages",
    "source",
    metavar="FILE",
    required=True,
    help='JSON: {"messages": [{"role","content"}]}.',
)
@click.option("--pdf", "target", metavar="OUT", help="Write the page as a PDF, too.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Of the page; else that of the conversation.")
@click.option("--index", metavar="DIR", help="An index of `knowledge build`; else the embedded library.")
@click.option("--country", metavar="CODE", help="Two letters, such as GB or CN: whose emergency number to show.")
def summary(source: str, target: str | None, language: Language | None, **given: Any) -> None:
    """The conversation as one page to take to a doctor: Markdown on standard output, identifiers replaced."""
    from agent.build import build_agent
    from agent.paper import markdown, pdf
    from agent.summary import summarise

    told = _told(Path(source))
    # The page holds what was told and the pages found, no written answer: no model is needed.
    agent = build_agent(load(engine="none", **given))
    state, answers = _replayed(agent, told)
    chosen: Language = language or state.language or "en"
    page = summarise(state, language=chosen, made=datetime.now(), answers=answers)
    if target:
        _write(Path(target), pdf(page, chosen))
    click.echo(markdown(page, chosen), nl=False)


def _told(file: Path) -> list[tuple[str, str]]:
    """The (role, content) pairs of a file. Raises InputError for a file that is not such messages, or holds none of the user."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as fault:
        raise InputError(f"{file} cannot be read: {fault}", expected=_EXPECTED, remedy="Name another file") from fault
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list):
        raise InputError(f"{file} has no messages", expected=_EXPECTED)
    found = []
    for number, message in enumerate(messages, 1):
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role not in ("user", "assistant") or not isinstance(content, str):
            raise InputError(
                f"Message {number} of {file} is none", expected='{"role": "user" or "assistant", "content": "..."}'
            )
        found.append((role, content))
    return found


def _replayed(agent: Agent, told: Sequence[tuple[str, str]]) -> tuple[ConversationState, tuple[Answer, ...]]:
    """The state after the user's messages, each a turn, and the answers of the history it is about; what the assistant said in
    the file takes the place of what this turn said, since the person replied to that."""
    from agent.privacy import Redactor
    from agent.session import new_state
    from agent.turn import run_turn
    from agent.types import Done, Message

    state, redactor = new_state(agent.settings), Redactor(date.today())
    answers: list[tuple[int, Answer]] = []
    for number, (role, content) in enumerate(told):
        if role == "assistant":
            said = Message("assistant", redactor.redact(content).text)
            ours = bool(state.messages) and told[number - 1][0] == "user"
            state = replace(state, messages=(*(state.messages[:-1] if ours else state.messages), said))
            continue
        for event in run_turn(agent, state, content, redactor=redactor):
            if isinstance(event, Done):
                state = event.state
                answers.append((len(state.messages), event.answer))
    return state, tuple(answer for place, answer in answers if place > state.begins)


def _write(target: Path, data: bytes) -> None:
    """Under a temporary name first. Raises InputError where the file cannot be written."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as fault:
        raise InputError(
            f"{target} cannot be written: {fault}", remedy="Name a folder that exists and is yours"
        ) from fault
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, target)
    except OSError as fault:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise InputError(
            f"{target} cannot be written: {fault}", remedy="Name a folder that exists and is yours"
        ) from fault
