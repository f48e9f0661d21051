"""Where documents come from: one public format a file, tried by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import InputError
from knowledge.types import Document

if TYPE_CHECKING:
    from knowledge.sources.reading import BrokenInput, OnFault


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """A readable kind of source: `reader` is `module:function`, taking a path (or None) and giving Documents."""

    name: str
    reader: str
    needs_path: bool
    about: str


FORMATS: tuple[SourceFormat, ...] = (
    SourceFormat("library", "knowledge.sources.library:read", False, "our own topics, English and Chinese"),
    SourceFormat(
        "open-medicine",
        "knowledge.sources.open_medicine:read",
        False,
        "guideline sections for clinicians, from the package open-medicine",
    ),
    SourceFormat(
        "jsonl",
        "knowledge.sources.jsonl:read",
        True,
        "one JSON object a line: id, title, text, url, source, published, language",
    ),
)


def open_source(spec: str, *, on_fault: OnFault | None = None) -> Iterator[Document]:
    """Documents of `NAME[:PATH]`: a format above, a reader of knowledge/sources/reading.py, or `path` for any of those.

    What cannot be read is told to `on_fault`; without one it is raised.

    Raises:
        InputError: no such format, a path missing where one is needed, or (without `on_fault`) what cannot be read.
    """
    from knowledge.sources.reading import READERS, read_path, reader_of

    name, _, path = spec.partition(":")
    known = {fmt.name: fmt for fmt in FORMATS}
    if name not in (*known, *READERS, "path"):
        raise InputError(
            f"No source is called {name!r}",
            expected=f"one of {', '.join(dict.fromkeys((*known, *READERS, 'path')))}",
            remedy="Write --source NAME[:PATH]",
        )
    if not path and (name not in known or known[name].needs_path):
        raise InputError(f"The source {name!r} needs a path", expected=f"{name}:PATH")
    if name in known:
        module, _, function = known[name].reader.partition(":")
        reader: Callable[[Path | None], Iterator[Document]] = getattr(import_module(module), function)
        return reader(Path(path) if path else None)
    if not Path(path).exists():
        raise InputError(f"There is nothing at {path}", remedy="Check the path")
    if name == "path":
        return (document for _, document in read_path(Path(path), on_fault=on_fault or _raised))
    return reader_of(name)(Path(path), on_fault=on_fault or _raised)


def _raised(fault: BrokenInput) -> None:
    raise InputError(f"{fault.where}: {fault.what}", remedy=fault.remedy)
