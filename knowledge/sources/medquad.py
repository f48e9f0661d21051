"""MedQuAD: questions and answers from NIH sites, as its XML tree or as JSON lines; a Document is one page of a site.

A page, not a pair: a citation opens the page, its title is what the page is about, and each question, being one of 37
templates ("What causes X ?"), is the heading its answer stands under. Both forms give the same identifiers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from knowledge.sources.prose import local, squeeze, text_of
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.safe_xml import records
from knowledge.sources.streams import Bounded, begins_with_markup, lines, opened
from knowledge.types import Document, Section, Source

_FIELDS = ("id", "question", "answer", "url", "source")


@dataclass(frozen=True, slots=True)
class _Pair:
    page: str
    source: str
    url: str
    focus: str
    question: str
    answer: str


def read_medquad(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document a page: id `medquad:SOURCE/PAGE`, the focus as title, a section for each answered question.

    A page without any answer is reported and left out: three collections were published without theirs.
    """
    name = name or path.name
    with reported(name, on_fault):
        read = _from_xml if begins_with_markup(path) else _from_lines
        with opened(path) as stream:
            yield from read(stream, name, on_fault)


def _from_xml(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[Document]:
    for root in records(stream, ("Document",)):
        page, source, url = (squeeze(root.get(key, "")) for key in ("id", "source", "url"))
        focus = text_of(root.find("Focus"))
        pairs = [
            _Pair(page, source, url, focus, text_of(pair.find("Question")), text_of(pair.find("Answer")))
            for pair in root.iter("QAPair")
        ]
        synonyms = tuple(text_of(element) for element in root.iter() if local(element) == "Synonym")
        yield from _page(pairs, tuple(filter(None, synonyms)), f"{name}, document {page}", on_fault)


def _from_lines(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[Document]:
    done: set[int] = set()
    for (source, page), pairs in groupby(
        _pairs(stream, name, on_fault), key=lambda numbered: (numbered[1].source, numbered[1].page)
    ):
        rows = list(pairs)
        where = f"{name}, line {rows[0][0]}"
        if hash((source, page)) in done:
            on_fault(BrokenInput(where, f"page {page} of {source} was read before", "Sort the file by page"))
            continue
        done.add(hash((source, page)))
        yield from _page([pair for _, pair in rows], (), where, on_fault)


def _pairs(stream: Bounded, name: str, on_fault: OnFault) -> Iterator[tuple[int, _Pair]]:
    for number, line in lines(stream):
        try:
            row: Any = json.loads(line or b"")
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or any(not isinstance(row.get(key), str) for key in _FIELDS):
            wanted = ", ".join(_FIELDS)
            on_fault(BrokenInput(f"{name}, line {number}", f"is not a JSON object with {wanted}", "Mend the line"))
            continue
        page = row["id"].rpartition("-")[0] or row["id"]
        focus = str(row.get("focus") or "")
        yield number, _Pair(page, row["source"], row["url"], focus, squeeze(row["question"]), row["answer"].strip())


def _page(pairs: list[_Pair], synonyms: tuple[str, ...], where: str, on_fault: OnFault) -> Iterator[Document]:
    answered = [pair for pair in pairs if pair.answer]
    if empty := len(pairs) - len(answered):
        on_fault(
            BrokenInput(
                where,
                f"{empty} of {len(pairs)} answers are empty",
                "Nothing to mend: three collections were published without answers",
            )
        )
    if not answered:
        return
    first = answered[0]
    title = first.focus or first.question
    yield Document(
        id=f"medquad:{first.source}/{first.page}",
        title=title,
        language="en",
        sections=tuple(
            Section(heading=(pair.question,) if pair.question else (), text=pair.answer, sources=("page",))
            for pair in answered
        ),
        sources=(Source(id="page", organisation=first.source, title=title, year=None, url=first.url),),
        url=first.url,
        kind="answers",
        synonyms=synonyms,
    )
