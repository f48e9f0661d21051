"""The two ends of the load test: a model that writes 30 tokens a second from the passages it is given, and a plain Gradio echo.

Each is a process of its own, so that it takes nothing from the one that is measured. `python -m evals.bench_load_ends PORT` is
the model.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Any

TOKENS_A_SECOND = 30
_SENTENCES = 3
_MOST = 90
"""Tokens of one answer."""
_PASSAGE = re.compile(r"^\[(\d+)\][^\n]*\n(.+)$", re.M)
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]+")
_TOKEN = re.compile(r"\s*(?:[\u3400-\u9fff，。！？；：、]{1,2}|[^\s\u3400-\u9fff]+)")


def written(prompt: str) -> list[str]:
    """What is answered to a prompt, as tokens: the first sentences of its first passage, each with its key."""
    found = _PASSAGE.search(prompt[prompt.rfind("<<<") :])
    if found is None:
        return ["NOT", " FOUND"]
    sentences = _SENTENCE.findall(found[2])[:_SENTENCES] or [found[2]]
    text = " ".join(f"{part.strip()[:-1]} [{found[1]}]{part.strip()[-1]}" for part in sentences if part.strip())
    return _TOKEN.findall(text)[:_MOST]


def model_app() -> Any:
    """A chat-completions endpoint; `/spent` says how many seconds of writing were asked of it so far."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    spent = {"calls": 0, "seconds": 0.0}

    async def complete(request: Request) -> Response:
        body = await request.json()
        prompt = "\n".join(str(message["content"]) for message in body["messages"])
        tokens = written(prompt)
        spent["calls"] += 1
        spent["seconds"] += len(tokens) / TOKENS_A_SECOND
        return StreamingResponse(_stream(tokens, len(prompt) // 4), media_type="text/event-stream")

    async def models(request: Request) -> Response:
        return JSONResponse({"data": [{"id": "scripted"}]})

    async def told(request: Request) -> Response:
        return JSONResponse(spent)

    return Starlette(routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]), Route("/v1/models", models), Route("/spent", told),
    ])  # fmt: skip


async def _stream(tokens: Sequence[str], read: int) -> AsyncIterator[str]:
    began = perf_counter()
    for number, token in enumerate(tokens, 1):
        # By the clock and not by sleeping so long each time: a busy machine would make it slower than it says it is.
        await asyncio.sleep(max(0.0, began + number / TOKENS_A_SECOND - perf_counter()))
        yield _line({"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]})
    yield _line({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _line({"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": len(tokens)}})
    yield "data: [DONE]\n\n"


def _line(row: dict[str, Any]) -> str:
    return f"data: {json.dumps(row)}\n\n"


ECHO = """
import sys
import gradio as gr

def same(message, history):
    return message

gr.ChatInterface(same, analytics_enabled=False).launch(server_port=int(sys.argv[1]), server_name="127.0.0.1", quiet=True)
"""
"""Gradio's own chat, which says what it is told; a program of its own, run by `python -c`: nothing of ours is in it."""


def main(arguments: Sequence[str]) -> int:
    """Serve until ended."""
    import uvicorn

    uvicorn.run(model_app(), host="127.0.0.1", port=int(arguments[0]), log_level="error")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
