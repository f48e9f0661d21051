"""What the encoder is taught to search with: which passages are no answer, and that no score is measured on it."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest

from evals.corpora import SHARED, bench, mails, medquad, medquad_samples, page
from finetune import pairs
from finetune.pairs import Pair
from finetune.search import unlike

needs_shared = pytest.mark.skipif(
    not (SHARED / "corpora" / "medquad.jsonl.gz").is_file(), reason="../shared is absent: MedQuAD and LiveQA lie there"
)


def _pair(passage, page="p", key="", question="q"):
    return Pair(question, passage, page, key, "en", "medquad")


def test_only_what_is_known_to_be_no_answer_counts_as_none():
    batch = [
        _pair("asthma is", "asthma", "1"), _pair("asthma is treated", "asthma", "2"), _pair("asthma is again", "asthma"),
        _pair("gout is", "gout", "3"), _pair("asthma is", "other", "4"),
    ]  # fmt: skip
    apart = unlike(batch)
    assert not apart.diagonal().any() and np.array_equal(apart, apart.T)
    assert apart[0, 1], "another question of the same page has another answer"
    assert not apart[0, 2], "a passage of the page whose question is not known may answer"
    assert apart[0, 3] and not apart[0, 4], "the same words answer, wherever they stand"


def test_pieces_are_short_and_begin_where_a_sentence_does():
    text = " ".join(f"Sentence number {n} has some words of its own." for n in range(80))
    for seed in range(20):
        piece = pairs._piece(text, random.Random(seed))
        assert piece.startswith("Sentence number") and 40 < len(piece.split()) <= 110


def test_a_chinese_question_is_made_only_of_a_name_for_the_whole_subject():
    order = random.Random(0)
    assert re.search(r"[㐀-鿿]", pairs._chinese_name("Asthma", order))
    assert pairs._chinese_name("Asthma in a family of left-handed glass blowers", order) == ""


def test_the_mails_are_whole_and_nobody_is_named_in_them():
    rows = [*mails(held=False), *mails(held=True)]
    assert len(rows) == 803 and len({row["key"] for row in rows}) == 803 and len(mails(held=True)) == 103
    for row in rows:
        assert row["ask"].strip() and 5 < len(row["message"].split()) < 200
        assert not re.search(r"@|https?:|\b\d{3}[- ]\d{3}[- ]\d{4}", f"{row['subject']} {row['message']} {row['ask']} {row['zh']}")
    assert sum(bool(row["zh"]) for row in rows) > 350


@needs_shared
def test_nothing_that_is_scored_is_trained_on():
    rows = medquad()
    scored = [key for keys in medquad_samples().values() for key in keys]
    assert len(scored) == 1200 and set(scored) <= set(rows)
    kept = pairs.trainable(rows)
    assert 8_000 < len(kept) < 12_000
    assert not {page(key, rows[key]) for key in kept} & {page(key, rows[key]) for key in scored}
    answers = [row["text"] for row in bench("retrieval_liveqa_answers")]
    urls = {re.search(r"URL: (\S+)", text)[1].rstrip("/") for text in answers}
    assert not urls & {rows[key]["url"].rstrip("/") for key in kept}
    questions = json.dumps([[row["subject"], row["message"], row["summary"]] for row in bench("retrieval_liveqa_questions")])
    assert not [row["ask"] for row in mails(held=False) if json.dumps(row["ask"])[1:-1] in questions]
