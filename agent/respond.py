"""Stages 6 and 7 together, because sentences are shown as they are verified: write, check, cite, or fall back to quoting."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

from agent import allergy, asking, extract, generate, verify
from agent.config import Settings
from agent.messages import say
from agent.safetynet import signs
from agent.types import Audience, Cancel, ChatModel, Citation, Cited, Claim, Facts, Language, Sentence, Status
from agent.whom import fits
from knowledge.errors import EngineError
from knowledge.types import Passage

# Fewer verified sentences than this is too little of an answer: the sources' own sentences are added.
_ENOUGH = 1
# And with fewer than this there is room for what else the sources say to the question.
_FULL = 5
_MOST = 6


@dataclass(slots=True)
class Spoken:
    """What was said: the text, its claims and citations, and how it came about (for the audit).

    `declined`: the passages do not answer; `refused`: the model would not help with this, and nothing it wrote is said.
    `question`: what the model asks at the end of its answer, not said yet.
    """

    text: str = ""
    claims: list[Claim] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    route: str = ""
    fault: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    first_sentence: float | None = None
    keys: dict[str, str] = field(default_factory=dict)
    declined: bool = False
    refused: bool = False
    question: str = ""
    nearest: str = ""


Speech = Generator[Sentence | Cited | Status, None, None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is answered, from what, for whom.

    `quotable` passages may be quoted where the model gives nothing; those of `closest` are shown as the nearest where no
    sentence answers. `strict`: the question told of no symptom, so a passage must speak to what was asked of its subject.
    `near`: how near a text is to the question, by meaning. `doubted`: the question may be a request to decline.
    """

    question: str
    passages: tuple[Passage, ...]
    language: Language
    audience: Audience
    facts: Facts
    quotable: tuple[Passage, ...]
    closest: tuple[Passage, ...]
    strict: bool
    near: extract.Near | None = None
    doubted: bool = True


def answer(
    spoken: Spoken, asked: Asked, *, model: ChatModel | None, settings: Settings, cancel: Cancel | None
) -> Speech:
    """Speak the answer into `spoken`, yielding each verified sentence with its citations before it.

    With a model: its sentences, each cut when no span supports it. Without one, or when too little is left, or when
    the model fails: the own sentences of the `quotable` passages. Where the model says that the passages do not answer,
    or (when `strict`) none of them speaks to what was asked of their subject, it is said that no sentence answers this,
    and those of `closest` are shown as the nearest. Where there is none, nothing is said and `spoken` is `declined`. Where the
    model will not help with a doubted question without a symptom, nothing is said and `spoken` is `refused`.
    """
    began = perf_counter()
    passages: Sequence[Passage] = asked.passages
    if model is not None:
        passages = generate.fit(passages, asked.question, model=model, budget=settings.passage_tokens)
        yield from _written(spoken, asked, passages, model=model, settings=settings, cancel=cancel)
    spoken.timings["generation"] = perf_counter() - began - spoken.timings.get("verification", 0.0)
    stopped = cancel is not None and cancel.is_set()
    told = [claim.quote for claim in spoken.claims if claim.supported]
    if stopped or spoken.refused:
        return
    began = perf_counter()
    if len(told) >= _ENOUGH:
        yield from _more(spoken, asked, told)
        spoken.timings["extraction"] = perf_counter() - began
        return
    quotable = asked.quotable or (tuple(passages) if spoken.fault else ())
    lead = say(asked.language, "model_failed" if spoken.fault else "quoted_only")
    if spoken.declined or (asked.strict and not extract.speaks_to(asked.question, quotable)):
        quotable = asked.closest
        lead = spoken.nearest = say(asked.language, "closest", title=quotable[0].title) if quotable else ""
    found = extract.own_words(asked.question, quotable, asked.facts, asked.language, near=asked.near)
    spoken.declined = not found
    if found:
        spoken.route = "extractive"
        yield _add(spoken, lead, start="\n\n")
        for item in found:
            yield from bullet(spoken, item.text, quotable[item.passage])
    spoken.timings["extraction"] = perf_counter() - began


def _more(spoken: Spoken, asked: Asked, told: Sequence[str]) -> Speech:
    """Where the model said little: what else the passages say to the question, in their own sentences."""
    wanted = _FULL - len(told)
    if wanted <= 0 or not asked.quotable:
        return
    found = [
        item
        for item in extract.own_words(
            asked.question, asked.quotable, asked.facts, asked.language, most=_FULL, near=asked.near
        )
        if not any(item.text in quote or quote in item.text for quote in told)
    ]
    if found:
        yield _add(spoken, say(asked.language, "more_from_sources"), start="\n\n")
        for item in found[:wanted]:
            yield from bullet(spoken, item.text, asked.quotable[item.passage])


def heading(spoken: Spoken, text: str) -> Speech:
    """Speak a heading of a part."""
    yield _add(spoken, f"**{text}**", start="\n\n")


def bullet(spoken: Spoken, text: str, passage: Passage) -> Speech:
    """Speak a sentence of a passage, with its key, on a line of its own."""
    yield from _cite(spoken, text, passage, text, start="\n- ")


def item(spoken: Spoken, lead: str, text: str, passage: Passage, *, language: Language) -> Speech:
    """Speak a sentence of a passage under a name of ours, with its key, on a line of its own."""
    yield from _cite(spoken, f"{lead}{'：' if language == 'zh' else ': '}{text}", passage, text, start="\n- ")


