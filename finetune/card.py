"""`finetune card`: a model card from what was recorded, what was measured, and what a person says in card.toml.

No field has a default: what is missing is listed, all of it, and no card is written. Energy is estimated from the time of
training with a power and a grid factor that the caller states, and the card says so.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.active import GGUF
from evals.results import plain
from finetune.adapter import Adapter, read_adapter, write_json, write_text
from finetune.card_page import as_markdown
from finetune.compare import FORMAT as COMPARISON
from knowledge.errors import InputError
from knowledge.store import sha256

FORMAT = "anamnesis.card/1"
HUMAN = "card.toml"
# What a person says: field -> what belongs there.
TOLD: Mapping[str, str] = {
    "licence": "SPDX identifier of the adapter's licence",
    "base_licence": "SPDX identifier of the base's licence",
    "summary": "one or two sentences: what it is",
    "languages": "list of language codes",
    "intended_use": "who may use it, for what",
    "out_of_scope": "what it must not be used for",
    "limits": "list of known limits",
    "risks": "list of risks, and what is done about them",
    "developer": "who made it",
    "contact": "where to write",
    "evaluated_by": "who labelled and judged, in a sentence",
}
_LISTS = frozenset({"languages", "limits", "risks"})
# What training recorded, by the names of training.json.
RECORDED = (
    "name", "recipe", "base", "tokenizer", "prompts", "data", "steps", "tokens", "seconds", "peak_memory", "losses", "best_step",
    "stopped", "versions", "hardware", "seed",
)  # fmt: skip
_MEASURED_ON = ("sha256", "n", "topics")


def run_card(
    folder: Path, *, comparison: Path, watts: float | None, grid: float | None, grid_source: str
) -> dict[str, Any]:
    """Write card.json and card.md beside an adapter, and return the card.

    `comparison` is a table.json of `finetune evaluate`; `watts` the power drawn in training; `grid` kg of CO2 equivalent a kWh
    where it ran, `grid_source` whence that number comes.

    Raises:
        InputError: fields are missing or of another form (all are named), or the comparison is of another adapter.
    """
    adapter = read_adapter(folder)
    human, missing = _told(folder / HUMAN)
    missing += [f"training.json: {name}" for name in RECORDED if adapter.record.get(name) in (None, "", [], {})]
    missing += [f"training.json: base.{name}" for name in ("model", "file", "sha256") if not _base(adapter).get(name)]
    for place, data in enumerate(adapter.record.get("data") or (), 1):
        lacks = [name for name in ("path", "sha256", "examples", "licence") if not data.get(name)]
        missing += [f"training.json: data {place}.{name}" for name in lacks]
    for value, said in ((watts, "watts (the power drawn while it was trained)"), (grid_source, "grid-source (whence that comes)"),
                        (grid, "grid (kg of CO2 equivalent a kWh where it was trained)")):  # fmt: skip
        if value in (None, ""):
            missing.append(f"--{said}")
    if not (folder / "recipe.toml").is_file():
        missing.append("recipe.toml beside the adapter")
    table = _table(comparison)
    missing += [f"{comparison}: {name}" for name in ("groups", "paired", "variants") if not table.get(name)]
    missing += [f"{comparison}: examples.{name}" for name in _MEASURED_ON if not table.get("examples", {}).get(name)]
    if missing:
        raise InputError(
            f"no card is written for {adapter.name}, {len(missing)} fields are missing: {'; '.join(missing)}",
            expected=f"every field, in {folder / HUMAN} or as an option; none has a default",
        )
    if table["digest"] != adapter.digest:
        raise InputError(
            f"{comparison} was measured on the adapter {table['digest'][:12]}, this is {adapter.digest[:12]}",
            remedy="Run `anamnesis finetune evaluate` on this one",
        )
    if watts is None or grid is None or watts <= 0 or grid < 0:
        raise InputError(f"--watts is {watts} and --grid {grid}", expected="power above 0, a factor of 0 or more")
    row = _card(adapter, human, table, watts=watts, grid=grid, grid_source=grid_source)
    write_text(folder / "card.md", as_markdown(row))
    write_json(folder / "card.json", plain(row))
    return row


def energy(seconds: float, *, watts: float, grid: float) -> dict[str, float]:
    """kWh and kg of CO2 equivalent of a machine that drew `watts` for `seconds` on a grid of `grid` kg a kWh."""
    used = watts * seconds / 3_600_000
    return {"kwh": round(used, 6), "kg_co2e": round(used * grid, 6)}


def _card(
    adapter: Adapter, human: Mapping[str, Any], table: Mapping[str, Any], *, watts: float, grid: float, grid_source: str
) -> dict[str, Any]:
    record, recipe = adapter.record, adapter.folder / "recipe.toml"
    weights = (adapter.folder / name for name in ("adapter_model.safetensors", GGUF))
    measured = ("examples", "variants", "measures", "groups", "paired", "suites")
    return {
        "format": FORMAT,
        "name": adapter.name,
        "digest": adapter.digest,
        "method": adapter.kind,
        **human,
        **{name: record[name] for name in RECORDED if name not in ("name", "losses")},
        "losses": {"first": record["losses"][0], "last": record["losses"][-1]},
        "recipe_sha256": sha256(recipe),
        "recipe_text": recipe.read_text(encoding="utf-8"),
        "files": {file.name: sha256(file) for file in weights if file.is_file()},
        "metrics": {name: table[name] for name in measured if name in table},
        "energy": {
            "watts": watts,
            "grid_kg_co2e_per_kwh": grid,
            "grid_source": grid_source,
            **energy(record["seconds"], watts=watts, grid=grid),
            "method": "estimated: stated power times the time of training, times the stated factor",
        },
    }


def _told(file: Path) -> tuple[dict[str, Any], list[str]]:
    """What a person said, and the fields they left out."""
    row: dict[str, Any] = {}
    if file.is_file():
        try:
            row = tomllib.loads(file.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            raise InputError(f"{file} is not TOML: {fault}", expected=f"the fields {', '.join(TOLD)}") from fault
    if unknown := sorted(set(row) - set(TOLD)):
        raise InputError(f"{file} has {', '.join(unknown)}", expected=f"only {', '.join(TOLD)}")
    odd = [name for name, value in row.items() if not isinstance(value, list if name in _LISTS else str)]
    if odd:
        raise InputError(
            f"{file}: {', '.join(odd)} is of another form",
            expected="lists for " + ", ".join(sorted(_LISTS)) + ", else text",
        )
    said = {name: value for name, value in row.items() if value and (not isinstance(value, str) or value.strip())}
    return said, [f"{HUMAN}: {name} ({what})" for name, what in TOLD.items() if name not in said]


def _table(file: Path) -> dict[str, Any]:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{file} cannot be read: {fault}", remedy="Run `anamnesis finetune evaluate` first") from fault
    if not isinstance(row, dict) or row.get("format") != COMPARISON:
        raise InputError(f"{file} is no comparison", expected="the table.json of `anamnesis finetune evaluate`")
    return row


def _base(adapter: Adapter) -> Mapping[str, Any]:
    held: Mapping[str, Any] = adapter.record.get("base") or {}
    return held
