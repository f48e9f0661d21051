"""Finding identifiers. Raw text comes in; only `agent.privacy` calls this.

One file a kind of recogniser; `find` settles overlaps; what no rule found, `learned` may. Offsets are code points of the raw text,
which is never normalised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from agent.identifiers import chinese, dates, homes, learned, numbers, people, places, records
from agent.identifiers.everyday import is_rest
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


def find(text: str, *, today: date, rules_only: bool = False) -> tuple[Identifier, ...]:
    """Identifiers in order, not overlapping. Never raises on any str; about 2 ms for a message of 200 characters, and what the
    encoder takes to read it."""
    kept, used = ruled(text, today=today)
    for item in () if rules_only else learned.find(text):
        for start, end in _free(used, item.start, item.end):
            left = text[start:end]
            whole = (start, end) == (item.start, item.end)
            # What is left over of a day beside the day itself ("Monday") points at nobody.
            rest = left.lower() if item.type == "DATE" else left
            if any(map(str.isalnum, left)) and (whole or not is_rest(rest)):
                kept.append(replace(item, start=start, end=end))
                used[start:end] = b"\x01" * (end - start)
    if kept and not rules_only:
        learned.forget(text)
    accompanied = any(not item.needs_company for item in kept)
    return tuple(sorted((item for item in kept if accompanied or not item.needs_company), key=lambda item: item.start))


def ruled(text: str, *, today: date) -> tuple[list[Identifier], bytearray]:
    """What rules find, and which code points are taken, by it or by placeholders that somebody typed."""
    candidates = [item for recogniser in RECOGNISERS for item in recogniser(text, today) if item.end > item.start]
    kept: list[Identifier] = []
    used = bytearray(len(text))
    for match in _PLACEHOLDER.finditer(text):
        used[match.start() : match.end()] = b"\x01" * len(match[0])
    for item in sorted(candidates, key=lambda item: (item.rank, item.start - item.end, item.start)):
        if not any(used[item.start : item.end]):
            used[item.start : item.end] = b"\x01" * (item.end - item.start)
            kept.append(item)
    return kept, used


def _free(used: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches between two places that nothing has taken."""
    while start < end:
        if used[start]:
            start += 1
            continue
        at = start
        while at < end and not used[at]:
            at += 1
        yield start, at
        start = at


__all__ = ["RECOGNISERS", "Identifier", "find", "ruled"]
