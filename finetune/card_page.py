"""A model card as Markdown for a reader, with the YAML metadata that model hubs read in front."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def as_markdown(row: Mapping[str, Any]) -> str:
    """The card (`finetune.card.run_card`) as a page."""
    metadata = {
        "license": row["licence"].lower(),
        "base_model": row["base"]["model"],
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "language": row["languages"],
        "tags": ["medical", "question-answering", row["method"]],
    }
    # JSON is YAML, and quotes what YAML would take for something else.
    lines = ["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in metadata.items()), "---"]
    lines += ["", f"# {row['name']}", ""]
    for title, said in _sections(row):
        lines += [f"## {title}", "", *(f"- {' '.join(str(each).split())}" for each in said), ""]
    return "\n".join(
        [*lines, *_metrics(row["metrics"]), "", "## Recipe", "", "```toml", row["recipe_text"].strip(), "```", ""]
    )


def _sections(row: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[str]]]:
    base, told = row["base"], row["metrics"]["examples"]
    return (
        (
            "Use",
            (
                row["summary"],
                f"Intended use: {row['intended_use']}",
                f"Not for: {row['out_of_scope']}",
                "Not a medical device.",
            ),
        ),
        ("Limits and risks", (*row["limits"], *row["risks"])),
        (
            "What it is",
            (
                f"{row['method']} adapter {row['name']}, SHA-256 {row['digest']}, licence {row['licence']}",
                f"Base: {base['model']} ({base['file']}), SHA-256 {base['sha256']}, licence {row['base_licence']}",
                f"Tokenizer SHA-256 {row['tokenizer']}; prompts {row['prompts']}",
                *(f"{name}: SHA-256 {digest}" for name, digest in row["files"].items()),
                f"Made by {row['developer']}; contact {row['contact']}",
            ),
        ),
        (
            "Data",
            [
                f"{each['path']}: {each['examples']} examples, licence {each['licence']}, SHA-256 {each['sha256']}"
                for each in row["data"]
            ],
        ),
        ("Training", _training(row)),
        (
            "Measured",
            (
                f"{told['n']} examples in {told['topics']} topics that training did not see, SHA-256 {told['sha256']}; "
                "95% intervals that heed topics",
                row["evaluated_by"],
            ),
        ),
    )


def _training(row: Mapping[str, Any]) -> Sequence[str]:
    first, last, used = row["losses"]["first"], row["losses"]["last"], row["energy"]
    return (
        f"Recipe {row['recipe']}, SHA-256 {row['recipe_sha256']}, seed {row['seed']}; {row['steps']} steps, "
        f"{row['tokens']} tokens, ended: {row['stopped']}",
        f"Loss (train, validation): {first[1:]} at step {first[0]}, {last[1:]} at step {last[0]}; "
        f"best step {row['best_step']}",
        f"{row['seconds'] / 3600:.2f} hours on {row['hardware']}, peak memory {row['peak_memory'] / 1e9:.1f} GB",
        f"Energy {used['kwh']:.3f} kWh, {used['kg_co2e']:.3f} kg CO2e, {used['method']} "
        f"({used['watts']:g} W, {used['grid_kg_co2e_per_kwh']:g} kg a kWh, {used['grid_source']})",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in row["versions"].items()),
    )


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    names = list(metrics["variants"])
    lines = ["| measure | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in metrics["groups"]["all"].items():
        if any(row[variant]["n"] for variant in names):
            told = metrics["measures"][name]
            cells = " | ".join(_cell(row[variant]) for variant in names)
            lines.append(f"| {told['what']} ({told['better']} is better) | {cells} |")
    for name, test in metrics["paired"].items():
        for verdict in ("better", "worse"):
            said = [measure for measure, each in test["measures"].items() if each["verdict"] == verdict]
            lines.append(
                f"\n{name} beside {test['against']}, {verdict} beyond chance: {', '.join(said) or 'in nothing'}."
            )
    return lines


def _cell(cell: Mapping[str, Any]) -> str:
    return f"{cell['value']:.3g} ({cell['low']:.3g}-{cell['high']:.3g}), {cell['n']}" if cell["n"] else "n 0"
