"""Fitting a request into a window, and stopping where it says: what the engines share."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from agent.types import Cancel
from knowledge.errors import EngineError

CANCEL_POLL = 0.05
"""Seconds between two looks at a cancel flag while nothing else happens."""


def check_fit(*, prompt: int, answer: int, context: int, name: str, estimated: bool = False) -> None:
    """Raises EngineError when `prompt` + `answer` tokens exceed `context`: text is never cut silently."""
    if answer < 1:
        raise EngineError(f"max_tokens is {answer}", expected="1 or more")
    if prompt + answer > context:
        about = "up to " if estimated else ""
        raise EngineError(
            f"{name} has a window of {context} tokens; the prompt needs {about}{prompt} and the answer {answer}",
            expected=f"at most {context} together",
            remedy="Send fewer passages or less history, lower max_tokens, or raise the context setting",
        )


def most_tokens(messages: Iterable[dict[str, str]]) -> int:
    """An upper bound on a prompt's tokens where an endpoint will not count: one a byte, and 16 for each turn's marks.

    Byte-level and byte-fallback vocabularies (all the models we know of) never spend more than one token on a byte.
    """
    return 16 + sum(16 + len(message["content"].encode("utf-8", "replace")) for message in messages)


def cancelled(cancel: Cancel | None) -> bool:
    """Has somebody asked to stop?"""
    return cancel is not None and cancel.is_set()


def take_place(places: threading.Semaphore, cancel: Cancel | None) -> bool:
    """Waits for one of `places`, which the caller releases; False when cancelled first."""
    while not places.acquire(timeout=CANCEL_POLL):
        if cancelled(cancel):
            return False
    return True


class Stopper:
    """Cuts a stream at the first stop string, also when it arrives in pieces.

    `feed` gives the text that can be shown already; what may be the beginning of a stop string is held back until the
    next piece decides. `stopped` says that one was found; `rest` gives what was held when the model ended by itself.
    """

    def __init__(self, stop: Iterable[str]) -> None:
        self._stop = tuple(filter(None, stop))
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Text now safe to show. After a stop string, nothing more."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [at for at in (text.find(word) for word in self._stop) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, word) for word in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, word: str) -> int:
    return next((n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0)
