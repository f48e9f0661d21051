"""The database as accounts and records use it: the engine, the audit chain, the vault and the clock in one value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.audit import AuditLog
from agent.store import open_database, reading, writing
from agent.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from agent.config import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Database:
    """One open database. `home` is where its keys lie, and the list of what was erased; `clock` gives UTC."""

    engine: Engine
    audit: AuditLog
    vault: Vault
    home: Path
    clock: Clock = utc_now

    def writing(self, *, keys: bool = True) -> AbstractContextManager[Connection]:
        """A transaction that holds the writer lock, on a database of this program's shape.

        `keys` False: also where a key is lost, for what needs none (erasing).

        Raises:
            StoreError: it cannot be written, a newer program made it, or a key is lost.
        """
        self.audit.prepare(keys=keys)
        return writing(self.engine)

    def reading(self, *, keys: bool = True) -> AbstractContextManager[Connection]:
        """A connection to read from, on a database of this program's shape.

        Raises:
            StoreError: it cannot be read, a newer program made it, or a key is lost.
        """
        self.audit.prepare(keys=keys)
        return reading(self.engine)

    def now(self) -> str:
        """The time as it is stored."""
        return stamp(self.clock())


def open_ground(settings: Settings, *, clock: Clock = utc_now) -> Database:
    """The database that the settings name; nothing is read before it is used.

    Raises:
        StoreError: the URL is not understood or its driver is not installed.
    """
    engine = open_database(settings.database, home=settings.home)
    vault = Vault(settings.home)
    return Database(engine, AuditLog(engine, vault), vault, settings.home, clock)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC to the millisecond: of one length, so that texts compare as times do. Needs a zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
