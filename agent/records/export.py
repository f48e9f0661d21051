"""Everything that is kept of somebody, as they may take it away: one JSON value, labelled as what a program wrote."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from agent.accounts.people import by_id
from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.codec import encode
from agent.records.consent import read_consents
from agent.records.conversations import mine, turns_of
from knowledge.places import duties

FORMAT = "anamnesis.export/1"


def export_own(db: Database, who: Who) -> dict[str, Any]:
    """What is kept of an account, or of the conversations that a visitor's page holds; that it was taken is recorded.

    Answers are marked as a program's, in words and for machines, as the law of several places asks (`duties.toml`).

    Raises:
        AccessError: who may not; recorded.
        StoreError: it cannot be read.
    """
    require(db, who, "export_own")
    conversations = [
        {
            **asdict(kept),
            "turns": [
                {"number": turn.number, "at": turn.at, "said": turn.said, "answer": json.loads(encode(turn.answer)),
                 "ai_generated": True, "thumb": turn.thumb, "thumb_reason": turn.thumb_reason}
                for turn in turns_of(db, who, kept.id)
            ],
            "consents": [] if who.account else [asdict(each) for each in read_consents(db, kept.id)],
        }
        for kept in mine(db, who)
    ]  # fmt: skip
    db.audit.append("exported", {"account": who.account, "conversations": len(conversations)}, conversation="")
    return {
        "format": FORMAT,
        "made": db.now(),
        "generator": "anamnesis",
        "label": {language: duties.label(language) for language in ("en", "zh")},
        "account": asdict(by_id(db, who.account)) if who.account else None,
        "conversations": conversations,
        "consents": [asdict(each) for each in read_consents(db, who.account)] if who.account else [],
    }
