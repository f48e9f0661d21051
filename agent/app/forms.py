"""What stands folded under an answer: what was understood, to be corrected, and the page for the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.markup import plain, said
from agent.understood import LISTS, MOST, Row

if TYPE_CHECKING:
    from agent.app.view import Turn

_FORMS = (("markdown", "paper_markdown"), ("pdf", "paper_pdf"), ("print", "patient_paper_print"))


def understood_html(turn: Turn) -> str:
    """What was understood, each row a field of its own; a browser's own fields work by keyboard and with a screen reader."""
    language = turn.language
    if not turn.rows or not turn.over:
        return '<details class="understood" hidden></details>'
    fields = "".join(_field(turn, row) for row in turn.rows)
    return (
        f'<details class="understood" data-tries="{turn.tries}"{" open" if turn.unfolded else ""}>'
        f"<summary>{said(language, 'understood_heading')}</summary><p>{said(language, 'understood_intro')}</p>"
        f'<div class="fields">{fields}</div><button type="button" class="again">{said(language, "understood_button")}</button>'
        f'<p class="hint" role="status">{plain(turn.hint)}</p></details>'
    )


def _field(turn: Turn, row: Row) -> str:
    name = f"understood-{turn.number}-{row.id}"
    label = f'<label for="{name}">{plain(row.label)}</label>'
    if not row.editable:
        return f'<div class="field">{label}<output id="{name}">{plain(row.value)}</output></div>'
    wrong = f' aria-invalid="true" aria-describedby="{name}-fault"' if row.fault else ""
    told = (
        f'id="{name}" data-row="{row.id}" maxlength="{MOST}" autocomplete="off" '
        f'placeholder="{said(turn.language, "understood_not_told")}"{wrong}'
    )
    field = (
        f'<textarea {told} rows="{1 + len(row.typed) // 60}">{plain(row.typed)}</textarea>'
        if row.id in LISTS
        else f'<input type="text" {told} value="{plain(row.typed)}">'
    )
    fault = f'<p class="fault" id="{name}-fault">{plain(row.fault)}</p>' if row.fault else ""
    return f'<div class="field">{label}{field}{fault}</div>'


def paper_html(turn: Turn) -> str:
    """The page for the doctor: two buttons, and what stands in it."""
    if not turn.rows or not turn.over:
        return '<details class="paper" hidden></details>'
    language = turn.language
    buttons = "".join(
        f'<button type="button" data-form="{form}">{said(language, name)}</button>' for form, name in _FORMS
    )
    return (
        f'<details class="paper"><summary>{said(language, "paper_heading")}</summary><p>{said(language, "paper_about")}</p>'
        f'<div class="forms">{buttons}</div><p class="hint" role="status"></p></details>'
    )
