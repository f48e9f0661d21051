"""Words at rest: AES-256-GCM under a key of each conversation's own, which is itself wrapped by a master key.

Two floors, so that a master key is exchanged by wrapping small keys anew, while records that must never change (the audit
chain) stay as they are, and so that a conversation is gone for good with its key. Every sealed text is bound to its place:
copied into another row it does not open.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from agent.keyring import FILE, VARIABLE, Keyring, MasterKey, make_keyring, read_keyring
from knowledge.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SEALED = "v1."
_NONCE = 12


def is_sealed(text: str) -> bool:
    """Whether a stored text is sealed; one written before there was a vault is JSON."""
    return text.startswith(_SEALED)


class Vault:
    """Seals and opens; reads its keys when they are first needed, and again when they changed. Any thread may use it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._ring: Keyring | None = None
        self._stamp = 0

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Vault holds keys and is never serialised.")

    def check(self, connection: Connection) -> None:
        """Make the first key where nothing was sealed yet; else see that every key in use is here.

        Raises:
            StoreError: a key that is needed is lost.
        """
        needed = ids_in_use(connection)
        ring = read_keyring(self._home)
        if ring is None and not needed:
            ring = make_keyring(self._home)
        missing = [id_ for id_ in needed if ring is None or ring.find(id_) is None]
        if missing:
            raise _lost(", ".join(missing), self._home)

    def ring(self) -> Keyring:
        """The keys as they are now.

        Raises:
            StoreError: there are none, or they cannot be read.
        """
        with self._lock:
            stamp = self._changed()
            if self._ring is None or stamp != self._stamp:
                found = read_keyring(self._home)
                if found is None:
                    raise _lost("that encrypts", self._home)
                self._ring, self._stamp = found, stamp
            return self._ring

    def seal(self, connection: Connection, conversation: str, text: str, *, place: str) -> str:
        """`text` for a row of this conversation; `place` names table, column and row.

        Makes the conversation's key in the same transaction where it has none.

        Raises:
            StoreError: no master key is here, or the one that this conversation needs is lost.
        """
        from sqlalchemy import text as sql

        row = connection.execute(
            sql("SELECT key_id, wrapped FROM conversation_keys WHERE conversation = :c"), {"c": conversation}
        ).first()
        if row is not None:
            key = self.unwrap(conversation, row.key_id, row.wrapped)
        else:
            key, active = secrets.token_bytes(32), self.ring().active
            connection.execute(
                sql("INSERT INTO conversation_keys (conversation, key_id, wrapped) VALUES (:c, :k, :w)"),
                {"c": conversation, "k": active.id, "w": wrap(active, conversation, key)},
            )
        return _encrypted(key, text.encode("utf-8", "replace"), place)

    def read(self, connection: Connection, conversation: str, sealed: str, *, place: str) -> str:
        """What was sealed for this conversation and place.

        Raises:
            StoreError: the key is lost or was erased, or the text was changed or moved.
        """
        from sqlalchemy import text as sql

        row = connection.execute(
            sql("SELECT key_id, wrapped FROM conversation_keys WHERE conversation = :c"), {"c": conversation}
        ).first()
        if row is None:
            raise _unreadable(conversation, "its key was erased")
        return opened(self.unwrap(conversation, row.key_id, row.wrapped), conversation, sealed, place=place)

    def unwrap(self, conversation: str, key_id: str, wrapped: str) -> bytes:
        """The key of a conversation.

        Raises:
            StoreError: the master key is lost, or the wrapped key was changed.
        """
        master = self.ring().find(key_id)
        if master is None:
            raise _lost(key_id, self._home)
        return _decrypted(master.secret, wrapped, f"key:{conversation}", conversation)

    def fingerprint(self, purpose: str, text: str) -> str:
        """A keyed hash, for what must be found again and never read: without the master key nobody can try texts against it."""
        key = hmac.digest(self.ring().active.secret, f"anamnesis {purpose}".encode(), "sha256")
        return hmac.new(key, text.encode("utf-8", "replace"), "sha256").hexdigest()

    def _changed(self) -> int:
        # Another process may have put a new key in front: what is sealed from now on shall be under that one.
        try:
            return (self._home / FILE).stat().st_mtime_ns
        except OSError:
            return 0


def ids_in_use(connection: Connection) -> tuple[str, ...]:
    """Ids of the master keys that some conversation's key is wrapped by."""
    from sqlalchemy import text as sql

    return tuple(connection.execute(sql("SELECT DISTINCT key_id FROM conversation_keys ORDER BY key_id")).scalars())


def wrap(master: MasterKey, conversation: str, key: bytes) -> str:
    """A conversation's key under a master key."""
    return _encrypted(master.secret, key, f"key:{conversation}")


def opened(key: bytes, conversation: str, sealed: str, *, place: str) -> str:
    """What `sealed` says, by the conversation's key.

    Raises:
        StoreError: it was changed or moved.
    """
    return _decrypted(key, sealed, place, conversation).decode("utf-8")


def _encrypted(key: bytes, raw: bytes, place: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    return _SEALED + base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, raw, place.encode())).decode()


def _decrypted(key: bytes, sealed: str, place: str, conversation: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(sealed.removeprefix(_SEALED).encode("ascii"), altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], place.encode())
    except (InvalidTag, ValueError) as fault:
        raise _unreadable(conversation, "it was changed, or moved from another place") from fault


def _unreadable(conversation: str, why: str) -> StoreError:
    return StoreError(
        f"What is kept of conversation {conversation} cannot be read: {why}",
        remedy="Run `anamnesis audit verify`; restore the database from a backup, or erase the conversation",
    )


def _lost(which: str, home: Path) -> StoreError:
    return StoreError(
        f"The master key {which} is not here, and without it nobody can read what it protects",
        expected=f"it in {VARIABLE} or in {home / FILE}",
        remedy=f"Restore {FILE} from where you keep it; gone for good, erase what it protected or name another `database`",
    )
