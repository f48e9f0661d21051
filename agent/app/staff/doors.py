"""The guard in front of the pages of those who sign in: on every request it looks at the session and at what its role may do."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from agent.accounts.permissions import deny, may
from agent.accounts.sessions import who_holds
from agent.accounts.types import Who
from agent.api.logs import place_of
from agent.app.guard import (
    HEADERS,
    MOST_BYTES,
    App,
    Receive,
    Scope,
    Send,
    allowed,
    bounded,
    is_still,
    length,
    refuse,
    takes_files,
    with_headers,
)
from agent.app.signin.look import look_headers
from agent.app.staff.built import Door, Staff
from agent.app.staff.origin import from_our_page
from agent.app.staff.pages import FILES
from agent.app.staff.refused import broken_html, refused_html
from agent.app.staff.types import Page
from agent.app.staff.who import COOKIE, KEY
from knowledge.errors import AccessError, StoreError

log = logging.getLogger("anamnesis.staff")

_NO_STORE = (b"cache-control", b"no-store")
# Without a referrer a form of these pages, to sign out, would say that it comes from nowhere.
_REFERRER = (b"referrer-policy", b"same-origin")
_MULTIPART = 65_536
"""What a form around a file takes."""
UNATTENDED = "x-anamnesis-unattended"
"""staff.js sends this header where no hand was on the page for a minute: such a request keeps no session alive."""
_NOTED = 4096
"""Sessions and pages of which it is remembered that a denial was recorded."""


class Doors:
    """ASGI middleware: the pages' addresses are answered here, all others by `app`."""

    def __init__(self, app: App, *, staff: Staff) -> None:
        self._app, self._staff, self._db = app, staff, staff.house.db
        self._noted: OrderedDict[tuple[int, str], None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root, door = self._staff.door(scope["path"]) if scope["type"] == "http" else ("", None)
        if door is None:
            await self._app(scope, receive, send)
            return
        path, upload = scope["path"][len(root) :], door.page.upload
        most = upload + _MULTIPART if upload and takes_files(path) else MOST_BYTES
        if path.startswith(FILES):
            await self._file(door, scope, receive, send)
        elif path and not allowed(path, files=upload > 0):
            await refuse(send, 404)
        elif length(scope) > most:
            await refuse(send, 413)
        elif is_still(path):
            await self._page(root, door, scope, bounded(receive, most), with_headers(send))
        elif (who := await self._admitted(root, door, scope, send)) is not None:
            if not path:
                await _redirect(send, f"{root}/", scope["query_string"], status=307)
                return
            inner = {**scope, KEY: who}
            await self._page(root, door, inner, bounded(receive, most), with_headers(send, _NO_STORE, _REFERRER))

    async def _admitted(self, root: str, door: Door, scope: Scope, send: Send) -> Who | None:
        """Who may go in; None where an answer was sent instead."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        opens = scope["method"] in ("GET", "HEAD") and scope["path"][len(root) :] in ("", "/")
        if scope["method"] not in ("GET", "HEAD") and not from_our_page(headers):
            await refuse(send, 403)
            return None
        token = session_token(headers)
        try:
            who = await asyncio.to_thread(who_holds, self._db, token, touch=UNATTENDED not in headers)
        except StoreError as fault:
            log.error("The session could not be looked up: %s", type(fault).__name__)
            await _html(send, 503, broken_html(door.language))
            return None
        prefix = "/zh" if door.language == "zh" else ""
        if not who.account and opens:
            await _redirect(send, f"{prefix}/sign-in", urlencode({"next": root}).encode())
        elif not who.account:
            await refuse(send, 401)
        elif who.must_change and opens:
            await _redirect(send, f"{prefix}/password", urlencode({"next": root}).encode())
        elif not may(who, door.page.action):
            await asyncio.to_thread(self._note, who, token, door.page)
            if opens:
                await _html(send, 403, await asyncio.to_thread(refused_html, self._db, who, token, door.language))
            else:
                await refuse(send, 403)
        else:
            return who
        return None

    def _note(self, who: Who, token: str, page: Page) -> None:
        """A denial is recorded once for a session and a page: what cannot be deleted must not grow by somebody's will."""
        key = (hash(token), page.path)
        if who.must_change or key in self._noted:
            return
        self._noted[key] = None
        while len(self._noted) > _NOTED:
            self._noted.popitem(last=False)
        with suppress(AccessError):
            try:
                deny(self._db, who, page.action)
            except StoreError as fault:
                # It is a denial all the same.
                log.error("A denial could not be recorded: %s", type(fault).__name__)

    async def _file(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        """What a package serves beside its page, by the application's own routes."""
        root = door.page.at(door.language)
        if length(scope) > MOST_BYTES:
            await refuse(send, 413)
        elif (who := await self._admitted(root, door, scope, send)) is not None:
            await self._app({**scope, KEY: who}, receive, send)

    async def _page(self, root: str, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        if door.app is None or door.live is None:
            try:
                gradio_app = await asyncio.to_thread(self._staff.open, door)
            except Exception as error:
                log.error("The page %s could not be made: %s in %s", root, type(error).__name__, place_of(error))
                await _html(send, 500, broken_html(door.language))
                return
            if door.live is None:
                door.live = asyncio.create_task(_live(gradio_app))
                blocks = gradio_app.get_blocks()
                blocks.run_startup_events()
                await blocks.run_extra_startup_events()
        else:
            gradio_app = door.app
        await gradio_app({**scope, "root_path": scope.get("root_path", "") + root}, receive, send)


def session_token(headers: Mapping[str, str]) -> str:
    """The session's token among a request's headers, "" where there is none."""
    # As every other request's cookies are read: what another program on this host set besides does not hide ours.
    from starlette.requests import cookie_parser

    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


async def _live(app: Any) -> None:
    """What Gradio does beside its answers for as long as the server runs: forget pages that were closed."""
    async with app.router.lifespan_context(app):
        await asyncio.Event().wait()


async def _redirect(send: Send, to: str, query: bytes, *, status: int = 303) -> None:
    place = to.encode() + (b"?" + query if query else b"")
    headers = [(b"location", place), (b"content-length", b"0"), _NO_STORE, *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _html(send: Send, status: int, page: str) -> None:
    body = page.encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *look_headers(),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
