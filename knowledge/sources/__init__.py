"""Where documents come from: one public format a file, tried by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from knowledge.errors import InputError
from knowledge.types import Document


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
        "jsonl",
        "knowledge.sources.jsonl:read",
        True,
        "one JSON object a line: id, title, text, url, source, published, language",
    ),
)


def open_source(spec: str) -> Iterator[Document]:
    """Documents of `NAME[:PATH]`.

    Raises:
        InputError: no such format, a path missing where one is needed, or a row that cannot be read.
    """
    name, _, path = spec.partition(":")
    known = {fmt.name: fmt for fmt in FORMATS}
    if name not in known:
        raise InputError(
            f"No source is called {name!r}", expected=f"one of {', '.join(known)}", remedy="Write --source NAME[:PATH]"
        )
    fmt = known[name]
    if fmt.needs_path and not path:
        raise InputError(f"The source {name!r} needs a path", expected=f"{name}:PATH")
    module, _, function = fmt.reader.partition(":")
    reader: Callable[[Path | None], Iterator[Document]] = getattr(import_module(module), function)
    return reader(Path(path) if path else None)
