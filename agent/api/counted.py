"""A model that is watched for one turn: how many tokens it read and wrote, whoever counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.types import Cancel, ChatModel, ChatRequest, Piece
from knowledge.errors import EngineError


@dataclass(slots=True)
class Usage:
    """Tokens of a turn; all 0 where no model was asked. `known` is False where neither model nor endpoint could count."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    known: bool = True


class Counted:
    """A `ChatModel` that does what the one behind it does, and adds up in `usage`."""

    def __init__(self, model: ChatModel) -> None:
        self._model, self.usage = model, Usage()
        self.name, self.weights, self.adapter = model.name, model.weights, model.adapter
        self.context, self.concurrency = model.context, model.concurrency

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """As the model behind renders."""
        return self._model.render(messages)

    def tokens(self, text: str) -> list[int]:
        """As the model behind counts."""
        return self._model.tokens(text)

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """As the model behind writes. Cut off in the middle, what was read and written until then is counted here."""
        written: list[str] = []
        last: Piece | None = None
        try:
            for piece in self._model.stream(request, cancel=cancel):
                written.append(piece.text)
                last = piece if piece.finish else None
                yield piece
        finally:
            if written:
                self._add(request, "".join(written), last)

    def close(self) -> None:
        """Nothing: the model behind is another's."""

    def _add(self, request: ChatRequest, text: str, last: Piece | None) -> None:
        prompt, completion = (last.prompt_tokens, last.completion_tokens) if last else (None, None)
        try:
            if prompt is None:
                prompt = len(self._model.tokens(self._model.render(request.messages)))
            if completion is None:
                completion = len(self._model.tokens(text)) if text else 0
        except EngineError:
            self.usage.known = False
        self.usage.prompt += prompt or 0
        self.usage.completion += completion or 0
        self.usage.cached += (last.cached_tokens or 0) if last else 0
