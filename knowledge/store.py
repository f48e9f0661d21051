"""Passages on disk: one JSON line each, and the habit of writing a manifest last."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import IndexFault, StoreError
from knowledge.types import Passage, Source

MANIFEST = "manifest.json"
# Hashing reads about 1 GB a second; above this size a load checks sizes only, and `--verify` hashes all.
_HASH_LIMIT = 256 * 1024 * 1024


def write_passages(path: Path, passages: Iterable[Passage]) -> None:
    """One passage a line."""
    with path.open("w", encoding="utf-8") as out:
        for passage in passages:
            out.write(json.dumps(dataclasses.asdict(passage), ensure_ascii=True, separators=(",", ":")) + "\n")


def read_passages(path: Path) -> list[Passage]:
    """The passages in the order written.

    Raises:
        IndexFault: a line is not a passage.
    """
    with path.open(encoding="utf-8") as lines:
        try:
            return [_passage(json.loads(line)) for line in lines]
        except (ValueError, TypeError, KeyError) as fault:
            raise IndexFault(f"{path} holds a line that is not a passage ({fault})", remedy=_REBUILD) from fault


_REBUILD = "Delete the folder and run `anamnesis knowledge build` again"


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block ends well; a failed block leaves the old one.

    Raises:
        StoreError: the disk is full or not writable.
    """
    new = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as fault:
        raise StoreError(
            f"{folder} cannot be written: {fault}", remedy="Free some space or choose another folder, then run it again"
        ) from fault
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the manifest last: size and SHA-256 of every file of the folder, beside `facts`."""
    files = {
        str(file.relative_to(folder)): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    temporary = folder / f"{MANIFEST}.new"
    temporary.write_text(json.dumps({**facts, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, after checking that every file it names is there and whole.

    Raises:
        IndexFault: no folder, no manifest (work was not completed), a file missing or changed.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise IndexFault(
            f"There is no index at {folder}", remedy="Run `anamnesis knowledge build --out` with that folder"
        )
    if not path.is_file():
        raise IndexFault(f"{folder} has no {MANIFEST}: its making was interrupted", remedy=_REBUILD)
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, dict[str, Any]] = manifest["files"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as fault:
        raise IndexFault(f"{path} is damaged ({fault})", remedy=_REBUILD) from fault
    for name, seal in files.items():
        _check_file(folder / name, seal)
    return manifest


def _check_file(file: Path, seal: dict[str, Any]) -> None:
    if not file.is_file():
        raise IndexFault(f"{file} is missing", remedy=_REBUILD)
    size = file.stat().st_size
    if size != seal["bytes"]:
        raise IndexFault(f"{file} has {size} bytes", expected=f"{seal['bytes']} bytes", remedy=_REBUILD)
    if size <= _HASH_LIMIT and sha256(file) != seal["sha256"]:
        raise IndexFault(f"{file} is not the file that was written (its SHA-256 differs)", remedy=_REBUILD)


def sha256(file: Path) -> str:
    """The file's SHA-256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _passage(row: dict[str, Any]) -> Passage:
    row["sources"] = tuple(Source(**source) for source in row["sources"])
    for name in ("jurisdiction", "synonyms", "red_flags"):
        row[name] = tuple(row[name])
    return Passage(**row)
