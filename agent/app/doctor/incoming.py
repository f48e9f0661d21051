"""Documents on their way into the index: what was sent waits in a folder of ours, is read in the background, and is then deleted.

What waits outlives a restart, so a run that was stopped goes on. Nothing of a file but its name and what became of it is shown.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agent.app.doctor.about import About, bomb, checked_about, clean_name, told
from agent.build import Agent, build_library, own_index
from agent.config import Settings
from knowledge.errors import AnamnesisError, InputError

if TYPE_CHECKING:
    from retrieval.add import Adder

ORIGIN = "clinic"
"""What the index notes as the origin of documents that were added at the desk."""
MOST_FILES = 200
"""That may wait at once."""
ADDED = ("added", "updated", "twin")
"""What became of a document that is in the index now."""
KEPT_S = 7 * 86_400.0
"""What was sent and never added is deleted after this long."""
_MANIFEST = "about.json"
_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a document or a file. `what` as in `retrieval.add.What`; `other`: the document it is a double of."""

    what: str
    name: str
    other: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `state`: "idle", "preparing", "reading", "stopped", "done" or "failed"; `fault`: why it failed."""

    state: str = "idle"
    files: int = 0
    read: int = 0
    documents: int = 0
    added: int = 0
    passages: int = 0
    embedded: int = 0
    seen: tuple[Seen, ...] = ()
    fault: str = ""

    @property
    def running(self) -> bool:
        """Whether files are being read."""
        return self.state in ("preparing", "reading")


@dataclass(slots=True)
class Incoming:
    """The one place of a house where documents wait and are read; any thread may call any method."""

    settings: Settings
    agent: Callable[[], Agent]
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _stop: threading.Event = field(default_factory=threading.Event)
    _progress: Progress = Progress()
    _version: int = 0

    @property
    def folder(self) -> Path:
        """Where what was sent waits."""
        return self.settings.home / "incoming"

    @property
    def target(self) -> Path:
        """The index that documents are added to."""
        return Path(self.settings.index) if self.settings.index else own_index(self.settings.home)

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return self._progress

    def waiting(self) -> tuple[str, ...]:
        """The names of the files that wait, in order."""
        return tuple(path.name for path in self._files())

    def take(self, sent: list[Path], within: Path) -> None:
        """Move files out of the folder that they were sent to, which keeps nothing of them.

        Raises:
            InputError: one of them lies elsewhere, or too many wait.
            StoreError: they cannot be moved.
        """
        self._sweep()
        root = within.resolve()
        real = [path.resolve() for path in sent]
        if not all(path.is_relative_to(root) and path.is_file() for path in real):
            raise InputError("What was sent did not arrive", remedy="Send it again")
        if len(self._files()) + len(real) > MOST_FILES:
            for path in real:
                _discard(path, root)
            raise InputError(f"More than {MOST_FILES} files wait", remedy="Add these first, or discard them")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in real:
            name = clean_name(path.name)
            # Each in a folder of its own: two of one name do not meet, and the reader sees the name as it is.
            home = self.folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            home.mkdir(mode=0o700)
            shutil.move(path, home / name)
            os.chmod(home / name, 0o600)
            _discard(path, root)

    def discard(self) -> int:
        """Delete what waits; returns how many files.

        Raises:
            InputError: they are being read.
        """
        if self._progress.running:
            raise InputError("The files are being read", remedy="Stop that first")
        files = self._files()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._show(Progress())
        return len(files)

    def start(self, about: About | None = None) -> None:
        """Read what waits, in the background. None: as it was said when the run began that was stopped.

        Raises:
            InputError: nothing waits, a run is at work, or something said of the files cannot be used.
        """
        checked = checked_about(about) if about is not None else self._said()
        with self._lock:
            if self._progress.running:
                raise InputError("Files are being read already", remedy="Wait until they are, or stop it")
            files = self._files()
            if not files:
                raise InputError("No file waits to be added", remedy="Send files first")
            (self.folder / _MANIFEST).write_text(json.dumps(asdict(checked)), encoding="utf-8")
            self._stop.clear()
            self._progress = Progress("preparing", files=len(files))
            self._version += 1
        threading.Thread(target=self._run, args=(files, checked), name="add-documents", daemon=True).start()

    def stop(self) -> None:
        """End the run after the document that is being read; what was read stays, what was not waits."""
        self._stop.set()

    def follow(self) -> Iterator[Progress]:
        """How far it is, each time that it changes, until nothing runs."""
        seen = -1
        while True:
            with self._lock:
                if self._version == seen:
                    self._lock.wait(timeout=_WAIT_S)
                    if self._version == seen:
                        continue
                seen, now = self._version, self._progress
            yield now
            if not now.running:
                return

    def _run(self, files: tuple[Path, ...], about: About) -> None:
        try:
            ended = self._add(files, about)
        except Exception as error:
            # Ours says what to do; of another only its kind is told, since its words may quote a file.
            words = str(error) if isinstance(error, AnamnesisError) else type(error).__name__
            ended = replace(self._progress, state="failed", fault=words)
        self._show(ended)

    def _add(self, files: tuple[Path, ...], about: About) -> Progress:
        from retrieval.add import Adder
        from retrieval.embedders.shipped import vectors

        embedder = self.agent().embedder
        if not self.settings.index and not self.target.is_dir():
            build_library(self.target, embedder)
        adder = Adder(self.target, embedder=embedder, origin=ORIGIN, known=vectors(embedder.id))
        self._show(replace(self._progress, state="reading"))
        try:
            for file in files:
                self._read(file, about, adder)
                if self._stop.is_set():
                    break
                shutil.rmtree(file.parent, ignore_errors=True)
                self._show(replace(self._progress, read=self._progress.read + 1))
            adder.close()
        except BaseException:
            adder.abandon()
            raise
        if not self._files():
            shutil.rmtree(self.folder, ignore_errors=True)
        state = "stopped" if self._files() else "done"
        return replace(self._progress, state=state, embedded=adder.counts.embedded)

    def _read(self, file: Path, about: About, adder: Adder) -> None:
        """Add the documents of one file, until it ends or the run is stopped."""
        from knowledge.sources.reading import BrokenInput, read_path

        def broken(fault: BrokenInput) -> None:
            words = f"{fault.what}. {fault.remedy}"
            adder.broken(fault.where, words)
            self._show(replace(self._progress, seen=(*self._progress.seen, Seen("broken", fault.where, about=words))))

        for _, document in read_path(file, on_fault=broken):
            if self._stop.is_set():
                return
            said = told(document, about)
            if wrong := bomb(said):
                broken(BrokenInput(file.name, wrong, "Check what the file is, and split it"))
                continue
            what = adder.add(said, file=file.name)
            other = adder.noted.other if adder.noted is not None else ""
            now, counts = self._progress, adder.counts
            self._show(
                replace(
                    now,
                    documents=counts.documents,
                    passages=counts.passages,
                    embedded=counts.embedded,
                    added=now.added + (what in ADDED),
                    seen=(*now.seen, Seen(what, said.title, other=other)),
                )
            )

    def _show(self, progress: Progress) -> None:
        with self._lock:
            self._progress = progress
            self._version += 1
            self._lock.notify_all()

    def _files(self) -> tuple[Path, ...]:
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path for path in self.folder.glob("*/*") if path.is_file()))

    def _said(self) -> About:
        try:
            said = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
            return checked_about(About(**said))
        except (OSError, ValueError, TypeError):
            return About()

    def _sweep(self) -> None:
        if self._progress.running:
            return
        for path in self._files():
            if time.time() - path.stat().st_mtime > KEPT_S:
                shutil.rmtree(path.parent, ignore_errors=True)


@cache
def _incoming(home: Path) -> dict[str, Incoming]:
    return {}


def incoming_of(settings: Settings, agent: Callable[[], Agent]) -> Incoming:
    """The one `Incoming` of a home folder, whichever page asks for it."""
    return _incoming(settings.home.absolute()).setdefault("here", Incoming(settings, agent))


def _discard(path: Path, root: Path) -> None:
    """Delete what was sent, with the folder that was made for it."""
    path.unlink(missing_ok=True)
    if path.parent != root and path.parent.is_relative_to(root):
        shutil.rmtree(path.parent, ignore_errors=True)
