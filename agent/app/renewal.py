"""A served agent takes up what was added to its index, without a restart: the newest sealed index, looked for at each turn."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

from agent.build import Agent, index_folder
from knowledge.errors import AnamnesisError
from knowledge.store import MANIFEST, read_manifest

log = logging.getLogger("anamnesis.app")

_Seal = tuple[str, int, int]


class Renewal:
    """Gives an agent with the newest index of its settings. Any thread may ask; one opens a new index, the others go on.

    An index in which documents are being written is not opened: its manifest holds no seals until that is over. With a
    vector store nothing is renewed, since the vectors there are pushed by hand.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent, self._lock = agent, threading.Lock()
        self._seal = _seal(index_folder(agent.settings))

    def agent(self) -> Agent:
        """The agent, with a newer index where there is one."""
        settings = self._agent.settings
        if settings.vector_store or not self._lock.acquire(blocking=False):
            return self._agent
        try:
            folder = index_folder(settings)
            seal = _seal(folder)
            if seal is not None and seal != self._seal and _is_sealed(folder):
                self._open(folder, seal)
        finally:
            self._lock.release()
        return self._agent

    def _open(self, folder: Path, seal: _Seal) -> None:
        from retrieval import index

        # Tried once: what cannot be opened now is not tried at every turn.
        self._seal = seal
        try:
            newer = index.load(folder, embedder=self._agent.embedder.id)
        except AnamnesisError as fault:
            log.error("The index that was changed could not be opened: %s", type(fault).__name__)
            return
        # Turns at work keep the old one, whose file stays open for them.
        self._agent = replace(self._agent, index=newer)


def _seal(folder: Path) -> _Seal | None:
    """What tells a manifest from another one; None where there is none."""
    try:
        found = (folder / MANIFEST).stat()
    except OSError:
        return None
    return str(folder), found.st_ino, found.st_mtime_ns


def _is_sealed(folder: Path) -> bool:
    try:
        return bool(read_manifest(folder, sealed=False)["files"])
    except AnamnesisError:
        return False
