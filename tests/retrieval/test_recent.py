"""Vectors of the last texts are remembered, the texts are not."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retrieval.embedders.recent import Recent


def _vector(text: str) -> np.ndarray:
    return np.full(3, len(text), np.float32)


def test_a_text_is_read_once_until_others_came():
    read = []

    def reader(text):
        def once():
            read.append(text)
            return _vector(text)

        return once

    recent = Recent(most=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        assert recent.of(text, reader(text)).tolist() == _vector(text).tolist()
    assert read == ["a", "bb", "ccc", "bb"]


def test_what_is_remembered_cannot_be_changed_nor_read_back():
    recent = Recent()
    vector = recent.of("my own words", lambda: _vector("x"))
    with pytest.raises(ValueError, match="read-only"):
        vector += 1
    gc.collect()
    held = [each for each in gc.get_referents(recent._vectors) if isinstance(each, (str, bytes))]
    assert held and not any(b"own words" in (each if isinstance(each, bytes) else each.encode()) for each in held)
    assert Recent()._key != recent._key


def test_several_threads_get_their_own_texts_vectors():
    recent = Recent(most=8)
    texts = ["x" * (1 + number % 20) for number in range(2_000)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: float(recent.of(text, lambda: _vector(text))[0]), texts))
    assert found == [float(len(text)) for text in texts]
