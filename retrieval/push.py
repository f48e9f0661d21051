"""An index's vectors brought to Milvus: what is new goes there, what is gone is deleted, the rest stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from knowledge import store
from knowledge.catalogue import Catalogue, Head
from knowledge.errors import IndexFault, StoreError
from retrieval.index import CATALOGUE, FORMAT, VECTORS
from retrieval.types import Vectors
from retrieval.vectors import files
from retrieval.vectors.milvus import WINDOW, About, Collection, Kind, batches, connect, mark_of, parsed

Progress = Callable[[int, int], None]
# About 1.6 MB of vectors a message; Milvus takes up to 64 MB.
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did, in passages."""

    passages: int
    inserted: int
    replaced: int
    deleted: int


def push(
    folder: Path,
    spec: str,
    progress: Progress = lambda done, of: None,
    *,
    kind: Kind | None = None,
    shards: int = 1,
    replicas: int = 1,
    token: str | None = None,
) -> Pushed:
    """Make the vectors of the index in `folder` the content of the collection that `spec` names.

    Stopped at any moment, the next push goes on from what is there; only what differs is sent. A collection of ours with
    other vectors (another embedder, another `kind`) is made anew. `kind` is FLAT in a local file and IVF_RABITQ on a
    cluster where it is None; `shards` and `replicas` count when the collection is made. There are no partitions: a filter
    may admit any mixture of languages and audiences. `progress` is called with the rows compared and their number.

    Raises:
        ConfigError: `spec` names no store.
        IndexFault: there is no index in the folder, or the collection is somebody else's.
        StoreError: Milvus does not answer, or another process changes the index.
    """
    where = parsed(spec)
    manifest = store.read_manifest(folder)
    if manifest.get("format") != FORMAT:
        raise IndexFault(
            f"The index at {folder} has format {manifest.get('format')!r}",
            expected=repr(FORMAT),
            remedy="Build it again with `anamnesis knowledge build`",
        )
    # The lock of those who add documents: nothing of the folder changes while it is read.
    lock = FileLock(folder / ".adding.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as fault:
        raise StoreError(f"Another process changes {folder}", remedy="Wait until it ends, then run it again") from fault
    except OSError as fault:
        raise StoreError(
            f"{folder} cannot be locked: {fault}", remedy="Push from a folder that can be written"
        ) from fault
    try:
        collection = connect(where, token)
        catalogue = Catalogue(folder / CATALOGUE)
        dimensions = int(manifest["dimensions"])
        wanted = About(
            embedder=str(manifest["embedder"]),
            dimensions=dimensions,
            kind=kind or ("FLAT" if where.local else "IVF_RABITQ"),
            corpus=catalogue.identity(),
            rows=catalogue.rows,
        )
        vectors = files.read(folder / VECTORS, catalogue.rows, dimensions)
        wanted = _begun(collection, wanted, kind, shards=shards, replicas=replicas)
        done = _brought(collection, catalogue, vectors, progress)
        collection.flush()
        # Last, so that its being there means that all the rest is.
        collection.note(wanted)
        return done
    finally:
        lock.release()


def _begun(collection: Collection, wanted: About, kind: Kind | None, *, shards: int, replicas: int) -> About:
    """The collection ready to be filled, and what is to be noted of it in the end; a kind nobody asked for stays."""
    there = collection.about()
    if there is not None and kind is None:
        wanted = replace(wanted, kind=there.kind)
    unfinished = replace(wanted, corpus="", rows=0)
    if there is None or replace(there, corpus="", rows=0) != unfinished:
        collection.make(unfinished, shards=shards, replicas=replicas)
    else:
        collection.load()
        if there != wanted:
            collection.note(unfinished)
    return wanted


def _brought(collection: Collection, catalogue: Catalogue, vectors: Vectors, progress: Progress) -> Pushed:
    inserted = replaced = deleted = 0
    collection.remove_from(catalogue.rows)
    for first in range(0, catalogue.rows, WINDOW):
        last = min(first + WINDOW, catalogue.rows)
        there = collection.marks(first, last)
        heads = catalogue.heads(range(first, last))
        gone = [row for row in there if row not in heads]
        changed = [row for row in heads if row in there and there[row] != mark_of(heads[row])]
        new = [row for row in heads if row not in there]
        for part in batches(gone, _BATCH):
            collection.remove(part)
        for part in batches(changed, _BATCH):
            collection.put(_filled(part, heads, vectors), replace=True)
        for part in batches(new, _BATCH):
            collection.put(_filled(part, heads, vectors), replace=False)
        inserted, replaced, deleted = inserted + len(new), replaced + len(changed), deleted + len(gone)
        progress(last, catalogue.rows)
    return Pushed(len(catalogue), inserted, replaced, deleted)


def _filled(rows: Sequence[int], heads: dict[int, Head], vectors: Vectors) -> list[tuple[int, Head, Vectors]]:
    return [(row, heads[row], vectors[row]) for row in rows]
