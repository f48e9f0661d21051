"""What stands around an answer on the patient's page: that it is held, who wrote it, how to leave, to ask again, and the thumbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.markup import blocks, plain, said
from agent.messages import say
from agent.records.keeping import policy
from knowledge.places import duties

if TYPE_CHECKING:
    from agent.app.view import Turn

REASONS = ("unsafe", "wrong", "unclear", "off")
"""What can be said to be wrong with an answer (`patient_thumb_reason_*`)."""
MOST_WORDS = 1000
"""Characters of a person's own words on it."""


def held_html(turn: Turn) -> str:
    """That a clinician looks at the answer first, and how long it has waited; it stands under the urgency, which is never held."""
    if not turn.held:
        return '<div class="held" hidden></div>'
    waits = ' data-waits="1"' if turn.waits else ""
    return f'<div class="held" role="status"{waits}>{blocks(turn.held)}</div>'


def label_html(turn: Turn) -> str:
    """That a program wrote it: with every answer, whatever the place asks."""
    if turn.answer is None or not turn.over:
        return '<p class="label" hidden></p>'
    return f'<p class="label">{plain(duties.label(turn.language))}</p>'


def leave_html(turn: Turn) -> str:
    """How to leave at once, where somebody else must not see what was asked."""
    if not turn.rule or turn.rule not in {rule.id for rule in policy().rules}:
        return '<div class="leave-here" hidden></div>'
    return f'<div class="leave-here">{blocks(say(turn.language, "patient_leave_here"))}</div>'


def acts_html(turn: Turn) -> str:
    """Ask again, and the thumbs; a reason can be given where the conversation is kept, for nowhere else is it kept."""
    language, number = turn.language, turn.number
    if not turn.acts or not turn.over:
        return '<div class="acts" hidden></div>'
    again = f'<button type="button" class="once-more">{said(language, "patient_again")}</button>' if turn.newest else ""
    if turn.answer is None:
        return f'<div class="acts">{again}</div>' if again else '<div class="acts" hidden></div>'
    thumbs = "".join(
        f'<button type="button" data-thumb="{value}" aria-pressed="{"true" if turn.thumb == value else "false"}">'
        f"{said(language, f'patient_thumb_{name}')}</button>"
        for name, value in (("up", 1), ("down", -1))
    )
    return (
        f'<div class="acts" data-turn="{number}">{again}<div class="thumbs" role="group" aria-labelledby="thumbs-{number}">'
        f'<span id="thumbs-{number}">{said(language, "patient_thumbs")}</span>{thumbs}</div>{_why(turn)}'
        f'<p class="hint" role="status">{plain(turn.thanks)}</p></div>'
    )


def _why(turn: Turn) -> str:
    if turn.thumb >= 0 or turn.thanks or not turn.kept:
        return ""
    language, name = turn.language, f"why-{turn.number}"
    choices = "".join(
        f'<label class="tick"><input type="radio" name="{name}" value="{reason}">'
        f"<span>{said(language, f'patient_thumb_reason_{reason}')}</span></label>"
        for reason in REASONS
    )
    return (
        f'<div class="why"><fieldset><legend>{said(language, "patient_thumb_why")}</legend>{choices}'
        f'<label class="own" for="{name}-own">{said(language, "patient_thumb_words")}</label>'
        f'<textarea id="{name}-own" rows="2" maxlength="{MOST_WORDS}" autocomplete="off"></textarea></fieldset>'
        f'<button type="button" data-thumb="-1" data-sure="1">{said(language, "patient_thumb_send")}</button></div>'
    )
