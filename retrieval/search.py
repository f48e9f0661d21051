"""Which passages, how many, and which survive: the one home of that decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Passage
from retrieval.expand import other_names
from retrieval.fuse import by_scores, reciprocal_rank
from retrieval.index import Index
from retrieval.names import goes_by, names_said
from retrieval.spelling import put_right, respelt
from retrieval.types import Embedder, Filters, Hit, Mode, SearchResult, Vectors

# `dense` and `bm25` weigh scores and make one ranking, `meant`, which is fused by ranks with two more: `names` ranks the
# passages whose subject the question names (a brand name says what is asked more surely than a vector), `prefer` those of
# the country it names. The first two were chosen on the held-out mails and a quarter of cpgQA (docs/retrieval.md), the others
# by hand: no set has titles or countries to tune on.
WEIGHTS: Mapping[str, float] = {"dense": 1.0, "bm25": 0.5, "meant": 1.2, "names": 0.6, "prefer": 0.4}
# How much a word of another name of what was named counts beside the question's own words (chosen on LiveQA's even half).
TERMS = 0.3
_DEPTH = 100
_NAMED = 60


def search(
    index: Index,
    query: str,
    *,
    embedder: Embedder,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    k: int = 10,
    mode: Mode = "hybrid",
    per_document: int = 1,
    weights: Mapping[str, float] = WEIGHTS,
    vector: Vectors | None = None,
    terms: float = TERMS,
) -> SearchResult:
    """The k best passages, at most `per_document` of one document, among those the filters admit.

    A passage whose document another one found here supersedes comes after it. Scores: cosine for dense, BM25 for bm25,
    for hybrid the fused reciprocal rank. `vector` saves embedding the query again where the caller has it; `weights` are
    the rankers' shares in hybrid, `terms` that of a word which the terminology adds. A misspelt name is put right first.
    """
    read_as = respelt(query, known=index.bm25.known)
    query = put_right(query, read_as)
    rows = index.admitted(replace(filters, prefer=""))
    searched = len(index.passages) if rows is None else int(rows.size)
    if not query.strip() or searched == 0:
        return SearchResult(hits=(), searched=searched)
    dense: dict[int, float] = {}
    words: dict[int, float] = {}
    depth = max(_DEPTH, k * per_document)
    if mode != "bm25":
        vector = embedder.query(query) if vector is None else vector
        dense = dict(index.vectors.nearest(vector, depth, replace(filters, prefer="")))
    if mode != "dense":
        words = _admitted(index, query, filters, depth, terms)
    if mode == "hybrid":
        assert vector is not None
        rankings = {
            "meant": _meant(index, dense, words, vector, weights),
            "names": _named(index, query, filters, rows, vector),
        }
        if filters.prefer:
            rankings["prefer"] = _preferred(index, [*dense, *words], filters.prefer)
        ranked = reciprocal_rank(rankings, weights=weights)
    else:
        ranked = list((dense or words).items())
    hits: list[Hit] = []
    seen: dict[str, int] = {}
    for row, passage, score in _read(index, ranked, filters, 2 * k):
        seen[passage.document] = seen.get(passage.document, 0) + 1
        if seen[passage.document] <= per_document:
            hits.append(Hit(passage=passage, score=score, bm25=words.get(row), dense=dense.get(row)))
        if len(hits) == k:
            break
    return SearchResult(_successors_first(hits, index.catalogue.successors), searched=searched, read_as=read_as)


def _meant(
    index: Index, dense: Mapping[int, float], words: Mapping[int, float], vector: Vectors, weights: Mapping[str, float]
) -> list[int]:
    """Rows by meaning and words together: each that one ranker found gets the other's score too."""
    other = [row for row in words if row not in dense]
    near = {**dense, **dict(zip(other, (index.vectors.rows(other) @ vector).tolist(), strict=True))} if other else dense
    return by_scores([near, {row: words.get(row, 0.0) for row in near}], weights=[weights["dense"], weights["bm25"]])


