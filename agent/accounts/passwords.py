"""Passwords: what may be one, and argon2id hashes that grow with their parameters.

What may be one follows NIST SP 800-63B: a least length, any characters, no rules of composition, and not what everybody
tries. Revision 4 (2025) asks for 15 characters where nothing else is asked; the least length here is 12, and one number.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from knowledge.errors import InputError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Fault: TypeAlias = Literal["", "short", "long", "untypable", "common"]
LEAST, MOST = 12, 256
"""Characters of a password. The most is far above what anybody types; it bounds the work of hashing."""
_RUN = 3
"""A password of fewer different characters than this, or of one run of neighbours (abcdef, 654321), is none."""
_COMMON = Path(__file__).parent / "common.txt"
_LOOKS = str.maketrans("0134@5$7", "oieaasst")
# Each hash takes 64 MiB: many people who sign in at once wait for each other instead of filling the memory.
_AT_ONCE = threading.BoundedSemaphore(4)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Strength:
    """Parameters of argon2id: passes, KiB, lanes. The default is RFC 9106's second recommended choice (section 4)."""

    passes: int = 3
    memory: int = 65536
    lanes: int = 4


DEFAULT = Strength()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right; `rehashed` is a new hash where the old one is weaker than what is asked now, else ""."""

    right: bool
    rehashed: str = ""


def password_fault(password: str, *, name: str = "") -> Fault:
    """Why this may not be a password: a word for programs, "" where it may be one."""
    text = unicodedata.normalize("NFKC", password)
    if len(text) < LEAST:
        return "short"
    if len(text) > MOST:
        return "long"
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        return "untypable"
    return "common" if _common(text, name) else ""


def check_password(password: str, *, name: str = "") -> None:
    """Accept what may be a password. No message repeats any of it.

    Raises:
        InputError: it is too short, too long, holds control characters, or is what everybody tries first.
    """
    fault = password_fault(password, name=name)
    if fault in ("short", "long"):
        raise InputError(f"The password is too {fault}", expected=f"{LEAST} to {MOST} characters; a few words are good")
    if fault == "untypable":
        raise InputError(
            "The password holds a character that cannot be typed", expected="letters, digits, marks, spaces"
        )
    if fault:
        raise InputError(
            "The password is one that is tried first: a common one, the name, or one run of characters",
            remedy="Take four or more words that have nothing to do with each other",
        )


def hash_password(password: str, *, strength: Strength = DEFAULT) -> str:
    """The argon2id hash of a password, with its parameters and a random salt of its own."""
    with _AT_ONCE:
        return _hasher(strength).hash(unicodedata.normalize("NFKC", password))


def verify_password(stored: str, password: str, *, strength: Strength = DEFAULT) -> Verdict:
    """Whether `password` is the one behind `stored`; against "" the same work is done, and it is wrong.

    A hash of weaker parameters than `strength` comes back made anew.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    text = unicodedata.normalize("NFKC", password)[: MOST + 1]
    hasher = _hasher(strength)
    with _AT_ONCE:
        try:
            hasher.verify(stored or _nobody(strength), text)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
    if not stored:
        return Verdict(False)
    weaker = hasher.check_needs_rehash(stored)
    return Verdict(True, hash_password(password, strength=strength) if weaker else "")


def random_password() -> str:
    """Five groups of five letters and digits that are not mistaken for each other: 123 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(5))


@cache
def _hasher(strength: Strength) -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=strength.passes, memory_cost=strength.memory, parallelism=strength.lanes)


@cache
def _nobody(strength: Strength) -> str:
    # What an unknown name is checked against, so that it takes as long as a known one.
    return _hasher(strength).hash(secrets.token_hex(16))


def _common(text: str, name: str) -> bool:
    low = text.casefold()
    if len(set(low)) < _RUN or _one_run(low) or (name and name.casefold() in low and len(low) - len(name) < LEAST // 2):
        return True
    bare = low.strip("".join(char for char in set(low) if not char.isalpha()))
    shapes = {"".join(filter(str.isalpha, shape)) for shape in (low, low.translate(_LOOKS), bare.translate(_LOOKS))}
    # Twice the same word is that word.
    shapes |= {shape[: len(shape) // 2] for shape in shapes if shape[: len(shape) // 2] * 2 == shape}
    return bool(shapes & _words())


def _one_run(text: str) -> bool:
    """All characters follow each other by one step, up or down, round the digits too ("890123")."""
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(text)}
    far = max(abs(ord(after) - ord(before)) for before, after in pairwise(text))
    return steps in ({1}, {9}) and far <= 9


@cache
def _words() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
