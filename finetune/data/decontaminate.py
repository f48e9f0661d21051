"""Decontamination: what shares thirteen words (or characters) in a row with an eval set, or asks nearly what it asks, falls.

The method of GPT-3 (Brown et al. 2020, appendix C): runs of 13 words; for Chinese runs of 13 characters, about as long a
phrase. Questions and answers are compared, not passages, which are the library's, nor the words that an answer quotes from a
passage it shows: an eval set that holds library pages would else hold every answer. Eval texts are read here by the program
only; counts and hashes leave it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finetune.data.vectors import vectors_of
from finetune.examples import Example
from knowledge.errors import InputError
from retrieval.types import Embedder

RUN = 13
ASKED_ALIKE = 0.94
"""The least cosine at which two questions count as one. See docs/finetuning.md for the pairs it was chosen on."""
_NOT_EVALS = ("triage/train.jsonl", "policy/train.jsonl", "openings.jsonl")
_ASKED = frozenset(
    re.findall(r"\w+", "text question message messages en zh ask content summary opening turns history prompt user")
)
_LONGEST = 420
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[㐀-鿿]")


@dataclass(frozen=True, slots=True)
class EvalSet:
    """An eval file: its name, hash, its runs of words, and what it asks."""

    name: str
    sha256: str
    runs: frozenset[int]
    asked: tuple[str, ...]


def eval_sets(folders: Sequence[tuple[str, Path]]) -> list[EvalSet]:
    """Every JSON and JSONL file under the folders (a name for each), but for what trains and what only logs.

    Raises:
        InputError: a file that is not JSON.
    """
    found = []
    for label, folder in folders:
        for path in sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.json")]):
            name = path.relative_to(folder).as_posix()
            if name.endswith(_NOT_EVALS) or path.name in ("splits.json",):
                continue
            found.append(_read(f"{label}/{name}", path))
    return found


def contaminated(examples: Sequence[Example], sets: Sequence[EvalSet], embedder: Embedder | None) -> list[str]:
    """For each example "", or the eval set it came too near to and how ("name: 13 in a row", "name: asked alike")."""
    answer = [""] * len(examples)
    for number, example in enumerate(examples):
        quoted = frozenset(run for each in example.passages for run in runs(each.text))
        said = example.answer or " ".join(text for _, text in example.chat)
        mine = runs(example.question) | (runs(re.sub(r"\s?\[\d\]", "", said)) - quoted)
        for each in sets:
            if not mine.isdisjoint(each.runs):
                answer[number] = f"{each.name}: 13 in a row"
                break
    if embedder is None:
        return answer
    left = [number for number, why in enumerate(answer) if not why and examples[number].question]
    texts = [examples[number].question for number in left]
    vectors = vectors_of(texts, embedder)
    for each in sets:
        if not each.asked or not texts:
            continue
        theirs = vectors_of(each.asked, embedder)
        for start in range(0, len(left), 512):
            best = (vectors[start : start + 512] @ theirs.T).max(axis=1)
            for offset in np.flatnonzero(best >= ASKED_ALIKE):
                number = left[start + int(offset)]
                answer[number] = answer[number] or f"{each.name}: asked alike"
    return answer


def runs(text: str) -> frozenset[int]:
    """Hashes of a text's runs of 13 words or characters; of the whole text where it is shorter but has four or more."""
    units = _WORD.findall(text.lower())
    if len(units) < RUN:
        return frozenset({_hash(units)}) if len(units) >= 4 else frozenset()
    return frozenset(_hash(units[place : place + RUN]) for place in range(len(units) - RUN + 1))


def _read(name: str, path: Path) -> EvalSet:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
        rows = (
            [json.loads(text)]
            if path.suffix == ".json"
            else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
    except ValueError as fault:
        raise InputError(
            f"{path} cannot be read: {fault}", expected="JSON, in UTF-8", remedy="Restore the file"
        ) from fault
    found: set[int] = set()
    asked: dict[str, None] = {}
    for row in rows:
        for key, value in _strings(row, ""):
            found |= runs(value)
            if key in _ASKED and 8 <= len(value) <= _LONGEST:
                asked[value] = None
    return EvalSet(name, hashlib.sha256(data).hexdigest(), frozenset(found), tuple(asked))


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _hash(units: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b(" ".join(units).encode(), digest_size=8).digest(), "big")
