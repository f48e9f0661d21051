"""Nearest vectors in Milvus, for when one machine is not enough: milvus-lite in a local file, or a cluster.

Two collections: the passages' vectors with what filters look at, and beside it one row that says whose vectors they are.
The index kinds and their parameters are those of Milvus 2.6's pages (https://milvus.io/docs/ivf-rabitq.md, .../hnsw.md).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from knowledge.catalogue import Head
from knowledge.errors import ConfigError, IndexFault, StoreError
from retrieval.types import Filters, Vectors

Kind = Literal["FLAT", "HNSW", "IVF_RABITQ"]
Heads = Callable[[Sequence[int]], Mapping[int, Head]]
TOKEN = "ANAMNESIS_MILVUS_TOKEN"
COLLECTION = "anamnesis"
WINDOW = 8_192
"""Rows asked for at once; Milvus returns at most 16,384 (https://milvus.io/docs/limitations.md)."""
_MOST = 16_384
_CONNECT, _SEARCH, _WRITE, _LOAD = 5.0, 10.0, 60.0, 600.0
_SAMPLED = 64
_PUSH = "Run `anamnesis knowledge push` with this index and this store"
_SPEC = re.compile(r"milvus:(?P<uri>.+?)(?:#(?P<collection>[A-Za-z_][A-Za-z0-9_]*))?", re.S)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How Milvus makes a kind of index and searches it. `breadth` names the parameter that must not be below k."""

    made: Mapping[str, Any]
    searched: Mapping[str, Any]
    breadth: str = ""


RECIPES: Mapping[Kind, Recipe] = {
    "FLAT": Recipe({}, {}),
    "HNSW": Recipe({"M": 32, "efConstruction": 200}, {"ef": 128}, breadth="ef"),
    # One bit a dimension, then the four times k best scored again with eight, as in `vectors/faiss.py`.
    "IVF_RABITQ": Recipe(
        {"nlist": 1024, "refine": True, "refine_type": "SQ8"}, {"nprobe": 64, "rbq_query_bits": 8, "refine_k": 4}
    ),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """Where the vectors are: a file of milvus-lite or an address, and the collection there."""

    uri: str
    collection: str = COLLECTION

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine."""
        return "://" not in self.uri


@dataclass(frozen=True, slots=True)
class About:
    """Whose vectors a collection holds. `corpus` is empty while a push is under way or was interrupted."""

    embedder: str
    dimensions: int
    kind: Kind
    corpus: str = ""
    rows: int = 0


def parsed(spec: str) -> Spec:
    """What `milvus:URI[#COLLECTION]` names.

    Raises:
        ConfigError: it is nothing of that form, or holds a password.
    """
    found = _SPEC.fullmatch(spec)
    uri = found["uri"] if found else ""
    if "@" in uri:
        raise ConfigError("The vector store's address holds a name or password", remedy=f"Put the token in {TOKEN}")
    if not found or not (
        uri.startswith(("http://", "https://", "tcp://")) or ("://" not in uri and uri.endswith(".db"))
    ):
        raise ConfigError(
            f"The vector store is {spec!r}",
            expected="milvus:URI[#COLLECTION], such as milvus:http://host:19530 or milvus:/folder/vectors.db",
        )
    return Spec(uri, found["collection"] or COLLECTION)


class MilvusVectors:
    """Vectors by row, and the nearest of them among those the filters admit, searched in Milvus.

    Raises:
        StoreError: Milvus does not answer.
    """

    def __init__(self, collection: Collection, about: About, heads: Heads) -> None:
        """`heads` tells what a row of the catalogue holds: a hit on another passage than that is left out."""
        self._collection, self._about, self._heads = collection, about, heads

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, dimensions)."""
        return self._about.rows, self._about.dimensions

    @property
    def kind(self) -> Kind:
        """How they are searched."""
        return self._about.kind

    def nearest(self, query: Vectors, k: int, filters: Filters = Filters()) -> list[tuple[int, float]]:  # noqa: B008 - frozen
        """At most k (row, cosine), best first, among those that `filters` admit. Cosines are as exact as the kind is."""
        if k < 1 or not self.shape[0]:
            return []
        found = self._collection.nearest(query, min(k, _MOST), expression(filters), self._about.kind)
        heads = self._heads([row for row, _, _ in found])
        # While a rebuilt index is pushed, a row may hold another passage than the one that this reader knows there.
        kept = [(row, score) for row, mark, score in found if row in heads and mark_of(heads[row]) == mark]
        return sorted(kept, key=lambda pair: (-pair[1], pair[0]))

    def rows(self, rows: Sequence[int]) -> Vectors:
        """Vectors by row, shape (len(rows), dimensions); zeros, near nothing, where a push has since taken one away."""
        found = self._collection.vectors(rows)
        made = np.zeros((len(rows), self.shape[1]), np.float32)
        for place, row in enumerate(rows):
            if int(row) in found:
                made[place] = found[int(row)]
        return made


class Collection:
    """A collection of vectors in an open Milvus, read and written. `name` is for messages."""

    def __init__(self, client: Any, spec: Spec, token: str) -> None:
        self._client, self._spec, self._token = client, spec, token
        self.name = f"{spec.collection} at {spec.uri}"

    def close(self) -> None:
        """Let the connection go; a file of milvus-lite stays held until this process ends."""
        self._client.close()

    def about(self) -> About | None:
        """Whose vectors these are; None where there is no collection of ours."""
        if not (self._whole(self._note) and self._whole(self._spec.collection)):
            return None
        self._loaded(self._note)
        rows = self._ask("query", self._note, ids=[0], output_fields=["facts"], consistency_level="Strong")
        return About(**json.loads(rows[0]["facts"])) if rows else None

    def note(self, about: About) -> None:
        """Remember whose vectors these are."""
        row = {"id": 0, "facts": json.dumps(asdict(about)), "unused": [0.0, 0.0]}
        self._ask("upsert", self._note, data=[row], within=_WRITE)

    def make(self, about: About, *, shards: int, replicas: int) -> None:
        """Make the collection, empty, in place of one of ours that holds other vectors.

        Raises:
            IndexFault: a collection of that name is not ours.
        """
        from pymilvus import DataType

        if self._has(self._spec.collection):
            if not self._has(self._note):
                raise IndexFault(
                    f"The collection {self.name} was not made by `anamnesis knowledge push`",
                    remedy="Name another collection, after a # at the end of the store",
                )
            self._ask("drop_collection", self._spec.collection, within=_WRITE)
        if not self._whole(self._note):
            if self._has(self._note):
                self._ask("drop_collection", self._note, within=_WRITE)
            fields = {"id": (DataType.INT64, {"is_primary": True}), "facts": (DataType.VARCHAR, {"max_length": 4096}),
                      "unused": (DataType.FLOAT_VECTOR, {"dim": 2})}  # fmt: skip
            self._create(self._note, fields, "unused", "FLAT", {}, shards=1, replicas=replicas)
        self.note(about)
        text = {"max_length": 4096}
        fields = {
            "row": (DataType.INT64, {"is_primary": True}),
            "mark": (DataType.INT64, {}),
            "vector": (DataType.FLOAT_VECTOR, {"dim": about.dimensions}),
            "language": (DataType.VARCHAR, text),
            "audience": (DataType.VARCHAR, text),
            "jurisdiction": (DataType.ARRAY, {**text, "element_type": DataType.VARCHAR, "max_capacity": 1024}),
            "published": (DataType.VARCHAR, text),
        }
        # Milvus advises an index on what is filtered by; milvus-lite has none for arrays.
        filtered = ("language", "audience", "published", *(() if self._spec.local else ("jurisdiction",)))
        made = RECIPES[about.kind].made
        self._create(
            self._spec.collection, fields, "vector", about.kind, made, shards=shards, replicas=replicas, filtered=filtered
        )  # fmt: skip

    def load(self) -> None:
        """Have it ready to be searched."""
        self._loaded(self._spec.collection)

    def marks(self, first: int, last: int) -> dict[int, int]:
        """The mark of each row from `first` until before `last`, at most `WINDOW` of them."""
        found = self._ask(
            "query", self._spec.collection, filter=f"row >= {first} and row < {last}", output_fields=["row", "mark"],
            limit=last - first, consistency_level="Strong", within=_WRITE,
        )  # fmt: skip
        return {int(each["row"]): int(each["mark"]) for each in found}

    def marks_of(self, rows: Sequence[int]) -> dict[int, int]:
        """The marks of a few rows."""
        found = self._ask("query", self._spec.collection, ids=[*map(int, rows)], output_fields=["row", "mark"])
        return {int(each["row"]): int(each["mark"]) for each in found}

    def put(self, rows: Iterable[tuple[int, Head, Vectors]], *, replace: bool) -> None:
        """Insert rows; with `replace` they may be there already."""
        data = [
            {"row": int(row), "mark": mark_of(head), "vector": np.asarray(vector, dtype=np.float32),
             "language": head.language, "audience": head.audience, "jurisdiction": list(head.jurisdiction),
             "published": head.published}
            for row, head, vector in rows
        ]  # fmt: skip
        self._ask("upsert" if replace else "insert", self._spec.collection, data=data, within=_WRITE)

    def remove(self, rows: Sequence[int]) -> None:
        """Delete a batch of rows."""
        self._ask("delete", self._spec.collection, ids=[*map(int, rows)], within=_WRITE)

    def remove_from(self, row: int) -> None:
        """Delete all rows from `row` on."""
        self._ask("delete", self._spec.collection, filter=f"row >= {row}", within=_WRITE)

    def flush(self) -> None:
        """Have what was written sealed and indexed."""
        self._ask("flush", self._spec.collection, within=_LOAD)

    def nearest(self, query: Vectors, k: int, where: str, kind: Kind) -> list[tuple[int, int, float]]:
        """At most k (row, mark, inner product), best first."""
        recipe = RECIPES[kind]
        parameters = {
            **recipe.searched,
            **({recipe.breadth: max(k, recipe.searched[recipe.breadth])} if recipe.breadth else {}),
        }
        found = self._ask(
            "search", self._spec.collection, data=[np.asarray(query, dtype=np.float32)], anns_field="vector", limit=k,
            filter=where, output_fields=["mark"], search_params={"metric_type": "IP", "params": parameters}, within=_SEARCH,
        )  # fmt: skip
        return [(int(hit["row"]), int(hit["entity"]["mark"]), float(hit["distance"])) for hit in found[0]]

    def vectors(self, rows: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of those rows that are there, by row, each of shape (dimensions,)."""
        if not rows:
            return {}
        found = self._ask(
            "query", self._spec.collection, ids=[int(row) for row in rows], output_fields=["row", "vector"]
        )
        return {int(each["row"]): np.asarray(each["vector"], dtype=np.float32) for each in found}

    @property
    def _note(self) -> str:
        return f"{self._spec.collection}_about"

    def _has(self, name: str) -> bool:
        return bool(self._ask("has_collection", name))

    def _whole(self, name: str) -> bool:
        """Whether a collection is there with its index: who was killed between the two left it without."""
        return self._has(name) and bool(self._ask("list_indexes", name))

    def _loaded(self, name: str) -> None:
        # Loading one that is loaded would change how many replicas it has.
        if str(self._ask("get_load_state", name)["state"]) != "Loaded":
            self._ask("load_collection", name, within=_LOAD)

    def _create(
        self,
        name: str,
        fields: Mapping[str, Any],
        vector: str,
        kind: Kind,
        made: Mapping[str, Any],
        *,
        shards: int,
        replicas: int,
        filtered: Sequence[str] = (),
    ) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        for field, (datatype, more) in fields.items():
            schema.add_field(field, datatype, **more)
        # A reader may be a few seconds behind; what a push reads of its own writing is asked for as Strong.
        self._ask(
            "create_collection", name, schema=schema, num_shards=shards, consistency_level="Bounded", within=_WRITE
        )
        index = self._client.prepare_index_params()
        index.add_index(vector, index_type=kind, metric_type="IP", params=dict(made))
        for field in filtered:
            index.add_index(field, index_type="INVERTED")
        # There is nothing to wait for: it is empty, and what comes is indexed as it comes.
        self._ask("create_index", name, index_params=index, sync=False, within=_LOAD)
        self._ask("load_collection", name, replica_number=replicas, within=_LOAD)

    def _ask(self, what: str, name: str, *, within: float = _SEARCH, **given: Any) -> Any:
        try:
            return getattr(self._client, what)(name, timeout=within, **given)
        except _faults() as fault:
            raise _not_answered(self._spec, f"{what}: {fault}", self._token) from None


