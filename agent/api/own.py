"""/api/v1: what is an account's own: feedback, consents, taking its data away, having it erased."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from agent.accounts.types import Who
from agent.api.faults import Missing, Unsupported
from agent.api.fields import ConsentAsk, ConsentTold, EraseAsk, EraseTold, FeedbackAsk, Noted
from agent.api.services import House, Needs
from agent.privacy import redact_once
from agent.records import consent, erasure, feedback
from agent.records.conversations import mine
from agent.records.export import export_own

router = APIRouter(prefix="/api/v1", tags=["One's own data"])
_Consenter = Annotated[Who, Depends(Needs("give_consent"))]


@router.post("/feedback", response_model=Noted)
def give_feedback(
    body: FeedbackAsk, house: House, who: Annotated[Who, Depends(Needs("give_feedback"))]
) -> dict[str, Any]:
    """Say of a kept answer of one's own whether it helped; said again, the later word stands. A thumb down brings it to review."""
    _own(house, who, body.conversation)
    reason = redact_once(body.reason, date.today()) if body.reason.strip() else None
    thumb: Literal[1, -1] = 1 if body.thumb == "up" else -1
    feedback.give_feedback(house.db, who, body.conversation, body.turn, thumb, reason=reason)
    return {"done": True}


@router.get("/export", response_class=JSONResponse, response_model=dict[str, Any])
def export(house: House, who: Annotated[Who, Depends(Needs("export_own"))]) -> Response:
    """Everything that is kept of the account, to take away. That it was taken is recorded."""
    name = 'attachment; filename="anamnesis-export.json"'
    return JSONResponse(export_own(house.db, who), headers={"Content-Disposition": name})


@router.post("/erase", response_model=EraseTold)
def erase(body: EraseAsk, house: House, who: Annotated[Who, Depends(Needs("erase_own"))]) -> dict[str, Any]:
    """Erase a conversation of one's own, or everything that is kept of the account but the account itself."""
    if bool(body.conversation) is body.everything:
        raise Unsupported("One of them is needed", param="conversation", expected="a conversation, or everything: true")
    if body.conversation:
        _own(house, who, body.conversation)
    return asdict(erasure.erase_own(house.db, who, body.conversation))


@router.get("/consents", response_model=list[ConsentTold])
def consents(house: House, who: _Consenter) -> list[dict[str, Any]]:
    """What the account agreed to, the standing and the withdrawn."""
    _account(who)
    return [asdict(each) for each in consent.consents_of(house.db, who)]


@router.post("/consents", response_model=ConsentTold)
def give_consent(body: ConsentAsk, house: House, who: _Consenter) -> dict[str, Any]:
    """Agree to something, for oneself. "keep" is needed before a conversation is stored."""
    _account(who)
    return asdict(
        consent.give_consent(house.db, who, body.kind, country=body.country, age=body.age, guardian=body.guardian)
    )


@router.delete("/consents/{kind}", response_model=Noted)
def withdraw_consent(
    kind: Literal["health", "keep", "review", "training"], house: House, who: _Consenter
) -> dict[str, Any]:
    """Withdraw it. What was kept under "health" or "keep" is erased with it. `done`: whether there was one."""
    _account(who)
    return {"done": consent.withdraw_consent(house.db, who, kind)}


def _own(house: House, who: Who, conversation: str) -> None:
    """Another's conversation and none at all are the same to who asks."""
    _account(who)
    if conversation not in {kept.id for kept in mine(house.db, who)}:
        raise Missing("No such conversation of yours is kept", remedy="GET /api/v1/export shows those that are")


def _account(who: Who) -> None:
    if not who.account:
        raise Missing("Nothing is kept for who has no account", remedy="Send an API key")
