"""The extractive answer: the passages' own sentences that bear on the question, in the passages' order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent import allergy
from agent.agree import WEAK
from agent.types import Facts, Language
from agent.whom import fits
from knowledge.chunk import sentences, units
from knowledge.types import Passage
from retrieval.tokenize import tokens

# The first sentence of a passage names its subject (knowledge/library/README.md), so it reads well alone.
_FIRST = 0.35
_RANK = 0.3


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence and the place of its passage."""

    text: str
    passage: int


def speaks_to(query: str, passages: Sequence[Passage]) -> bool:
    """Whether a passage holds a word of the query beyond the pages' own names, or the query has none: where none does,
    the pages are on the subject and yet none of their sentences may answer what was asked of it."""
    named = {word for passage in passages for name in (passage.title, *passage.synonyms) for word in tokens(name)}
    beyond = set(tokens(query)) - named - WEAK
    return not beyond or any(beyond & set(tokens(f"{passage.heading} {passage.text}")) for passage in passages)


def own_words(
    question: str, passages: Sequence[Passage], facts: Facts, language: Language, *, most: int = 4
) -> tuple[Extract, ...]:
    """The passages' sentences that bear on a question and may be said to this person: of their age, and nothing that they
    said to be allergic to."""
    forbidden = allergy.said_of(question)
    return extract(
        question,
        passages,
        most=most,
        keep=lambda text: fits(text, facts, language) and not allergy.offers(text, forbidden),
    )


def extract(
    query: str,
    passages: Sequence[Passage],
    *,
    most: int = 4,
    min_units: int = 4,
    keep: Callable[[str], bool] = lambda text: True,
) -> tuple[Extract, ...]:
    """At most `most` sentences that `keep` admits, chosen by words shared with the query (rarer words weigh more), the
    passage's rank and the sentence's place in it."""
    candidates = [
        (place, order, sentence)
        for place, passage in enumerate(passages)
        for order, sentence in enumerate(sentences(passage.text))
        if units(sentence) >= min_units and not sentence.endswith((":", "：")) and keep(sentence)
    ]
    words = [frozenset(tokens(f"{passages[place].heading} {text}")) for place, _, text in candidates]
    frequency = Counter(word for held in words for word in held)
    asked = set(tokens(query))

    def weight(word: str) -> float:
        return math.log(1 + len(candidates) / (1 + frequency[word]))

    total = sum(weight(word) for word in asked) or 1.0
    scored = []
    for index, (place, order, _) in enumerate(candidates):
        score = sum(weight(word) for word in asked & words[index]) / total
        score += _FIRST * (order == 0) + _RANK / (1 + place)
        scored.append((score, index))
    chosen: list[int] = []
    said: list[set[str]] = []
    for _, index in sorted(scored, key=lambda pair: -pair[0]):
        held = set(tokens(candidates[index][2]))
        if held and all(len(held & other) / len(held) < 0.8 for other in said):
            chosen.append(index)
            said.append(held)
        if len(chosen) == most:
            break
    return tuple(Extract(text=candidates[i][2].removeprefix("- "), passage=candidates[i][0]) for i in sorted(chosen))
