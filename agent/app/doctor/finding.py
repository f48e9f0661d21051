"""A doctor's search: the best passages of the documents that the filters leave, each in its section."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.agree import WEAK
from agent.app.doctor.shelf import Chosen, admitted, shelf, without
from agent.build import Agent
from agent.language import detect
from agent.relevance import bearing
from knowledge.chunk import sentences
from knowledge.errors import InputError
from knowledge.types import Passage
from retrieval.expand import other_names
from retrieval.search import search
from retrieval.tokenize import tokens
from retrieval.types import Filters, Hit

K = 10


@dataclass(frozen=True, slots=True)
class Found:
    """A hit: the sentence of it that stands nearest to the question, and the passages of its section with one before and after.

    `near`: whether it bears on the question, by the same measure as the agent's answers. `own`: added here.
    """

    passage: Passage
    sentence: str
    around: tuple[Passage, ...]
    near: bool
    own: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found, in how many documents and passages; `relax`: how many documents there would be without each filter;
    `foreign`: some are in another language than the question."""

    hits: tuple[Found, ...]
    documents: int
    passages: int
    relax: dict[str, int]
    foreign: bool
    read_as: tuple[tuple[str, str], ...] = ()


def find(agent: Agent, query: str, chosen: Chosen, *, k: int = K) -> Outcome:
    """The `k` best passages for `query`, at most two of a document: those that bear on it first, of these the current ones.

    Raises:
        InputError: nothing was asked, or a filter cannot be used.
    """
    if not query.strip():
        raise InputError("Nothing was asked", expected="a question or some words", remedy="Type what you look for")
    index, volumes = agent.index, shelf(agent.index)
    ids = admitted(volumes, chosen)
    filters = Filters(documents=ids if chosen.fields else None)
    found = search(index, query, embedder=agent.embedder, filters=filters, k=k, per_document=2)
    near = {hit.passage.id for hit in bears(query, found.hits, agent)}
    # What was replaced stands below what is current and bears on the question too.
    ranked = sorted(found.hits, key=lambda hit: (hit.passage.id not in near, bool(hit.passage.superseded_by)))
    own = {one.id for one in volumes if one.own}
    marked = nearest(query, [hit.passage for hit in ranked])
    hits = tuple(
        Found(hit.passage, sentence, around(agent, hit.passage), hit.passage.id in near, hit.passage.document in own)
        for hit, sentence in zip(ranked, marked, strict=True)
    )
    relax = without(volumes, chosen) if not near else {}
    foreign = any(one.id in ids and one.language != detect(query, None) for one in volumes)
    return Outcome(hits, len(ids), found.searched, relax, foreign, tuple(found.read_as.items()))


def nearest(query: str, passages: Sequence[Passage]) -> list[str]:
    """For each passage the sentence that shares most with the question, rarer words counting more; "" where none shares a word.

    A word counts under its other names too, so that an English passage is marked for a Chinese question.
    """
    parts = [sentences(passage.text) or [passage.text] for passage in passages]
    worth = iter(
        worths(
            query, [(text, passage.language) for each, passage in zip(parts, passages, strict=True) for text in each]
        )
    )
    chosen = []
    for each in parts:
        scored = [(next(worth), -place, text) for place, text in enumerate(each)]
        best, _, text = max(scored)
        chosen.append(text if best > 0 else "")
    return chosen


def worths(query: str, texts: Sequence[tuple[str, str]]) -> list[float]:
    """How much each text (with its language) shares with the question: the weights of common words, those of few texts the most."""
    held = [frozenset(tokens(text)) for text, _ in texts]
    frequency = Counter(word for words in held for word in words)
    asked = {
        language: frozenset(tokens(query)) | _names(query, language) for language in {spoken for _, spoken in texts}
    }

    def weight(word: str) -> float:
        return math.log(1 + len(texts) / (1 + frequency[word]))

    return [
        sum(weight(word) for word in sorted(words & asked[language] - WEAK)) / (1 + 0.02 * len(words))
        for words, (_, language) in zip(held, texts, strict=True)
    ]


def _names(query: str, language: str) -> frozenset[str]:
    """The words of the other names of what the question names, in the language of a passage."""
    return frozenset(word for name in other_names(query, language) for word in tokens(name))


def around(agent: Agent, passage: Passage) -> tuple[Passage, ...]:
    """The passages under the same heading, with one before and one after, in the document's order."""
    whole = agent.index.of(passage.document)
    here = [place for place, each in enumerate(whole) if each.heading == passage.heading]
    if not here:
        return (passage,)
    return whole[max(0, here[0] - 1) : here[-1] + 2]


def bears(query: str, hits: Sequence[Hit], agent: Agent) -> tuple[Hit, ...]:
    """Those of the hits that bear on the question, as the agent's answers have it, in order.

    A passage in another language than the question's is measured by the names that the terminology has there for what the
    question names: its words could not be shared.
    """
    spoken = detect(query, None)
    near: set[str] = set()
    for language in {hit.passage.language for hit in hits}:
        there = [hit for hit in hits if hit.passage.language == language]
        asked = query if language == spoken else " ".join(other_names(query, language)) or query
        near |= {hit.passage.id for hit in bearing(asked, there, least=agent.settings.min_relevance)}
    return tuple(hit for hit in hits if hit.passage.id in near)
