"""A model that says what it was told to: for tests of everything that talks to a model."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence

from agent.engines.fit import Stopper, cancelled, check_fit
from agent.engines.prompt import clean
from agent.types import Cancel, ChatRequest, Piece
from knowledge.errors import EngineError

_WORD = re.compile(r"\s*\S{1,64}|\s+")


class ScriptedModel:
    """Answers with `replies`, one a request, in order; a queue that is empty is an EngineError.

    A reply that is an exception is raised instead. `requests` records what was asked. A token is a word with the space
    before it; `delay` is seconds between tokens. Honours cancel, stop strings, max_tokens and the context window, and
    cleans messages as every engine does.
    """

    name = "scripted"
    weights = "scripted"
    adapter = ""
    concurrency = 1

    def __init__(self, replies: Sequence[str | Exception] = (), *, delay: float = 0, context: int = 8192) -> None:
        self.context = context
        self.requests: list[ChatRequest] = []
        self.closed = False
        self._replies = deque(replies)
        self._delay = delay
        self._ids: dict[str, int] = {}

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """Each message as `role: text`, and `assistant:` last."""
        return "\n".join([f"{m['role']}: {m['content']}" for m in clean(messages)] + ["assistant:"])

    def tokens(self, text: str) -> list[int]:
        """A number for each word; the same word has the same number."""
        return [self._ids.setdefault(word, len(self._ids)) for word in _WORD.findall(text)]

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """The next reply, word by word. Raises EngineError when no reply is left, or the request does not fit."""
        self.requests.append(request)
        prompt = len(self.tokens(self.render(request.messages)))
        check_fit(prompt=prompt, answer=request.max_tokens, context=self.context, name=self.name)
        if not self._replies:
            raise EngineError("the script has no reply left", remedy="Give ScriptedModel one reply for each request")
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        stopper = Stopper(request.stop)
        finish, said = "stop", 0
        for word in _WORD.findall(reply):
            if cancelled(cancel):
                finish = "cancelled"
                break
            if said == request.max_tokens:
                finish = "length"
                break
            said += 1
            if self._delay:
                time.sleep(self._delay)
            shown = stopper.feed(word)
            if shown:
                yield Piece(shown)
            if stopper.stopped:
                break
        yield Piece("" if stopper.stopped else stopper.rest(), finish, prompt, said)

    def close(self) -> None:
        """Remembers that it was called."""
        self.closed = True
