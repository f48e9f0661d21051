"""What is kept of conversations, sealed under a key of each conversation's own; consents, reviews, and what was erased."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = (
    "CREATE TABLE conversation_keys (conversation TEXT PRIMARY KEY, key_id TEXT NOT NULL, wrapped TEXT NOT NULL)",
    "CREATE INDEX conversation_keys_key ON conversation_keys (key_id)",
    "CREATE TABLE conversations (id TEXT PRIMARY KEY, account TEXT, mode TEXT NOT NULL, audience TEXT NOT NULL, "
    "country TEXT NOT NULL, language TEXT NOT NULL, made TEXT NOT NULL, last TEXT NOT NULL, state TEXT NOT NULL)",
    "CREATE INDEX conversations_account ON conversations (account)",
    "CREATE INDEX conversations_last ON conversations (last)",
    "CREATE TABLE turns (conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, number INTEGER NOT NULL, "
    "at TEXT NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (conversation, number))",
    "CREATE TABLE feedback (conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, turn INTEGER NOT NULL, "
    "thumb INTEGER NOT NULL, reason TEXT, at TEXT NOT NULL, PRIMARY KEY (conversation, turn))",
    # Without a reference: of a conversation that is not kept, that it was an emergency may still wait to be looked at.
    "CREATE TABLE reviews (id TEXT PRIMARY KEY, conversation TEXT NOT NULL, turn INTEGER NOT NULL, reason TEXT NOT NULL, "
    "level TEXT NOT NULL, rules TEXT NOT NULL, status TEXT NOT NULL, added TEXT NOT NULL, decided_by TEXT, decided TEXT, "
    "comment TEXT, corrected TEXT, UNIQUE (conversation, turn, reason))",
    "CREATE INDEX reviews_status ON reviews (status, added)",
    "CREATE TABLE consents (id TEXT PRIMARY KEY, subject TEXT NOT NULL, kind TEXT NOT NULL, version TEXT NOT NULL, "
    "country TEXT NOT NULL, guardian INTEGER NOT NULL, given TEXT NOT NULL, withdrawn TEXT)",
    "CREATE INDEX consents_subject ON consents (subject)",
    "CREATE TABLE erasures (number INTEGER PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, "
    "reason TEXT NOT NULL)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES:
        op.get_bind().exec_driver_sql(statement)
