"""The form of an answer: what was asked, what it may be, what to do now, when to get help, what was not looked at.

The urgency stands above it, the sources below it. Each part is quoted from a page or is reviewed text; a part that no page
gives is left out, and what was not found is said.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent import asking, compose, differential, medicines, respond
from agent.build import Agent
from agent.extract import Near, nearness, own_words
from agent.messages import say
from agent.query import unknown
from agent.relevance import relevance
from agent.respond import Speech, Spoken
from agent.types import Audience, Cancel, Cited, Kind, Language, Sentence, Status, Triage
from knowledge.types import Passage
from retrieval.types import Hit

# When nothing that the model wrote could be verified, or no sentence speaks to what was asked, a passage may be quoted
# only if it is this relevant (and nearly as relevant as the best), and only if no word of the question is foreign to the
# library: a model that found nothing to say is a sign that the passages do not bear on the question.
_SURE, _QUOTED = 0.5, 0.85
# The sections of a symptom's page, by how their headings ask (knowledge/library/README.md).
_MAY_BE = {
    "en": re.compile(
        r"\bcauses?\b|\bwhat (?:can|could|might) it be\b|\btell the causes\b|\bwhy (?:do|does|am|is)\b", re.I
    ),
    "zh": re.compile(r"原因|引起|为什么|怎么分辨|可能是什么"),
}
_DO_NOW = {
    "en": re.compile(
        r"\bat home\b|\bmyself\b|\bself[- ]care\b|\bwhat (?:can|should) i do\b|\bwhat helps\b|\blook after\b|\bfirst aid\b",
        re.I,
    ),
    "zh": re.compile(r"在家|自己|怎么办|怎么缓解|怎么护理|怎么照顾|怎么处理"),
}
_PART_MOST = 3
_OF_ILLNESS = ("symptom", "condition")
_CALCULATORS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What a turn has found out when it comes to speak.

    `question` is what was searched for, `words` the person's own; `hits` bear on it; `before` and `caution` are reviewed
    sentences said first; `asks` are questions put beside the answer, and `may_ask` says whether the model's own may join them;
    `earlier` what was said before; `helped` documents whose
    signs were shown before; `place` is whose rules are asked for. `doubted`: it may be a request to decline.
    """

    question: str
    words: str
    hits: tuple[Hit, ...]
    searched: int
    read_as: Mapping[str, str]
    triage: Triage
    language: Language
    audience: Audience
    caution: str = ""
    before: str = ""
    asks: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    helped: tuple[str, ...] = ()
    long: bool = False
    place: str = ""
    may_ask: bool = False
    doubted: bool = True


@dataclass(frozen=True, slots=True)
class Formed:
    """How the answer came out: its kind, what was not found, and the document whose signs for getting help were shown."""

    kind: Kind
    missing: str = ""
    helped: str = ""


def speak(
    spoken: Spoken, request: Request, agent: Agent, *, cancel: Cancel | None
) -> Generator[Sentence | Cited | Status, None, Formed]:
    """Speak the whole answer into `spoken`, part by part."""
    language = request.language
    for text in (request.before, *_read_as(request)):
        yield from respond.note(spoken, text)
    yield from respond.note(spoken, request.caution)
    if calculated := calculated_for(request.words, language):
        for text in calculated:
            yield from respond.note(spoken, text)
        spoken.route = "calculator"
        return Formed("answer")
    checked = medicines.check(
        request.words, request.triage.facts, agent.index, language, audience=request.audience,
        **_heard(request.earlier, language),
    )  # fmt: skip
    if checked is not None:
        for line in medicines.lines(checked, language):
            if line.passage is None:
                yield from respond.note(spoken, line.text)
            else:
                yield from respond.bullet(spoken, line.text, line.passage)
        spoken.route = "medicines"
        yield from _for_clinician(spoken, request, agent)
        yield from respond.note(spoken, compose.also_ask(request.asks, language=language))
        unknown_pair = checked.verdict == "unknown" and not checked.findings
        missing = medicines.lines(checked, language)[-1].text if unknown_pair else ""
        return Formed("not_found" if unknown_pair else "answer", missing)
    if not request.hits:
        missing = say(language, "not_found", count=request.searched)
        yield from respond.note(spoken, missing)
        yield from _for_clinician(spoken, request, agent)
        yield from respond.note(spoken, compose.also_ask(request.asks, language=language))
        return Formed("not_found", missing)
    formed = yield from _from_pages(spoken, request, agent, cancel=cancel)
    yield from _for_clinician(spoken, request, agent)
    if formed.kind == "refusal":
        return formed
    yield from respond.note(spoken, compose.also_ask((*request.asks, *_its_own(spoken, request)), language=language))
    yield from respond.note(spoken, compose.not_looked_at(request.triage, language=language))
    if request.long:
        yield from respond.note(spoken, say(language, "cut_long"))
    return formed


def _for_clinician(spoken: Spoken, request: Request, agent: Agent) -> Speech:
    """What may be thought of, ranked; for a clinician who tells of symptoms, and nobody else."""
    if request.audience == "clinician" and request.triage.has_symptom:
        told = " ".join((*request.earlier, request.words))
        yield from differential.speak(spoken, told, request.triage, agent.index, language=request.language)


