"""Around every request of the API: an id, the usual headers, a log line and a number; and an answer when something breaks.

The chat's own addresses pass untouched: `agent.app.guard` stands before them.
"""

from __future__ import annotations

import logging
import secrets
from time import perf_counter

from fastapi.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api import logs
from agent.api.faults import FHIR, fault_of, respond
from agent.api.metrics import Metrics
from agent.app.guard import MOST_BYTES, allowed

MOST_FHIR = 4_000_000
"""Of a request with a bundle: some thousand resources."""

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
)


class Shield:
    """ASGI middleware. `origins` are those whose pages may read the API's answers; none by default."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, origins: tuple[str, ...] = ()) -> None:
        self._chat = self._api = app
        self._metrics = metrics
        if origins:
            self._api = CORSMiddleware(
                app, allow_origins=origins, allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"], expose_headers=["X-Request-Id", "Retry-After"],
            )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and allowed(scope["path"])):
            await self._chat(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status, started = perf_counter(), 500, False
        # Ours, never the client's: what a client sends may be anything, a name too.
        scope["request_id"] = request_id = secrets.token_hex(8)

        async def headed(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                given = {name.lower() for name, _ in message.get("headers", ())}
                own = [(b"x-request-id", request_id.encode()), *_HEADERS, _POLICY]
                message["headers"] = [*message.get("headers", ()), *(each for each in own if each[0] not in given)]
            await send(message)

        try:
            if _length(scope) > limit(scope["path"]):
                raise HTTPException(413)
            await self._api(scope, _bounded(receive, limit(scope["path"])), headed)
        except Exception as fault:
            told = fault_of(fault)
            if told.status >= 500:
                where = logs.place_of(fault)
                logs.write("fault", level=logging.ERROR, request_id=request_id, fault=type(fault).__name__, where=where)
            if not started:
                await respond(Request(scope, receive), told)(scope, receive, headed)
        finally:
            seconds = perf_counter() - began
            route = str(getattr(scope.get("route"), "path", "other"))
            self._metrics.request(scope["method"], route, status, seconds)
            logs.write(
                "request", request_id=request_id, method=_known(scope["method"]), route=route, status=status,
                role=str(scope.get("role", "")), ms=round(1000 * seconds, 1),
            )  # fmt: skip


def limit(path: str) -> int:
    """Bytes that a body sent to an address may have."""
    return MOST_FHIR if path.startswith(f"{FHIR}/") else MOST_BYTES


def _bounded(receive: Receive, most: int) -> Receive:
    """A body is counted as it comes, whatever length it said it has."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413)
        return message

    return counted


def _length(scope: Scope) -> int:
    given = dict(scope["headers"]).get(b"content-length", b"0")
    return int(given) if given.isdigit() else 0


def _known(method: str) -> str:
    return method if method in ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS") else "other"
