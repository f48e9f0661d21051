"""How a held answer ends: released by a clinician, or given unreviewed where nobody may, can or does look at it; then it is erased.

Its words are sealed under a key of its own, which goes when they are no longer needed: a conversation that is kept has them from
then on, and of one that is not kept nothing stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agent.database import Database, stamp
from agent.records.codec import decode, encode
from agent.records.conversations import may_read_in, replace_answer_in
from agent.records.duty import on_duty_in
from agent.records.interim import released
from agent.records.types import HeldStatus
from agent.store import scrub
from agent.types import Answer, Level, Message
from knowledge.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

AFTER = timedelta(minutes=60)
"""So long the answer to a conversation that is not kept can be fetched once it is released. Its page asks every few seconds; a
phone that was put away for the wait needs longer. Then it is erased."""
COLUMNS = "id, conversation, turn, account, kept, country, since, until, status, ended, body"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sealed of a held answer: the message, redacted, the whole `answer`, what its person sees of it so far, and what was
    said before."""

    said: str
    answer: Answer
    shown: Answer
    earlier: tuple[Message, ...] = ()


def seal_in(db: Database, connection: Connection, id_: str, body: Body) -> str:
    """The body as it is stored, under the held answer's own key."""
    return db.vault.seal(connection, _name(id_), encode(body), place="held")


def read_in(db: Database, connection: Connection, row: Any) -> Body:
    """What is sealed of a held answer.

    Raises:
        StoreError: its key is lost.
    """
    return decode(Body, db.vault.read(connection, _name(row.id), row.body, place="held"))


def held_row(connection: Connection, conversation: str, turn: int) -> Any:
    """The row of a held answer; None where there is none."""
    from sqlalchemy import text

    return connection.execute(
        text(f"SELECT {COLUMNS} FROM held WHERE conversation = :c AND turn = :t"), {"c": conversation, "t": turn}
    ).first()


def waits(row: Any) -> bool:
    """Whether a row is of an answer that still waits."""
    return row is not None and row.status == "waiting" and row.body is not None


def release_in(
    db: Database, connection: Connection, row: Any, status: HeldStatus, *, corrected: str = "", raised: Level | None = None
) -> Answer:  # fmt: skip
    """End the wait within a transaction that holds the writer's lock, and give the answer as its person gets it."""
    from sqlalchemy import text

    body = read_in(db, connection, row)
    given = released(body.answer, status, country=row.country, corrected=corrected, raised=raised)
    sealed = None
    if row.kept:
        replace_answer_in(db, connection, row.conversation, row.turn, given)
        _drop_key(connection, row.id)
    else:
        sealed = seal_in(db, connection, row.id, Body(body.said, given, body.shown))
    connection.execute(
        text("UPDATE held SET status = :s, ended = :now, body = :b WHERE id = :id"),
        {"s": status, "now": db.now(), "b": sealed, "id": row.id},
    )
    if status == "unreviewed" and not row.kept:
        # Its words may be read by nobody any more; that it was held, with level and rules, stays in the queue.
        wordless_in(connection, row.conversation, row.turn)
    db.audit.append_in(connection, "held", {"held": row.id, "did": status, "level": given.level}, conversation="")
    return given


def over_in(db: Database, connection: Connection, row: Any, *, there: int) -> bool:
    """Whether a waiting row waits in vain: its time is over, nobody is `there`, or nobody may read it any more."""
    if row.until <= db.now() or not there:
        return True
    return not may_read_in(connection, row.conversation, row.account or "")


def sweep(db: Database) -> int:
    """End what waits in vain, and erase what was released long enough ago; how many. Anybody may call it at any time.

    Raises:
        StoreError: the database cannot be read or written.
    """
    from sqlalchemy import text

    old = stamp(db.clock() - AFTER)
    with db.reading(keys=False) as connection:
        waiting = connection.execute(text(f"SELECT {COLUMNS} FROM held WHERE status = 'waiting'")).all()
        there = on_duty_in(db, connection) if waiting else 0
        vain = any(over_in(db, connection, row, there=there) for row in waiting)
        past = connection.execute(text("SELECT 1 FROM held WHERE kept = 0 AND ended < :old"), {"old": old}).first()
    if not vain and past is None:
        return 0
    done = 0
    with db.writing(keys=False) as connection:
        there = on_duty_in(db, connection)
        for row in connection.execute(text(f"SELECT {COLUMNS} FROM held WHERE status = 'waiting'")).all():
            if over_in(db, connection, row, there=there):
                release_in(db, connection, row, "unreviewed")
                done += 1
        gone = connection.execute(
            text(f"SELECT {COLUMNS} FROM held WHERE kept = 0 AND ended < :old"), {"old": old}
        ).all()
        for row in gone:
            forget_in(connection, row)
            done += 1
    if gone:
        scrubbed_quietly(db)
    return done


def forget_in(connection: Connection, row: Any) -> None:
    """Erase a held answer's row and key within a transaction; what the queue shows of it has no words from then on."""
    from sqlalchemy import text

    _drop_key(connection, row.id)
    connection.execute(text("DELETE FROM held WHERE id = :id"), {"id": row.id})
    if not row.kept:
        wordless_in(connection, row.conversation, row.turn)


def wordless_in(connection: Connection, conversation: str, turn: int) -> None:
    """Let the queue's rows of a turn point at no turn, since nothing of it can be read; a double of one goes."""
    from sqlalchemy import text

    known = {"c": conversation, "t": turn}
    connection.execute(
        text("DELETE FROM reviews WHERE conversation = :c AND turn = :t AND reason IN "
             "(SELECT o.reason FROM reviews o WHERE o.conversation = :c AND o.turn = 0)"), known,
    )  # fmt: skip
    connection.execute(
        text("UPDATE reviews SET turn = 0, comment = NULL, corrected = NULL WHERE conversation = :c AND turn = :t"),
        known,
    )


def scrubbed_quietly(db: Database) -> None:
    """As `erasure.scrubbed`, where nobody asked for it: bytes that stay are sealed without a key, and the next one takes them."""
    try:
        scrub(db.engine)
    except StoreError:
        return


def _drop_key(connection: Connection, id_: str) -> None:
    from sqlalchemy import text

    connection.execute(text("DELETE FROM conversation_keys WHERE conversation = :c"), {"c": _name(id_)})


def _name(id_: str) -> str:
    return f"held:{id_}"
