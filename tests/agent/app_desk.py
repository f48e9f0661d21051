"""A desk of the patient's page on a real database, with scripted turns in place of the agent's stages."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from agent.accounts.types import VISITOR
from agent.api import turns as turns_module
from agent.api.metrics import Metrics
from agent.api.tracing import Traces
from agent.api.turns import Turns
from agent.app.desk import Desk
from agent.app.patient.consent import Form, agree
from agent.audit import AuditLog
from agent.build import Agent
from agent.config import Settings
from agent.database import open_ground
from agent.types import Answer, Done, Message, Triage

EMERGENCY = Triage("emergency", where="ambulance", has_symptom=True)
HOME = Triage("self_care", has_symptom=True)


class Model:
    concurrency, name, weights, adapter, context = 1, "Tiny", "w", "", 1000


@contextmanager
def desks(folder, **given):
    """Makes desks on one real database in a folder."""
    settings = Settings(home=folder, **given)
    db = open_ground(settings)
    agent = Agent(settings, "abc", None, None, AuditLog(db.engine, db.vault), Model())

    def make(**given) -> Desk:
        desk = Desk(lambda: agent, **given)
        desk.move_in(db, Turns(lambda: agent, db, Metrics(), Traces()))
        return desk

    yield make
    db.engine.dispose()


def scripted(monkeypatch, script):
    """A turn that follows `script(state, message, redactor, cancel)` in place of the real stages, and is recorded as they do."""

    def run(agent, state, message, *, redactor, intake=None, cancel=None):
        for event in script(state, message, redactor, cancel):
            if isinstance(event, Done):
                said = {"message": redactor.redact(message).text, "kind": event.answer.kind, "level": event.answer.level,
                        "rules": list(event.answer.rules)}  # fmt: skip
                agent.audit.append("answer", said, conversation=state.id)
            yield event

    monkeypatch.setattr(turns_module, "run_turn", run)


def done(state, message, redactor, text="fine", **changes):
    safe = redactor.redact(message)
    told = (*state.messages, Message("user", safe.text), Message("assistant", text))
    fields = {"kind": "answer", "level": "self_care", "text": text, "language": "en", "triage": HOME}
    return Done(Answer(**(fields | changes)), replace(state, messages=told, triage=HOME))


def ask(desk, held, message, **about):
    return list(desk.answer(held, message, **({"language": "en", "country": "", "audience": "patient"} | about)))


def begun(desk, *kinds, session="", country=""):
    """A visitor's conversation in which what is needed was agreed to, and `kinds`."""
    held = desk.begin(session=session)
    agree(desk.db, VISITOR, held, Form(frozenset({"health", *kinds})), country)
    return held
