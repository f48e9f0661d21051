"""A server of the API in this process, on a free loopback port, with accounts and keys of its own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx

from agent.accounts import keys, people
from agent.api import logs
from agent.api.application import create_app
from agent.api.serve import Server
from agent.build import Agent
from agent.database import Database, open_ground
from agent.records.consent import give_consent

ALL = ("chat", "search", "tools", "own")


class Served:
    """What a test talks to."""

    def __init__(self, agent: Agent, db: Database, url: str, app: Any) -> None:
        self.agent, self.db, self.url, self.app = agent, db, url, app
        self._people = 0

    def key(self, *scopes: str, role: str = "patient", keeps: bool = False) -> str:
        """A key of a new account; `keeps`: which agreed that conversations are kept."""
        self._people += 1
        account = people.add(self.db, f"account-{self._people}", role, None, by="test")
        issued = keys.issue(self.db, account.id, name="for a test", scopes=scopes or ALL, by="test")
        if keeps:
            give_consent(self.db, keys.who_bears(self.db, issued.secret), "keep")
        return issued.secret

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client that sends the key; a new one where none is given, none for an empty one."""
        key = self.key() if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False, **options)

    def openai(self, key: str | None = None, **options: Any) -> Any:
        """The openai package's client."""
        import openai

        http = httpx.Client(trust_env=False, timeout=120)
        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=key or self.key(), http_client=http, max_retries=0, **options
        )


@contextmanager
def serving(base: Agent, folder: Any, *, model: Any = None, turns: int = 0, chat: bool = False, **settings: Any) -> Iterator[Served]:
    """A server on `base` with a database of its own in `folder`."""
    port = _free_port()
    chosen = replace(base.settings, home=folder, port=port, **settings)
    agent = replace(base, settings=chosen, model=model)
    db = open_ground(chosen)
    page = None
    if chat:
        from agent.app.web import build_app

        page = build_app(lambda: agent, chosen)
    app = create_app(lambda: agent, chosen, db=db, chat=page)
    if turns:
        app.state.services.turns._most = turns
    server = Server(app, host="127.0.0.1", port=port)
    server.start()
    try:
        yield Served(agent, db, f"http://127.0.0.1:{port}", app)
    finally:
        app.state.services.turns.stop_all()
        server.close()
        db.engine.dispose()


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """The lines that the API writes, as they would stand in a file."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler, own = Kept(), logging.getLogger("anamnesis")
    handler.setFormatter(logs.Lines())
    before = own.level
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    try:
        yield found
    finally:
        own.removeHandler(handler)
        own.setLevel(before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
