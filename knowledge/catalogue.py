"""Documents and passages in one SQLite file, read by row: memory does not grow with the corpus."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import IndexFault, StoreError
from knowledge.types import Passage, Source

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL, origin TEXT NOT NULL, file TEXT NOT NULL,
    digest BLOB NOT NULL, content BLOB NOT NULL, licence TEXT NOT NULL, language TEXT NOT NULL,
    published TEXT NOT NULL, numbers BLOB,
    signature BLOB
);
CREATE INDEX IF NOT EXISTS documents_id ON documents (id);
CREATE INDEX IF NOT EXISTS documents_digest ON documents (digest);
CREATE TABLE IF NOT EXISTS passages (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, document INTEGER NOT NULL, language TEXT NOT NULL, audience TEXT NOT NULL,
    jurisdiction TEXT NOT NULL, published TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS passages_id ON passages (id);
CREATE INDEX IF NOT EXISTS passages_document ON passages (document);
CREATE TABLE IF NOT EXISTS supersedes (older TEXT NOT NULL, newer INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bands (band INTEGER NOT NULL, value INTEGER NOT NULL, document INTEGER NOT NULL,
    PRIMARY KEY (band, value, document)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_REBUILD = "Delete the folder and run `anamnesis knowledge build` again"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalogue keeps of a document. `origin` is the source it came from, `file` the file inside it."""

    id: str
    title: str
    origin: str
    file: str
    digest: bytes
    content: bytes
    licence: str
    language: str
    published: str
    supersedes: tuple[str, ...] = ()
    signature: bytes | None = None
    numbers: bytes | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What of a passage decides whether a filter admits it."""

    id: str
    language: str
    audience: str
    jurisdiction: tuple[str, ...]
    published: str


class Catalogue:
    """An open catalogue. Rows count from 0 in the order added; a removed passage leaves its row empty.

    Threads may share a reader; a writer belongs to one thread. Nothing is kept until `commit`.

    Raises:
        IndexFault: the file is missing or is no catalogue.
        StoreError: it cannot be written.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self._path, self._write = path, write
        self._lock = threading.RLock()
        if not write and not path.is_file():
            raise IndexFault(f"{path} is missing", remedy=_REBUILD)
        try:
            self._db = self._connect()
            if write:
                self._db.executescript(_SCHEMA)
            else:
                self._undo_a_kill()
            self._rows = int(self.fact("rows") or 0)
            self._alive = self._one("SELECT count(*) FROM passages")
        except sqlite3.OperationalError as fault:
            raise (StoreError if write else IndexFault)(f"{path} cannot be opened: {fault}", remedy=_REBUILD) from fault
        except sqlite3.DatabaseError as fault:
            raise IndexFault(f"{path} is damaged ({fault})", remedy=_REBUILD) from fault

    def _undo_a_kill(self) -> None:
        """A writer that was killed leaves a journal, which only somebody who may write can roll back."""
        try:
            self._one("SELECT count(*) FROM facts")
        except sqlite3.OperationalError as fault:
            if "readonly" not in str(fault):
                raise
            with closing(sqlite3.connect(self._path, timeout=30)) as connection:
                connection.execute("SELECT count(*) FROM facts").fetchone()

    def _connect(self) -> sqlite3.Connection:
        mode = "rwc" if self._write else "ro"
        # One connection for all threads, kept from the beginning: another index that takes this one's place on the disk
        # must never be read with this one's rows.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30, check_same_thread=False
        )
        # 64 MiB of pages at most, whatever the size of the file.
        connection.execute("PRAGMA cache_size = -65536")
        if self._write:
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _one(self, query: str, *values: object) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()[0]

    def _all(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file; what was not committed is given up."""
        self._db.close()

    @property
    def rows(self) -> int:
        """How many rows were ever given: the length of the vectors."""
        return int(self._rows)

    def __len__(self) -> int:
        return int(self._alive)

    @property
    def whole(self) -> bool:
        """Whether no row is empty."""
        return self.rows == len(self)

    # Reading

    def passages(self, rows: Sequence[int]) -> dict[int, Passage]:
        """The passages at `rows`; an empty row is left out."""
        found: dict[int, Passage] = {}
        for start in range(0, len(rows), 500):
            part = [int(row) for row in rows[start : start + 500]]
            marks = ",".join("?" * len(part))
            for row, body in self._all(f"SELECT row, body FROM passages WHERE row IN ({marks})", part):
                found[row] = self._passage(body)
        return found

    def heads(self, rows: Sequence[int]) -> dict[int, Head]:
        """What filters look at of the passages at `rows`; an empty row is left out."""
        found: dict[int, Head] = {}
        for start in range(0, len(rows), 500):
            part = [int(row) for row in rows[start : start + 500]]
            marks = ",".join("?" * len(part))
            query = f"SELECT row, id, language, audience, jurisdiction, published FROM passages WHERE row IN ({marks})"
            for row, passage, language, audience, places, published in self._all(query, part):
                jurisdiction = tuple(places[1:-1].split("|")) if places else ()
                found[row] = Head(passage, language, audience, jurisdiction, published)
        return found

    def of(self, document: str) -> tuple[Passage, ...]:
        """The passages of a document, in order."""
        query = "SELECT body FROM passages WHERE document IN (SELECT number FROM documents WHERE id = ?) ORDER BY row"
        return tuple(self._passage(body) for (body,) in self._all(query, (_clean(document),)))

    def __iter__(self) -> Iterator[Passage]:
        with closing(self._db.cursor()) as cursor:
            for (body,) in cursor.execute("SELECT body FROM passages ORDER BY row"):
                yield self._passage(body)

    def row_of(self, passage_id: str) -> int | None:
        """The row of a passage."""
        found = self._all("SELECT row FROM passages WHERE id = ? LIMIT 1", (passage_id,))
        return int(found[0][0]) if found else None

    def admitted(
        self, *, language: str = "", audiences: Sequence[str] = (), jurisdiction: str = "", since: str = "",
        documents: Collection[str] | None = None,
    ) -> NDArray[np.int64]:
        """The rows that fulfil every condition given; a passage without a jurisdiction or a date is not held back."""
        terms, values = ["1"], list[str]()
        if language:
            terms.append("language = ?")
            values.append(language)
        if audiences:
            terms.append(f"audience IN ({','.join('?' * len(audiences))})")
            values.extend(audiences)
        if jurisdiction:
            terms.append("(jurisdiction IN ('', '|INT|') OR instr(jurisdiction, ?) OR instr(jurisdiction, '|INT|'))")
            values.append(f"|{jurisdiction}|")
        if since:
            terms.append("(published = '' OR published >= ?)")
            values.append(since)
        if documents is not None:
            terms.append("document IN (SELECT number FROM documents WHERE id IN (SELECT value FROM json_each(?)))")
            values.append(json.dumps([_clean(document) for document in documents]))
        query = f"SELECT row FROM passages WHERE {' AND '.join(terms)} ORDER BY row"
        return np.fromiter((row for (row,) in self._all(query, values)), dtype=np.int64)

    def of_jurisdiction(self, rows: Sequence[int], jurisdiction: str) -> list[int]:
        """Those of `rows` that are written for a jurisdiction, in the order given."""
        found = set[int]()
        for start in range(0, len(rows), 500):
            part = [int(row) for row in rows[start : start + 500]]
            marks = ",".join("?" * len(part))
            query = f"SELECT row FROM passages WHERE instr(jurisdiction, ?) AND row IN ({marks})"
            found.update(row for (row,) in self._all(query, [f"|{jurisdiction}|", *part]))
        return [int(row) for row in rows if row in found]

    def documents(self) -> Iterator[Entry]:
        """Every document, in the order added."""
        query = "SELECT id, title, origin, file, digest, content, licence, language, published FROM documents ORDER BY number"
        with closing(self._db.cursor()) as cursor:
            for row in cursor.execute(query):
                yield Entry(*row)

    def identity(self) -> str:
        """The hash of the passage ids in order: what corpus this is."""
        digest = hashlib.sha256()
        for (passage_id,) in self._db.execute("SELECT id FROM passages ORDER BY row"):
            digest.update(passage_id.encode() + b"\n")
        return digest.hexdigest()[:20]

    def fact(self, name: str) -> str | None:
        """A remembered fact of the making."""
        found = self._all("SELECT value FROM facts WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    @cached_property
    def replaced(self) -> dict[str, str]:
        """Ids of documents that another in this catalogue supersedes, with the title and date of that one."""
        query = "SELECT older, title, published FROM supersedes JOIN documents ON number = newer WHERE older != documents.id"
        return {older: f"{title} ({published})" if published else title for older, title, published in self._all(query)}

    @cached_property
    def successors(self) -> dict[str, frozenset[str]]:
        """Ids of superseded documents, with the ids of those that supersede them."""
        query = "SELECT older, documents.id FROM supersedes JOIN documents ON number = newer"
        found: dict[str, set[str]] = {}
        for older, newer in self._all(query):
            found.setdefault(older, set()).add(newer)
        return {older: frozenset(newer - {older}) for older, newer in found.items()}

    def _passage(self, body: str) -> Passage:
        row = json.loads(body)
        row["sources"] = tuple(Source(**source) for source in row["sources"])
        for name in ("jurisdiction", "synonyms", "red_flags"):
            row[name] = tuple(row[name])
        newer = self.replaced.get(row["document"])
        if newer:
            row["superseded_by"] = newer
        return Passage(**row)

    # Duplicates

    def with_id(self, document: str) -> tuple[int, bytes, str] | None:
        """The number, content digest and origin of a document."""
        found = self._all("SELECT number, content, origin FROM documents WHERE id = ? LIMIT 1", (_clean(document),))
        return (int(found[0][0]), bytes(found[0][1]), str(found[0][2])) if found else None

    def with_digest(self, digest: bytes) -> str | None:
        """The id of a document of exactly this text."""
        found = self._all("SELECT id FROM documents WHERE digest = ? LIMIT 1", (digest,))
        return str(found[0][0]) if found else None

    def sharing(self, bands: Sequence[int]) -> Iterator[tuple[str, bytes, bytes]]:
        """(id, signature, numbers) of the documents that share a band."""
        numbers: set[int] = set()
        for band, value in enumerate(bands):
            query = "SELECT document FROM bands WHERE band = ? AND value = ? LIMIT 20"
            numbers.update(number for (number,) in self._all(query, (band, value)))
        for number in sorted(numbers):
            yield from self._all("SELECT id, signature, numbers FROM documents WHERE number = ?", (number,))

    # Writing

    def add(self, entry: Entry, passages: Iterable[Passage]) -> list[int]:
        """Add a document; returns the rows its passages were given."""
        cursor = self._db.execute(
            "INSERT INTO documents (id, title, origin, file, digest, content, licence, language, published, numbers, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_clean(entry.id), _clean(entry.title), _clean(entry.origin), _clean(entry.file), entry.digest, entry.content,
             _clean(entry.licence), _clean(entry.language), _clean(entry.published), entry.numbers, entry.signature),
        )  # fmt: skip
        number = cursor.lastrowid
        rows: list[int] = []
        for passage in passages:
            body = json.dumps(dataclasses.asdict(passage), ensure_ascii=True, separators=(",", ":"))
            jurisdiction = f"|{'|'.join(passage.jurisdiction)}|" if passage.jurisdiction else ""
            self._db.execute(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._rows,
                    _clean(passage.id),
                    number,
                    _clean(passage.language),
                    _clean(passage.audience),
                    _clean(jurisdiction),
                    _clean(passage.published),
                    body,
                ),
            )
            rows.append(self._rows)
            self._rows += 1
            self._alive += 1
        self._db.executemany(
            "INSERT INTO supersedes VALUES (?, ?)", [(_clean(older), number) for older in entry.supersedes]
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?, ?)",
            [(band, value, number) for band, value in enumerate(entry.bands)],
        )
        return rows

    def remove(self, number: int) -> dict[int, str]:
        """Remove a document by its number; returns the rows that are empty now, with the ids of their passages."""
        rows = dict(self._db.execute("SELECT row, id FROM passages WHERE document = ?", (number,)).fetchall())
        bands = self._db.execute("SELECT band, value FROM bands WHERE document = ?", (number,)).fetchall()
        self._db.executemany(
            "DELETE FROM bands WHERE band = ? AND value = ? AND document = ?", [(*band, number) for band in bands]
        )
        self._db.execute("DELETE FROM passages WHERE document = ?", (number,))
        self._db.execute("DELETE FROM supersedes WHERE newer = ?", (number,))
        self._db.execute("DELETE FROM documents WHERE number = ?", (number,))
        self._alive -= len(rows)
        return rows

    def remember(self, name: str, value: str) -> None:
        """Keep a fact of the making."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def commit(self) -> None:
        """Keep everything since the last commit.

        Raises:
            StoreError: the disk is full or not writable.
        """
        try:
            # A row is never given twice: a reader that was opened before may still hold the vector of the first.
            self.remember("rows", str(self._rows))
            self._db.commit()
        except sqlite3.OperationalError as fault:
            raise StoreError(
                f"{self._path} cannot be written: {fault}", remedy="Free some space, then run the same command again"
            ) from fault


class Passages(Sequence[Passage]):
    """A catalogue as a sequence of its passages, read as they are asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __len__(self) -> int:
        return len(self._catalogue)

    def __iter__(self) -> Iterator[Passage]:
        return iter(self._catalogue)

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Passage]: ...
    def __getitem__(self, row: int | slice) -> Passage | Sequence[Passage]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(self._catalogue.rows))]
        found = self._catalogue.passages([row])
        if not found:
            raise IndexError(row)
        return found[row]


def _clean(text: str) -> str:
    """Text as SQLite can hold it: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
