"""MedlinePlus topics: English ones from the XML, whole topics from lines of pieces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.sources.medlineplus import read_medlineplus
from knowledge.sources.reading import recognise

FILE = Path(__file__).parent / "fixtures" / "medlineplus" / "mplus_topics.xml"
CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "medlineplus_topics.jsonl.gz"


def test_an_english_topic_is_read_whole_and_spanish_left():
    faults = []
    assert recognise(FILE) == "medlineplus"
    documents = list(read_medlineplus(FILE, on_fault=faults.append))
    assert [document.id for document in documents] == ["medlineplus:90001"]
    topic = documents[0]
    assert (topic.title, topic.language, topic.url) == ("Blue Elbow", "en", "https://medlineplus.gov/blueelbow.html")
    assert (topic.published, topic.written) == ("2024-08-10", "2015-12-22")
    assert topic.synonyms == ("Elbow, blue", "Azure elbow", "Sapphire elbow", "Elbow Discoloration")
    assert [section.heading for section in topic.sections] == [("What is a blue elbow?",), ("What helps?",)]
    assert topic.sections[0].text == "A blue elbow is an elbow that has turned blue. We made it up."
    assert topic.sections[1].text.splitlines()[:3] == ["It helps to:", "- Rest for 2 days", "- Keep it below 10⁹ bumps & knocks"]
    assert "never shown" not in topic.sections[1].text
    assert "Institute of Invented Joints" in topic.sources[0].organisation
    assert [fault.where for fault in faults] == ["mplus_topics.xml, topic 90003"]


def test_pieces_are_joined_by_id(tmp_path):
    piece = {"title": "Blue Elbow", "url": "https://medlineplus.gov/blueelbow.html"}
    rows = [{**piece, "id": "1", "text": "First."}, {**piece, "id": "1", "text": "Second."}, {**piece, "id": "2", "text": "Other."}, {"id": "3", "title": 7}, {**piece, "id": "1", "text": "Late."}]
    path = tmp_path / "topics.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    faults = []
    documents = list(read_medlineplus(path, on_fault=faults.append))
    assert recognise(path) == "medlineplus"
    assert [(document.id, document.sections[0].text) for document in documents] == [("medlineplus:1", "First.\nSecond."), ("medlineplus:2", "Other.")]
    assert ["line 4" in faults[0].where, "line 5" in faults[1].where] == [True, True]


def test_the_whole_corpus():
    if not CORPUS.is_file():
        pytest.skip("../shared/corpora is not there")
    faults = []
    documents = list(read_medlineplus(CORPUS, on_fault=faults.append))
    assert (len(documents), faults) == (1023, [])
