"""Sessions: a random token of 256 bits, of which only a hash is stored; they end by time, by idleness, and at once when told."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.people import end_sessions
from agent.accounts.permissions import table
from agent.accounts.types import VISITOR, Role, Session, Who
from agent.database import Database, stamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SEEN = timedelta(minutes=1)
"""That a session is in use is written down at most this often: each write takes the database's one lock."""


def begin_in(db: Database, connection: Connection, account: str, role: Role) -> tuple[str, Session]:
    """A new session within a transaction: its token, which is nowhere else, and what is stored."""
    from sqlalchemy import text

    token, now = secrets.token_urlsafe(32), db.clock()
    session = Session(account, stamp(now), stamp(now + table().sessions[role][1]))
    connection.execute(
        text("INSERT INTO sessions (digest, account, made, seen, ends) VALUES (:d, :a, :m, :m, :e)"),
        {"d": _digest(token), "a": account, "m": session.made, "e": session.ends},
    )
    return token, session


def who_holds(db: Database, token: str, *, touch: bool = True) -> Who:
    """Whose session a token is; a visitor where it is none, or has ended. Role and account are as they are now.

    `touch`: this is use, from which the idle time counts anew; a page that only asks what is new passes False.
    """
    from sqlalchemy import text

    if not token:
        return VISITOR
    with db.reading() as connection:
        row = connection.execute(
            text("SELECT s.seen, s.ends, a.id, a.role, a.must_change FROM sessions s JOIN accounts a ON a.id = s.account "
                 "WHERE s.digest = :d"),
            {"d": _digest(token)},
        ).first()  # fmt: skip
    if row is None:
        return VISITOR
    now = db.clock()
    if _over(row, now):
        end(db, token)
        return VISITOR
    if touch and datetime.fromisoformat(row.seen) + _SEEN <= now:
        with db.writing() as connection:
            connection.execute(
                text("UPDATE sessions SET seen = :now WHERE digest = :d"), {"now": stamp(now), "d": _digest(token)}
            )
    return Who(account=row.id, role=cast(Role, row.role), must_change=bool(row.must_change))


def end(db: Database, token: str) -> None:
    """End a session now (logout); of a token that is none nothing happens."""
    from sqlalchemy import text

    with db.writing() as connection:
        connection.execute(text("DELETE FROM sessions WHERE digest = :d"), {"d": _digest(token)})


def end_all(db: Database, account: str) -> int:
    """End every session of an account; how many."""
    with db.writing() as connection:
        return end_sessions(connection, account)


def sweep_in(connection: Connection, now: datetime) -> int:
    """Delete what has ended by time, within a transaction; how many. Idle ones go when they are next shown, or by their end."""
    from sqlalchemy import text

    return connection.execute(text("DELETE FROM sessions WHERE ends <= :now"), {"now": stamp(now)}).rowcount


def _over(row: Any, now: datetime) -> bool:
    idle, _ = table().sessions[row.role]
    return bool(row.ends <= stamp(now) or datetime.fromisoformat(row.seen) + idle <= now)


def _digest(token: str) -> str:
    # A token of 256 random bits needs no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
