"""The agent's own commands: ask, chat, triage, redact, models, audit, serve."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from agent.batch import run_each
from agent.cli import emit
from agent.config import Settings, load
from knowledge.errors import InputError

if TYPE_CHECKING:
    from agent.build import Agent
    from agent.types import Answer, Audience

_BATCH = (
    click.option("--batch", "source", metavar="IN", help='JSON lines {"id","text"}; "-" is standard input.'),
    click.option("--out", "target", metavar="OUT", default="-", show_default=True, help="Where the result lines go."),
)
_LANGUAGE = click.option("--language", type=click.Choice(["en", "zh"]), help="Else it is read from the text.")
_ENGINE = (
    click.option("--index", metavar="DIR", help="An index of `knowledge build`; else the embedded library."),
    click.option("--engine", type=click.Choice(["llamacpp", "openai", "transformers", "none"])),
    click.option("--model", metavar="ID", help="A model of `models list`, or an endpoint's model name."),
    click.option("--adapter", metavar="PATH", help="A LoRA adapter."),
    click.option("--base-url", metavar="URL", help="Of the openai engine."),
    click.option("--seed", type=int),
    click.option("--country", metavar="CODE", help="Two letters, such as GB or CN: whose emergency number to show."),
)


def _with(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.command()
@click.argument("text", required=False)
@_with(*_BATCH, _LANGUAGE)
def triage(text: str | None, source: str | None, target: str, language: str | None) -> None:
    """The urgency of TEXT: level, the rules that fired, and why."""
    from retrieval.embedders import open_embedder

    settings = load()
    embedder = open_embedder(settings.embedder)

    def work(row: dict[str, Any]) -> dict[str, Any]:
        from agent.rows import triage_row

        return {"id": row["id"], **triage_row(row["text"], embedder=embedder, language=language)}  # type: ignore[arg-type]

    run_each(work, text, source, target, identity=f"triage {language} {settings.hash()}")


@click.command()
@click.argument("text", required=False)
@_with(*_BATCH)
def redact(text: str | None, source: str | None, target: str) -> None:
    """TEXT with identifiers replaced by typed placeholders, and where they stood."""

    def work(row: dict[str, Any]) -> dict[str, Any]:
        from agent.rows import redact_row

        return {"id": row["id"], **redact_row(row["text"])}

    run_each(work, text, source, target, identity=f"redact {date.today()}")


@click.command()
@click.argument("text", required=False)
@_with(*_BATCH, *_ENGINE)
@click.option("--audience", type=click.Choice(["patient", "clinician"]))
@click.option("--no-intake", is_flag=True, help="Never ask back; answer with what is known.")
def ask(
    text: str | None, source: str | None, target: str, audience: str | None, no_intake: bool, **engine: Any
) -> None:
    """Answer TEXT. A line of a batch may hold "messages" (role, content) in place of "text", and an "audience"."""
    settings = load(audience=audience, intake=False if no_intake else None, **engine)
    agent = _agent(settings)
    run_each(
        lambda row: _answer_row(agent, row, settings),
        text,
        source,
        target,
        identity=f"ask {settings.hash()} {agent.index.corpus}",
        text_fields=("messages", "text"),
    )


@click.command()
@_with(*_ENGINE)
@click.option("--audience", type=click.Choice(["patient", "clinician"]))
def chat(audience: str | None, **engine: Any) -> None:
    """Talk in the terminal; an empty line or ctrl-D ends."""
    from agent.database import open_ground
    from agent.messages import say
    from agent.privacy import Redactor
    from agent.records.terminal import log_of, turned
    from agent.session import new_state
    from agent.turn import run_turn
    from agent.types import Done, Language, Sentence, Status, Urgency

    settings = load(audience=audience, **engine)
    agent, ground = _agent(settings), open_ground(settings)
    state, redactor = new_state(settings), Redactor(date.today())
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        click.echo(f"{say(language, 'notice')}\n{say(language, 'notice_kept')}\n", err=True)
    while True:
        try:
            message = click.prompt("", prompt_suffix="> ", default="", show_default=False)
        except click.exceptions.Abort:
            return
        if not message.strip():
            return
        said = False
        watched = replace(agent, audit=log_of(ground, state))
        for event in run_turn(watched, state, message, redactor=redactor):
            if isinstance(event, Status):
                click.echo(f"... {event.text}", err=True)
            elif isinstance(event, Urgency):
                click.echo(event.banner + "\n")
            elif isinstance(event, Sentence):
                click.echo(event.text, nl=False)
                said = True
            elif isinstance(event, Done):
                click.echo("" if said else event.answer.text)
                _sources(event.answer)
                click.echo(turned(ground, state, event.state), err=True, nl=False)
                state = event.state


@click.command()
@_with(*_ENGINE)
@click.option("--host", help="An address of this machine; loopback unless you say otherwise.")
@click.option("--port", type=click.IntRange(1, 65535))
def serve(host: str | None, port: int | None, **engine: Any) -> None:
    """Open the chat in a browser."""
    from agent import models as weights
    from agent.api.serve import serve as serve_all

    settings = load(host=host, port=port, **engine)
    if (
        settings.engine == "llamacpp"
        and _in_catalogue(settings.model)
        and weights.path(settings.model, settings.home) is None
    ):
        weights.fetch(settings.model, settings.home, progress=_steps())
    serve_all(settings, progress=_bar("passages"))


@click.group()
def models() -> None:
    """Model weights: pinned by SHA-256, verified before use."""


@models.command("list")
@click.option("--verify", is_flag=True, help="Hash every byte of what is here.")
def list_models(verify: bool) -> None:
    """What can be fetched, and what is here."""
    from agent.models import catalogue, path
    from agent.models import verify as verify_file

    settings = load()
    for card in catalogue():
        here = path(card.id, settings.home)
        if here is not None and verify:
            verify_file(here, card)
        emit({"id": card.id, "name": card.name, "bytes": card.size, "licence": card.licence,
              "languages": list(card.languages), "here": here is not None, "default": card.id == settings.model})  # fmt: skip


@models.command()
@click.argument("model_id", required=False)
def fetch(model_id: str | None) -> None:
    """Download MODEL_ID (the default model if none is named), verify it, and keep it under ANAMNESIS_HOME."""
    from agent.models import fetch as fetch_model

    settings = load()
    click.echo(fetch_model(model_id or settings.model, settings.home, progress=_steps()))


@click.group()
def audit() -> None:
    """The append-only record of what was said and why."""


@audit.command()
def verify() -> None:
    """Walk the chain; exit 1 when it is broken."""
    outcome = _audit_log().verify()
    emit({"entries": outcome.entries, "erased": outcome.erased, "head": outcome.head, "fault": outcome.fault})
    if outcome.fault:
        raise InputError(
            f"The audit chain is broken: {outcome.fault}",
            remedy="Restore the database from a backup and tell its keeper",
        )


@audit.command()
@click.option("--conversation", default="", help="Only this conversation.")
def export(conversation: str) -> None:
    """Every record, one JSON object a line."""
    for entry in _audit_log().export(conversation=conversation):
        emit({"number": entry.number, "at": entry.at, "conversation": entry.conversation, "kind": entry.kind,
              "payload": entry.payload, "digest": entry.digest, "hash": entry.hash})  # fmt: skip


@audit.command()
@click.argument("conversation")
def erase(conversation: str) -> None:
    """Erase what is kept of CONVERSATION, here and in `db`'s tables; the chain still verifies."""
    from agent.database import open_ground
    from agent.records.erasure import erase_conversation

    emit({"conversation": conversation, "erased": erase_conversation(open_ground(load()), conversation).records})


