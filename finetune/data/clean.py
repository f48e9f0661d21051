"""Cleaning: identifiers out, and no two examples that ask the same, word for word or nearly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from agent.privacy import redact_once
from finetune.examples import Example

NEAR = 0.8
"""Estimated Jaccard resemblance of two questions' runs of four characters from which they count as one (128 permutations)."""
_PERMUTATIONS, _BANDS, _RUN = 128, 32, 4
_TODAY = date(2026, 11, 22)
"""The day that dates are told from; fixed, so that the same data gives the same bytes."""


def redacted(example: Example) -> tuple[Example, int]:
    """The example with placeholders for identifiers in what people wrote, and how many were found."""
    asked = redact_once(example.question, _TODAY)
    answer = redact_once(example.answer, _TODAY) if example.origin.startswith("loaded:") else None
    chat = example.chat
    found = len(asked.spans) + (len(answer.spans) if answer else 0)
    if chat:
        texts = [redact_once(text, _TODAY) for _, text in chat]
        found = sum(len(text.spans) for text in texts)
        chat = tuple((role, text.text) for (role, _), text in zip(chat, texts, strict=True))
    return replace(example, question=asked.text, answer=answer.text if answer else example.answer, chat=chat), found


def plain(text: str) -> str:
    """What two texts are compared by: small letters and digits, nothing else."""
    return " ".join(re.findall(r"[a-z0-9]+|[㐀-鿿]", text.lower()))


def unique(examples: Iterable[Example]) -> tuple[list[Example], dict[str, int]]:
    """The examples whose question no earlier one asks, and how many fell as exact and as near duplicates."""
    kept: list[Example] = []
    exact: set[str] = set()
    bands: dict[tuple[str, int, bytes], list[int]] = {}
    signatures: list[bytes] = []
    fell = {"exact": 0, "near": 0}
    for example in examples:
        text = plain(_asked(example))
        if text in exact:
            fell["exact"] += 1
            continue
        signature = _signature(text)
        keys = [(example.language, place, band) for place, band in enumerate(_cut(signature))]
        near = {number for key in keys for number in bands.get(key, ())}
        if any(_resemblance(signature, signatures[number]) >= NEAR for number in near):
            fell["near"] += 1
            continue
        exact.add(text)
        for key in keys:
            bands.setdefault(key, []).append(len(kept))
        kept.append(example)
        signatures.append(signature)
    return kept, fell


def _asked(example: Example) -> str:
    return example.question or " ".join(text for role, text in example.chat if role == "user")


def _signature(text: str) -> bytes:
    import numpy as np
    import rensa

    minhash = rensa.RMinHash(_PERMUTATIONS, 42)
    minhash.update([text[place : place + _RUN] for place in range(max(1, len(text) - _RUN + 1))])
    return np.array(minhash.digest(), dtype="<u4").tobytes()


def _cut(signature: bytes) -> Sequence[bytes]:
    width = len(signature) // _BANDS
    return [signature[place : place + width] for place in range(0, len(signature), width)]


def _resemblance(one: bytes, other: bytes) -> float:
    from knowledge.duplicates import resemblance

    return resemblance(one, other)
