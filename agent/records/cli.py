"""`anamnesis db`: the database's shape, its keys, what is past its time, and erasures that a restored backup brought back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

import click

from agent.config import load
from agent.database import Database, open_ground
from knowledge.errors import StoreError


@click.group()
def db() -> None:
    """The database: its shape, its keys, what is kept and what is erased."""


@db.command()
def current() -> None:
    """The shape the database has, and the one this program wants."""
    from agent.schema import REVISIONS
    from agent.schema import current as revision

    _emit({"revision": revision(_open().engine), "wanted": REVISIONS[-1]})


@db.command()
def upgrade() -> None:
    """Bring the database to this program's shape; the first use of it does the same."""
    from agent.schema import upgrade as bring

    before, after = bring(_open().engine)
    _emit({"from": before, "to": after})


@db.command()
def check() -> None:
    """Shape, keys and audit chain, nothing changed; exit 1 where one of them is not right."""
    from agent.audit import AuditLog
    from agent.schema import REVISIONS
    from agent.schema import current as revision
    from agent.vault import ids_in_use

    ground = _open()
    found = revision(ground.engine)
    if found != REVISIONS[-1]:
        raise StoreError(
            f"The database has the shape {found or 'of before there were revisions, or is empty'}",
            expected=REVISIONS[-1],
            remedy="Run `anamnesis db upgrade`" if found in ("", *REVISIONS) else "Install the program's newer version",
        )
    with ground.reading(keys=False) as connection:
        needed = ids_in_use(connection)
        if needed:
            ground.vault.check(connection)
    outcome = AuditLog(ground.engine).verify()
    _emit({"revision": found, "keys": list(needed), "audit": {"entries": outcome.entries, "erased": outcome.erased,
                                                              "fault": outcome.fault}})  # fmt: skip
    if outcome.fault:
        raise StoreError(f"The audit chain is broken: {outcome.fault}", remedy="Restore the database from a backup")


@db.command("new-key")
def make_key() -> None:
    """Print a new master key for ANAMNESIS_KEY; nothing is changed."""
    from agent.keyring import new_key

    click.echo(new_key())


@db.command("rotate-key")
@click.option(
    "--batch", type=click.IntRange(1), default=500, show_default=True, help="Conversations of one transaction."
)
def rotate_key(batch: int) -> None:
    """Put everything under a new master key while the program runs; stopped, the same command goes on."""
    from agent.rotation import rotate

    done = rotate(_open(), batch=batch)
    _emit({"key": done.key, "conversations": done.conversations, "old": list(done.old)})


@db.command("forget-key")
@click.argument("key_id")
def forget(key_id: str) -> None:
    """Take the old key KEY_ID out of the file; backups made under it can then be read by nobody."""
    from agent.rotation import forget_key

    forget_key(_open(), key_id)
    _emit({"forgotten": key_id})


@db.command()
def purge() -> None:
    """Erase what is past its time (docs/storage.md); run it daily."""
    from agent.records.retention import purge as end

    ground = _open()
    done = end(ground, ground.clock())
    _emit(
        {"conversations": done.conversations, "records": done.records, "sessions": done.sessions, "tries": done.tries}
    )


@db.command()
def erasures() -> None:
    """What was erased and when, one JSON object a line: ids, no words."""
    from agent.records.erasure import erasures as listed

    for row in listed(_open()):
        _emit(row)


@db.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The JSON lines to write.")
def corrections(out: Path) -> None:
    """Write answers that clinicians put right, of people who agree to it, for `finetune collect` and as cases."""
    from agent.records.corrections import write_corrections

    _emit({"written": write_corrections(_open(), out), "to": str(out)})


@db.command("replay-erasures")
@click.argument("file", type=click.File(encoding="utf-8"))
def replay_erasures(file: TextIO) -> None:
    """After a backup was restored: erase again what FILE lists (erasures.jsonl, or what `db erasures` printed)."""
    from agent.records.erasure import replay

    erased, absent = replay(_open(), file)
    _emit({"erased": erased, "not_there": absent})


def _open() -> Database:
    return open_ground(load())


def _emit(row: dict[str, Any]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))
