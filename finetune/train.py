"""Train an adapter by a recipe: `anamnesis finetune train NAME`, or `accelerate launch -m finetune.train NAME` on several GPUs.

A run has a folder of its own, `ANAMNESIS_HOME/finetune/runs/NAME-HASH`, where the hash is of everything that decides it: recipe,
data, base, prompts. The same command goes on from its last whole checkpoint to the same losses. What comes out is the adapter
folder, made under a temporary name with `training.json` written last, then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.active import RECORD
from agent.prompts import prompts_hash
from finetune import base, memory
from finetune.collate import Collator, Encoded, Row, chosen, encode, fitting, rows
from finetune.examples import Example, read_examples
from finetune.recipe import Recipe, as_toml, changed, read_recipe
from knowledge.errors import AnamnesisError, ConfigError, InputError

FORMAT = "anamnesis.adapter/1"
TRACKERS = ("tensorboard", "trackio")
_VERSIONS = ("torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "datasets")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of examples and what it held."""

    path: str
    sha256: str
    examples: int
    licence: str


@dataclass(frozen=True, slots=True)
class Run:
    """Where a training works, what it reads, and whether it goes on from something."""

    folder: Path
    train: list[Row]
    held: list[Row]
    sources: tuple[Source, ...]
    too_long: int
    resume: Path | None


def run_train(
    given: str | Path,
    *,
    home: Path,
    data: Path | None = None,
    out: Path | None = None,
    start: Path | None = None,
    dry_run: bool = False,
    max_steps: int | None = None,
    threads: int = 0,
    track: Sequence[str] = (),
    name: str = "",
) -> dict[str, Any]:
    """Train by the recipe called so (or in the file) and write the adapter to `out`, `home/adapters/NAME` by default.

    `data` is the folder with train.jsonl and validation.jsonl; `start` an adapter to go on training. Returns what training.json
    holds and the folder. Data with a manifest must be what the manifest says, for the prompts that are served now.
    Raises ConfigError, InputError, WeightsError, StoreError or EngineError, each with what to do next.
    """
    from finetune import dry
    from finetune.data.build import check_manifest

    # 1. The recipe and what it needs.
    recipe = changed(read_recipe(given), max_steps=max_steps, name=name)
    base.need_extra()
    # Read when torch is first imported: threads that wait sleep. Spinning, two threads beside one other program took ten times
    # as long a step as one thread did.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _check_track(track)
    _quiet()
    if dry_run:
        recipe = dry.toy(recipe)
        with tempfile.TemporaryDirectory(prefix="anamnesis-dry-") as place:
            found, said = dry.toy_base(recipe, Path(place) / "base", home=home)
            _tell(f"dry run: {said}")
            files = _toy_files(Path(place) / "data", recipe)
            folder = out or Path(place) / "adapter"
            made = _train(recipe, found, files, Path(place) / "runs", folder, start, threads, track)
            _load_again(found, recipe, folder)
            return made | {"dry_run": said, "folder": str(out) if out else ""}
    files = data or home / "finetune" / "data"
    if data is None or (files / "manifest.json").exists():
        check_manifest(files)
    else:
        _tell(f"{files} holds no manifest.json: its files are taken as they are")
    folder = out or home / "adapters" / recipe.name
    return _train(
        recipe, base.find(recipe, home=home), files, home / "finetune" / "runs", folder, start, threads, track
    )


def _train(
    recipe: Recipe,
    found: base.Found,
    data: Path,
    runs: Path,
    out: Path,
    start: Path | None,
    threads: int,
    track: Sequence[str],
) -> dict[str, Any]:
    import torch
    from filelock import FileLock, Timeout

    if threads:
        torch.set_num_threads(threads)
    config = base.load_config(found)
    _check_window(config, recipe)
    # 2. Will it fit? Said before a weight is read.
    needed = memory.estimate(config, recipe, shards=int(os.environ.get("WORLD_SIZE", "1")) if base.sharded() else 1)
    free = memory.available("cuda" if torch.cuda.is_available() else "cpu")
    memory.check(needed, free, recipe)
    # 3. The examples as token ids.
    tokenizer = base.load_tokenizer(found)
    if start is not None:
        _check_start(start, found)
    run = _run(recipe, found, tokenizer, data, runs, start)
    _tell(_plan(recipe, run, needed, free))
    if warning := slow(recipe):
        _tell(warning)
    # 4. The training, one process at a time in its folder.
    lock = FileLock(run.folder / ".lock", timeout=0)
    if _main():
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(f"another process trains in {run.folder}", remedy="Wait for it, or stop it") from error
    try:
        return _go(recipe, found, tokenizer, run, out, start, track)
    finally:
        if _main():
            lock.release()


def slow(recipe: Recipe) -> str:
    """What to say before a training in a type that this machine only acts out; "" where it multiplies it itself."""
    import torch

    from agent.engines.transformers import multiplies_halves

    if torch.cuda.is_available() or recipe.base.dtype == "float32" or multiplies_halves():
        return ""
    return (
        f"this processor does not multiply {recipe.base.dtype} itself: a step can take 15 to 40 times as long as the recipe says. "
        'A copy of the recipe with dtype = "float32" under [base] needs more memory and is faster here.'
    )


