"""Vectors in Milvus: a real milvus-lite in a temporary folder, held to what the files answer."""

from __future__ import annotations

import json
import shutil
import socket
import time
import traceback
import zlib

import numpy as np
import pytest
from click.testing import CliRunner

from agent.build import open_index, own_index
from agent.config import Settings
from knowledge.build import embedded_identity
from knowledge.cli import knowledge
from knowledge.errors import ConfigError, IndexFault, StoreError
from knowledge.types import Document, Section
from retrieval import index as index_module
from retrieval import push as push_module
from retrieval.add import Adder, add_documents
from retrieval.push import Pushed, push
from retrieval.search import admits, search
from retrieval.types import Filters
from retrieval.vectors import milvus

pytest.importorskip("pymilvus", reason="pymilvus is not installed")
server = pytest.importorskip("milvus_lite.server_manager", reason="milvus-lite is not installed")


class Scattered:
    """An embedder whose vectors are far apart, so that no two cosines tie; the subject is the store, not meaning."""

    id, dimensions = "scattered-32", 32

    def query(self, text):
        vector = np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dimensions)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def passages(self, texts):
        return np.stack([self.query(text) for text in texts])


class Other(Scattered):
    id = "other-32"


LANGUAGES, AUDIENCES = ("en", "zh"), ("patient", "clinician", "both")
PLACES = ((), ("GB",), ("INT",), ("US", "CN"), ("GBR",))
DATES = ("", "2018", "2023-05", "2024-11-02")
FILTERS = [
    Filters(), Filters(language="zh"), Filters(audience="patient"), Filters(audience="clinician"), Filters(jurisdiction="GB"),
    Filters(jurisdiction="INT"), Filters(published_since="2023-05"), Filters(published_since="2024"),
    Filters(language="en", audience="patient", jurisdiction="CN", published_since="2023"),
    Filters(language="fr"), Filters(language='e"n\\'), Filters(language='" or row >= 0 or language == "'),
    Filters(jurisdiction="中国"), Filters(language="en", prefer="US"),
]  # fmt: skip


def document(number, text="", **fields):
    given = {"language": LANGUAGES[number % 2], "audience": AUDIENCES[number % 3], "jurisdiction": PLACES[number % 5],
             "published": DATES[number % 4]} | fields  # fmt: skip
    text = text or f"Subject {number} told in words of its own, {number * 7} of them."
    return Document(id=f"d{number}", title=f"Subject {number}", sections=(Section((), text),), sources=(), **given)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "index"
    index_module.build([document(number) for number in range(60)], embedder=Scattered(), out=folder)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "index")


@pytest.fixture
def spec(tmp_path):
    yield f"milvus:{tmp_path / 'vectors.db'}"
    server.server_manager_instance.release_server(str(tmp_path / "vectors.db"))


def changed(folder):
    """Documents are added, replaced and deleted."""
    kept = [document(number) for number in range(60) if number % 7]
    kept[3] = document(4, text="Subject 4 is told anew.")
    kept += [document(number) for number in range(60, 70)]
    adder = Adder(folder, embedder=Scattered(), origin="")
    adder.drop_missing({each.id for each in kept})
    add_documents([("file", each) for each in kept], adder)


def pushed_and_opened(folder, spec):
    done = push(folder, spec)
    return done, index_module.load(folder, embedder=Scattered.id, store=spec)


@pytest.mark.parametrize("change", [lambda _: None, changed], ids=["built", "changed"])
@pytest.mark.parametrize("where", ["files", "milvus"])
def test_a_store_gives_the_nearest_of_what_the_filters_admit(folder, spec, where, change):
    if where == "milvus":
        push(folder, spec)
    change(folder)
    index = pushed_and_opened(folder, spec)[1] if where == "milvus" else index_module.load(folder)
    rows = index.catalogue.rows
    query = Scattered().query("a question")
    truth = {row: float(index_module.files.read(folder / "vectors.f32", rows, 32)[row] @ query) for row in range(rows)}
    seen = set()
    for filters in FILTERS:
        wanted = [row for row, passage in index.catalogue.passages(range(rows)).items() if admits(filters, passage)]
        wanted.sort(key=lambda row: -truth[row])
        for k in (5, 1000):
            found = index.vectors.nearest(query, k, filters)
            assert [row for row, _ in found] == wanted[:k], filters
            assert [score for _, score in found] == pytest.approx([truth[row] for row in wanted[:k]], abs=1e-5)
        seen.add(len(wanted))
    assert {0, len(index.passages)} < seen and len(seen) > 5
    assert index.vectors.shape == (rows, 32) and index.vectors.nearest(query, 0) == []
    assert index.vectors.rows([11])[0] == pytest.approx(index_module.files.read(folder / "vectors.f32", rows, 32)[11], abs=1e-6)


