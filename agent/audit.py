"""What was said and why, append-only: a hash chain over salted digests, so that a payload can be erased and the chain
still verifies. Only redacted text comes here: callers pass SafeText's text, never raw words.

With a vault the payloads of conversations are sealed, and the chain is over what is stored: it verifies without any key.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.schema import upgrade
from agent.store import reading, scrub, writing
from agent.vault import Vault, is_sealed, opened
from knowledge.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. `payload` and `salt` are None once erased; `hash` chains it to the record before."""

    number: int
    at: str
    conversation: str
    kind: str
    payload: dict[str, Any] | None
    digest: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of walking the chain. `fault` is empty when it is whole."""

    entries: int
    erased: int
    head: str
    fault: str = ""


class AuditLog:
    """The audit table of one database. Without a `vault` payloads are stored as they are given."""

    def __init__(self, engine: Engine, vault: Vault | None = None) -> None:
        self._engine, self._vault = engine, vault
        self._shaped = self._keyed = False

    def append(self, kind: str, payload: dict[str, Any], *, conversation: str) -> Entry:
        """Write one record and return it.

        Raises:
            StoreError: it was not written; nothing of it is in the database.
        """
        self.prepare()
        with writing(self._engine) as connection:
            return self.append_in(connection, kind, payload, conversation=conversation)

    def append_in(self, connection: Connection, kind: str, payload: dict[str, Any], *, conversation: str) -> Entry:
        """The same within a transaction of `writing`: it is written with the rest of it or not at all."""
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace").decode()
        salt = secrets.token_hex(16)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        number, previous = _head(connection)
        number += 1
        if self._vault is not None and conversation:
            body = self._vault.seal(connection, conversation, body, place=_place(number))
        digest = _sha256(salt, body)
        entry_hash = _sha256(previous, str(number), at, conversation, kind, digest)
        _insert(connection, {"number": number, "at": at, "conversation": conversation, "kind": kind, "salt": salt,
                             "payload": body, "digest": digest, "hash": entry_hash})  # fmt: skip
        return Entry(number, at, conversation, kind, payload, digest, entry_hash)

    def verify(self) -> Verification:
        """Walk the whole chain: every number, digest and hash, and the recorded head (a cut tail is found).

        Raises:
            StoreError: the database cannot be read.
        """
        self.prepare(keys=False)
        previous, expected, erased = _GENESIS, 1, 0
        with reading(self._engine) as connection:
            for row in _rows(connection):
                if row.number != expected:
                    return Verification(expected - 1, erased, previous, f"record {expected} is missing")
                erased += row.payload is None
                if row.payload is not None and _sha256(row.salt or "", row.payload) != row.digest:
                    return Verification(expected, erased, previous, f"the content of record {row.number} was changed")
                if _sha256(previous, str(row.number), row.at, row.conversation, row.kind, row.digest) != row.hash:
                    return Verification(
                        expected, erased, previous, f"record {row.number} does not follow from the one before"
                    )
                previous, expected = row.hash, expected + 1
            number, head = _head(connection)
        fault = (
            "" if (number, head) == (expected - 1, previous) else f"the last records are missing: {number} were written"
        )
        return Verification(expected - 1, erased, previous, fault)

    def export(self, *, conversation: str = "") -> Iterator[Entry]:
        """Records in order, of one conversation or of all.

        Raises:
            StoreError: the database cannot be read, or records are sealed and their key is not here.
        """
        self.prepare()
        with reading(self._engine) as connection:
            for row in _rows(connection, conversation):
                payload = None if row.payload is None else json.loads(self._opened(row))
                yield Entry(row.number, row.at, row.conversation, row.kind, payload, row.digest, row.hash)

    def erase(self, conversation: str) -> int:
        """Blank the payloads of a conversation, write that it was done, and return how many were blanked.

        On SQLite nothing readable of them is left in the database's files, open as it is (`agent.store.scrub`). Of a
        conversation that is blank already only the files are cleaned: 0.

        Raises:
            StoreError: nothing of that conversation was kept, or the database cannot be written; or all is erased and recorded,
                and only bytes may be left in a file, which the message names.
        """
        from sqlalchemy import text

        self.prepare(keys=False)
        with writing(self._engine) as connection:
            done = self.blank_in(connection, [conversation])
            known = (
                done
                or connection.execute(text("SELECT 1 FROM audit WHERE conversation = :c"), {"c": conversation}).first()
            )
            if done:
                self.append_in(connection, "erased", {"records": done}, conversation="")
        if not known:
            raise StoreError(
                f"No record of conversation {conversation!r} is kept",
                remedy="Check the id with `anamnesis audit export`",
            )
        scrub(self._engine)
        return done

    def blank_in(self, connection: Connection, conversations: Sequence[str]) -> int:
        """Blank the payloads of conversations within a transaction; how many records. The caller writes the tombstone."""
        from sqlalchemy import text

        statement = text("UPDATE audit SET payload = NULL, salt = NULL WHERE conversation = :c AND payload IS NOT NULL")
        return sum(connection.execute(statement, {"c": one}).rowcount for one in conversations if one)

    def prepare(self, *, keys: bool = True) -> None:
        """Bring the database to this program's shape, and see that the `keys` it needs are here; each once.

        Raises:
            StoreError: it cannot be read or written, a newer program made it, or a key is lost.
        """
        if not self._shaped:
            upgrade(self._engine)
            self._shaped = True
        if keys and self._vault is not None and not self._keyed:
            with reading(self._engine) as connection:
                self._vault.check(connection)
            self._keyed = True

    def _opened(self, row: Any) -> str:
        if not is_sealed(row.payload):
            return str(row.payload)
        if self._vault is None or row.wrapped is None:
            raise StoreError(
                f"Record {row.number} is sealed and its key is not here", remedy="Open the database with its vault"
            )
        key = self._vault.unwrap(row.conversation, row.key_id, row.wrapped)
        return opened(key, row.conversation, row.payload, place=_place(row.number))


def _place(number: int) -> str:
    return f"audit:{number}"


def _head(connection: Connection) -> tuple[int, str]:
    from sqlalchemy import text

    row = connection.execute(text("SELECT number, hash FROM audit_head")).one()
    return int(row.number), str(row.hash)


def _insert(connection: Connection, row: dict[str, Any]) -> None:
    from sqlalchemy import text

    connection.execute(
        text("INSERT INTO audit (number, at, conversation, kind, salt, payload, digest, hash) "
             "VALUES (:number, :at, :conversation, :kind, :salt, :payload, :digest, :hash)"),
        row,
    )  # fmt: skip
    connection.execute(
        text("UPDATE audit_head SET number = :number, hash = :hash"), {"number": row["number"], "hash": row["hash"]}
    )


def _rows(connection: Connection, conversation: str = "") -> Any:
    from sqlalchemy import text

    where = " WHERE a.conversation = :c" if conversation else ""
    query = text(
        "SELECT a.number, a.at, a.conversation, a.kind, a.salt, a.payload, a.digest, a.hash, k.key_id, k.wrapped "
        f"FROM audit a LEFT JOIN conversation_keys k ON k.conversation = a.conversation{where} ORDER BY a.number"
    )
    return connection.execution_options(yield_per=500).execute(query, {"c": conversation} if conversation else {})


def _sha256(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "replace")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
