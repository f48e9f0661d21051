"""A small reader of messages on a CPU: embedding, words and findings in, a probability for each label out.

Readers vote: a linear one over the shared embedding, hashed words and findings, and the adapted encoders
(`agent.adapted`). They stand beside rules and never above them: `agent.refine` may raise a level by them,
`agent.policy` may decline. What they say is explained by the nearest cases they learned from. `finetune.classifier`
trains the linear one; the weights ship as `knowledge/rules/learned/*.npz`, from the train split of our own cases alone.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import knowledge
from agent.adapted import adapted
from agent.tokens import Token, tokenize
from knowledge.errors import KnowledgeError
from knowledge.rules import load_lexicon
from retrieval.types import Vectors

FOLDER = Path(knowledge.__file__).parent / "rules" / "learned"
LINEAR = "linear"
BUCKETS = 1 << 15
"""Hashed word features; a few thousand distinct ones are in use, so two seldom meet."""
_HAN_GRAMS, _WORD_GRAMS = 3, 2
EMBEDDED, _WORDS, _NAMED = 1.0, 3.0, 0.5
"""How much each block of features counts before training; chosen by five-fold cross-validation on the train split."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sparse:
    """Hashed features of one text: bucket numbers, each once, and their values."""

    places: npt.NDArray[np.int64]
    values: Floats


@dataclass(frozen=True, slots=True)
class Near:
    """A case that the model learned from, near in meaning. `likeness` is a cosine."""

    id: str
    text: str
    label: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights and the cases behind them. `votes`: how much the logits of "linear" count, and of each encoder by its task.

    Shapes: `dense` (labels, dimensions), `hashed` (labels, BUCKETS), `bias`
    (labels,), `mean` and `scale` (dimensions,), `vectors` (cases, dimensions) of unit length."""

    task: str
    labels: tuple[str, ...]
    embedder: str
    votes: Mapping[str, float]
    mean: Floats
    scale: Floats
    dense: Floats
    hashed: Floats
    bias: Floats
    cases: tuple[tuple[str, str, str], ...]
    vectors: Floats

    def read(self, text: str, vector: Vectors, named: Iterable[str] = ()) -> dict[str, float]:
        """The probability of each label for a redacted text, its embedding (dimensions,), and named facts of it."""
        scores = np.zeros(len(self.labels), np.float32)
        for reader, vote in self.votes.items():
            if not vote:
                continue
            linear = reader == LINEAR
            given = self.linear(vector, features(text, named)) if linear else adapted(reader).logits(text)[self.task]
            scores = scores + vote * given
        shares = np.exp(scores - scores.max())
        return dict(zip(self.labels, (shares / shares.sum()).tolist(), strict=True))

    def linear(self, vector: Vectors, words: Sparse) -> Floats:
        """The linear reader's logits, shape (labels,)."""
        scores = self.bias + self.dense @ ((vector - self.mean) / self.scale * EMBEDDED)
        return np.asarray(scores + self.hashed[:, words.places] @ words.values, dtype=np.float32)

    def nearest(self, vector: Vectors, label: str, *, k: int = 3) -> tuple[Near, ...]:
        """The k most similar cases with a label, most similar first."""
        likeness = self.vectors @ vector
        own = np.array([case[2] == label for case in self.cases])
        best = np.argsort(np.where(own, -likeness, np.inf))[: min(k, int(own.sum()))]
        found = ((self.cases[place], float(likeness[place])) for place in best.tolist())
        return tuple(Near(id_, text, name, alike) for (id_, text, name), alike in found)


def length(text: str) -> int:
    """Words; two Chinese characters count as one."""
    return len(text.split()) if text.isascii() else len(text) // 2


def features(text: str, named: Iterable[str] = ()) -> Sparse:
    """Hashed features of a text: stems one and two at a time, Chinese characters up to three, and `named` facts."""
    tokens = tokenize(text, traditional=load_lexicon().traditional)
    values: dict[int, float] = {}
    grams = set(_grams(tokens))
    for gram in grams:
        place = zlib.crc32(gram.encode()) % BUCKETS
        values[place] = values.get(place, 0.0) + _WORDS / len(grams) ** 0.5
    for name in set(named):
        place = zlib.crc32(f"={name}".encode()) % BUCKETS
        values[place] = values.get(place, 0.0) + _NAMED
    return Sparse(np.fromiter(values, np.int64, len(values)), np.fromiter(values.values(), np.float32, len(values)))


def _grams(tokens: Sequence[Token]) -> Iterable[str]:
    stems = [_plain(token.stem) for token in tokens]
    for start, token in enumerate(tokens):
        han = "\u3400" <= token.stem[0] <= "\u9fff"
        for length in range(1, (_HAN_GRAMS if han else _WORD_GRAMS) + 1):
            end = start + length
            if end > len(tokens) or tokens[end - 1].clause != token.clause:
                break
            yield " ".join(stems[start:end])


def _plain(word: str) -> str:
    """A number as its size: 38.5 and 38.9 say much the same."""
    if not word[0].isdigit():
        return word
    try:
        number = float(word)
    except ValueError:
        return "#"
    return f"#{number:.0f}" if number < 45 else f"#{round(number, -1):.0f}"


@cache
def load(name: str) -> Learned:
    """The shipped weights of `name` ("urgency", "policy"). Raises KnowledgeError when the file is missing or damaged."""
    path = FOLDER / f"{name}.npz"
    try:
        with np.load(path) as data:
            facts: dict[str, Any] = json.loads(str(data["facts"]))
            return Learned(
                task=name,
                votes=dict(facts["votes"]),
                labels=tuple(facts["labels"]),
                embedder=facts["embedder"],
                mean=data["mean"].astype(np.float32),
                scale=data["scale"].astype(np.float32),
                dense=data["dense"].astype(np.float32),
                hashed=data["hashed"].astype(np.float32),
                bias=data["bias"].astype(np.float32),
                cases=tuple((case[0], case[1], case[2]) for case in facts["cases"]),
                vectors=data["vectors"].astype(np.float32) / 127.0,
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise KnowledgeError(
            f"{path} cannot be read: {error}",
            expected="the weights that ship with the project",
            remedy="restore the file with git, or train it again: python -m finetune.classifier",
        ) from error
