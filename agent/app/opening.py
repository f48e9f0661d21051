"""The agent opened in the background while the page is being made."""

from __future__ import annotations

import threading
from datetime import date

import click

from agent.app.renewal import Renewal
from agent.build import Agent, Progress, build_agent
from agent.config import Settings
from agent.messages import say
from agent.types import Language

_LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Opening:
    """The agent as it is being opened in the background, with every part used once, so that nobody waits for it. What is added
    to its index later is taken up.

    A failure to open is raised by `agent`.
    """

    def __init__(self, settings: Settings, *, progress: Progress | None = None) -> None:
        self._settings, self._progress = settings, progress
        self._renewal: Renewal | None = None
        self._fault: BaseException | None = None
        self._ready, self._loaded = threading.Event(), threading.Event()
        threading.Thread(target=self._open, name="open-agent", daemon=True).start()

    def agent(self) -> Agent:
        """The agent with the newest index, waiting until it is open."""
        self._ready.wait()
        if self._renewal is None:
            raise self._fault or RuntimeError("The agent did not open")
        return self._renewal.agent()

    def is_open(self) -> bool:
        """Whether the agent is open."""
        return self._renewal is not None

    def load(self) -> None:
        """Start reading the model's weights, where the engine can; returns at once."""
        threading.Thread(target=self._load, name="load-model", daemon=True).start()

    def loading(self) -> bool:
        """Whether the weights are still being read."""
        return not self._loaded.is_set()

    def close(self) -> None:
        """Free the weights."""
        if self._renewal is not None:
            self._renewal.agent().close()

    def _open(self) -> None:
        try:
            agent = build_agent(self._settings, progress=self._progress)
            warm_up(agent)
            self._renewal = Renewal(agent)
        except BaseException as fault:
            self._fault = fault
        finally:
            self._ready.set()

    def _load(self) -> None:
        try:
            load = getattr(self.agent().model, "load", None)
            if load is not None:
                load()
        except Exception as fault:
            # The first question meets the same fault and answers with the sources' own sentences.
            click.echo(f"The language model cannot be used: {fault}", err=True)
        finally:
            self._loaded.set()


def warm_up(agent: Agent) -> None:
    """Use every stage before the model once, in both languages; nothing is recorded."""
    from agent import readings
    from agent.policy import decide
    from agent.privacy import Redactor
    from agent.refine import refine
    from agent.triage import triage
    from retrieval.search import search
    from retrieval.types import Filters

    for language in _LANGUAGES:
        safe = Redactor(date.today()).redact(say(language, "example_1"))
        found = refine(triage((safe,), language), (safe,), language, agent.embedder)
        shares = readings.shares(safe, agent.embedder)
        decide(safe, (), language, found, country="", audience="patient", shares=shares)
        search(agent.index, safe.text, embedder=agent.embedder, filters=Filters(language=language), k=1)
