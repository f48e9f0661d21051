"""Documents added to an index that is there: what is new is kept, what is known is not made again, doubles are dropped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from knowledge import chunk, store
from knowledge.duplicates import NEAR, Fingerprint, differ_by_a_name, fingerprint, resemblance, text_of
from knowledge.errors import IndexFault, StoreError
from knowledge.types import Document
from retrieval.index import FORMAT, Known, Writer, entry_of
from retrieval.types import Embedder

REPORT = "added.jsonl"
What = Literal["added", "updated", "unchanged", "exact", "near", "twin", "broken", "removed"]
Progress = Callable[["Counts"], None]


@dataclass(slots=True)
class Counts:
    """What became of the documents read so far.

    `exact` and `near` are doubles that were dropped; `twin` are documents kept although nearly all their words stand in
    another, because their numbers or negations differ; `broken` are files and records that could not be read.
    """

    documents: int = 0
    passages: int = 0
    embedded: int = 0
    by: dict[What, int] = field(default_factory=dict)

    def count(self, what: What) -> None:
        """One more of a kind."""
        self.by[what] = self.by.get(what, 0) + 1


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the report: what became of a document, and because of which other."""

    what: What
    document: str
    file: str = ""
    other: str = ""
    about: str = ""


class Adder:
    """Adds documents one by one to the index in `folder`, committing as it goes.

    Every document that is not simply added is a line of the report (`added.jsonl` in the folder). Stopped at any
    moment, the same documents can be given again: those that were kept are `unchanged`.

    Raises:
        IndexFault: there is no index in the folder, or one of another embedder.
        StoreError: it cannot be written, or another process adds to it.
    """

    def __init__(self, folder: Path, *, embedder: Embedder, origin: str, known: Known = lambda _: None) -> None:
        self._folder, self._origin = folder, origin
        self._mark = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        self._manifest = store.read_manifest(folder)
        for what, expected in (("format", FORMAT), ("embedder", embedder.id)):
            if self._manifest.get(what) != expected:
                raise IndexFault(
                    f"The index at {folder} has {what} {self._manifest.get(what)!r}",
                    expected=repr(expected),
                    remedy="Build it again with `anamnesis knowledge build`",
                )
        self._lock = FileLock(folder / ".adding.lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout as fault:
            raise StoreError(
                f"Another process adds to {folder}", remedy="Wait until it ends, then run it again"
            ) from fault
        except OSError as fault:
            raise StoreError(
                f"{folder} cannot be written: {fault}", remedy="Choose an index that can be written"
            ) from fault
        # From here until `close` the files change: a reader checks their shape, not their seals.
        store.unseal(folder)
        self._writer = Writer(folder, embedder=embedder, known=known)
        self._report = (folder / REPORT).open("a", encoding="utf-8")
        self.counts = Counts()
        self.noted: Event | None = None
        """The line of the report on the document that was added last; None where it was simply added."""

    def add(self, document: Document, *, file: str = "") -> What:
        """Add one document and say what became of it."""
        self.counts.documents += 1
        self.noted = None
        mark = fingerprint(document)
        what = self._place(document, mark, file)
        self.counts.count(what)
        self.counts.embedded = self._writer.embedded
        if self._writer.due:
            self._commit()
        return what

    def remove(self, document: str) -> bool:
        """Remove a document by its id; whether it was there."""
        found = self._writer.catalogue.with_id(document)
        if found is None:
            return False
        self._writer.remove(found[0])
        self._note(Event("removed", document))
        return True

    def drop_missing(self, kept: Collection[str]) -> int:
        """Remove the documents of this origin whose ids are not in `kept`; returns how many."""
        gone = [
            entry.id
            for entry in self._writer.catalogue.documents()
            if entry.origin == self._origin and entry.id not in kept
        ]
        for document in gone:
            self.remove(document)
        return len(gone)

    def broken(self, file: str, about: str) -> None:
        """Note what could not be read."""
        self.counts.count("broken")
        self._note(Event("broken", "", file=file, about=about))

    def close(self, *, facts: dict[str, Any] | None = None) -> str:
        """Keep everything, seal the index, with `facts` in its manifest; returns the corpus hash."""
        self._report.close()
        kept = {name: value for name, value in self._manifest.items() if name not in _OF_WRITER} | (facts or {})
        # How the vectors are searched was chosen when there were few, or by somebody: more of them change only the first.
        chosen = self._manifest.get("vectors", "flat")
        corpus = self._writer.close(facts=kept, kind=None if chosen == "flat" else chosen)
        self.counts.embedded = self._writer.embedded
        self._lock.release()
        return corpus

    def abandon(self) -> None:
        """Stop: what was committed stays, and the next run goes on from there."""
        self._report.close()
        self._writer.abandon()
        self._lock.release()

    def _place(self, document: Document, mark: Fingerprint, file: str) -> What:
        catalogue = self._writer.catalogue
        known = catalogue.with_id(document.id)
        if known is not None and document.id.startswith("file:") and known[2] != self._origin:
            # A file of the same name from elsewhere is another document.
            document = replace(document, id=f"{document.id}#{self._mark}")
            mark, known = fingerprint(document), catalogue.with_id(document.id)
        if known is not None and known[1] == mark.content:
            return "unchanged"
        if known is not None:
            self._writer.remove(known[0])
        exact = catalogue.with_digest(mark.digest)
        if exact is not None and not self._differs(document, exact):
            self._note(Event("exact", document.id, file=file, other=exact))
            return "exact"
        near = self._near(document, mark)
        if near is not None and near[1]:
            self._note(Event("near", document.id, file=file, other=near[0]))
            return "near"
        if known is not None:
            self._note(Event("updated", document.id, file=file))
        entry = entry_of(document, origin=self._origin, file=file, mark=mark)
        self.counts.passages += self._writer.add(entry, chunk.passages(document))
        if near is not None:
            self._note(
                Event("twin", document.id, file=file, other=near[0], about="nearly the same words, other numbers")
            )
            return "twin"
        return "added" if known is None else "updated"

    def _near(self, document: Document, mark: Fingerprint) -> tuple[str, bool] | None:
        """The nearest other document and whether its numbers are the same."""
        best: tuple[float, str, bool] | None = None
        for other, signature, numbers in self._writer.catalogue.sharing(mark.bands):
            alike = resemblance(mark.signature, signature)
            same = numbers == mark.numbers and not self._differs(document, other)
            if other != document.id and alike >= NEAR and (best is None or (same, alike) > (best[2], best[0])):
                best = (alike, other, same)
        return None if best is None else (best[1], best[2])

    def _differs(self, document: Document, other: str) -> bool:
        """Whether two documents of nearly or wholly the same words are about different things, perhaps by title alone."""
        passages = self._writer.catalogue.of(other)
        theirs = "\n".join((*{passage.title for passage in passages}, *(f"{p.heading}\n{p.text}" for p in passages)))
        return differ_by_a_name(f"{document.title}\n{text_of(document)}", theirs)

    def _note(self, event: Event) -> None:
        self.noted = event
        self._report.write(json.dumps({k: v for k, v in asdict(event).items() if v}, ensure_ascii=True) + "\n")

    def _commit(self) -> None:
        self._report.flush()
        self._writer.commit()


_OF_WRITER = ("format", "corpus", "embedder", "passages", "rows", "dimensions", "vectors", "files")


def add_documents(
    documents: Iterable[tuple[str, Document]], adder: Adder, *, progress: Progress = lambda _: None
) -> Counts:
    """Add (file, document) pairs; an exception leaves the index as it was last committed."""
    try:
        for file, document in documents:
            adder.add(document, file=file)
            progress(adder.counts)
        adder.close()
    except BaseException:
        adder.abandon()
        raise
    return adder.counts
