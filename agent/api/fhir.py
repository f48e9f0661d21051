"""/api/v1/fhir: a patient's R4 bundle as context for a question, the urgency as a RiskAssessment, the summary as a Composition."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.accounts.types import Who
from agent.api.fields import Ask, Closed, Country, Said, Spoken, Text, Told
from agent.api.services import House, Needs
from agent.api.tools import asked, told
from agent.api.turns import check_length, whole
from agent.fhir import bundle as bundles
from agent.fhir import record as records
from agent.fhir.types import Record
from agent.language import detect
from agent.privacy import Redactor, redact_once
from agent.types import Language

router = APIRouter(prefix="/api/v1/fhir", tags=["FHIR R4"])
_Chatter = Annotated[Who, Depends(Needs("chat"))]
_Weigher = Annotated[Who, Depends(Needs("triage"))]
_BUNDLE = {
    "resourceType": "Bundle", "type": "collection",
    "entry": [
        {"resource": {"resourceType": "Patient", "id": "1", "gender": "female", "birthDate": "1959-04-02"}},
        {"resource": {"resourceType": "AllergyIntolerance", "code": {"text": "penicillin"}, "patient": {"reference": "Patient/1"}}},
    ],
}  # fmt: skip
Bundle = Annotated[dict[str, Any], Field(description="A FHIR R4 Bundle with one Patient.", examples=[_BUNDLE])]


class Resource(JSONResponse):
    """A FHIR resource."""

    media_type = "application/fhir+json"


class LeftOut(BaseModel):
    """A resource that did not enter, and why."""

    path: str
    why: str


class ContextAsk(Closed):
    """A bundle to look at."""

    bundle: Bundle
    language: Spoken = "en"


class ContextTold(BaseModel):
    """What of a bundle enters a conversation: this sentence, and nothing else of it."""

    text: str
    left_out: list[LeftOut]


class FhirAsk(Ask):
    """A question about the bundle's patient."""

    bundle: Bundle


class FhirTold(Told):
    """An answer, and what of the bundle it was given for."""

    context: ContextTold


class RiskAsk(Closed):
    """A text to weigh, and the bundle of whom it is about."""

    text: Text = Field(examples=["My chest feels tight and I am sweating"])
    bundle: Bundle | None = None
    language: Spoken | None = None
    country: Country = ""


class SummaryAsk(Closed):
    """A conversation, and the bundle of whom it is about."""

    messages: list[Said] = Field(min_length=1, max_length=40)
    bundle: Bundle | None = None
    language: Spoken | None = None
    country: Country = ""


@router.post("/context", response_model=ContextTold)
def context(body: ContextAsk, who: _Chatter) -> dict[str, Any]:
    """What would be read of a bundle, redacted. Nothing is recorded."""
    return _shown(_record(body.bundle, body.language), body.language)


@router.post("/ask", response_model=FhirTold)
async def ask(body: FhirAsk, request: Request, house: House, who: _Chatter) -> dict[str, Any]:
    """An answer for the bundle's patient, as if it had been told in words."""
    language = _language(body.text or (body.messages[-1].content if body.messages else ""), None)
    record = await run_in_threadpool(_record, body.bundle, language)
    question = asked(body, context=records.sentence(record, language))
    finished = await whole(house.turns, question, who, request)
    return told(finished) | {"context": _shown(record, language)}


@router.post("/triage", response_class=Resource, response_model=dict[str, Any])
def triage(body: RiskAsk, house: House, who: _Weigher) -> Response:
    """The urgency of a text as a RiskAssessment. Nothing is recorded."""
    from agent.fhir.resources import risk_assessment
    from agent.rows import weigh

    agent, language = house.opener(), _language(body.text, body.language)
    redactor = Redactor(date.today())
    said = _context(body.bundle, language)
    texts = [redactor.redact(text) for text in (said, body.text) if text] or [redactor.redact("")]
    found, _ = weigh(texts, embedder=agent.embedder, language=language)
    country = body.country.upper() or agent.settings.country
    return Resource(risk_assessment(found, language=language, country=country))


@router.post("/summary", response_class=Resource, response_model=dict[str, Any])
def summary(body: SummaryAsk, house: House, who: _Chatter) -> Response:
    """The conversation as one page to take to a clinician: a Composition. No model is asked."""
    from agent.fhir.resources import composition
    from agent.session import new_state, replay_turns
    from agent.summary import summarise

    agent = house.opener()
    language = _language("\n".join(each.content for each in body.messages if each.role == "user"), body.language)
    state = new_state(agent.settings, country=body.country.upper())
    said = [(each.role, each.content) for each in body.messages]
    check_length(said)
    quiet = replace(agent, model=None, audit=house.turns.log("private"))
    state, answers = replay_turns(quiet, state, said, context=_context(body.bundle, language))
    page = summarise(state, language=language, made=datetime.now().astimezone(), answers=answers)
    sex = state.triage.facts.sex if state.triage is not None else ""
    return Resource(composition(page, language=language, sex=sex))


def _record(bundle: dict[str, Any], language: Language) -> Record:
    return records.read(bundles.checked(bundle), now=datetime.now(UTC), language=language)


def _context(bundle: dict[str, Any] | None, language: Language) -> str:
    return records.sentence(_record(bundle, language), language) if bundle is not None else ""


def _shown(record: Record, language: Language) -> dict[str, Any]:
    text = redact_once(records.sentence(record, language), date.today()).text
    return {"text": text, "left_out": [asdict(each) for each in record.left_out]}


def _language(text: str, chosen: Language | None) -> Language:
    return chosen or detect(redact_once(text, date.today()).text, None)
