"""`anamnesis finetune`: from data to an adapter that serves. Each command loads only what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_VARIANTS = "base,nf4,nf4+adapter,merged,llamacpp,llamacpp+adapter"


@click.group("finetune")
def finetune_group() -> None:
    """Make an adapter, measure it beside its base, card it, and put it to work.

    An ADAPTER is a folder, or the name of one that lies in ANAMNESIS_HOME/adapters or ships with this program.
    """


@finetune_group.command()
@click.option("--out", type=_PATH, help="The folder; ANAMNESIS_HOME/finetune/data by default.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed writes the same bytes.")
@click.option("--load", "loaded", nargs=3, multiple=True, type=(str, _FILE, str), metavar="FORMAT FILE LICENCE",
              help="Examples of another kind, alpaca, sharegpt or medqa; again for more.")  # fmt: skip
def data(out: Path | None, seed: int, loaded: tuple[tuple[str, Path, str], ...]) -> None:
    """Build the examples from the library and our written answers: train, validation and test, split by topic."""
    from agent.config import load
    from finetune.data.build import check_manifest, run_data

    folder = run_data(load(), out=out, seed=seed, loaded=loaded, say=lambda text: click.echo(text, err=True))
    manifest = check_manifest(folder)
    _say({"folder": str(folder), **{name: value for name, value in manifest.items() if name in ("counts", "prompts")}})


@finetune_group.command()
@click.argument("recipe")
@click.option("--data", "folder", type=_PATH, help="Where `data` wrote; ANAMNESIS_HOME/finetune/data by default.")
@click.option("--out", type=_PATH, help="The adapter's folder; ANAMNESIS_HOME/adapters/NAME by default.")
@click.option("--start", metavar="ADAPTER", help="Go on training this one.")
@click.option("--dry-run", is_flag=True, help="Everything at toy size: builds, trains two steps, saves, loads.")
@click.option("--max-steps", type=click.IntRange(1), help="In place of the recipe's.")
@click.option("--threads", type=click.IntRange(0), default=0, show_default=True, help="0: as torch finds.")
@click.option("--track", multiple=True, type=click.Choice(["tensorboard", "trackio"]), help="On this machine only.")
@click.option("--name", default="", help="Of the adapter, in place of the recipe's.")
def train(recipe: str, folder: Path | None, out: Path | None, start: str | None, dry_run: bool, max_steps: int | None,
          threads: int, track: tuple[str, ...], name: str) -> None:  # fmt: skip
    """Train an adapter by a RECIPE: one that ships, or a file. The same command goes on where it stopped."""
    from finetune.train import run_train

    row = run_train(
        recipe, home=_home(), data=folder, out=out, start=_folder(start) if start else None, dry_run=dry_run,
        max_steps=max_steps, threads=threads, track=track, name=name,
    )  # fmt: skip
    shown = ("name", "folder", "steps", "best_step", "stopped", "tokens", "seconds", "peak_memory", "losses", "dry_run")
    _say({key: row[key] for key in shown if key in row})


@finetune_group.command()
@click.argument("export", type=_FILE)
@click.argument("out", type=_PATH)
@click.option("--old", type=_FILE, help="Earlier examples, of which a share is mixed in.")
@click.option("--replay", type=click.FloatRange(0, 0.95), default=0.5, show_default=True, help="The share of old ones.")
@click.option("--seed", type=int, default=7, show_default=True)
def collect(export: Path, out: Path, old: Path | None, replay: float, seed: int) -> None:
    """Examples from reviewed, consented conversations (a JSONL file), redacted again, mixed with old ones."""
    from finetune.collect import run_collect

    got = run_collect(export, out, old=old, replay=replay, seed=seed)
    _say(
        {
            "out": str(out),
            "taken": len(got.examples),
            "replayed": got.replayed,
            "identifiers": got.identifiers,
            "left_out": got.left_out,
        }
    )


@finetune_group.command()
@click.argument("adapter")
@click.option("--examples", type=_FILE, help="Held-out examples; ANAMNESIS_HOME/finetune/data/test.jsonl by default.")
@click.option("--variants", default=_VARIANTS, show_default=True, metavar="NAMES", help="Separated by commas.")
@click.option("--n", type=click.IntRange(0), default=0, show_default=True, help="Examples, evenly over kinds (0: all).")
@click.option("--runs", multiple=True, type=_PATH, help="A folder of `eval run`, shown beside; again for more.")
@click.option("--threads", type=click.IntRange(0), default=0, show_default=True, help="0: all processors.")
@click.option("--out", type=_PATH, help="The same folder goes on where it stopped; ADAPTER/evaluation by default.")
def evaluate(adapter: str, examples: Path | None, variants: str, n: int, runs: tuple[Path, ...], threads: int,
             out: Path | None) -> None:  # fmt: skip
    """One table of base, 4-bit, adapter, merged and llama.cpp on held-out examples, with intervals and paired tests."""
    from finetune.compare import run_evaluate

    folder = _folder(adapter)
    where = out or folder / "evaluation"
    names = [name.strip() for name in variants.split(",") if name.strip()]
    with _progress() as note:
        row = run_evaluate(
            folder, examples=examples or _home() / "finetune" / "data" / "test.jsonl", home=_home(), out=where,
            variants=names, n=n, threads=threads, runs=runs, progress=note,
        )  # fmt: skip
    for name, cells in row["groups"]["all"].items():
        values = {variant: round(cell["value"], 4) for variant, cell in cells.items() if cell["n"]}
        if values:
            _say({"measure": name, **values, "n": max(cell["n"] for cell in cells.values())})
    click.echo(f"The table is {where / 'table.md'}, with everything in table.json", err=True)


@finetune_group.command()
@click.argument("adapter")
@click.option("--to", "form", required=True, type=click.Choice(["peft", "merged", "gguf"]), help="The form.")
@click.option("--out", type=_PATH, help="Where; a GGUF lies beside the adapter by default.")
def export(adapter: str, form: str, out: Path | None) -> None:
    """Write an adapter as PEFT's folder, as merged safetensors, or as a LoRA in GGUF for llama.cpp."""
    from finetune.export import run_export

    _say(run_export(_folder(adapter), form=form, home=_home(), out=out))


