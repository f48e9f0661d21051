"""Answers that wait for a clinician before they are shown, which clinician is on duty, and a level that one of them raised."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = (
    # Without a reference: of a conversation that is not kept, an answer may be held too. `kept`: the turn stands in `turns`.
    "CREATE TABLE held (id TEXT PRIMARY KEY, conversation TEXT NOT NULL, turn INTEGER NOT NULL, account TEXT, "
    "kept INTEGER NOT NULL, country TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, status TEXT NOT NULL, "
    "ended TEXT, body TEXT, UNIQUE (conversation, turn))",
    "CREATE INDEX held_status ON held (status, since)",
    "CREATE INDEX held_account ON held (account)",
    "CREATE TABLE duty (account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE, since TEXT NOT NULL, "
    "seen TEXT NOT NULL)",
    "ALTER TABLE reviews ADD COLUMN language TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN raised TEXT NOT NULL DEFAULT ''",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES:
        op.get_bind().exec_driver_sql(statement)