def safety_net(
    spoken: Spoken, passages: Sequence[Passage], document: str, *, language: Language, facts: Facts
) -> Speech:
    """Speak the cited page's own signs for getting help."""
    found = signs(document, passages, language, facts=facts)
    if found:
        yield from heading(spoken, say(language, "safety_heading"))
        for sign in found:
            yield from bullet(spoken, sign.text, sign.passage)


def note(spoken: Spoken, text: str) -> Speech:
    """Speak a reviewed sentence of ours that needs no source (what was not looked at, a caution)."""
    if text:
        yield _add(spoken, text, start="\n\n")


def _written(
    spoken: Spoken,
    asked: Asked,
    passages: Sequence[Passage],
    *,
    model: ChatModel,
    settings: Settings,
    cancel: Cancel | None,
) -> Speech:
    checking = 0.0
    language = asked.language
    said: set[str] = set()
    forbidden = allergy.said_of(asked.question)
    before = ""
    stream = generate.write(
        asked.question, passages, model=model, language=language, audience=asked.audience,
        max_tokens=settings.max_tokens, temperature=settings.temperature, seed=settings.seed, cancel=cancel,
    )  # fmt: skip
    spoken.route = "model"
    try:
        for sentence in stream:
            if generate.says_not_found(sentence, language):
                spoken.declined = not spoken.claims
                break
            if generate.says_declined(sentence, language):
                # Who tells of a symptom is not turned away on a model's word alone, nor who is surely harmless: what must be
                # declined, policy declined.
                spoken.refused = asked.strict and asked.doubted and not any(claim.supported for claim in spoken.claims)
                break
            if len(said) >= _MOST:
                break
            # It claims nothing; only the last thing that is written may be asked.
            spoken.question = sentence if asking.is_question(sentence) else ""
            if spoken.question:
                continue
            began = perf_counter()
            claim, keys = verify.split_keys(sentence)
            verdict = verify.check(
                claim, _keyed_first(passages, keys), language, least=settings.min_support, question=asked.question
            )
            checking += perf_counter() - began
            if verdict.supported and not fits(claim, asked.facts, language):
                verdict = replace(verdict, supported=False, why="it is not about a person of this age")
            if verdict.supported and allergy.offers(claim, forbidden):
                verdict = replace(verdict, supported=False, why="it offers what the question says an allergy to")
            if verdict.supported:
                passage = _keyed_first(passages, keys)[verdict.passage]
                if verify.points_back(claim) and passage.id != before:
                    verdict = replace(verdict, supported=False, why="what it points back to was not said")
            if not verdict.supported:
                spoken.claims.append(verify.as_claim(claim, verdict, ""))
            elif verdict.quote not in said:
                said.add(verdict.quote)
                before = passage.id
                yield from _cite(spoken, claim, passage, verdict.quote, start=" " if language == "en" else "")
    except EngineError as fault:
        spoken.fault = str(fault)
    finally:
        stream.close()  # type: ignore[attr-defined]
    spoken.timings["verification"] = checking


def _keyed_first(passages: Sequence[Passage], keys: Sequence[int]) -> list[Passage]:
    """The passages the sentence names, then the others: a true claim under a wrong key gets the right one."""
    named = [passages[key - 1] for key in dict.fromkeys(keys) if 0 < key <= len(passages)]
    return [*named, *(passage for passage in passages if passage not in named)]


def _cite(spoken: Spoken, text: str, passage: Passage, quote: str, *, start: str) -> Speech:
    known = spoken.keys.get(passage.id)
    key = known or str(len(spoken.keys) + 1)
    spoken.keys[passage.id] = key
    spoken.claims.append(Claim(text=text, supported=True, key=key, quote=quote, why="supported"))
    if known is None:
        citation = citation_of(passage, key=key, quote=quote)
        spoken.citations.append(citation)
        yield Cited(citation)
    yield _add(spoken, _with_key(text, key), start=start)


def _with_key(text: str, key: str) -> str:
    stop = text[-1:] if text[-1:] in ".!?。！？；" else ""
    body = text[: len(text) - len(stop)]
    return f"{body} [{key}]{stop or '.'}" if body[-1:].isascii() else f"{body}[{key}]{stop or '。'}"


def _add(spoken: Spoken, text: str, *, start: str) -> Sentence:
    if spoken.first_sentence is None:
        spoken.first_sentence = perf_counter()
    shown = f"{start}{text}" if spoken.text else text
    spoken.text += shown
    return Sentence(shown)


def citation_of(passage: Passage, *, key: str, quote: str) -> Citation:
    """What a key opens. The first source the passage cites is named; the others ride along."""
    first = passage.sources[0] if passage.sources else None
    return Citation(
        key=key,
        passage=passage.id,
        document=passage.document,
        title=passage.title if not passage.heading else f"{passage.title}: {passage.heading}",
        source=first.organisation if first else "",
        url=(first.url if first else "") or passage.url,
        published=(str(first.year) if first and first.year else "") or passage.published,
        quote=quote,
        text=passage.text,
        also=tuple(
            f"{source.organisation}, {source.title} ({source.year}) {source.url}" for source in passage.sources[1:]
        ),
        reviewed_by=passage.reviewed_by,
        # Only a topic of our library says who reviewed it, be it nobody.
        own_words=bool(passage.reviewed_by),
        jurisdiction=passage.jurisdiction,
        licence=passage.licence or "; ".join(sorted({source.licence for source in passage.sources} - {""})),
        superseded_by=passage.superseded_by,
        evidence_grade=passage.evidence_grade,
        page=passage.page,
    )
