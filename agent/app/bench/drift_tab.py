"""The tab of what was measured over time."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.app.bench import drift
from agent.app.bench.common import SLOW, asker, failed
from agent.app.bench.runs import Runs
from agent.app.bench.show_drift import drift_html
from agent.app.staff.html import muted
from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    pass

_BETWEEN = "\t"


def drift_tab(house: House, language: Language) -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"bench_{name}", **fields)

    runs = Runs(house.settings.home)
    gr.HTML(muted(words("drift_about")), padding=False)
    with gr.Row():
        chosen = gr.Dropdown([], label=words("drift_what"), elem_id="bn-drift-what")
        look = gr.Button(words("drift_read"), variant="primary", scale=0, min_width=220, elem_id="bn-drift-read")
    out = gr.HTML(elem_id="bn-drift-out", padding=False)

    def read(held: str | None, request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "read_reports")
            found = drift.digests(house.settings.home, runs.listed())
            pairs = drift.subjects(found)
            choices = [(f"{suite} · {subject}", f"{suite}{_BETWEEN}{subject}") for subject, suite in pairs]
            known = [each for _, each in choices]
            now = held if held in known else known[0] if known else ""
            suite, _, subject = now.partition(_BETWEEN)
            shown = (
                drift_html(drift.over_time(found, subject, suite), subject, suite, language)
                if now
                else muted(words("no_drift"))
            )
            return {chosen: gr.Dropdown(choices, value=now or None), out: shown}
        except Exception as error:
            return {out: failed(error, language)}

    look.click(read, chosen, [chosen, out], **SLOW)
    chosen.input(read, chosen, [chosen, out], **SLOW)
