"""The review page: what clinicians look at afterwards, and answers that wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.staff.types import House, Page
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


def _build(house: House, language: Language) -> gr.Blocks:
    from agent.app.review.page import build

    return build(house, language)


PAGE = Page("/review", "review", "review_title", _build)
