"""How much of the review queue waits, for how long, and why: numbers, and nothing of any one of them."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from agent.database import Database
from agent.records.types import Reason, Waiting


def waiting(db: Database) -> Waiting:
    """How many reviews wait for a clinician, for how many seconds the oldest (0 where none does), and how many for which reason.

    Raises:
        StoreError: the database cannot be read.
    """
    from sqlalchemy import text

    query = "SELECT reason, COUNT(*) AS n, MIN(added) AS oldest FROM reviews WHERE status = 'waiting' GROUP BY reason"
    with db.reading(keys=False) as connection:
        rows = connection.execute(text(query)).all()
    oldest = min((datetime.fromisoformat(row.oldest) for row in rows), default=None)
    seconds = max(0.0, (db.clock() - oldest).total_seconds()) if oldest is not None else 0.0
    return Waiting(sum(row.n for row in rows), seconds, {cast(Reason, row.reason): row.n for row in rows})
