"""JSON read object by object, however long the file: one document, or a value a line."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Protocol

from knowledge.errors import InputError

_BOM = b"\xef\xbb\xbf"
# A reader's place is a string as long as its nesting, so 64 kB of brackets would be 10 GB of places: a buffer with more
# than 4,096 brackets is given in pieces, after each of which the depth is seen (40 MB of places at worst). Buffers are
# else large, since a string is looked through again from its beginning in every buffer it spans.
_BUFFER_BYTES = 256 * 1024
_NESTING = 4096
_MAX_PLACE = 4000


class Readable(Protocol):
    """What a JSON reader needs of a file."""

    def read(self, size: int = -1, /) -> bytes: ...


def events(stream: Readable) -> Iterator[tuple[str, str, Any]]:
    """(place, event, value): a place looks like `results.item.id`; events are ijson's.

    Raises:
        InputError: the JSON is broken; the events before the break were given.
    """
    import ijson

    parsed = ijson.parse(_Reader(stream), multiple_values=True, use_float=True, buf_size=_BUFFER_BYTES)
    while True:
        try:
            event = next(parsed)
        except StopIteration:
            return
        except (ijson.JSONError, UnicodeDecodeError, ValueError) as fault:
            raise InputError("the JSON is broken or cut off", remedy="Download the file again, or mend it") from fault
        if len(event[0]) > _MAX_PLACE:
            raise InputError("the JSON is nested too deep", remedy="Check that it is what its name says")
        yield event


def records(stream: Readable, places: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at these places, one at a time; the empty place is a whole value of the file.

    Raises:
        InputError: the JSON is broken; the objects before the break were given.
    """
    import ijson

    builder: Any = None
    depth = 0
    for place, event, value in events(stream):
        if builder is None:
            if event != "start_map" or place not in places:
                continue
            builder, depth = ijson.ObjectBuilder(), 0
        builder.event(event, value)
        depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        if not depth:
            yield builder.value
            builder = None


def head_values(head: bytes) -> dict[str, Any]:
    """Place and last plain value of every key in the beginning of a file, as far as it goes; None where it holds more."""
    found: dict[str, Any] = {}
    try:
        for place, event, value in events(BytesIO(head)):
            if event == "map_key":
                found.setdefault(f"{place}.{value}".lstrip("."), None)
            elif event in ("string", "number", "boolean"):
                found[place] = value
    except InputError:
        pass
    return found


class _Reader:
    """The stream without a byte order mark, which JSON readers take for broken, and in small pieces where it nests much."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._waiting = b""
        self._first = True

    def read(self, size: int = _BUFFER_BYTES) -> bytes:
        if not size:
            return b""
        if not self._waiting:
            self._waiting = self._stream.read(size)
            if self._first:
                self._first = False
                self._waiting = self._waiting.removeprefix(_BOM) or self._stream.read(size)
        opening = self._waiting.count(b"[") + self._waiting.count(b"{")
        piece = len(self._waiting) if opening <= _NESTING else _NESTING
        data, self._waiting = self._waiting[:piece], self._waiting[piece:]
        return data
