"""Values of what is kept: frozen, data without behaviour. Texts in them were redacted before they came here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.types import Answer

Mode: TypeAlias = Literal["private", "anonymous", "account", "clinic"]
"""How a conversation is kept: not at all; without an account; as an account's own; as a clinic's record."""
MODES: tuple[Mode, ...] = ("private", "anonymous", "account", "clinic")
Status: TypeAlias = Literal["waiting", "approved", "corrected"]
Reason: TypeAlias = Literal["emergency", "crisis", "low_support", "thumbed_down", "sampled"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a conversation, and the rule that says so ("" where none says otherwise). `number`: of the turn kept."""

    history: bool
    rule: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as it is listed. `account` is "" where it is nobody's. Times are ISO, UTC."""

    id: str
    account: str
    mode: Mode
    audience: str
    country: str
    language: str
    made: str
    last: str


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """One turn: what was said, redacted, and the answer with its level, citations and claims. `thumb`: 1, -1, 0 for none."""

    number: int
    at: str
    said: str
    answer: Answer
    thumb: int = 0
    thumb_reason: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A turn that waits for a clinician, or was looked at. `turn` 0: nothing of it is kept but its level and rules."""

    id: str
    conversation: str
    turn: int
    reason: Reason
    level: str
    rules: tuple[str, ...]
    status: Status
    added: str
    decided_by: str = ""
    decided: str = ""
    comment: str = ""
    corrected: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What `subject` (an account, or a conversation without one) agreed to. `withdrawn` is "" while it stands."""

    id: str
    subject: str
    kind: str
    version: str
    country: str
    guardian: bool
    given: str
    withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: conversations of which something was kept, and audit records that were blanked."""

    conversations: int
    records: int


@dataclass(frozen=True, slots=True)
class Correction:
    """An answer that a clinician put right, of somebody who agreed to its use: for cases and training."""

    review: str
    said: str
    answered: str
    corrected: str
    level: str
    language: str
