"""Does a passage bear out a claim? A small cross-encoder's reading, beside the exact checks of `agent.verify`.

`finetune.support` trains it on our own bank of claims; the lower layers are the ones that everything else reads with, the upper
ones its own. Nothing is downloaded and no torch is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

import knowledge
from knowledge.chunk import sentences
from knowledge.types import Passage
from retrieval.embedders import encoder
from retrieval.tokenize import tokens

PATH = Path(knowledge.__file__).parent / "rules" / "learned" / "support.npz"
WINDOW = 3
"""Sentences of a passage that are read beside a claim: what bears it out stands in one or two."""
Floats = npt.NDArray[np.float32]


def text(claim: str, passage: Passage) -> str:
    """Claim and passage as one text, the way training showed them: of a passage its name and the sentences nearest to the claim."""
    heading = ", ".join(filter(None, (passage.title, passage.heading)))
    said = " ".join(window(claim, passage.text))
    return f"query: {claim}\npassage: {heading}: {said}" if heading else f"query: {claim}\npassage: {said}"


def window(claim: str, passage: str, *, most: int = WINDOW) -> tuple[str, ...]:
    """The sentences of a passage that share most words with a claim, at most `most`, in the passage's order."""
    parts = sentences(passage)
    if len(parts) <= most:
        return tuple(parts)
    asked = set(tokens(claim))
    held = [set(tokens(part)) for part in parts]
    often = Counter(word for words in held for word in words)
    shares = [sum(1 / often[word] for word in asked & words) / (1 + len(words)) ** 0.25 for words in held]
    first = sorted(range(len(parts)), key=lambda place: (-shares[place], place))[:most]
    return tuple(parts[place] for place in sorted(first))


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees as arrays, one row a node: the place of the value asked, the bound it may not exceed to go left, where left and
    right lie, and what a leaf adds; `roots` are the places of the first nodes, `base` what all begin with."""

    feature: npt.NDArray[np.int64]
    bound: Floats
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.bool_]
    value: Floats
    roots: npt.NDArray[np.int64]
    base: float

    def score(self, values: Sequence[float]) -> float:
        """The log-odds that a claim with these values is supported."""
        at = self.roots.copy()
        given = np.asarray(values, np.float32)
        while not self.leaf[at].all():
            goes_left = given[self.feature[at]] <= self.bound[at]
            at = np.where(self.leaf[at], at, np.where(goes_left, self.left[at], self.right[at]))
        return self.base + float(self.value[at].sum())


class Support:
    """Claims beside passages to probabilities."""

    def __init__(self, path: Path = PATH) -> None:
        """Raises ConfigError when the tensors are missing, damaged or meant for another release of the weights."""
        facts, data = encoder.opened(path, made_by="finetune.support")
        changed = data["changed"].tobytes()
        self._weight, self._bias = data["weight"], data["bias"]
        self._mean, self._scale = data["mean"], float(data["scale"])
        self._weigh = data["weigh"]
        names = ("feature", "bound", "left", "right", "leaf", "value", "roots")
        self._trees = Trees(**{name: data[f"tree_{name}"] for name in names}, base=float(data["tree_base"]))
        self._encoder = encoder.Encoder(encoder.weights(), changed=encoder.by_name(facts["sizes"], changed))

    def shares(self, claim: str, passages: Sequence[Passage]) -> Floats:
        """Probabilities of supported, unsupported and contradicted, shape (len(passages), 3)."""
        if not passages:
            return np.zeros((0, 3), np.float32)
        vectors = self._encoder.vectors([text(claim, passage) for passage in passages])
        logits = ((vectors - self._mean) / self._scale) @ self._weight.T + self._bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def likely(self, claim: str, passages: Sequence[Passage], values: Sequence[Sequence[float]]) -> list[float]:
        """The probability that each passage bears out a claim: what was read, weighed with what agrees exactly (`values`, one row a
        passage, from `agent.agree.values`)."""
        shares = self.shares(claim, passages)
        return [self._weighed(row, self._trees.score(given)) for row, given in zip(shares, values, strict=True)]

    def _weighed(self, shares: Floats, exact: float) -> float:
        given = np.array([exact, *evidence(shares), 1.0], np.float64)
        return float(1 / (1 + np.exp(-(given @ self._weigh))))


def evidence(shares: Floats) -> tuple[float, float]:
    """What the reading says for a claim: the log-odds of supported, and of not contradicted."""
    safe = np.clip(shares, 1e-4, 1 - 1e-4)
    return float(np.log(safe[0] / (1 - safe[0]))), float(np.log((1 - safe[2]) / safe[2]))


@cache
def support() -> Support:
    """The one checker of a process."""
    return Support()