def _from_pages(
    spoken: Spoken, request: Request, agent: Agent, *, cancel: Cancel | None
) -> Generator[Sentence | Cited | Status, None, Formed]:
    """The direct answer from the passages found, then the parts that the cited page has for it."""
    language, triage, settings = request.language, request.triage, agent.settings
    # Old advice is no answer beside what has taken its place: it is named, and not said.
    hits = tuple(hit for hit in request.hits if not hit.passage.superseded_by) or request.hits
    passages = tuple(hit.passage for hit in hits)
    fired = tuple(rule.id for rule in triage.rules)
    scores = [relevance(request.question, hit, rules=fired) for hit in hits]
    best = max(scores)
    quotable = tuple(passage for passage, score in zip(passages, scores, strict=True) if score >= _QUOTED * best)
    foreign = unknown(request.words, agent.index.bm25.known)
    sure = best >= _SURE and not foreign
    # Where there is nothing else it is shown, never as the answer: what is current was not found.
    only_old = bool(passages[0].superseded_by)
    if only_old:
        yield from respond.note(spoken, say(language, "only_superseded"))
        yield from respond.note(spoken, compose.out_of_date(passages[0], language=language))
    near = nearness(agent.embedder, request.question)
    asked = respond.Asked(
        question=request.question, passages=passages, language=language, audience=request.audience, facts=triage.facts,
        quotable=quotable if agent.model is None or sure else (), closest=quotable if sure else (),
        strict=not triage.has_symptom, near=near, doubted=request.doubted,
    )  # fmt: skip
    yield from respond.answer(spoken, asked, model=agent.model, settings=settings, cancel=cancel)
    if spoken.refused:
        yield from respond.note(spoken, say(language, "model_refused"))
        return Formed("refusal")
    kind: Kind = "not_found" if only_old or spoken.declined else "answer"
    missing = spoken.nearest
    if spoken.declined:
        missing = say(language, "not_found", count=request.searched)
        yield from respond.note(spoken, missing)
    document = _speaks_of(spoken, passages, of_symptom=triage.has_symptom)
    pages = agent.index.of(document)
    if triage.has_symptom and not spoken.declined:
        yield from _section(spoken, "may_be_heading", _MAY_BE[language], pages, request, near)
        if triage.level in ("self_care", "routine"):
            yield from _section(spoken, "do_now_heading", _DO_NOW[language], pages, request, near)
    helped = ""
    if triage.has_symptom or (kind == "answer" and passages[0].kind in _OF_ILLNESS):
        if document in request.helped:
            yield from respond.note(spoken, say(language, "safety_above"))
        else:
            before = spoken.text
            yield from respond.safety_net(spoken, pages, document, language=language, facts=triage.facts)
            helped = document if spoken.text != before else ""
    old = {hit.passage.document: hit.passage for hit in request.hits if hit.passage.superseded_by}
    for passage in old.values():
        if passage.document != passages[0].document:
            yield from respond.note(spoken, compose.out_of_date(passage, language=language))
    if request.audience == "clinician" and request.place:
        cited = {citation.document: citation for citation in spoken.citations}
        for citation in cited.values():
            yield from respond.note(spoken, compose.from_elsewhere(citation, request.place, language=language))
    missing = missing or (say(language, "only_superseded") if only_old else "")
    if foreign and not spoken.declined:
        missing = say(language, "not_found_words", words=say(language, "comma").join(foreign))
        yield from respond.note(spoken, missing)
    return Formed(kind, missing, helped)


def _speaks_of(spoken: Spoken, passages: Sequence[Passage], *, of_symptom: bool) -> str:
    """The document whose further parts belong to the answer: the first cited; a symptom's or an illness's before a medicine's
    where a symptom was told."""
    cited = [citation.document for citation in spoken.citations] or [passages[0].document]
    kinds = {passage.document: passage.kind for passage in passages}
    of_illness = [one for one in cited if kinds.get(one) in _OF_ILLNESS]
    return of_illness[0] if of_symptom and of_illness else cited[0]


def _its_own(spoken: Spoken, request: Request) -> tuple[str, ...]:
    """The question that the model ends its answer with, where something was answered and it may be put."""
    if not (request.may_ask and spoken.question and spoken.citations and spoken.route == "model"):
        return ()
    passages = [hit.passage for hit in request.hits]
    words = (request.words, request.question, *request.earlier)
    put = asking.may_be_put(
        spoken.question, words=words, passages=passages, asks=request.asks, language=request.language
    )
    return (spoken.question,) if put else ()


def calculated_for(words: str, language: Language) -> tuple[str, ...]:
    """What the calculators that the words want make of them: worked out, never written by a model."""
    from agent.calculators.naming import wanted
    from agent.calculators.reading import read
    from agent.calculators.run import assess
    from agent.calculators.show import show

    shown = []
    for name in wanted(words, language)[:_CALCULATORS]:
        head, *rest = show(assess(name, read(name, words, language)), language)
        shown.append("\n".join((f"{head}\n", *(line if line.startswith("- ") else f"- {line}" for line in rest))))
    return tuple(shown)


def _heard(earlier: tuple[str, ...], language: Language) -> dict[str, Any]:
    """What was said before of medicines taken and allergies, as `medicines.check` takes it."""
    told = medicines.heard(earlier, language)
    return {"state_medicines": told.taken, "allergies": told.allergies, "asked": told.asked}


def _section(
    spoken: Spoken, heading: str, wanted: re.Pattern[str], pages: tuple[Passage, ...], request: Request, near: Near
) -> Speech:
    """A part of a symptom's page, in its own sentences, those that bear most on what was told first."""
    own = [page for page in pages if page.kind == "symptom" and wanted.search(page.heading)]
    said = {claim.quote for claim in spoken.claims}
    found = [
        item
        for item in own_words(request.question, own, request.triage.facts, request.language, most=_PART_MOST, near=near)
        if not any(item.text in quote or quote in item.text for quote in said if quote)
    ]
    if found:
        yield from respond.heading(spoken, say(request.language, heading))
        for item in found:
            yield from respond.bullet(spoken, item.text, own[item.passage])


def _read_as(request: Request) -> tuple[str, ...]:
    return tuple(say(request.language, "read_as", typed=typed, meant=meant) for typed, meant in request.read_as.items())
