"""What the functions of a turn were given and what they gave back, watched while it runs: nothing is run again, and nothing in the
turn knows of it.

Python's own hook (`sys.settrace`) tells of each call in this thread; those of the functions named are kept. A turn that is watched
takes longer, so its timings are not those of one that is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the function's name here, those of its arguments that were asked for, and what it returned."""

    name: str
    given: Mapping[str, Any]
    result: Any


@dataclass(slots=True)
class Seen:
    """The calls so far, in the order in which they ended."""

    calls: list[Call] = field(default_factory=list)

    def all(self, name: str) -> list[Call]:
        """Every call of a function."""
        return [call for call in self.calls if call.name == name]

    def first(self, name: str) -> Call | None:
        """Its first call, None where it was not called."""
        return next(iter(self.all(name)), None)

    def last(self, name: str) -> Call | None:
        """Its last call, None where it was not called."""
        return next(reversed(self.all(name)), None)


@dataclass(frozen=True, slots=True)
class Watched:
    """A function to watch: its name here, and which arguments to keep. `begins`: all seen before its end is forgotten then."""

    name: str
    function: Callable[..., Any]
    keep: tuple[str, ...] = ()
    begins: bool = False


@contextmanager
def watching(*functions: Watched) -> Iterator[Seen]:
    """Watch calls in this thread. Arguments are kept as they came in. Generators cannot be watched: they return many times.

    A function that raised is seen as one that returned None.
    """
    known: dict[CodeType, Watched] = {each.function.__code__: each for each in functions}
    seen = Seen()

    def called(frame: FrameType, event: str, _: Any) -> Any:
        wanted = known.get(frame.f_code)
        if wanted is None or event != "call":
            # Not one of ours: nothing more of it is told.
            return None
        given = {name: frame.f_locals[name] for name in wanted.keep}
        frame.f_trace_lines = False

        def ended(_: FrameType, event: str, result: Any) -> Any:
            if event == "return":
                if wanted.begins:
                    seen.calls.clear()
                seen.calls.append(Call(wanted.name, given, result))
            return ended

        return ended

    before = sys.gettrace()
    sys.settrace(called)
    try:
        yield seen
    finally:
        sys.settrace(before)
