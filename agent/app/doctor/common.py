"""What the tabs of the desk share: how quietly events run, and how a fault is said."""

from __future__ import annotations

import logging
from typing import Any

from agent.app.staff.html import Html, fault, tag
from agent.messages import say
from agent.types import Language
from knowledge.errors import AccessError, AnamnesisError

log = logging.getLogger("anamnesis.app")

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
MOST_TYPED = 20_000
"""Characters of a question or a note that are taken."""


def failed(error: Exception, language: Language) -> Html:
    """What is shown of a fault: our own in its words, another without any of them, since they may quote what was typed."""
    if isinstance(error, AccessError):
        return fault(say(language, "doctor_refused"))
    if isinstance(error, AnamnesisError):
        # The words of a fault are English; they stand in both pages, marked as such.
        return fault(say(language, "doctor_failed"), remedy=tag("span", str(error), lang="en"))
    log.error("The desk failed: %s", type(error).__name__)
    return fault(say(language, "doctor_failed_unknown"))


def lang(language: str) -> str:
    """A language as HTML names it."""
    return "zh-Hans" if language == "zh" else "en"
