"""What runs measured over time: a small digest of each run, and the runs of one subject and suite in the order they were made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.app.bench import aside
from agent.app.bench.runs import OWN, Run
from agent.app.bench.written import read_json, write_json

_FILE = "digest.json"
_MADE = ("settings", "model", "weights", "adapter")
CHANGES = ("data", *_MADE, "commit", "harness", "arguments", "judge")
"""What may differ between two runs of one subject and suite, each a digest or a name."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One run among those of the same subject and suite. `joined`: it asked exactly what the one before asked; `changed`: what of
    `CHANGES` is not what it was then. Values are NaN where it measured nothing."""

    run: str
    created: str
    scored: int
    asked: int
    value: float
    low: float
    high: float
    n: int
    share: bool
    better: str
    made: Mapping[str, str]
    joined: bool
    changed: tuple[str, ...]


def write_digest(folder: Path) -> None:
    """Write the digest of a run into its folder, in the process that has the suites' package. A run that cannot be read has no
    rows, and says why."""
    from evals.results import read_runs
    from knowledge.errors import AnamnesisError

    signed = _signature(folder)
    try:
        rows = [_row(result) for result in read_runs([folder])]
        fault = ""
    except AnamnesisError as error:
        rows, fault = [], str(error)
    (folder / OWN).mkdir(exist_ok=True, mode=0o700)
    write_json(folder / OWN / _FILE, {"of": signed, "rows": rows, "fault": fault})


def digests(home: Path, runs: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    """Run to its rows, one a suite and subject; those that have none yet, or have changed since, get theirs in a process beside.

    Raises:
        InputError, ConfigError: that process could not.
    """
    readable = [run for run in runs if run.can_be_read]
    found = {run.id: read_json(run.folder / OWN / _FILE) for run in readable}
    stale = [run for run in readable if found[run.id].get("of") != _signature(run.folder)]
    if stale:
        aside.done(home, "digest", *(str(run.folder) for run in stale))
        found |= {run.id: read_json(run.folder / OWN / _FILE) for run in stale}
    return {id: list(digest.get("rows", [])) for id, digest in found.items()}


def subjects(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, str]]:
    """(subject, suite) of all that was measured, each once, sorted."""
    return sorted({(str(row["subject"]), str(row["suite"])) for rows in found.values() for row in rows})


def over_time(found: Mapping[str, Sequence[Mapping[str, Any]]], subject: str, suite: str) -> list[Drifted]:
    """The headline measure of the runs of a subject and suite, oldest first."""
    held = sorted(
        ((str(row["created"]), run, row) for run, rows in found.items() for row in rows
         if row["subject"] == subject and row["suite"] == suite),
        key=lambda each: each[:2],
    )  # fmt: skip
    points: list[Drifted] = []
    for created, run, row in held:
        made = {name: str(row["made"].get(name, "")) for name in CHANGES}
        before = points[-1].made if points else made
        rate = row["rates"][0]
        low, value, high = (_number(rate[name]) for name in ("low", "value", "high"))
        points.append(Drifted(
            run, created, int(row["scored"]), int(row["asked"]), value, low, high, int(rate["n"]), bool(rate["share"]),
            str(rate["better"]), made, joined=bool(points) and made["data"] == before["data"],
            changed=tuple(name for name in CHANGES if made[name] != before[name]),
        ))  # fmt: skip
    return points


def _row(result: Any) -> dict[str, Any]:
    """One result, small: its measures and what made it, without its samples."""
    from evals.results import plain

    settings = result.settings
    by = settings.get("made_by") or {}
    each = by if isinstance(by, list) else [by]
    made = {name: ", ".join(dict.fromkeys(str(one[name]) for one in each if one.get(name))) for name in _MADE}
    made |= {
        "data": result.data, "commit": str(settings.get("commit", "")),
        "harness": ", ".join(f"{name} {version}" for name, version in sorted(dict(settings.get("packages", {})).items())),
        "arguments": _said({**dict(settings.get("task_args", {})), **dict(settings.get("generation", {}))}),
        "judge": _said(settings.get("judge", {})),
    }  # fmt: skip
    rates = [
        {"measure": rate.measure, "better": rate.better, "n": rate.n, "value": rate.value, "low": rate.low, "high": rate.high,
         "share": rate.share}
        for rate in result.rates
    ]  # fmt: skip
    row: dict[str, Any] = plain({
        "suite": result.suite, "subject": result.subject, "created": str(settings.get("created", "")), "asked": result.asked,
        "scored": result.scored, "unscored": sum(result.unscored.values()), "errors": result.errors, "made": made, "rates": rates,
    })  # fmt: skip
    return row


def _signature(folder: Path) -> list[list[Any]]:
    """Which logs there are, and when they were written."""
    return sorted([file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in folder.glob("*.eval"))


def _said(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str) if value else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
