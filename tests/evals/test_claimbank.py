"""Our bank of claims: large enough, labelled, and no passage on both sides of a split."""

from __future__ import annotations

from collections import Counter

from evals.claimbank import LABELS, of_split, pairs


def test_the_bank_holds_what_it_says():
    counted = Counter((pair.passage.language, pair.label) for pair in pairs())
    assert all(counted[language, label] >= 100 for language in ("en", "zh") for label in LABELS)
    assert sum(counted.values()) >= 600
    kinds = {pair.kind for pair in pairs() if pair.label == "contradicted"}
    assert {"number", "unit", "negation", "drug", "direction", "condition", "scope", "role", "body", "opposite"} <= kinds


def test_a_passage_and_its_words_belong_to_one_split():
    texts = {split: {pair.passage.text for pair in of_split(split)} for split in ("train", "validation", "test")}
    assert all(texts.values())
    assert not texts["train"] & texts["test"] and not texts["train"] & texts["validation"] and not texts["validation"] & texts["test"]
    assert len({pair.claim for pair in pairs()}) > 0.99 * len(pairs())