def _admitted(index: Index, query: str, filters: Filters, depth: int, terms: float) -> dict[int, float]:
    """The word index filters by language and audience; the rarer conditions are looked up among what it gives."""
    also = other_names(query, filters.language) if terms else ()

    def best(most: int) -> dict[int, float]:
        return dict(
            index.bm25.best(query, most, language=filters.language, audiences=filters.audiences, also=also, share=terms)
        )

    found = best(depth)
    if filters.rare:
        rows = index.admitted(replace(filters, prefer=""))
        if rows is not None and not np.isin(list(found), rows).all():
            # Deep enough that a narrow filter still finds its passages by their words.
            deep = best(depth * 20)
            allowed = np.isin(list(deep), rows)
            found = {row: deep[row] for row, admits in zip(list(deep), allowed, strict=True) if admits}
    return dict(list(found.items())[:depth])


def _named(index: Index, query: str, filters: Filters, rows: NDArray[np.int64] | None, vector: Vectors) -> list[int]:
    """The rows of passages whose subject the query names: rarest name first, then nearest by meaning.

    Only names of the terminology count: "Sudafed" names a page, "hot" and "side" do not, whatever pages call them theirs.
    """
    names = names_said(query)
    if not names:
        return []
    found = index.bm25.best(
        "\n".join(sorted(names)), _NAMED, language=filters.language, audiences=filters.audiences, field="names"
    )
    if rows is not None and filters.rare:
        found = [(row, score) for row, score in found if np.isin(row, rows)]
    passages = index.catalogue.passages([row for row, _ in found])
    kept = [(row, score) for row, score in found if row in passages and goes_by(passages[row], names)]

    cosines = index.vectors.rows([row for row, _ in kept]) @ vector if kept else ()
    ordered = sorted(zip(kept, cosines, strict=True), key=lambda found: (-round(found[0][1], 2), -found[1]))
    return [row for (row, _), _ in ordered]


def _read(
    index: Index, ranked: list[tuple[int, float]], filters: Filters, batch: int
) -> Iterator[tuple[int, Passage, float]]:
    for start in range(0, len(ranked), batch):
        part = ranked[start : start + batch]
        passages = index.catalogue.passages([row for row, _ in part])
        for row, score in part:
            passage = passages.get(row)
            # Checked again on the passage itself: the ranking came from other files.
            if passage is not None and admits(filters, passage):
                yield row, passage, score


def admits(filters: Filters, passage: Passage) -> bool:
    """Whether a passage is in the language, for the audience, the place and the time that the filters ask for."""
    return (
        (not filters.language or passage.language == filters.language)
        and (not filters.audiences or passage.audience in filters.audiences)
        and (
            not filters.jurisdiction
            or not passage.jurisdiction
            or bool({filters.jurisdiction, "INT"} & {*passage.jurisdiction})
        )
        and (not filters.published_since or not passage.published or passage.published >= filters.published_since)
        and (filters.documents is None or passage.document in filters.documents)
    )


def _preferred(index: Index, rows: list[int], jurisdiction: str) -> list[int]:
    return index.catalogue.of_jurisdiction(list(dict.fromkeys(rows)), jurisdiction)


def _successors_first(hits: list[Hit], successors: Mapping[str, frozenset[str]]) -> tuple[Hit, ...]:
    """The hits in order, but none before a hit of the document that supersedes its own."""
    ordered: list[Hit] = []
    waiting = list(hits)
    while waiting:
        left = {hit.passage.document for hit in waiting}
        free = (hit for hit in waiting if not successors.get(hit.passage.document, frozenset()) & left)
        # Documents that claim to supersede each other are left as they stand.
        chosen = next(free, waiting[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    if [id(hit) for hit in ordered] == [id(hit) for hit in hits]:
        return tuple(hits)
    scores = sorted((hit.score for hit in hits), reverse=True)
    return tuple(replace(hit, score=score) for hit, score in zip(ordered, scores, strict=True))
