"""`POST /leave`: a page that is left at once tells its token, and what it held is forgotten, erased and signed out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from agent.accounts.sessions import end
from agent.app.running import log_fault
from agent.app.staff.origin import from_our_page
from agent.app.staff.who import COOKIE, token_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.app.desk import Desk

LEAVE = "/leave"
_MOST = 200
"""Bytes of a token; ours has 32."""


def add_leaving(app: FastAPI, desk: Desk) -> None:
    """Put the address into the application. A token nobody knows does nothing; only a page of ours signs out besides."""

    async def leave(request: Request) -> Response:
        token = (await request.body())[: _MOST + 1]
        # Forgetting needs the page's own token; signing out would be done for any page that sends the cookie along.
        session = token_of(request) if from_our_page(request.headers) else ""
        await run_in_threadpool(_forget, desk, token.decode("ascii", "replace"), session)
        gone = Response(status_code=204)
        if session:
            gone.delete_cookie(COOKIE, path="/")
        return gone

    app.add_route(LEAVE, leave, methods=["POST"], include_in_schema=False)


def _forget(desk: Desk, token: str, session: str) -> None:
    # Signed out first: that hides more than one conversation.
    works: tuple[Callable[[], None], ...] = (partial(_sign_out, desk, session), partial(desk.leave, token))
    for work in works:
        try:
            work()
        except Exception as fault:
            # The page is gone; nobody is there to be told.
            log_fault(fault)


def _sign_out(desk: Desk, session: str) -> None:
    if session:
        end(desk.db, session)
