"""Conversations as they are kept: the state and each turn, sealed; read by whose they are, or by a clinician, who is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.permissions import deny, may, require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.codec import decode, encode
from agent.records.erasure import erase_in, scrubbed
from agent.records.interim import taken_up
from agent.records.keeping import decide
from agent.records.types import MODES, Keeping, Kept, KeptTurn, Mode
from agent.types import Answer, ConversationState, SafeText
from knowledge.errors import InputError
from knowledge.places import duties

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = "id, account, mode, audience, country, language, made, last"


@dataclass(frozen=True, slots=True)
class _Body:
    said: str
    answer: Answer


def keep_turn(
    db: Database, who: Who, state: ConversationState, said: SafeText, answer: Answer, *, mode: Mode
) -> Keeping:
    """Keep a turn that is over: what was said, the answer, and the conversation's state after it.

    Where a rule says that nothing is kept, what was kept of it before goes in the same transaction.

    Raises:
        AccessError: the conversation is somebody else's; recorded.
        InputError: no such mode, or one that `who` cannot have.
        StoreError: it was not kept.
    """
    from sqlalchemy import text

    require(db, who, "chat", about=state.id)
    _check_mode(mode, who)
    with db.reading() as connection:
        held = _row(connection, state.id)
    if held is not None and not _owns(who, held):
        deny(db, who, "read_conversation", about=state.id)
    keeping = decide(mode, state, answer)
    if not keeping.history:
        if held is not None:
            with db.writing() as connection:
                erase_in(db, connection, [state.id], reason="not kept")
            scrubbed(db)
        return keeping
    now = db.now()
    with db.writing() as connection:
        row = {
            "id": state.id, "account": who.account or None, "mode": mode, "audience": state.audience, "country": state.country,
            "language": state.language or "", "now": now,
            "state": db.vault.seal(connection, state.id, encode(state), place="state"),
        }  # fmt: skip
        if _row(connection, state.id) is None:
            connection.execute(
                text("INSERT INTO conversations (id, account, mode, audience, country, language, made, last, state) "
                     "VALUES (:id, :account, :mode, :audience, :country, :language, :now, :now, :state)"),
                row,
            )  # fmt: skip
        else:
            connection.execute(
                text("UPDATE conversations SET mode = :mode, audience = :audience, country = :country, language = :language, "
                     "last = :now, state = :state WHERE id = :id"),
                row,
            )  # fmt: skip
        number = (
            1
            + connection.execute(
                text("SELECT COALESCE(MAX(number), 0) FROM turns WHERE conversation = :c"), {"c": state.id}
            ).scalar_one()
        )
        connection.execute(
            text("INSERT INTO turns (conversation, number, at, kind, level, body) VALUES (:c, :n, :at, :kind, :level, :body)"),
            {"c": state.id, "n": number, "at": now, "kind": answer.kind, "level": answer.level,
             "body": db.vault.seal(connection, state.id, encode(_Body(said.text, answer)), place=f"turn:{number}")},
        )  # fmt: skip
    return Keeping(True, number=number)


def mine(db: Database, who: Who) -> tuple[Kept, ...]:
    """The conversations of an account, or those a visitor's page holds, the latest first; none for a key without a scope for it."""
    from sqlalchemy import text

    if not (may(who, "chat") or may(who, "export_own")):
        return ()
    with db.reading() as connection:
        if who.account:
            rows = connection.execute(
                text(f"SELECT {_COLUMNS} FROM conversations WHERE account = :a"), {"a": who.account}
            ).all()
        else:
            found = (_row(connection, id_) for id_ in sorted(who.holds))
            rows = [row for row in found if row is not None and row.account is None]
    return tuple(sorted(map(_kept, rows), key=lambda kept: (kept.last, kept.id), reverse=True))


def open_conversation(db: Database, who: Who, id_: str) -> Kept:
    """Let `who` at a conversation: whose it is, or who may read those of others; that is recorded before anything is shown.

    Raises:
        AccessError: neither; recorded, and the same whether there is such a conversation or not.
        InputError: there is none, said to who may read them all.
        StoreError: the opening could not be recorded, so there is none.
    """
    with db.reading() as connection:
        row = _row(connection, id_)
    if row is not None and _owns(who, row) and (may(who, "chat") or may(who, "export_own")):
        return _kept(row)
    if not may(who, "read_conversation"):
        deny(db, who, "read_conversation", about=id_)
    if row is None:
        raise InputError("No conversation of that id is kept", remedy="It may have been erased, or its time is over")
    db.audit.append("opened", {"conversation": id_, "account": who.account, "role": who.role}, conversation="")
    return _kept(row)


def state_of(db: Database, who: Who, id_: str) -> ConversationState:
    """The state with which a conversation goes on. Raises as `open_conversation`."""
    from sqlalchemy import text

    open_conversation(db, who, id_)
    with db.reading() as connection:
        sealed = connection.execute(text("SELECT state FROM conversations WHERE id = :c"), {"c": id_}).scalar()
        if sealed is None:
            raise InputError("The conversation was erased just now")
        return decode(ConversationState, db.vault.read(connection, id_, sealed, place="state"))


