"""The audit chain, as every database has had it from the first day: one that has the tables already keeps them as they are."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_GENESIS = "0" * 64
_TABLES = (
    "CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, at TEXT NOT NULL, conversation TEXT NOT NULL, "
    "kind TEXT NOT NULL, salt TEXT, payload TEXT, digest TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_conversation ON audit (conversation)",
    "CREATE TABLE IF NOT EXISTS audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash TEXT NOT NULL)",
    f"INSERT INTO audit_head (one, number, hash) SELECT 1, 0, '{_GENESIS}' WHERE NOT EXISTS (SELECT 1 FROM audit_head)",
)
# Append-only is the database's own rule, not our good behaviour: a record cannot be deleted, and only erasure changes one.
_GUARDS = {
    "sqlite": (
        "CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_no_change BEFORE UPDATE ON audit WHEN NEW.payload IS NOT NULL OR NEW.salt IS NOT NULL "
        "OR NEW.number <> OLD.number OR NEW.at <> OLD.at OR NEW.conversation <> OLD.conversation OR NEW.kind <> OLD.kind "
        "OR NEW.digest <> OLD.digest OR NEW.hash <> OLD.hash BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger AS $$ BEGIN "
        "IF TG_OP = 'DELETE' OR NEW.payload IS NOT NULL OR NEW.salt IS NOT NULL OR ROW(NEW.number, NEW.at, NEW.conversation, "
        "NEW.kind, NEW.digest, NEW.hash) IS DISTINCT FROM ROW(OLD.number, OLD.at, OLD.conversation, OLD.kind, OLD.digest, "
        "OLD.hash) THEN RAISE EXCEPTION 'audit is append-only'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_guard()",
    ),
}


def upgrade() -> None:
    """Make the tables and their guards where they are not there yet."""
    connection = op.get_bind()
    for statement in _TABLES + _GUARDS.get(connection.dialect.name, ()):
        connection.exec_driver_sql(statement)
