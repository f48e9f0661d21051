"""Nearest vectors with FAISS: exact where there are few; where there are many, near ones by one bit a dimension, then exact.

The kinds and their sizes were chosen by `make bench-retrieval` (docs/retrieval.md has the table).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import IndexFault
from retrieval.types import Filters, Vectors

Kind = Literal["flat", "hnsw", "ivf-pq", "ivf-rabitq"]
Admitted = Callable[[Filters], NDArray[np.int64] | None]
FLAT_UP_TO = 50_000
"""With more vectors than this an index of every one, read for every question, is the slowest part of a search."""
_BATCH = 16_384
# A list's centre is learned from this many vectors.
_SAMPLES = 48
# A filter that admits fewer is answered exactly: reading them is as quick as searching.
_FEW = 8_000
# How many times k the near ones that are scored exactly.
_RESCORED = 4
_LEAST_RESCORED = 200


@dataclass(frozen=True, slots=True)
class Recipe:
    """How FAISS makes a kind and searches it. `spec`: its factory string, `{lists}` filled in; `probes`: lists read."""

    spec: str
    probes: int = 0
    breadth: int = 0


RECIPES: Mapping[Kind, Recipe] = {
    "hnsw": Recipe("HNSW32,SQ8", breadth=128),
    "ivf-pq": Recipe("{lists},PQ48", probes=48),
    "ivf-rabitq": Recipe("{lists},RaBitQ", probes=48),
}


def kind_for(rows: int) -> Kind:
    """The kind that suits a number of vectors."""
    return "flat" if rows <= FLAT_UP_TO else "ivf-rabitq"


class FaissVectors:
    """Vectors by row, and the nearest of them among those the filters admit."""

    def __init__(self, vectors: Vectors, near: Any | None, admitted: Admitted = lambda _: None) -> None:
        """`vectors` (rows, dimensions), mapped; `near` a FAISS index of the first of them, or None: search them all."""
        self._vectors, self._near, self._admitted = vectors, near, admitted
        self._recipe = RECIPES[kind_of(near)] if near is not None else None
        self._flat = _flat(vectors) if near is None else None
        self._selected = lru_cache(maxsize=64)(self._selector)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, dimensions)."""
        return self._vectors.shape[0], self._vectors.shape[1]

    @property
    def kind(self) -> Kind:
        """How they are searched."""
        return "flat" if self._near is None else kind_of(self._near)

    def nearest(self, query: Vectors, k: int, filters: Filters = Filters()) -> list[tuple[int, float]]:  # noqa: B008 - frozen
        """At most k (row, cosine), best first, among those that `filters` admit. Cosines are exact."""
        rows = self._admitted(filters)
        if self.shape[0] == 0 or k < 1 or (rows is not None and rows.size == 0):
            return []
        if self._flat is not None:
            parameters = None if rows is None else _searching(sel=self._selected(filters)[1])
            scores, found = self._flat.search(query[None, :], min(k, self.shape[0]), params=parameters)
            return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]
        near = rows if rows is not None and rows.size <= _FEW else self._candidates(query, k, filters, rows)
        scores = self._vectors[near] @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(near[place]), float(scores[place])) for place in best]

    def rows(self, rows: Sequence[int]) -> Vectors:
        """Vectors by row, shape (len(rows), dimensions)."""
        return np.array(self._vectors[np.asarray(rows, np.int64)], dtype=np.float32)

    def _candidates(
        self, query: Vectors, k: int, filters: Filters, rows: NDArray[np.int64] | None
    ) -> NDArray[np.int64]:
        """Rows to score exactly: the near ones, and all that were added since the index was made."""
        assert self._near is not None and self._recipe is not None
        made = int(self._near.ntotal)
        selector = None if rows is None else self._selected(filters)[1]
        share = 1.0 if rows is None else rows.size / self.shape[0]
        if self._recipe.breadth:
            parameters = _searching("HNSW", sel=selector, efSearch=max(self._recipe.breadth, k))
        else:
            # Where few rows are admitted, more lists must be read to find as many of them.
            probes = min(int(self._near.nlist), int(self._recipe.probes / max(share, 0.05)))
            parameters = _searching("IVF", sel=selector, nprobe=probes)
            if self.kind == "ivf-rabitq":
                parameters = _searching("IVFRaBitQ", sel=selector, nprobe=probes, qb=8)
        _, found = self._near.search(query[None, :], min(max(_LEAST_RESCORED, _RESCORED * k), made), params=parameters)
        since = np.arange(made, self.shape[0]) if rows is None else rows[rows >= made]
        return np.concatenate([found[0][found[0] >= 0], since])

    def _selector(self, filters: Filters) -> tuple[NDArray[np.uint8], Any]:
        """The rows that filters admit, one bit a row, and FAISS's view of those bits, which does not own them."""
        import faiss

        bits = np.zeros(self.shape[0], np.uint8)
        bits[self._admitted(filters)] = 1
        packed = np.packbits(bits, bitorder="little")
        return packed, faiss.IDSelectorBitmap(packed)  # type: ignore[call-arg,arg-type]