def turns_of(db: Database, who: Who, id_: str) -> tuple[KeptTurn, ...]:
    """The turns of a conversation in order, with the thumbs they got. Raises as `open_conversation`."""
    open_conversation(db, who, id_)
    with db.reading() as connection:
        return read_turns(db, connection, id_)


def read_turns(db: Database, connection: Connection, id_: str) -> tuple[KeptTurn, ...]:
    """The same without asking who reads; for what asked before."""
    from sqlalchemy import text

    rows = connection.execute(
        text("SELECT t.number, t.at, t.body, f.thumb, f.reason FROM turns t LEFT JOIN feedback f "
             "ON f.conversation = t.conversation AND f.turn = t.number WHERE t.conversation = :c ORDER BY t.number"),
        {"c": id_},
    ).all()  # fmt: skip
    return tuple(_turn(db, connection, id_, row) for row in rows)


def needed_turn(connection: Connection, conversation: str, number: int) -> str:
    """The level of a turn that is kept.

    Raises:
        InputError: no such turn is kept.
    """
    from sqlalchemy import text

    level = connection.execute(
        text("SELECT level FROM turns WHERE conversation = :c AND number = :n"), {"c": conversation, "n": number}
    ).scalar()
    if level is None:
        raise InputError(f"No turn {number} of that conversation is kept", remedy="It may have been erased")
    return str(level)


def replace_answer_in(db: Database, connection: Connection, id_: str, number: int, answer: Answer) -> None:
    """Put another answer in the place of one that is kept, in its turn and in the conversation's state, within a transaction."""
    from sqlalchemy import text

    known = {"c": id_, "n": number}
    row = connection.execute(
        text("SELECT t.body, c.state FROM turns t JOIN conversations c ON c.id = t.conversation "
             "WHERE t.conversation = :c AND t.number = :n"), known,
    ).first()  # fmt: skip
    if row is None:
        raise InputError(f"No turn {number} of that conversation is kept", remedy="It may have been erased")
    body = decode(_Body, db.vault.read(connection, id_, row.body, place=f"turn:{number}"))
    state = decode(ConversationState, db.vault.read(connection, id_, row.state, place="state"))
    state = taken_up(state, body.answer, answer)
    connection.execute(
        text("UPDATE turns SET kind = :kind, level = :level, body = :body WHERE conversation = :c AND number = :n"),
        {**known, "kind": answer.kind, "level": answer.level,
         "body": db.vault.seal(connection, id_, encode(_Body(body.said, answer)), place=f"turn:{number}")},
    )  # fmt: skip
    connection.execute(
        text("UPDATE conversations SET state = :s WHERE id = :c"),
        {"c": id_, "s": db.vault.seal(connection, id_, encode(state), place="state")},
    )


def may_read_in(connection: Connection, id_: str, account: str = "") -> bool:
    """Whether a clinician may read the words of a conversation: a clinic's record, or its person agrees, in the words of now.

    `account`: whose it is, for one of which nothing is kept.
    """
    from sqlalchemy import text

    row = _row(connection, id_)
    if row is not None and row.mode == "clinic":
        return True
    given = connection.execute(
        text("SELECT 1 FROM consents WHERE subject IN (:c, :a) AND kind = 'review' AND version = :v AND withdrawn IS NULL"),
        {"c": id_, "a": (row.account if row is not None else account) or id_, "v": duties.consent_version()},
    ).first()  # fmt: skip
    return given is not None


def _turn(db: Database, connection: Connection, id_: str, row: Any) -> KeptTurn:
    body = decode(_Body, db.vault.read(connection, id_, row.body, place=f"turn:{row.number}"))
    reason = "" if row.reason is None else db.vault.read(connection, id_, row.reason, place=f"thumb:{row.number}")
    return KeptTurn(row.number, row.at, body.said, body.answer, row.thumb or 0, reason)


def _row(connection: Connection, id_: str) -> Any:
    from sqlalchemy import text

    return connection.execute(text(f"SELECT {_COLUMNS} FROM conversations WHERE id = :c"), {"c": id_}).first()


def _owns(who: Who, row: Any) -> bool:
    if row.account is None:
        return row.id in who.holds
    return bool(who.account) and row.account == who.account


def _check_mode(mode: str, who: Who) -> None:
    if mode not in MODES:
        raise InputError(f"{mode!r} is no way to keep a conversation", expected=f"one of {', '.join(MODES)}")
    if bool(who.account) is (mode == "anonymous") and mode != "private":
        raise InputError(f"A conversation of {'an account' if who.account else 'a visitor'} is not kept as {mode}")


def _kept(row: Any) -> Kept:
    return Kept(
        row.id, row.account or "", cast(Mode, row.mode), row.audience, row.country, row.language, row.made, row.last
    )
