"""/api/v1: triage, redact, search, ask and the passage behind a citation; what they say is what the command line says."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request

from agent.accounts.types import Who
from agent.api.faults import Missing, Unsupported
from agent.api.fields import (
    Ask,
    RedactAsk,
    RedactTold,
    SearchAsk,
    SearchTold,
    SourceTold,
    Told,
    TriageAsk,
    TriageTold,
)
from agent.api.services import House, Needs
from agent.api.shown import fields
from agent.api.turns import Asked, Finished, whole
from agent.rows import redact_row, search_rows, triage_row
from agent.session import as_row

router = APIRouter(prefix="/api/v1", tags=["Tools"])


@router.post("/triage", response_model=TriageTold)
def triage(body: TriageAsk, house: House, who: Annotated[Who, Depends(Needs("triage"))]) -> dict[str, Any]:
    """The urgency of a text. Nothing is recorded."""
    return triage_row(body.text, embedder=house.opener().embedder, language=body.language)


@router.post("/redact", response_model=RedactTold)
def redact(body: RedactAsk, who: Annotated[Who, Depends(Needs("redact"))]) -> dict[str, Any]:
    """A text with identifiers replaced. Nothing is recorded."""
    return redact_row(body.text)


@router.post("/search", response_model=SearchTold)
def search(body: SearchAsk, house: House, who: Annotated[Who, Depends(Needs("search"))]) -> dict[str, Any]:
    """The best passage of each of the `k` best documents. Nothing is recorded."""
    from retrieval.search import search as find
    from retrieval.types import Filters

    agent = house.opener()
    filters = Filters(language=body.language or "")
    found = find(agent.index, body.text, embedder=agent.embedder, k=body.k, mode=body.mode, filters=filters)
    return {"hits": search_rows(found)}


@router.post("/ask", response_model=Told)
async def ask(body: Ask, request: Request, house: House, who: Annotated[Who, Depends(Needs("chat"))]) -> dict[str, Any]:
    """An answer with its urgency, claims and citations. The audit record keeps no words of it unless `store` is set."""
    return told(await whole(house.turns, asked(body), who, request))


@router.get("/sources/{passage}", response_model=SourceTold)
def source(
    passage: Annotated[str, Path(max_length=128, description="A citation's `passage`, or a hit's `id`.")],
    house: House,
    who: Annotated[Who, Depends(Needs("search"))],
) -> dict[str, Any]:
    """The passage that a citation quotes from."""
    catalogue = house.opener().index.catalogue
    row = catalogue.row_of(passage)
    found = catalogue.passages([row]).get(row) if row is not None else None
    if found is None:
        raise Missing("There is no such passage", remedy="The library may have changed since it was cited; ask again")
    return {
        "passage": found.id, "document": found.document, "title": found.title, "heading": found.heading, "text": found.text,
        "language": found.language, "url": found.url, "published": found.published, "licence": found.licence,
        "jurisdiction": list(found.jurisdiction), "evidence_grade": found.evidence_grade,
        "superseded_by": found.superseded_by, "reviewed_by": found.reviewed_by, "page": found.page,
        "sources": [
            {"organisation": each.organisation, "title": each.title, "url": each.url, "year": each.year}
            for each in found.sources
        ],
    }  # fmt: skip


def asked(body: Ask, *, context: str = "") -> Asked:
    """What a request asks.

    Raises:
        Unsupported: neither or both of `text` and `messages`, or the last message is not the user's.
    """
    if (body.text is None) == (body.messages is None):
        raise Unsupported("One of them is needed", param="text", expected="either text or messages")
    said = (
        [("user", body.text)] if body.text is not None else [(each.role, each.content) for each in body.messages or ()]
    )
    if said[-1][0] != "user":
        raise Unsupported("The last message is not the user's", param=f"messages.{len(said) - 1}.role", expected="user")
    return Asked(
        message=str(said[-1][1]),
        earlier=tuple((role, str(text)) for role, text in said[:-1]),
        audience=body.audience,
        country=body.country.upper(),
        intake=body.intake,
        store=body.store,
        conversation=body.conversation,
        context=context,
    )


def told(finished: Finished) -> dict[str, Any]:
    """The contract's fields of `anamnesis ask`, and what the API adds."""
    return {"answer": as_row(finished.answer)["answer"], **fields(finished)}
