"""Teach the encoder's upper half to tell whether a passage bears out a claim: `python -m finetune.support`, an hour.

Claim and passage are read as one text, so that every word of one attends to every word of the other (a cross-encoder; Nogueira
and Cho 2019). Three labels: supported, unsupported, contradicted. Examples are the train split of our own bank
(`evals.claimbank`), its supported claims made false by one change or held against the passage without the sentence that bears
them out, and the library's own sentences, as they stand or changed so, which come
first: from them it learns to compare word by word. The recipe is `recipes/support.toml`. `--onward` begins with what ships and
reads the written pairs alone, in a fraction of the time: for pairs that were added since.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent import support
from agent.agree import best_span, values
from agent.beliefs import Belief, load_beliefs, said
from agent.config import load as load_settings
from agent.types import Language
from evals.claimbank import LABELS, Pair, of_split
from finetune import checkpoint
from finetune.perturb import falsified
from knowledge.build import EMBEDDED, passages_of
from knowledge.chunk import sentences, units
from knowledge.types import Passage
from retrieval.embedders.e5file import File
from retrieval.embedders.encoder import by_name, opened, weights
from retrieval.embedders.graph import SPLIT
from retrieval.tokenize import tokens

RECIPE = Path(__file__).parent / "recipes" / "support.toml"
SUPPORTED, UNSUPPORTED, CONTRADICTED = range(3)
_BUCKET = 16
_SHORT = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A claim beside a passage, as token ids, and the place of its label in `LABELS`."""

    tokens: list[int]
    label: int


def written(pairs: Sequence[Pair], order: random.Random) -> Iterator[tuple[str, int]]:
    """The bank's pairs as texts, and what can be made of the supported ones."""
    for pair in pairs:
        yield support.text(pair.claim, pair.passage), LABELS.index(pair.label)
        if pair.label != "supported":
            continue
        false, _ = falsified(pair.claim, pair.passage.text, order)
        if false:
            yield support.text(false, pair.passage), CONTRADICTED
        without = _without(pair.claim, pair.passage)
        if without and order.random() < 0.5:
            yield support.text(pair.claim, without), UNSUPPORTED


def of_beliefs(rows: Sequence[Belief], order: random.Random) -> Iterator[tuple[str, int]]:
    """False beliefs beside messages: those that rest on one bear it out; those that ask about it, deny it, or rest on another
    do not."""
    for language in ("en", "zh"):
        for row in rows:
            belief = row.belief[language]
            for message in row.takes[language]:
                yield support.text(belief, said(message, language)), SUPPORTED
            for message in row.asks[language]:
                yield support.text(belief, said(message, language)), UNSUPPORTED
            near = max(
                order.sample(list(rows), min(40, len(rows))),
                key=lambda other: len(set(tokens(other.belief[language])) & set(tokens(belief))) * (other.id != row.id),
            )
            for other in (near, order.choice(rows)):
                if other.id != row.id:
                    yield support.text(belief, said(order.choice(other.takes[language]), language)), UNSUPPORTED


def of_library(passages: Sequence[Passage], count: int, order: random.Random) -> Iterator[tuple[str, int]]:
    """`count` sentences of the library beside their own passage, as they stand, made false, or beside another passage."""
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document, []).append(passage)
    for passage in order.choices(passages, k=count):
        parts = [part for part in sentences(passage.text) if units(part) >= _SHORT]
        if not parts:
            continue
        said = order.choice(parts).removeprefix("- ")
        chance = order.random()
        if chance < 0.3:
            yield support.text(_varied(said, passage, order), passage), SUPPORTED
        elif chance < 0.75:
            false, _ = falsified(said, passage.text, order)
            if false and false.lower() not in passage.text.lower():
                yield support.text(_varied(false, passage, order), passage), CONTRADICTED
        else:
            others = [other for other in by_document[passage.document] if said not in other.text]
            if others:
                yield support.text(said, order.choice(others)), UNSUPPORTED


