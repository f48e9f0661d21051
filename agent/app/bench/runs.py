"""Runs in processes of their own: begun, stopped, resumed, read back from their folders, so that nothing is lost with the server.

A run's folder is what `anamnesis eval run --out` writes; beside Inspect's logs it holds `.bench/`: the plan, each sample as it is
done, the words of the process, how it ended. One lock of the home is held by the process that runs, for as long as it lives,
whatever becomes of the server that began it: that is how it is known what runs, and why only one does.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from agent.app.bench.aside import command, environment
from agent.app.bench.plan import Choice, as_row, from_row
from agent.app.bench.written import read_json, read_lines, write_json
from knowledge.errors import AnamnesisError, InputError

State: TypeAlias = Literal["running", "stopping", "stopped", "finished", "broken", "elsewhere"]
OWN = ".bench"
PLAN, DONE, ENDED, STOP, WORDS = "plan.json", "done.jsonl", "ended.json", "stop.json", "words.txt"
_LAST_WORDS = 2000


class Busy(InputError):
    """Another run is at work."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it.

    `choice` is None for one that was not begun here. `sizes`: suite to samples; `done`: suite to samples that are written down;
    `left`: suites that were not finished. `subjects` are known once there is a log. `said`: the last words of a process that broke.
    """

    id: str
    folder: Path
    state: State
    begun: str
    choice: Choice | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    done: Mapping[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    said: str = ""

    @property
    def can_be_read(self) -> bool:
        """Whether a report can be made of it: a log was written, and none is being written now."""
        return self.state not in ("running", "stopping", "elsewhere") and any(self.folder.glob("*.eval"))


class Runs:
    """The runs of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder = home / "evals" / "runs"
        self._lock = home / "evals" / "bench.lock"

    def listed(self) -> list[Run]:
        """Every run, the newest first."""
        at_work = self._at_work()
        folders = self._folders()
        return [self._read(folders[name], at_work) for name in sorted(folders, reverse=True)]

    def find(self, id: str) -> Run:
        """One run. Only the name of a folder that is there is an id: no path gets anywhere.

        Raises:
            InputError: there is none of that id.
        """
        folder = self._folders().get(id)
        if folder is None:
            raise InputError("There is no such run", remedy="Choose one from the list")
        return self._read(folder, self._at_work())

    def begin(self, choice: Choice, sizes: Mapping[str, int]) -> Run:
        """Begin a run, in a folder of its own.

        Raises:
            Busy: another is at work.
            InputError: it cannot be run.
        """
        from evals.run import fresh

        with self._alone() as lock:
            folder = fresh(self._folder, (choice.subject, choice.profile or "own", *choice.suites[:1]))
            for number in range(2, 100):
                if not folder.exists():
                    break
                folder = folder.with_name(f"{folder.name.removesuffix(f'-{number - 1}')}-{number}")
            (folder / OWN).mkdir(parents=True, mode=0o700)
            write_json(folder / OWN / PLAN, {"choice": as_row(choice), "sizes": dict(sizes), "begun": _now()})
            self._start(folder, lock)
        return self.find(folder.name)

    def resume(self, id: str) -> Run:
        """Go on with a run that was stopped or broke: what is written down is not asked again.

        Raises:
            Busy: another is at work.
            InputError: there is none, it is over, or it was not begun here.
        """
        run = self.find(id)
        if run.choice is None:
            raise InputError(
                "This run was not begun here", remedy="Go on with it on the command line, with the same --out"
            )
        if run.state == "finished":
            raise InputError("This run is finished", remedy="Begin another")
        with self._alone() as lock:
            for name in (STOP, ENDED):
                (run.folder / OWN / name).unlink(missing_ok=True)
            self._start(run.folder, lock)
        return self.find(id)

    def stop(self, id: str) -> Run:
        """Ask a run to stop, as ctrl-C does: what is done stays. Asked again, it is ended at once.

        Raises:
            InputError: there is no such run, or it is not at work.
        """
        run = self.find(id)
        if run.state not in ("running", "stopping"):
            raise InputError("This run is not at work", remedy="Nothing is to be done")
        again = run.state == "stopping"
        write_json(run.folder / OWN / STOP, {"at": _now()})
        # The lock is held, so the process lives and its number is its own.
        _, pid = self._holder()
        if pid:
            os.kill(pid, signal.SIGTERM if again else signal.SIGINT)
        return self.find(id)

    def _folders(self) -> dict[str, Path]:
        if not self._folder.is_dir():
            return {}
        return {each.name: each for each in self._folder.iterdir() if each.is_dir() and not each.is_symlink()
                and not each.name.startswith(".")}  # fmt: skip

    def _start(self, folder: Path, lock: int) -> None:
        write_json(self._lock.with_suffix(".json"), {"run": folder.name, "pid": 0})
        with (folder / OWN / WORDS).open("ab") as words:
            process = subprocess.Popen(
                command("run", str(folder)), stdin=subprocess.DEVNULL, stdout=words, stderr=words, close_fds=True,
                # Its own session: neither ctrl-C in the server's terminal nor the server's end reaches it.
                start_new_session=True, pass_fds=(lock,), env=environment(self.home),
            )  # fmt: skip
        write_json(self._lock.with_suffix(".json"), {"run": folder.name, "pid": process.pid})
        threading.Thread(target=process.wait, name="bench-run", daemon=True).start()

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The lock, whose file is handed to the process: it is held until both have let go of it."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _taken(lock):
                raise Busy(
                    f"Another run is at work: {self._holder()[0] or 'of this home'}",
                    remedy="Wait until it is over, or stop it first",
                )
            yield lock
        finally:
            os.close(lock)

    def _at_work(self) -> str:
        """The run whose process lives, "" where none does."""
        try:
            lock = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._holder()[0]
        finally:
            os.close(lock)
        return ""

    def _holder(self) -> tuple[str, int]:
        told = read_json(self._lock.with_suffix(".json"))
        return str(told.get("run", "")), int(told.get("pid", 0))

    def _read(self, folder: Path, at_work: str) -> Run:
        told = read_json(folder / OWN / PLAN)
        if not told:
            return _of_command_line(folder)
        bare = Run(folder.name, folder, "broken", str(told.get("begun", "")))
        try:
            choice = from_row(told.get("choice", {}))
        except (AnamnesisError, TypeError, ValueError) as fault:
            return replace(bare, said=str(fault))
        sizes = {name: int(size) for name, size in told.get("sizes", {}).items()}
        ids: dict[str, set[str]] = {name: set() for name in sizes}
        over = set()
        for row in read_lines(folder / OWN / DONE):
            if row.get("over"):
                over.add(str(row["suite"]))
            elif row.get("suite") in ids:
                ids[str(row["suite"])].add(str(row.get("id")))
        left = tuple(name for name in choice.suites if name not in over)
        ended = read_json(folder / OWN / ENDED)
        stop = (folder / OWN / STOP).exists()
        if folder.name == at_work:
            state: State = "stopping" if stop else "running"
        elif not left and ended.get("code") == 0:
            state = "finished"
        else:
            state = "stopped" if stop or ended.get("code") == 130 else "broken"
        return replace(
            bare, state=state, choice=choice, sizes=sizes, done={name: len(found) for name, found in ids.items()}, left=left,
            subjects=_subjects(folder) or (choice.subject,), said=_last_words(folder) if state == "broken" else "",
        )  # fmt: skip


