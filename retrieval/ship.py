"""Make the vectors that ship with the embedded library: `make vectors`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from knowledge.build import EMBEDDED, passages_of
from knowledge.chunk import sentences, units
from knowledge.types import Passage
from retrieval.embedders import open_embedder
from retrieval.embedders.shipped import (
    SHIPPED,
    Sentences,
    digest,
    file_name,
    read,
    read_sentences,
    sentences_name,
    write,
    write_sentences,
)
from retrieval.index import embedded_sentence, embedded_text
from retrieval.types import Embedder, Vectors

_BATCH = 512
_FITTED = 4096
_LEAST = 4
"""Words of a sentence that may be quoted (`agent.extract`)."""


def main() -> int:
    """Embed what changed, drop what is gone, write two files (after each batch, so that a stop loses little). Exit 0."""
    embedder = open_embedder()
    passages = {passage.id: passage for passage in passages_of(EMBEDDED)}
    _passages(embedder, passages)
    _sentences(embedder, list(passages.values()))
    return 0


def _passages(embedder: Embedder, passages: dict[str, Passage]) -> None:
    path = SHIPPED / file_name(embedder.id)
    known = read(path)
    missing = {passage_id: passage for passage_id, passage in passages.items() if passage_id not in known}
    names = iter(missing)
    for _, rows in _embedded(embedder, [embedded_text(passage) for passage in missing.values()]):
        known.update({name: row for row, name in zip(rows, names, strict=False)})
        write(path, known)
    write(path, {passage_id: known[passage_id] for passage_id in passages})
    print(f"{len(passages)} passages, {len(missing)} embedded now")


def _sentences(embedder: Embedder, passages: Sequence[Passage]) -> None:
    """The axes stay as they are once there is a file, and a new sentence is placed on them. Without the file, which is also how
    to fit them anew, they come from the first sentences by digest, which is as good as drawn."""
    path = SHIPPED / sentences_name(embedder.id)
    texts = {digest(text): text for passage in passages for text in embedded_sentences(passage)}
    known = read_sentences(path)
    if known is None:
        first = [texts[name] for name in sorted(texts)[:_FITTED]]
        known = Sentences.fitted(np.concatenate([rows for _, rows in _embedded(embedder, first)]))
    missing = [text for name, text in sorted(texts.items()) if name not in known.rows]
    rows = dict(known.rows)
    for batch, vectors in _embedded(embedder, missing):
        rows.update(zip(map(digest, batch), known.placed(vectors), strict=True))
        write_sentences(path, replace(known, rows=rows))
    write_sentences(path, replace(known, rows={name: rows[name] for name in texts}))
    print(f"{len(texts)} sentences, {len(missing)} embedded now")


def embedded_sentences(passage: Passage) -> Iterator[str]:
    """What is embedded of each sentence of a passage that an answer may quote."""
    return (embedded_sentence(passage, text) for text in sentences(passage.text) if units(text) >= _LEAST)


def _embedded(embedder: Embedder, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Vectors]]:
    from tqdm import tqdm

    for start in tqdm(range(0, len(texts), _BATCH), unit="batch", desc="embedding", disable=None):
        yield texts[start : start + _BATCH], embedder.passages(list(texts[start : start + _BATCH]))


if __name__ == "__main__":
    sys.exit(main())
