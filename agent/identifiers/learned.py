"""Identifiers that no rule foresaw: an encoder tags the tokens of a text, and what it is sure of goes too.

`finetune.tagger` trains it on messages of our own in which everything that points at a person is marked. What rules found stands:
this only adds. Nothing of a text in which something was found stays in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

import knowledge
from agent.identifiers.everyday import is_known, is_ordinary
from agent.identifiers.types import Identifier
from retrieval.embedders import encoder
from retrieval.embedders.recent import Recent

PATH = Path(knowledge.__file__).parent / "rules" / "learned" / "encoder-identifiers.npz"
TYPES: Final = ("NAME", "PHONE", "EMAIL", "HANDLE", "URL", "ADDRESS", "LOCATION", "ORGANIZATION", "DATE", "ID")
"""What a token can be part of; the last output of the head is none of them."""
LEAST = 0.4
"""Least probability that a token is part of an identifier. Chosen on the validation split
(`python -m evals.bench_privacy --curve`)."""
PREFIX: Final = "query: "
"""The messages are read as they are read to search, so that a text without identifiers is read by the lower layers once."""
ORDINARY: Final = 0.5
"""The same for words of every day in small letters."""
CHARACTER: Final = 0.8
"""The same for one Chinese character alone, which is part of a word more often than it is somebody (黄, 清, 月)."""
RANK: Final = 90
MOST: Final = 6_000
"""Characters that the encoder reads of a text; rules read all of it."""
_RECENT = Recent()
_EDGES = " \t\r\n.,;:!?()[]{}<>\"'“”‘’«»*_|/\\、，。；：！？（）【】《》…—–-~"
_WORD = re.compile(r"[^\W_\u3400-\u9fff]")


class Tagger:
    """Text to probabilities of its tokens."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the tensors are missing, damaged or meant for another release of the weights."""
        facts, data = encoder.opened(path, made_by="finetune.tagger")
        file = encoder.weights()
        self._tokenizer = file.tokenizer
        changed = encoder.by_name(facts["sizes"], data["changed"].tobytes())
        self._encoder = encoder.Encoder(file, changed=changed)
        self._weight, self._bias = data["weight"], data["bias"]

    def shares(self, text: str) -> tuple[list[tuple[int, int]], npt.NDArray[np.float32]]:
        """Where each token lies in the text, and the probability of each type and of none, shape (tokens, types + 1)."""
        _, places = self._tokenizer.placed(PREFIX + text)
        scores = self._encoder.states(PREFIX + text) @ self._weight.T + self._bias
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [(start - len(PREFIX), end - len(PREFIX)) for start, end in places], shares / shares.sum(
            axis=1, keepdims=True
        )

    def forget(self, text: str) -> None:
        """Nothing of a text stays in memory."""
        self._encoder.forget(PREFIX + text)


@cache
def tagger() -> Tagger:
    """The one tagger of a process."""
    return Tagger(PATH)


def find(text: str) -> tuple[Identifier, ...]:
    """What the tagger is sure of in the first `MOST` characters, whatever rules found. `forget` a text that holds an identifier."""
    if not any(map(str.isalnum, text)):
        return ()
    rows = _RECENT.of(f"{LEAST} {text}", lambda: _rows(text[:MOST]))
    return tuple(
        Identifier(TYPES[kind], start, end, RANK, " ".join(text[start:end].casefold().split()))
        for start, end, kind in rows.tolist()
    )


def _rows(text: str) -> npt.NDArray[np.int32]:
    try:
        rows = list(spans(text, *tagger().shares(text), least=LEAST))
    except BaseException:
        forget(text)
        raise
    return np.array(rows, np.int32).reshape(-1, 3)


def forget(text: str) -> None:
    """Nothing of a text stays in memory but where something was found, under a digest that no other process can make."""
    tagger().forget(text[:MOST])


def spans(
    text: str, places: Sequence[tuple[int, int]], shares: npt.NDArray[np.float32], *, least: float
) -> Iterator[tuple[int, int, int]]:
    """Runs of tokens of one type, widened to whole words where letters are joined, without the marks around them: from, to, and
    the type's number."""
    runs: list[list[int]] = []
    sure: list[float] = []
    for (start, end), given in zip(places, shares, strict=True):
        said = 1.0 - float(given[-1])
        if start < 0 or start == end or said < least:
            continue
        kind = int(given[:-1].argmax())
        while start > 0 and _WORD.match(text[start]) and _WORD.match(text[start - 1]):
            start -= 1
        while end < len(text) and _WORD.match(text[end - 1]) and _WORD.match(text[end]):
            end += 1
        if runs and runs[-1][2] == kind and not text[runs[-1][1] : start].strip():
            runs[-1][1], sure[-1] = max(end, runs[-1][1]), max(sure[-1], said)
        else:
            runs.append([start, end, kind])
            sure.append(said)
    for (start, end, kind), surest in zip(runs, sure, strict=True):
        while start < end and text[start] in _EDGES:
            start += 1
        while start < end and text[end - 1] in _EDGES:
            end -= 1
        if start == end or is_known(text, start, end, TYPES[kind]):
            continue
        ordinary = is_ordinary(text[start:end])
        if not ordinary or surest >= (CHARACTER if end - start == 1 else ORDINARY):
            yield start, end, kind
