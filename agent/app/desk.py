"""The conversations of the pages that are open. In memory only: nothing here is written, logged or sent anywhere."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from time import monotonic

from agent import compose
from agent.app.view import Turn, after
from agent.build import Agent
from agent.language import detect
from agent.messages import say
from agent.person import SELF
from agent.privacy import Redactor
from agent.session import new_state
from agent.turn import run_turn
from agent.types import Answer, Audience, ConversationState, Done, Event, Language, Message, Status
from agent.understood import Row, look_again, understood
from knowledge import places
from knowledge.errors import InputError

IDLE_S = 3600.0
"""A page left alone this long is forgotten."""
CLOSED_S = 60.0
"""A page that went away is forgotten after this long: a phone that loses its network for a moment comes back."""
MOST = 500
"""Conversations kept at once; the one idle longest gives way."""
_LOOK_S = 0.25

log = logging.getLogger("anamnesis.app")


@dataclass(slots=True, eq=False)
class Conversation:
    """One page's conversation. `lock` is held while a turn runs; `cancel` stops that turn and no other."""

    token: str
    state: ConversationState
    redactor: Redactor
    used: float
    turns: tuple[Turn, ...] = ()
    closed: bool = False
    session: str = ""
    tries: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Desk:
    """Finds, answers and forgets conversations. Any thread may call any method.

    `opener` gives the agent, waiting until it is ready. `loading` says whether the model's weights are still being
    read. `forgotten` is told the session of each conversation that went, for whoever else keeps something of it;
    `answered` each answer, to be counted.
    """

    def __init__(
        self,
        opener: Callable[[], Agent],
        *,
        loading: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._opener, self._loading, self._clock = opener, loading, clock
        self.forgotten: Callable[[str], object] = lambda session: None
        self.answered: Callable[[Answer], object] = lambda answer: None
        self._lock = threading.Lock()
        self._open: dict[str, Conversation] = {}
        self._writing: list[Conversation] = []

    def find(self, token: str) -> Conversation | None:
        """The conversation a page holds the token of; None when it was forgotten."""
        with self._lock:
            return self._open.get(token)

    def begin(self, *, session: str = "") -> Conversation:
        """A new conversation under a token that cannot be guessed."""
        state = new_state(self._opener().settings)
        made = Conversation(secrets.token_urlsafe(24), state, Redactor(date.today()), self._clock(), session=session)
        self.sweep()
        with self._lock:
            self._open[made.token] = made
        return made

    def stop(self, token: str) -> None:
        """Stop the turn that this conversation is in; no other conversation notices."""
        found = self.find(token)
        if found is not None:
            found.cancel.set()

    def forget(self, token: str) -> None:
        """Drop a conversation at once."""
        with self._lock:
            gone = self._open.pop(token, None)
        if gone is not None:
            gone.cancel.set()

    def close_session(self, session: str) -> None:
        """A page went away: stop what it was waiting for, and forget it in a while unless it comes back."""
        with self._lock:
            mine = [held for held in self._open.values() if held.session == session]
        for held in mine:
            held.closed, held.used = True, self._clock()
            held.cancel.set()

    def sweep(self) -> None:
        """Forget what is closed or idle, and the longest idle where there are too many."""
        now = self._clock()
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
        for session in {held.session for held in gone.values()} - kept:
            self.forgotten(session)

    def stop_all(self) -> None:
        """Stop every turn, as the server does when it ends."""
        with self._lock:
            for held in self._open.values():
                held.cancel.set()

    def answer(
        self,
        held: Conversation,
        message: str,
        *,
        language: Language,
        country: str,
        audience: Audience,
        before: str = "",
    ) -> Iterator[Turn]:
        """Answer `message`: the turn each time it changes. The last is over, whatever happened.

        `language` is the page's, for the words shown until the message's own language is known. While another turn
        of the same conversation runs, the one turn given says so and is not kept.
        """
        agent = self._opener()
        number = len(held.turns) + 1
        turn = Turn(
            number, message, language, before=before,
            status=say(language, "status_urgency"),
        )  # fmt: skip
        if not held.lock.acquire(blocking=False):
            yield replace(turn, status="", note=say(language, "app_busy"))
            return
        cancel = held.cancel = threading.Event()
        try:
            held.used, held.closed = self._clock(), False
            state = replace(held.state, country=country, audience=audience)
            for later in self._turns(agent, held, state, turn, message, cancel):
                if later.over:
                    held.turns = (*held.turns, later)
                yield later
        finally:
            cancel.set()
            held.used = self._clock()
            held.lock.release()

    def corrected(self, token: str, typed: Mapping[str, str]) -> str | Turn | None:
        """The message that corrects what was typed otherwise than it was understood; else the last turn with what is wrong in it.

        None where the conversation was forgotten. `typed` is by the id of a row; other names in it are left out.
        """
        held = self.find(token)
        last = held.turns[-1] if held is not None and held.turns else None
        if held is None or last is None:
            return None
        message, rows = look_again(last.rows, typed, held.state, last.language)
        if message:
            return message
        refused = any(row.fault for row in rows)
        held.tries += 1
        hint = "" if refused else say(last.language, "understood_nothing")
        return replace(last, rows=rows, unfolded=True, hint=hint, tries=held.tries)

    def paper(self, token: str, form: str) -> tuple[str, str, bytes]:
        """The page for the doctor in memory: a name for the file, its type and what is in it. It holds redacted words only.

        Raises:
            InputError: the conversation was forgotten, or nothing was told in it yet.
        """
        from agent.paper import markdown, pdf
        from agent.summary import summarise

        held = self.find(token)
        if held is None or not held.turns:
            raise InputError("There is no conversation to write down", remedy="Tell what is wrong first")
        state, language = held.state, held.turns[-1].language
        given = [turn.answer for turn in held.turns if turn.answer is not None]
        spoken = sum(message.role == "assistant" for message in state.messages[state.begins :])
        answers = given[-spoken:] if spoken else []
        page = summarise(state, language=language, made=datetime.now(), answers=answers)
        name = f"anamnesis-{date.today():%Y-%m-%d}"
        if form == "pdf":
            return f"{name}.pdf", "application/pdf", pdf(page, language)
        return f"{name}.md", "text/markdown;charset=utf-8", markdown(page, language).encode()

    def moved(self, token: str, country: str) -> Turn | None:
        """The last turn with the number of the place now set, where it is an emergency; else None."""
        held = self.find(token)
        last = held.turns[-1] if held is not None and held.turns else None
        if last is None or last.triage is None or last.answer is None or last.answer.kind != "emergency":
            return None
        country = country or self._opener().settings.country
        block = compose.urgency_block(last.triage, language=last.language, country=country)
        return replace(last, banner=block, text=compose.emergency_text(language=last.language, country=country))

    def _turns(
        self, agent: Agent, held: Conversation, state: ConversationState, turn: Turn, message: str, cancel: threading.Event
    ) -> Iterator[Turn]:  # fmt: skip
        yield turn
        events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()

        # A thread of its own, so that the line that says what is being done can change while the model is silent.
        def work() -> None:
            try:
                for event in run_turn(agent, state, message, redactor=held.redactor, cancel=cancel):
                    events.put(event)
            except BaseException as fault:
                events.put(fault)

        threading.Thread(target=work, name="turn", daemon=True).start()
        place_in_line = agent.model.concurrency if agent.model else 1
        try:
            while True:
                try:
                    event = events.get(timeout=_LOOK_S)
                except queue.Empty:
                    shown = self._status(held, turn, place_in_line)
                    if shown != turn.status:
                        turn = replace(turn, status=shown)
                        yield turn
                    continue
                if isinstance(event, BaseException):
                    held.state = _remembered(held, state, turn, message)
                    yield failed(turn, event, country=compose.place_of(state, agent.settings.country))
                    return
                if isinstance(event, Status):
                    turn = replace(turn, language=_spoken(turn, event))
                    if event.text == say(turn.language, "status_writing"):
                        self._writing.append(held)
                turn = after(turn, event)
                if isinstance(event, Done):
                    self.answered(event.answer)
                    held.state = event.state
                    rows = () if turn.crisis else _rows(event.state, turn)
                    turn = replace(turn, rows=rows, unfolded=_unfolded(event.state, turn))
                    if cancel.is_set() and event.answer.kind == "answer":
                        turn = replace(turn, note=say(turn.language, "stopped"))
                    yield turn
                    return
                yield turn
        except GeneratorExit:
            # Nobody reads any more, but what was said stays said: the page may come back.
            if not turn.over:
                held.state = _remembered(held, state, turn, message)
            raise
        finally:
            if held in self._writing:
                self._writing.remove(held)

    def _status(self, held: Conversation, turn: Turn, at_once: int) -> str:
        """What is being done, while the model says nothing yet."""
        if held not in self._writing:
            return turn.status
        if self._loading():
            return say(turn.language, "status_loading")
        waits = not turn.text and self._writing.index(held) >= at_once
        return say(turn.language, "status_waiting" if waits else "status_writing")


def _rows(state: ConversationState, turn: Turn) -> tuple[Row, ...]:
    """What was understood. The answer stands without it: a fault in reading it back takes nothing away."""
    try:
        return understood(state, turn.language)
    except Exception as fault:
        _log(fault)
        return ()


def _unfolded(state: ConversationState, turn: Turn) -> bool:
    """On the first turn of a history, where something was asked or somebody else is ill. Not in an emergency: to call is first."""
    first = sum(message.role == "user" for message in state.messages[state.begins :]) == 1
    calm = turn.triage is not None and turn.triage.level != "emergency"
    return first and calm and (bool(state.asked) or state.person not in ("", SELF))


def _log(fault: BaseException) -> None:
    """The kind of fault and where; its words may hold the person's own."""
    trace, where = fault.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    log.error("A turn failed: %s at %s", type(fault).__name__, where)


def _spoken(turn: Turn, event: Status) -> Language:
    """The language a turn has settled on, told by its status line."""
    languages: tuple[Language, ...] = ("en", "zh")
    starts = {say(language, name): language for language in languages for name in ("status_urgency", "status_writing")}
    return starts.get(event.text, turn.language)


def failed(turn: Turn, fault: BaseException, *, country: str) -> Turn:
    """A kind word and whom to call. The log gets the kind of fault and where: its words may hold the person's own."""
    _log(fault)
    call = places.emergency_line(country, turn.language)
    return replace(turn, status="", note=say(turn.language, "app_failed", call=call))


def _remembered(held: Conversation, state: ConversationState, turn: Turn, message: str) -> ConversationState:
    """The conversation with what was said in a turn that failed, so that the next turn's triage still knows it."""
    try:
        safe = held.redactor.redact(message)
    except Exception:
        return state
    language = detect(safe.text, state.language)
    told = (Message("user", safe.text), Message("assistant", turn.banner))
    return replace(state, language=language, messages=(*state.messages, *told), triage=turn.triage or state.triage)
