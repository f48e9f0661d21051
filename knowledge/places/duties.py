"""What the law of a place asks: consent, a guardian's age, the label, how long things are kept; `duties.toml` has the sources."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from knowledge.errors import KnowledgeError
from knowledge.places import in_union, place
from knowledge.types import Source

Kind = Literal["consent", "guardian", "label", "posing", "keep", "log"]
_DATA = Path(__file__).parent / "duties.toml"


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing that the law of `place` asks. `says` by language.

    `age`: below it a guardian consents. `days`: at least so long. `separate`: a consent of its own. `in_files`: the label also
    stands in a file's metadata.
    """

    place: str
    kind: Kind
    says: Mapping[str, str]
    sources: tuple[Source, ...]
    age: int | None = None
    days: int | None = None
    separate: bool = False
    in_files: bool = False


def duties(code: str, kind: Kind | None = None) -> tuple[Duty, ...]:
    """What a place asks, of one kind or of all; for a member of the European Union what it has no rule of its own for is the
    Union's. Empty where nothing is known, which is not the same as nothing."""
    known = place(code)
    own = [each for each in _load().duties if known is not None and each.place == known.code]
    kinds = {each.kind for each in own}
    if in_union(known.code if known else code.strip().upper()):
        own += [each for each in _load().duties if each.place == "EU" and each.kind not in kinds]
    return tuple(each for each in own if kind in (None, each.kind))


def guardian_age(code: str) -> int:
    """The age below which a guardian consents; the highest there is where the place's is not known."""
    ages = [each.age for each in duties(code, "guardian") if each.age is not None]
    return max(ages or [each.age for each in _load().duties if each.age is not None])


def consent_version() -> str:
    """Which words are consented to now."""
    return _load().consent_version


def label(language: str) -> str:
    """The words that say that a program wrote it."""
    return _load().label[language]


def days_kept(mode: str, code: str) -> int:
    """Days that a conversation of this mode is kept by default; a clinic's at least as long as its place asks.

    Raises:
        KnowledgeError: nothing is kept under such a name.
    """
    kept = _load().keep
    if mode not in kept:
        raise KnowledgeError(f"Nothing is kept as {mode!r}", expected=f"one of {', '.join(kept)}")
    return max(kept[mode], days_asked(code)) if mode == "clinic" else kept[mode]


def days_asked(code: str) -> int:
    """Days for which the law of a place asks that a clinic's records be kept; 0 where nothing is known."""
    return max((each.days or 0 for each in duties(code, "keep")), default=0)


@dataclass(frozen=True, slots=True)
class _Data:
    duties: tuple[Duty, ...]
    keep: Mapping[str, int]
    label: Mapping[str, str]
    consent_version: str


@functools.cache
def _load() -> _Data:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    try:
        found = tuple(_duty(row, number, data["checked"]) for number, row in enumerate(data["duty"], 1))
        return _Data(found, data["keep"], data["label"], data["consent_version"])
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeError(
            f"{_DATA.name} lacks or misnames {error}",
            expected="for each duty: place, kind, en, zh, source, and what its kind needs (age, days)",
            remedy="compare the entry with its neighbours",
        ) from error


def _duty(row: dict[str, Any], number: int, checked: str) -> Duty:
    kind = row["kind"]
    needed = {"guardian": "age", "keep": "days", "log": "days"}.get(kind, "kind")
    if kind not in get_args(Kind) or needed not in row:
        raise ValueError(f"duty {number}: {kind} needs {needed}")
    sources = tuple(
        Source(id=f"duty-{number}-{at}", organisation=each["organisation"], title=each["title"], year=each.get("year"),
               url=each["url"], jurisdiction=row["place"], checked=each.get("checked", checked))
        for at, each in enumerate((row["source"], *row.get("source_also", ())))
    )  # fmt: skip
    return Duty(
        row["place"], cast(Kind, kind), {"en": row["en"], "zh": row["zh"]}, sources, row.get("age"), row.get("days"),
        row.get("separate", False), row.get("in_files", False),
    )  # fmt: skip
