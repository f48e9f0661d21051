"""The master keys: from ANAMNESIS_KEY, from the file that ANAMNESIS_KEY_FILE names, or from one under the home that is made at
first start and only its owner may read.

The first key encrypts, the others still decrypt. A key is known by an id that is computed from it and tells nothing of it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.errors import StoreError

VARIABLE = "ANAMNESIS_KEY"
VARIABLE_FILE = "ANAMNESIS_KEY_FILE"
"""Names a file that a service manager brings (a secret, a credential); this program reads it and never changes it."""
FILE = "master.keys"
_BYTES = 32
_EXPECTED = (
    f"32 random bytes in base64 (`anamnesis db new-key` prints such a key), several separated by commas in {VARIABLE}"
)
_REMEDY = f"Restore {FILE} (or {VARIABLE}) from where you keep it apart from the database's backups"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key: 256 bits, never shown in a repr."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys, the first of which encrypts. `origin` is where they were read."""

    keys: tuple[MasterKey, ...]
    origin: str

    @property
    def active(self) -> MasterKey:
        return self.keys[0]

    @property
    def outside(self) -> bool:
        """Whether somebody else keeps them: then this program changes none."""
        return self.origin in (VARIABLE, VARIABLE_FILE)

    def find(self, id_: str) -> MasterKey | None:
        """The key of an id; None where it is not here."""
        return next((key for key in self.keys if key.id == id_), None)


def read_keyring(home: Path) -> Keyring | None:
    """The keys of this installation; None where there are none yet.

    Raises:
        StoreError: what is there is no key, or others than its owner may read the file.
    """
    given = os.environ.get(VARIABLE, "")
    if given.strip():
        return Keyring(_parsed(given.split(","), VARIABLE), VARIABLE)
    if named := os.environ.get(VARIABLE_FILE, "").strip():
        # A secret that a cluster mounts may be read by its group; that group is the program's own.
        lines = _lines(Path(named), shut_to=0o007, mode="0440 or 0400")
        if lines is None:
            raise StoreError(f"{named}, which {VARIABLE_FILE} names, is not there", expected=_EXPECTED, remedy=_REMEDY)
        return Keyring(_parsed(lines, named), VARIABLE_FILE)
    file = home / FILE
    lines = _lines(file, shut_to=0o077, mode="0600")
    return None if lines is None else Keyring(_parsed(lines, str(file)), str(file))


def _lines(file: Path, *, shut_to: int, mode: str) -> list[str] | None:
    """The lines of a file of keys that only those may read who should; None where there is no file."""
    try:
        found = stat.S_IMODE(file.stat().st_mode)
        lines = file.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise StoreError(f"The keys in {file} cannot be read: {type(fault).__name__}", remedy=_REMEDY) from fault
    if found & shut_to:
        raise StoreError(
            f"The keys in {file} may be read by others on this machine (mode {found:04o})",
            expected=f"mode {mode}",
            remedy=f"chmod {mode[1:4]} {file}, then `anamnesis db rotate-key`, since somebody may have read them",
        )
    return lines


def make_keyring(home: Path) -> Keyring:
    """The first key, in a new file of mode 0600; of several processes that start together one makes it and all read it.

    Raises:
        StoreError: the file cannot be written.
    """
    _write(home / FILE, (new_key(),), replace=False)
    return _present(home)


def add_key(home: Path) -> Keyring:
    """A new key in front of the others in the file.

    Raises:
        StoreError: the keys come from the environment, or the file cannot be written.
    """
    held = _of_file(home)
    _write(home / FILE, (new_key(), *(_written(key) for key in held.keys)), replace=True)
    return _present(home)


def drop_key(home: Path, id_: str) -> Keyring:
    """The file without a key that nothing uses any more.

    Raises:
        StoreError: no such key, it is the one that encrypts, or the keys come from the environment.
    """
    held = _of_file(home)
    if held.active.id == id_ or held.find(id_) is None:
        old = ", ".join(key.id for key in held.keys[1:]) or "none"
        raise StoreError(f"{id_} is not an old key", expected=f"one of: {old}")
    _write(home / FILE, tuple(_written(key) for key in held.keys if key.id != id_), replace=True)
    return _present(home)


def new_key() -> str:
    """32 random bytes in base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode()


def _present(home: Path) -> Keyring:
    found = read_keyring(home)
    if found is None:
        raise StoreError(f"{home / FILE} vanished while it was read", remedy=_REMEDY)
    return found


def _of_file(home: Path) -> Keyring:
    held = _present(home)
    if held.outside:
        raise StoreError(
            f"The keys come from {held.origin}, which this program does not change",
            remedy=f"Put a new key (`anamnesis db new-key`) in front of the others in {held.origin}, restart, run this again",
        )
    return held


def _parsed(texts: list[str], origin: str) -> tuple[MasterKey, ...]:
    kept = [text.strip() for text in texts if text.strip() and not text.strip().startswith("#")]
    found = tuple(_key(text, number, origin) for number, text in enumerate(kept, 1))
    if not found:
        raise StoreError(f"{origin} holds no key", expected=_EXPECTED, remedy=_REMEDY)
    if len({key.id for key in found}) < len(found):
        raise StoreError(f"{origin} holds a key twice", expected="each key once, the newest first")
    return found


def _key(text: str, number: int, origin: str) -> MasterKey:
    # The text itself is never shown: it may be a good key but for one character.
    try:
        secret = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != _BYTES:
        raise StoreError(f"Key {number} of {origin} is no key", expected=_EXPECTED, remedy=_REMEDY)
    return MasterKey(hashlib.sha256(b"anamnesis key id" + secret).hexdigest()[:12], secret)


def _written(key: MasterKey) -> str:
    return base64.urlsafe_b64encode(key.secret).decode()


def _write(file: Path, keys: tuple[str, ...], *, replace: bool) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write("".join(f"{key}\n" for key in keys))
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(draft, file)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)
    except OSError as fault:
        raise StoreError(
            f"The keys could not be written to {file}: {fault.strerror}", remedy="Check that you may write there"
        ) from fault
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
