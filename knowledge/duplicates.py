"""Which documents say the same: exactly, or nearly and with the same numbers, units, negations and names."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass

import numpy as np

from knowledge.types import Document

_PERMUTATIONS, _BANDS = 128, 16
_SHINGLE = 5
# A text this near is the same page again, edited lightly: estimated Jaccard resemblance of runs of five words (Broder
# 1997); 128 permutations estimate it to about 0.03.
NEAR = 0.85
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|%")
_CHINESE = re.compile(r"[㐀-鿿]")
# What a dose turns on: numbers, comparisons and ranges, units, times, and every kind of "not".
_EXACT = re.compile(
    r"\d+(?:[.,:/]\d+)*|[<>≤≥=±~]|(?<=\d)\s?[-–/]\s?(?=\d)"
    r"|\b(?:mg|mcg|µg|μg|ug|ng|g|kg|ml|dl|l|iu|units?|mmol|meq|mmhg|puffs?|drops?|tablets?|times?|once|twice|seconds?|minutes?|hours?"
    r"|hourly|days?|daily|weeks?|weekly|months?|years?)\b|%|毫克|微克|克|毫升|升|单位|片|粒|滴|次|秒|分钟|小时|天|日|周|月|岁|年"
    r"|\b(?:no|not|never|without|cannot|avoid|contraindicated|stop|unless|except|only|\w+n't)\b|[不未没勿禁忌无非仅除]",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two documents are compared by.

    `content` is of everything a document holds; `digest` of its text and of whom and where it is for; `signature`
    is a MinHash of 128 numbers of 32 bits; `bands` are 16 hashes of its parts; `numbers` is a digest of every number,
    unit, comparison and negation in order.
    """

    content: bytes
    digest: bytes
    signature: bytes
    bands: tuple[int, ...]
    numbers: bytes


def fingerprint(document: Document) -> Fingerprint:
    """The fingerprint of a document; linear in its length."""
    import rensa

    text = text_of(document)
    scope = _clean("\x1f".join((document.language, document.audience, *sorted(document.jurisdiction))))
    minhash = rensa.RMinHash(_PERMUTATIONS, 42)
    minhash.update(_shingles(_words(text)))
    signature = np.array(minhash.digest(), dtype="<u4")
    rows = signature.reshape(_BANDS, -1)
    exact = " ".join(match.group(0).lower() for match in _EXACT.finditer(text))
    return Fingerprint(
        content=_digest(json.dumps(dataclasses.asdict(document), ensure_ascii=True, sort_keys=True)),
        digest=_digest(f"{scope}\x1e{' '.join(text.lower().split())}"),
        signature=signature.tobytes(),
        # Scope is part of every band: a page for clinicians, or for another country, is no double of one that is not.
        bands=tuple(_short(scope.encode() + row.tobytes()) for row in rows),
        numbers=_digest(exact),
    )


def resemblance(one: bytes, other: bytes) -> float:
    """0 to 1: the estimated share of common runs of words of two signatures."""
    return float(np.mean(np.frombuffer(one, dtype="<u4") == np.frombuffer(other, dtype="<u4")))


def differ_by_a_name(one: str, other: str) -> bool:
    """Whether the words that stand in only one of two texts name an illness, a medicine, a test or a part of the body."""
    from knowledge.terms import load_terms

    apart = set(_words(one)) ^ set(_words(other))
    if any(_CHINESE.match(word) for word in apart):
        mine, theirs = ({mention.text for mention in load_terms().find(text)} for text in (one, other))
        return mine != theirs
    return bool(load_terms().find("\n".join(sorted(apart))))


def text_of(document: Document) -> str:
    """The document's headings and text, or its title where it has none."""
    text = "\n".join("\n".join((*section.heading, section.text)) for section in document.sections)
    return _clean(text or document.title)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _words(text: str) -> list[str]:
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        found.extend(word if _CHINESE.match(word) else (word,))
    return found


def _shingles(words: list[str]) -> list[str]:
    if len(words) <= _SHINGLE:
        return [" ".join(words)]
    return [" ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _short(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)
