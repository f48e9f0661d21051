"""Which clinicians are on duty: who said so on the review page, is still signed in, and was there within the last minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.database import Database, stamp
from knowledge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

QUIET = timedelta(minutes=15)
"""Without a hand on the page for so long nobody is taken to sit in front of it. It is half of how long an answer may wait by
default, so that who is called away leaves no answer waiting for its whole time; and half of a clinician's idle session."""
_STEP = timedelta(seconds=30)
"""A sign of life is written down at most this often: each write takes the database's one lock."""


def begin(db: Database, who: Who) -> None:
    """Go on duty.

    Raises:
        AccessError: who may not review; recorded.
        InputError: who has no account.
    """
    from sqlalchemy import text

    require(db, who, "review")
    if not who.account:
        raise InputError("Only an account goes on duty", remedy="Sign in")
    with db.writing() as connection:
        known = {"a": who.account, "now": db.now()}
        if who.account in _there(connection, db):
            connection.execute(text("UPDATE duty SET seen = :now WHERE account = :a"), known)
            return
        connection.execute(text("DELETE FROM duty WHERE account = :a"), {"a": who.account})
        connection.execute(text("INSERT INTO duty (account, since, seen) VALUES (:a, :now, :now)"), known)
        db.audit.append_in(connection, "duty", {"did": "began", "account": who.account}, conversation="")


def end(db: Database, who: Who) -> None:
    """Go off duty; nothing happens where one was not on it."""
    from sqlalchemy import text

    with db.writing() as connection:
        if connection.execute(text("DELETE FROM duty WHERE account = :a"), {"a": who.account}).rowcount:
            db.audit.append_in(connection, "duty", {"did": "ended", "account": who.account}, conversation="")


def sign(db: Database, who: Who, *, idle_s: float = 0.0) -> bool:
    """A sign of life of the page of somebody on duty, whose hand was last on it `idle_s` seconds ago; whether they are on duty.

    Who was away for too long is off duty, and stays so until they say otherwise.
    """
    from sqlalchemy import text

    with db.reading() as connection:
        row = connection.execute(text("SELECT seen FROM duty WHERE account = :a"), {"a": who.account}).first()
        there = who.account in _there(connection, db)
    if row is None:
        return False
    if not there:
        end(db, who)
        return False
    seen = db.clock() - timedelta(seconds=min(max(idle_s, 0.0), QUIET.total_seconds()))
    if stamp(seen - _STEP) > row.seen:
        with db.writing() as connection:
            connection.execute(
                text("UPDATE duty SET seen = :s WHERE account = :a AND seen < :s"),
                {"s": stamp(seen), "a": who.account},
            )
    return True


def is_on(db: Database, who: Who) -> bool:
    """Whether an account is on duty."""
    with db.reading() as connection:
        return who.account in _there(connection, db)


def since(db: Database, who: Who) -> str:
    """Since when an account is on duty; "" where it is not."""
    from sqlalchemy import text

    with db.reading() as connection:
        if who.account not in _there(connection, db):
            return ""
        found = connection.execute(text("SELECT since FROM duty WHERE account = :a"), {"a": who.account}).scalar()
    return str(found or "")


def on_duty(db: Database) -> int:
    """How many clinicians are on duty."""
    with db.reading() as connection:
        return on_duty_in(db, connection)


def on_duty_in(db: Database, connection: Connection) -> int:
    """The same within a transaction."""
    return len(_there(connection, db))


def _there(connection: Connection, db: Database) -> set[str]:
    from sqlalchemy import text

    now = db.clock()
    # A clinician who signed out, or became something else, is on duty no more, whatever their page said last.
    return set(
        connection.execute(
            text("SELECT d.account FROM duty d JOIN accounts a ON a.id = d.account WHERE d.seen > :quiet AND a.role = 'clinician' "
                 "AND EXISTS (SELECT 1 FROM sessions s WHERE s.account = d.account AND s.ends > :now)"),
            {"quiet": stamp(now - QUIET), "now": stamp(now)},
        ).scalars()
    )  # fmt: skip
