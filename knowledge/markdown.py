"""A topic of the library: Markdown with front matter in, a Document out. The format: knowledge/library/README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import KnowledgeError
from knowledge.types import Document, Section, Source

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.S)
# The C loader is ten times as fast and as safe; a build of PyYAML without it has only the other.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARK = re.compile(r"\[\^([a-z0-9-]+)\]")
_REQUIRED = (
    "id", "kind", "title", "audience", "language", "jurisdiction", "synonyms", "red_flags", "related", "sources",
    "written", "review_by", "reviewed_by",
)  # fmt: skip
_SOURCE_REQUIRED = ("id", "organisation", "title", "year", "url", "jurisdiction", "opened", "checked")


def read_topic(path: Path) -> Document:
    """One topic file as a Document whose sections carry the ids of the sources they cite.

    Raises:
        KnowledgeError: the file cannot be read, or its front matter or a heading breaks the format.
    """
    try:
        raw = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise KnowledgeError(f"{path} cannot be read: {fault}", remedy="Mend or remove the file") from fault
    front = _FRONT.match(raw)
    if front is None:
        raise KnowledgeError(
            f"{path} has no front matter",
            expected="YAML between two lines of ---",
            remedy="See knowledge/library/README.md",
        )
    try:
        meta = yaml.load(front.group(1), Loader=_LOADER)
    except yaml.YAMLError as fault:
        raise KnowledgeError(
            f"{path}: the front matter is not YAML: {fault}", remedy="Quote strings that hold a colon"
        ) from fault
    missing = [name for name in _REQUIRED if not isinstance(meta, dict) or name not in meta]
    if missing:
        raise KnowledgeError(
            f"{path}: the front matter lacks {', '.join(missing)}", remedy="See knowledge/library/README.md"
        )
    sources = tuple(_source(path, item) for item in meta["sources"])
    synonyms = meta["synonyms"] or {}
    return Document(
        id=str(meta["id"]),
        title=str(meta["title"]),
        language=str(meta["language"]),
        sections=tuple(_sections(path, front.group(2))),
        sources=sources,
        url=sources[0].url if sources else "",
        kind=str(meta["kind"]),
        audience=str(meta["audience"]),
        jurisdiction=_strings(meta["jurisdiction"]),
        published=str(meta["written"]),
        synonyms=(*_strings(synonyms.get("lay")), *_strings(synonyms.get("clinical"))),
        icd10=_strings(meta.get("icd10")),
        red_flags=_strings(meta["red_flags"]),
        related=_strings(meta["related"]),
        written=str(meta["written"]),
        review_by=str(meta["review_by"]),
        reviewed_by=str(meta["reviewed_by"]),
        supersedes=_strings(meta.get("supersedes")),
    )


def plain(markdown: str) -> str:
    """Markdown to the text a reader sees: no footnote marks, no emphasis; bullets keep their dash."""
    text = _MARK.sub("", markdown)
    text = re.sub(r"\*\*([^*]+)\*\*", r"\1", text)
    text = re.sub(r"(?<![\w*])[*_](\S(?:[^*_\n]*\S)?)[*_](?![\w*])", r"\1", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    text = re.sub(r"^[*+] ", "- ", text, flags=re.M)
    return re.sub(r"[ \t]+$", "", text, flags=re.M).strip()


def _sections(path: Path, body: str) -> list[Section]:
    sections: list[Section] = []
    heading: list[str] = []
    lines: list[str] = []

    def close() -> None:
        text = "\n".join(lines).strip()
        if text:
            marks = tuple(dict.fromkeys(_MARK.findall(text)))
            sections.append(Section(heading=tuple(heading), text=plain(text), sources=marks))
        lines.clear()

    for line in body.splitlines():
        depth = len(line) - len(line.lstrip("#"))
        if depth and line[depth : depth + 1] == " ":
            if depth == 1:
                raise KnowledgeError(
                    f"{path}: a # heading", expected="## or ### headings only; the title is in the front matter"
                )
            close()
            heading = [*heading[: depth - 2], line[depth:].strip()]
        else:
            lines.append(line)
    close()
    return sections


def marks(markdown: str) -> list[str]:
    """The source ids named by footnote marks, in order."""
    return _MARK.findall(markdown)


def _source(path: Path, item: Any) -> Source:
    missing = [name for name in _SOURCE_REQUIRED if not isinstance(item, dict) or item.get(name) in (None, "")]
    if missing:
        raise KnowledgeError(f"{path}: a source lacks {', '.join(missing)}", remedy="See knowledge/library/README.md")
    return Source(
        id=str(item["id"]),
        organisation=str(item["organisation"]),
        title=str(item["title"]),
        year=int(item["year"]),
        url=str(item["url"]),
        jurisdiction=str(item["jurisdiction"]),
        opened=str(item["opened"]),
        checked=str(item["checked"]),
        licence=str(item.get("licence", "")),
    )


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)
