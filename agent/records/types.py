"""Values of what is kept: frozen, data without behaviour. Texts in them were redacted before they came here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.types import Answer, Citation, Message

Mode: TypeAlias = Literal["private", "anonymous", "account", "clinic"]
"""How a conversation is kept: not at all; without an account; as an account's own; as a clinic's record."""
MODES: tuple[Mode, ...] = ("private", "anonymous", "account", "clinic")
Status: TypeAlias = Literal["waiting", "approved", "corrected"]
Reason: TypeAlias = Literal["emergency", "crisis", "low_support", "thumbed_down", "sampled", "held"]
REASONS: tuple[Reason, ...] = ("emergency", "crisis", "held", "low_support", "thumbed_down", "sampled")
"""`held`: its person waits for the answer until a clinician has looked at it."""
HeldStatus: TypeAlias = Literal["waiting", "approved", "corrected", "unreviewed"]
"""How a held answer ended; `unreviewed`: nobody came in time, or nobody may or can look at it any more."""


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
    """One turn: what was said, redacted, and the answer with its level, citations and claims. `thumb`: 1, -1, 0 for none.

    `earlier`: of an answer that is held of a conversation that is not kept, what was said before it.
    """

    number: int
    at: str
    said: str
    answer: Answer
    thumb: int = 0
    thumb_reason: str = ""
    earlier: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """A turn that waits for a clinician, or was looked at. `turn` 0: nothing of it is kept but its level and rules.

    `raised`: the level that a clinician raised it to. `readable`: its words may be read, by its person's consent or as a clinic's
    record; said only of one that was opened.
    """

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
    language: str = ""
    raised: str = ""
    readable: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many reviews wait, and for how many seconds the oldest has (0 where none does)."""

    count: int
    oldest_seconds: float
    by_reason: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that waits: its turn, since when and until when at most (ISO, UTC), and how many wait before it."""

    turn: int
    since: str
    until: str
    before: int


@dataclass(frozen=True, slots=True)
class Ready:
    """How it stands with a held answer. `answer` is what its person may see now: while it waits, what is never withheld.

    `line`: while it waits, what is said of the wait as it is now; else "".
    """

    status: HeldStatus
    held: Held
    answer: Answer
    line: str = ""


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
    """An answer that a clinician put right, of somebody who agreed to its use (`agreed`: when): for cases and training.

    `level` is the turn's, or what the clinician raised it to; `cited` are the passages of the answer that was put right.
    """

    review: str
    said: str
    answered: str
    corrected: str
    level: str
    language: str
    decided: str = ""
    agreed: str = ""
    audience: str = "patient"
    cited: tuple[Citation, ...] = ()
