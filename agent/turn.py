"""One turn, from a person's words to a triaged, cited, audited answer. The order of stages and the early exits live here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any

from agent import compose, readings, respond
from agent.build import Agent
from agent.intake import questions_for, skips
from agent.language import detect
from agent.messages import say
from agent.policy import decide
from agent.privacy import Redactor
from agent.prompts import prompts_hash
from agent.query import about, fragment, standalone, unknown
from agent.refine import refine
from agent.relevance import bearing, relevance
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
from retrieval.types import Filters

# When nothing that the model wrote could be verified, or no sentence speaks to what was asked, a passage may be quoted
# only if it is this relevant (and nearly as relevant as the best), and only if no word of the question is foreign to the
# library: a model that found nothing to say is a sign that the passages do not bear on the question.
_SURE, _QUOTED = 0.5, 0.85


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
        said = (*(redactor.redact(told.text) for told in state.messages if told.role == "user"), safe)
        language = detect(safe.text, state.language)
    # The place is what the person set or says, never what their language suggests.
    state = replace(state, country=places.named(safe.text) or state.country)
    country = compose.place_of(state, settings.country)
    if unusable := _unusable(message, safe, language):
        triage = state.triage or Triage(level="unclear")
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=unusable, audited=False)
        return
    yield Status(say(language, "status_urgency"))

    # 2. Triage: rules over everything said in this conversation, then what a learned reader adds.
    with clock("triage"):
        ruled = triage_of(said, language, previous=state.triage)
        triage = refine(ruled, said, language, agent.embedder, previous=state.triage)

    # 3. Policy: may we answer, and how.
    with clock("policy"):
        shares = readings.shares(safe, agent.embedder)
        policy = decide(safe, said[:-1], language, triage, country=country, audience=state.audience, shares=shares)
    triage = _raised(triage, policy)
    if triage.level == "emergency" or policy.kind is not None:
        yield from _without_model(agent, state, safe, clock, language, triage, policy, country=country)
        return
    yield Urgency(triage, compose.urgency_block(triage, language=language, country=country))

    # 4. Intake: what would change the level or the answer.
    with clock("intake"):
        may_ask = (settings.intake if intake is None else intake) and not skips(safe.text, language)
        asked = questions_for(triage, state, safe.text, language) if may_ask else ()
    if asked:
        text = compose.clarify_text(tuple(ask.text for ask in asked), language=language)
        yield Question(text)
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=text, policy=policy,
                          asked=tuple(ask.id for ask in asked))  # fmt: skip
        return

    # 5. Retrieval: passages that bear on the question that was meant.
    with clock("retrieval"):
        earlier = tuple(told.text for told in said[:-1])
        query = about(
            standalone(safe.text, earlier, topic=state.topic, language=language, most=settings.max_message),
            triage.facts,
            language,
        )
        filters = Filters(language=language, audience=state.audience, prefer=places.mentioned(safe.text) or country)
        found = search(
            agent.index, query, embedder=agent.embedder, filters=filters, k=settings.passages, per_document=2
        )
        query = put_right(query, found.read_as)
        fired = tuple(rule.id for rule in triage.rules)
        near = bearing(query, found.hits, least=settings.min_relevance, rules=fired)
        hits = answering(query, near, language)
    yield Status(say(language, "status_searching", count=found.searched))
    record = _opening(agent, safe, triage, policy, query=query, passages=[hit.passage.id for hit in hits])
    try:
        agent.audit.append("question", record, conversation=state.id)
    except StoreError:
        # Chosen: what cannot be recorded is not said; the urgency above stands (design.md, traps).
        text = say(language, "audit_failed", call=compose.call(language=language, country=country))
        yield from _close(agent, state, safe, clock, language, triage, kind="not_found", text=text, audited=False)
        return
    if not hits and may_ask and not earlier and fragment(safe.text, language):
        text = say(language, "ask_about_what")
        yield Question(text)
        yield from _close(agent, state, safe, clock, language, triage, kind="clarify", text=text, policy=policy,
                          asked=("about-what",))  # fmt: skip
        return
    if not hits:
        text = "\n\n".join(filter(None, (policy.caution, say(language, "not_found", count=found.searched))))
        yield Sentence(text)
        yield from _close(agent, state, safe, clock, language, triage, kind="not_found", text=text, policy=policy,
                          not_found=say(language, "not_found", count=found.searched))  # fmt: skip
        return

    # 6 and 7. Generation and verification: only sentences that a quoted span supports are shown.
    yield Status(say(language, "status_writing"))
    spoken = respond.Spoken()
    passages = tuple(hit.passage for hit in hits)
    foreign = unknown(put_right(safe.text, found.read_as), agent.index.bm25.known)
    best = max(relevance(query, hit, rules=fired) for hit in hits)
    quotable = tuple(hit.passage for hit in hits if relevance(query, hit, rules=fired) >= _QUOTED * best)
    for typed, meant in found.read_as.items():
        yield from respond.note(spoken, say(language, "read_as", typed=typed, meant=meant))
    sure = best >= _SURE and not foreign
    if policy.caution:
        yield from respond.note(spoken, policy.caution)
    # Old advice is shown, never as the answer: what is current was not found.
    only_old = all(passage.superseded_by for passage in passages)
    if only_old:
        yield from respond.note(spoken, say(language, "only_superseded"))
    if passages[0].superseded_by:
        yield from respond.note(spoken, compose.out_of_date(passages[0], language=language))
    yield from respond.answer(
        spoken, query, passages, model=agent.model, language=language, audience=state.audience,
        budget=settings.passage_tokens, max_tokens=settings.max_tokens, min_support=settings.min_support,
        temperature=settings.temperature, seed=settings.seed, cancel=cancel, facts=triage.facts, strict=not triage.has_symptom,
        quotable=quotable if agent.model is None or sure else (), closest=quotable if sure else (),
    )  # fmt: skip
    clock.add(spoken.timings)
    if spoken.first_sentence is not None:
        clock.times["first_sentence"] = spoken.first_sentence - clock.began
    kind: Kind = "answer"
    if only_old:
        kind = "not_found"
    if spoken.declined:
        kind = "not_found"
        yield from respond.note(spoken, say(language, "not_found", count=found.searched))
    document, helped = _cited_document(spoken, passages), ""
    if triage.has_symptom or (kind == "answer" and passages[0].kind in ("symptom", "condition")):
        if document in state.helped:
            yield from respond.note(spoken, say(language, "safety_above"))
        else:
            before = spoken.text
            yield from respond.safety_net(
                spoken, agent.index.of(document), document, language=language, facts=triage.facts
            )
            helped = document if spoken.text != before else ""
    by_id = {passage.id: passage for passage in passages}
    old = {
        by_id[c.passage].document: by_id[c.passage] for c in spoken.citations if c.superseded_by and c.passage in by_id
    }
    for passage in old.values():
        if passage.document != passages[0].document:
            yield from respond.note(spoken, compose.out_of_date(passage, language=language))
    yield from respond.note(spoken, compose.not_looked_at(triage, language=language))

    if len(safe.text) > settings.max_message:
        yield from respond.note(spoken, say(language, "cut_long"))

    # 8. Audit, and the answer.
    missing = say(language, "not_found", count=found.searched) if spoken.declined else spoken.nearest
    missing = missing or (say(language, "only_superseded") if only_old else "")
    if foreign and not spoken.declined:
        missing = say(language, "not_found_words", words=say(language, "comma").join(foreign))
        yield from respond.note(spoken, missing)
    yield from _close(agent, state, safe, clock, language, triage, kind=kind, text=spoken.text, policy=policy,
                      not_found=missing, spoken=spoken, topic=passages[0].title, helped=helped)  # fmt: skip


def _without_model(
    agent: Agent, state: ConversationState, safe: SafeText, clock: _Clock, language: Language, triage: Triage,
    policy: Policy, *, country: str,
) -> Iterator[Event]:  # fmt: skip
    """Emergencies, crises, refusals and questions out of scope: reviewed text, at once."""
    block = compose.urgency_block(triage, language=language, country=country)
    kind: Kind = policy.kind or "emergency"
    if kind == "crisis":
        head = f"**{say(language, 'banner_crisis')}**"
        block = f"{head}\n\n{block}"
        text = compose.crisis_text(policy, language=language, country=country)
    elif triage.level == "emergency":
        kind = "emergency"
        text = compose.emergency_text(language=language, country=country)
    else:
        text = policy.text
    yield Urgency(triage, block)
    yield Sentence(text)
    yield from _close(agent, state, safe, clock, language, triage, kind=kind, text=text, policy=policy, banner=block)


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
        model=model.name if model and spoken.route else "",
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
    shown = "\n\n".join(part for part in (answer.banner, answer.text) if part)
    messages = (*state.messages, Message("user", safe.text), Message("assistant", shown, kind=answer.kind))
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


def _cited_document(spoken: respond.Spoken, passages: tuple[Any, ...]) -> str:
    return spoken.citations[0].document if spoken.citations else str(passages[0].document)


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
        "text": answer.text,
        "claims": [asdict(claim) for claim in answer.claims],
        "citations": [{"key": citation.key, "passage": citation.passage} for citation in answer.citations],
        "route": spoken.route,
        "fault": spoken.fault,
        "settings": answer.settings,
        "prompts": prompts_hash(),
        "model": {"name": model.name, "weights": model.weights, "adapter": model.adapter}
        if model and spoken.route
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
