"""BM25 by Tantivy over a passage's title, heading, synonyms and text; on disk, so memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import IndexFault, StoreError
from knowledge.types import Passage
from retrieval.tokenize import tokens

# A word of the title or heading says more than one of the text; the fields are repeated as often as they weigh.
_FIELDS = (("title", 3), ("heading", 2), ("synonyms", 1), ("text", 1))
# Tantivy writes a segment when this much is held; one thread keeps the order of rows, and so of ties.
_HEAP_BYTES = 64 * 1024 * 1024
# Tantivy drops longer terms; a word this long is no word.
_LONGEST = 120
Field = Literal["words", "names"]


class Bm25:
    """Scores of the best passages for a query: Tantivy's BM25 (k1 1.2, b 0.75)."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._searcher = index.searcher()

    def best(
        self,
        query: str,
        k: int,
        *,
        language: str = "",
        audiences: Sequence[str] = (),
        also: Sequence[str] = (),
        share: float = 1.0,
        field: Field = "words",
    ) -> list[tuple[int, float]]:
        """At most k (row, score), best first, of passages that hold a word of the query.

        `also` are other names of what the query names; a word of theirs counts `share` of one of its own. The field
        `names` holds only the names of the passage's subject: its title and synonyms.
        """
        import tantivy

        schema = self._index.schema
        terms = {word: 1.0 for word in tokens(query) if len(word) <= _LONGEST}
        terms |= {word: share for word in tokens("\n".join(also)) if len(word) <= _LONGEST and word not in terms}
        if not terms or k < 1:
            return []
        words = tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, _term(schema, field, *each)) for each in terms.items()]
        )
        kept = [(tantivy.Occur.Must, words)]
        for name, values in (("language", [language] if language else []), ("audience", list(audiences))):
            if values:
                only = tantivy.Query.term_set_query(schema, name, values)
                kept.append((tantivy.Occur.Must, tantivy.Query.const_score_query(only, 0.0)))
        query_all = tantivy.Query.boolean_query(kept) if len(kept) > 1 else words
        hits = self._searcher.search(query_all, k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        found = [(int(row), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def known(self, word: str) -> bool:
        """Whether a stemmed word occurs in any passage."""
        return bool(self._searcher.doc_freq("words", word))


class Bm25Writer:
    """Adds passages to an index on disk. Nothing is kept until `commit`."""

    def __init__(self, folder: Path) -> None:
        import tantivy

        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._index = tantivy.Index(_schema(), path=str(folder))
            self._writer: Any = self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        except (ValueError, OSError) as fault:
            raise StoreError(
                f"{folder} cannot be written: {fault}", remedy="Check that no other build is running"
            ) from fault

    def add(self, row: int, passage: Passage) -> None:
        """Index a passage under its row."""
        import tantivy

        document = tantivy.Document()
        document.add_unsigned("row", row)
        document.add_text("words", " ".join(word for word in passage_tokens(passage) if len(word) <= _LONGEST))
        document.add_text("names", " ".join(name_tokens(passage)))
        document.add_text("language", passage.language)
        document.add_text("audience", passage.audience)
        self._writer.add_document(document)

    def remove(self, rows: Iterable[int]) -> None:
        """Forget passages by row."""
        import tantivy

        for row in rows:
            self._writer.delete_documents_by_query(tantivy.Query.term_query(self._index.schema, "row", row))

    def remove_from(self, row: int) -> None:
        """Forget every passage from `row` on: what a killed run had indexed and the catalogue never kept."""
        import tantivy

        query = tantivy.Query.range_query(
            self._index.schema, "row", tantivy.FieldType.Unsigned, row, 2**63, include_lower=True, include_upper=True
        )
        self._writer.delete_documents_by_query(query)

    def commit(self) -> None:
        """Keep everything since the last commit."""
        try:
            self._writer.commit()
        except (ValueError, OSError) as fault:
            raise StoreError(
                f"The word index cannot be written: {fault}", remedy="Free some space, then run it again"
            ) from fault

    def close(self) -> None:
        """Give up what was not committed, and wait until the files are as they will stay."""
        if self._writer is not None:
            # Not `rollback`: it lets go of merges that run, and they would write after the folder was sealed.
            self._writer.wait_merging_threads()
            self._writer = None


def load(folder: Path) -> Bm25:
    """Open an index.

    Raises:
        IndexFault: Tantivy cannot read the folder.
    """
    import tantivy

    try:
        return Bm25(tantivy.Index(_schema(), path=str(folder)))
    except ValueError as fault:
        raise IndexFault(
            f"{folder} is not a word index ({fault})", remedy="Delete the folder and build it again"
        ) from fault


def name_tokens(passage: Passage) -> list[str]:
    """The words of the names of a passage's subject."""
    return [word for word in tokens("\n".join((passage.title, *passage.synonyms))) if len(word) <= _LONGEST]


def _term(schema: Any, field: Field, word: str, share: float) -> Any:
    import tantivy

    query = tantivy.Query.term_query(schema, field, word)
    return query if share == 1.0 else tantivy.Query.boost_query(query, share)


def passage_tokens(passage: Passage) -> list[str]:
    """The words of a passage, each field as often as it weighs."""
    found: list[str] = []
    for name, weight in _FIELDS:
        value = getattr(passage, name)
        found.extend(tokens("\n".join(value) if isinstance(value, tuple) else value) * weight)
    return found


def _schema() -> Any:
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_unsigned_field("row", indexed=True, fast=True)
    # The words are stemmed and segmented already; only spaces divide them.
    schema.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    schema.add_text_field("names", tokenizer_name="whitespace", index_option="freq")
    schema.add_text_field("language", tokenizer_name="raw", index_option="basic")
    schema.add_text_field("audience", tokenizer_name="raw", index_option="basic")
    return schema.build()
