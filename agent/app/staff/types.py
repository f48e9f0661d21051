"""What a page of those who sign in is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.api.metrics import Metrics
from agent.api.turns import Turns
from agent.build import Agent
from agent.config import Settings
from agent.database import Database
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr


@dataclass(frozen=True, slots=True)
class House:
    """What the pages work with. `agent` gives the agent, waiting until it is open; `ready` says whether it is."""

    agent: Callable[[], Agent]
    ready: Callable[[], bool]
    settings: Settings
    db: Database
    turns: Turns
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Page:
    """One page. In English it is at `path`, in Chinese at `/zh` and `path`.

    `action` is what whoever opens it must be allowed (`permissions.toml`); `title` is a message id. `build` makes the page in one
    language. `upload` is the most bytes of a file that may be sent to it, 0 where none may.

    A package may have a `ROUTER` (FastAPI's APIRouter) beside its PAGE for what is no Gradio page, a report that is downloaded:
    its addresses begin with the page's `path` and `/files/`, whoever may open the page may open them, and the guard has put who
    asks where `who_of(request)` finds it. Gradio's own addresses for files are closed: a download goes through such an address.
    """

    path: str
    action: str
    title: str
    build: Callable[[House, Language], gr.Blocks]
    upload: int = 0

    def at(self, language: Language) -> str:
        """Its address in a language, without a slash at the end."""
        return f"/zh{self.path}" if language == "zh" else self.path
