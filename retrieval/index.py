"""An index: a catalogue of passages, their vectors and their words in one folder, its manifest written last."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge import chunk, store
from knowledge.catalogue import Catalogue, Entry, Passages
from knowledge.duplicates import Fingerprint, fingerprint
from knowledge.errors import IndexFault, InputError
from knowledge.store import read_manifest
from knowledge.types import Document, Passage
from retrieval import bm25
from retrieval.types import Embedder, Filters, Vectors, VectorStore
from retrieval.vectors import faiss as near
from retrieval.vectors import files, milvus

FORMAT = 4
CATALOGUE, VECTORS, NEAR, WORDS = "catalogue.sqlite", "vectors.f32", "vectors.near", "words"
# A batch is embedded in a few seconds, so progress moves and ctrl-C is heard.
_BATCH = 64
# Tantivy writes a segment at each commit; more often makes many small ones, more rarely loses more to a kill.
_COMMIT_EVERY, _COMMIT_SECONDS = 2_000, 30.0
Progress = Callable[[int, int], None]
Known = Callable[[Passage], Vectors | None]


@dataclass(frozen=True, slots=True)
class Index:
    """An open index. `corpus` is a hash of the passage ids, `embedder` the id its vectors were made with."""

    passages: Passages
    catalogue: Catalogue
    vectors: VectorStore
    bm25: bm25.Bm25
    corpus: str
    embedder: str
    admitted: Callable[[Filters], NDArray[np.int64] | None]

    def of(self, document: str) -> tuple[Passage, ...]:
        """The passages of a document, in order."""
        return self.catalogue.of(document)


class Writer:
    """Adds documents to the index in a folder; what is committed survives a kill, what is not is cut off at the next start.

    Vectors that `known` gives are not made again, nor those of passages that a new version of a document keeps. Memory
    stays the same however much is added.

    Raises:
        IndexFault: the folder holds an index of another embedder or format.
        StoreError: it cannot be written.
    """

    def __init__(self, folder: Path, *, embedder: Embedder, known: Known = lambda _: None) -> None:
        self._folder, self._embedder, self._known = folder, embedder, known
        self.catalogue = Catalogue(folder / CATALOGUE, write=True)
        made_with = self.catalogue.fact("embedder")
        if made_with not in (None, embedder.id):
            raise _other(folder, "embedder", made_with, embedder.id)
        self.catalogue.remember("embedder", embedder.id)
        self._vectors = files.VectorFile(folder / VECTORS, embedder.dimensions)
        self._vectors.begin(self.catalogue.rows)
        self._words = bm25.Bm25Writer(folder / WORDS)
        # What a killed run had indexed beyond the catalogue, and what it had removed there but not from the words.
        self._words.remove_from(self.catalogue.rows)
        self._gone: list[int] = json.loads(self.catalogue.fact("gone") or "[]")
        self._words.remove(self._gone)
        self._waiting: list[Passage] = []
        # By id, the rows of passages removed since the last commit: a new version of their document may hold them still.
        self._freed: dict[str, int] = {}
        self._uncommitted, self._committed = 0, monotonic()
        self.embedded = 0

    def add(self, entry: Entry, passages: Iterable[Passage]) -> int:
        """Add a document; returns the number of its passages."""
        kept = list(passages)
        for row, passage in zip(self.catalogue.add(entry, kept), kept, strict=True):
            self._words.add(row, passage)
        self._waiting.extend(kept)
        self._uncommitted += len(kept)
        while len(self._waiting) >= _BATCH:
            self._embed()
        return len(kept)

    def remove(self, number: int) -> None:
        """Remove a document by its number in the catalogue."""
        while self._waiting:
            self._embed()
        rows = self.catalogue.remove(number)
        self._gone.extend(rows)
        self._freed.update({passage: row for row, passage in rows.items()})

    @property
    def due(self) -> bool:
        """Whether it is time to commit."""
        late = monotonic() - self._committed > _COMMIT_SECONDS
        return self._uncommitted >= _COMMIT_EVERY or (late and self._uncommitted > 0)

    def commit(self) -> None:
        """Keep everything so far: vectors, words, then the catalogue, whose rows are the truth; removed words last."""
        while self._waiting:
            self._embed()
        self._vectors.flush()
        self._words.commit()
        self.catalogue.remember("gone", json.dumps(self._gone))
        self.catalogue.commit()
        if self._gone:
            self._words.remove(self._gone)
            self._words.commit()
            self._gone = []
            self.catalogue.remember("gone", "[]")
        self._freed.clear()
        self._uncommitted, self._committed = 0, monotonic()

    def close(self, *, facts: dict[str, Any] | None = None, kind: near.Kind | None = None) -> str:
        """Commit, make the vectors quick to search, write the manifest and close; returns the corpus hash.

        `kind`: how they are to be searched; what suits their number where it is None.
        """
        self.commit()
        corpus = self.catalogue.identity()
        size, rows = len(self.catalogue), self.catalogue.rows
        self.abandon()
        kind = kind or near.kind_for(rows)
        near.make(files.read(self._folder / VECTORS, rows, self._embedder.dimensions), kind, self._folder / NEAR)
        store.write_manifest(
            self._folder,
            {"format": FORMAT, "corpus": corpus, "embedder": self._embedder.id, "passages": size, "rows": rows,
             "dimensions": self._embedder.dimensions, "vectors": kind, **(facts or {})},
        )  # fmt: skip
        return corpus

    def abandon(self) -> None:
        """Close without keeping what was not committed."""
        self._words.close()
        self._vectors.close()
        self.catalogue.close()

    def _embed(self) -> None:
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        found = [self._vector(passage) for passage in batch]
        missing = [passage for passage, vector in zip(batch, found, strict=True) if vector is None]
        made = iter(self._embedder.passages([embedded_text(passage) for passage in missing]) if missing else ())
        self._vectors.append(np.stack([next(made) if vector is None else vector for vector in found]))
        self.embedded += len(missing)

    def _vector(self, passage: Passage) -> Vectors | None:
        known = self._known(passage)
        if known is not None or passage.id not in self._freed:
            return known
        return self._vectors.row(self._freed[passage.id])


def build(
    documents: Iterable[Document],
    *,
    embedder: Embedder,
    out: Path,
    origin: str = "",
    known: Known = lambda _: None,
    identity: str = "",
    progress: Progress | None = None,
    facts: dict[str, Any] | None = None,
    kind: near.Kind | None = None,
) -> Index:
    """Make an index in `out`, replacing what was there only when all is written. No document is dropped.

    Vectors of passages that `known` or the index in `out` has are not made again. With an `identity` of the documents
    a stopped build is kept beside `out`, and one of the same identity goes on after the last document it had kept.

    Raises:
        InputError: there is no document.
        StoreError: the folder cannot be written, or another build of it runs.
    """
    earlier = vectors_of(out, embedder.id)

    def vector(passage: Passage) -> Vectors | None:
        found = known(passage)
        return earlier(passage) if found is None else found

    with store.replacing(out, identity=identity) as folder:
        writer = Writer(folder, embedder=embedder, known=vector)
        done = int(writer.catalogue.fact("read") or 0)
        try:
            for number, document in enumerate(documents, 1):
                if number > done:
                    writer.add(entry_of(document, origin=origin), chunk.passages(document))
                    writer.catalogue.remember("read", str(number))
                    if writer.due:
                        writer.commit()
                if progress:
                    progress(number, 0)
            if not len(writer.catalogue):
                raise InputError(
                    "There is nothing to index", expected="at least one document", remedy="Check the --source"
                )
            writer.close(facts=facts, kind=kind)
        except BaseException:
            writer.abandon()
            raise
    return load(out)


def load(
    folder: Path,
    *,
    embedder: str | None = None,
    corpus: str | None = None,
    made_from: str | None = None,
    store: str = "",
) -> Index:
    """Open an index, refusing one that is damaged, of another format, or not of this embedder or corpus.

    `made_from` is what the maker noted of its origin, for those who keep such a note. `store` is where the vectors are
    searched, `milvus:URI[#COLLECTION]`; empty is the folder's own files, which need not be there otherwise.

    Raises:
        IndexFault: says which of these it is, and what to do.
        StoreError, ConfigError: `store` does not answer, or names none.
    """
    manifest = read_manifest(folder, without=(VECTORS, NEAR) if store else ())
    for what, found, expected in (
        ("format", manifest.get("format"), FORMAT),
        ("embedder", manifest.get("embedder"), embedder),
        ("corpus", manifest.get("corpus"), corpus),
        ("origin", manifest.get("made_from"), made_from),
    ):
        if expected is not None and found != expected:
            raise _other(folder, what, found, expected)
    catalogue = Catalogue(folder / CATALOGUE)
    # While documents are being added, or after that was stopped, the manifest is older than the catalogue.
    found_corpus = str(manifest["corpus"]) if manifest["files"] else catalogue.identity()
    words = bm25.load(folder / WORDS)

    @lru_cache(maxsize=64)
    def admitted(filters: Filters) -> NDArray[np.int64] | None:
        if filters.admits_all and catalogue.whole:
            return None
        return catalogue.admitted(
            language=filters.language,
            audiences=filters.audiences,
            jurisdiction=filters.jurisdiction,
            since=filters.published_since,
            documents=filters.documents,
        )

    dimensions = int(manifest["dimensions"])
    vectors: VectorStore
    if store:
        vectors = milvus.open_store(
            store, dimensions, embedder=str(manifest["embedder"]), corpus=found_corpus, heads=catalogue.heads,
            rows=catalogue.rows,
        )  # fmt: skip
    else:
        vectors = near.load(files.read(folder / VECTORS, catalogue.rows, dimensions), folder / NEAR, admitted)
    return Index(Passages(catalogue), catalogue, vectors, words, found_corpus, str(manifest["embedder"]), admitted)


def embedded_text(passage: Passage) -> str:
    """What of a passage is embedded: title and heading give the text its subject."""
    head = ". ".join(part for part in (passage.title, passage.heading) if part)
    return f"{head}\n{passage.text}" if head else passage.text


def embedded_sentence(passage: Passage, text: str) -> str:
    """What of a sentence is embedded, with its passage's subject before it."""
    return f"{passage.title}: {passage.heading}. {text.removeprefix('- ')}"


