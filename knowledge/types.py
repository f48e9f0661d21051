"""Values that leave the knowledge package: frozen, data without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement comes from. `year` is the page's own year; `checked` the ISO day we opened it."""

    id: str
    organisation: str
    title: str
    year: int | None
    url: str
    jurisdiction: str = ""
    opened: str = ""
    checked: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading path.

    `sources` are ids of the document's sources it cites; `page` counts from 1, where the original has pages.
    """

    heading: tuple[str, ...]
    text: str
    sources: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One page of knowledge. `published` is ISO (a year, a month or a day), empty when the source gives none.

    `supersedes` are ids of documents this one replaces; `superseded_by` names, in words, a newer document that may not
    be in the library. `evidence_grade` is the source's own grading, as it writes it.
    """

    id: str
    title: str
    language: str
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]
    url: str = ""
    kind: str = "document"
    audience: str = "both"
    jurisdiction: tuple[str, ...] = ()
    published: str = ""
    synonyms: tuple[str, ...] = ()
    icd10: tuple[str, ...] = ()
    red_flags: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    written: str = ""
    review_by: str = ""
    reviewed_by: str = ""
    supersedes: tuple[str, ...] = ()
    superseded_by: str = ""
    evidence_grade: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """What is searched, shown and cited. `id` is a hash of the content, so a citation cannot drift from its text.

    `superseded_by` names what has taken its document's place, in words for a reader; empty while it stands. `page`
    counts from 1 where the original has pages.
    """

    id: str
    document: str
    title: str
    heading: str
    text: str
    language: str
    sources: tuple[Source, ...]
    url: str = ""
    kind: str = "document"
    audience: str = "both"
    jurisdiction: tuple[str, ...] = ()
    published: str = ""
    synonyms: tuple[str, ...] = field(default=())
    red_flags: tuple[str, ...] = ()
    reviewed_by: str = ""
    review_by: str = ""
    ordinal: int = 0
    superseded_by: str = ""
    evidence_grade: str = ""
    licence: str = ""
    page: int | None = None
