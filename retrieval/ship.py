"""Make the vectors that ship with the embedded library: `make vectors`."""

from __future__ import annotations

import sys

from knowledge.build import EMBEDDED, passages_of
from retrieval.embedders import open_embedder
from retrieval.embedders.shipped import SHIPPED, file_name, read, write
from retrieval.index import embedded_text

_BATCH = 64


def main() -> int:
    """Embed what changed, drop what is gone, write one file (every 2,000 passages too, so that a stop loses little). Exit 0."""
    from tqdm import tqdm

    embedder = open_embedder()
    path = SHIPPED / file_name(embedder.id)
    passages = {passage.id: passage for passage in passages_of(EMBEDDED)}
    known = read(path)
    missing = [passage for passage in passages.values() if passage.id not in known]
    for start in tqdm(range(0, len(missing), _BATCH), unit="batch", desc="embedding", disable=None):
        batch = missing[start : start + _BATCH]
        vectors = embedder.passages([embedded_text(passage) for passage in batch])
        known.update({passage.id: row for passage, row in zip(batch, vectors, strict=True)})
        if start % 2000 < _BATCH and start:
            write(path, known)
    write(path, {passage_id: known[passage_id] for passage_id in passages})
    print(f"{len(passages)} passages, {len(missing)} embedded now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
