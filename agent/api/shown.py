"""An answer as it leaves the API: the words a person sees, in the order they come, and our own fields beside them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.messages import say
from agent.privacy import vouch
from agent.session import as_row
from agent.types import Answer, ConversationState, Event, Question, Sentence, Urgency
from knowledge.places import duties

if TYPE_CHECKING:
    from agent.api.turns import Finished


def content(answer: Answer) -> str:
    """What a person reads: urgency, answer, the sources behind the keys, and that a program wrote it."""
    return _joined(answer.banner, answer.text, tail(answer))


def tail(answer: Answer) -> str:
    """What stands below every answer: the source list, and the label."""
    lines = [
        f"[{cited.key}] {cited.title}. {cited.source}, {cited.published}. {cited.url}\n    “{cited.quote}”"
        for cited in answer.citations
    ]
    heading = [f"**{say(answer.language, 'sources_heading')}**", *lines] if lines else []
    return _joined("\n".join(heading), duties.label(answer.language))


class Flow:
    """The content of a turn as its events come; all pieces together are `content` of the answer."""

    def __init__(self) -> None:
        self._said = ""
        self._began = False

    def piece(self, event: Event) -> str:
        """What an event adds, "" for none."""
        match event:
            case Urgency(_, banner):
                return self._say(banner)
            case Question(text) | Sentence(text):
                gap = "\n\n" if self._said and not self._began and text else ""
                self._began = self._began or bool(text)
                return self._say(gap + text)
        return ""

    def rest(self, answer: Answer) -> str:
        """What is left to say once the turn is over. Where the answer became another one, it follows what was said."""
        whole = _joined(answer.banner, answer.text)
        if whole.startswith(self._said):
            return _joined(whole, tail(answer))[len(self._said) :]
        return _joined("", answer.text, tail(answer), start="\n\n")

    def _say(self, text: str) -> str:
        self._said += text
        return text


def know_again(answer: Answer, state: ConversationState) -> None:
    """Know an answer again where a client sends it back as what was said, with or without its sources.

    Not where something of it had to be redacted before it was kept: what a calculator worked out names the person's own days.
    """
    said = _joined(answer.banner, answer.text)
    if state.messages and state.messages[-1].text == said:
        vouch(said)
        vouch(content(answer))


def fields(finished: Finished) -> dict[str, Any]:
    """Our own fields: the contract of `anamnesis ask` without the answer, and what the API adds."""
    answer, row = finished.answer, as_row(finished.answer)
    del row["answer"]
    return row | {
        "citations": cited(answer),
        "not_found": answer.not_found,
        "facts": asdict(answer.triage.facts),
        "conversation": finished.state.id,
        "kept": finished.keeping.history,
        "turn": finished.keeping.number,
        "not_kept_because": "" if finished.keeping.history else finished.keeping.rule,
        "usage_known": finished.usage.known,
        "label": duties.label(answer.language),
        "ai_generated": True,
        "held": asdict(finished.held) if finished.held is not None else None,
    }


def cited(answer: Answer) -> list[dict[str, Any]]:
    """The citations, each with the name under which its passage opens."""
    passages = {each.key: each.passage for each in answer.citations}
    return [{**each, "passage": passages[each["key"]]} for each in as_row(answer)["citations"]]


def _joined(*parts: str, start: str = "") -> str:
    return start + "\n\n".join(part for part in parts if part)