def _go(
    recipe: Recipe, found: base.Found, tokenizer: Any, run: Run, out: Path, start: Path | None, track: Sequence[str]
) -> dict[str, Any]:
    from finetune import train_loop

    model = base.load_model(found, recipe)
    model.config.pad_token_id = tokenizer.pad_token_id
    loop = train_loop.build(
        recipe, model, tokenizer, run.train, run.held, folder=run.folder, start=start, track=track,
        collator=Collator(tokenizer.pad_token_id or 0, recipe.data.packing == "prefix"),
    )  # fmt: skip
    before, began = train_loop.spent(run.resume), time.monotonic()
    loop.clock = lambda: before + time.monotonic() - began
    wrong = None
    try:
        loop.train(resume_from_checkpoint=str(run.resume) if run.resume else None)
    except train_loop.NotFinite as error:
        wrong = error
    losses = train_loop.validation(loop.state.log_history)
    best = run.folder / train_loop.BEST
    if not (best / train_loop.WHOLE).is_file():
        raise train_loop.stopped(wrong or train_loop.NotFinite("nothing was measured"), None)
    state = loop.state
    finished = wrong is None and state.global_step >= state.max_steps
    record = {
        "format": FORMAT,
        "name": recipe.name,
        "recipe": recipe.name,
        "base": {"model": found.model, "file": found.file, "sha256": found.sha256},
        "tokenizer": base.tokenizer_digest(found.source),
        "prompts": prompts_hash(),
        "data": [asdict(source) for source in run.sources],
        "steps": state.global_step,
        "tokens": round((state.epoch or 0.0) * sum(row.tokens for row in run.train)),
        "seconds": round(loop.clock(), 1),
        "peak_memory": memory.peak(),
        "losses": _curve(state.log_history),
        "best_step": min(losses, key=lambda step: losses[step]),
        "stopped": "nan" if wrong else "finished" if finished else "early",
        "versions": _versions(),
        "hardware": memory.hardware(),
        "seed": recipe.training.seed,
        "too_long": run.too_long,
        "continued": _started(start),
    }
    if _main():
        _write_adapter(out, best, recipe, record, label=found.label)
    if wrong is not None:
        raise train_loop.stopped(wrong, out)
    return record | {"folder": str(out), "run": str(run.folder)}


def _run(recipe: Recipe, found: base.Found, tokenizer: Any, data: Path, runs: Path, start: Path | None) -> Run:
    """The rows of both files, and the run's folder; the hash of what decides them is in its name."""
    from finetune import train_loop

    ends, packs, sources, too_long = base.load_ends(found, tokenizer), [], [], 0
    for name, most in (("train", recipe.data.examples), ("validation", recipe.data.validation_examples)):
        file = data / f"{name}.jsonl"
        examples = chosen(read_examples(file), recipe.data, seed=recipe.training.seed, most=most)
        kept, longer = fitting(_encoded(examples, tokenizer, ends), longest=recipe.data.max_length)
        packs.append(rows(kept, recipe.data, seed=recipe.training.seed))
        licences = sorted({example.licence for example in examples})
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        sources.append(Source(file.name, digest, len(kept), ", ".join(licences)))
        too_long += longer
    if len(packs[0]) < recipe.training.batch:
        raise InputError(
            f"{data / 'train.jsonl'} makes {len(packs[0])} rows, fewer than one batch of {recipe.training.batch}",
            remedy="Add examples or lower training.batch",
        )
    decides = (as_toml(recipe), [one.sha256 for one in sources], found.sha256, prompts_hash(), _started(start))
    mark = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:8]
    folder = runs / f"{recipe.name}-{mark}"
    folder.mkdir(parents=True, exist_ok=True)
    return Run(folder, packs[0], packs[1], tuple(sources), too_long, train_loop.last_checkpoint(folder))


def _encoded(examples: Sequence[Example], tokenizer: Any, ends: frozenset[int]) -> list[Encoded]:
    from tqdm import tqdm

    return [encode(one, tokenizer, ends) for one in tqdm(examples, desc="tokens", disable=None, file=sys.stderr)]


def _plan(recipe: Recipe, run: Run, needed: memory.Needed, free: int) -> str:
    """What is about to happen, in one paragraph."""
    told, read = sum(row.tokens for row in run.train), sum(len(row.input_ids) for row in run.train)
    resumed = f"goes on from {run.resume.name}" if run.resume else "starts"
    return (
        f"{recipe.name}: {sum(row.examples for row in run.train)} examples in {len(run.train)} rows ({told} tokens, "
        f"{read} after packing), {sum(row.examples for row in run.held)} to validate, {run.too_long} too long and left out; "
        f"adapter of {needed.parameters / 1e6:.1f} million numbers; about {needed.total / 2**30:.1f} GiB of "
        f"{free / 2**30:.1f} free; {resumed} in {run.folder}"
    )


