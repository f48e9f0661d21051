"""The extractive answer: the passages' own sentences that bear on the question by words and meaning, in the passages' order."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent import allergy
from agent.agree import WEAK
from agent.types import Facts, Language
from agent.whom import fits
from knowledge.chunk import sentences, units
from knowledge.types import Passage
from retrieval.embedders import shipped
from retrieval.embedders.recent import Recent
from retrieval.index import embedded_sentence
from retrieval.tokenize import tokens
from retrieval.types import Embedder, Vectors

# The first sentence of a passage names its subject (knowledge/library/README.md), so it reads well alone.
_FIRST, _RANK = 0.15, 0.15
# What the nearest sentence gets and the farthest does not. `python -m evals.bench_sentences` measures these three.
_NEAREST = 0.5
_KEPT = 8192
_DOSE = re.compile(
    r"\d\s?(?:mg|mcg|g|ml|iu|units?|tablets?|capsules?|puffs?|drops?)\b|\d\s?(?:毫克|微克|克|毫升|片|粒|喷|滴)",
    re.IGNORECASE,
)
Near = Callable[[Sequence[str]], Vectors]
"""Shape (n,): the cosine of each of n texts to what was asked."""
_recent = Recent(most=_KEPT)


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence and the place of its passage."""

    text: str
    passage: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may be said, the place of its passage and its own place in it."""

    passage: int
    order: int
    text: str


def speaks_to(query: str, passages: Sequence[Passage]) -> bool:
    """Whether a passage holds a word of the query beyond the pages' own names, or the query has none: where none does,
    the pages are on the subject and yet none of their sentences may answer what was asked of it."""
    named = {word for passage in passages for name in (passage.title, *passage.synonyms) for word in tokens(name)}
    beyond = set(tokens(query)) - named - WEAK
    return not beyond or any(beyond & set(tokens(f"{passage.heading} {passage.text}")) for passage in passages)


def own_words(
    question: str,
    passages: Sequence[Passage],
    facts: Facts,
    language: Language,
    *,
    most: int = 4,
    near: Near | None = None,
) -> tuple[Extract, ...]:
    """The passages' sentences that bear on a question and may be said to this person: of their age, and nothing that they
    said to be allergic to."""
    forbidden = allergy.said_of(question)
    return extract(
        question,
        passages,
        most=most,
        keep=lambda text: fits(text, facts, language) and not allergy.offers(text, forbidden),
        near=near,
    )


def extract(
    query: str,
    passages: Sequence[Passage],
    *,
    most: int = 4,
    min_units: int = 4,
    keep: Callable[[str], bool] = lambda text: True,
    near: Near | None = None,
) -> tuple[Extract, ...]:
    """At most `most` sentences that `keep` admits, the best by `scores`, in the passages' order and none nearly twice."""
    candidates = [
        Candidate(place, order, text)
        for place, passage in enumerate(passages)
        for order, text in enumerate(sentences(passage.text))
        if units(text) >= min_units and not text.endswith((":", "：")) and keep(text)
    ]
    candidates = _doses_of_one_page(candidates, passages)
    scored = scores(query, passages, candidates, near=near)
    chosen: list[int] = []
    said: list[set[str]] = []
    for index in sorted(range(len(candidates)), key=lambda index: -scored[index]):
        held = set(tokens(candidates[index].text))
        if held and all(len(held & other) / len(held) < 0.8 for other in said):
            chosen.append(index)
            said.append(held)
        if len(chosen) == most:
            break
    return tuple(
        Extract(text=candidates[i].text.removeprefix("- "), passage=candidates[i].passage) for i in sorted(chosen)
    )


def _doses_of_one_page(candidates: list[Candidate], passages: Sequence[Passage]) -> list[Candidate]:
    """Without the amounts of pages that come after another page of the same name which gives one: what two pages say of a dose
    is not mixed, and the page that search put first is believed."""
    first: dict[str, str] = {}
    kept = []
    for one in candidates:
        page = passages[one.passage]
        if _DOSE.search(one.text):
            names = set(tokens(page.title)) - WEAK
            if any(first.get(name, page.document) != page.document for name in names):
                continue
            first.update(dict.fromkeys(names, page.document))
        kept.append(one)
    return kept


def scores(
    query: str, passages: Sequence[Passage], candidates: Sequence[Candidate], *, near: Near | None = None
) -> list[float]:
    """How much each candidate bears on the query: words shared with it (rarer words weigh more), nearness by meaning to it
    among the candidates, the passage's rank, and whether the sentence is its passage's first."""
    words = [frozenset(tokens(f"{passages[one.passage].heading} {one.text}")) for one in candidates]
    frequency = Counter(word for held in words for word in held)
    asked = set(tokens(query))

    def weight(word: str) -> float:
        return math.log(1 + len(candidates) / (1 + frequency[word]))

    total = sum(weight(word) for word in asked) or 1.0
    found = [
        sum(weight(word) for word in asked & set(tokens(one.text))) / total
        + _FIRST * (one.order == 0)
        + _RANK / (1 + one.passage)
        for one in candidates
    ]
    if near is None or len(candidates) < 2:
        return found
    cosines = near([embedded_sentence(passages[one.passage], one.text) for one in candidates])
    low, high = float(cosines.min()), float(cosines.max())
    spread = (high - low) or 1.0
    return [score + _NEAREST * (float(cosine) - low) / spread for score, cosine in zip(found, cosines, strict=True)]


def nearness(embedder: Embedder, question: str) -> Near:
    """How near texts are to a question by an embedder's vectors. Those of the library's sentences ship with it; of others
    those read last are remembered."""
    known = shipped.sentences(embedder.id)

    def near(texts: Sequence[str]) -> Vectors:
        vectors = known(texts)
        if others := [place for place, vector in enumerate(vectors) if vector is None]:
            read = _recent.all_of(
                [f"{embedder.id}\n{texts[place]}" for place in others],
                lambda places: embedder.passages([texts[others[place]] for place in places]),
            )
            for place, vector in zip(others, read, strict=True):
                vectors[place] = vector
        cosines: Vectors = np.stack([vector for vector in vectors if vector is not None]) @ embedder.query(question)
        return cosines

    return near
