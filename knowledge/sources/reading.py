"""From a file or a folder to Documents: which format each file is in, by its content, and what could not be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from knowledge.errors import AnamnesisError, InputError
from knowledge.types import Document


@dataclass(frozen=True, slots=True)
class BrokenInput:
    """A file or record that was not read: `where` it is, `what` is wrong, the `remedy`. Never holds a file's words."""

    where: str
    what: str
    remedy: str


OnFault = Callable[[BrokenInput], None]


class Reader(Protocol):
    """Documents of one file. `name` is what the file is called in identifiers and reports; its own name by default."""

    def __call__(self, path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]: ...


# Name of a format, and its reader as `module:function`; loaded when a file of it is met.
READERS: dict[str, str] = {
    "medquad": "knowledge.sources.medquad:read_medquad",
    "medlineplus": "knowledge.sources.medlineplus:read_medlineplus",
    "pubmed": "knowledge.sources.pubmed:read_pubmed",
    "jats": "knowledge.sources.jats:read_jats",
    "openfda": "knowledge.sources.openfda:read_openfda",
    "dailymed": "knowledge.sources.dailymed:read_dailymed",
    "fhir": "knowledge.sources.fhir:read_fhir",
    "pdf": "knowledge.sources.pdf:read_pdf",
    "docx": "knowledge.sources.word:read_docx",
    "html": "knowledge.sources.webpage:read_html",
    "markdown": "knowledge.sources.notes:read_markdown",
    "text": "knowledge.sources.notes:read_text",
    "jsonl": "knowledge.sources.reading:read_jsonl",
    "zip": "knowledge.sources.archives:read_zip",
}
# Office programs and systems leave these beside a person's files.
_LITTER = ("~$", ".")
_LITTER_NAMES = frozenset({"thumbs.db", "desktop.ini"})


def recognise(path: Path) -> str | None:
    """The format of a file by its content (one of READERS), None where no reader is known for it.

    Raises:
        InputError: the file cannot be opened, or is no regular file.
    """
    from knowledge.sources.recognising import sniff

    name, _ = sniff(path)
    return name if name in READERS else None


def read_path(path: Path, *, on_fault: OnFault) -> Iterator[tuple[Path, Document]]:
    """(file, Document) of a file, or of every file of a folder in sorted order; each fault is reported and passed by.

    Hidden files are left alone. A link inside the folder is not followed: its target is read where it stands.

    Raises:
        InputError: there is nothing at `path`.
    """
    if not path.exists():
        raise InputError(f"There is nothing at {path}", remedy="Check the path")
    if not path.is_dir():
        for document in read_file(path, on_fault=on_fault, name=path.name):
            yield path, document
        return
    root = path.resolve()
    for file in _files(path, path, root, on_fault):
        for document in read_file(file, on_fault=on_fault, name=file.relative_to(path).as_posix()):
            yield file, document


def read_file(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """Documents of one file in whatever format it is; `name` as in Reader."""
    from knowledge.sources.recognising import sniff

    name = name or path.name
    with reported(name, on_fault):
        found, fault = sniff(path)
        if found not in READERS:
            on_fault(BrokenInput(name, *fault))
            return
        yield from reader_of(found)(path, on_fault=on_fault, name=name)


def reader_of(name: str) -> Reader:
    """The reader of a format named in READERS."""
    module, _, function = READERS[name].partition(":")
    reader: Reader = getattr(import_module(module), function)
    return reader


def read_jsonl(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """Our own JSON lines. A row that breaks the format ends the file: such a file is written by us, and never in part."""
    from knowledge.sources.jsonl import read

    with reported(name or path.name, on_fault):
        yield from read(path)


@contextmanager
def reported(where: str, on_fault: OnFault) -> Iterator[None]:
    """Whatever ends the reading of a file, or of a record, becomes one report; the caller goes on with the next."""
    try:
        yield
    except AnamnesisError as fault:
        on_fault(BrokenInput(where, fault.wrong, fault.remedy))
    # Parsers of other people's formats fail in ways nobody lists. The kind of failure is told, and never its message:
    # that may quote the file.
    except Exception as fault:
        on_fault(BrokenInput(where, f"could not be read ({type(fault).__name__})", "Check the file opens elsewhere"))


def _files(folder: Path, base: Path, root: Path, on_fault: OnFault) -> Iterator[Path]:
    with reported(folder.relative_to(base).as_posix(), on_fault):
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith(_LITTER) or entry.name.lower() in _LITTER_NAMES:
                continue
            path = folder / entry.name
            if entry.is_symlink():
                _report_link(path, path.relative_to(base).as_posix(), root, on_fault)
            elif entry.is_dir(follow_symlinks=False):
                yield from _files(path, base, root, on_fault)
            elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                yield path
            else:
                where = path.relative_to(base).as_posix()
                on_fault(BrokenInput(where, "is not a regular file", "Copy its content to a file"))


def _report_link(path: Path, where: str, root: Path, on_fault: OnFault) -> None:
    target = path.resolve()
    if not target.is_relative_to(root):
        on_fault(BrokenInput(where, "is a link that leads out of the folder", "Copy the file into the folder"))
    elif not target.exists():
        on_fault(BrokenInput(where, "is a link to nothing", "Remove it, or copy the file into the folder"))
