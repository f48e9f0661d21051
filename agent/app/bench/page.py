"""The bench's page: its tabs, made in one language."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


def build(house: House, language: Language) -> gr.Blocks:
    """The page with its four tabs."""
    import gradio as gr

    from agent.app.bench import PAGE
    from agent.app.bench.drift_tab import drift_tab
    from agent.app.bench.report_tab import report_tab
    from agent.app.bench.run_tab import run_tab
    from agent.app.bench.turn_tab import turn_tab
    from agent.app.staff.frame import frame

    look = files("agent.app.bench").joinpath("bench.css").read_text(encoding="utf-8")
    with gr.Blocks(analytics_enabled=False, title=say(language, PAGE.title)) as demo:
        frame(house, PAGE, language)
        gr.HTML(f"<style>{look}</style>", padding=False)
        with gr.Tabs(elem_id="bn-tabs"):
            with gr.Tab(say(language, "bench_tab_run"), id="run"):
                run_tab(house, language, demo)
            with gr.Tab(say(language, "bench_tab_reports"), id="reports"):
                report_tab(house, language, demo)
            with gr.Tab(say(language, "bench_tab_drift"), id="drift"):
                drift_tab(house, language)
            with gr.Tab(say(language, "bench_tab_turn"), id="turn"):
                turn_tab(house, language)
    return demo