def make(vectors: Vectors, kind: Kind, path: Path) -> None:
    """Write the index of `kind` for all of `vectors` (rows, dimensions) at `path`; of a flat one there is none.

    What is there is kept where it is of this kind and wide enough: only new rows are added to it. A reader that has it
    open goes on with the old one.
    """
    import faiss
    from tqdm import tqdm

    if kind == "flat":
        path.unlink(missing_ok=True)
        return
    rows, dimensions = vectors.shape
    index = _there(path, kind, rows)
    if index is None:
        spec = RECIPES[kind].spec.format(lists=_lists(rows))
        index = faiss.index_factory(dimensions, spec, faiss.METRIC_INNER_PRODUCT)
        _train(index, vectors)
    for start in tqdm(range(int(index.ntotal), rows, _BATCH), desc=f"{kind} index", unit="batch", disable=None):
        index.add(np.ascontiguousarray(vectors[start : min(start + _BATCH, rows)], dtype=np.float32))
    new = path.with_name(f".{path.name}.{os.getpid()}")
    faiss.write_index(index, str(new))
    new.replace(path)


def load(vectors: Vectors, path: Path, admitted: Admitted = lambda _: None) -> FaissVectors:
    """Vectors with the index at `path`, mapped, or exact where there is none.

    Raises:
        IndexFault: the index is damaged, or of other vectors.
    """
    import faiss

    if not path.is_file():
        return FaissVectors(vectors, None, admitted)
    try:
        near = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        kind_of(near)
    except (RuntimeError, KeyError) as fault:
        raise IndexFault(f"{path} is damaged ({fault})", remedy="Delete the folder and build it again") from fault
    if int(near.ntotal) > vectors.shape[0] or int(near.d) != vectors.shape[1]:
        raise IndexFault(
            f"{path} holds {near.ntotal} vectors of {near.d}",
            expected=f"at most {vectors.shape[0]} of {vectors.shape[1]}",
            remedy="Delete the folder and build it again",
        )
    return FaissVectors(vectors, near, admitted)


def kind_of(index: Any) -> Kind:
    """The kind of a FAISS index. Raises KeyError for one that is none of ours."""
    kinds: dict[str, Kind] = {"IndexHNSWSQ": "hnsw", "IndexIVFPQ": "ivf-pq", "IndexIVFRaBitQ": "ivf-rabitq"}
    return kinds[type(index).__name__]


def _lists(rows: int) -> str:
    """About four lists a root of the rows, a power of two; finding the lists is a search of its own where they are many."""
    lists = 1 << int(np.log2(4 * np.sqrt(rows)))
    return f"IVF{lists}" if lists < 4096 else f"IVF{lists}_HNSW32"


def _there(path: Path, kind: Kind, rows: int) -> Any | None:
    import faiss

    if not path.is_file():
        return None
    try:
        index: Any = faiss.read_index(str(path))
        kept = kind_of(index) == kind and int(index.ntotal) <= rows
    except (RuntimeError, KeyError):
        return None
    return index if kept and (kind == "hnsw" or _lists(rows).split("_")[0] == f"IVF{index.nlist}") else None


def _train(index: Any, vectors: Vectors) -> None:
    """Learn the centres from a sample, on the GPUs where there are any."""
    import faiss

    lists = getattr(index, "nlist", 0)
    wanted = min(vectors.shape[0], max(_SAMPLES * lists, 20_000))
    chosen = np.sort(np.random.default_rng(0).choice(vectors.shape[0], wanted, replace=False))
    if lists:
        # Enough for centres that are only a first sieve; FAISS would warn of fewer samples and go on.
        index.cp.niter, index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 10, 1, _SAMPLES
        if hasattr(faiss, "index_cpu_to_all_gpus") and faiss.get_num_gpus():
            index.clustering_index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(vectors.shape[1]))
    index.train(np.ascontiguousarray(vectors[chosen], dtype=np.float32))


def _flat(vectors: Vectors) -> Any:
    """All vectors in memory."""
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, vectors.shape[0], _BATCH):
        index.add(np.ascontiguousarray(vectors[start : start + _BATCH], dtype=np.float32))
    return index


def _searching(of: str = "", **given: Any) -> Any:
    import faiss

    return getattr(faiss, f"SearchParameters{of}" if of != "IVFRaBitQ" else "IVFRaBitQSearchParameters")(
        **{name: value for name, value in given.items() if value is not None}
    )
