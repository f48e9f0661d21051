"""Erasure: what is kept of a conversation or an account goes, its key first; a tombstone in the chain and a line in a list stay.

The list (`erasures.jsonl` under the home, and the table `erasures`) holds ids and times only. A backup that is restored holds
again what was erased after it was made; `replay` erases that anew, from the list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.accounts.people import remove_in
from agent.accounts.permissions import deny, require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.types import Erased
from agent.store import scrub
from knowledge.errors import InputError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

LIST = "erasures.jsonl"
_SEALED_ROWS = ("held", "reviews", "feedback", "turns")
_EXPECTED = (
    '{"what": "conversation" or "account", "subject": "its id"} on each line, as `anamnesis db erasures` prints them'
)


def erase_conversation(db: Database, id_: str, *, reason: str = "asked") -> Erased:
    """Erase a conversation: its words, reviews and consents, its key, and the payloads of its audit records.

    Of one that is blank already only the files are cleaned. Works where the master key is lost.

    Raises:
        InputError: nothing of it was ever kept.
        StoreError: the database cannot be written; or all is erased and bytes may be left in a file, which is named.
    """
    with db.reading(keys=False) as connection:
        if not _known(connection, id_):
            raise InputError(
                f"No record of conversation {id_!r} is kept", remedy="Check the id with `anamnesis audit export`"
            )
        if not _holds(connection, "conversation", id_):
            scrubbed(db)
            return Erased(0, 0)
    with db.writing(keys=False) as connection:
        done = erase_in(db, connection, [id_], reason=reason)
    scrubbed(db)
    return done


def erase_account(db: Database, account: str, *, reason: str = "asked", by: str = "") -> Erased:
    """Erase an account with all its conversations, consents, sessions and keys. `by` is who did it.

    What it did as a clinician stays, under its random id.

    Raises:
        InputError: there is no such account, or it is the last operator.
        StoreError: as `erase_conversation`.
    """
    with db.writing(keys=False) as connection:
        remove_in(db, connection, account, by=by)
        _delete(connection, "consents", "subject", account)
        done = erase_in(db, connection, _of(connection, account), reason=reason, account=account)
    scrubbed(db)
    return done


def erase_own(db: Database, who: Who, conversation: str = "") -> Erased:
    """Erase one's own conversation, or all of them with the consents; the account itself stays.

    Raises:
        AccessError: who may not, or the conversation is not theirs; recorded.
        StoreError: as `erase_conversation`.
    """
    require(db, who, "erase_own", about=conversation)
    with db.reading(keys=False) as connection:
        # A page may still hold what was begun on it while somebody was signed in: that is the account's.
        own = _of(connection, who.account) if who.account else _nobodys(connection, sorted(who.holds))
    if conversation and conversation not in own:
        deny(db, who, "erase_own", about=conversation)
    with db.writing(keys=False) as connection:
        if who.account and not conversation:
            _delete(connection, "consents", "subject", who.account)
        done = erase_in(db, connection, [conversation] if conversation else own, reason="asked")
    scrubbed(db)
    return done


def erase_in(db: Database, connection: Connection, ids: Sequence[str], *, reason: str, account: str = "") -> Erased:
    """Erase conversations within a transaction, with one tombstone for all; `scrubbed` comes after it.

    Each is listed, and the `account` where it goes too, so that a restored backup can be put right; but for what only its time
    ended (`retention`): that ends again by itself.
    """
    ended = reason == "retention"
    for id_ in () if ended else ids:
        _list(db, connection, "conversation", id_, reason)
    if account:
        _list(db, connection, "account", account, reason)
    conversations = 0
    for id_ in ids:
        # Without its key nothing sealed opens again, wherever a copy of it lies; then the rows.
        _delete(connection, "conversation_keys", "conversation", id_)
        # An answer that waits for a clinician is sealed under a key of its own.
        for held in _held(connection, id_):
            _delete(connection, "conversation_keys", "conversation", f"held:{held}")
        for table in _SEALED_ROWS:
            _delete(connection, table, "conversation", id_)
        conversations += _delete(connection, "conversations", "id", id_)
        _delete(connection, "consents", "subject", id_)
    records = db.audit.blank_in(connection, ids)
    if records or conversations or account or (ids and not ended):
        tombstone = {"records": records, "conversations": conversations, "reason": reason, "account": account}
        db.audit.append_in(connection, "erased", tombstone, conversation="")
    return Erased(conversations, records)


def scrubbed(db: Database) -> None:
    """Leave nothing readable of what was erased in the files of an SQLite database (`agent.store.scrub`).

    Raises:
        StoreError: bytes may be left in the named files until the database is closed.
    """
    scrub(db.engine)


def erasures(db: Database) -> Iterator[dict[str, Any]]:
    """The list, oldest first: what, whose id, when, why."""
    from sqlalchemy import text

    with db.reading(keys=False) as connection:
        rows = connection.execute(text("SELECT number, at, what, subject, reason FROM erasures ORDER BY number")).all()
    for row in rows:
        yield {"number": row.number, "at": row.at, "what": row.what, "subject": row.subject, "reason": row.reason}


def replay(db: Database, lines: Iterable[str]) -> tuple[int, int]:
    """Erase again what a restored backup brought back: (erased, not there). The same list may be replayed any number of times.

    Raises:
        InputError: a line is no erasure; nothing after it was done.
        StoreError: as `erase_conversation`.
    """
    erased = absent = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        what, subject = _line(line, number)
        with db.reading(keys=False) as connection:
            there = _holds(connection, what, subject)
        if not there:
            absent += 1
            continue
        if what == "account":
            erase_account(db, subject, reason="replayed", by="replay")
        else:
            erase_conversation(db, subject, reason="replayed")
        erased += 1
    return erased, absent


def _list(db: Database, connection: Connection, what: str, subject: str, reason: str) -> None:
    from sqlalchemy import text

    row = {"at": db.now(), "what": what, "subject": subject, "reason": reason}
    number = 1 + int(connection.execute(text("SELECT COALESCE(MAX(number), 0) FROM erasures")).scalar_one())
    connection.execute(
        text(
            "INSERT INTO erasures (number, at, what, subject, reason) VALUES (:number, :at, :what, :subject, :reason)"
        ),
        {"number": number, **row},
    )
    if reason != "replayed":
        _note(db, row)


def _note(db: Database, row: Mapping[str, str]) -> None:
    """The list's line outside the database, before the erasure is committed: a restore happens when the database is lost."""
    file = db.home / LIST
    try:
        db.home.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="ascii") as stream:
            stream.write(json.dumps(row) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as fault:
        raise StoreError(
            f"The erasure could not be listed in {file}, so nothing was erased: {fault.strerror}",
            remedy="Check that its disk has space and that you may write there, then erase again",
        ) from fault


def _line(line: str, number: int) -> tuple[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    known = isinstance(row, Mapping) and row.get("what") in ("conversation", "account")
    if not known or not isinstance(row.get("subject"), str) or not row["subject"]:
        raise InputError(f"Line {number} is no erasure", expected=_EXPECTED)
    return row["what"], row["subject"]


def _holds(connection: Connection, what: str, subject: str) -> bool:
    """Whether anything is there that a replay would erase."""
    from sqlalchemy import text

    queries = (
        ("SELECT 1 FROM accounts WHERE id = :s",)
        if what == "account"
        else (
            "SELECT 1 FROM conversations WHERE id = :s",
            "SELECT 1 FROM conversation_keys WHERE conversation = :s",
            "SELECT 1 FROM audit WHERE conversation = :s AND payload IS NOT NULL",
            "SELECT 1 FROM reviews WHERE conversation = :s",
            "SELECT 1 FROM held WHERE conversation = :s",
            "SELECT 1 FROM consents WHERE subject = :s",
        )
    )
    return any(connection.execute(text(query), {"s": subject}).first() is not None for query in queries)


def _known(connection: Connection, id_: str) -> bool:
    from sqlalchemy import text

    in_chain = connection.execute(text("SELECT 1 FROM audit WHERE conversation = :s"), {"s": id_}).first()
    return bool(id_) and (in_chain is not None or _holds(connection, "conversation", id_))


def _of(connection: Connection, account: str) -> list[str]:
    from sqlalchemy import text

    # Of a conversation that is not kept, an answer that waits for a clinician is the account's all the same.
    return list(
        connection.execute(
            text("SELECT id FROM conversations WHERE account = :a "
                 "UNION SELECT conversation FROM held WHERE account = :a ORDER BY 1"),
            {"a": account},
        ).scalars()
    )  # fmt: skip


def _held(connection: Connection, id_: str) -> list[str]:
    from sqlalchemy import text

    return list(connection.execute(text("SELECT id FROM held WHERE conversation = :c"), {"c": id_}).scalars())


def _nobodys(connection: Connection, ids: Sequence[str]) -> list[str]:
    from sqlalchemy import text

    query = text("SELECT 1 FROM conversations WHERE id = :c AND account IS NOT NULL "
                 "UNION SELECT 1 FROM held WHERE conversation = :c AND account IS NOT NULL")  # fmt: skip
    return [id_ for id_ in ids if connection.execute(query, {"c": id_}).first() is None]


def _delete(connection: Connection, table: str, column: str, value: str) -> int:
    from sqlalchemy import text

    return connection.execute(text(f"DELETE FROM {table} WHERE {column} = :v"), {"v": value}).rowcount
