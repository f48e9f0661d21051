"""What a page may have done with its conversation: begun, answered, corrected, asked again, written down, forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from time import monotonic

from agent import compose
from agent.accounts.types import VISITOR, Who
from agent.api.turns import Asked, Finished, Going, Turns
from agent.app.conversations import Conversation, Conversations
from agent.app.patient.consent import carry_on, may_ask, owner_of, settle
from agent.app.running import Line, log_fault
from agent.app.view import Turn, after
from agent.build import Agent
from agent.database import Database
from agent.messages import say
from agent.records.erasure import erase_own
from agent.records.holding import answer_ready, forget
from agent.records.interim import taken_up
from agent.records.types import Erased
from agent.session import new_state
from agent.types import Audience, Done, Event, Language
from agent.understood import look_again
from knowledge import places
from knowledge.errors import AnamnesisError, InputError


class Desk:
    """Any thread may call any method.

    `opener` gives the agent, waiting until it is ready. `loading` says whether the model's weights are still being read.
    `open` are the conversations; `move_in` has to be called before anything is asked.
    """

    def __init__(
        self,
        opener: Callable[[], Agent],
        *,
        loading: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._opener = opener
        self._line = Line(loading)
        self.open = Conversations(clock)
        self.open.dropped = self._dropped
        self._db: Database | None = None
        self._turns: Turns | None = None

    def move_in(self, db: Database, turns: Turns) -> None:
        """Work with this database, and run turns as the API does."""
        self._db, self._turns = db, turns

    @property
    def db(self) -> Database:
        """The database.

        Raises:
            AnamnesisError: the page is in no application yet.
        """
        if self._db is None:
            raise AnamnesisError(
                "The page has no database yet", remedy="Serve it with agent.api.application.create_app"
            )
        return self._db

    def sweep(self) -> None:
        """Forget what is closed or idle."""
        self.open.sweep()

    def stop_all(self) -> None:
        """Stop every turn, as the server does when it ends."""
        self.open.stop_all()

    def begin(self, *, session: str = "", who: Who = VISITOR) -> Conversation:
        """A new conversation of a page; nothing was agreed to in it."""
        return self.open.begin(new_state(self._opener().settings), session=session, account=who.account)

    def begin_anew(self, token: str, who: Who) -> Conversation | None:
        """Forget a conversation and begin the next of the same page; None where that needs a consent first."""
        before = self.open.forget(token)
        if before is None or before.account or who.account:
            return None
        held = self.begin(session=before.session, who=who)
        carry_on(self.db, who, before, held)
        return held

    def stop(self, token: str) -> None:
        """Stop the turn that this conversation is in; no other conversation notices."""
        found = self.open.find(token)
        if found is not None:
            found.cancel.set()

    def leave(self, token: str) -> None:
        """Forget a conversation at once, and erase whatever was kept of it.

        Raises:
            StoreError: it is forgotten, but not all of it could be erased.
        """
        gone = self.open.forget(token)
        if gone is not None:
            self.open.forgotten(gone.session)
            self.erase(gone)

    def erase(self, held: Conversation) -> Erased:
        """Erase what is kept of a conversation that a page holds, whose ever it is: the page's token is the proof.

        Raises:
            StoreError: it cannot be erased.
        """
        held.gone = True  # a turn still at work would keep itself after this
        whose = _asker(Who(account=held.account, role="patient" if held.account else "visitor"), held)
        forget(self.db, whose, held.state.id)
        return erase_own(self.db, owner_of(self.db, whose, held), held.state.id)

    def answer(
        self, held: Conversation, message: str, *, language: Language, country: str, audience: Audience, who: Who = VISITOR,
        before: str = "",
    ) -> Iterator[Turn]:  # fmt: skip
        """Answer `message`: the turn each time it changes. The last is over, whatever happened.

        `language` is the page's, for the words shown until the message's own language is known. While another turn
        of the same conversation runs, the one turn given says so and is not kept; so does one without a consent.
        """
        agent = self._opener()
        turn = Turn(held.count + 1, message, language, before=before, status=say(language, "status_urgency"), acts=True)
        if not may_ask(self.db, who, held):
            call = places.emergency_line(country or agent.settings.country, language)
            yield replace(turn, said="", status="", acts=False, note=say(language, "patient_consent_first", call=call))
            return
        if not held.lock.acquire(blocking=False):
            yield replace(turn, status="", acts=False, note=say(language, "app_busy"))
            return
        cancel = held.cancel = threading.Event()
        try:
            held.used, held.closed = self.open.clock(), False
            settle(self.db, who, held)
            held.count += 1
            held.before = held.state
            state = replace(held.state, country=country, audience=audience)
            asked = Asked(message, going=Going(state, held.redactor, held.mode), door="chat")
            asker = _asker(who, held)
            for later in self._line.turns(agent, held, turn, state, lambda stop: self._run(asked, asker, held, stop)):
                if later.over:
                    held.turns = (*held.turns, later)
                    held.rule = held.rule or later.rule
                yield later
        finally:
            cancel.set()
            held.used = self.open.clock()
            held.lock.release()

    def take_back(self, token: str) -> str | None:
        """The newest message again, its turn taken back, so that it can be asked once more; None where there is none to ask."""
        held = self.open.find(token)
        if held is None or not held.lock.acquire(blocking=False):
            return None
        try:
            if not held.turns or held.before is None:
                return None
            last, held.state, held.before = held.turns[-1], held.before, None
            held.turns = held.turns[:-1]
            return last.said
        finally:
            held.lock.release()

    def corrected(self, token: str, typed: Mapping[str, str]) -> str | Turn | None:
        """The message that corrects what was typed otherwise than it was understood; else the last turn with what is wrong in it.

        None where the conversation was forgotten. `typed` is by the id of a row; other names in it are left out.
        """
        held = self.open.find(token)
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

        `form`: pdf, print (HTML), or else Markdown.

        Raises:
            InputError: the conversation was forgotten, or nothing was told in it yet.
        """
        from agent.app.patient.printed import summary_html
        from agent.paper import markdown, pdf
        from agent.summary import summarise

        held = self.open.find(token)
        if held is None or not held.turns:
            raise InputError("There is no conversation to write down", remedy="Tell what is wrong first")
        state, language = held.state, held.turns[-1].language
        given = [turn.answer for turn in held.turns if turn.answer is not None]
        spoken = sum(message.role == "assistant" for message in state.messages[state.begins :])
        answers = given[-spoken:] if spoken else []
        page = summarise(state, language=language, made=datetime.now(), answers=answers)
        name = f"anamnesis-{date.today():%Y-%m-%d}"
        if form == "print":
            return f"{name}.html", "text/html;charset=utf-8", summary_html(page, language).encode()
        if form == "pdf":
            return f"{name}.pdf", "application/pdf", pdf(page, language)
        return f"{name}.md", "text/markdown;charset=utf-8", markdown(page, language).encode()

    def moved(self, token: str, country: str) -> Turn | None:
        """The last turn with the number of the place now set, where it is an emergency; else None."""
        held = self.open.find(token)
        last = held.turns[-1] if held is not None and held.turns else None
        if last is None or last.triage is None or last.answer is None or last.answer.kind != "emergency":
            return None
        country = country or self._opener().settings.country
        block = compose.urgency_block(last.triage, language=last.language, country=country)
        return replace(last, banner=block, text=compose.emergency_text(language=last.language, country=country))

    def released(self, token: str, who: Who) -> bool:
        """Look whether a clinician has answered what waits on this page; whether anything of it is shown otherwise now.

        Raises:
            AccessError: the page is somebody else's; recorded.
            StoreError: the database cannot be read.
        """
        held = self.open.find(token)
        if held is None or held.account != who.account or not held.lock.acquire(blocking=False):
            return False
        try:
            turns = tuple(self._looked_at(held, turn, who) if turn.waits else turn for turn in held.turns)
            changed, held.turns, held.used = turns != held.turns, turns, self.open.clock()
            return changed
        finally:
            held.lock.release()

    def _looked_at(self, held: Conversation, turn: Turn, who: Who) -> Turn:
        ready = answer_ready(self.db, _asker(who, held), held.state.id, turn.waits)
        if ready is None or turn.answer is None:
            return replace(turn, waits=0, held="")
        if ready.status == "waiting":
            return replace(turn, held=ready.line)
        held.state = taken_up(held.state, turn.answer, ready.answer)
        return replace(after(turn, Done(ready.answer, held.state)), waits=0, held="")

    def _dropped(self, held: Conversation) -> None:
        """A page that was closed waits for nobody any more."""
        if any(turn.waits for turn in held.turns):
            whose = _asker(Who(account=held.account, role="patient" if held.account else "visitor"), held)
            try:
                forget(self.db, whose, held.state.id)
            except AnamnesisError as fault:
                log_fault(fault)

    def _run(self, asked: Asked, who: Who, held: Conversation, cancel: threading.Event) -> Iterator[Event | Finished]:
        if self._turns is None:
            raise AnamnesisError("The page runs no turns yet", remedy="Serve it with agent.api.application.create_app")
        for event in self._turns.admitted(asked, who, cancel):
            if isinstance(event, Finished) and held.gone:
                self.erase(held)
            yield event


def _asker(who: Who, held: Conversation) -> Who:
    """Whoever is on a page: an account, or a visitor who holds its conversation."""
    return who if who.account else Who(holds=frozenset({held.state.id}))
