"""The agent put together from settings: index, embedder, model, audit. Heavy parts open when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.audit import AuditLog
from agent.config import Settings
from agent.store import open_database
from agent.types import ChatModel
from knowledge.errors import IndexFault
from retrieval.types import Embedder

if TYPE_CHECKING:
    from retrieval.index import Index

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Agent:
    """What a turn needs. `model` is None when the engine is "none": answers are then quoted from the passages."""

    settings: Settings
    settings_hash: str
    index: Index
    embedder: Embedder
    audit: AuditLog
    model: ChatModel | None = None

    def close(self) -> None:
        """Free the model's weights."""
        if self.model is not None:
            self.model.close()


def build_agent(settings: Settings, *, progress: Progress | None = None, model: ChatModel | None = None) -> Agent:
    """An agent ready for `run_turn`; the embedded library's index is made on the first start.

    `model` takes the place of the engine that the settings name (tests, evals).

    Raises:
        IndexFault, WeightsError, EngineError, StoreError, ConfigError: what is missing and what to do.
    """
    from agent.engines import open_engine
    from retrieval.embedders import open_embedder

    embedder = open_embedder(settings.embedder)
    index = open_index(settings, embedder, progress=progress)
    audit = AuditLog(open_database(settings.database, home=settings.home))
    if model is None and settings.engine != "none":
        model = open_engine(
            settings.engine,
            model=settings.model,
            home=settings.home,
            adapter=settings.adapter,
            base_url=settings.base_url,
            key_env=settings.api_key_env,
            context=settings.context,
            threads=settings.threads or None,
        )
    return Agent(settings, settings.hash(), index, embedder, audit, model)


def open_index(settings: Settings, embedder: Embedder, *, progress: Progress | None = None) -> Index:
    """The index that the settings name, or the embedded library's, made or made again when it is not this library's.

    Raises:
        IndexFault: an index that was named is missing, damaged, or not of this embedder.
    """
    from knowledge.build import passages_of
    from retrieval import index as index_module
    from retrieval.embedders.cache import VectorCache

    if settings.index:
        return index_module.load(Path(settings.index), embedder=embedder.id)
    passages = tuple(passages_of(["library"]))
    folder = library_index(settings.home)
    try:
        return index_module.load(folder, embedder=embedder.id, corpus=index_module.corpus_hash(passages))
    except IndexFault:
        # The library's own index is only a saving: missing, damaged or of an older library, it is made again.
        cache = VectorCache(embedder.id, home=settings.home / "vectors")
        return index_module.build(passages, embedder=embedder, out=folder, cache=cache, progress=progress)


def library_index(home: Path) -> Path:
    """Where the embedded library's index lies."""
    return home / "index" / "library"
