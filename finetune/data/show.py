"""Passages as in service: found by the agent's own search, kept by its own relevance, fitted to its own budget."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agent.config import Settings
from agent.generate import fit
from agent.relevance import bearing
from agent.types import ChatModel
from finetune.data.draft import Draft
from knowledge.types import Passage
from retrieval.search import search
from retrieval.types import Embedder, Filters

if TYPE_CHECKING:
    from retrieval.index import Index

_PIECE = re.compile(r"[㐀-鿿]|[A-Za-z]+|\d|[^\s\w]")
_CHINESE = re.compile("[㐀-鿿]")
_ENGLISH = 1.09
_WANTED = (1, 2, 2, 3, 3, 3, 4, 4)


@dataclass(frozen=True, slots=True)
class Finder:
    """What a search needs: the index of the embedded library, its embedder and the agent's settings."""

    index: Index
    embedder: Embedder
    settings: Settings

    def near(self, question: str, language: str, *, most: int = 0) -> tuple[Passage, ...]:
        """The passages the agent would show, best first; with `most`, that many, whether or not they bear on it."""
        found = search(
            self.index,
            question,
            embedder=self.embedder,
            filters=Filters(language=language, audience="patient"),
            k=most or self.settings.passages,
            per_document=2,
        )
        hits = found.hits if most else bearing(question, found.hits, least=self.settings.min_relevance)
        return tuple(hit.passage for hit in hits if hit.passage.kind != "open-medicine" and hit.passage.document)


class Counter:
    """Counts tokens near enough to fit passages, so that no model has to be there to build the data.

    On 400 library passages the count is 1.0 of SmolLM2's for English. For Chinese it counts 0.72 a character, about what a
    tokenizer with a Chinese vocabulary needs; SmolLM2 needs 2.5 times that, so with it the engine fits fewer passages.
    """

    def tokens(self, text: str) -> list[int]:
        """As many numbers as the text has tokens."""
        size = 0.0
        for piece in _PIECE.findall(text):
            chinese = "㐀" <= piece <= "鿿"
            size += 0.72 if chinese else 1.0 + max(0, len(piece) - 9) / 6 if piece.isalpha() else 0.95
        return [0] * round(size * _ENGLISH if not _CHINESE.search(text) else size)


COUNTER = cast(ChatModel, Counter())


def show(draft: Draft, finder: Finder, *, seed: int) -> tuple[Passage, ...] | None:
    """The passages of a draft in order, its own among what else the search finds; None where they do not fit.

    The answer-bearing ones keep the place that the search gave them, or get one by chance.
    """
    chance = random.Random(f"{seed} show {draft.language} {draft.question}")
    needed = list(dict.fromkeys(passage for _, passage in draft.said))
    if draft.shown:
        return _fitted(list(draft.shown), needed, draft.question, finder.settings)
    near = [passage for passage in finder.near(draft.question, draft.language) if passage.document not in draft.without]
    wanted = max(len(needed), chance.choice(_WANTED))
    if len(needed) > finder.settings.passages:
        return None
    places = {passage.id: place for place, passage in enumerate(near)}
    others = [passage for passage in near if passage.id not in {each.id for each in needed}][: wanted - len(needed)]
    if all(passage.id in places for passage in needed):
        order = sorted([*needed, *others], key=lambda passage: places[passage.id])
    else:
        order = list(others)
        for passage in needed:
            order.insert(chance.randint(0, len(order)), passage)
    return _fitted(order, needed, draft.question, finder.settings)


def _fitted(
    order: list[Passage], needed: Sequence[Passage], question: str, settings: Settings
) -> tuple[Passage, ...] | None:
    while order:
        kept = fit(order, question, model=COUNTER, budget=settings.passage_tokens)
        if all(passage in kept for passage in needed):
            return kept
        spare = [passage for passage in order if passage not in needed]
        if not spare:
            return None
        order = [passage for passage in order if passage is not spare[-1]]
    return None


def keyed(draft: Draft, passages: Sequence[Passage]) -> str:
    """The draft's answer with the keys of the passages shown."""
    numbers = {passage.id: key for key, passage in enumerate(passages, 1)}
    told = [_with_key(text, numbers[passage.id], draft.language) for text, passage in draft.said]
    joint = " " if draft.language == "en" else ""
    parts: list[Any] = [draft.opening, joint.join(told), draft.closing]
    return joint.join(part for part in parts if part)


def _with_key(text: str, key: int, language: str) -> str:
    body, stop = (text[:-1], text[-1]) if text[-1] in ".!?。！？" else (text, "." if language == "en" else "。")
    return f"{body} [{key}]{stop}" if language == "en" else f"{body}[{key}]{stop}"
