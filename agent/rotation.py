"""Another master key: each conversation's key is wrapped anew, a batch a transaction, while everything else goes on.

Both keys are here until the last batch is done, so that what is not reached yet opens too; stopped, it goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.database import Database
from agent.keyring import add_key, drop_key
from agent.vault import ids_in_use, wrap
from knowledge.errors import StoreError


@dataclass(frozen=True, slots=True)
class Rotated:
    """To which key, how many conversations' keys were wrapped anew, and the ids of old keys that are still here."""

    key: str
    conversations: int
    old: tuple[str, ...]


def rotate(db: Database, *, batch: int = 500, most: int | None = None) -> Rotated:
    """Wrap under a new key. Where an earlier rotation was not finished that is finished, and no further key is made.

    With keys from the environment the first of them is the new one: it was put there, and the program started again, before.
    `most`: batches of this run, None for all.

    Raises:
        StoreError: the environment brought no new key, a key is lost, or the database cannot be written.
    """
    with db.reading() as connection:
        used = ids_in_use(connection)
    ring = db.vault.ring()
    if not any(id_ != ring.active.id for id_ in used):
        if ring.outside:
            raise StoreError(
                f"Everything is under the first key of {ring.origin} already",
                remedy=f"Put a new key (`anamnesis db new-key`) in front of the others in {ring.origin}, restart, run this again",
            )
        ring = add_key(db.home)
        if db.vault.ring().active.id != ring.active.id:
            raise StoreError("The new key was written and is not read", remedy="Run this again")
    done = batches = 0
    while most is None or batches < most:
        moved = _batch(db, batch)
        if not moved:
            break
        done, batches = done + moved, batches + 1
    with db.writing() as connection:
        record = {"did": "rotated", "key": ring.active.id, "conversations": done}
        db.audit.append_in(connection, "master_key", record, conversation="")
    return Rotated(ring.active.id, done, tuple(key.id for key in ring.keys[1:]))


def forget_key(db: Database, id_: str) -> None:
    """Take an old key out of the file: after this no backup that was made under it opens.

    Raises:
        StoreError: something here is still under it, it is no old key, or the keys come from the environment.
    """
    with db.reading() as connection:
        if id_ in ids_in_use(connection):
            raise StoreError(
                f"The key {id_} is in use", remedy="Run `anamnesis db rotate-key` until it is done, then this again"
            )
    drop_key(db.home, id_)
    db.audit.append("master_key", {"did": "forgotten", "key": id_}, conversation="")


def _batch(db: Database, size: int) -> int:
    from sqlalchemy import text

    active = db.vault.ring().active
    with db.writing() as connection:
        rows = connection.execute(
            text(
                "SELECT conversation, key_id, wrapped FROM conversation_keys WHERE key_id <> :k ORDER BY conversation LIMIT :n"
            ),
            {"k": active.id, "n": size},
        ).all()
        for row in rows:
            key = db.vault.unwrap(row.conversation, row.key_id, row.wrapped)
            connection.execute(
                text("UPDATE conversation_keys SET key_id = :k, wrapped = :w WHERE conversation = :c"),
                {"k": active.id, "w": wrap(active, row.conversation, key), "c": row.conversation},
            )
    return len(rows)
