"""The operator's page: is it well, what serves, what is kept, who may come in; no conversation is read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.staff.types import House, Page
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


def _build(house: House, language: Language) -> gr.Blocks:
    from agent.app.operator.page import build

    return build(house, language)


PAGE = Page("/operate", "read_metrics", "operator_title", _build)
