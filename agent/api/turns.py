"""Turns for requests: each in a thread of its own, its events handed to whoever waits; a client that goes away ends it.

What is kept of one is decided here: nothing but an outline in the audit record, unless its account asked for more.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date

from starlette.requests import Request

from agent.accounts.permissions import deny
from agent.accounts.types import Who
from agent.api import logs
from agent.api.counted import Counted, Usage
from agent.api.faults import ClientGone, Conflict, Unsupported
from agent.api.gate import Gate, without_banner
from agent.api.metrics import Metrics
from agent.api.shown import know_again
from agent.api.tracing import Traces
from agent.build import Agent
from agent.database import Database
from agent.history import replayed
from agent.messages import say
from agent.privacy import Redactor
from agent.records.consent import stands
from agent.records.conversations import keep_turn, open_conversation, state_of
from agent.records.keeping import OutlineLog, logged
from agent.records.review import enqueue, reasons_for
from agent.records.types import Held, Keeping, Mode
from agent.session import new_state, with_context
from agent.turn import run_turn
from agent.types import Answer, Audience, Cancel, ConversationState, Done, Event, Status
from knowledge.errors import AccessError, AnamnesisError, EngineBusy, StoreError

MOST = 256
"""Turns at work at once; further ones are told to come again."""
MOST_TOLD = (100, 40_000)
"""Messages of a person, and characters of them, that are told anew: each is read once, some 0.2 s on one busy core."""
_LOOK_S = 0.5
"""How often it is looked whether the client is still there."""
_WRITING = frozenset({say("en", "status_writing"), say("zh", "status_writing")})


@dataclass(frozen=True, slots=True)
class Going:
    """A conversation that a page holds in memory: its state, its own placeholders, and how it is kept."""

    state: ConversationState
    redactor: Redactor
    mode: Mode


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: the new message, what was said before it, and how it is to be answered.

    `context` is what a record tells of the person. `store`: keep the conversation for the account. `conversation`: one that was
    kept, which goes on; what was said before is then taken from it. `going`: one that the page holds; nothing else then says
    what was said before, how it is kept, for whom and where it is answered. `door`: by which it came, for the numbers.
    """

    message: str
    earlier: tuple[tuple[str, str], ...] = ()
    audience: Audience | None = None
    country: str = ""
    intake: bool | None = None
    store: bool = False
    conversation: str = ""
    context: str = ""
    going: Going | None = None
    door: str = "api"


