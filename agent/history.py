"""What has been heard of the person whom a conversation is about now: whose words count, and what short replies meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from agent import intake, person, readings, replies, wishes
from agent.findings import find
from agent.language import detect
from agent.policy import crisis
from agent.privacy import Redactor
from agent.refine import refine
from agent.triage import Memory, triage, unanswered
from agent.types import ConversationState, Language, Message, SafeText, Triage
from retrieval.types import Embedder


@dataclass(frozen=True, slots=True)
class Replied:
    """`told`: all that was told in a history, without what only denies or does not know; `denied`: signs that we asked for were
    denied, and none was affirmed."""

    told: str
    denied: bool


class _Kept:
    """What was made of a conversation's messages: each is redacted and read for wishes once, as long as no new name is known."""

    def __init__(self) -> None:
        self.triage = Memory()
        self._told: dict[str, str] = {}
        self._safe: dict[str, tuple[tuple[int, int, int], SafeText]] = {}

    def told(self, text: str) -> str:
        """`wishes.without`."""
        if text not in self._told:
            self._told[text] = wishes.without(text)
        return self._told[text]

    def safe(self, texts: Sequence[str], redactor: Redactor) -> tuple[SafeText, ...]:
        """The texts redacted in turn; of what is remembered, only they are kept."""
        found = []
        for text in texts:
            known, safe = self._safe.get(text, (None, None))
            if safe is None or known != redactor.known:
                safe = redactor.redact(text)
                self._safe[text] = redactor.known, safe
            found.append(safe)
        self._safe = {text: self._safe[text] for text in texts}
        return tuple(found)

    def forget(self, messages: Sequence[Message]) -> None:
        """Keep only what stands in these messages."""
        self._told = {each.text: self._told[each.text] for each in messages if each.text in self._told}


# A conversation's redactor is never stored and goes when the conversation does; so does what is remembered beside it.
_KEPT: WeakKeyDictionary[Redactor, _Kept] = WeakKeyDictionary()


def memory(redactor: Redactor) -> Memory:
    """What triage remembers of the conversation that this redactor belongs to."""
    return _kept(redactor).triage


def _kept(redactor: Redactor | None) -> _Kept:
    if redactor is None:
        return _Kept()
    return _KEPT.setdefault(redactor, _Kept())


def continued(state: ConversationState, message: SafeText, language: Language) -> ConversationState:
    """The state with whom it is about; where the message turns to somebody else, with a new history that begins here."""
    if not message.text:
        return state
    if meant := person.meant(message.text):
        return replace(state, person=meant)
    findings = find(message, language)
    if not state.person:
        return replace(state, person=person.told_of(message.text, findings))
    turned = person.turned_to(message.text, state.person, findings)
    return begun(state, turned) if turned else state


def begun(state: ConversationState, who: str) -> ConversationState:
    """A new history within the conversation: nothing said before weighs on it, and anything may be asked again."""
    return replace(
        state, person=who, begins=len(state.messages), triage=None, asked=(), intake_turns=0, topic="", helped=()
    )


def heard(state: ConversationState, message: SafeText, language: Language, redactor: Redactor) -> tuple[SafeText, ...]:
    """What the person said in this history, oldest first, the last being `message`; short replies are written out.

    Wishes about the record are left out, also of `message` (`wishes.told`): where it tells nothing else, it is not there.
    """
    kept, earlier = _kept(redactor), state.messages[state.begins :]
    told = _spoken(state, message, kept)
    kept.forget(earlier)
    return kept.safe(replies.in_context(told, language), redactor)


def settled(previous: Triage | None, *, replying: bool) -> Triage | None:
    """How the turn before ended, as a floor for this one.

    A level that only the learned reader gave, on an opening that left things out, is read again with what was replied to
    our questions. What a rule gave stands, and so does an emergency, whoever saw it.
    """
    if not replying or previous is None or previous.level not in ("routine", "urgent"):
        return previous
    return replace(previous, level=previous.floor) if previous.floor != previous.level else previous


def replying(state: ConversationState, language: Language) -> bool:
    """Whether the message that comes replies to questions of ours."""
    return bool(state.messages[state.begins :]) and bool(_asked(state.messages[-1], language))


