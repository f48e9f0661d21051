"""What the page does when something is sent or pressed, as plain values by the name of a part; `web` draws them."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from agent.app import view
from agent.app.conversations import Conversation
from agent.app.desk import Desk
from agent.app.patient.acts import Acts, Asker, Outcome
from agent.app.running import failed
from agent.config import Settings
from agent.messages import say
from agent.types import Audience
from knowledge.places import emergency_line

Shown: TypeAlias = dict[str, Any]
"""By name: past, now, consent, data, mode (HTML); token, box, sheet (text); examples, busy (whether)."""

log = logging.getLogger("anamnesis.app")


class Handlers:
    """Of one page's door. Any thread may call any method; nothing that goes wrong leaves here as a fault."""

    def __init__(self, desk: Desk, acts: Acts, settings: Settings) -> None:
        self._desk, self._acts, self._settings = desk, acts, settings

    def ask(self, message: str, asker: Asker, audience: Audience) -> Iterator[Shown]:
        """Answer a message, as it grows."""
        try:
            yield from self._ask(message, asker, audience)
        except Exception as fault:
            yield self._failed(asker, fault) | {"busy": False}

    def correct(self, given: object, asker: Asker, audience: Audience) -> Iterator[Shown]:
        """What was understood, put right by the person: a message of its own, or what cannot be read in a field."""
        try:
            said = self._desk.corrected(asker.token, read_fields(given))
            again = {"now": view.turn_html(said)} if isinstance(said, view.Turn) else {}
        except Exception as fault:
            yield self._failed(asker, fault)
            return
        if again:
            yield again
            return
        # What stands in the message box was not sent, and stays.
        yield from map(_but_the_box, self.ask(str(said or ""), asker, audience))

    def retry(self, asker: Asker, audience: Audience) -> Iterator[Shown]:
        """The newest message once more, in place of its answer."""
        message = self._desk.take_back(asker.token)
        if message is not None:
            yield from map(_but_the_box, self.ask(message, asker, audience))

    def write_down(self, form: str, asker: Asker) -> str:
        """The page for the doctor, handed to the browser to save or to print."""
        at = "#now .paper .hint"
        try:
            name, kind, data = self._desk.paper(asker.token, form)
        except Exception as fault:
            log.error("A page failed: %s", type(fault).__name__)
            return json.dumps({"hint": say(asker.language, "paper_failed"), "at": at})
        if form == "print":
            return json.dumps({"print": data.decode(), "hint": say(asker.language, "patient_paper_printing"), "at": at})
        sent = {"name": name, "type": kind, "data": base64.b64encode(data).decode()}
        return json.dumps(sent | {"hint": say(asker.language, "paper_saved"), "at": at})

    def begin_anew(self, asker: Asker) -> Shown:
        """An empty chat; what is needed for an answer was agreed to on this page."""
        try:
            held = self._desk.begin_anew(asker.token, asker.who)
        except Exception as fault:
            return self._failed(asker, fault)
        asker = replace(asker, token=held.token if held is not None else "")
        return {
            "token": asker.token,
            "consent": self._acts.consent(asker),
            "mode": self._acts.mode(asker),
            "data": "",
        } | _EMPTY

    def act(self, given: object, asker: Asker) -> Shown:
        """What was pressed around the chat."""
        pressed = read_json(given)
        return self._drawn(self._acts.do(asker, pressed), asker)

    def moved(self, asker: Asker) -> Shown:
        """Another place was set: an emergency shows its number."""
        turn = self._desk.moved(asker.token, asker.country) if asker.token else None
        return {} if turn is None else {"now": view.turn_html(turn)}

    def _ask(self, message: str, asker: Asker, audience: Audience) -> Iterator[Shown]:
        held, before = self._conversation(asker)
        if held is None:
            yield {"token": "", "consent": self._acts.consent(asker, told=before, ask=True), "busy": False}
            return
        earlier, began = held.turns, False
        asker = replace(asker, token=held.token)
        turns = self._desk.answer(
            held,
            message,
            language=asker.language,
            country=asker.country,
            audience=audience,
            who=asker.who,
            before=before,
        )
        for turn in turns:
            shown: Shown = {"now": view.turn_html(turn)}
            if not began and not turn.over:
                shown |= {
                    "past": view.turns_html(earlier),
                    "box": "",
                    "token": held.token,
                    "examples": False,
                    "busy": True,
                }
                began = True
            if began and turn.over:
                shown |= {"busy": False, "mode": self._acts.mode(asker)}
            yield shown

    def _conversation(self, asker: Asker) -> tuple[Conversation | None, str]:
        """The page's conversation, and what to tell it first; None where something has to be agreed to before."""
        held, told = self._desk.open.find(asker.token), ""
        if held is None:
            told = say(asker.language, "app_forgotten") if asker.token else ""
        elif held.account != asker.who.account:
            self._desk.open.forget(asker.token)
            held, told = None, say(asker.language, "patient_signed_out")
        if self._acts.agreed(asker):
            if held is None:
                return self._desk.begin(session=asker.session, who=asker.who), told
            held.session = asker.session
            return held, told
        if held is not None:
            return None, say(asker.language, "patient_consent_again")
        call = emergency_line(asker.country or self._settings.country, asker.language)
        return None, told or say(asker.language, "patient_consent_first", call=call)

    def _drawn(self, outcome: Outcome, asker: Asker) -> Shown:
        parts = {"token": outcome.token, "consent": outcome.consent, "data": outcome.data, "mode": outcome.mode}
        shown: Shown = {name: value for name, value in parts.items() if value is not None}
        if outcome.wiped:
            shown |= _EMPTY
        held = self._desk.open.find(asker.token)
        if outcome.rated and held is not None and held.turns:
            shown |= {"past": view.turns_html(held.turns[:-1]), "now": view.turn_html(held.turns[-1])}
        if outcome.file or outcome.focus:
            shown["sheet"] = json.dumps((outcome.file or {}) | {"focus": outcome.focus})
        return shown

    def _failed(self, asker: Asker, fault: BaseException) -> Shown:
        bare = view.Turn(0, "", asker.language)
        return {"now": view.turn_html(failed(bare, fault, country=asker.country or self._settings.country))}


_EMPTY: Shown = {"past": "", "now": "", "box": "", "examples": True, "busy": False}


def read_json(given: object) -> dict[str, Any]:
    """What a page sent; nothing where it is no such JSON."""
    try:
        found = json.loads(str(given or ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_fields(given: object) -> dict[str, str]:
    """What was typed into the rows, by the row's id."""
    return {name: value for name, value in read_json(given).items() if isinstance(value, str)}


def _but_the_box(shown: Shown) -> Shown:
    return {name: value for name, value in shown.items() if name != "box"}