def _curve(history: Sequence[dict[str, Any]]) -> list[list[float | int | None]]:
    """[step, training loss since the row before, validation loss] for each evaluation."""
    made: list[list[float | int | None]] = []
    since: list[float] = []
    for row in history:
        if "loss" in row:
            since.append(float(row["loss"]))
        elif "eval_loss" in row:
            mean = round(sum(since) / len(since), 6) if since else None
            made.append([int(row["step"]), mean, round(float(row["eval_loss"]), 6)])
            since = []
    return made


def _write_adapter(out: Path, best: Path, recipe: Recipe, record: dict[str, Any], *, label: str) -> None:
    """The adapter folder under a temporary name, its record last, then renamed; one that was there is kept until then."""
    from finetune import train_loop

    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for name in train_loop.FILES:
            shutil.copyfile(best / name, fresh / name)
        # A folder on this machine says nothing to others: the adapter names its base as the catalogue or the hub does.
        config = json.loads((fresh / train_loop.FILES[0]).read_text(encoding="utf-8")) | {
            "base_model_name_or_path": label
        }
        (fresh / train_loop.FILES[0]).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
        (fresh / "recipe.toml").write_text(as_toml(recipe), encoding="utf-8")
        (fresh / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            os.replace(out, old)
        os.replace(fresh, out)
        shutil.rmtree(old, ignore_errors=True)
    except Exception as error:
        if train_loop.is_full(error):
            raise train_loop.disk_full(out, error) from error
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _check_window(config: Any, recipe: Recipe) -> None:
    text = config.get_text_config()
    window = getattr(text, "sliding_window", None) if getattr(text, "use_sliding_window", True) else None
    if recipe.data.packing == "prefix" and window and recipe.data.max_length > window:
        raise ConfigError(
            f"{recipe.base.model} looks back {window} tokens only, which packs do not heed, and data.max_length is "
            f"{recipe.data.max_length}",
            expected=f'data.max_length up to {window}, or data.packing "trl" or "none"',
            remedy="Correct the recipe",
        )


def _check_start(start: Path, found: base.Found) -> None:
    """An adapter may only be trained on over the base and the tokenizer it was made for."""
    file = start / RECORD
    if not file.is_file():
        raise InputError(f"{start} has no {RECORD}", expected="an adapter folder that `finetune train` wrote")
    record = json.loads(file.read_text(encoding="utf-8"))
    for what, was, now in (
        ("base", record["base"]["sha256"], found.sha256),
        ("tokenizer", record["tokenizer"], base.tokenizer_digest(found.source)),
    ):
        if was != now:
            raise InputError(
                f"the adapter {start} was made for another {what} ({record['base']['model']}, {was[:12] or 'unknown'})",
                expected=f"one made for {found.model}, {now[:12] or 'unknown'}",
                remedy="Use the recipe of that base, or start without an adapter",
            )


def _check_track(track: Sequence[str]) -> None:
    from importlib.util import find_spec

    for one in track:
        if one not in TRACKERS:
            raise ConfigError(f"no tracker is called {one!r}", expected=f"one of {', '.join(TRACKERS)}")
        if find_spec(one) is None:
            raise ConfigError(f"{one} is not installed", remedy="Run `pip install 'anamnesis[finetune]'`")


def _load_again(found: base.Found, recipe: Recipe, folder: Path) -> None:
    """What was written can be read: the last step of a dry run."""
    from peft import PeftModel

    PeftModel.from_pretrained(base.load_model(found, recipe), str(folder))


def _toy_files(folder: Path, recipe: Recipe) -> Path:
    from finetune import dry
    from finetune.examples import write_examples

    for name in ("train", "validation"):
        write_examples(folder / f"{name}.jsonl", dry.toy_examples())
    return folder


def _started(start: Path | None) -> str:
    """SHA-256 of the adapter that a training goes on from; empty for none."""
    from finetune import train_loop

    return hashlib.sha256((start / train_loop.FILES[1]).read_bytes()).hexdigest() if start else ""


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in _VERSIONS}


def _main() -> bool:
    """Whether this process writes: the first of those that accelerate launched."""
    return os.environ.get("RANK", "0") == "0"


def _tell(text: str) -> None:
    if _main():
        sys.stderr.write(text + "\n")


def _quiet() -> None:
    """Nothing leaves the machine, and standard error belongs to the command line."""
    from transformers.utils import logging

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.disable_progress_bar()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line for `accelerate launch -m finetune.train`; prints one JSON object."""
    import argparse

    from agent.config import load

    parser = argparse.ArgumentParser(prog="python -m finetune.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", help="a name, or a .toml file")
    parser.add_argument("--data", type=Path, help="the folder with train.jsonl and validation.jsonl")
    parser.add_argument("--out", type=Path, help="the adapter folder; ANAMNESIS_HOME/adapters/NAME by default")
    parser.add_argument("--start", type=Path, help="an adapter to go on training")
    parser.add_argument("--name", default="", help="another name for the adapter")
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--track", action="append", default=[], choices=TRACKERS)
    parser.add_argument("--dry-run", action="store_true", help="build everything at toy size")
    options = vars(parser.parse_args(arguments))
    try:
        made = run_train(options.pop("recipe"), home=load().home, **options)
    except AnamnesisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if _main():
        sys.stdout.write(json.dumps(made, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