def _of_command_line(folder: Path) -> Run:
    """A run that was begun on the command line: Inspect lists its logs once it has ended in good order."""
    logs = read_json(folder / "logs.json")
    wanted = read_json(folder / "eval-set.json").get("tasks", [])
    state: State = "elsewhere"
    if logs:
        whole = all(log.get("status") == "success" for log in logs.values()) and len(logs) >= len(wanted)
        state = "finished" if whole else "stopped"
    counted = {str(log["eval"]["task"]).removeprefix("evals/"): log for log in logs.values() if "eval" in log}
    return Run(
        folder.name, folder, state, min((str(log["eval"].get("created", "")) for log in counted.values()), default=""),
        sizes={name: int((log["eval"].get("dataset") or {}).get("samples") or 0) for name, log in counted.items()},
        done={name: int((log.get("results") or {}).get("completed_samples") or 0) for name, log in counted.items()},
        left=tuple(name for name, log in counted.items() if log.get("status") != "success"), subjects=_subjects(folder),
    )  # fmt: skip


def _subjects(folder: Path) -> tuple[str, ...]:
    logs = read_json(folder / "logs.json").values()
    return tuple(sorted({str(log["eval"].get("model", "")) for log in logs if isinstance(log, dict) and "eval" in log}))


def _last_words(folder: Path) -> str:
    """How a process's words end, without the empty lines and rules of its display."""
    try:
        said = (folder / OWN / WORDS).read_bytes()[-4 * _LAST_WORDS :].decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in said.splitlines() if line.strip(" -\u2500\u2502\u256d\u256e\u2570\u256f")]
    return "\n".join(lines)[-_LAST_WORDS:]


def _taken(lock: int) -> bool:
    """Whether the lock could be had. Who only looks whether it is held holds it for an instant, so it is tried a few times."""
    for attempt in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02 * (attempt + 1))
        else:
            return True
    return False


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


def plan_of(folder: Path) -> tuple[Choice, dict[str, Any]]:
    """The plan of a run's folder, for the process that runs it. Raises InputError where there is none."""
    told = read_json(folder / OWN / PLAN)
    if not told:
        raise InputError(f"{folder.name} holds no plan", remedy="Begin the run on the page")
    return from_row(told.get("choice", {})), told
