"""The pages made, each behind its address: with the look that all share, and nothing of Gradio's that they do not need."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from agent.app.mounting import mount_blocks
from agent.app.staff.types import House, Page
from agent.messages import say
from agent.types import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")
_ONE = threading.Lock()
"""Gradio keeps the page that is being made in a variable of its own for the whole process."""


@dataclass(slots=True)
class Door:
    """One page in one language. `app` is Gradio's application, `live` what it does beside answering; both None at first."""

    page: Page
    language: Language
    app: Any = None
    live: asyncio.Task[None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Staff:
    """The pages of those who sign in, by their addresses, each made once."""

    def __init__(self, house: House, pages: Sequence[Page]) -> None:
        self.house, self.pages = house, tuple(pages)
        self._doors = {page.at(language): Door(page, language) for page in pages for language in LANGUAGES}

    def door(self, path: str) -> tuple[str, Door | None]:
        """The address of the page that `path` belongs to, and the page; None where it is no page's."""
        root = "/".join(path.split("/")[: 3 if path.startswith("/zh/") else 2])
        return root, self._doors.get(root)

    def open(self, door: Door) -> Any:
        """Gradio's application for a page, made if it is not yet."""
        with door.lock:
            if door.app is None:
                door.app = build(self.house, door.page, door.language)
            return door.app

    def open_all(self) -> None:
        """Make every page now, before anybody is served.

        While one is made, a handler of another that makes a component would have Gradio put it into the one being made.
        """
        for door in self._doors.values():
            self.open(door)


def build(house: House, page: Page, language: Language) -> Any:
    """Gradio's application for one page in one language."""
    from fastapi import FastAPI

    from agent.api import tracing

    with _ONE:
        demo = page.build(house, language)
        demo.title = f"{say(language, page.title)} - {say(language, 'app_title')}"
        demo.analytics_enabled = False
        demo.queue(default_concurrency_limit=None, max_size=128, api_open=False)
        holder = FastAPI(telemetry=tracing.OFF)  # type: ignore[arg-type]
        mount_blocks(
            holder, demo, page.at(language), css=_own("staff.css"), head=f"<script>{_script(page, language)}</script>",
            most=page.upload or 1, app_kwargs={"telemetry": tracing.OFF},
        )  # fmt: skip
    mounted: Any = holder.router.routes[-1]
    return mounted.app


def _script(page: Page, language: Language) -> str:
    spoken = "zh-CN" if language == "zh" else "en"
    again = "/zh/sign-in" if language == "zh" else "/sign-in"
    return f"const staff = {{language: '{spoken}', again: '{again}?next={page.at(language)}'}};\n{_own('staff.js')}"


@cache
def _own(name: str) -> str:
    return files("agent.app.staff").joinpath(name).read_text(encoding="utf-8")
