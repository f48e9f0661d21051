"""How often somebody may try: a try is counted before it is judged, so that many at once are no way round.

After the free tries each further one waits twice as long as the one before, up to the longest wait. Kept in the database, so
that it holds over processes and restarts; under a keyed hash, since people type passwords into the field for the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from agent.database import Database, stamp
from knowledge.errors import TooManyTries

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` tries, then waits from one second doubling up to `longest`; forgotten after `memory` without a try."""

    free: int
    longest: timedelta = timedelta(minutes=15)
    memory: timedelta = timedelta(hours=24)


# At 15 minutes a try a name sees fewer than 100 in a day, NIST SP 800-63B's bound (5.2.2) for failures in a row.
NAME = Limit(free=5)
# Behind one address may be a whole hospital.
ADDRESS = Limit(free=50)
# Denials of all visitors together that are recorded before it is one in 15 minutes.
VISITORS = Limit(free=100)


def admit(db: Database, purpose: str, what: str, limit: Limit, *, account: str = "") -> str:
    """Count a try and let it pass; the key by which `forgive` forgets it.

    Raises:
        TooManyTries: it came too soon; its `wait` says how many seconds are left. Such a try is not counted, and of all that
            come within one wait the first is recorded: a record that cannot be deleted must not grow by somebody's will.
    """
    from sqlalchemy import text

    now = db.clock()
    with db.writing() as connection:
        key = db.vault.fingerprint(f"throttle {purpose}", what)
        row = connection.execute(text("SELECT tries, last, until FROM attempts WHERE who = :w"), {"w": key}).first()
        wait = 0 if row is None else ceil((datetime.fromisoformat(row.until) - now).total_seconds())
        if row is not None and wait > 0:
            first = connection.execute(
                text("UPDATE attempts SET noted = until WHERE who = :w AND noted <> until"), {"w": key}
            ).rowcount
            if first:
                record = {"action": purpose, "account": account, "why": "too many tries"}
                db.audit.append_in(connection, "denied", record, conversation="")
        else:
            tries = 1 if row is None or row.last < stamp(now - limit.memory) else int(row.tries) + 1
            # Past 2^20 seconds the longest wait holds anyway.
            delay = timedelta(seconds=2 ** min(tries - limit.free, 20)) if tries > limit.free else timedelta()
            connection.execute(
                text("INSERT INTO attempts (who, tries, last, until) VALUES (:w, :t, :l, :u) "
                     "ON CONFLICT (who) DO UPDATE SET tries = :t, last = :l, until = :u"),
                {"w": key, "t": tries, "l": stamp(now), "u": stamp(now + min(delay, limit.longest))},
            )  # fmt: skip
    if wait > 0:
        raise TooManyTries("Too many tries", remedy=f"Try again in {wait} s", wait=wait)
    return key


def forgive(db: Database, key: str) -> None:
    """Forget the tries of a key: the last one was right."""
    from sqlalchemy import text

    with db.writing() as connection:
        connection.execute(text("DELETE FROM attempts WHERE who = :w"), {"w": key})


def take_back(db: Database, key: str, limit: Limit) -> None:
    """The last try of a key was right: it does not count, those before it do. For an address, behind which may be many people."""
    from sqlalchemy import text

    with db.writing() as connection:
        # Whoever has one good password cannot wash away what was guessed with it: a try takes back itself and no more.
        connection.execute(
            text("UPDATE attempts SET tries = tries - 1, until = CASE WHEN tries - 1 <= :free THEN last ELSE until END "
                 "WHERE who = :w AND tries > 0"),
            {"w": key, "free": limit.free},
        )  # fmt: skip


def sweep_in(connection: Connection, now: datetime) -> int:
    """Delete what is long past, within a transaction; how many."""
    from sqlalchemy import text

    limit = max(NAME.memory, ADDRESS.memory, VISITORS.memory)
    return connection.execute(text("DELETE FROM attempts WHERE last < :l"), {"l": stamp(now - limit)}).rowcount
