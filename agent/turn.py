"""One turn, from a person's words to a triaged, cited, audited answer. The order of stages and the early exits live here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from time import perf_counter
from typing import Any

from agent import asking, compose, form, history, readings, respond, wishes
from agent.beliefs import rests_on
from agent.build import Agent
from agent.intake import asks_something, questions_for, skips
from agent.language import detect
from agent.messages import say
from agent.policy import corrected, decide
from agent.privacy import Redactor, redact_once
from agent.prompts import prompts_hash
from agent.query import about, fragment, standalone
from agent.relevance import bearing
from agent.safetynet import answering
from agent.triage import triage as triage_of
from agent.types import (
    LEVELS,
    Answer,
    Cancel,
    ConversationState,
    Done,
    Event,
    Kind,
    Language,
    Message,
    Policy,
    Question,
    SafeText,
    Sentence,
    Status,
    Triage,
    Urgency,
)
from knowledge import places
from knowledge.errors import StoreError
from retrieval.search import search
from retrieval.spelling import put_right
from retrieval.types import Filters, Hit

# Ways of answering for which a model was asked; the others never reach one.
_ASKED_A_MODEL = ("model", "extractive")


def run_turn(
    agent: Agent,
    state: ConversationState,
    message: str,
    *,
    redactor: Redactor,
    intake: bool | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Answer one message, as events; the last is `Done` with the answer and the conversation's next state.

    `redactor` is the conversation's own: the same identifier keeps its placeholder. Raises nothing a person caused:
    bad input and failing parts become an answer that says so. Emergencies and crises are answered before any model.
    """
    settings = agent.settings
    clock = _Clock()

    # 1. Privacy: nothing below this line sees raw text.
    with clock("privacy"):
        safe = redactor.redact(message)
        language = detect(safe.text, state.language)
        # "Delete my data" is no complaint: what it tells without that is weighed and answered, all of it is recorded.
        told = wishes.told(safe)
        about_before, state = state.person, history.continued(state, told, language)
        said = history.heard(state, told, language, redactor)
    # The place is what the person set or says, never what their language suggests.
    state = replace(state, country=places.named(safe.text) or state.country)
    country = compose.place_of(state, settings.country)
    if unusable := _unusable(message, safe, language):
        triage = state.triage or Triage(level="unclear")
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=unusable, audited=False)
        return
    yield Status(say(language, "status_urgency"))

    # 2. Triage: rules over everything said of this person, then what a learned reader adds.
    with clock("triage"):
        triage, replied = history.weighed(state, told, language, agent.embedder, said=said, redactor=redactor)

    # 3. Policy: may we answer, and how.
    with clock("policy"):
        shares = readings.shares(safe, agent.embedder)
        earlier = said[:-1] if told.text else said
        policy = decide(safe, earlier, language, triage, country=country, audience=state.audience, shares=shares)
        policy = corrected(policy, rests_on(told.text, language, agent.embedder), language)
        if not told.text and policy.kind == "out_of_scope":
            still = compose.also_ask(history.left_open(state, language), language=language)
            policy = replace(policy, text="\n\n".join(filter(None, (policy.text, still))))
    triage = _raised(triage, policy)
    if triage.level == "emergency" or policy.kind is not None:
        yield from _without_model(agent, state, safe, clock, language, triage, policy, country=country)
        return
    yield Urgency(triage, compose.urgency_block(triage, language=language, country=country))

    # 4. Intake: what would change the level or the answer.
    with clock("intake"):
        may_ask = (settings.intake if intake is None else intake) and not skips(told.text, language)
        judge = partial(triage_of, language=language, memory=history.memory(redactor))
        asked = questions_for(triage, state, said, language, judge=judge) if may_ask else ()
        # A reply is answered with all that was told; a new question is answered for itself.
        matter = told.text if asks_something(told.text, language) else replied.told or told.text
        # Who asks something is answered, and asked beside the answer; who only tells what is wrong is asked first.
        beside = triage.level != "unclear" and (state.audience == "clinician" or asks_something(matter, language))
    turned = say(language, "new_person") if state.person != about_before and state.begins else ""
    if asked and not beside:
        text = compose.clarify_text(tuple(ask.text for ask in asked), language=language)
        text = "\n\n".join(filter(None, (policy.aside, turned, text)))
        yield Question(text)
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=text, policy=policy,
                          asked=tuple(ask.id for ask in asked))  # fmt: skip
        return

    # 5. Retrieval: passages that bear on the question that was meant.
    with clock("retrieval"):
        before = tuple(each.text for each in said[:-1])
        query = about(
            standalone(
                matter,
                () if matter != told.text else before,
                topic=state.topic,
                language=language,
                most=settings.max_message,
            ),
            triage.facts,
            language,
        )
        filters = Filters(language=language, audience=state.audience, prefer=places.mentioned(safe.text) or country)
        fired = tuple(rule.id for rule in triage.rules)
        hits: tuple[Hit, ...] = ()
        # A clinician reads guidelines first, and the pages for patients where no guideline speaks to it.
        for audience in (state.audience, "") if state.audience == "clinician" else (state.audience,):
            found = search(
                agent.index, query, embedder=agent.embedder, filters=replace(filters, audience=audience),
                k=settings.passages, per_document=2,
            )  # fmt: skip
            query = put_right(query, found.read_as)
            near = bearing(query, found.hits, least=settings.min_relevance, rules=fired)
            hits = answering(query, near, language)
            if hits:
                break
    yield Status(say(language, "status_searching", count=found.searched))
    record = _opening(agent, safe, triage, policy, query=query, passages=[hit.passage.id for hit in hits])
    try:
        agent.audit.append("question", record, conversation=state.id)
    except StoreError:
        # Chosen: what cannot be recorded is not said; the urgency above stands (design.md, traps).
        text = say(language, "audit_failed", call=compose.call(language=language, country=country))
        yield from _close(agent, state, safe, clock, language, triage, kind="not_found", text=text, audited=False)
        return
    if not hits and may_ask and not before and fragment(told.text, language):
        text = "\n\n".join(filter(None, (policy.aside, say(language, "ask_about_what"))))
        yield Question(text)
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=text, policy=policy,
                          asked=("about-what",))  # fmt: skip
        return

    # 6 and 7. Generation and verification: only sentences that a quoted span supports are shown.
    yield Status(say(language, "status_writing"))
    caution = "\n\n".join(filter(None, (policy.aside, policy.caution)))
    request = form.Request(
        question=query, words=put_right(matter, found.read_as), hits=hits, searched=found.searched, read_as=found.read_as,
        triage=triage, language=language, audience=state.audience, caution=caution, before=turned,
        asks=tuple(ask.text for ask in asked), helped=state.helped, earlier=before, long=len(safe.text) > settings.max_message,
        doubted=readings.doubted(shares), place=filters.prefer, may_ask=may_ask and asking.left(state, language),
    )  # fmt: skip
    spoken = respond.Spoken()
    formed = yield from form.speak(spoken, request, agent, cancel=cancel)
    clock.add(spoken.timings)
    if spoken.first_sentence is not None:
        clock.times["first_sentence"] = spoken.first_sentence - clock.began

    # 8. Audit, and the answer.
    yield from _close(agent, state, safe, clock, language, triage, kind=formed.kind, text=spoken.text, policy=policy,
                      asked=tuple(ask.id for ask in asked), not_found=formed.missing, spoken=spoken,
                      topic=hits[0].passage.title if hits else "", helped=formed.helped)  # fmt: skip


