"""What of a turn is shown as it comes, where its answer may wait for a clinician: the urgency at once, the rest once decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from agent import compose
from agent.accounts.types import Who
from agent.build import Agent
from agent.database import Database
from agent.privacy import Redactor
from agent.records.holding import Terms, forget, hold, holds, may_hold, terms_of
from agent.records.interim import taken_up
from agent.records.keeping import decide
from agent.records.types import Held, Keeping
from agent.types import Answer, Cited, ConversationState, Done, Event, Sentence, Status, Urgency

_FIRST_AID = re.compile(r"\bfirst aid\b|急救|第一时间", re.I)
_CALM = ("routine", "self_care", "unclear")


class Gate:
    """Stands between one turn and whoever reads it. Where nothing may be held, all goes through as it comes."""

    def __init__(self, db: Database, who: Who, agent: Agent, conversation: str) -> None:
        self._db, self._who, self._agent = db, who, agent
        self._terms: Terms = terms_of(db, who, conversation, on=agent.settings.hold)
        self._shut = may_hold(self._terms)
        self._behind: list[Event] = []

    def through(self, event: Event) -> Iterator[Event]:
        """What may be shown of an event now: the urgency and what is being done always, an answer that cannot be held too."""
        if isinstance(event, Urgency):
            self._shut = self._shut and event.triage.level in _CALM and event.triage.has_symptom
        if not self._shut or isinstance(event, Status | Urgency):
            yield event
        else:
            self._behind.append(event)

    def decided(
        self, done: Done, answer: Answer, redactor: Redactor, message: str, keeping: Keeping
    ) -> tuple[Done, Held | None]:
        """The end of the turn as its person gets it, once it was kept; and how the answer waits, None where it does not.

        `answer` is as it may be kept.

        Raises:
            StoreError: it should wait, and could not be put aside.
        """
        state = done.state
        # What was said decides, not the mode: a crisis and abuse are written down nowhere, also not for a clinician.
        said = keeping if keeping.history else decide("anonymous", state, answer)
        if not said.history:
            if self._terms.on:
                forget(self._db, self._who, state.id)
            return done, None
        if not holds(self._terms, answer, said, first_aid=self._is_first_aid(answer)):
            return done, None
        turn = keeping.number or sum(message.role == "user" for message in state.messages)
        country = compose.place_of(state, self._agent.settings.country)
        held, shown = hold(
            self._db, self._who, state.id, turn, redactor.redact(message), answer, kept=keeping.history, country=country,
            earlier=state.messages[:-2], minutes=self._agent.settings.hold_minutes,
        )  # fmt: skip
        return Done(shown, taken_up(state, answer, shown)), held

    def rest(self, answer: Answer, held: Held | None) -> Iterator[Event]:
        """What was kept back: as it came, or what stands in its place while the answer waits."""
        if held is None:
            yield from self._behind
        else:
            yield from (Cited(citation) for citation in answer.citations)
            yield Sentence(answer.text)
        self._behind = []

    def _is_first_aid(self, answer: Answer) -> bool:
        """Whether an answer rests on a page of first aid, or a part of one that says so."""
        if not may_hold(self._terms):
            return False
        return any(
            _FIRST_AID.search(cited.title) or any(page.kind == "first-aid" for page in self._agent.index.of(cited.document)[:1])
            for cited in answer.citations
        )  # fmt: skip


def without_banner(answer: Answer, state: ConversationState) -> Answer:
    """The answer as it may be kept: what a calculator worked out is kept without the person's own dates, as the state has it."""
    shown = state.messages[-1].text
    if shown == "\n\n".join(part for part in (answer.banner, answer.text) if part):
        return answer
    return replace(answer, text=shown.removeprefix(answer.banner).strip())
