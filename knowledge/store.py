"""Folders on disk: made beside the old one, sealed by a manifest that is written last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from knowledge.errors import IndexFault, StoreError

MANIFEST = "manifest.json"
_IDENTITY = "made-of"
# A report for people: deleting it harms nothing.
_UNSEALED = ("added.jsonl",)
# Hashing reads about 1 GB a second; above this size a load checks sizes only, and `--verify` hashes all.
_HASH_LIMIT = 256 * 1024 * 1024
_PATIENCE_SECONDS = 600


_REBUILD = "Delete the folder and run `anamnesis knowledge build` again"


@contextmanager
def replacing(folder: Path, *, identity: str = "") -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block ends well; a failed block leaves the old one.

    With an `identity`, what a failed block had written is kept, and the next of the same identity finds it there.

    Raises:
        StoreError: the disk is full or not writable, or another process makes the same folder.
    """
    new = folder.with_name(f".{folder.name}.new-{'kept' if identity else os.getpid()}")
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if identity:
            lock.acquire()
        if not identity or _noted(new) != identity:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            (new / _IDENTITY).write_text(identity, encoding="utf-8")
        yield new
        (new / _IDENTITY).unlink()
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except Timeout as fault:
        raise StoreError(
            f"Another process is making {folder}", remedy="Wait until it ends, then run it again"
        ) from fault
    except OSError as fault:
        raise StoreError(
            f"{folder} cannot be written: {fault}", remedy="Free some space or choose another folder, then run it again"
        ) from fault
    finally:
        lock.release()
        if not identity:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Processes that make the same `folder` one after another, each waiting for the one before.

    Where no lock can be kept (a disk that only reads) or one is held for ten minutes, the block runs all the same: what it
    then cannot write, it says itself.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.turn.lock"), timeout=_PATIENCE_SECONDS)
    with suppress(Timeout, OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _noted(folder: Path) -> str:
    try:
        return (folder / _IDENTITY).read_text(encoding="utf-8")
    except OSError:
        return ""


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the manifest last: size and SHA-256 of every file of the folder, beside `facts`."""
    files = {
        str(file.relative_to(folder)): {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in (MANIFEST, _IDENTITY, *_UNSEALED) and not file.name.startswith(".")
    }
    temporary = folder / f"{MANIFEST}.new"
    temporary.write_text(json.dumps({**facts, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(folder / MANIFEST)


def unseal(folder: Path) -> None:
    """Note in the manifest that the folder's files are being changed, so that their seals do not hold for now."""
    manifest = read_manifest(folder, sealed=False)
    path = folder / MANIFEST
    temporary = folder / f"{MANIFEST}.new"
    temporary.write_text(json.dumps({**manifest, "files": {}}, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(path)


def read_manifest(folder: Path, *, sealed: bool = True, without: Collection[str] = ()) -> dict[str, Any]:
    """The manifest, after checking (where `sealed`) that every file it names is there and whole.

    Files named in `without` may be missing: they are not going to be read.

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
    for name, seal in files.items() if sealed else ():
        if name not in without:
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