@pytest.mark.parametrize("change", [lambda _: None, changed], ids=["built", "changed"])
def test_the_same_questions_have_the_same_hits_in_both(folder, spec, change):
    change(folder)
    _, there = pushed_and_opened(folder, spec)
    here = index_module.load(folder)
    for mode in ("dense", "hybrid"):
        for filters in FILTERS:
            one, two = (
                search(index, "Subject 12", embedder=Scattered(), filters=filters, mode=mode, k=8) for index in (here, there)
            )
            assert [hit.passage for hit in one.hits] == [hit.passage for hit in two.hits]
            assert [hit.score for hit in one.hits] == pytest.approx([hit.score for hit in two.hits], abs=1e-5)
            assert one.searched == two.searched


def test_a_push_sends_only_what_differs(folder, spec):
    assert push(folder, spec) == Pushed(60, inserted=60, replaced=0, deleted=0)
    assert push(folder, spec) == Pushed(60, inserted=0, replaced=0, deleted=0)
    changed(folder)
    # Nine of sixty are gone, and the replaced one's old row; ten are new, and the replaced one's new row.
    assert push(folder, spec) == Pushed(61, inserted=11, replaced=0, deleted=10)


def test_the_vectors_themselves_need_not_be_local(folder, spec):
    push(folder, spec)
    (folder / "vectors.f32").unlink()
    index = index_module.load(folder, store=spec)
    assert len(search(index, "Subject 12", embedder=Scattered(), mode="dense").hits) == 10
    with pytest.raises(IndexFault, match=r"vectors\.f32 is missing"):
        index_module.load(folder)


def test_a_stopped_push_goes_on_where_it_was(folder, spec, monkeypatch):
    monkeypatch.setattr(push_module, "_BATCH", 8)
    monkeypatch.setattr(push_module, "WINDOW", 20)
    put, calls = milvus.Collection.put, []

    def stops(self, rows, *, replace):
        calls.append(len(rows))
        if len(calls) == 4:
            raise KeyboardInterrupt
        put(self, rows, replace=replace)

    with monkeypatch.context() as patch:
        patch.setattr(milvus.Collection, "put", stops)
        with pytest.raises(KeyboardInterrupt):
            push(folder, spec)
    with pytest.raises(IndexFault, match="was not completed") as caught:
        index_module.load(folder, store=spec)
    assert "knowledge push" in str(caught.value)
    told = []
    done = push(folder, spec, lambda at, of: told.append((at, of)))
    assert calls == [8, 8, 4, 8] and done.inserted == 60 - 20 and told == [(20, 60), (40, 60), (60, 60)]
    assert index_module.load(folder, store=spec).vectors.shape == (60, 32)


