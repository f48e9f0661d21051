"""The corpora and sets beside the project (`../shared`), and what of them is kept for measuring search."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import InputError

SHARED = Path(__file__).parents[2] / "shared"
BENCH = SHARED / "bench"
_CASES = Path(__file__).parent / "cases"
_HELD = 700


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines, packed or not.

    Raises:
        InputError: it is not there.
    """
    if not path.is_file():
        raise InputError(
            f"{path} is missing", remedy="Put the corpora and development sets beside the project, in ../shared"
        )
    packed = path.suffix == ".gz"
    with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as rows:
        yield from (json.loads(row) for row in rows)


def bench(name: str) -> list[dict[str, Any]]:
    """The rows of a development set."""
    return list(lines(BENCH / f"{name}.jsonl"))


def medquad() -> dict[str, dict[str, Any]]:
    """MedQuAD's rows by site and id ("1:0000001_1-1"), the first of each."""
    rows: dict[str, dict[str, Any]] = {}
    for row in lines(SHARED / "corpora" / "medquad.jsonl.gz"):
        rows.setdefault(f"{row['folder'].split('_')[0]}:{row['id']}", row)
    return rows


def medquad_samples() -> dict[str, list[str]]:
    """The keys that search is measured on: 600 drawn at random, and 600 of whole pages, whose questions are hard to tell
    apart. Drawn once; neither they nor their pages are trained on."""
    samples: dict[str, list[str]] = json.loads((_CASES / "medquad.json").read_text(encoding="utf-8"))
    return samples


def mails(*, held: bool) -> list[dict[str, str]]:
    """Consumers' mails, written for this from MedQuAD's subjects: `key` of the row that answers, `subject`, `message`, the
    same need as one question (`ask`), and for some a Chinese one (`zh`). `held`: those that measure."""
    rows = list(lines(_CASES / "mails.jsonl"))
    return rows[_HELD:] if held else rows[:_HELD]


def page(key: str, row: dict[str, Any]) -> str:
    """The page that a row of MedQuAD stands on, one for all its questions."""
    return f"{row['folder']}:{row['id'].split('-')[0]}"
