"""Which shape the database has: made or brought up to date when it is first used, refused where a newer program made it.

At first use and not by a command one must remember: who starts the program again after an update loses nothing and needs to
know nothing. It is safe, since the whole way is one transaction under the one writer lock: of several processes that start
together one does it, and where it fails nothing is changed. `anamnesis db upgrade` does the same ahead of time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.store import reading, writing
from knowledge.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every shape there has been, oldest first; the last is this program's. Held against `agent/migrations` by a test."""
_FOLDER = Path(__file__).parent / "migrations"
_TABLE = "alembic_version"


def current(engine: Engine) -> str:
    """The database's revision; "" where none is written: an empty database, or one from before revisions were.

    Raises:
        StoreError: the database cannot be read.
    """
    with reading(engine) as connection:
        return _recorded(connection)


def upgrade(engine: Engine) -> tuple[str, str]:
    """Bring the database to this program's revision, all of the way or none of it; from which, and to which.

    Raises:
        StoreError: a newer program made it, or it cannot be read or written.
    """
    # A database that is right is only read, so that a user who may not make tables can use it.
    found = current(engine)
    if found != REVISIONS[-1]:
        _refuse_newer(found)
        with writing(engine) as connection:
            found = _recorded(connection)
            _refuse_newer(found)
            if found != REVISIONS[-1]:
                _run(connection)
    return found, REVISIONS[-1]


def _recorded(connection: Connection) -> str:
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(_TABLE):
        return ""
    rows = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalars().all()
    return str(rows[0]) if len(rows) == 1 else "+".join(sorted(map(str, rows)))


def _refuse_newer(found: str) -> None:
    if found and found not in REVISIONS:
        raise StoreError(
            f"The database has the shape {found}, which this program does not know: a newer one made it",
            expected=f"a shape up to {REVISIONS[-1]}",
            remedy="Install the program's newer version, or name another `database`; nothing was changed",
        )


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as fault:
        raise StoreError(
            f"The database could not be brought to {REVISIONS[-1]}: {fault}", remedy="Install the program again"
        ) from fault
