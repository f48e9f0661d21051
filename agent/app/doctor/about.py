"""What is said of files that are sent, put into their documents; and what is a document at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge.errors import InputError
from knowledge.sources.dates import read_date
from knowledge.types import Document

_LONGEST_WORD = 5_000
"""Characters without a space, in a text that no reader refused: no language has such a word, a bomb does."""
_LONGEST = 10_000_000
"""Characters of one document: some thirty thousand passages, an hour of embedding on two cores."""
_BLOB = re.compile(rf"[!-~]{{{_LONGEST_WORD}}}")
_UNSAFE = re.compile(r"[^\w .()\[\]+,=@-]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class About:
    """What is said of the files that were sent, where they do not say it themselves. `published`: a year, a month or a day."""

    organisation: str = ""
    licence: str = ""
    jurisdiction: str = ""
    published: str = ""
    audience: str = "clinician"


def checked_about(about: About) -> About:
    """The same in its stored form.

    Raises:
        InputError: a place, a date or an audience is none, or a text is too long.
    """
    place = about.jurisdiction.strip().upper()
    if place and not re.fullmatch(r"[A-Z]{2}|INT", place):
        raise InputError(
            f"{place[:20]!r} is no place", expected="two letters, such as GB, US or CN, or INT", remedy="Correct it"
        )
    published = read_date(about.published.strip())
    if about.published.strip() and not published:
        raise InputError(
            "The date cannot be read", expected="2024, 2024-05 or 2024-05-01", remedy="Correct it, or leave it out"
        )
    if about.audience not in ("clinician", "patient", "both"):
        raise InputError("The audience is none", expected="clinician, patient or both", remedy="Choose one")
    if max(len(about.licence), len(about.organisation)) > 300:
        raise InputError("A text is too long", expected="at most 300 characters", remedy="Shorten it")
    return replace(
        about,
        jurisdiction=place,
        published=published,
        licence=about.licence.strip(),
        organisation=about.organisation.strip(),
    )


def told(document: Document, about: About) -> Document:
    """The document with what was said of it, where it does not say it itself."""
    published = document.published or about.published
    year = int(published[:4]) if published else None
    sources = tuple(
        replace(source, organisation=source.organisation or about.organisation, year=source.year or year)
        for source in document.sources
    )
    return replace(
        document,
        licence=document.licence or about.licence,
        audience=about.audience if document.audience == "both" else document.audience,
        jurisdiction=document.jurisdiction or ((about.jurisdiction,) if about.jurisdiction else ()),
        published=published,
        sources=sources,
    )


def bomb(document: Document) -> str:
    """Why a text that could be read is no document: it is endless, or holds a word that no language has; "" where it is one."""
    if sum(len(section.text) for section in document.sections) > _LONGEST:
        return f"holds more than {_LONGEST // 1_000_000} million characters"
    if any(_BLOB.search(section.text) for section in document.sections):
        return f"holds {_LONGEST_WORD} characters without a space, as no text does"
    return ""


def clean_name(name: str) -> str:
    """A file's name as it is kept: without a path, without what a shell or a page could mistake, not hidden, not long."""
    plain = _UNSAFE.sub("_", Path(name.replace("\\", "/")).name).lstrip(".~$ ") or "file"
    stem, suffix = Path(plain).stem[:100], Path(plain).suffix[:12]
    return f"{stem}{suffix}"
