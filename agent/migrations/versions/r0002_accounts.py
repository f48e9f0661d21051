"""Accounts, their sessions, API keys and identities elsewhere, and how often somebody tried to sign in."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = (
    "CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, password TEXT, "
    "must_change INTEGER NOT NULL DEFAULT 0, made TEXT NOT NULL, changed TEXT NOT NULL)",
    "CREATE TABLE sessions (digest TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, "
    "made TEXT NOT NULL, seen TEXT NOT NULL, ends TEXT NOT NULL)",
    "CREATE INDEX sessions_account ON sessions (account)",
    "CREATE TABLE api_keys (id TEXT PRIMARY KEY, prefix TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, "
    "account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, name TEXT NOT NULL, scopes TEXT NOT NULL, "
    "made TEXT NOT NULL, ends TEXT NOT NULL, revoked TEXT, used TEXT)",
    "CREATE INDEX api_keys_account ON api_keys (account)",
    "CREATE TABLE identities (issuer TEXT NOT NULL, subject TEXT NOT NULL, "
    "account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, PRIMARY KEY (issuer, subject))",
    # `who` is a keyed hash: people type passwords into the field for the name.
    "CREATE TABLE attempts (who TEXT PRIMARY KEY, tries INTEGER NOT NULL, last TEXT NOT NULL, until TEXT NOT NULL, "
    "noted TEXT NOT NULL DEFAULT '')",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in _TABLES:
        op.get_bind().exec_driver_sql(statement)