def connect(spec: Spec, token: str | None = None) -> Collection:
    """Open Milvus; `token` is that of ANAMNESIS_MILVUS_TOKEN where it is None.

    Raises:
        StoreError: it cannot be reached, a file of milvus-lite is held by another process, or pymilvus is not installed.
    """
    try:
        from pymilvus import MilvusClient
    except ImportError as fault:
        raise StoreError("pymilvus is not installed", remedy="Run `pip install 'anamnesis[milvus]'`") from fault
    # They log each failure with its stack before raising it; what is raised says as much.
    for library in ("pymilvus", "milvus_lite"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    token = os.environ.get(TOKEN, "") if token is None else token
    try:
        client = MilvusClient(spec.uri, token="" if spec.local else token, timeout=_CONNECT)
    except _faults() as fault:
        raise _not_answered(spec, str(fault), token) from None
    return Collection(client, spec, token)


def open_store(
    spec: str, dimensions: int, *, embedder: str, corpus: str, heads: Heads, rows: int, token: str | None = None
) -> MilvusVectors:
    """The vectors of an index, searched in the Milvus that `spec` names.

    `rows` is the number of the catalogue's rows; `heads` reads them.

    Raises:
        ConfigError: `spec` names no store.
        StoreError: Milvus does not answer.
        IndexFault: its collection is missing, half pushed, or of another embedder or corpus.
    """
    where = parsed(spec)
    if where.local and not Path(where.uri).exists():
        raise IndexFault(f"There is no vector store at {where.uri}", remedy=_PUSH)
    collection = connect(where, token)
    about = collection.about()
    if about is None:
        raise IndexFault(f"There is no collection {collection.name} of ours", remedy=_PUSH)
    if not about.corpus:
        raise IndexFault(f"A push to {collection.name} was not completed", expected=f"corpus {corpus!r}", remedy=_PUSH)
    for what, found, expected in (
        ("embedder", about.embedder, embedder),
        ("dimensions", about.dimensions, dimensions),
        ("corpus", about.corpus, corpus),
        ("rows", about.rows, rows),
    ):
        if found != expected:
            raise IndexFault(f"{collection.name} has {what} {found!r}", expected=repr(expected), remedy=_PUSH)
    collection.load()
    known = {row: mark_of(head) for row, head in heads([rows * place // _SAMPLED for place in range(_SAMPLED)]).items()}
    if known != (collection.marks_of([*known]) if known else {}):
        # Two indexes of the same passages may count their rows otherwise.
        raise IndexFault(f"{collection.name} holds other passages in the rows of this index", remedy=_PUSH)
    return MilvusVectors(collection, about, heads)


def expression(filters: Filters) -> str:
    """Milvus's filter for what `retrieval.search.admits` admits; empty where that is everything."""
    terms = []
    if filters.language:
        terms.append(f"language == {_quoted(filters.language)}")
    if filters.audiences:
        terms.append(f"audience in [{', '.join(map(_quoted, filters.audiences))}]")
    if filters.jurisdiction:
        places = f"[{_quoted(filters.jurisdiction)}, {_quoted('INT')}]"
        terms.append(f"(ARRAY_LENGTH(jurisdiction) == 0 or ARRAY_CONTAINS_ANY(jurisdiction, {places}))")
    if filters.published_since:
        terms.append(f'(published == "" or published >= {_quoted(filters.published_since)})')
    return " and ".join(terms)


def mark_of(head: Head) -> int:
    """What tells a row from another passage, or the same one for others: a hash, as a signed number of 64 bits."""
    text = json.dumps([head.id, head.language, head.audience, list(head.jurisdiction), head.published])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`rows` in parts of at most `size`."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _quoted(text: str) -> str:
    """A string of Milvus's filter language; nothing in it can end the string."""
    return json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False)


def _faults() -> tuple[type[Exception], ...]:
    """What pymilvus raises when Milvus cannot be reached, or refuses."""
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    return (MilvusException, RpcError, OSError)


def _not_answered(spec: Spec, said: str, token: str) -> StoreError:
    # The token, and each part of a "name:password", whatever wrote it there.
    for secret in sorted({token, *token.split(":", 1)[1:]} - {""}, key=len, reverse=True):
        said = said.replace(secret, "***")
    remedy = (
        "See that the folder can be written and that no other process has the file open"
        if spec.local
        else f"See that it runs, that the address is right, and that {TOKEN} holds its token"
    )
    return StoreError(f"Milvus at {spec.uri} did not answer ({said})", remedy=remedy)
