"""Thumbs on one's own answers, with a reason that is redacted and sealed; a thumb down brings the turn to the review queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agent.accounts.permissions import deny, require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.conversations import may_read_in, needed_turn, open_conversation, read_turns
from agent.records.review import enqueue_in
from agent.types import SafeText
from knowledge.errors import InputError

_MOST = 4000
"""Characters of a reason."""
Thumb = Literal[1, -1]


def give_feedback(
    db: Database, who: Who, conversation: str, turn: int, thumb: Thumb, *, reason: SafeText | None = None
) -> None:
    """Say of a turn of one's own whether it helped; said again, the later word stands.

    Raises:
        AccessError: the conversation is somebody else's; recorded.
        InputError: no such turn, no such thumb, or a reason that is too long.
        StoreError: it was not kept.
    """
    from sqlalchemy import text

    require(db, who, "give_feedback", about=conversation)
    _check(thumb)
    if reason is not None and len(reason.text) > _MOST:
        raise InputError("The reason is too long", expected=f"at most {_MOST} characters")
    open_conversation(db, who, conversation)
    with db.writing() as connection:
        level = needed_turn(connection, conversation, turn)
        words = None
        if reason is not None and reason.text.strip():
            words = db.vault.seal(connection, conversation, reason.text, place=f"thumb:{turn}")
        connection.execute(
            text("INSERT INTO feedback (conversation, turn, thumb, reason, at) VALUES (:c, :t, :thumb, :r, :at) "
                 "ON CONFLICT (conversation, turn) DO UPDATE SET thumb = :thumb, reason = :r, at = :at"),
            {"c": conversation, "t": turn, "thumb": thumb, "r": words, "at": db.now()},
        )  # fmt: skip
        if thumb < 0:
            answer = next(each.answer for each in read_turns(db, connection, conversation) if each.number == turn)
            # Without their consent the words are not shown to a clinician, only that the thumb was down.
            shown = turn if may_read_in(connection, conversation) else 0
            enqueue_in(db, connection, conversation, shown, ["thumbed_down"], level=level, rules=answer.rules,
                       language=answer.language)  # fmt: skip


def note_thumb(
    db: Database, who: Who, conversation: str, thumb: Thumb, *, level: str, rules: Sequence[str], language: str = ""
) -> None:
    """The same of a conversation of which nothing is kept: of a thumb down the queue shows level, rules and time, and nothing else.

    Raises:
        AccessError: who may not, or the conversation is not theirs; recorded.
        InputError: no such thumb.
        StoreError: it was not written.
    """
    require(db, who, "give_feedback", about=conversation)
    _check(thumb)
    if not who.account and conversation not in who.holds:
        deny(db, who, "give_feedback", about=conversation)
    if thumb < 0:
        with db.writing() as connection:
            enqueue_in(db, connection, conversation, 0, ["thumbed_down"], level=level, rules=rules, language=language)


def _check(thumb: int) -> None:
    if thumb not in (1, -1):
        raise InputError("That is no thumb", expected="1 (it helped) or -1")
