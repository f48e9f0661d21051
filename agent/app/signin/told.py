"""A fault on one of these pages is told as a page, in words, and not as the API tells it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from agent.app.signin.look import policy
from agent.app.signin.pages import notice_html
from agent.messages import say
from agent.types import Language
from knowledge.errors import AnamnesisError

log = logging.getLogger("anamnesis.signin")


class Told(APIRoute):
    """A route whose faults are a page: the database is not there, or its key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, with its faults told."""
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except AnamnesisError as fault:
                log.error("A page to sign in failed: %s", fault)
                language: Language = "zh" if request.url.path.startswith("/zh/") else "en"
                body = f"{say(language, 'signin_unsure')} {say(language, 'signin_unsure_remedy')}"
                page = notice_html(language, say(language, "signin_title"), body)
                return HTMLResponse(page, 503, {"Content-Security-Policy": policy(), "Retry-After": "5"})

        return told
