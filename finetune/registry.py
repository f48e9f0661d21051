"""Which adapter serves: promoted with a card and a passing gate report for that very adapter, rolled back in one command.

What is promoted is copied, so that training again under the same name changes nothing that serves; the manifest is written last
(`agent.active` reads it), and each change is noted in `adapters/history.jsonl`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.active import (
    EXPORTED,
    FORMAT,
    GGUF,
    MANIFEST,
    RECORD,
    WEIGHTS,
    Active,
    adapter_digest,
    read_active,
    worn,
)
from agent.prompts import prompts_hash
from evals.gate import FORMAT as GATE_FORMAT
from finetune.adapter import SHIPPED, Adapter, not_written, read_adapter, write_json
from knowledge.errors import ConfigError, InputError, WeightsError
from knowledge.store import sha256

__all__ = ["adapter_digest", "run_list", "run_promote", "run_rollback"]

PROFILES = ("full", "release")
"""Profiles of a gate that say something of fitness; "quick" only shows that nothing broke."""
_KEPT = 10


def run_promote(folder: Path, *, gate: Path, home: Path) -> dict[str, Any]:
    """Make an adapter the one that serves its base, and return the manifest.

    Raises:
        InputError: no passing gate report for this very adapter and base, or no card; each with what is wrong.
        WeightsError: the adapter's files are missing or do not belong together.
        StoreError: it could not be written; what served before serves still.
    """
    adapter = read_adapter(folder)
    report = _report(gate)
    _allowed(adapter, report, gate)
    place = _copied(adapter, home)
    engines = {"transformers": place.name}
    if (place / GGUF).is_file():
        base = adapter.record["base"]
        worn(str(place), engine="llamacpp", home=home, weights=str(base.get("sha256", "")), name=str(base.get("model")))
        engines["llamacpp"] = f"{place.name}/{GGUF}"
    below = place.parent.relative_to(home)
    files = sorted(file.relative_to(home).as_posix() for file in place.iterdir() if file.is_file())
    with _alone(home):
        before = _manifest(home)
        manifest = {
            "format": FORMAT,
            "name": adapter.name,
            "digest": adapter.digest,
            "base": dict(adapter.record["base"]),
            "engines": {name: (below / path).as_posix() for name, path in engines.items()},
            "sha256": {path: sha256(home / path) for path in files},
            "gate": {
                "report": sha256(gate), "profile": report["profile"], "subject": report.get("subject", ""),
                "run": report.get("run", ""), "gates": len(report["gates"]), "beside": report.get("beside", ""),
            },
            "promoted": _now(),
            "previous": _line(before),
        }  # fmt: skip
        write_json(home / MANIFEST, manifest)
    _note(home, "promote", manifest)
    return manifest


def run_rollback(*, home: Path) -> dict[str, Any]:
    """Let the adapter serve that served before, or none where there was none, and return what serves now.

    Raises:
        InputError: no adapter is active.
        WeightsError: the files of the one before are gone or changed; nothing is changed then.
    """
    with _alone(home):
        now = _manifest(home)
        if now is None:
            raise InputError("no adapter is active, so there is nothing to roll back", remedy="Promote one first")
        earlier = list(now.get("previous", []))
        if not earlier:
            (home / MANIFEST).unlink()
            _note(home, "rollback", {"name": "", "digest": ""})
            return {"active": None, "was": now["name"]}
        back = {**earlier[0], "previous": earlier[1:]}
        for path, expected in back["sha256"].items():
            if not (home / path).is_file() or sha256(home / path) != expected:
                raise WeightsError(
                    f"{home / path} is not what was promoted as {back['name']}",
                    remedy=f"Promote another adapter, or remove {home / MANIFEST} to serve the base alone",
                )
        write_json(home / MANIFEST, back)
    _note(home, "rollback", back)
    return {"active": back["name"], "digest": back["digest"], "was": now["name"]}


def run_list(*, home: Path) -> Iterator[dict[str, Any]]:
    """Every adapter in the home and among those that ship: what it is for, how far it is, and whether it serves."""
    active = read_active(home)
    seen = set()
    for where in (home / "adapters", SHIPPED):
        for folder in sorted(where.iterdir()) if where.is_dir() else ():
            if not (folder / RECORD).is_file():
                continue
            adapter = read_adapter(folder)
            seen.add(adapter.digest)
            yield _told(adapter, active)
    if active is not None and active.digest not in seen:
        yield {"name": active.name, "digest": active.digest, "base": active.base.get("model"), "active": True,
               "path": str(home / next(iter(active.engines.values())))}  # fmt: skip


def _told(adapter: Adapter, active: Active | None) -> dict[str, Any]:
    card, made = adapter.folder / "card.json", adapter.folder / EXPORTED
    return {
        "name": adapter.name, "digest": adapter.digest, "base": adapter.record.get("base", {}).get("model"),
        "active": active is not None and active.digest == adapter.digest,
        "carded": card.is_file() and _json(card).get("digest") == adapter.digest,
        "gguf": made.is_file() and _json(made).get("from") == adapter.digest,
        "stopped": adapter.record.get("stopped"), "path": str(adapter.folder),
    }  # fmt: skip


def _allowed(adapter: Adapter, report: Mapping[str, Any], gate: Path) -> None:
    base = str(adapter.record.get("base", {}).get("sha256", ""))
    made_by = report.get("made_by", [])
    adapters = sorted({str(made.get("adapter", "")) for made in made_by})
    weights = sorted({str(made.get("weights", "")) for made in made_by})
    card = adapter.folder / "card.json"
    wrong = remedy = ""
    if adapter.record.get("stopped") == "nan":
        wrong, remedy = "its training ended in numbers that are not finite", "Train again"
    elif adapter.record.get("prompts") != prompts_hash():
        wrong = f"it was trained with the prompts {adapter.record.get('prompts')}, the agent sends {prompts_hash()}"
        remedy = "Build the data and train again with the prompts that are sent"
    elif adapters != [adapter.digest]:
        said = ", ".join(each[:12] or "no adapter" for each in adapters) or "nothing that names an adapter"
        wrong = f"{gate} was made on {said}, this adapter is {adapter.digest[:12]}"
        remedy = "Run the suites with `anamnesis eval run ... -M adapter=FOLDER`, then `anamnesis eval gate RUN --json REPORT`"
    elif weights != [base]:
        wrong = f"{gate} was made on the weights {', '.join(each[:12] for each in weights)}, its base is {base[:12]}"
        remedy = "Run the suites on the model that training.json names"
    elif report.get("profile") not in PROFILES:
        wrong = f"{gate} holds the profile {report.get('profile')!r}"
        remedy = f"Hold the run against one of {', '.join(PROFILES)}"
    elif not report.get("gates") or not report.get("passed"):
        failed = [each["said"] for each in report.get("gates", []) if not each.get("passed")]
        wrong = f"{gate} does not pass: " + ("; ".join(failed[:5]) or "it holds no gate")
        wrong += f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        remedy = "Serve the base, or train a better adapter"
    elif not card.is_file() or _json(card).get("digest") != adapter.digest:
        wrong, remedy = "it has no card that was made for it", f"Run `anamnesis finetune card {adapter.folder}`"
    if wrong:
        raise InputError(f"{adapter.name} is not promoted: {wrong}", remedy=remedy)


def _report(gate: Path) -> dict[str, Any]:
    row = _json(gate)
    if row.get("format") != GATE_FORMAT:
        raise InputError(f"{gate} is no gate report", expected=f"what `anamnesis eval gate RUN --json {gate}` writes")
    return row


def _copied(adapter: Adapter, home: Path) -> Path:
    """The adapter's files under a folder named by its digest; what is there already is replaced whole."""
    place = home / "adapters" / "promoted" / adapter.digest[:16]
    names = [*WEIGHTS, RECORD, "card.json", "card.md", "recipe.toml"]
    if (adapter.folder / GGUF).is_file() and (adapter.folder / EXPORTED).is_file():
        names += [GGUF, EXPORTED]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".promoting-", dir=place.parent))
    except OSError as fault:
        raise not_written(place, fault) from fault
    try:
        for name in names:
            if (adapter.folder / name).is_file():
                shutil.copyfile(adapter.folder / name, fresh / name)
        if adapter_digest(fresh) != adapter.digest:
            raise WeightsError(f"{adapter.folder} changed while it was copied", remedy="Promote it again")
        old = place.with_name(f".old-{place.name}-{os.getpid()}")
        if place.exists():
            place.rename(old)
        fresh.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as fault:
        raise not_written(place, fault) from fault
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place


def _line(before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The manifests that served before, the latest first."""
    if before is None:
        return []
    last = {name: value for name, value in before.items() if name != "previous"}
    return [last, *before.get("previous", [])][:_KEPT]


def _manifest(home: Path) -> dict[str, Any] | None:
    return _json(home / MANIFEST) if read_active(home) is not None else None


def _note(home: Path, action: str, manifest: Mapping[str, Any]) -> None:
    row = {"at": _now(), "action": action, "name": manifest["name"], "digest": manifest["digest"]}
    file = home / "adapters" / "history.jsonl"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as fault:
        raise not_written(file, fault) from fault


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two promotions at once would lose one from the history."""
    from filelock import FileLock, Timeout

    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / f".{MANIFEST}.lock", timeout=10)
    try:
        lock.acquire()
    except Timeout as fault:
        raise ConfigError("another process changes the active adapter", remedy="Try again in a moment") from fault
    try:
        yield
    finally:
        lock.release()


def _json(file: Path) -> dict[str, Any]:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{file} cannot be read: {fault}", expected="a JSON object") from fault
    if not isinstance(row, dict):
        raise InputError(f"{file} holds no object", expected="a JSON object")
    return row


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
