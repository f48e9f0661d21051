"""What the tabs of the bench share: how quietly events run, how a fault is said, who may."""

# No `from __future__ import annotations`: Gradio reads the real annotation of a handler.
import logging
from typing import Any

from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.api.logs import place_of
from agent.app.bench.runs import Busy, Run
from agent.app.staff.html import Html, fault, tag
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language
from knowledge.errors import AccessError, AnamnesisError

log = logging.getLogger("anamnesis.app")

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
SLOW: dict[str, Any] = {**QUIET, "show_progress": "minimal"}
"""For what takes seconds: it is seen that something is done."""
LEVELS = ("emergency", "urgent", "routine", "self_care", "unclear")


def asker(house: House, request: Any, action: str) -> Who:
    """Whoever asks, where they may. Raises AccessError where not; recorded."""
    who = who_asks(request)
    require(house.db, who, action)
    return who


def failed(error: Exception, language: Language) -> Html:
    """What is shown of a fault: our own in its words, another without any of them, since they may quote what was typed."""
    if isinstance(error, AccessError):
        return fault(say(language, "bench_refused"))
    if isinstance(error, Busy):
        return fault(say(language, "bench_busy"))
    if isinstance(error, AnamnesisError):
        # The words of a fault are English; they stand in both pages, marked as such.
        return fault(say(language, "bench_failed"), remedy=tag("span", str(error), lang="en"))
    log.error("The bench failed: %s at %s", type(error).__name__, place_of(error))
    return fault(say(language, "bench_failed_unknown"))


def lang(language: str) -> str:
    """A language as HTML names it."""
    return "zh-Hans" if language == "zh" else "en"


def when(iso: str) -> str:
    """A time to the minute, UTC."""
    return iso[:16].replace("T", " ")


def run_choices(runs: list[Run]) -> list[tuple[str, str]]:
    """Runs to choose from: (what is read, id)."""
    return [(f"{when(run.begun)} · {', '.join(run.subjects) or run.id} · {_suites(run)}", run.id) for run in runs]


def _suites(run: Run) -> str:
    names = list(run.choice.suites if run.choice else run.sizes)
    return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
