"""The conversations of the pages that are open. In memory only: nothing here is written, logged or sent anywhere."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from time import monotonic

from agent.app.view import Turn
from agent.privacy import Redactor
from agent.records.types import Mode
from agent.types import ConversationState

IDLE_S = 3600.0
"""A page left alone this long is forgotten."""
CLOSED_S = 60.0
"""A page that went away is forgotten after this long: a phone that loses its network for a moment comes back."""
MOST = 500
"""Conversations held at once; the one idle longest gives way."""


@dataclass(slots=True, eq=False)
class Conversation:
    """One page's conversation. `lock` is held while a turn runs; `cancel` stops that turn and no other.

    `account`: whose sign-in it was begun under, "" for a visitor. `agreed`: the version of the words that were agreed to on this
    page, `guardian` whether by one. `rule`: the rule of keeping by which nothing is kept from now on. `before`: the state before
    the newest turn, for asking it again; `count`: of the turns so far, those asked again too. `gone`: it was erased.
    """

    token: str
    state: ConversationState
    redactor: Redactor
    used: float
    turns: tuple[Turn, ...] = ()
    closed: bool = False
    session: str = ""
    tries: int = 0
    account: str = ""
    agreed: str = ""
    guardian: bool = False
    mode: Mode = "private"
    rule: str = ""
    before: ConversationState | None = None
    count: int = 0
    gone: bool = False
    cancel: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Conversations:
    """Finds and forgets them. Any thread may call any method.

    `forgotten` is told the session of each that went, `dropped` each that went by itself, closed or idle.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.forgotten: Callable[[str], object] = lambda session: None
        self.dropped: Callable[[Conversation], object] = lambda held: None
        self._lock = threading.Lock()
        self._open: dict[str, Conversation] = {}

    def all(self) -> tuple[Conversation, ...]:
        """Those that are held now."""
        with self._lock:
            return tuple(self._open.values())

    def find(self, token: str) -> Conversation | None:
        """The conversation a page holds the token of; None when it was forgotten."""
        with self._lock:
            return self._open.get(token)

    def begin(self, state: ConversationState, *, session: str, account: str) -> Conversation:
        """A new conversation under a token that cannot be guessed."""
        made = Conversation(
            secrets.token_urlsafe(24), state, Redactor(date.today()), self.clock(), session=session, account=account
        )
        self.sweep()
        with self._lock:
            self._open[made.token] = made
        return made

    def forget(self, token: str) -> Conversation | None:
        """Drop a conversation at once; what it was."""
        with self._lock:
            gone = self._open.pop(token, None)
        if gone is not None:
            gone.cancel.set()
        return gone

    def close_session(self, session: str) -> None:
        """A page went away: stop what it was waiting for, and forget it in a while unless it comes back."""
        for held in self.all():
            if held.session == session:
                held.closed, held.used = True, self.clock()
                held.cancel.set()

    def sweep(self) -> None:
        """Forget what is closed or idle, and the longest idle where there are too many."""
        now = self.clock()
        with self._lock:
            ages = sorted(self._open.values(), key=lambda held: held.used)
            surplus = max(0, len(ages) - MOST)
            late = [held for held in ages if now - held.used > (CLOSED_S if held.closed else IDLE_S)]
            gone = {held.token: held for held in (*late, *ages[:surplus])}
            for token in gone:
                del self._open[token]
            kept = {held.session for held in self._open.values()}
        for held in gone.values():
            held.cancel.set()
            self.dropped(held)
        for session in {held.session for held in gone.values()} - kept:
            self.forgotten(session)

    def stop_all(self) -> None:
        """Stop every turn, as the server does when it ends."""
        for held in self.all():
            held.cancel.set()
