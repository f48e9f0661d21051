"""Finding identifiers. Raw text comes in; only `agent.privacy` calls this.

One file a kind of recogniser; `find` settles overlaps. Offsets are code points of the raw text,
which is never normalised.
"""

from __future__ import annotations

import re
from datetime import date

from agent.identifiers import chinese, dates, homes, numbers, people, places, records
from agent.identifiers.types import Identifier, Recogniser

RECOGNISERS: tuple[Recogniser, ...] = (
    numbers.find,
    records.find,
    dates.find,
    places.find,
    homes.find,
    people.find,
    chinese.find,
)

_PLACEHOLDER = re.compile(r"\[[A-Z_]{2,16}-\d{1,4}(?: [+-]?\d{1,6}d)?\]")


def find(text: str, *, today: date) -> tuple[Identifier, ...]:
    """Identifiers in order, not overlapping. Never raises on any str; about 2 ms for a message of 200 characters."""
    candidates = [item for recogniser in RECOGNISERS for item in recogniser(text, today) if item.end > item.start]
    taken = [(match.start(), match.end()) for match in _PLACEHOLDER.finditer(text)]
    kept: list[Identifier] = []
    used = bytearray(len(text))
    for start, end in taken:
        used[start:end] = b"\x01" * (end - start)
    for item in sorted(candidates, key=lambda item: (item.rank, item.start - item.end, item.start)):
        if not any(used[item.start : item.end]):
            used[item.start : item.end] = b"\x01" * (item.end - item.start)
            kept.append(item)
    accompanied = any(not item.needs_company for item in kept)
    return tuple(sorted((item for item in kept if accompanied or not item.needs_company), key=lambda item: item.start))


__all__ = ["RECOGNISERS", "Identifier", "find"]
