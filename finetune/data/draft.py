"""An example before its passages are fixed: what is asked, and which sentences of which passages answer it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.types import Audience, Language
from finetune.examples import ExampleKind
from knowledge.types import Passage


@dataclass(frozen=True, slots=True)
class Draft:
    """`said` are the answer's sentences without keys, each with the passage it rests on; empty for one without passages' words.

    `opening` stands before them without a key (NOT FOUND, the refusal's constant and its sentence), `closing` after them
    (the question of an intake). `mould` names the hand-written frame, so that none takes too large a share. `shown` fixes
    the passages; else they are found as the agent finds them, leaving out the topics in `without`.
    """

    kind: ExampleKind
    language: Language
    audience: Audience
    topic: str
    question: str
    said: tuple[tuple[str, Passage], ...]
    mould: str
    opening: str = ""
    closing: str = ""
    shown: tuple[Passage, ...] = ()
    without: frozenset[str] = frozenset()
    origin: str = "library"
    licence: str = "Apache-2.0"
    id: str = ""
