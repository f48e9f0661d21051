"""The `anamnesis` command. Groups live in their own package's cli.py and load when they are called."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import click

from knowledge.errors import AnamnesisError

# name -> (module:command, help); the help stands here so that `--help` imports nothing.
COMMANDS: dict[str, tuple[str, str]] = {
    "accounts": ("agent.accounts.cli:accounts", "Who may sign in, and as what; API keys."),
    "ask": ("agent.commands:ask", "Answer one question, or a file of them."),
    "audit": ("agent.commands:audit", "Verify, export or erase the audit record."),
    "calculate": ("agent.calculate_command:calculate", "Clinical scores and formulas, from values or a note."),
    "chat": ("agent.commands:chat", "Talk in the terminal."),
    "db": ("agent.records.cli:db", "The database's shape and keys, retention, erasures."),
    "eval": ("evals.cli:eval_group", "Safety and bias suites: run, report, gate."),
    "finetune": ("finetune.cli:finetune_group", "Make, measure, card and promote an adapter."),
    "knowledge": ("knowledge.cli:knowledge", "Build, list and check what the agent knows."),
    "models": ("agent.commands:models", "List and fetch model weights."),
    "redact": ("agent.commands:redact", "Replace identifiers in a text, or a file of them."),
    "search": ("retrieval.cli:search", "Search the passages, once or for a file of queries."),
    "serve": ("agent.commands:serve", "Open the chat on this machine's loopback address."),
    "summary": ("agent.summary_command:summary", "One page of a conversation to take to a doctor."),
    "triage": ("agent.commands:triage", "The urgency of one text, or a file of them."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="anamnesis")
def cli() -> None:
    """Anamnesis: medical questions answered from sources you can open, urgency first. English and Chinese.

    A program, not a clinician. In an emergency call your emergency number first.
    All state lives under ANAMNESIS_HOME.
    """


def main() -> None:
    """Run the command: 0 done, 1 could not, 2 wrong usage, 130 stopped by ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        code = 130
    except click.ClickException as fault:
        fault.show()
        code = fault.exit_code
    except AnamnesisError as fault:
        click.echo(f"anamnesis: {fault}", err=True)
        code = 1
    except BrokenPipeError:
        code = 0
    _leave(code if isinstance(code, int) else 0)


def _leave(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    # A model's own threads may still be at work after ctrl-C; nothing is left to write, so do not wait for them.
    os._exit(code)


def emit(row: dict[str, Any]) -> None:
    """One JSON object as a line on standard output."""
    click.echo(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
