"""The words of an answer that is held: what is shown of it while it waits, and what once it is released. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from agent import compose
from agent.messages import say
from agent.records.types import Held, HeldStatus
from agent.types import LEVELS, Answer, ConversationState, Language, Level

_KEY = re.compile(r"\[(\d{1,3})\]")
_ALARM: tuple[Level, ...] = ("emergency", "urgent")


def meanwhile(answer: Answer, held: Held, *, country: str) -> Answer:
    """What a person gets at once: urgency, cautions, signs for getting help, what was asked back, and that the answer waits.

    The banner stands as it is. Of the text nothing is new but the words about the wait; claims and citations are those of the
    signs that stay.
    """
    parts = [*_cautions(answer), waiting_words(held, answer.language, country=country), *_kept(answer)]
    text = "\n\n".join(parts)
    keys = set(_KEY.findall(text))
    return replace(
        answer, text=text, not_found="", citations=tuple(each for each in answer.citations if each.key in keys),
        claims=tuple(each for each in answer.claims if each.supported and each.key in keys and each.text[:-1] in text),
    )  # fmt: skip


def waiting_words(held: Held, language: Language, *, country: str) -> str:
    """That the answer waits: for whom, since when, how many before it, until when, and what holds in the meantime."""
    before = say(language, f"review_held_before_{'none' if not held.before else 'some'}", count=held.before)
    call = compose.call(language=language, country=country)
    return say(
        language, "review_held_waiting", since=clock(held.since), until=clock(held.until), before=before, call=call
    )


def waiting_line(held: Held, language: Language, *, now: str) -> str:
    """One line on the wait as it is now."""
    minutes = int((datetime.fromisoformat(now) - datetime.fromisoformat(held.since)).total_seconds() // 60)
    before = say(language, f"review_held_before_{'none' if not held.before else 'some'}", count=held.before)
    return say(language, "review_held_line", minutes=max(0, minutes), before=before, until=clock(held.until))


def released(
    answer: Answer, status: HeldStatus, *, country: str, corrected: str = "", raised: Level | None = None
) -> Answer:
    """The answer as its person gets it: with who looked at it, or that nobody did, in its first line.

    `corrected` is the clinician's text in place of ours; the signs for getting help stay where it leaves them out. `raised`: the
    level is this higher one from now on, and stands in the banner.
    """
    language = answer.language
    net = [] if say(language, "safety_heading") in corrected else _signs(answer)
    body = "\n\n".join((corrected, *net)) if corrected else answer.text
    text = f"{say(language, f'review_held_{status}')}\n\n{body}"
    if raised is not None:
        answer = _raised(answer, raised, country=country)
        if raised == "emergency":
            text = "\n\n".join((compose.emergency_text(language=language, country=country), text))
    if not corrected:
        return replace(answer, text=text)
    keys = set(_KEY.findall(text))
    return replace(
        answer, text=text, not_found="", model="", citations=tuple(each for each in answer.citations if each.key in keys),
        claims=tuple(each for each in answer.claims if each.supported and each.key in keys and each.text[:-1] in text),
    )  # fmt: skip


def higher(level: str) -> tuple[Level, ...]:
    """The levels that a clinician may raise one to, lowest first."""
    place = LEVELS.index(level) if level in LEVELS else -1
    return tuple(each for each in LEVELS[place + 1 :] if each != "self_care")


def taken_up(state: ConversationState, before: Answer, after: Answer) -> ConversationState:
    """The conversation with a held answer's words in place of what stood there while it waited; a raised level holds on."""
    old, new = shown(before), shown(after)
    messages = tuple(
        replace(each, text=new) if each.role == "assistant" and each.text == old else each for each in state.messages
    )
    triage = state.triage
    if triage is not None and after.level in _ALARM and after.level != before.level:
        place = LEVELS.index(triage.level) if triage.level in LEVELS else -1
        if LEVELS.index(after.level) > place:
            triage = replace(after.triage, findings=triage.findings, facts=triage.facts)
    return replace(state, messages=messages, triage=triage)


def shown(answer: Answer) -> str:
    """An answer's words as they stand in its conversation."""
    return "\n\n".join(part for part in (answer.banner, answer.text) if part)


def clock(moment: str) -> str:
    """A time of day as it is told; UTC, since nobody's zone is known."""
    return f"{datetime.fromisoformat(moment):%H:%M} UTC"


def _raised(answer: Answer, level: Level, *, country: str) -> Answer:
    triage = replace(
        answer.triage, level=level, floor=level, reason=say(answer.language, "review_raised_reason"), question="",
        hours=24 if level == "urgent" else None, where="ambulance" if level == "emergency" else "", has_symptom=True,
    )  # fmt: skip
    banner = compose.urgency_block(triage, language=answer.language, country=country)
    kind = "emergency" if level == "emergency" else answer.kind
    return replace(answer, kind=kind, level=level, triage=triage, banner=banner)


def _cautions(answer: Answer) -> list[str]:
    """What stands before the first cited sentence, where a rule of policy put a caution or a correction there: it may not wait."""
    own = {rule.id for rule in answer.triage.rules}
    if all(rule in own for rule in answer.rules) or not answer.claims:
        return []
    found: list[str] = []
    for part in answer.text.split("\n\n"):
        if _KEY.search(part) or part in _leads(answer.language):
            break
        found.append(part)
    return found


def _signs(answer: Answer) -> list[str]:
    heading, above = (say(answer.language, name) for name in ("safety_heading", "safety_above"))
    return [part for part in answer.text.split("\n\n") if part.startswith(f"**{heading}**") or part == above]


def _kept(answer: Answer) -> list[str]:
    """The signs for getting help, the questions put beside the answer, and what was not looked at: what could change the level."""
    parts = answer.text.split("\n\n")
    ask, unseen = say(answer.language, "also_ask"), compose.not_looked_at(answer.triage, language=answer.language)
    asked = [each for place, part in enumerate(parts) if part == ask for each in parts[place : place + 2]]
    return [*_signs(answer), *asked, *(part for part in parts if unseen and part == unseen)]


def _leads(language: Language) -> frozenset[str]:
    return frozenset(say(language, name) for name in ("quoted_only", "model_failed", "more_from_sources"))
