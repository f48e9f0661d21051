"""Topic files to documents and passages."""

from __future__ import annotations

import pytest

from knowledge.chunk import passages, sentences, split, units
from knowledge.errors import KnowledgeError
from knowledge.markdown import plain, read_topic
from knowledge.types import Document, Section

TOPIC = """---
id: hiccups
kind: symptom
title: Hiccups
audience: patient
language: en
jurisdiction: [INT]
icd10: [R06.6]
synonyms: {lay: [hiccough], clinical: [singultus]}
red_flags: []
related: []
sources:
  - {id: a, organisation: A, title: T, year: 2020, url: "https://a.org/x", jurisdiction: GB, opened: "search:pages", checked: 2026-01-01}
  - {id: b, organisation: B, title: U, year: 2021, url: "https://b.org/y", jurisdiction: US, opened: "search:pages", checked: 2026-01-01}
written: 2026-01-01
review_by: 2027-01-01
reviewed_by: none
---
## How long do hiccups last?

Hiccups usually stop **within minutes**.[^b] Hiccups over 48 hours need a visit.[^a]

## What helps

- Sip cold water.[^a]
- Hold your breath.[^a]
"""


def test_a_topic_becomes_passages_that_name_the_sources_they_cite(tmp_path):
    (tmp_path / "hiccups.md").write_text(TOPIC)
    document = read_topic(tmp_path / "hiccups.md")
    first, second = passages(document)
    assert first.text == "Hiccups usually stop within minutes. Hiccups over 48 hours need a visit."
    assert [source.id for source in first.sources] == ["b", "a"], "in the order they are cited"
    assert [source.id for source in second.sources] == ["a"]
    assert second.text == "- Sip cold water.\n- Hold your breath."
    assert (second.title, second.heading, second.synonyms) == ("Hiccups", "What helps", ("hiccough", "singultus"))
    assert first.id != second.id and first.published == "2026-01-01"


def test_a_passage_id_is_its_content(tmp_path):
    file = tmp_path / "hiccups.md"
    file.write_text(TOPIC)
    before = [passage.id for passage in passages(read_topic(file))]
    file.write_text(TOPIC.replace("cold water", "warm water"))
    after = [passage.id for passage in passages(read_topic(file))]
    assert before[0] == after[0] and before[1] != after[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("---\n", "", 1), "no front matter"),
        (lambda text: text.replace("written: 2026-01-01\n", ""), "lacks written"),
        (lambda text: text.replace("opened: \"search:pages\", ", ""), "a source lacks opened"),
        (lambda text: text.replace("title: Hiccups", "title: Hiccups: a guide"), "not YAML"),
        (lambda text: text.replace("## What helps", "# What helps"), "## or ###"),
    ],
)
def test_a_broken_topic_is_refused_with_what_is_wrong(tmp_path, change, said):
    file = tmp_path / "hiccups.md"
    file.write_text(change(TOPIC))
    with pytest.raises(KnowledgeError, match=said):
        read_topic(file)


def test_plain_text_keeps_words_and_drops_marks():
    assert plain("**Bold** and *thin*, see [a page](https://x.org).[^a][^b]") == "Bold and thin, see a page."
    assert plain("2 * 3 * 4 and snake_case_name") == "2 * 3 * 4 and snake_case_name"


def test_a_long_text_is_split_between_sentences_and_loses_no_word():
    text = " ".join(f"Sentence number {i} has exactly seven words." for i in range(60))
    pieces = split(text, max_units=50)
    assert all(units(piece) <= 50 for piece in pieces)
    assert " ".join(pieces).split() == text.split()
    assert all(piece.endswith(".") for piece in pieces)


def test_one_endless_sentence_is_still_split():
    text = "word " * 1000
    pieces = split(text, max_units=120)
    assert max(units(piece) for piece in pieces) <= 120
    assert " ".join(pieces).split() == text.split()


def test_chinese_sentences_are_cut_at_their_stops_and_are_substrings():
    text = "感冒由病毒引起。多喝水；多休息！\n- 超过10天要看医生。"
    assert sentences(text) == ["感冒由病毒引起。", "多喝水；", "多休息！", "- 超过10天要看医生。"]
    assert all(sentence in text for sentence in sentences(text))


def test_a_decimal_does_not_end_a_sentence():
    assert sentences("A fever is 38.5 degrees. Drink water.") == ["A fever is 38.5 degrees.", "Drink water."]


def test_a_document_without_text_still_gives_a_passage():
    (passage,) = passages(Document(id="x", title="Only a title", language="en", sections=(), sources=()))
    assert passage.text == "Only a title"


def test_the_same_paragraph_twice_gives_two_passages():
    document = Document(id="x", title="T", language="en", sections=(Section((), "Same."), Section((), "Same.")), sources=())
    first, second = passages(document)
    assert first.id != second.id
