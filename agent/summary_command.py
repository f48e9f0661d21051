"""`anamnesis summary`: the page to take to a doctor, from the messages of a conversation."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.config import load
from knowledge.errors import InputError

if TYPE_CHECKING:
    from agent.types import Language

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
    from agent.session import new_state, replay_turns
    from agent.summary import summarise

    told = _told(Path(source))
    # The page holds what was told and the pages found, no written answer: no model is needed.
    agent = build_agent(load(engine="none", **given))
    state, answers = replay_turns(agent, new_state(agent.settings), told)
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
