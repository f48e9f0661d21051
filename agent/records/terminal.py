"""What is kept of a chat in the terminal: audit records of redacted words, and none of who tells of a crisis or of abuse."""

from __future__ import annotations

from agent.database import Database
from agent.records.erasure import erase_conversation
from agent.records.keeping import OutlineLog, logged
from agent.types import ConversationState
from knowledge.errors import AnamnesisError


def log_of(db: Database, state: ConversationState) -> OutlineLog:
    """The audit log for the next turn: an outline without words where what was said before lets nothing be kept."""
    return OutlineLog(db.engine, db.vault, mode=logged("anonymous", state))


def turned(db: Database, before: ConversationState, after: ConversationState) -> str:
    """Erase what was written of a conversation that has turned into one of which nothing is kept.

    What to say of a fault, a line, or "": the answer that was just given stands, and the chat goes on.
    """
    if not before.messages or logged("anonymous", before) == "private" or logged("anonymous", after) != "private":
        return ""
    try:
        erase_conversation(db, after.id, reason="not kept")
    except AnamnesisError as fault:
        return f"{fault}\n"
    return ""
