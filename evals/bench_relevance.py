"""not_found: how often a question the library can answer is let through, and one it cannot is held back.

Run with `make bench-relevance`. The cases are our own (evals/cases/relevance.jsonl; no clinician labelled them).
The threshold was chosen on the even lines; the odd ones are the report.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agent.build import open_index
from agent.config import load
from agent.relevance import bearing
from evals.metrics import wilson
from retrieval.embedders import open_embedder
from retrieval.search import search
from retrieval.types import Filters

CASES = Path(__file__).parent / "cases" / "relevance.jsonl"


def main() -> int:
    """Print one table; exit 0."""
    settings = load()
    embedder = open_embedder(settings.embedder)
    index = open_index(settings, embedder)
    counts: dict[tuple[str, int, str], list[bool]] = {}
    for number, line in enumerate(CASES.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        filters = Filters(language=row["language"], audience="patient")
        found = search(index, row["text"], embedder=embedder, filters=filters, k=3 * settings.passages, per_document=2)
        hits = bearing(row["text"], found.hits[: settings.passages], least=settings.min_relevance)
        half = (row["language"], number % 2)
        if not row["documents"]:
            counts.setdefault((*half, "not in the library, held back"), []).append(not hits)
        else:
            counts.setdefault((*half, "in the library, let through"), []).append(bool(hits))
            first = bool(hits) and hits[0].passage.document in row["documents"]
            counts.setdefault((*half, "in the library, its page first"), []).append(first)
            left = [hit for hit in found.hits if hit.passage.document not in row["documents"]]
            without = bearing(row["text"], left, least=settings.min_relevance)
            counts.setdefault((*half, "its page taken out, held back"), []).append(not without)
    print(f"min_relevance {settings.min_relevance}, {len(index.passages)} passages, 95% Wilson intervals")
    for (language, odd, what), outcomes in sorted(counts.items()):
        low, high = wilson(sum(outcomes), len(outcomes))
        half_name = "odd (reported)" if odd else "even (tuned on)"
        print(f"{language}  {half_name:16} {what:32} {sum(outcomes):3}/{len(outcomes):<3} [{low:.2f}, {high:.2f}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
