"""The agent put together from settings: index, embedder, model, audit. Heavy parts open when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.audit import AuditLog
from agent.config import Settings
from agent.database import open_ground
from agent.types import ChatModel
from knowledge.errors import IndexFault, StoreError
from knowledge.store import in_turn
from retrieval.types import Embedder

if TYPE_CHECKING:
    from retrieval.index import Index

Progress = Callable[[int, int], None]
_EMBEDDED = "embedded"


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
    audit = open_ground(settings).audit
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

    With a `vector_store` its vectors are searched there; the folder's catalogue and words stay local.

    Raises:
        IndexFault: an index that was named is missing, damaged, or not of this embedder, or the store's is another's.
        StoreError: the vector store does not answer.
    """
    from retrieval import index as index_module

    if settings.index:
        return index_module.load(Path(settings.index), embedder=embedder.id, store=settings.vector_store)
    index = _own_or_library(settings, embedder, progress)
    if not settings.vector_store:
        return index
    index.catalogue.close()
    return index_module.load(index_folder(settings), embedder=embedder.id, store=settings.vector_store)


def index_folder(settings: Settings) -> Path:
    """The folder of the index that the settings name: one's own where there is one, or the embedded library's."""
    if settings.index:
        return Path(settings.index)
    own = own_index(settings.home)
    return own if own.is_dir() else library_index(settings.home)


def _own_or_library(settings: Settings, embedder: Embedder, progress: Progress | None) -> Index:
    from retrieval import index as index_module

    own = own_index(settings.home)
    if own.is_dir():
        return _brought_up_to_date(own, embedder, progress)
    from knowledge.build import embedded_identity

    folder = library_index(settings.home)

    def load() -> Index:
        return index_module.load(folder, embedder=embedder.id, made_from=embedded_identity())

    try:
        return load()
    except IndexFault:
        # The library's own index is only a saving: missing, damaged or of an older library, it is made again.
        with in_turn(folder):
            # Whoever had the turn before may have made it.
            try:
                return load()
            except IndexFault:
                return build_library(folder, embedder, progress=progress)


def build_library(folder: Path, embedder: Embedder, *, progress: Progress | None = None) -> Index:
    """Make the embedded library's index in a folder, from the vectors that ship where they hold."""
    from knowledge.build import EMBEDDED, documents_of, embedded_identity
    from retrieval import index as index_module
    from retrieval.embedders.shipped import vectors

    return index_module.build(
        documents_of(EMBEDDED),
        embedder=embedder,
        out=folder,
        origin=_EMBEDDED,
        known=vectors(embedder.id),
        progress=progress,
        facts={"made_from": embedded_identity()},
    )


def _brought_up_to_date(folder: Path, embedder: Embedder, progress: Progress | None) -> Index:
    """An index with documents of one's own: they stay, the library's are exchanged when it has changed."""
    from knowledge.build import EMBEDDED, documents_of, embedded_identity
    from knowledge.store import read_manifest
    from retrieval import index as index_module
    from retrieval.add import Adder
    from retrieval.embedders.shipped import vectors

    if read_manifest(folder, sealed=False).get("made_from") != embedded_identity():
        try:
            adder = Adder(folder, embedder=embedder, origin=_EMBEDDED, known=vectors(embedder.id))
        except StoreError:
            # Another process adds to it now, or it cannot be written: it serves as it is.
            return index_module.load(folder, embedder=embedder.id)
        # First what is gone: a topic that was renamed would otherwise be a double of its old self.
        adder.drop_missing({document.id for document in documents_of(EMBEDDED)})
        for number, document in enumerate(documents_of(EMBEDDED), 1):
            adder.add(document)
            if progress:
                progress(number, 0)
        adder.close(facts={"made_from": embedded_identity()})
    return index_module.load(folder, embedder=embedder.id)


def library_index(home: Path) -> Path:
    """Where the embedded library's index lies."""
    return home / "index" / "library"


def own_index(home: Path) -> Path:
    """Where the index lies that holds the library and the documents that `knowledge add` brought."""
    return home / "index" / "own"
