"""Answers that wait for a clinician: which do, how they are put aside, and how their person gets them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.permissions import deny, require
from agent.accounts.types import Who
from agent.database import Database, stamp
from agent.records import release
from agent.records.conversations import may_read_in, read_turns, replace_answer_in
from agent.records.duty import on_duty, on_duty_in
from agent.records.interim import meanwhile, waiting_line
from agent.records.release import COLUMNS, Body
from agent.records.review import enqueue_in
from agent.records.types import Held, HeldStatus, Keeping, Ready
from agent.types import Answer, Level, Message, SafeText
from knowledge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LEVELS: frozenset[Level] = frozenset({"routine", "self_care", "unclear"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides, before anything is answered, whether answers may be held at all: the setting, whether a clinician is on duty,
    whether one may read the words, and whether a clinician asks."""

    on: bool
    duty: bool
    consent: bool
    clinician: bool = False


def may_hold(terms: Terms) -> bool:
    """Whether anything of this conversation may be held: without consent nobody reads it, and with nobody on duty nobody comes."""
    return terms.on and terms.duty and terms.consent and not terms.clinician


def holds(terms: Terms, answer: Answer, keeping: Keeping, *, first_aid: bool = False) -> bool:
    """Whether an answer waits for a clinician: advice to one person that is not urgent. The whole decision, in one place.

    Never urgent ones, emergencies and crises; never questions back, refusals and what was not found; never a question that told of
    no symptom; never first aid; never where abuse or a crisis says that nothing may be written down, which `keeping` tells of what
    was said, whatever the mode.
    """
    advice = answer.kind == "answer" and answer.level in _LEVELS and answer.triage.has_symptom
    return may_hold(terms) and advice and keeping.history and not first_aid


def terms_of(db: Database, who: Who, conversation: str, *, on: bool) -> Terms:
    """The terms as they are now. `on` is the setting; the database is read only where it is."""
    if not on:
        return Terms(False, False, False)
    if not on_duty(db):
        return Terms(True, False, False)
    with db.reading() as connection:
        # A visitor's consent counts for a conversation that their page holds.
        known = bool(who.account) or conversation in who.holds
        consent = known and may_read_in(connection, conversation, who.account)
    return Terms(True, True, consent, clinician=who.role == "clinician")


def hold(
    db: Database, who: Who, conversation: str, turn: int, said: SafeText, answer: Answer, *, kept: bool, country: str,
    earlier: Collection[Message] = (), minutes: int,
) -> tuple[Held, Answer]:  # fmt: skip
    """Put an answer aside and into the queue; how it waits, and what its person gets meanwhile.

    `kept`: the turn is kept under that number, and its words are put in its place now. `earlier`: what was said before, for the
    clinician, where it is not kept.

    Raises:
        StoreError: it was not put aside.
    """
    from sqlalchemy import text

    release.sweep(db)
    id_, now = secrets.token_hex(16), db.clock()
    until = stamp(now + timedelta(minutes=minutes))
    with db.writing() as connection:
        # The same turn asked again: only the last answer to it is waited for.
        if (before := release.held_row(connection, conversation, turn)) is not None:
            release.forget_in(connection, before)
        held = Held(turn, stamp(now), until, _before(connection, stamp(now)))
        shown = meanwhile(answer, held, country=country)
        body = Body(said.text, answer, shown, () if kept else tuple(earlier))
        connection.execute(
            text(f"INSERT INTO held ({COLUMNS}) VALUES (:id, :c, :t, :a, :kept, :country, :since, :until, 'waiting', NULL, :body)"),
            {"id": id_, "c": conversation, "t": turn, "a": who.account or None, "kept": int(kept), "country": country,
             "since": held.since, "until": until, "body": release.seal_in(db, connection, id_, body)},
        )  # fmt: skip
        enqueue_in(db, connection, conversation, turn, ["held"], level=answer.level, rules=answer.rules,
                   language=answer.language)  # fmt: skip
        if kept:
            replace_answer_in(db, connection, conversation, turn, shown)
        db.audit.append_in(connection, "held", {"held": id_, "did": "held", "level": answer.level}, conversation="")
    return held, shown


def answer_ready(db: Database, who: Who, conversation: str, turn: int) -> Ready | None:
    """How it stands with an answer of one's own that was held; None where it was erased, or none was held.

    Where its time is over, nobody is on duty any more, or nobody may read it any more, it is released now, unreviewed. Ask every
    few seconds: while it waits, nothing is written.

    Raises:
        AccessError: it is somebody else's, or who may not chat; recorded.
        StoreError: the database cannot be read, or the release could not be written.
    """
    require(db, who, "chat", about=conversation)
    with db.reading() as connection:
        row = release.held_row(connection, conversation, turn)
        if row is None:
            return None
        mine = who.account == row.account if row.account else conversation in who.holds
        late = mine and release.waits(row) and release.over_in(db, connection, row, there=on_duty_in(db, connection))
    if not mine:
        deny(db, who, "read_conversation", about=conversation)
    if late:
        with db.writing() as connection:
            row = release.held_row(connection, conversation, turn)
            if release.waits(row) and release.over_in(db, connection, row, there=on_duty_in(db, connection)):
                release.release_in(db, connection, row, "unreviewed")
    with db.reading() as connection:
        return _ready(db, connection, release.held_row(connection, conversation, turn))


def forget(db: Database, who: Who, conversation: str) -> int:
    """Erase the held answers of one's conversation that is not kept, as its person leaves or forgets it; how many.

    Raises:
        StoreError: it was not written.
    """
    from sqlalchemy import text

    known = {"c": conversation, "a": who.account}
    with db.writing() as connection:
        rows = connection.execute(
            text(f"SELECT {COLUMNS} FROM held WHERE conversation = :c AND kept = 0 AND COALESCE(account, '') = :a"),
            known,
        ).all()
        rows = [row for row in rows if row.account or conversation in who.holds]
        for row in rows:
            release.forget_in(connection, row)
            db.audit.append_in(connection, "held", {"held": row.id, "did": "forgotten"}, conversation="")
    if rows:
        release.scrubbed_quietly(db)
    return len(rows)


def needed(ready: Ready | None) -> Ready:
    """The same, insisting.

    Raises:
        InputError: there is none.
    """
    if ready is None:
        raise InputError("No answer of that turn is held", remedy="It may have been erased; ask again")
    return ready


def _ready(db: Database, connection: Connection, row: Any) -> Ready | None:
    if row is None:
        return None
    held = Held(row.turn, row.since, row.until, _before(connection, row.since) if row.status == "waiting" else 0)
    status = cast(HeldStatus, row.status)
    if row.body is not None:
        body = release.read_in(db, connection, row)
        answer = body.shown if status == "waiting" else body.answer
    else:
        answer = next(turn.answer for turn in read_turns(db, connection, row.conversation) if turn.number == row.turn)
    line = waiting_line(held, answer.language, now=db.now()) if status == "waiting" else ""
    return Ready(status, held, answer, line)


def _before(connection: Connection, since: str) -> int:
    from sqlalchemy import text

    query = text("SELECT COUNT(*) FROM held WHERE status = 'waiting' AND since < :s")
    return int(connection.execute(query, {"s": since}).scalar_one())
