"""/v1: models and chat completions as OpenAI's clients know them, streamed or whole."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from agent.accounts.types import Who
from agent.api import logs
from agent.api.chat import MODELS, Completion, asked, audience_of
from agent.api.faults import fault_of, openai_error
from agent.api.services import House, Needs
from agent.api.shown import Flow, content, fields
from agent.api.turns import Finished, whole
from agent.types import Event

router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"])
_Chatter = Annotated[Who, Depends(Needs("chat"))]
_ANSWERS: dict[str, Any] = {
    "application/json": {
        "schema": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"]}
    },
    "text/event-stream": {"schema": {"type": "object", "properties": {"data": {"type": "string"}}}},
}
_SINCE = 1_780_000_000
"""OpenAI's `created` of a model. Ours are made with each installation; any fixed time will do."""


@router.get("/models")
def models(who: _Chatter) -> dict[str, Any]:
    """The names an answer can be asked under."""
    return {"object": "list", "data": [_model(name) for name in MODELS]}


@router.get("/models/{model}")
def model(model: str, who: _Chatter) -> dict[str, Any]:
    """One of them."""
    audience_of(model)
    return _model(model)


@router.post("/chat/completions", response_model=None, responses={200: {"content": _ANSWERS}})
async def complete(body: Completion, request: Request, house: House, who: _Chatter) -> Response:
    """An answer to the last message. Its words are those a person sees; `anamnesis` holds our own fields."""
    question, ignored = asked(body)
    if not body.stream:
        finished = await whole(house.turns, question, who, request)
        return JSONResponse(_whole(finished, body.model, ignored))
    options = body.stream_options
    events = house.turns.events(question, who)
    # What cannot be answered at all is told by its status, before the stream begins.
    first = await anext(events)
    stream = _Stream(body.model, ignored, usage=bool(options and options.include_usage))
    lines = stream.lines(first, events, request.scope["request_id"])
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


class _Stream:
    """The chunks of one answer. Every chunk of an answer has one id and one time."""

    def __init__(self, model: str, ignored: tuple[str, ...], *, usage: bool) -> None:
        self._model, self._ignored, self._usage = model, ignored, usage
        self._id, self._created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())

    async def lines(
        self, first: Event | Finished, events: AsyncGenerator[Event | Finished], request_id: str
    ) -> AsyncIterator[str]:
        """Server-sent events up to `[DONE]`. A fault in the middle is told in the stream."""
        flow = Flow()
        yield self._line({"role": "assistant", "content": ""})
        try:
            # Closed whatever happens: a turn that nobody reads any more is cancelled.
            async with aclosing(events):
                if text := self._piece(flow, first):
                    yield text
                async for event in events:
                    if text := self._piece(flow, event):
                        yield text
        except Exception as fault:
            logs.write("stream broke", request_id=request_id, fault=type(fault).__name__, where=logs.place_of(fault))
            yield f"data: {json.dumps(openai_error(fault_of(fault)))}\n\n"
        yield "data: [DONE]\n\n"

    def _piece(self, flow: Flow, event: Event | Finished) -> str:
        if not isinstance(event, Finished):
            text = flow.piece(event)
            return self._line({"content": text}) if text else ""
        lines = [self._line({"content": flow.rest(event.answer)})]
        lines.append(self._line({}, finish="stop", anamnesis=_own(event, self._ignored), system=event.answer.settings))
        if self._usage:
            lines.append(self._chunk([], usage=_usage(event)))
        return "".join(lines)

    def _line(self, delta: dict[str, Any], *, finish: str | None = None, system: str = "", **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        if system:
            more["system_fingerprint"] = system
        return self._chunk([choice], **({"usage": None} if self._usage else {}), **more)

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> str:
        row = {"id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": self._model}
        return f"data: {json.dumps({**row, 'choices': choices, **more}, ensure_ascii=False)}\n\n"


def _whole(finished: Finished, model: str, ignored: tuple[str, ...]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant", "content": content(finished.answer), "refusal": None, "annotations": [],
        "anamnesis": _own(finished, ignored),
    }  # fmt: skip
    return {
        "id": f"chatcmpl-{finished.state.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": finished.answer.settings,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(finished),
    }


def _own(finished: Finished, ignored: tuple[str, ...]) -> dict[str, Any]:
    return fields(finished) | {"ignored": list(ignored)}


def _usage(finished: Finished) -> dict[str, Any]:
    used = finished.usage
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.prompt + used.completion,
        "prompt_tokens_details": {"cached_tokens": used.cached},
    }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _SINCE, "owned_by": "anamnesis"}
