"""How long things are kept: the defaults, the law's least by place, what this installation sets; and the purge of what is past."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.accounts import sessions, throttle
from agent.database import Database, stamp
from agent.records.consent import sweep_in
from agent.records.erasure import erase_in, scrubbed
from agent.records.release import sweep
from agent.records.types import MODES
from knowledge.errors import ConfigError, InputError
from knowledge.places import duties, place

FILE = "retention.toml"
_EXPECTED = (
    "[anonymous], [account] and [clinic], each with days for `default` and for places (CN = 180), from 1 to 36525"
)
_MOST_DAYS = 36525
_AT_ONCE = 200
"""Conversations of one transaction: the writer's lock is not held for long."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge ended: conversations, audit records blanked, sessions, counters of tries, consents that are nobody's."""

    conversations: int
    records: int
    sessions: int
    tries: int
    consents: int = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """Days by mode and place, as this installation sets them; what it does not set is `knowledge.places.duties`'."""

    days: Mapping[str, Mapping[str, int]]

    def of(self, mode: str, country: str) -> int:
        """Days that a conversation is kept after its last turn."""
        known = place(country)
        code = known.code if known is not None else country
        own = self.days.get(mode, {})
        return own.get(code, own.get("default", duties.days_kept(mode, country)))


def load_retention(home: Path) -> Retention:
    """What `retention.toml` under the home says.

    Raises:
        ConfigError: it cannot be read, names what is not kept, or keeps a clinic's records for less than its place asks.
    """
    file = home / FILE
    if not file.is_file():
        return Retention({})
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{file} cannot be read: {fault}", expected=_EXPECTED) from fault
    for mode, rows in data.items():
        if mode not in MODES or mode == "private" or not isinstance(rows, dict):
            raise ConfigError(f"{file} sets {mode!r}", expected=_EXPECTED)
        for code, days in rows.items():
            if type(days) is not int or not 1 <= days <= _MOST_DAYS or not (code == "default" or place(code)):
                raise ConfigError(f"{file} sets {mode}.{code} to {days!r}", expected=_EXPECTED)
            least = duties.days_asked(code) if mode == "clinic" else 0
            if days < least:
                raise ConfigError(
                    f"{file} keeps a clinic's records of {code} for {days} days", expected=f"at least {least}"
                )
    return Retention(data)


def purge(db: Database, now: datetime, *, retention: Retention | None = None) -> Purged:
    """Erase what is past its time at `now`, in batches: stopped, it goes on where it was.

    A conversation of which only audit records are kept goes as an anonymous one of no known place does: its words are blanked,
    and number, time, kind and hash stay in the chain for good. Consents of visitors of whom nothing is kept go after the same time.

    Raises:
        InputError: `now` has no zone.
        ConfigError: the policy cannot be read.
        StoreError: the database cannot be read or written; or all is erased and bytes may be left in a file, which is named.
    """
    if now.tzinfo is None:
        raise InputError("The time has no zone", expected="an aware datetime, such as datetime.now(UTC)")
    rules = retention if retention is not None else load_retention(db.home)
    sweep(db)
    conversations = records = 0
    past = _past(db, now, rules)
    for at in range(0, len(past), _AT_ONCE):
        with db.writing(keys=False) as connection:
            done = erase_in(db, connection, past[at : at + _AT_ONCE], reason="retention")
        conversations, records = conversations + done.conversations, records + done.records
    with db.writing(keys=False) as connection:
        ended = sessions.sweep_in(connection, now), throttle.sweep_in(connection, now)
        consents = sweep_in(connection, _cut(now, rules.of("anonymous", "")))
    scrubbed(db)
    return Purged(conversations, records, *ended, consents)


def due(db: Database, now: datetime, *, retention: Retention | None = None) -> int:
    """How many conversations a purge at `now` would end. Raises as `purge`."""
    return len(_past(db, now, retention if retention is not None else load_retention(db.home)))


def _past(db: Database, now: datetime, rules: Retention) -> list[str]:
    from sqlalchemy import text

    with db.reading(keys=False) as connection:
        kept = connection.execute(text("SELECT id, mode, country, last FROM conversations ORDER BY last, id")).all()
        only_audit = connection.execute(
            text("SELECT conversation FROM audit WHERE payload IS NOT NULL AND conversation <> '' AND NOT EXISTS "
                 "(SELECT 1 FROM conversations c WHERE c.id = audit.conversation) GROUP BY conversation HAVING MAX(at) < :cut"),
            {"cut": _cut(now, rules.of("anonymous", ""))},
        ).scalars().all()  # fmt: skip
        # Of a crisis nothing is kept but that it waits in the queue; that too ends.
        only_review = connection.execute(
            text("SELECT conversation FROM reviews r WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = r.conversation) "
                 "GROUP BY conversation HAVING MAX(added) < :cut"),
            {"cut": _cut(now, rules.of("anonymous", ""))},
        ).scalars().all()  # fmt: skip
    past = [row.id for row in kept if row.last < _cut(now, rules.of(row.mode, row.country))]
    return list(dict.fromkeys([*past, *only_audit, *only_review]))


def _cut(now: datetime, days: int) -> str:
    return stamp(now - timedelta(days=days))
