"""Which documents say the same: exactly, or nearly and with the same numbers."""

from __future__ import annotations

import hashlib
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
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(
    r"\b(?:no|not|never|without|cannot|avoid|contraindicated|stop|unless|\w+n't)\b|[不未没勿禁忌无非]", re.I
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two documents are compared by.

    `digest` is of the whole text and of whom and where it is for; `signature` is a MinHash of 128 numbers of 32 bits;
    `bands` are 16 hashes of its parts; `numbers` is a digest of every number and negation in order.
    """

    digest: bytes
    signature: bytes
    bands: tuple[int, ...]
    numbers: bytes


def fingerprint(document: Document) -> Fingerprint:
    """The fingerprint of a document; linear in its length."""
    import rensa

    text = "\n".join("\n".join((*section.heading, section.text)) for section in document.sections) or document.title
    text = text.encode("utf-8", "replace").decode("utf-8")
    words = _words(text)
    scope = "\x1f".join((document.language, document.audience, *sorted(document.jurisdiction)))
    minhash = rensa.RMinHash(_PERMUTATIONS, 42)
    minhash.update(_shingles(words))
    signature = np.array(minhash.digest(), dtype="<u4")
    rows = signature.reshape(_BANDS, -1)
    # Scope is part of every band: a page for clinicians, or for another country, is no double of one that is not.
    bands = tuple(_short(scope.encode("utf-8", "surrogatepass") + row.tobytes()) for row in rows)
    exact = " ".join(words)
    # Whom a dose is for turns on its number and on a "not": these must be the same, not nearly.
    numbers = " ".join(
        match.group(0).lower() for match in re.finditer(f"{_NUMBER.pattern}|{_NEGATION.pattern}", text, re.I)
    )
    return Fingerprint(
        digest=_digest(f"{scope}\x1e{exact}"),
        signature=signature.tobytes(),
        bands=bands,
        numbers=_digest(numbers),
    )


def resemblance(one: bytes, other: bytes) -> float:
    """0 to 1: the estimated share of common runs of words of two signatures."""
    return float(np.mean(np.frombuffer(one, dtype="<u4") == np.frombuffer(other, dtype="<u4")))


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