def vectors_of(folder: Path, embedder: str) -> Known:
    """The vectors of an index's passages, by their ids; of nothing where there is no such index."""
    try:
        old = load(folder, embedder=embedder)
    except IndexFault:
        return lambda _: None

    def vector(passage: Passage) -> Vectors | None:
        row = old.catalogue.row_of(passage.id)
        return None if row is None else old.vectors.rows([row])[0]

    return vector


def entry_of(document: Document, *, origin: str = "", file: str = "", mark: Fingerprint | None = None) -> Entry:
    """What the catalogue keeps of a document; `mark` saves comparing its text again."""
    mark = mark or fingerprint(document)
    return Entry(
        id=document.id,
        title=document.title,
        origin=origin,
        file=file,
        digest=mark.digest,
        content=mark.content,
        licence=licence_of(document),
        language=document.language,
        published=document.published,
        supersedes=document.supersedes,
        signature=mark.signature,
        numbers=mark.numbers,
        bands=mark.bands,
    )


def licence_of(document: Document) -> str:
    """The document's licence, or those of its sources."""
    return document.licence or "; ".join(sorted({source.licence for source in document.sources} - {""}))


def _other(folder: Path, what: str, found: Any, expected: Any) -> IndexFault:
    return IndexFault(
        f"The index at {folder} has {what} {found!r}",
        expected=repr(expected),
        remedy="Build it again with `anamnesis knowledge build`, or name the index that belongs to these settings",
    )
