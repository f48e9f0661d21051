"""Embed the catalogue of false beliefs, after a change of `knowledge/rules/policy/beliefs.jsonl`: `python -m finetune.beliefs`."""

from __future__ import annotations

import sys

from agent.beliefs import write_vectors
from agent.config import load
from retrieval.embedders import open_embedder


def main() -> int:
    """Write the vectors that ship beside the catalogue; a minute."""
    write_vectors(open_embedder(load().embedder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