def main() -> int:
    """Train, print the validation split after each epoch, and write `agent.support.PATH`."""
    if sys.argv[1:] not in ([], ["--onward"]):
        print("usage: python -m finetune.support [--onward]", file=sys.stderr)
        return 2
    import torch
    from torch import nn
    from tqdm import tqdm

    from finetune.encoder import Encoder, cheapest, padded

    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    onward = recipe.pop("onward")
    file, arrays = weights(), None
    if sys.argv[1:]:
        file, arrays = shipped()
        recipe |= onward | {"onward_from": hashlib.sha256(support.PATH.read_bytes()).hexdigest()[:16]}
    torch.manual_seed(recipe["seed"])
    train, held = of_split("train"), of_split("validation")
    # A passage that a claim of the other splits stands on trains nothing.
    kept_back = {pair.passage.text for split in ("validation", "test") for pair in of_split(split)}
    library = [p for p in passages_of(EMBEDDED) if units(p.text) >= 2 * _SHORT and p.text not in kept_back]
    encoder = Encoder(file, trained=file.sizes[1] - SPLIT)
    head = nn.Linear(file.sizes[0], len(LABELS))
    nn.init.zeros_(head.weight)
    if arrays:
        head.load_state_dict({name: torch.from_numpy(arrays[name]) for name in ("weight", "bias")})
    moving = [value for value in encoder.parameters() if value.requires_grad]
    groups = [{"params": moving, "lr": recipe["rate"]}, {"params": head.parameters(), "lr": recipe["head_rate"]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe["decay"])

    def epoch_of(number: int) -> list[Example]:
        order = random.Random(recipe["seed"] + number)
        late = number >= recipe["early_epochs"]
        texts = [row for _ in range(recipe["written_times"] if late else 0) for row in written(train, order)]
        beliefs = list(of_beliefs(load_beliefs(), order)) if late else []
        texts += order.sample(beliefs, min(len(beliefs), recipe["beliefs"]))
        texts += of_library(library, recipe["late_sentences" if late else "early_sentences"], order)
        return [Example(file.tokenizer.encode(text, most=recipe["tokens"]), label) for text, label in texts]

    validation = [
        Example(file.tokenizer.encode(support.text(p.claim, p.passage), most=recipe["tokens"]), LABELS.index(p.label))
        for p in held
    ]
    if arrays:
        mean, scale = torch.from_numpy(arrays["mean"]), torch.tensor(arrays["scale"])
    else:
        mean, scale = _statistics(encoder, epoch_of(0)[:320])
    work = load_settings().home / "finetune" / "support.pt"
    parts = {"encoder": encoder, "head": head, "optimiser": optimiser}
    key = checkpoint.key(
        recipe,
        (*(f"{pair.claim} {pair.label} {pair.passage.text}" for pair in train), *(passage.text for passage in library),
         *(text for belief in load_beliefs() for text in belief.texts())),
    )  # fmt: skip
    done = checkpoint.resume(work, key, parts)
    for epoch in range(done, recipe["stop_after"]):
        examples = epoch_of(epoch)
        batches = list(_batches(examples, recipe["batch"], random.Random(recipe["seed"] + epoch)))
        for number, batch in enumerate(tqdm(batches, desc=f"epoch {epoch + 1}", disable=None)):
            for group, rate in zip(optimiser.param_groups, ("rate", "head_rate"), strict=True):
                group["lr"] = recipe[rate] * _pace(epoch + number / len(batches), recipe)
            ids = padded([example.tokens for example in batch], file.tokenizer.pad)
            with cheapest():
                made = encoder(ids)
            vectors = nn.functional.dropout((made.float() - mean) / scale, recipe["dropout"])
            wanted = torch.tensor([example.label for example in batch])
            nn.functional.cross_entropy(head(vectors), wanted, label_smoothing=0.05).backward()
            nn.utils.clip_grad_norm_(moving, 1.0)
            optimiser.step()
            optimiser.zero_grad()
        checkpoint.keep(work, epoch + 1, key, parts)
        measured = _measured(encoder, head, validation, mean, scale)
        print(f"epoch {epoch + 1}, {len(examples)} examples: {measured}", flush=True)
    shares = _shares(encoder, head, validation, mean, scale)
    write(encoder, head, mean, scale, recipe=recipe, weighing=weighing(train, held, shares))
    return 0


def shipped() -> tuple[File, Mapping[str, Any]]:
    """What ships: the engine's file with the learned tensors in it, and the arrays that read their vectors (weight, bias, mean,
    scale)."""
    from finetune.lowrank import with_tensors

    facts, arrays = opened(support.PATH, made_by="finetune.support")
    return with_tensors(weights(), by_name(facts["sizes"], arrays["changed"].tobytes())), arrays


def weighing(train: Sequence[Pair], held: Sequence[Pair], shares: Any) -> dict[str, Any]:
    """The trees over what agrees exactly, grown on the train split, and how their score is weighed with what the encoder read of
    the validation split (`shares`), which it did not train on: the arrays of `agent.support.Support`."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    given = {name: np.array([_values(pair) for pair in pairs]) for name, pairs in (("train", train), ("held", held))}
    right = {
        name: np.array([pair.label == "supported" for pair in pairs])
        for name, pairs in (("train", train), ("held", held))
    }
    grown = HistGradientBoostingClassifier(max_depth=4, max_iter=120, learning_rate=0.06, random_state=0)
    grown.fit(given["train"], right["train"])
    arrays = _as_arrays(grown)
    trees = support.Trees(**{name.removeprefix("tree_"): value for name, value in arrays.items()})
    rows = np.array(
        [(trees.score(row), *support.evidence(share)) for row, share in zip(given["held"], shares, strict=True)]
    )
    weighed = LogisticRegression(C=1.0, max_iter=1000).fit(rows, right["held"])
    return {**arrays, "weigh": np.array([*weighed.coef_[0], weighed.intercept_[0]], np.float64)}


def _values(pair: Pair) -> tuple[float, ...]:
    language: Language = "zh" if pair.passage.language == "zh" else "en"
    subject = f"{pair.passage.title} {pair.passage.heading}"
    return values(pair.claim, pair.passage, best_span(pair.claim, pair.passage.text, subject), language)[0]


def _as_arrays(grown: Any) -> dict[str, Any]:
    """scikit-learn's trees, laid out one after the other."""
    nodes: list[tuple[Any, ...]] = []
    roots: list[int] = []
    for (tree,) in grown._predictors:
        start = len(nodes)
        roots.append(start)
        nodes += [
            (
                node["feature_idx"],
                node["num_threshold"],
                start + node["left"],
                start + node["right"],
                node["is_leaf"],
                node["value"],
            )
            for node in tree.nodes
        ]
    feature, bound, left, right, leaf, value = map(np.array, zip(*nodes, strict=True))
    return {
        "tree_feature": feature.astype(np.int64), "tree_bound": bound.astype(np.float32), "tree_left": left.astype(np.int64),
        "tree_right": right.astype(np.int64), "tree_leaf": leaf.astype(bool), "tree_value": value.astype(np.float32),
        "tree_roots": np.array(roots), "tree_base": float(grown._baseline_prediction[0, 0]),
    }  # fmt: skip


def _pace(at: float, recipe: dict[str, Any]) -> float:
    """The share of the full rate at a point in the epochs: up over the first part of each stretch, then down in a line."""
    early = recipe["early_epochs"]
    start, length = (0, early) if at < early else (early, recipe["late_epochs"])
    share = (at - start) / length
    return float(min(1.0, share / 0.06 + 0.02) * max(0.02, 1 - share))


def _without(claim: str, passage: Passage) -> Passage | None:
    """The passage without the sentence nearest to the claim in its words; None where it has only one."""
    from dataclasses import replace

    parts = sentences(passage.text)
    if len(parts) < 2:
        return None
    asked = set(tokens(claim))
    nearest = max(parts, key=lambda part: len(asked & set(tokens(part))))
    return replace(passage, text="\n".join(part for part in parts if part != nearest))


def _varied(said: str, passage: Passage, order: random.Random) -> str:
    """The sentence with its subject in front now and then, as an answer would name it."""
    if order.random() < 0.3 and passage.title:
        return f"{passage.title}：{said}" if passage.language == "zh" else f"{passage.title}: {said}"
    return said


def _batches(examples: Sequence[Example], size: int, order: random.Random) -> Iterator[list[Example]]:
    rows = list(examples)
    order.shuffle(rows)
    batches: list[list[Example]] = []
    for start in range(0, len(rows), size * _BUCKET):
        bucket = sorted(rows[start : start + size * _BUCKET], key=lambda example: len(example.tokens))
        batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    order.shuffle(batches)
    yield from batches


def vectors_of(encoder: Any, rows: Sequence[Example]) -> Any:
    """The encoder's vectors, shape (rows, hidden), without gradients."""
    import torch

    from finetune.encoder import cheapest, padded

    order = sorted(range(len(rows)), key=lambda place: len(rows[place].tokens))
    made = torch.zeros((len(rows), encoder.hidden))
    with torch.no_grad(), cheapest():
        for start in range(0, len(order), 32):
            places = order[start : start + 32]
            made[places] = encoder(padded([rows[place].tokens for place in places], encoder.pad)).float()
    return made


def _statistics(encoder: Any, rows: Sequence[Example]) -> tuple[Any, Any]:
    vectors = vectors_of(encoder, rows)
    return vectors.mean(0), vectors.std()


def _shares(encoder: Any, head: Any, held: Sequence[Example], mean: Any, scale: Any) -> Any:
    shares: Any = head((vectors_of(encoder, held) - mean) / scale).softmax(-1).detach().numpy()
    return shares


def _measured(encoder: Any, head: Any, held: Sequence[Example], mean: Any, scale: Any) -> str:
    shares = _shares(encoder, head, held, mean, scale)
    labels = np.array([example.label for example in held])
    right = shares.argmax(1) == labels
    parts = [f"{name} {right[labels == place].mean():.3f}" for place, name in enumerate(LABELS)]
    kept = np.sort(shares[labels == SUPPORTED, SUPPORTED])[int(0.1 * (labels == SUPPORTED).sum())]
    cut = [f"{(shares[labels == place, SUPPORTED] < kept).mean():.3f}" for place in (UNSUPPORTED, CONTRADICTED)]
    return f"right: {', '.join(parts)}; where nine tenths of supported are kept, cut: {cut[0]} unsupported, {cut[1]} contradicted"


def write(
    encoder: Any,
    head: Any,
    mean: Any,
    scale: Any,
    *,
    recipe: dict[str, Any],
    weighing: dict[str, Any],
    path: Path = support.PATH,
) -> None:
    """Write the changed tensors, the head and the weighing, as `agent.support` reads them; a temporary name first."""
    from finetune.encoder import keep

    arrays = {
        "weight": head.weight.detach().numpy(),
        "bias": head.bias.detach().numpy(),
        "mean": np.asarray(mean, np.float32),
        "scale": np.float32(scale),
        **weighing,
    }
    keep(path, encoder, recipe, arrays)


if __name__ == "__main__":
    sys.exit(main())
