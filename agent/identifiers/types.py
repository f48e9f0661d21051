"""What a recogniser returns. Never leaves the privacy stage: `key` may hold raw text, so `repr` hides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Identifier:
    """A stretch of raw text that points at a person.

    `start`, `end` are code points. `key` is what makes two mentions the same identifier. `rank` decides between
    overlapping finds (lower wins, then longer). `offset` is days from today, for dates. `needs_company`: a fact such
    as a town that identifies only beside another identifier.
    """

    type: str
    start: int
    end: int
    rank: int
    key: str = field(repr=False, default="")
    offset: int | None = None
    needs_company: bool = False


Recogniser = Callable[[str, date], Iterator[Identifier]]
