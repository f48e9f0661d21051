"""MedQuAD, as XML and as lines: a page a Document, the same in both forms; what has no answer is said."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from knowledge.sources.medquad import read_medquad
from knowledge.sources.reading import read_path, recognise

FIXTURES = Path(__file__).parent / "fixtures" / "medquad"
CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "medquad.jsonl.gz"
PAGE = FIXTURES / "1_CancerGov_QA" / "0000901_1.xml"
ROWS = [
    {"id": "0000901_1-1", "qtype": "information", "question": "What is (are) Invented Cell Tumour ?", "answer": "A lump forms.", "focus": "Invented Cell Tumour", "source": "CancerGov", "url": "https://www.cancer.gov/types/invented/patient/page", "folder": "1_CancerGov_QA"},
    {"id": "0000901_1-3", "qtype": "symptoms", "question": "What are the symptoms ?", "answer": "A lump.", "focus": "Invented Cell Tumour", "source": "CancerGov", "url": "https://www.cancer.gov/types/invented/patient/page", "folder": "1_CancerGov_QA"},
    {"id": "0000901-1", "qtype": "information", "question": "What is it ?", "answer": "Another site's page of the same number.", "focus": "Else", "source": "GARD", "url": "https://rarediseases.example.org/901", "folder": "2_GARD_QA"},
]


def test_the_tree_gives_a_document_a_page_and_says_what_is_empty():
    faults = []
    found = list(read_path(FIXTURES, on_fault=faults.append))
    assert [(path.name, document.id) for path, document in found] == [("0000901_1.xml", "medquad:CancerGov/0000901_1")]
    document = found[0][1]
    assert document.title == "Invented Cell Tumour" and document.synonyms == ("ICT", "Tumour of invented cells")
    assert document.url == document.sources[0].url == "https://www.cancer.gov/types/invented/patient/page"
    assert [section.heading for section in document.sections] == [
        ("What is (are) Invented Cell Tumour ?",), ("What are the symptoms of Invented Cell Tumour ?",),
    ]  # fmt: skip
    assert document.sections[1].text == "People notice a lump & feel tired."
    assert document.sections[0].sources == ("page",)
    assert [(fault.where, fault.what) for fault in faults] == [
        ("10_MPlus_ADAM_QA/0000902.xml, document 0000902", "2 of 2 answers are empty"),
        ("1_CancerGov_QA/0000901_1.xml, document 0000901_1", "1 of 3 answers are empty"),
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_lines_and_tree_agree_and_a_broken_line_costs_only_itself(tmp_path, packed):
    text = "\n".join([json.dumps(ROWS[0]), "not json", json.dumps(ROWS[1]), '{"id": 3}', "", json.dumps(ROWS[2]), json.dumps(ROWS[0])])
    path = tmp_path / ("rows.jsonl.gz" if packed else "rows.jsonl")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert recognise(path) == "medquad"
    faults = []
    documents = list(read_medquad(path, on_fault=faults.append))
    assert [document.id for document in documents] == ["medquad:CancerGov/0000901_1", "medquad:GARD/0000901"]
    assert [section.text for section in documents[0].sections] == ["A lump forms.", "A lump."]
    assert [fault.where.rpartition(", ")[2] for fault in faults] == ["line 2", "line 4", "line 7"]
    assert "was read before" in faults[2].what
    tree = next(iter(read_medquad(PAGE, on_fault=faults.append)))
    assert (tree.id, tree.title, tree.url) == (documents[0].id, documents[0].title, documents[0].url)


def test_a_cut_file_keeps_what_came_before_it(tmp_path):
    whole = gzip.compress(("\n".join(json.dumps({**ROWS[0], "id": f"{n}-1"}) for n in range(3000))).encode())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    faults = []
    documents = list(read_medquad(path, on_fault=faults.append))
    assert 0 < len(documents) < 3000
    assert len(faults) == 1 and "gzip data is damaged" in faults[0].what


def test_the_whole_corpus():
    if not CORPUS.is_file():
        pytest.skip("../shared/corpora is not there")
    faults = []
    documents = list(read_medquad(CORPUS, on_fault=faults.append))
    assert faults == []
    assert len(documents) == len({document.id for document in documents}) == 5476
    assert sum(len(document.sections) for document in documents) == 16407
    assert all(document.url.startswith("http") and document.title for document in documents)
