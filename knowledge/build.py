"""Sources to passages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from knowledge.chunk import passages as document_passages
from knowledge.sources import open_source
from knowledge.types import Passage


def passages_of(specs: Iterable[str]) -> Iterator[Passage]:
    """Every passage of the sources `NAME[:PATH]`, in order; no document is dropped.

    Raises:
        InputError, KnowledgeError: a source cannot be read.
    """
    for spec in specs:
        for document in open_source(spec):
            yield from document_passages(document)
