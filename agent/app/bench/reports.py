"""Reports of runs and the gate's verdict, made by the command line's own programs in a process beside, kept until a run changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.app.bench import aside
from agent.app.bench.plan import PROFILES
from agent.app.bench.runs import Run, Runs
from knowledge.errors import InputError

MOST = 6
"""Runs side by side; more cannot be read."""
_KEPT = 24
"""Reports that stay on the disk, the newest; each can be made again from its runs."""
FORMS = {"page": "report.html", "json": "report.json", "junit": "report.xml", "card": "card.md"}


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was made: its folder holds one file a form. `told` is what its JSON says."""

    runs: tuple[str, ...]
    profile: str
    folder: Path
    told: dict[str, Any]


def report(runs: Runs, ids: Sequence[str], profile: str) -> Report:
    """The report of runs, the first beside each other one; as it was made before where no run has changed since.

    Raises:
        InputError: none or too many are named, one is not there or cannot be read, or the profile is none.
        ConfigError: the extra is not installed.
    """
    chosen = _chosen(runs, ids, profile)
    folder = runs.home / "evals" / "pages" / _key(chosen, profile)
    if not (folder / FORMS["page"]).is_file():
        made = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True, mode=0o700)
        options = [f"--{'out' if form == 'page' else form}={made / name}" for form, name in FORMS.items()]
        aside.done(runs.home, "eval", "report", *(str(run.folder) for run in chosen), f"--profile={profile}", *options)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        _tidy(folder.parent)
    told: dict[str, Any] = json.loads((folder / FORMS["json"]).read_text(encoding="utf-8"))
    return Report(tuple(run.id for run in chosen), profile, folder, told)


def gate(runs: Runs, id: str, profile: str, *, beside: str = "", subject: str = "") -> dict[str, Any]:
    """What `anamnesis eval gate` decides of a run: `passed`, and each gate with what was found and why it is one.

    Raises:
        InputError: the run is not there or cannot be read, holds several subjects of which none is named, or the profile is none.
        ConfigError: the extra is not installed.
    """
    chosen = _chosen(runs, [id, *([beside] if beside else [])], profile)
    folder = runs.home / "evals" / "pages"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    out = folder / f".gate-{_key(chosen, profile)}.json"
    out.unlink(missing_ok=True)
    more = [f"--beside={chosen[1].folder}"] if beside else []
    more += [f"--subject={subject}"] if subject else []
    over = aside.ran(runs.home, "eval", "gate", str(chosen[0].folder), f"--profile={profile}", f"--json={out}", *more)
    # It ends with 1 both for "do not ship" and where it could not decide; then it wrote no file.
    if not out.is_file():
        raise aside.fault_of(over)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    out.unlink()
    return found


def _chosen(runs: Runs, ids: Sequence[str], profile: str) -> list[Run]:
    if profile not in PROFILES:
        raise InputError(f"There is no profile {profile!r}", expected=f"one of {', '.join(PROFILES)}")
    named = list(dict.fromkeys(ids))
    if not 1 <= len(named) <= MOST:
        raise InputError(f"{len(named)} runs were named", expected=f"1 to {MOST}")
    chosen = [runs.find(id) for id in named]
    for run in chosen:
        if not run.can_be_read:
            raise InputError(f"The run {run.id} cannot be read yet", remedy="Wait until it is over")
    return chosen


def _key(chosen: Sequence[Run], profile: str) -> str:
    """Of the runs in their order, with every log they hold."""
    logs = [
        [
            run.id,
            sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in run.folder.glob("*.eval")),
        ]
        for run in chosen
    ]
    return hashlib.sha256(json.dumps([logs, profile]).encode()).hexdigest()[:32]


def _tidy(folder: Path) -> None:
    made = sorted(
        (each for each in folder.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime, reverse=True
    )
    for old in made[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
