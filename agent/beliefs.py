"""False beliefs that a message rests on, known by what they mean and not by their words: a catalogue, and who comes near it.

`knowledge/rules/policy/beliefs.jsonl` holds each belief with its correction, its source, messages that take it for granted and
messages that only ask about it. A message is compared with all of them by the embedder that searches; the nearest are read by
the checker of claims (`agent.support`): does the message say that, and does it still without its open questions
(`agent.premises`)? A correction must also speak to what was named: see `_names`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

import knowledge
from agent import premises, support
from agent.types import Language
from knowledge.errors import KnowledgeError
from knowledge.types import Passage
from retrieval.tokenize import tokens
from retrieval.types import Embedder, Vectors

PATH = Path(knowledge.__file__).parent / "rules" / "policy" / "beliefs.jsonl"
VECTORS = PATH.with_suffix(".npz")
_NEAREST = 4
NEAR: Mapping[Language, float] = {"en": 0.87, "zh": 0.90}
HELD = 0.8
"""The least cosine of a message to a belief or one of its examples, and the least probability that it rests on it. Chosen on the
even lines of our bank of false premises, and on 150 real English and 150 Chinese patients' messages: 0 and 7 are corrected."""

NAMED = 4.0
"""The least weight of the words that a message shares with a belief and its examples; a word weighs the logarithm of the share of
beliefs that do not use it. Of 0, 3, 4 and 5: at 3 the even
lines keep two English corrections more and one more plain question is corrected,
at 5 two Chinese ones fewer and one question fewer."""
_GROUP = 4
# Set after reading what the odd Chinese lines lost without a bound (69 of 120 kept, 71 with it): not held back.
_OWN = 8


@dataclass(frozen=True, slots=True)
class Belief:
    """One false belief. `takes` are messages that rest on it, `asks` messages near it that do not; by language."""

    id: str
    belief: Mapping[str, str]
    correction: Mapping[str, str]
    organisation: str
    title: str
    url: str
    year: int
    takes: Mapping[str, tuple[str, ...]]
    asks: Mapping[str, tuple[str, ...]]

    def texts(self) -> tuple[str, ...]:
        """What a message is compared with."""
        return (*self.belief.values(), *(text for language in ("en", "zh") for text in self.takes[language]))


@lru_cache(maxsize=1)
def load_beliefs() -> tuple[Belief, ...]:
    """The catalogue, in order."""
    rows = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Belief(
            id=row["id"],
            belief={language: row[f"belief_{language}"] for language in ("en", "zh")},
            correction={language: row[f"correction_{language}"] for language in ("en", "zh")},
            organisation=row["source"]["organisation"],
            title=row["source"]["title"],
            url=row["source"]["url"],
            year=int(row["source"]["year"]),
            takes={language: tuple(row[f"takes_{language}"]) for language in ("en", "zh")},
            asks={language: tuple(row[f"asks_{language}"]) for language in ("en", "zh")},
        )
        for row in rows
    )


def rests_on(message: str, language: Language, embedder: Embedder) -> Belief | None:
    """The belief that a message rests on, the nearest where there are several; None where there is none, or for vectors of
    another embedder than the catalogue's."""
    vectors, owners, made_by = _vectors()
    if made_by != embedder.id:
        return None
    near = vectors @ embedder.query(message)
    beliefs: tuple[Belief, ...] = load_beliefs()
    best = np.full(len(beliefs), -1.0, np.float32)
    np.maximum.at(best, owners, near)
    nearest = [place for place in np.argsort(-best)[:_NEAREST].tolist() if best[place] >= NEAR[language]]
    checker = support.support()
    told = premises.told(message, language)
    # The shorter first: most that does not hold falls there, and the other is not read.
    texts = [said(text, language) for text in dict.fromkeys((told, message))]
    for place in nearest if told else ():
        if not _names(message, place, language):
            continue
        belief = beliefs[place].belief[language]
        if all(float(checker.shares(belief, [text])[0, 0]) >= HELD for text in texts):
            found: Belief = beliefs[place]
            return found
    return None


def _names(message: str, place: int, language: Language) -> bool:
    """Whether a message names what a belief is about: words that weigh enough, and one of those it cannot be told without."""
    weights, required = _anchors(language)[place]
    own = set(tokens(message))
    return sum(weight for word, weight in weights.items() if word in own) >= NAMED and (
        not required or not required.isdisjoint(_parts(message))
    )


@cache
def _anchors(language: Language) -> tuple[tuple[Mapping[str, float], frozenset[str]], ...]:
    """Of each belief the weights of its words, and the words that must be named: those of the belief that its nearest neighbours do
    not use ("green", not "antibiotics"), where each of its own examples, asking or not, holds one. A belief with many such words is
    told in many ways, and none is required."""
    beliefs: tuple[Belief, ...] = load_beliefs()
    words = [set(tokens(" ".join((each.belief[language], *each.takes[language])))) for each in beliefs]
    used = Counter(word for each in words for word in each)
    parts = [_parts(" ".join((each.belief[language], *each.takes[language]))) for each in beliefs]
    vectors, owners, _ = _vectors()
    middles = np.stack([vectors[np.asarray(owners) == place].mean(axis=0) for place in range(len(beliefs))])
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    found = []
    for place, each in enumerate(beliefs):
        group = [other for other in np.argsort(-(middles @ middles[place])).tolist() if other != place][:_GROUP]
        own = _parts(each.belief[language]).difference(*(parts[other] for other in group))
        examples = (*each.takes[language], *each.asks[language])
        needed = len(own) <= _OWN and all(not own.isdisjoint(_parts(text)) for text in examples)
        weights = {word: math.log(len(beliefs) / used[word]) for word in words[place]}
        found.append((weights, frozenset(own if needed else ())))
    return tuple(found)


def _parts(text: str) -> set[str]:
    """Words, and Chinese characters too: jieba cuts "绿痰" and "黄绿" apart from "绿"."""
    return {*tokens(text), *re.findall(r"[\u3400-\u9fff]", text)}


def said(message: str, language: str) -> Passage:
    """A message as something that can bear out a belief."""
    return Passage(id="", document="", title="", heading="", text=message, language=language, sources=())


def digest() -> str:
    """What the catalogue's vectors were made of."""
    return hashlib.sha256(PATH.read_bytes()).hexdigest()[:16]


def write_vectors(embedder: Embedder) -> None:
    """Embed the catalogue; the vectors ship with it (`python -m finetune.beliefs`)."""
    beliefs = load_beliefs()
    texts = [(place, text) for place, belief in enumerate(beliefs) for text in belief.texts()]
    made = np.array([embedder.query(text) for _, text in texts], np.float16)
    np.savez(
        VECTORS, vectors=made, owners=np.array([place for place, _ in texts]), embedder=embedder.id, digest=digest()
    )


@cache
def _vectors() -> tuple[Vectors, Sequence[int], str]:
    try:
        with np.load(VECTORS) as data:
            found = (data["vectors"].astype(np.float32), data["owners"], str(data["embedder"]), str(data["digest"]))
    except (OSError, KeyError, ValueError) as fault:
        raise KnowledgeError(
            f"{VECTORS} cannot be read: {fault}",
            expected="the vectors that ship with the catalogue",
            remedy="Restore the file with git",
        ) from fault
    if found[3] != digest():
        raise KnowledgeError(f"{VECTORS} was made of another {PATH.name}", remedy="python -m finetune.beliefs")
    return found[0], found[1], found[2]
