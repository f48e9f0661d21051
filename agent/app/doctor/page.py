"""The desk's page: its tabs, made in one language."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


def build(house: House, language: Language) -> gr.Blocks:
    """The page with its five tabs."""
    import gradio as gr

    from agent.app.doctor import MOST_BYTES, PAGE
    from agent.app.doctor.ask import ask_tab
    from agent.app.doctor.calculators import calculators_tab
    from agent.app.doctor.compare import compare_tab
    from agent.app.doctor.documents import documents_tab
    from agent.app.doctor.search import search_tab
    from agent.app.staff.frame import frame

    look = files("agent.app.doctor").joinpath("doctor.css").read_text(encoding="utf-8")
    with gr.Blocks(analytics_enabled=False, title=say(language, PAGE.title), delete_cache=(3600, 3600)) as demo:
        frame(house, PAGE, language)
        gr.HTML(f"<style>{look}</style>", padding=False)
        with gr.Tabs(elem_id="dd-tabs"):
            with gr.Tab(say(language, "doctor_tab_search"), id="search"):
                search_tab(house, language, demo)
            with gr.Tab(say(language, "doctor_tab_ask"), id="ask"):
                ask_tab(house, language, demo)
            with gr.Tab(say(language, "doctor_tab_compare"), id="compare"):
                compare_tab(house, language, demo)
            with gr.Tab(say(language, "doctor_tab_calculators"), id="calculators"):
                calculators_tab(house, language, demo)
            with gr.Tab(say(language, "doctor_tab_documents"), id="documents"):
                documents_tab(house, language, demo, most=MOST_BYTES)
    return demo
