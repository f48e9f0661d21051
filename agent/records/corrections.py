"""Answers that clinicians put right, as cases and as examples to learn from: only of those who agreed to it, and still do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from agent.database import Database
from agent.privacy import redact_once
from agent.records.conversations import read_turns
from agent.records.types import Correction
from knowledge.places import duties

_AGREED = (
    "SELECT MIN(k.given) FROM consents k WHERE k.subject IN (c.id, c.account) AND k.kind = 'training' AND k.version = :v "
    "AND k.withdrawn IS NULL"
)


def corrections(db: Database) -> Iterator[Correction]:
    """Corrected answers of conversations whose person agreed, in the words of now, and still does, that they become examples."""
    from sqlalchemy import text

    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT r.id, r.conversation, r.turn, r.level, r.raised, r.decided, r.corrected, c.language, c.audience, "
                 f"({_AGREED}) AS agreed FROM reviews r JOIN conversations c ON c.id = r.conversation "
                 "WHERE r.status = 'corrected' AND r.corrected IS NOT NULL ORDER BY r.decided, r.id"),
            {"v": duties.consent_version()},
        ).all()  # fmt: skip
        for row in rows:
            if row.agreed is None:
                continue
            put_right = db.vault.read(connection, row.conversation, row.corrected, place=f"corrected:{row.id}")
            for turn in read_turns(db, connection, row.conversation):
                if turn.number == row.turn:
                    yield Correction(
                        row.id, turn.said, turn.answer.text, put_right, row.raised or row.level, row.language, row.decided,
                        row.agreed, row.audience, turn.answer.citations,
                    )  # fmt: skip


def as_row(found: Correction) -> dict[str, Any]:
    """One line for `finetune collect`, which is a case too (`id`, `text`, `level`, `language`). Its texts are redacted once more.

    Where it comes from is the review and its day; who decided, whose it was, and which conversation, are not in it.
    """
    today = date.today()
    said, answered, corrected = (
        redact_once(text, today).text for text in (found.said, found.answered, found.corrected)
    )
    day = found.decided[:10]
    passages = [{"id": each.passage, "title": each.title, "heading": "", "text": each.text} for each in found.cited]
    return {
        "id": f"review-{found.review}",
        "text": said,
        "level": found.level,
        "language": found.language,
        "conversation": f"review-{found.review}",
        "consent": {"training": True, "on": found.agreed[:10]},
        "review": {
            "by": "a clinician",
            "verdict": "corrected",
            "answer": corrected,
            "id": found.review,
            "decided": day,
        },
        "turns": [
            {"role": "user", "text": said},
            {
                "role": "assistant",
                "text": answered,
                "passages": passages,
                "language": found.language,
                "audience": found.audience,
            },
        ],
    }


def write_corrections(db: Database, path: Path) -> int:
    """Write them all as JSON lines, whole or not at all; how many. The file may be read by its owner only."""
    part = path.with_name(path.name + ".part")
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        for found in corrections(db):
            stream.write(json.dumps(as_row(found), ensure_ascii=False) + "\n")
            count += 1
    os.replace(part, path)
    return count