def check_length(said: Sequence[tuple[str, str]]) -> None:
    """See that what was said (role, text) can be weighed again within seconds: each message is.

    Raises:
        Unsupported: it is too much; names what to do.
    """
    told = [text for role, text in said if role == "user"]
    if len(told) > MOST_TOLD[0] or sum(map(len, told)) > MOST_TOLD[1]:
        raise Unsupported(
            "The conversation is too long to be told anew", param="messages", code="context_length_exceeded",
            expected=f"at most {MOST_TOLD[0]} messages of yours with {MOST_TOLD[1]} characters in all",
            remedy="Begin a new one with what matters, or keep it (`store`) and name it: what is kept is not told anew",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that is over. `state` after it; `keeping` says whether it was kept, and under which number.

    `held`: the answer waits for a clinician, and `answer` is what is shown in its place; `agent.records.holding.answer_ready` gives
    it when it comes.
    """

    answer: Answer
    state: ConversationState
    usage: Usage
    keeping: Keeping
    held: Held | None = None


class Turns:
    """Runs turns on one agent. Any number may run side by side; nothing is shared between them but the agent."""

    def __init__(
        self, opener: Callable[[], Agent], db: Database, metrics: Metrics, traces: Traces, *, most: int = MOST
    ) -> None:
        self._opener, self._db, self._metrics, self._traces, self._most = opener, db, metrics, traces, most
        self._logs: dict[Mode, OutlineLog] = {}
        self._lock = threading.Lock()
        self._running = self._writing = 0
        self._taken: set[str] = set()
        self._cancels: set[threading.Event] = set()

    @property
    def writing(self) -> int:
        """Turns that a model writes for, or that wait for one."""
        return self._writing

    def stop_all(self) -> None:
        """Stop every turn, as the server does when it ends."""
        with self._lock:
            for cancel in self._cancels:
                cancel.set()

    async def events(self, asked: Asked, who: Who) -> AsyncGenerator[Event | Finished]:
        """The events of a turn as they come, `Finished` in place of `Done`. Left early, the turn is cancelled.

        Raises:
            EngineBusy: too many turns are at work.
            InputError, AccessError, StoreError: as `run`.
        """
        loop = asyncio.get_running_loop()
        come: asyncio.Queue[Event | Finished | BaseException] = asyncio.Queue()
        cancel = threading.Event()

        def hand(value: Event | Finished | BaseException) -> None:
            # The loop may be gone with the server.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(come.put_nowait, value)

        def work() -> None:
            try:
                for event in self.run(asked, who, cancel):
                    hand(event)
            except BaseException as fault:
                hand(fault)
            finally:
                self._release(cancel)

        self._admit(cancel)
        try:
            threading.Thread(target=work, name="api-turn", daemon=True).start()
        except RuntimeError as fault:
            self._release(cancel)
            raise EngineBusy("No thread can be started") from fault
        over = False
        try:
            while not over:
                event = await come.get()
                if isinstance(event, BaseException):
                    over = True
                    if not isinstance(event, AccessError):
                        self._metrics.failed(event)
                    raise event
                over = isinstance(event, Finished)
                yield event
        finally:
            if not over:
                self._metrics.cancelled()
            cancel.set()

    def admitted(self, asked: Asked, who: Who, cancel: threading.Event) -> Iterator[Event | Finished]:
        """As `run`, counted among the turns at work, and what breaks it too; for a door that has a thread for it.

        Raises:
            EngineBusy: too many turns are at work.
            InputError, AccessError, StoreError: as `run`.
        """
        self._admit(cancel)
        try:
            yield from self.run(asked, who, cancel)
        except Exception as fault:
            if not isinstance(fault, AccessError):
                self._metrics.failed(fault)
            raise
        finally:
            self._release(cancel)

    def run(self, asked: Asked, who: Who, cancel: Cancel) -> Iterator[Event | Finished]:
        """One turn in this thread.

        Raises:
            InputError: what was asked cannot be; it is too long; no consent to keep; the conversation is gone.
            AccessError: the conversation is another's; recorded.
            Conflict: a turn of that conversation is at work.
            StoreError: the database cannot be read.
        """
        agent = self._opener()
        with self._only_one(asked.conversation):
            mode, state, redactor = self._begin(agent, asked, who)
            model = Counted(agent.model) if agent.model is not None else None
            watched = replace(agent, audit=self.log(logged(mode, state)), model=model)
            gate = Gate(self._db, who, agent, state.id)
            with self._traces.turn() as trace, self._counting() as count:
                events = run_turn(watched, state, asked.message, redactor=redactor, intake=asked.intake, cancel=cancel)
                for event in events:
                    if isinstance(event, Status) and event.text in _WRITING:
                        count()
                    if not isinstance(event, Done):
                        yield from gate.through(event)
                        continue
                    usage = model.usage if model is not None else Usage()
                    self._metrics.turn(event.answer, door=asked.door)
                    self._metrics.tokens(read=usage.prompt, written=usage.completion)
                    trace(event.answer)
                    keeping = self._keep(who, event, redactor, asked.message, mode)
                    kept = without_banner(event.answer, event.state)
                    shown, held = gate.decided(event, kept, redactor, asked.message, keeping)
                    yield from gate.rest(shown.answer, held)
                    know_again(shown.answer, shown.state)
                    yield Finished(shown.answer, shown.state, usage, keeping, held)

    def _begin(self, agent: Agent, asked: Asked, who: Who) -> tuple[Mode, ConversationState, Redactor]:
        if asked.going is not None:
            return asked.going.mode, asked.going.state, asked.going.redactor
        redactor = Redactor(date.today())
        if asked.conversation:
            kept = open_conversation(self._db, who, asked.conversation)
            if not who.account or kept.account != who.account:
                deny(self._db, who, "chat", about=asked.conversation)
            state = state_of(self._db, who, kept.id)
            for message in state.messages:
                # Placeholders given before keep their numbers to themselves.
                redactor.redact(message.text)
            country = asked.country or state.country
            return kept.mode, replace(state, audience=asked.audience or state.audience, country=country), redactor
        if asked.store:
            if not who.account:
                raise Conflict("Nothing is kept for who has no account", remedy="Send an API key, or leave `store` out")
            if not stands(self._db, who, "keep"):
                raise Conflict(
                    "Nothing is kept without a consent to it", remedy='POST /api/v1/consents {"kind": "keep"} first'
                )
        check_length((*asked.earlier, ("user", asked.message)))
        state = new_state(agent.settings, audience=asked.audience, country=asked.country)
        state = replayed(with_context(state, asked.context, redactor), asked.earlier, redactor, agent.embedder)
        return "account" if asked.store else "private", state, redactor

    def _keep(self, who: Who, done: Done, redactor: Redactor, message: str, mode: Mode) -> Keeping:
        answer = without_banner(done.answer, done.state)
        keeping = Keeping(False, "private")
        if mode != "private":
            try:
                keeping = keep_turn(self._db, who, done.state, redactor.redact(message), answer, mode=mode)
            except StoreError as fault:
                # An answer that was to be kept and is not is withheld, as the audit's; but never what to do in an emergency.
                if answer.kind not in ("emergency", "crisis"):
                    raise
                keeping = Keeping(False)
                logs.write("not kept", level=logging.ERROR, fault=type(fault).__name__, where=logs.place_of(fault))
        reasons = reasons_for(answer, draw=random.random())
        try:
            enqueue(self._db, done.state.id, keeping.number, reasons, answer, account=who.account)
        except StoreError as fault:
            # That it should be looked at later takes nothing away from whoever asks now.
            logs.write("not queued", level=logging.ERROR, fault=type(fault).__name__, where=logs.place_of(fault))
        return keeping

    def log(self, mode: Mode) -> OutlineLog:
        """The audit log for turns that are kept in this way."""
        with self._lock:
            return self._logs.setdefault(mode, OutlineLog(self._db.engine, self._db.vault, mode=mode))

    def _admit(self, cancel: threading.Event) -> None:
        with self._lock:
            if self._running >= self._most:
                raise EngineBusy("Too many turns are at work")
            self._running += 1
            self._cancels.add(cancel)
        self._metrics.running.inc()

    def _release(self, cancel: threading.Event) -> None:
        with self._lock:
            self._running -= 1
            self._cancels.discard(cancel)
        self._metrics.running.dec()

    @contextmanager
    def _counting(self) -> Iterator[Callable[[], None]]:
        """Counts this turn among those writing, once, until it is over."""
        counted = False

        def count() -> None:
            nonlocal counted
            if not counted:
                counted = True
                with self._lock:
                    self._writing += 1

        try:
            yield count
        finally:
            if counted:
                with self._lock:
                    self._writing -= 1

    @contextmanager
    def _only_one(self, conversation: str) -> Iterator[None]:
        if not conversation:
            yield
            return
        with self._lock:
            if conversation in self._taken:
                raise Conflict("That conversation is being answered just now", remedy="Wait for the answer, then ask")
            self._taken.add(conversation)
        try:
            yield
        finally:
            with self._lock:
                self._taken.discard(conversation)


async def whole(turns: Turns, asked: Asked, who: Who, request: Request) -> Finished:
    """The end of a turn.

    Raises:
        ClientGone: the client went away, and the turn was cancelled.
        InputError, AccessError, StoreError, EngineBusy: as `Turns.events`.
    """

    async def last() -> Finished:
        async for event in turns.events(asked, who):
            if isinstance(event, Finished):
                return event
        raise AnamnesisError("The turn ended without an answer")

    waiting = asyncio.create_task(last())
    try:
        while not (await asyncio.wait({waiting}, timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                raise ClientGone("The client went away")
        return waiting.result()
    finally:
        waiting.cancel()
