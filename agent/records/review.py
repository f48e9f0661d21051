"""The review queue: which turns a clinician looks at, and what they say of them. Opening one is recorded, deciding too."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.conversations import open_conversation, read_turns
from agent.records.keeping import policy
from agent.records.types import Correction, KeptTurn, Reason, Review, Status
from agent.types import Answer, SafeText
from knowledge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = "id, conversation, turn, reason, level, rules, status, added, decided_by, decided, comment, corrected"
_MOST = 20_000
"""Characters of a comment or a corrected answer."""


def reasons_for(answer: Answer, *, draw: float) -> tuple[Reason, ...]:
    """Why a clinician should look at an answer, none for most. `draw`: a random number in [0, 1) that decides on the sample."""
    found: list[Reason] = []
    if answer.level == "emergency":
        found.append("emergency")
    if answer.kind == "crisis":
        found.append("crisis")
    supported = [claim.supported for claim in answer.claims]
    if supported and sum(supported) < policy().support * len(supported):
        found.append("low_support")
    if not found and draw < policy().sample / 100:
        found.append("sampled")
    return tuple(found)


def enqueue(db: Database, conversation: str, turn: int, reasons: Sequence[Reason], answer: Answer) -> None:
    """Put a turn into the queue. `turn` 0: nothing of it is kept, and its level and rules are all there is to look at.

    Raises:
        StoreError: it was not put there.
    """
    if reasons:
        with db.writing() as connection:
            enqueue_in(db, connection, conversation, turn, reasons, level=answer.level, rules=answer.rules)


def enqueue_in(
    db: Database, connection: Connection, conversation: str, turn: int, reasons: Sequence[Reason], *, level: str,
    rules: Sequence[str],
) -> None:  # fmt: skip
    """The same within a transaction; what waits there for the same reason is not put there twice."""
    from sqlalchemy import text

    for reason in reasons:
        connection.execute(
            text("INSERT INTO reviews (id, conversation, turn, reason, level, rules, status, added) "
                 "VALUES (:id, :c, :t, :reason, :level, :rules, 'waiting', :at) "
                 "ON CONFLICT (conversation, turn, reason) DO NOTHING"),
            {"id": secrets.token_hex(16), "c": conversation, "t": turn, "reason": reason, "level": level,
             "rules": " ".join(rules), "at": db.now()},
        )  # fmt: skip


def queue(db: Database, who: Who, *, status: Status = "waiting", most: int = 100) -> tuple[Review, ...]:
    """The queue without any words, emergencies and crises first, then the oldest.

    Raises:
        AccessError: who may not review; recorded.
    """
    from sqlalchemy import text

    require(db, who, "review")
    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT {_COLUMNS} FROM reviews WHERE status = :s "
                 "ORDER BY CASE WHEN reason IN ('emergency', 'crisis') THEN 0 ELSE 1 END, added, id LIMIT :m"),
            {"s": status, "m": most},
        ).all()  # fmt: skip
    return tuple(_review(row) for row in rows)


def open_review(db: Database, who: Who, id_: str) -> tuple[Review, tuple[KeptTurn, ...]]:
    """A review with the turns up to the one it is about; none where nothing is kept. That it was opened is recorded.

    Raises:
        AccessError: who may not review or read conversations; recorded.
        InputError: there is no such review.
        StoreError: the opening could not be recorded, so there is none.
    """
    require(db, who, "review", about=id_)
    with db.reading() as connection:
        row = _needed(connection, id_)
    if not row.turn:
        return _review(row), ()
    open_conversation(db, who, row.conversation)
    with db.reading() as connection:
        words = {
            name: "" if sealed is None else db.vault.read(connection, row.conversation, sealed, place=f"{name}:{id_}")
            for name, sealed in (("comment", row.comment), ("corrected", row.corrected))
        }
        turns = tuple(turn for turn in read_turns(db, connection, row.conversation) if turn.number <= row.turn)
    return _review(row, **words), turns


def approve(db: Database, who: Who, id_: str, *, comment: SafeText | None = None) -> None:
    """Say that an answer stands. Raises as `_decide`."""
    _decide(db, who, id_, "approved", comment, None)


def correct(db: Database, who: Who, id_: str, corrected: SafeText, *, comment: SafeText | None = None) -> None:
    """Say what the answer should have been. Raises as `_decide`."""
    if not corrected.text.strip():
        raise InputError("The corrected answer is empty", remedy="Write what should have been said")
    _decide(db, who, id_, "corrected", comment, corrected)


def corrections(db: Database) -> Iterator[Correction]:
    """Corrected answers of conversations whose person agreed, and still does, that they become examples."""
    from sqlalchemy import text

    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT {', '.join('r.' + name for name in _COLUMNS.split(', '))}, c.language FROM reviews r "
                 "JOIN conversations c ON c.id = r.conversation WHERE r.status = 'corrected' AND EXISTS (SELECT 1 FROM consents k "
                 "WHERE k.subject IN (c.id, c.account) AND k.kind = 'training' AND k.withdrawn IS NULL) ORDER BY r.decided, r.id")
        ).all()  # fmt: skip
        for row in rows:
            put_right = db.vault.read(connection, row.conversation, row.corrected, place=f"corrected:{row.id}")
            for turn in read_turns(db, connection, row.conversation):
                if turn.number == row.turn:
                    yield Correction(row.id, turn.said, turn.answer.text, put_right, row.level, row.language)


def _decide(
    db: Database, who: Who, id_: str, status: Status, comment: SafeText | None, corrected: SafeText | None
) -> None:
    """Write a decision, once: of two who decide at the same time the second is told.

    Raises:
        AccessError: who may not review; recorded.
        InputError: no such review, it was decided before, nothing of its words is kept to write beside, or a text is too long.
        StoreError: it was not written.
    """
    from sqlalchemy import text

    require(db, who, "review", about=id_)
    texts = {"comment": comment, "corrected": corrected}
    if any(safe is not None and len(safe.text) > _MOST for safe in texts.values()):
        raise InputError("The text is too long", expected=f"at most {_MOST} characters")
    with db.writing() as connection:
        row = _needed(connection, id_)
        if row.status != "waiting":
            raise InputError(f"This was {row.status} before", remedy="Look at what was decided")
        sealed: dict[str, str | None] = {"comment": None, "corrected": None}
        for name, safe in texts.items():
            if safe is None or not safe.text.strip():
                continue
            if not row.turn:
                raise InputError("Nothing is kept of this conversation, so nothing can be written beside it")
            sealed[name] = db.vault.seal(connection, row.conversation, safe.text, place=f"{name}:{id_}")
        connection.execute(
            text("UPDATE reviews SET status = :s, decided_by = :by, decided = :at, comment = :comment, corrected = :corrected "
                 "WHERE id = :id"),
            {"s": status, "by": who.account, "at": db.now(), "id": id_, **sealed},
        )  # fmt: skip
        record = {"review": id_, "did": status, "account": who.account, "reason": row.reason}
        db.audit.append_in(connection, "reviewed", record, conversation="")


def _needed(connection: Connection, id_: str) -> Any:
    from sqlalchemy import text

    row = connection.execute(text(f"SELECT {_COLUMNS} FROM reviews WHERE id = :id"), {"id": id_}).first()
    if row is None:
        raise InputError("There is no such review", remedy="It may have been erased with its conversation")
    return row


def _review(row: Any, comment: str = "", corrected: str = "") -> Review:
    return Review(
        row.id, row.conversation, row.turn, cast(Reason, row.reason), row.level, tuple(row.rules.split()),
        cast(Status, row.status), row.added, row.decided_by or "", row.decided or "", comment, corrected,
    )  # fmt: skip
