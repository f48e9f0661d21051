"""MedlinePlus health topics: the daily XML file, and JSON lines holding a topic in pieces. English topics are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.sources.dates import read_date
from knowledge.sources.language import code_of
from knowledge.sources.prose import HTML, Sections, blocks, squeeze, text_of
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.safe_xml import records
from knowledge.sources.streams import Bounded, begins_with_markup, lines, opened
from knowledge.types import Document, Section, Source

if TYPE_CHECKING:
    from lxml import etree

ORGANISATION = "MedlinePlus, National Library of Medicine"
LANGUAGE = "en"


def read_medlineplus(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document a topic: id `medlineplus:ID`. `published` is the day the file was made: a topic is a living page,
    and the file holds it as it stood that day; `written` is the day the topic was first created."""
    name = name or path.name
    with reported(name, on_fault):
        read = _from_xml if begins_with_markup(path) else _from_lines
        with opened(path) as stream:
            yield from read(stream, name, on_fault)


def _from_xml(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[Document]:
    for topic in records(stream, ("health-topic",)):
        if code_of(topic.get("language", "English")) != LANGUAGE:
            continue
        number, title = squeeze(topic.get("id", "")), squeeze(topic.get("title", ""))
        where = f"{name}, topic {number or '?'}"
        with reported(where, on_fault):
            sections = _summary(topic)
            if not (number and title and sections):
                on_fault(BrokenInput(where, "has no id, title or summary", "Download the file again"))
                continue
            yield _document(topic, number, title, sections)


def _document(topic: etree._Element, number: str, title: str, sections: tuple[Section, ...]) -> Document:
    root = topic.getroottree().getroot()
    published = read_date(root.get("date-generated", ""))
    institute = text_of(topic.find("primary-institute"))
    url = topic.get("url", "")
    names = [text_of(element) for tag in ("also-called", "see-reference") for element in topic.iterfind(tag)]
    names += [text_of(element) for element in topic.iterfind("mesh-heading/descriptor")]
    return Document(
        id=f"medlineplus:{number}",
        title=title,
        language=LANGUAGE,
        sections=sections,
        sources=(
            Source(
                id="page",
                organisation=f"{ORGANISATION}; {institute}" if institute else ORGANISATION,
                title=title,
                year=int(published[:4]) if published else None,
                url=url,
                jurisdiction="US",
            ),
        ),
        url=url,
        kind="topic",
        jurisdiction=("US",),
        published=published,
        written=read_date(topic.get("date-created", "")),
        synonyms=tuple(dict.fromkeys(name for name in names if name and name != title)),
        related=tuple(f"medlineplus:{other.get('id')}" for other in topic.iterfind("related-topic") if other.get("id")),
    )


def _summary(topic: etree._Element) -> tuple[Section, ...]:
    from lxml import etree, html

    summary = topic.find("full-summary")
    if summary is None:
        return ()
    # The summary is HTML written as text; some copies of the file hold it as elements.
    inner = etree.tostring(summary, encoding="unicode", with_tail=False) if len(summary) else summary.text or ""
    if not inner.strip():
        return ()
    sections = Sections()
    for level, text in blocks(html.fragment_fromstring(inner, create_parent="div"), HTML):
        sections.heading(level, text) if level else sections.add(text)
    return sections.build("page")


def _from_lines(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[Document]:
    done: set[str] = set()
    for number, pieces in groupby(_pieces(stream, name, on_fault), key=lambda piece: str(piece[1]["id"])):
        rows = list(pieces)
        where, first = f"{name}, line {rows[0][0]}", rows[0][1]
        text = "\n".join(str(row["text"]).strip() for _, row in rows)
        if number in done:
            on_fault(BrokenInput(where, f"topic {number} was read before", "Put the pieces of a topic together"))
            continue
        done.add(number)
        yield Document(
            id=f"medlineplus:{number}",
            title=squeeze(first["title"]),
            language=LANGUAGE,
            sections=(Section(heading=(), text=text, sources=("page",)),) if text.strip() else (),
            sources=(
                Source("page", ORGANISATION, squeeze(first["title"]), None, str(first["url"]), jurisdiction="US"),
            ),
            url=str(first["url"]),
            kind="topic",
            jurisdiction=("US",),
        )


def _pieces(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines(stream):
        try:
            row: Any = json.loads(line or b"")
        except (ValueError, RecursionError):
            row = None
        wanted = ("title", "url", "text")
        if not isinstance(row, dict) or not row.get("id") or any(not isinstance(row.get(key), str) for key in wanted):
            on_fault(BrokenInput(f"{name}, line {number}", "is not a piece of a topic", "Mend the line"))
            continue
        yield number, row
