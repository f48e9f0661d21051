"""Which hits bear on the question. None left means not found, and that is said."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from knowledge.terms import load_terms
from knowledge.types import Passage
from retrieval.names import named_in
from retrieval.tokenize import tokens
from retrieval.types import Hit

# The embedder's cosines lie between about .80 (unrelated) and .90 (the same subject).
_COSINE_LOW, _COSINE_HIGH = 0.80, 0.90
# Weights and the threshold (`min_relevance` in agent/config.py) were chosen on the even lines of
# evals/cases/relevance.jsonl and are reported on the odd ones by `make bench-relevance`.
_NEAR, _WORDS, _SUBJECT = 0.4, 0.2, 0.4
_VERY_NEAR, _UNNAMED = 0.9, 0.8
# A page that none of its names speaks for is on the subject where it holds so much of the question, and is so near to it.
_HELD, _NOT_FAR = 0.8, 0.3
# A symptom is told in many words, and a part of the body is in every story.
_TOLD_IN_OTHER_WORDS = ("symptoms", "body")
# What a passage is worth that mentions nothing of what the question names.
_OTHER = 0.5
# A passage much less relevant than the best one is about something else.
_OF_BEST = 0.7


def bearing(query: str, hits: Sequence[Hit], *, least: float, rules: Collection[str] = ()) -> tuple[Hit, ...]:
    """The hits whose relevance is at least `least` and not far below the best one's, in order."""
    scored = [(relevance(query, hit, rules=rules), hit) for hit in hits]
    best = max((score for score, _ in scored), default=0.0)
    return tuple(hit for score, hit in scored if score >= max(least, _OF_BEST * best))


def relevance(query: str, hit: Hit, *, rules: Collection[str] = ()) -> float:
    """0 to 1: nearness of the vectors, share of the query's words held, and whether its page's subject is named.

    `rules` are the ids of the triage rules that fired: a page that lists one of them is about what was told, whatever
    words were used for it.
    """
    near = 0.0
    if hit.dense is not None:
        near = min(1.0, max(0.0, (hit.dense - _COSINE_LOW) / (_COSINE_HIGH - _COSINE_LOW)))
    held = coverage(query, hit.passage)
    named = 1.0 if set(rules) & set(hit.passage.red_flags) else subject(query, hit.passage)
    if not named and held >= _HELD and near >= _NOT_FAR:
        # A hospital's own page is called "Features and overview": what it is about, its words say.
        named = held
    score = _NEAR * near + _WORDS * held + _SUBJECT * named
    if named < 1.0 and of_another_thing(query, hit.passage):
        score *= _OTHER
    # A page none of whose names was said has to be very near to be meant.
    return score if named or near >= _VERY_NEAR else _UNNAMED * score


def coverage(query: str, passage: Passage) -> float:
    """The share of the query's words that the passage, its title or its synonyms hold; long words weigh more."""
    asked = set(tokens(query))
    if not asked:
        return 0.0
    held = set(tokens("\n".join((passage.title, passage.heading, passage.text, *passage.synonyms))))
    total = sum(math.sqrt(len(word)) for word in asked)
    return sum(math.sqrt(len(word)) for word in asked & held) / total


def subject(query: str, passage: Passage) -> float:
    """How much of a name of the page's subject stands in the query; by the passage's words where it has no name."""
    named = named_in(query, passage)
    return named if named or any(map(tokens, (passage.title, passage.heading))) else coverage(query, passage)


def of_another_thing(query: str, passage: Passage) -> bool:
    """Whether the question names an illness, a medicine or a procedure, and the passage mentions none of those named."""
    named = [
        mention.concept
        for mention in load_terms().find(query)
        if mention.concept is not None and mention.concept.kind not in _TOLD_IN_OTHER_WORDS
    ]
    if not named:
        return False
    held = " ".join((passage.title, passage.heading, passage.text, *passage.synonyms)).lower()
    words = set(tokens(held))
    return not any(
        (name.lower() in held if passage.language == "zh" else words.issuperset(tokens(name)) and tokens(name))
        for concept in named
        for name in concept.names(passage.language)
    )