def _without_model(
    agent: Agent, state: ConversationState, safe: SafeText, clock: _Clock, language: Language, triage: Triage,
    policy: Policy, *, country: str,
) -> Iterator[Event]:  # fmt: skip
    """Emergencies, crises, refusals and questions out of scope: reviewed text, at once."""
    block = compose.urgency_block(triage, language=language, country=country)
    kind: Kind = policy.kind or "emergency"
    spoken = respond.Spoken()
    if kind == "crisis":
        head = f"**{say(language, 'banner_crisis')}**"
        block = f"{head}\n\n{block}"
        text = compose.crisis_text(policy, language=language, country=country)
    elif triage.level == "emergency":
        kind = "emergency"
        # What is believed can do harm now ("make him vomit"), so the correction comes here too.
        text = "\n\n".join(filter(None, (policy.caution, compose.emergency_text(language=language, country=country))))
        if state.audience == "clinician" and (calculated := form.calculated_for(safe.text, language)):
            text = "\n\n".join((*calculated, text))
            spoken.route = "calculator"
    else:
        text = "\n\n".join(filter(None, (policy.text, policy.caution)))
    # Whom to call stands before what is kept.
    text = "\n\n".join(filter(None, (text, policy.aside)))
    yield Urgency(triage, block)
    yield Sentence(text)
    yield from _close(agent, state, safe, clock, language, triage, kind=kind, text=text, policy=policy, banner=block,
                      spoken=spoken)  # fmt: skip


