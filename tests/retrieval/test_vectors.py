"""Vectors found by each kind of index: nearly the truth, exact in their scores, right under filters and while they grow."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.errors import IndexFault
from retrieval.types import Filters
from retrieval.vectors import faiss as near
from retrieval.vectors import files

ROWS, DIMENSIONS = 12_000, 96
KINDS = ("flat", "hnsw", "ivf-pq", "ivf-rabitq")


def _made(count, seed):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((150, DIMENSIONS))
    vectors = centres[random.integers(0, 150, count)] + 0.6 * random.standard_normal((count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = _made(ROWS, 1), _made(60, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("near")
    store = files.VectorFile(folder / "vectors.f32", DIMENSIONS)
    store.begin(0)
    store.append(VECTORS)
    store.flush()
    store.close()
    for kind in KINDS:
        near.make(files.read(folder / "vectors.f32", ROWS, DIMENSIONS), kind, folder / kind)
    return folder


def _open(folder, kind, *, rows=ROWS, admitted=lambda _: None):
    return near.load(files.read(folder / "vectors.f32", rows, DIMENSIONS), folder / kind, admitted)


def _truth(query, allowed):
    scores = VECTORS[allowed] @ query
    return [int(allowed[place]) for place in np.argsort(-scores, kind="stable")[:10]]


def _recall(store, allowed, filters=None):
    found = 0
    for query in QUERIES:
        hits = store.nearest(query, 10, filters or Filters())
        rows = [row for row, _ in hits]
        assert len(hits) == len(set(rows)) == min(10, len(allowed)) and set(rows) <= set(allowed.tolist())
        scores = [score for _, score in hits]
        assert scores == sorted(scores, reverse=True) and np.allclose(scores, VECTORS[rows] @ query, atol=1e-5)
        found += len(set(rows) & set(_truth(query, allowed)))
    return found / (len(QUERIES) * min(10, len(allowed)))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_finds_nearly_all_that_is_nearest_and_scores_it_exactly(folder, kind):
    store = _open(folder, kind)
    assert store.kind == kind and store.shape == (ROWS, DIMENSIONS)
    assert _recall(store, np.arange(ROWS)) >= (1.0 if kind == "flat" else 0.95)
    assert np.allclose(store.rows([77, 3]), VECTORS[[77, 3]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [2, 20, 4_000])
def test_a_filter_is_kept_to_and_costs_no_recall(folder, kind, every):
    allowed = np.arange(0, ROWS, every)
    store = _open(folder, kind, admitted=lambda filters: allowed if filters.language else None)
    assert _recall(store, allowed, Filters(language="en")) >= 0.95
    assert store.nearest(QUERIES[0], 0) == []
    nothing = _open(folder, kind, admitted=lambda _: np.array([], np.int64))
    assert nothing.nearest(QUERIES[0], 5, Filters(language="xx")) == []


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_was_added_since_is_found_and_then_joins_the_index(folder, kind, tmp_path):
    path = tmp_path / "grown"
    some = files.read(folder / "vectors.f32", 10_000, DIMENSIONS)
    near.make(some, kind, path)
    store = near.load(files.read(folder / "vectors.f32", ROWS, DIMENSIONS), path)
    assert store.nearest(VECTORS[ROWS - 1], 1)[0][0] == ROWS - 1, "a row that the index does not hold yet"
    before = path.read_bytes()
    near.make(files.read(folder / "vectors.f32", ROWS, DIMENSIONS), kind, path)
    grown = near.load(files.read(folder / "vectors.f32", ROWS, DIMENSIONS), path)
    assert _recall(grown, np.arange(ROWS)) >= 0.95 and path.read_bytes() != before
    assert store.nearest(VECTORS[5], 1)[0][0] == 5, "a reader that had the old file open goes on with it"
    near.make(files.read(folder / "vectors.f32", ROWS, DIMENSIONS), "flat", path)
    assert not path.exists()


def test_few_are_searched_exactly_and_many_are_not():
    assert near.kind_for(10) == near.kind_for(near.FLAT_UP_TO) == "flat"
    assert near.kind_for(near.FLAT_UP_TO + 1) == near.kind_for(50_000_000) == "ivf-rabitq"


def test_an_index_of_other_vectors_or_a_damaged_one_is_refused(folder, tmp_path):
    vectors = files.read(folder / "vectors.f32", ROWS, DIMENSIONS)
    with pytest.raises(IndexFault, match="holds 12000 vectors"):
        near.load(vectors[:100], folder / "hnsw")
    damaged = tmp_path / "near"
    damaged.write_bytes((folder / "ivf-rabitq").read_bytes()[:5_000])
    with pytest.raises(IndexFault, match="is damaged"):
        near.load(vectors, damaged)
    near.make(vectors, "ivf-rabitq", damaged)
    assert near.load(vectors, damaged).nearest(VECTORS[3], 1)[0][0] == 3, "a damaged one is made anew"
