"""What the server answers at all: the chat's own addresses, with headers that keep the page to itself.

Gradio serves more than a chat needs: uploads, files, proxies, an API with its pages, deep links that write what was
typed to a disk. Everything that is not listed here is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_EXACT = frozenset({
    "/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json",
    "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/startup-events", "/gradio_api/theme.css",
    "/gradio_api/app_id", "/gradio_api/cancel",
})  # fmt: skip
_STILL = ("/assets/", "/static/", "/svelte/")
_UNDER = (*_STILL, "/gradio_api/heartbeat/")
_FILES = frozenset({"/gradio_api/upload", "/gradio_api/upload_progress"})

MOST_BYTES = 1_000_000
"""Of one request: some 300,000 Chinese characters, far more than anybody types."""

# Gradio's page needs inline scripts and compiles its templates; nothing may be fetched from, or sent to, another host.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """ASGI middleware: 404 for every address not listed, 413 for a body too large, the headers on all answers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        if not allowed(scope["path"]):
            await refuse(send, 404)
        elif length(scope) > MOST_BYTES:
            await refuse(send, 413)
        else:
            await self._app(scope, bounded(receive), with_headers(send))


def allowed(path: str, *, files: bool = False) -> bool:
    """Whether a page needs this address, which is the one below its own. `files`: whether files may be sent to it."""
    trimmed = path.rstrip("/") or "/"
    return trimmed in _EXACT or path.startswith(_UNDER) or (files and trimmed in _FILES)


def is_still(path: str) -> bool:
    """Whether there is the same for everybody at this address: scripts, styles, fonts."""
    return path.startswith(_STILL) or path in ("/theme.css", "/gradio_api/theme.css", "/favicon.ico", "/manifest.json")


def takes_files(path: str) -> bool:
    """Whether files are sent to this address."""
    return path.rstrip("/") == "/gradio_api/upload"


def length(scope: Scope) -> int:
    """Bytes that a request says its body has, 0 where it does not say."""
    given = dict(scope["headers"]).get(b"content-length", b"0")
    return int(given) if given.isdigit() else 0


def bounded(receive: Receive, most: int = MOST_BYTES) -> Receive:
    """A body sent without its length is counted as it comes, and cut off as a broken connection is."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > most else message

    return counted


def with_headers(send: Send, *more: tuple[bytes, bytes]) -> Send:
    """The headers of every page on what is sent; `more` take the place of those of their name."""
    named = {name for name, _ in more}
    own = [*(each for each in HEADERS if each[0] not in named), *more]

    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *own]
        await send(message)

    return headed


async def refuse(send: Send, status: int) -> None:
    """An answer without a body."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *HEADERS]})
    await send({"type": "http.response.body", "body": b""})
