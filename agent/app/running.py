"""A turn of the page while it runs: events become what is shown, and the line that says what is being done."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from agent import compose
from agent.api.turns import Finished
from agent.app.conversations import Conversation
from agent.app.view import Turn, after
from agent.build import Agent
from agent.language import detect
from agent.messages import say
from agent.person import SELF
from agent.records.interim import waiting_line
from agent.records.keeping import decide
from agent.types import ConversationState, Done, Event, Language, Message, Status
from agent.understood import Row, understood
from knowledge import places

_LOOK_S = 0.25
Work = Callable[[threading.Event], Iterator[Event | Finished]]

log = logging.getLogger("anamnesis.app")


class Line:
    """Who is being written for, in the order in which they came. `loading`: whether the model's weights are still being read."""

    def __init__(self, loading: Callable[[], bool]) -> None:
        self._loading = loading
        self._writing: list[Conversation] = []

    def turns(
        self, agent: Agent, held: Conversation, turn: Turn, state: ConversationState, work: Work
    ) -> Iterator[Turn]:
        """The turn each time it changes; the last is over, whatever happened. `work` is the turn itself, run beside this."""
        cancel = held.cancel
        yield turn
        events: queue.SimpleQueue[Event | Finished | BaseException] = queue.SimpleQueue()

        # A thread of its own, so that the line that says what is being done can change while the model is silent.
        def run() -> None:
            try:
                for event in work(cancel):
                    events.put(event)
            except BaseException as fault:
                events.put(fault)

        threading.Thread(target=run, name="turn", daemon=True).start()
        at_once = agent.model.concurrency if agent.model else 1
        try:
            while True:
                try:
                    event = events.get(timeout=_LOOK_S)
                except queue.Empty:
                    shown = self._status(held, turn, at_once)
                    if shown != turn.status:
                        turn = replace(turn, status=shown)
                        yield turn
                    continue
                if isinstance(event, BaseException):
                    held.state = _remembered(held, state, turn)
                    yield failed(turn, event, country=compose.place_of(state, agent.settings.country))
                    return
                if isinstance(event, Finished):
                    held.state = event.state
                    turn = _ended(turn, event, stopped=cancel.is_set())
                    yield turn
                    return
                if isinstance(event, Status):
                    turn = replace(turn, language=_spoken(turn, event))
                    if event.text == say(turn.language, "status_writing"):
                        self._writing.append(held)
                turn = after(turn, event)
                yield turn
        except GeneratorExit:
            # Nobody reads any more, but what was said stays said: the page may come back.
            if not turn.over:
                held.state = _remembered(held, state, turn)
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


def failed(turn: Turn, fault: BaseException, *, country: str) -> Turn:
    """A kind word and whom to call. The log gets the kind of fault and where: its words may hold the person's own."""
    log_fault(fault)
    call = places.emergency_line(country, turn.language)
    return replace(turn, status="", note=say(turn.language, "app_failed", call=call))


def log_fault(fault: BaseException) -> None:
    """The kind of fault and where; its words may hold the person's own."""
    trace, where = fault.__traceback__, ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    log.error("A turn failed: %s at %s", type(fault).__name__, where)


def _ended(turn: Turn, event: Finished, *, stopped: bool) -> Turn:
    turn = after(turn, Done(event.answer, event.state))
    # Also where nothing is kept anyhow: such a chat leaves no history from here on, whatever was agreed to.
    rule = decide("anonymous", event.state, event.answer).rule
    note = say(turn.language, "stopped") if stopped and event.answer.kind == "answer" else ""
    held = event.held
    return replace(
        turn, rows=() if turn.crisis else _rows(event.state, turn), unfolded=_unfolded(event.state, turn), note=note,
        kept=event.keeping.number if event.keeping.history else 0, rule=rule, waits=held.turn if held else 0,
        held=waiting_line(held, turn.language, now=held.since) if held else "",
    )  # fmt: skip


def _rows(state: ConversationState, turn: Turn) -> tuple[Row, ...]:
    """What was understood. The answer stands without it: a fault in reading it back takes nothing away."""
    try:
        return understood(state, turn.language)
    except Exception as fault:
        log_fault(fault)
        return ()


def _unfolded(state: ConversationState, turn: Turn) -> bool:
    """On the first turn of a history, where something was asked or somebody else is ill. Not in an emergency: to call is first."""
    first = sum(message.role == "user" for message in state.messages[state.begins :]) == 1
    calm = turn.triage is not None and turn.triage.level != "emergency"
    return first and calm and (bool(state.asked) or state.person not in ("", SELF))


def _spoken(turn: Turn, event: Status) -> Language:
    """The language a turn has settled on, told by its status line."""
    languages: tuple[Language, ...] = ("en", "zh")
    starts = {say(language, name): language for language in languages for name in ("status_urgency", "status_writing")}
    return starts.get(event.text, turn.language)


def _remembered(held: Conversation, state: ConversationState, turn: Turn) -> ConversationState:
    """The conversation with what was said in a turn that failed, so that the next turn's triage still knows it."""
    try:
        safe = held.redactor.redact(turn.said)
    except Exception:
        return state
    language = detect(safe.text, state.language)
    told = (Message("user", safe.text), Message("assistant", turn.banner))
    return replace(state, language=language, messages=(*state.messages, *told), triage=turn.triage or state.triage)