@finetune_group.command()
@click.argument("adapter")
@click.option("--examples", type=_FILE, help="Held-out examples; ANAMNESIS_HOME/finetune/data/test.jsonl by default.")
@click.option("--n", type=click.IntRange(1), default=30, show_default=True, help="Prompts.")
@click.option("--tokens", type=click.IntRange(1), default=24, show_default=True, help="Tokens forced of each answer.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
def parity(adapter: str, examples: Path | None, n: int, tokens: int, threads: int) -> None:
    """Does the adapter do the same merged, in 4 bits and in llama.cpp? Exits 1 where a bound is broken."""
    from tempfile import TemporaryDirectory

    from finetune.parity import run_parity

    with TemporaryDirectory(prefix="anamnesis-parity-", dir=_made(_home())) as scratch:
        row = run_parity(
            _folder(adapter), examples=examples or _home() / "finetune" / "data" / "test.jsonl", home=_home(),
            scratch=Path(scratch), n=n, tokens=tokens, threads=threads,
        )  # fmt: skip
    _say(row)
    if not row["passed"]:
        raise click.exceptions.Exit(1)


@finetune_group.command()
@click.argument("adapter")
@click.option("--comparison", type=_FILE, help="A table.json of `evaluate`; ADAPTER/evaluation/table.json by default.")
@click.option("--watts", type=float, help="Power drawn while it was trained, in watts. No default.")
@click.option("--grid", type=float, help="kg of CO2 equivalent a kWh where it was trained. No default.")
@click.option("--grid-source", default="", help="Whence that number comes. No default.")
def card(adapter: str, comparison: Path | None, watts: float | None, grid: float | None, grid_source: str) -> None:
    """Write the model card. What a person must say stands in card.toml beside the adapter; no field has a default."""
    from finetune.card import run_card

    folder = _folder(adapter)
    row = run_card(
        folder, comparison=comparison or folder / "evaluation" / "table.json", watts=watts, grid=grid,
        grid_source=grid_source,
    )  # fmt: skip
    _say({"adapter": row["name"], "digest": row["digest"], "card": str(folder / "card.md")})


@finetune_group.command()
@click.argument("adapter")
@click.option("--gate", required=True, type=_FILE, help="What `eval gate RUN --json FILE` wrote for this very adapter.")
def promote(adapter: str, gate: Path) -> None:
    """Let an adapter serve. Needs a card and a passing gate report for these very weights."""
    from finetune.registry import run_promote

    row = run_promote(_folder(adapter), gate=gate, home=_home())
    _say(
        {
            "active": row["name"],
            "digest": row["digest"],
            "base": row["base"]["model"],
            "engines": sorted(row["engines"]),
        }
    )


@finetune_group.command()
def rollback() -> None:
    """Let the adapter serve that served before, or the base alone where there was none."""
    from finetune.registry import run_rollback

    _say(run_rollback(home=_home()))


@finetune_group.command("list")
def list_adapters() -> None:
    """Every adapter: its base, whether it is exported and carded, and which one serves."""
    from finetune.registry import run_list

    for row in run_list(home=_home()):
        _say(row)


def _folder(adapter: str) -> Path:
    from finetune.adapter import named

    return named(adapter, _home())


def _home() -> Path:
    from agent.config import read_home

    return read_home()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a variant, on standard error."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def note(name: str, done: int, of: int) -> None:
        if name not in bars:
            bars[name] = tqdm(total=of, desc=name, unit="answer")
        bars[name].update(done - bars[name].n)

    try:
        yield note
    finally:
        for bar in bars.values():
            bar.close()


def _say(row: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(row, ensure_ascii=False, default=str))
