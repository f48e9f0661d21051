"""A thumb on an answer of the page: beside the answer where that is kept, else only how it was decided and the thumb."""

from __future__ import annotations

from dataclasses import replace

from agent.accounts.types import Who
from agent.app.conversations import Conversation
from agent.app.patient.consent import owner_of
from agent.app.patient.parts import MOST_WORDS, REASONS
from agent.app.view import Turn
from agent.database import Database
from agent.messages import say
from agent.records.feedback import Thumb, give_feedback, note_thumb
from knowledge.errors import InputError
from knowledge.places import emergency_line


def rate(
    db: Database, who: Who, held: Conversation, number: int, thumb: Thumb, *, sure: bool, reason: str = "", words: str = ""
) -> Turn:  # fmt: skip
    """Write a thumb down, and the turn as it is shown from then on. `sure`: a reason was given, or none will be.

    Where the answer is kept the thumb stands beside it, with the reason in redacted words. Where nothing is kept the record has
    the level, the rules and the thumb, and a thumb down waits in the review queue with no more than that.

    Raises:
        InputError: there is no such answer on this page.
        AccessError, StoreError: as `give_feedback`.
    """
    place = next((at for at, turn in enumerate(held.turns) if turn.number == number), None)
    turn = held.turns[place] if place is not None else None
    if place is None or turn is None or turn.answer is None:
        raise InputError("There is no such answer on this page", remedy="Rate one that is shown")
    owner = owner_of(db, who, held)
    language = turn.language
    thanks = say(language, "patient_thumb_thanks" if thumb > 0 else "patient_thumb_thanks_review")
    if turn.kept:
        why = [say(language, f"patient_thumb_reason_{reason}")] if reason in REASONS else []
        said = held.redactor.redact("\n".join((*why, words.strip()[:MOST_WORDS]))) if why or words.strip() else None
        give_feedback(db, owner, held.state.id, turn.kept, thumb, reason=said)
    else:
        _outline(db, owner, held, turn, thumb)
        sure = True
        if thumb < 0:
            thanks = f"{thanks} {say(language, 'patient_thumb_outline')}"
    if thumb < 0:
        thanks = f"{thanks} {say(language, 'patient_thumb_safety', call=emergency_line(held.state.country, language))}"
    later = replace(turn, thumb=thumb, thanks=thanks if sure or thumb > 0 else "")
    held.turns = (*held.turns[:place], later, *held.turns[place + 1 :])
    return later


def _outline(db: Database, owner: Who, held: Conversation, turn: Turn, thumb: Thumb) -> None:
    answer = turn.answer
    if answer is None:
        return
    note_thumb(db, owner, held.state.id, thumb, level=answer.level, rules=answer.rules, language=answer.language)
    record = {"level": answer.level, "rules": list(answer.rules), "thumb": thumb}
    db.audit.append("feedback", record, conversation=held.state.id)
