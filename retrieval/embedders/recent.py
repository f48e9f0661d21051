"""What was made of the last texts read, without the texts."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Recent:
    """Remembers vectors of the texts that were read last, by a digest keyed for this process: a client that tells a conversation
    anew with each request has every message of it read once. Safe to use from several threads at once."""

    def __init__(self, most: int = 512) -> None:
        self._most, self._key = most, os.urandom(16)
        self._lock = threading.Lock()
        self._vectors: OrderedDict[bytes, Array] = OrderedDict()

    def of(self, text: str, read: Callable[[], Array]) -> Array:
        """The vector of a text, read-only; `read` gives it where it is not remembered."""
        name = self._name(text)
        found = self._known(name)
        if found is None:
            found = read()
            self._remember(name, found)
        return found

    def all_of(self, texts: Sequence[str], read: Callable[[list[int]], Array]) -> Array:
        """The vectors of texts, shape (len(texts), ...); `read` gives those at the places where none is remembered, in order."""
        names = [self._name(text) for text in texts]
        found = {place: vector for place, name in enumerate(names) if (vector := self._known(name)) is not None}
        if missing := [place for place in range(len(names)) if place not in found]:
            for place, vector in zip(missing, read(missing), strict=True):
                found[place] = vector.copy()
                self._remember(names[place], found[place])
        return np.stack([found[place] for place in range(len(names))])

    def note(self, text: str) -> None:
        """Remember that a text was here, and nothing of it."""
        self._remember(self._name(text), np.zeros(0, np.float32))

    def noted(self, text: str) -> bool:
        """Whether a text was here and is remembered."""
        return self._known(self._name(text)) is not None

    def _name(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()

    def _known(self, name: bytes) -> Array | None:
        with self._lock:
            found = self._vectors.get(name)
            if found is not None:
                self._vectors.move_to_end(name)
            return found

    def _remember(self, name: bytes, vector: Array) -> None:
        vector.setflags(write=False)
        with self._lock:
            self._vectors[name] = vector
            if len(self._vectors) > self._most:
                self._vectors.popitem(last=False)