def replied(
    state: ConversationState, message: SafeText, language: Language, redactor: Redactor | None = None
) -> Replied:
    """What came of the questions of this history so far, `message` being the reply to the last."""
    told, denied, affirmed, before = [], False, False, ""
    for each in _spoken(state, message, _kept(redactor)):
        if each.role == "assistant":
            before = each.text
            continue
        asked = [rule for rule in intake.asked_in(before, language) if rule.yes[language]] if before else []
        meant = replies.written_out(each.text, before, language) if asked else each.text
        no = [rule.no[language] for rule in asked if rule.no[language] in meant]
        denied, affirmed = denied or bool(no), affirmed or any(rule.yes[language] in meant for rule in asked)
        own = "\n".join(line for line in meant.splitlines() if line not in no and not replies.empty(line))
        told += [own] if own else []
    return Replied("\n".join(told), denied and not affirmed)


def left_open(state: ConversationState, language: Language) -> tuple[str, ...]:
    """The questions of ours that the last answer ended with, in its order."""
    last = state.messages[-1] if state.messages[state.begins :] else Message("user", "")
    if last.role != "assistant":
        return ()
    own = (state.triage.question,) if state.triage is not None and state.triage.level == "unclear" else ()
    asked = (rule.text[language] for rule in intake.asked_in(last.text, language))
    return tuple(dict.fromkeys(question for question in (*own, *asked) if question and question in last.text))


def _spoken(state: ConversationState, message: SafeText, kept: _Kept) -> tuple[Message, ...]:
    """The messages of this history with `message`, without wishes about the record."""
    now = (Message("user", message.text),) if message.text else ()
    return (*wishes.spoken(state.messages[state.begins :], read=kept.told), *now)


def _asked(message: Message, language: Language) -> bool:
    return message.role == "assistant" and (message.kind == "clarify" or bool(intake.ids_in(message.text, language)))


def weighed(
    state: ConversationState, message: SafeText, language: Language, embedder: Embedder, *, said: Sequence[SafeText],
    redactor: Redactor | None = None,
) -> tuple[Triage, Replied]:  # fmt: skip
    """The urgency after a message: rules over everything `said` of this person, then what the learned reader adds.

    `redactor` is the conversation's own: with it goes what is remembered of the messages before, so that
    only the last is read. A message that told nothing (only a wish about the record) leaves it as it was, with its open question.
    """
    if not message.text:
        return state.triage or triage((message,), language), Replied("", denied=False)
    answers = replying(state, language)
    came = replied(state, message, language, redactor) if answers else Replied("", denied=False)
    ruled = triage(said, language, previous=settled(state.triage, replying=answers), memory=_kept(redactor).triage)
    found = refine(ruled, said, language, embedder, previous=state.triage, told=came.told, denied=came.denied)
    if found.level == "unclear" and state.intake_turns >= intake.MOST_TURNS:
        found = unanswered(found, language)
    return found, came


def replayed(
    state: ConversationState, messages: Sequence[tuple[str, str]], redactor: Redactor, embedder: Embedder
) -> ConversationState:
    """The state after messages (role, raw text) that were said elsewhere, as turn by turn would have left it."""
    for role, content in messages:
        safe = redactor.redact(content)
        if role == "assistant":
            asked = intake.ids_in(safe.text, state.language or "en")
            state = replace(
                state,
                messages=(*state.messages, Message("assistant", safe.text, kind="clarify" if asked else "")),
                asked=(*state.asked, *asked),
                intake_turns=state.intake_turns + bool(asked),
            )
            continue
        language = detect(safe.text, state.language)
        told = wishes.told(safe)
        state = continued(state, told, language)
        said = heard(state, told, language, redactor)
        found, _ = weighed(state, told, language, embedder, said=said, redactor=redactor)
        # As the turn decides it: what was told of danger to a person decides later what is kept.
        fired = crisis(safe, said[:-1] if told.text else said, language, found, audience=state.audience,
                       shares=readings.shares(safe, embedder))  # fmt: skip
        told_now = Message("user", safe.text, crisis=fired)
        state = replace(state, messages=(*state.messages, told_now), triage=found, language=language)
    return state