@pytest.mark.parametrize("what", ["create_collection", "create_index"])
def test_a_push_stopped_while_it_makes_the_collection_is_made_good(folder, spec, monkeypatch, what):
    ask = milvus.Collection._ask

    def stops(self, name, *given, **more):
        if name == what and given[0] == "anamnesis":
            raise KeyboardInterrupt
        return ask(self, name, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(milvus.Collection, "_ask", stops)
        with pytest.raises(KeyboardInterrupt):
            push(folder, spec)
    with pytest.raises(IndexFault, match="knowledge push"):
        index_module.load(folder, store=spec)
    assert pushed_and_opened(folder, spec)[0].inserted == 60


def test_another_corpus_or_embedder_is_refused_until_it_is_pushed(folder, spec, tmp_path):
    push(folder, spec)
    few = [document(number) for number in range(3)]
    for name, embedder, said in (("fewer", Scattered(), "has corpus"), ("other", Other(), "has embedder 'scattered-32'")):
        index_module.build(few, embedder=embedder, out=tmp_path / name)
        with pytest.raises(IndexFault, match=said) as caught:
            index_module.load(tmp_path / name, store=spec)
        assert "Expected '" in str(caught.value) and "knowledge push" in str(caught.value)
    assert push(tmp_path / "other", spec).inserted == 3
    assert index_module.load(tmp_path / "other", store=spec).vectors.shape == (3, 32)
    with pytest.raises(IndexFault, match="has embedder 'other-32'"):
        index_module.load(folder, store=spec)


def test_the_same_passages_in_other_rows_are_another_index(tmp_path, spec):
    for name, order in (("first", (0, 1, 2)), ("last", (2, 0, 1))):
        index_module.build([document(number) for number in order], embedder=Scattered(), out=tmp_path / name)
        adder = Adder(tmp_path / name, embedder=Scattered(), origin="")
        adder.drop_missing({"d0", "d1"})
        adder.close()
    first, last = (index_module.load(tmp_path / name) for name in ("first", "last"))
    assert first.corpus == last.corpus and first.catalogue.rows == last.catalogue.rows
    _, opened = pushed_and_opened(tmp_path / "first", spec)
    with pytest.raises(IndexFault, match="other passages"):
        index_module.load(tmp_path / "last", store=spec)
    query = Scattered().query("x")
    assert {row for row, _ in opened.vectors.nearest(query, 5)} == {0, 1}
    assert push(tmp_path / "last", spec) == Pushed(2, inserted=1, replaced=1, deleted=1)
    # Who had it open is never given the vector of one passage for another.
    assert opened.vectors.nearest(query, 5) == []


def test_a_passage_for_others_is_sent_again(folder, spec):
    push(folder, spec)
    adder = Adder(folder, embedder=Scattered(), origin="")
    add_documents([("file", document(1, audience="patient", language="en"))], adder)
    _, index = pushed_and_opened(folder, spec)
    found = index.vectors.nearest(Scattered().query("x"), 100, Filters(audience="patient"))
    assert index.catalogue.row_of(index.of("d1")[0].id) in {row for row, _ in found}


def test_two_indexes_in_two_collections(folder, spec, tmp_path):
    index_module.build([document(1)], embedder=Other(), out=tmp_path / "small")
    push(folder, spec)
    push(tmp_path / "small", f"{spec}#small", kind="HNSW", shards=2)
    assert index_module.load(folder, store=spec).vectors.shape == (60, 32)
    small = index_module.load(tmp_path / "small", store=f"{spec}#small")
    assert small.vectors.kind == "HNSW" and len(small.vectors.nearest(Other().query("x"), 500)) == 1


def test_what_a_cluster_is_asked_for():
    from pymilvus import MilvusClient

    class Notes:
        create_schema, prepare_index_params = MilvusClient.create_schema, MilvusClient.prepare_index_params

        def __init__(self):
            self.asked = []

        def __getattr__(self, what):
            return lambda *given, **more: self.asked.append((what, *given, more)) or ([[]] if what == "search" else [])

    client = Notes()
    collection = milvus.Collection(client, milvus.parsed("milvus:https://host:19530#guidelines"), "token")
    collection.make(milvus.About("e", 32, "IVF_RABITQ"), shards=2, replicas=3)
    asked = {(what, name): more for what, name, more in client.asked}
    assert asked["create_collection", "guidelines"]["num_shards"] == 2
    assert asked["load_collection", "guidelines"]["replica_number"] == 3
    made = {index.field_name: index.to_dict() for index in asked["create_index", "guidelines"]["index_params"]}
    assert made["vector"]["index_type"] == "IVF_RABITQ" and made["vector"]["metric_type"] == "IP"
    assert {name for name, index in made.items() if index["index_type"] == "INVERTED"} == {"language", "audience", "jurisdiction", "published"}
    for kind, wanted in (("IVF_RABITQ", {"nprobe": 64, "rbq_query_bits": 8, "refine_k": 4}), ("HNSW", {"ef": 500})):
        assert collection.nearest(np.zeros(32), 500, "", kind) == []
        assert client.asked[-1][-1]["search_params"] == {"metric_type": "IP", "params": wanted}


def test_a_collection_of_somebody_else_is_left_alone(folder, spec, tmp_path):
    from pymilvus import MilvusClient

    client = MilvusClient(str(tmp_path / "vectors.db"))
    client.create_collection("anamnesis", dimension=4)
    with pytest.raises(IndexFault, match="was not made by"):
        push(folder, spec)
    assert client.has_collection("anamnesis")
    client.close()


def test_a_store_without_a_push_or_an_index(folder, spec, tmp_path):
    with pytest.raises(IndexFault, match="no vector store"):
        index_module.load(folder, store=spec)
    assert not (tmp_path / "vectors.db").exists()
    with pytest.raises(IndexFault, match="no index"):
        push(tmp_path / "nowhere", spec)
    adder = Adder(folder, embedder=Scattered(), origin="")
    with pytest.raises(StoreError, match="Another process"):
        push(folder, spec)
    adder.close()


@pytest.mark.parametrize("wrong", ["milvus:", "faiss:x", "milvus:vectors", "milvus:ftp://host", "milvus:x.db#a b", "x.db"])
def test_a_store_that_is_none(folder, wrong):
    with pytest.raises(ConfigError, match="Expected milvus:URI"):
        index_module.load(folder, store=wrong)


@pytest.mark.parametrize("answers", ["refuses", "is silent"])
def test_an_unreachable_cluster_is_said_within_seconds_and_the_token_never(folder, monkeypatch, capfd, free_port, answers):
    monkeypatch.setenv(milvus.TOKEN, "root:s3cr3t-word")
    monkeypatch.setattr(milvus, "_CONNECT", 2.0)
    with socket.socket() as listening:
        if answers == "is silent":
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            free_port = listening.getsockname()[1]
        for what in (lambda: push(folder, f"milvus:http://127.0.0.1:{free_port}"),
                     lambda: index_module.load(folder, store=f"milvus:http://127.0.0.1:{free_port}#x")):  # fmt: skip
            began = time.monotonic()
            with pytest.raises(StoreError, match=f"Milvus at http://127.0.0.1:{free_port} did not answer") as caught:
                what()
            assert time.monotonic() - began < 8
            assert "s3cr3t" not in "".join(traceback.format_exception(caught.value)) and milvus.TOKEN in str(caught.value)
    assert "s3cr3t" not in "".join(capfd.readouterr())


def test_a_token_that_milvus_repeats_is_struck_out(folder, spec):
    from pymilvus.exceptions import MilvusException

    class Repeats:
        def has_collection(self, *_, **__):
            raise MilvusException(message="user root, password s3cr3t-word: root:s3cr3t-word is wrong")

    collection = milvus.Collection(Repeats(), milvus.parsed(spec), "root:s3cr3t-word")
    with pytest.raises(StoreError, match=r"password \*\*\*: \*\*\* is wrong") as caught:
        collection.about()
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConfigError, match=milvus.TOKEN) as refused:
        milvus.parsed("milvus:https://root:s3cr3t-word@host:19530")
    assert "s3cr3t" not in str(refused.value)


def test_the_command_and_the_setting(folder, spec, tmp_path, monkeypatch):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    done = CliRunner().invoke(knowledge, ["push", "--to", spec, "--index", str(folder)], catch_exceptions=False)
    assert json.loads(done.stdout) == {
        "passages": 60, "inserted": 60, "replaced": 0, "deleted": 0, "index": str(folder),
        "to": str(tmp_path / "vectors.db"), "collection": "anamnesis",
    }  # fmt: skip
    index = open_index(Settings(home=tmp_path, index=str(folder), vector_store=spec), Scattered())
    assert isinstance(index.vectors, milvus.MilvusVectors)
    assert Settings(vector_store=spec).hash() == Settings().hash()


def test_ones_own_index_in_milvus(spec, tmp_path):
    facts = {"made_from": embedded_identity()}
    index_module.build([document(1)], embedder=Scattered(), out=own_index(tmp_path), facts=facts)
    settings = Settings(home=tmp_path, vector_store=spec)
    with pytest.raises(IndexFault, match="no vector store"):
        open_index(settings, Scattered())
    push(own_index(tmp_path), spec)
    assert isinstance(open_index(settings, Scattered()).vectors, milvus.MilvusVectors)