def _audit_log() -> Any:
    from agent.database import open_ground

    return open_ground(load()).audit


def _agent(settings: Settings) -> Agent:
    from agent.build import build_agent

    return build_agent(settings, progress=_bar("passages"))


def _answer_row(agent: Agent, row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    from agent.session import answer_messages, as_row

    messages = row.get("messages") or [{"role": "user", "content": row.get("text", "")}]
    named = row.get("audience") or settings.audience
    if named not in ("patient", "clinician"):
        raise InputError(f"audience is {named!r}", expected="patient or clinician")
    audience: Audience = "clinician" if named == "clinician" else "patient"
    answer = answer_messages(agent, messages, audience=audience)
    return {"id": row["id"], **as_row(answer)}


def _sources(answer: Answer) -> None:
    for citation in answer.citations:
        click.echo(
            f"[{citation.key}] {citation.title}. {citation.source}, {citation.published}. {citation.url}\n    “{citation.quote}”"
        )
    click.echo("")


def _in_catalogue(model: str) -> bool:
    from agent.models import catalogue

    return any(card.id == model for card in catalogue())


def _steps() -> Callable[[str, int, int], None]:
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def progress(step: str, done: int, total: int) -> None:
        if step not in bars:
            bars[step] = tqdm(desc=step, total=total, unit="B", unit_scale=True, disable=None, file=sys.stderr)
        bars[step].update(done - bars[step].n)

    return progress


def _bar(unit: str) -> Callable[[int, int], None]:
    from tqdm import tqdm

    bars: list[Any] = []

    def progress(done: int, total: int) -> None:
        if not bars or bars[-1].total != total:
            bars.append(tqdm(total=total, unit=unit, unit_scale=True, disable=None, file=sys.stderr))
        bars[-1].update(done - bars[-1].n)

    return progress
