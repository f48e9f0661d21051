"""The tab of calculators: chosen from a list, filled by hand or from a note."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from datetime import date
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import require
from agent.app.doctor.calculating import FORM, choices, fields_of, form_html, from_note, result_html, unusable
from agent.app.doctor.common import MOST_TYPED, QUIET, failed
from agent.app.staff.html import Html, muted
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr

_SENT = f"""(...given) => {{
  const form = document.getElementById("{FORM}");
  given[0] = form ? JSON.stringify(Object.fromEntries(new FormData(form))) : "";
  return given;
}}"""


def calculators_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"doctor_{name}", **fields)

    sent = gr.Textbox(visible="hidden", label="")
    gr.HTML(muted(words("calculators_about")), padding=False)
    choice = gr.Dropdown(choices(language), value=None, label=words("choose"), filterable=True, elem_id="dd-calculator")
    with gr.Accordion(words("note"), open=False):
        note = gr.Textbox(
            label=words("note_label"), placeholder=words("note_example"), lines=3, max_lines=12, elem_id="dd-note"
        )
        fill = gr.Button(words("note_button"), scale=0, min_width=200, elem_id="dd-note-go")
    form = gr.HTML(elem_id="dd-form-area", padding=False)
    go = gr.Button(words("calculate"), variant="primary", scale=0, min_width=140, elem_id="dd-calculate")
    out = gr.HTML(elem_id="dd-result", padding=False)

    def chosen(name: Any, request: gr.Request) -> tuple[Any, Any]:
        try:
            require(house.db, who_asks(request), "calculate")
            return (form_html(name, language), "") if name else ("", "")
        except Exception as error:
            return "", failed(error, language)

    def filled(text: str, name: Any, request: gr.Request) -> dict[Any, Any]:
        try:
            require(house.db, who_asks(request), "calculate")
            found, shown = from_note(str(text or "")[:MOST_TYPED], str(name or ""), language, today=date.today())
        except Exception as error:
            return {out: failed(error, language)}
        return {choice: gr.update(value=found), form: shown, out: ""}

    def work_out(given: str, request: gr.Request) -> Html:
        return worked_out(house, str(given or ""), request, language)

    # `input` is the person's own choice: the one that a note brings fills the form itself.
    choice.input(chosen, choice, [form, out], **QUIET)
    fill.click(filled, [note, choice], [choice, form, out], **QUIET)
    go.click(work_out, sent, out, js=_SENT, **QUIET)


def worked_out(house: House, given: str, request: "gr.Request", language: Language) -> Html:
    """What the page's handler gives back for a form that was sent: the result, or what was wrong."""
    try:
        require(house.db, who_asks(request), "calculate")
        if not given:
            return unusable(language)
        name, values = fields_of(given)
        return result_html(name, values, language, today=date.today())
    except Exception as error:
        return failed(error, language)
