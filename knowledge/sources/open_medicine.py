"""Clinical guideline sections from the package `open-medicine` (MIT): a summary by its author, each with the guideline's DOI.

Only the package's Markdown and its registry are read; none of its code is imported.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from knowledge.errors import InputError, KnowledgeError
from knowledge.markdown import plain
from knowledge.types import Document, Section, Source

VERSION = "0.12.0"
LICENCE = "MIT (summary by the open-medicine package, not the guideline's own words)"
# What the registry does not say: whom a guideline is for, and what has taken its place since.
NOTES = Path(__file__).with_suffix(".toml")
_ADVERTISEMENT = re.compile(r"OpenMedicine|\bMCP\b|`calculate_\w+`")
_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*$")


def read(path: Path | None = None) -> Iterator[Document]:
    """One Document a guideline section file, in the registry's order; `path` is another copy of the guidelines folder.

    Raises:
        KnowledgeError: the package is not installed, is another version, or lacks a file its registry names.
    """
    root = path or folder()
    registry = _registry(root)
    for guideline in registry:
        for section in guideline["sections"]:
            file = root / "content" / guideline["id"] / f"{section}.md"
            try:
                raw = file.read_text(encoding="utf-8")
            except OSError as fault:
                raise KnowledgeError(f"{file} cannot be read: {fault}", remedy="Install open-medicine again") from fault
            yield _document(guideline, section, raw)


def folder() -> Path:
    """Where the installed package keeps its guidelines.

    Raises:
        KnowledgeError: it is not installed, or is not the version whose content was read.
    """
    spec = find_spec("open_medicine")
    try:
        found = version("open-medicine")
    except PackageNotFoundError:
        found = ""
    if spec is None or not spec.submodule_search_locations or not found:
        raise KnowledgeError(
            "The package open-medicine is not installed", remedy=f"Run `pip install open-medicine=={VERSION}`"
        )
    if found != VERSION:
        raise KnowledgeError(
            f"open-medicine is version {found}", expected=VERSION, remedy=f"Run `pip install open-medicine=={VERSION}`"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "guidelines"


def _registry(root: Path) -> list[dict[str, Any]]:
    try:
        registry: list[dict[str, Any]] = json.loads((root / "registry.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(
            f"{root} is not open-medicine's folder of guidelines ({fault})", expected="registry.json"
        ) from fault
    return registry


def _document(guideline: dict[str, Any], section: str, raw: str) -> Document:
    notes = _notes().get(guideline["id"], {})
    url = f"https://doi.org/{guideline['doi']}"
    source = Source(
        id="guideline",
        organisation=notes.get("organisation", guideline["organization"]),
        title=guideline["title"],
        year=int(guideline["year"]),
        url=url,
        jurisdiction=notes.get("jurisdiction", ""),
        opened=f"package:open-medicine:{VERSION}",
        licence=LICENCE,
    )
    title, sections = _sections(raw)
    return Document(
        id=f"open-medicine:{guideline['id']}/{section}",
        title=title or f"{guideline['title']}: {section.replace('_', ' ')}",
        language="en",
        sections=tuple(sections),
        sources=(source,),
        url=url,
        kind="guideline",
        audience="clinician",
        jurisdiction=(notes["jurisdiction"],) if notes.get("jurisdiction") else (),
        published=str(guideline["year"]),
        synonyms=tuple(guideline["topics"]),
        superseded_by=notes.get("superseded_by", ""),
        licence=LICENCE,
    )


def _sections(raw: str) -> tuple[str, list[Section]]:
    title, path, lines = "", list[str](), list[str]()
    sections: list[Section] = []
    fenced = False

    def close() -> None:
        text = "\n".join(lines).strip()
        if text:
            sections.append(Section(heading=tuple(path), text=plain(text), sources=("guideline",)))
        lines.clear()

    for line in raw.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            if not _ADVERTISEMENT.search(line) and not re.fullmatch(r"\s*(?:[-*_]\s*){3,}", line):
                lines.append(line)
            continue
        depth, name = len(heading.group(1)), plain(heading.group(2))
        if depth == 1 and not title:
            title = name
            continue
        close()
        path[max(0, depth - 2) :] = [name]
    close()
    return title, sections


@lru_cache(maxsize=1)
def _notes() -> dict[str, dict[str, str]]:
    if not NOTES.is_file():
        return {}
    with NOTES.open("rb") as stream:
        notes: dict[str, dict[str, str]] = tomllib.load(stream)["guideline"]
    return notes
