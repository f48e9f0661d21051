"""/health, /ready and /metrics: for whoever keeps it running. No word and no person in any of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from agent.accounts.types import Who
from agent.api.services import House, Needs
from agent.records.waiting import waiting
from knowledge.errors import StoreError

router = APIRouter(tags=["Running it"])
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/health", response_model=dict[str, str])
def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/ready", response_model=dict[str, str], responses={503: {"description": "Not yet, and what is missing."}})
def ready(house: House) -> Response:
    """Whether a question can be answered now: the agent is open and the database is there."""
    if not house.ready():
        return JSONResponse({"status": "the agent is being opened"}, 503)
    try:
        with house.db.reading():
            pass
    except StoreError:
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response)
def metrics(house: House, who: Annotated[Who, Depends(Needs("read_metrics", on_loopback=True))]) -> Response:
    """Numbers for Prometheus: from this machine, or with a key of the scope `metrics`."""
    agent = house.opener() if house.ready() else None
    at_once = agent.model.concurrency if agent is not None and agent.model is not None else 1
    # Where the database does not answer the other numbers are still told.
    with suppress(StoreError):
        queued = waiting(house.db)
        house.metrics.reviews(queued.count, queued.oldest_seconds)
    page = house.metrics.page(agent, queued=max(0, house.turns.writing - at_once))
    return Response(page, media_type=_PROMETHEUS)
