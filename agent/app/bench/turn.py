"""One turn as it is served, with every stage as it happened: what was taken out, found, decided, searched, written, cut, recorded.

The turn goes the way of every turn of the API (`agent.api.turns`), on the serving agent or on the same without its model; its
stages are watched (`agent.app.bench.watch`). It is a turn of which nothing is kept: the audit record is an outline without words.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent import generate as generation
from agent import (
    history,
    intake,
    language,
    learned,
    policy,
    query,
    readings,
    refine,
    relevance,
    safetynet,
    triage,
    verify,
)
from agent.accounts.types import Who
from agent.api.metrics import Metrics
from agent.api.tracing import Traces
from agent.api.turns import Asked, Finished, Turns
from agent.app.bench.watch import Seen, Watched, watching
from agent.app.staff.types import House
from agent.audit import AuditLog
from agent.privacy import Redactor
from agent.records.keeping import OutlineLog
from agent.types import Audience, Cancel, ChatModel, ChatRequest, Piece
from evals.subjects.turns import Overheard
from knowledge.errors import InputError
from retrieval import search as searching

MOST_EARLIER = 20
_WATCHED = (
    # The messages before this one are weighed first: what was seen of them is not of this turn.
    Watched("earlier", history.replayed, begins=True),
    Watched("redact", Redactor.redact),
    Watched("language", language.detect),
    Watched("triage", triage.triage),
    Watched("refine", refine.refine),
    Watched("read", learned.Learned.read, keep=("self", "text", "vector")),
    Watched("nearest", learned.Learned.nearest, keep=("label",)),
    Watched("shares", readings.shares),
    Watched("decide", policy.decide),
    Watched("corrected", policy.corrected),
    # Called once for each question that may be asked of this person: what they would be told is tried on the rules.
    Watched("considered", intake._tries, keep=("rule",)),
    Watched("asked", intake.questions_for),
    Watched("standalone", query.standalone),
    Watched("about", query.about),
    Watched("search", searching.search, keep=("query", "filters", "k", "per_document")),
    Watched("relevance", relevance.relevance, keep=("hit",)),
    Watched("bearing", relevance.bearing, keep=("hits", "least")),
    Watched("answering", safetynet.answering, keep=("hits",)),
    Watched("fit", generation.fit),
    Watched("check", verify.check, keep=("claim",)),
    Watched("append", OutlineLog.append, keep=("kind", "payload")),
    Watched("written", AuditLog.append, keep=("kind",)),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is tried: the message, what was said before it (role, text), who asks and where, whether the serving model writes."""

    message: str
    earlier: tuple[tuple[str, str], ...] = ()
    audience: Audience = "patient"
    country: str = ""
    model: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A turn that was watched: what was seen of it, how it ended, and what the model was sent and wrote, where one was asked."""

    seen: Seen
    finished: Finished
    engine: str
    sent: tuple[tuple[dict[str, str], ...], ...] = ()
    rendered: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()


class _Overheard(Overheard):
    """The same, with the messages apart and the prompt as the model's own template writes it."""

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model)
        self.sent: list[tuple[dict[str, str], ...]] = []
        self.rendered: list[str] = []

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """As the model does, overheard."""
        self.sent.append(request.messages)
        self.rendered.append(self.render(request.messages))
        yield from super().stream(request, cancel=cancel)


def run(house: House, question: Question, who: Who, *, metrics: Metrics) -> Told:
    """The turn, watched. `metrics` are the page's own: what is tried here is no turn of a patient's.

    Raises:
        InputError: nothing was asked, too much was said before, or the model that should write is not there.
        EngineBusy, StoreError: as any turn.
    """
    if not question.message.strip():
        raise InputError("There is no message", remedy="Write one")
    if len(question.earlier) > MOST_EARLIER:
        raise InputError(f"{len(question.earlier)} earlier messages are too many", expected=f"at most {MOST_EARLIER}")
    agent = house.agent()
    if question.model and agent.model is None:
        raise InputError("This server has no model", remedy="Try it without one, or serve with an engine")
    overheard = _Overheard(agent.model) if question.model and agent.model is not None else None
    watched = replace(agent, model=overheard)
    turns = Turns(lambda: watched, house.db, metrics, Traces())
    asked = Asked(
        message=question.message, earlier=question.earlier, audience=question.audience, country=question.country,
    )  # fmt: skip
    finished: Finished | None = None
    with watching(*_WATCHED) as seen:
        for event in turns.run(asked, who, threading.Event()):
            if isinstance(event, Finished):
                finished = event
    if finished is None:
        raise InputError("The turn ended without an answer", remedy="Report this with the question")
    engine = house.settings.engine if overheard is not None else "none"
    if overheard is None:
        return Told(seen, finished, engine)
    return Told(seen, finished, engine, tuple(overheard.sent), tuple(overheard.rendered), tuple(overheard.said))


def earlier_of(text: str) -> tuple[tuple[str, str], ...]:
    """Messages from lines, oldest first: what begins with "A:" was said by the assistant, all else by the person."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        mark, colon, rest = line.replace("：", ":", 1).partition(":")
        ours = bool(colon) and mark.strip().upper() == "A"
        found.append(("assistant", rest.strip()) if ours else ("user", line))
    return tuple(found)
