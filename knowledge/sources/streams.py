"""Files opened within bounds: a bomb, a pipe or an endless line ends in a message, never in a full memory."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from knowledge.errors import InputError

MIB = 1024 * 1024
# The largest public files read here: a part of openFDA's labels, about 1 GB unpacked; a PubMed file, about 0.4 GB.
MAX_STREAM_BYTES = 8 * 1024 * MIB
# What is held in memory whole (a PDF, a page, one record of a stream).
MAX_WHOLE_BYTES = 64 * MIB
MAX_RECORD_BYTES = 32 * MIB
# Deflate reaches 1032:1 at most; real XML and JSON of these formats stay below 30:1. Small files may be all blanks.
MAX_RATIO = 200
RATIO_FROM_BYTES = 16 * MIB
_GZIP = b"\x1f\x8b"


class Bounded:
    """A readable stream that counts: raises InputError past the file's size, its packing ratio, or a record's size.

    `mark()` says that a record ended. Reading never yields more than was asked.
    """

    def __init__(self, raw: IO[bytes], *, packed: bool) -> None:
        self._raw = raw
        self._inner: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
        self._packed = packed
        self.total = 0
        self._marked = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; without a size, at most what may be held whole."""
        if size < 0:
            return self.read_whole()
        return self._count(self._take(self._inner.read, size))

    def readline(self, limit: int = MAX_RECORD_BYTES) -> bytes:
        """Up to and with the next line feed, at most `limit` bytes."""
        return self._count(self._take(self._inner.readline, limit))

    def read_whole(self, limit: int | None = None) -> bytes:
        """All of it.

        Raises:
            InputError: it is longer than `limit` bytes (MAX_WHOLE_BYTES).
        """
        limit = MAX_WHOLE_BYTES if limit is None else limit
        parts: list[bytes] = []
        held = 0
        while part := self.read(MIB):
            held += len(part)
            if held > limit:
                raise too_large(limit)
            parts.append(part)
        return b"".join(parts)

    def mark(self) -> None:
        """A record ended here."""
        self._marked = self.total

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
            raise InputError(f"the gzip data is damaged ({fault})", remedy="Download the file again") from fault

    def _count(self, data: bytes) -> bytes:
        self.total += len(data)
        if self.total > MAX_STREAM_BYTES:
            raise too_large(MAX_STREAM_BYTES)
        if self._packed and self.total > RATIO_FROM_BYTES and self.total > MAX_RATIO * max(1, self._raw.tell()):
            raise InputError(
                f"the file unpacks to more than {MAX_RATIO} times its size, as a gzip bomb does",
                remedy="Check where it came from; unpack it yourself if it is sound",
            )
        if self.total - self._marked > MAX_RECORD_BYTES + 2 * MIB:
            raise InputError(
                f"one record is larger than {MAX_RECORD_BYTES // MIB} MiB",
                remedy="Split the file, or check that it is what its name says",
            )
        return data


class Whole(Bounded):
    """A stream read whole, whose records are not counted apart."""

    def _count(self, data: bytes) -> bytes:
        self.mark()
        return super()._count(data)


def begins_with_markup(path: Path) -> bool:
    """Whether a file's first character is "<": XML rather than JSON lines."""
    with opened(path) as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


@contextmanager
def opened(path: Path, *, whole: bool = False) -> Iterator[Bounded]:
    """The file's bytes, unpacked where they are gzip (by content, not by name).

    Raises:
        InputError: it cannot be opened, or is no regular file (a pipe, a device, a folder).
    """
    # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as fault:
        raise InputError(f"cannot be opened ({fault.strerror})", remedy="Check the path and its permissions") from fault
    with os.fdopen(handle, "rb") as raw:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError("is not a regular file", remedy="Copy its content to a file")
        head = raw.read(2)
        raw.seek(0)
        yield (Whole if whole else Bounded)(raw, packed=head == _GZIP)


def read_bytes(path: Path, *, limit: int | None = None) -> bytes:
    """The whole file, unpacked where it is gzip.

    Raises:
        InputError: it cannot be opened or is larger than `limit` bytes (MAX_WHOLE_BYTES).
    """
    with opened(path, whole=True) as stream:
        return stream.read_whole(limit)


def lines(stream: Bounded) -> Iterator[tuple[int, bytes | None]]:
    """(number, line) for each line that is not blank; None in place of a line too long to hold."""
    number = 0
    while line := stream.readline():
        number += 1
        stream.mark()
        if len(line) >= MAX_RECORD_BYTES and not line.endswith(b"\n"):
            while len(rest := stream.readline(MIB)) == MIB and not rest.endswith(b"\n"):
                stream.mark()
            yield number, None
        elif line.strip():
            yield number, line


def too_large(limit: int) -> InputError:
    """What is said of a file past a limit."""
    return InputError(f"is larger than {limit // MIB} MiB", remedy="Split it, or leave it out")