def _close(
    agent: Agent, state: ConversationState, safe: SafeText, clock: _Clock, language: Language, triage: Triage, *,
    kind: Kind, text: str, policy: Policy | None = None, spoken: respond.Spoken | None = None, asked: tuple[str, ...] = (),
    not_found: str = "", banner: str | None = None, topic: str = "", helped: str = "", audited: bool = True,
) -> Iterator[Event]:  # fmt: skip
    """Write the audit record, and end the turn. A failed write never takes back emergency guidance."""
    country = compose.place_of(state, agent.settings.country)
    block = compose.urgency_block(triage, language=language, country=country) if banner is None else banner
    spoken = spoken or respond.Spoken()
    rules = tuple(
        filter(None, (*(rule.id for rule in triage.rules), policy.rule if policy and policy.rule != "none" else ""))
    )
    model = agent.model
    answer = Answer(
        kind=kind,
        level=triage.level,
        text=text,
        language=language,
        triage=triage,
        citations=tuple(spoken.citations),
        claims=tuple(spoken.claims),
        not_found=not_found,
        banner=block,
        model=model.name if model and spoken.route in _ASKED_A_MODEL else "",
        settings=agent.settings_hash,
        timings=clock.times,
        rules=rules,
    )
    if audited:
        try:
            with clock("audit"):
                agent.audit.append("answer", _closing(agent, answer, safe, spoken), conversation=state.id)
        except StoreError:
            if kind not in ("emergency", "crisis"):
                call = compose.call(language=language, country=country)
                answer = replace(
                    answer, kind="not_found", text=say(language, "audit_failed", call=call), citations=(), claims=()
                )
    shown = "\n\n".join(part for part in (answer.banner, _kept(answer.text, spoken)) if part)
    crisis = None if policy is None else policy.rule if policy.kind == "crisis" else ""
    told = Message("user", safe.text, crisis=crisis)
    messages = (*state.messages, told, Message("assistant", shown, kind=answer.kind))
    following = replace(
        state,
        language=language,
        messages=messages,
        triage=triage,
        asked=(*state.asked, *asked),
        intake_turns=state.intake_turns + bool(asked),
        topic=topic or state.topic,
        helped=(*state.helped, helped) if helped else state.helped,
    )
    yield Done(answer=answer, state=following)


def _kept(text: str, spoken: respond.Spoken) -> str:
    """An answer as it is kept: what a calculator worked out holds the person's own dates, written out for them to read."""
    return redact_once(text, date.today()).text if spoken.route == "calculator" else text


def _unusable(message: str, safe: SafeText, language: Language) -> str:
    if not message.strip():
        return say(language, "empty")
    letters = sum(char.isalnum() for char in safe.text)
    if letters == 0:
        return say(language, "unreadable")
    return ""


def _raised(triage: Triage, policy: Policy) -> Triage:
    """A crisis is at least urgent; a policy may raise a level, never lower it."""
    if policy.kind != "crisis":
        return triage
    level = policy.level or "urgent"
    current = LEVELS.index(triage.level) if triage.level in LEVELS else -1
    if LEVELS.index(level) <= current:
        return triage
    return replace(triage, level=level, hours=24 if level == "urgent" else None, where="ambulance" if level == "emergency" else "",
                   question="", reason="", has_symptom=True)  # fmt: skip


def _opening(
    agent: Agent, safe: SafeText, triage: Triage, policy: Policy, *, query: str, passages: list[str]
) -> dict[str, Any]:
    return {
        "message": safe.text,
        "level": triage.level,
        "rules": [rule.id for rule in triage.rules],
        "policy": policy.rule,
        "query": query,
        "passages": passages,
        "settings": agent.settings_hash,
        "corpus": agent.index.corpus,
    }


def _closing(agent: Agent, answer: Answer, safe: SafeText, spoken: respond.Spoken) -> dict[str, Any]:
    model = agent.model
    return {
        "message": safe.text,
        "kind": answer.kind,
        "level": answer.level,
        "rules": list(answer.rules),
        "facts": asdict(answer.triage.facts),
        "text": _kept(answer.text, spoken),
        "claims": [asdict(claim) for claim in answer.claims],
        "citations": [{"key": citation.key, "passage": citation.passage} for citation in answer.citations],
        "route": spoken.route,
        "fault": spoken.fault,
        "settings": answer.settings,
        "prompts": prompts_hash(),
        "model": {"name": model.name, "weights": model.weights, "adapter": model.adapter}
        if model and spoken.route in _ASKED_A_MODEL
        else None,
        "timings": {name: round(seconds, 4) for name, seconds in answer.timings.items()},
    }


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self.began = perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self.times[stage] = self.times.get(stage, 0.0) + perf_counter() - began

    def add(self, times: dict[str, float]) -> None:
        self.times.update(times)
