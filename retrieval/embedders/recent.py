"""What was made of the last texts read, without the texts."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

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
        name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
        with self._lock:
            found = self._vectors.get(name)
            if found is not None:
                self._vectors.move_to_end(name)
                return found
        found = read()
        found.setflags(write=False)
        with self._lock:
            self._vectors[name] = found
            if len(self._vectors) > self._most:
                self._vectors.popitem(last=False)
        return found
