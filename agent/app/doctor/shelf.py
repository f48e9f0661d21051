"""The documents of an index by what a doctor filters by, and which of them a choice of filters leaves."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from knowledge.errors import InputError
from knowledge.specialties import of_library

if TYPE_CHECKING:
    from retrieval.index import Index

OWN = "own"
"""Among the sources: the clinic's own documents."""
ORIGINS = ("", "embedded")
"""Documents of these origins were not added by whoever runs it."""
_KEPT = 2
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Volume:
    """A document. `guideline` is the title of the whole guideline it is a part of; `own`: added here, not of the library."""

    id: str
    title: str
    guideline: str
    organisations: frozenset[str]
    places: tuple[str, ...]
    published: str
    specialties: frozenset[str]
    audience: str
    language: str
    outdated: bool
    own: bool
    passages: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a doctor filters by; an empty field lets everything through. Years are inclusive; a document without a date has none."""

    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    specialties: tuple[str, ...] = ()
    audience: str = ""
    language: str = ""
    outdated: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the filters that are set."""
        return tuple(name for name in _TESTS if getattr(self, name) != getattr(_NONE, name))


_TESTS: Mapping[str, Callable[[Chosen, Volume], bool]] = {
    "sources": lambda chosen, one: bool(one.organisations & {*chosen.sources}) or (one.own and OWN in chosen.sources),
    "places": lambda chosen, one: bool({*one.places} & {*chosen.places}),
    "since": lambda chosen, one: bool(one.published) and one.published[:4] >= chosen.since,
    "until": lambda chosen, one: bool(one.published) and one.published[:4] <= chosen.until,
    "specialties": lambda chosen, one: bool(one.specialties & {*chosen.specialties}),
    "audience": lambda chosen, one: one.audience in (chosen.audience, "both"),
    "language": lambda chosen, one: one.language == chosen.language,
    "outdated": lambda _, one: not one.outdated,
}
_NONE = Chosen()
_lock = threading.Lock()
_shelves: dict[tuple[str, int], tuple[Volume, ...]] = {}


def shelf(index: Index) -> tuple[Volume, ...]:
    """Every document of an index, in its order; read once for each corpus (6,000 passages: a second)."""
    key = (index.corpus, len(index.catalogue))
    with _lock:
        if key not in _shelves:
            _shelves[key] = tuple(_volumes(index))
            while len(_shelves) > _KEPT:
                del _shelves[next(iter(_shelves))]
        return _shelves[key]


def admitted(volumes: tuple[Volume, ...], chosen: Chosen) -> frozenset[str]:
    """The ids of the documents that every filter lets through.

    Raises:
        InputError: a year is none, or the years are the wrong way round.
    """
    check(chosen)
    tests = [_TESTS[name] for name in chosen.fields]
    return frozenset(one.id for one in volumes if all(test(chosen, one) for test in tests))


def without(volumes: tuple[Volume, ...], chosen: Chosen) -> dict[str, int]:
    """For each filter that is set, how many documents there would be without it."""
    return {name: len(admitted(volumes, replace(chosen, **{name: getattr(_NONE, name)}))) for name in chosen.fields}


def check(chosen: Chosen) -> None:
    """Raises InputError where a year is none, or the years are the wrong way round."""
    for year in (chosen.since, chosen.until):
        if year and not _YEAR.fullmatch(year):
            raise InputError(
                f"{year[:20]!r} is no year", expected="four digits, such as 2019", remedy="Correct it or leave it out"
            )
    if chosen.since and chosen.until and chosen.since > chosen.until:
        raise InputError(f"The years go from {chosen.since} to {chosen.until}", expected="the earlier year first")


def sources_of(volumes: tuple[Volume, ...]) -> list[tuple[str, int]]:
    """The organisations with the number of their documents, most first."""
    counted = Counter(name for one in volumes for name in one.organisations)
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def places_of(volumes: tuple[Volume, ...]) -> list[tuple[str, int]]:
    """The jurisdictions with the number of their documents, most first."""
    counted = Counter(code for one in volumes for code in one.places)
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def _volumes(index: Index) -> list[Volume]:
    origins = {entry.id: entry.origin for entry in index.catalogue.documents()}
    known = of_library()
    found = []
    for document, group in groupby(index.catalogue, key=attrgetter("document")):
        passages = list(group)
        first = passages[0]
        found.append(
            Volume(
                id=document,
                title=first.title,
                guideline=first.sources[0].title if first.kind == "guideline" and first.sources else "",
                organisations=frozenset(
                    source.organisation for passage in passages for source in passage.sources if source.organisation
                ),
                places=first.jurisdiction,
                published=first.published,
                specialties=known.get(document, frozenset()),
                audience=first.audience,
                language=first.language,
                outdated=any(passage.superseded_by for passage in passages),
                own=origins.get(document, "") not in ORIGINS,
                passages=len(passages),
            )
        )
    return found
