"""/api/v1/answers: an answer that a clinician looks at before it is given, fetched when it comes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from agent.accounts.types import Who
from agent.api.faults import Missing
from agent.api.fields import AnswerTold
from agent.api.services import House, Needs
from agent.api.shown import cited
from agent.records.holding import answer_ready
from agent.session import as_row
from knowledge.errors import AccessError
from knowledge.places import duties

router = APIRouter(prefix="/api/v1", tags=["Tools"])


@router.get("/answers/{conversation}/{turn}", response_model=AnswerTold)
def answer(
    conversation: Annotated[str, Path(max_length=64, description="As `/ask` named it.")],
    turn: Annotated[int, Path(ge=1, le=100_000, description="`held.turn` of `/ask`.")],
    house: House,
    who: Annotated[Who, Depends(Needs("chat"))],
) -> dict[str, Any]:
    """How it stands with an answer of one's own that was held, and the answer once it is there. Ask every few seconds.

    Of a conversation that is not kept it can be fetched for an hour after it was given; then it is erased.
    """
    gone = Missing("No answer of that turn is held for you", remedy="It may have been erased; ask again")
    try:
        found = answer_ready(house.db, who, conversation, turn)
    except AccessError:
        # Another's and none at all are the same to who asks; that it was denied is recorded.
        raise gone from None
    if found is None:
        raise gone
    row = as_row(found.answer)
    names = ("kind", "level", "answer", "claims", "language", "rules")
    return {name: row[name] for name in names} | {
        "status": found.status, "conversation": conversation, "held": asdict(found.held), "line": found.line,
        "citations": cited(found.answer), "label": duties.label(found.answer.language), "ai_generated": True,
    }  # fmt: skip
