"""Which sentences of the passages are quoted: by words alone, and with nearness by meaning. `python -m evals.bench_sentences [N]`.

Reads the examples of `anamnesis finetune data`: a question, the passages that search found, and an answer made of their sentences.
A sentence is right when the answer says it. The weights in `agent/extract.py` were chosen on the questions written by hand among
the training and validation examples; the test examples, of other topics, are the report. N draws so many of each kind, seeded.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agent.config import load
from agent.extract import Candidate, nearness, scores
from evals.metrics import mean_interval, sign_test
from knowledge.chunk import sentences, units
from knowledge.errors import InputError
from knowledge.types import Passage
from retrieval.embedders import open_embedder
from retrieval.types import Embedder

_ANSWERED = ("grounded", "intake", "emergency", "false_premise")
_LEAST = 4
_KEY = re.compile(r"\s*\[\d+\]")
Marks = dict[str, float]


def main(arguments: Sequence[str]) -> int:
    """Print one table; exit 1 where there are no examples."""
    most = int(arguments[0]) if arguments else 0
    settings = load()
    embedder = open_embedder(settings.embedder)
    try:
        groups = _groups(settings.home / "finetune" / "data")
    except InputError as fault:
        print(fault, file=sys.stderr)
        return 1
    print("average precision, right ones among the first four, first one right; mean and 95% interval by topic")
    for name, rows in groups.items():
        random.Random(0).shuffle(rows)
        marked = [marks(row, embedder) for row in tqdm(rows[: most or None], desc=name, mininterval=5)]
        topics = [row["topic"] for row in rows[: most or None]]
        for system in ("words", "and meaning"):
            said = []
            for measure in ("precision", "four", "first"):
                values = [each[system][measure] for each in marked]
                low, high = mean_interval(values, topics)
                said.append(f"{sum(values) / len(values):.3f} [{low:.3f}, {high:.3f}]")
            print(f"{name:28} n {len(marked):4}  {system:12} {'   '.join(said)}")
        moved = [each["and meaning"]["precision"] - each["words"]["precision"] for each in marked]
        print(f"{name:28} better {sum(x > 0 for x in moved)}, worse {sum(x < 0 for x in moved)}, p {sign_test(moved):.2g}")
    return 0


def _groups(folder: Path) -> dict[str, list[dict[str, Any]]]:
    files = {split: folder / f"{split}.jsonl" for split in ("train", "validation", "test")}
    if missing := [file for file in files.values() if not file.is_file()]:
        raise InputError(f"{missing[0]} is missing", remedy="Run `anamnesis finetune data` first")
    rows = {split: list(_rows(file)) for split, file in files.items()}
    return {
        "tuned on, by hand": [r for split in ("train", "validation") for r in rows[split] if r["origin"] == "written"],
        "test, by hand": [r for r in rows["test"] if r["origin"] == "written"],
        "test, from the library": [r for r in rows["test"] if r["origin"] == "library"],
    }


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """The examples of which some sentences are right and others are not, with candidates and verdicts."""
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] not in _ANSWERED or not row["passages"]:
            continue
        said = _plain(row["answer"])
        found = [
            Candidate(place, order, text)
            for place, passage in enumerate(row["passages"])
            for order, text in enumerate(sentences(passage["text"]))
            if units(text) >= _LEAST and not text.endswith((":", "："))
        ]
        right = [_plain(one.text).rstrip(".。") in said for one in found]
        if any(right) and not all(right):
            yield {**row, "candidates": found, "right": right}


def marks(row: dict[str, Any], embedder: Embedder) -> dict[str, Marks]:
    """System to measures of one example."""
    passages = [
        Passage(id=each["id"], document="", title=each["title"], heading=each["heading"], text=each["text"],
                language=row["language"], sources=())
        for each in row["passages"]
    ]  # fmt: skip
    near = nearness(embedder, row["question"])
    return {
        "words": ranked(scores(row["question"], passages, row["candidates"]), row["right"]),
        "and meaning": ranked(scores(row["question"], passages, row["candidates"], near=near), row["right"]),
    }


def ranked(scored: Sequence[float], right: Sequence[bool]) -> Marks:
    """Average precision, share of the right ones (of four at most) among the first four, and whether the first is right."""
    order = [right[index] for index in sorted(range(len(scored)), key=lambda index: -scored[index])]
    places = [place for place, good in enumerate(order, 1) if good]
    precision = sum(count / place for count, place in enumerate(places, 1)) / len(places)
    return {"precision": precision, "four": sum(order[:4]) / min(4, len(places)), "first": float(order[0])}


def _plain(text: str) -> str:
    return _KEY.sub("", text).strip().removeprefix("- ").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
