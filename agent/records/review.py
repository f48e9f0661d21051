"""The review queue: which turns a clinician looks at, and what they say of them. Opening one is recorded, deciding too."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.database import Database
from agent.records import release
from agent.records.conversations import may_read_in, open_conversation, read_turns
from agent.records.interim import higher
from agent.records.keeping import policy
from agent.records.types import KeptTurn, Reason, Review, Status
from agent.types import Answer, Level, SafeText
from knowledge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LANGUAGE = "CASE WHEN r.language <> '' THEN r.language ELSE COALESCE(c.language, '') END"
_COLUMNS = (
    "r.id, r.conversation, r.turn, r.reason, r.level, r.rules, r.status, r.added, r.decided_by, r.decided, r.comment, r.corrected, "
    f"r.raised, {_LANGUAGE} AS language"
)
_FROM = "reviews r LEFT JOIN conversations c ON c.id = r.conversation"
_MOST = 20_000
"""Characters of a comment or a corrected answer."""


class Decided(InputError):
    """Somebody decided it before."""


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


def enqueue(
    db: Database, conversation: str, turn: int, reasons: Sequence[Reason], answer: Answer, *, account: str = ""
) -> None:
    """Put a turn into the queue. `turn` 0: nothing of it is kept, and its level and rules are all there is to look at.

    So it is too where its person did not agree that a clinician reads it, be it kept. `account`: whose it is, "" for nobody's.

    Raises:
        StoreError: it was not put there.
    """
    if not reasons:
        return
    with db.writing() as connection:
        shown = turn if turn and may_read_in(connection, conversation, account) else 0
        enqueue_in(db, connection, conversation, shown, reasons, level=answer.level, rules=answer.rules,
                   language=answer.language)  # fmt: skip


def enqueue_in(
    db: Database, connection: Connection, conversation: str, turn: int, reasons: Sequence[Reason], *, level: str,
    rules: Sequence[str], language: str = "",
) -> None:  # fmt: skip
    """The same within a transaction; what waits there for the same reason is not put there twice."""
    from sqlalchemy import text

    for reason in reasons:
        connection.execute(
            text("INSERT INTO reviews (id, conversation, turn, reason, level, rules, status, added, language) "
                 "VALUES (:id, :c, :t, :reason, :level, :rules, 'waiting', :at, :language) "
                 "ON CONFLICT (conversation, turn, reason) DO NOTHING"),
            {"id": secrets.token_hex(16), "c": conversation, "t": turn, "reason": reason, "level": level,
             "rules": " ".join(rules), "at": db.now(), "language": language},
        )  # fmt: skip


def queue(
    db: Database, who: Who, *, status: Status = "waiting", reason: Reason | None = None, level: str = "", language: str = "",
    most: int = 100,
) -> tuple[Review, ...]:  # fmt: skip
    """The queue without any words, emergencies and crises first, then the oldest; of what is decided, the latest first.

    Held answers that wait in vain are released before it is read.

    Raises:
        AccessError: who may not review; recorded.
    """
    from sqlalchemy import text

    require(db, who, "review")
    release.sweep(db)
    order = "CASE WHEN r.reason IN ('emergency', 'crisis') THEN 0 ELSE 1 END, r.added, r.id"
    wanted = {"r.reason": reason or "", "r.level": level, _LANGUAGE: language}
    asked = {f"w{place}": value for place, value in enumerate(wanted.values()) if value}
    where = "".join(f" AND {name} = :w{place}" for place, (name, value) in enumerate(wanted.items()) if value)
    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.status = :s{where} "
                 f"ORDER BY {order if status == 'waiting' else 'r.decided DESC, r.id'} LIMIT :m"),
            {"s": status, "m": most, **asked},
        ).all()  # fmt: skip
    return tuple(_review(row) for row in rows)


def open_review(db: Database, who: Who, id_: str) -> tuple[Review, tuple[KeptTurn, ...]]:
    """A review with the turns up to the one it is about; none where nothing is kept, or its person did not agree to it.

    That it was opened is recorded. An answer that is held is shown whole.

    Raises:
        AccessError: who may not review or read conversations; recorded.
        InputError: there is no such review.
        StoreError: the opening could not be recorded, so there is none.
    """
    require(db, who, "review", about=id_)
    with db.reading() as connection:
        row = _needed(connection, id_)
        held = release.held_row(connection, row.conversation, row.turn)
        unkept = held is not None and not held.kept
        account = (held.account or "") if held is not None else ""
        readable = bool(row.turn) and may_read_in(connection, row.conversation, account)
    if not readable:
        return _review(row), ()
    if unkept:
        require(db, who, "read_conversation", about=row.conversation)
        opened = {"conversation": row.conversation, "account": who.account, "role": who.role}
        db.audit.append("opened", opened, conversation="")
    else:
        open_conversation(db, who, row.conversation)
    with db.reading() as connection:
        words = {
            name: "" if sealed is None else db.vault.read(connection, row.conversation, sealed, place=f"{name}:{id_}")
            for name, sealed in (("comment", row.comment), ("corrected", row.corrected))
        }
        turns = () if unkept else read_turns(db, connection, row.conversation)
        turns = tuple(turn for turn in turns if turn.number <= row.turn)
        if held is not None and held.body is not None:
            body = release.read_in(db, connection, held)
            turns = (
                *(turn for turn in turns if turn.number < row.turn),
                KeptTurn(row.turn, held.since, body.said, body.answer, earlier=body.earlier),
            )
    return _review(row, readable=True, **words), turns


def approve(db: Database, who: Who, id_: str, *, comment: SafeText | None = None, raised: Level | None = None) -> bool:
    """Say that an answer stands, or that it does at a higher level; whether its person waited for it and gets it now.

    Raises as `_decide`.
    """
    return _decide(db, who, id_, "approved", comment, None, raised)


def correct(
    db: Database, who: Who, id_: str, corrected: SafeText, *, comment: SafeText | None = None, raised: Level | None = None
) -> bool:  # fmt: skip
    """Say what the answer should have been; whether its person waited for it and gets it now. Raises as `_decide`."""
    if not corrected.text.strip():
        raise InputError("The corrected answer is empty", remedy="Write what should have been said")
    return _decide(db, who, id_, "corrected", comment, corrected, raised)


def comment(db: Database, who: Who, id_: str, words: SafeText) -> None:
    """Write a comment beside a review that stays open; the later one stands. Raises as `_decide`."""
    from sqlalchemy import text

    require(db, who, "review", about=id_)
    with db.writing() as connection:
        row = _open(connection, id_)
        sealed = _sealed(db, connection, row, {"comment": words})["comment"]
        connection.execute(text("UPDATE reviews SET comment = :c WHERE id = :id"), {"c": sealed, "id": id_})
        record = {"review": id_, "did": "commented", "account": who.account, "reason": row.reason}
        db.audit.append_in(connection, "reviewed", record, conversation="")


def _decide(
    db: Database, who: Who, id_: str, status: Status, comment: SafeText | None, corrected: SafeText | None,
    raised: Level | None,
) -> bool:  # fmt: skip
    """Write a decision, once: of two who decide at the same time the second is told. Whether it released an answer.

    Raises:
        AccessError: who may not review; recorded.
        Decided: somebody decided it before.
        InputError: no such review, nothing of its words is kept to write beside, a text is too long, or a level is not raised.
        StoreError: it was not written.
    """
    from sqlalchemy import text

    require(db, who, "review", about=id_)
    release.sweep(db)
    with db.writing() as connection:
        row = _open(connection, id_)
        if raised is not None and raised not in higher(row.level):
            raise InputError(
                f"The level {row.level} is not raised to {raised}", expected="a higher one; none is lowered"
            )
        held = release.held_row(connection, row.conversation, row.turn)
        waits = release.waits(held) and may_read_in(connection, row.conversation, held.account or "")
        texts = {"comment": comment, "corrected": corrected}
        if waits and not held.kept:
            # Nothing of it is kept: what was put right goes to its person, and no comment has a place to stand.
            _check_lengths(texts)
            sealed: dict[str, str | None] = {"comment": None, "corrected": None}
        else:
            sealed = _sealed(db, connection, row, texts)
        known = {
            "s": status,
            "by": who.account,
            "at": db.now(),
            "raised": raised or "",
            "c": row.conversation,
            "t": row.turn,
        }
        connection.execute(
            text("UPDATE reviews SET status = :s, decided_by = :by, decided = :at, raised = :raised, "
                 "comment = COALESCE(:comment, comment), corrected = :corrected WHERE id = :id"),
            {"id": id_, **sealed, **{name: known[name] for name in ("s", "by", "at", "raised")}},
        )  # fmt: skip
        if waits:
            put_right = corrected.text if corrected is not None else ""
            release.release_in(
                db, connection, held, "corrected" if put_right else "approved", corrected=put_right, raised=raised
            )
            # Whatever it was opened for, its person waits no more.
            connection.execute(
                text("UPDATE reviews SET status = :s, decided_by = :by, decided = :at, raised = :raised "
                     "WHERE conversation = :c AND turn = :t AND reason = 'held' AND status = 'waiting'"), known,
            )  # fmt: skip
        record = {"review": id_, "did": status, "account": who.account, "reason": row.reason, "raised": raised or ""}
        db.audit.append_in(connection, "reviewed", record, conversation="")
    return waits


def _sealed(db: Database, connection: Connection, row: Any, texts: dict[str, SafeText | None]) -> dict[str, str | None]:
    """What was written, sealed for its place; None for what is empty."""
    _check_lengths(texts)
    sealed: dict[str, str | None] = dict.fromkeys(texts)
    for name, safe in texts.items():
        if safe is None or not safe.text.strip():
            continue
        if not row.turn:
            raise InputError("Nothing is kept of this conversation, so nothing can be written beside it")
        if not may_read_in(connection, row.conversation):
            raise InputError("Its person does not agree that a clinician reads it, so nothing is written beside it")
        sealed[name] = db.vault.seal(connection, row.conversation, safe.text, place=f"{name}:{row.id}")
    return sealed


def _check_lengths(texts: dict[str, SafeText | None]) -> None:
    if any(safe is not None and len(safe.text) > _MOST for safe in texts.values()):
        raise InputError("The text is too long", expected=f"at most {_MOST} characters")


def _open(connection: Connection, id_: str) -> Any:
    row = _needed(connection, id_)
    if row.status != "waiting":
        raise Decided(f"This was {row.status} before", remedy="Look at what was decided")
    return row


def _needed(connection: Connection, id_: str) -> Any:
    from sqlalchemy import text

    row = connection.execute(text(f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.id = :id"), {"id": id_}).first()
    if row is None:
        raise InputError("There is no such review", remedy="It may have been erased with its conversation")
    return row


def _review(row: Any, *, readable: bool = False, comment: str = "", corrected: str = "") -> Review:
    return Review(
        row.id, row.conversation, row.turn, cast(Reason, row.reason), row.level, tuple(row.rules.split()),
        cast(Status, row.status), row.added, row.decided_by or "", row.decided or "", comment, corrected,
        row.language, row.raised, readable,
    )  # fmt: skip
