"""The database: SQLite by default, PostgreSQL by URL, the same tables through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# Any constant serves; it only has to be the same in every process that writes this chain.
_WRITER_LOCK = 7_220_501
_CHECKPOINTS = 3
"""How often the write-ahead file is tried to be emptied; each try waits for readers as long as a write does."""


def open_database(url: str, *, home: Path) -> Engine:
    """An engine for `url`, or for `home`/anamnesis.db when it is empty.

    Raises:
        StoreError: the URL is not understood or its driver is not installed.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if not url:
        _make_folder(home)
        url = f"sqlite:///{home / 'anamnesis.db'}"
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as fault:
        raise StoreError(
            f"The database URL cannot be used: {fault}", expected="sqlite:///FILE or postgresql+psycopg://..."
        ) from fault
    if engine.dialect.name == "sqlite":
        # pysqlite would begin only at the first write, after the chain's head was read; we begin ourselves (writing()).
        @event.listens_for(engine, "connect")
        def _configure(connection: object, _record: object) -> None:
            connection.isolation_level = None  # type: ignore[attr-defined]
            cursor = connection.cursor()  # type: ignore[attr-defined]
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=5000")
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that holds the one writer lock from its first statement; rolls back on any exception.

    Raises:
        StoreError: the database cannot be reached, is locked too long, read-only or full.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            try:
                yield connection
            except BaseException:
                # The driver ends the transaction that we began; a second ROLLBACK would hide the fault behind its own.
                connection.rollback()
                raise
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("COMMIT")
            else:
                connection.commit()
    except SQLAlchemyError as fault:
        raise StoreError(
            f"The database could not be written: {_first_line(fault)}",
            remedy="Check that it runs, that its disk has space, and that this user may write to it",
        ) from fault


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read from.

    Raises:
        StoreError: the database cannot be read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as fault:
        raise StoreError(
            f"The database could not be read: {_first_line(fault)}", remedy="Check that it runs and is whole"
        ) from fault


def scrub(engine: Engine) -> None:
    """After an erasure: leave nothing readable of it in the files of an SQLite database, open as it is. Others are left alone.

    `secure_delete` zeroes what a blanked record frees, and records never move, since they are only appended and only shrink. What
    still holds them is the write-ahead file, with the pages as they were: it is brought in and cut to nothing.

    Raises:
        StoreError: the record is erased, but bytes of it may stand in the named files until the database is closed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if engine.dialect.name != "sqlite":
        return
    reason = "another connection is reading it"
    try:
        with engine.connect() as connection:
            for _ in range(_CHECKPOINTS):
                busy, *_rest = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if not busy:
                    return
    except SQLAlchemyError as fault:
        reason = _first_line(fault)
    raise StoreError(
        f"The record is erased, but bytes of it may stand in {engine.url.database} and {engine.url.database}-wal until all "
        f"programs that have them open are closed: {reason}",
        remedy="End what is reading it (a backup, an export), then run the same erasure again: it only cleans the files",
    )


def _make_folder(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StoreError(
            f"{home} cannot be made: {fault}", remedy="Set ANAMNESIS_HOME to a folder you may write to"
        ) from fault


def _first_line(fault: Exception) -> str:
    # SQLAlchemy appends the statement and its parameters, which may hold a conversation.
    return str(getattr(fault, "orig", None) or fault).splitlines()[0]
