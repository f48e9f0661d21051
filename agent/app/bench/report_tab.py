"""The tab of reports: one run, several side by side with paired tests, and the release gate's verdict."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.app.bench import reports
from agent.app.bench.common import QUIET, SLOW, asker, failed, run_choices
from agent.app.bench.plan import PROFILES
from agent.app.bench.runs import Runs
from agent.app.bench.show_reports import gate_html, report_html
from agent.app.staff.html import muted
from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


def report_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"bench_{name}", **fields)

    runs = Runs(house.settings.home)
    gr.HTML(muted(words("reports_about")), padding=False)
    chosen = gr.Dropdown(
        [], multiselect=True, max_choices=reports.MOST, label=words("reports_runs"), elem_id="bn-report-runs"
    )
    with gr.Row():
        profile = gr.Dropdown([(words(f"profile_{name}"), name) for name in PROFILES], value="quick", label=words("gate_profile"),
                              info=words("gate_profile_info"))  # fmt: skip
        beside = gr.Dropdown([(words("no_base"), "")], value="", label=words("beside"), info=words("beside_info"))
    with gr.Row():
        make = gr.Button(words("make_report"), variant="primary", scale=0, min_width=240, elem_id="bn-report")
        hold = gr.Button(words("hold_gate"), scale=0, min_width=240, elem_id="bn-gate")
        look = gr.Button(words("refresh"), scale=0, min_width=180)
    out = gr.HTML(elem_id="bn-report-out", padding=False)

    def look_up(request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "read_reports")
        except Exception as error:
            return {out: failed(error, language)}
        choices = run_choices([run for run in runs.listed() if run.can_be_read])
        return {chosen: gr.Dropdown(choices), beside: gr.Dropdown([(words("no_base"), ""), *choices])}

    def make_report(ids: list[str] | None, held: str, request: gr.Request) -> str:
        try:
            asker(house, request, "read_reports")
            return report_html(reports.report(runs, ids or [], held), language)
        except Exception as error:
            return failed(error, language)

    def hold_gate(ids: list[str] | None, held: str, base: str | None, request: gr.Request) -> str:
        try:
            asker(house, request, "read_reports")
            if len(ids or []) != 1:
                return muted(words("gate_one"))
            return gate_html(reports.gate(runs, (ids or [""])[0], held, beside=base or ""), language)
        except Exception as error:
            return failed(error, language)

    make.click(make_report, [chosen, profile], out, **SLOW)
    hold.click(hold_gate, [chosen, profile, beside], out, **SLOW)
    look.click(look_up, None, [chosen, beside, out], **QUIET)
    demo.load(look_up, None, [chosen, beside, out], **QUIET)
