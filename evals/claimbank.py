"""Our own claims and passages, labelled: supported, unsupported, or contradicted by one small thing.

`evals/cases/claims/passages.jsonl` holds the passages as they were when the claims were written; `pairs.jsonl` the claims. The
writers had seen passages only, never the checker. A passage belongs to one split, so no paraphrase crosses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from knowledge.types import Passage

FOLDER = Path(__file__).parent / "cases" / "claims"
Label = Literal["supported", "unsupported", "contradicted"]
LABELS: tuple[Label, ...] = ("supported", "unsupported", "contradicted")


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim, the passage it is held against, and what a reader of that passage alone would say of it. `kind`: how it was
    made ("close", "free", "added", "number", "negation", ...)."""

    claim: str
    passage: Passage
    label: Label
    kind: str
    split: str


@lru_cache(maxsize=1)
def pairs() -> tuple[Pair, ...]:
    """Every pair of the bank, in order."""
    passages = {
        row["passage"]: Passage(
            id=row["passage"], document=row["passage"], title=row["title"], heading=row["heading"], text=row["text"],
            language=row["language"], sources=(),
        )
        for row in _rows("passages.jsonl")
    }  # fmt: skip
    return tuple(
        Pair(row["claim"], passages[row["passage"]], row["label"], row["kind"], row["split"])
        for row in _rows("pairs.jsonl")
    )


def of_split(split: str) -> tuple[Pair, ...]:
    """The pairs of one split: train, validation or test."""
    return tuple(pair for pair in pairs() if pair.split == split)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
