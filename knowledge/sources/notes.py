"""Markdown, with front matter or without, and plain text: what a clinic writes itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import InputError
from knowledge.sources.dates import read_date
from knowledge.sources.encoding import decode
from knowledge.sources.language import code_of
from knowledge.sources.prose import Sections, squeeze
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.streams import MIB, read_bytes
from knowledge.types import Document, Source

MAX_BYTES = 32 * MIB
MAX_FRONT = 64 * 1024
FIELDS = (
    "title", "published", "jurisdiction", "supersedes", "language", "audience", "licence", "evidence_grade", "url",
    "organisation", "synonyms", "review_by",
)  # fmt: skip
_AUDIENCES = ("patient", "clinician", "both")
_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_UNDER = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_DIVIDER = frozenset(" \t:|-")
# Bounded, so that a line of 100,000 brackets is read in no time.
_LINK = re.compile(r"!?\[([^\[\]\n]{1,500})\]\([^()\n]{1,1000}\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,1000}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]{1,1000}?)(?<=\S)\1(?![\w*])")
_STAR = re.compile(r"^([ \t]{0,20})[*+] ", re.M)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_markdown(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The file: id `file:NAME`. Front matter may give FIELDS; `supersedes` takes ids, or paths of files beside this one."""
    name = name or path.name
    with reported(name, on_fault):
        text = decode(read_bytes(path, limit=MAX_BYTES)).replace("\r\n", "\n").replace("\r", "\n")
        meta, body = _front(text, name, on_fault)
        title, sections = _sections(body)
        built = sections.build("file")
        if not built:
            raise InputError("has no text", remedy="Leave it out, or write it")
        yield _document(name, meta, meta.get("title", [title])[0] or title, built)


def read_text(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The file: id `file:NAME`, its paragraphs as they stand; the title is the first line where that is short."""
    name = name or path.name
    with reported(name, on_fault):
        text = decode(read_bytes(path, limit=MAX_BYTES)).replace("\r\n", "\n").replace("\r", "\n").strip()
        if not text:
            raise InputError("has no text", remedy="Leave it out, or write it")
        first, _, rest = text.partition("\n")
        heads = len(first) <= 120 and bool(rest.strip()) and not first.rstrip().endswith((".", "。", ",", ";"))
        sections = Sections()
        for paragraph in re.split(r"\n[ \t]*\n+", rest if heads else text):
            sections.add(paragraph)
        yield _document(name, {}, squeeze(first) if heads else "", sections.build("file"))


def plain(markdown: str) -> str:
    """The text a reader of Markdown sees: no emphasis, links by their words, bullets with a dash."""
    text = _LINK.sub(r"\1", markdown)
    text = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", text))
    return "\n".join(line.rstrip() for line in _STAR.sub(r"\1- ", text).split("\n")).strip()


def _heading(text: str) -> str:
    """The words of a heading without the marks that may close it."""
    text = text.strip()
    bare = text.rstrip("#")
    return squeeze(plain(bare if not bare or bare[-1:] in (" ", "\t") else text))


def _document(name: str, meta: dict[str, list[str]], title: str, sections: Any) -> Document:
    def one(key: str) -> str:
        return next(iter(meta.get(key, [])), "")

    title = title or Path(name).stem
    published = read_date(one("published"))
    folder = posixpath.dirname(name)
    return Document(
        id=f"file:{name}",
        title=title,
        language=code_of(one("language"), " ".join(section.text for section in sections)),
        sections=sections,
        sources=(
            Source(
                id="file",
                organisation=one("organisation"),
                title=title,
                year=int(published[:4]) if published else None,
                url=one("url"),
                jurisdiction=one("jurisdiction"),
                licence=one("licence"),
            ),
        ),
        url=one("url"),
        audience=one("audience") or "both",
        jurisdiction=tuple(meta.get("jurisdiction", [])),
        published=published,
        synonyms=tuple(meta.get("synonyms", [])),
        review_by=read_date(one("review_by")),
        supersedes=tuple(
            older if ":" in older else f"file:{posixpath.normpath(posixpath.join(folder, older))}"
            for older in meta.get("supersedes", [])
        ),
        evidence_grade=one("evidence_grade"),
        licence=one("licence"),
    )


def _front(text: str, name: str, on_fault: OnFault) -> tuple[dict[str, list[str]], str]:
    """The fields of the front matter and the body; a front matter that is not in order is reported, and the body read."""
    if not text.startswith("---\n"):
        return {}, text
    end = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.M).search(text, 4)
    if end is None or end.start() > MAX_FRONT:
        return {}, text
    raw, body = text[4 : end.start()], text[end.end() :]
    try:
        loaded: Any = yaml.load(raw, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict):
        on_fault(
            BrokenInput(name, "its front matter is not YAML; the text was read without it", "Quote what holds a colon")
        )
        return {}, body
    meta = {key: values for key in FIELDS if (values := _values(loaded.get(key)))}
    wrong = [
        *(key for key in ("published", "review_by") if key in meta and not read_date(meta[key][0])),
        *(key for key in ("audience",) if key in meta and meta[key][0] not in _AUDIENCES),
        *(key for key in ("url",) if key in meta and not meta[key][0].startswith(("https://", "http://"))),
    ]
    for key in wrong:
        on_fault(BrokenInput(name, f"its {key} cannot be used; the text was read without it", _EXPECTED[key]))
        del meta[key]
    return meta, body


_EXPECTED = {
    "published": "Write the date as 2024-05-01",
    "review_by": "Write the date as 2024-05-01",
    "audience": f"Write one of {', '.join(_AUDIENCES)}",
    "url": "Write an address that begins with https://",
}


def _values(value: Any) -> list[str]:
    """A field as strings. Nested values are left out: YAML can say in ten lines what would fill the memory as text."""
    items = value if isinstance(value, list) else [value]
    kept = (item for item in items if isinstance(item, str | int | float | date) and not isinstance(item, bool))
    return [text for item in kept if (text := squeeze(str(item)))]


def _sections(body: str) -> tuple[str, Sections]:
    """The first heading of the first level as title, and the rest under its headings; code is text, and heads nothing."""
    out = Sections()
    title, fence = "", ""
    lines: list[str] = []

    def close() -> None:
        out.add(plain("\n".join(lines)))
        lines.clear()

    def head(level: int, text: str) -> None:
        nonlocal title
        close()
        if level == 1 and not title:
            title = text
            out.heading(1, "")
        else:
            out.heading(level, text)

    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            else:
                lines.append(line)
            continue
        if mark:
            fence = mark.group(1)
            continue
        atx, under = _ATX.match(line), _UNDER.match(line)
        if atx:
            head(len(atx.group(1)), _heading(line[atx.end() :]))
        elif under and lines and lines[-1].strip() and not lines[-1].lstrip().startswith(("|", "-", "*", ">")):
            text = lines.pop()
            head(1 if "=" in under.group(1) else 2, squeeze(plain(text)))
        elif not _RULE.match(line) and not ("|" in line and "-" in line and set(line) <= _DIVIDER):
            lines.append(line)
    close()
    return title, out
