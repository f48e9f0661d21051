"""Make the vectors that ship with the embedded library: `make vectors`."""

from __future__ import annotations

import sys

from knowledge.build import passages_of
from retrieval.embedders import open_embedder
from retrieval.embedders.cache import SHIPPED, VectorCache, file_name, write
from retrieval.index import embed


def main() -> int:
    """Embed what changed, drop what is gone, write one file. Exit 0."""
    embedder = open_embedder()
    passages = tuple(passages_of(["library"]))
    cache = VectorCache(embedder.id)
    new = sum(cache.get(passage.id) is None for passage in passages)
    vectors = embed(
        passages, embedder=embedder, cache=cache, progress=lambda done, total: print(f"\r{done}/{total}", end="")
    )
    write(SHIPPED / file_name(embedder.id), {passage.id: row for passage, row in zip(passages, vectors, strict=True)})
    print(f"{len(passages)} passages, {new} embedded now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
