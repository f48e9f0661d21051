"""Documents as JSON lines: {"id","title","text","url","source","published","language"}. A build never drops a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import InputError
from knowledge.types import Document, Section, Source


def read(path: Path | None) -> Iterator[Document]:
    """One Document a line, its `id` unchanged; blank lines are skipped. Only `id` and one of title, text are required.

    Raises:
        InputError: the file cannot be read, or a line is not such an object; the message names the line.
    """
    if path is None or not path.is_file():
        raise InputError(f"{path} is not a file", expected="JSON lines", remedy="Check the path after jsonl:")
    with path.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _document(path, number, line)
        except UnicodeDecodeError as fault:
            raise InputError(
                f"{path} is not UTF-8 ({fault.reason} at byte {fault.start} of a block)", remedy="Save it as UTF-8"
            ) from fault


def _document(path: Path, number: int, line: str) -> Document:
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as fault:
        raise InputError(
            f"{path}, line {number} is not JSON ({fault.msg})", remedy="Mend the line and build again"
        ) from fault
    if not isinstance(row, dict) or row.get("id") in (None, ""):
        raise InputError(f"{path}, line {number} has no id", expected='{"id": ..., "title": ..., "text": ...}')
    fields = {name: row.get(name) for name in ("title", "text", "url", "source", "published", "language")}
    wrong = [name for name, value in fields.items() if value is not None and not isinstance(value, str | int)]
    if wrong:
        raise InputError(
            f"{path}, line {number}: {', '.join(wrong)} is not a string", remedy="Mend the line and build again"
        )
    text = {name: "" if value is None else str(value) for name, value in fields.items()}
    if not text["title"].strip() and not text["text"].strip():
        raise InputError(
            f"{path}, line {number} (id {row['id']}) has neither title nor text", remedy="Mend the line and build again"
        )
    year = text["published"][:4]
    source = Source(
        id="source",
        organisation=text["source"],
        title=text["title"],
        year=int(year) if year.isdigit() else None,
        url=text["url"],
    )
    return Document(
        id=str(row["id"]),
        title=text["title"],
        language=text["language"] or _language(text["text"] or text["title"]),
        sections=(Section(heading=(), text=text["text"], sources=("source",)),) if text["text"].strip() else (),
        sources=(source,),
        url=text["url"],
        published=text["published"],
        audience=str(row.get("audience") or "both"),
    )


def _language(text: str) -> str:
    sample = text[:400]
    return "zh" if sum("一" <= char <= "鿿" for char in sample) > len(sample) * 0.15 else "en"
