"""Once a day, while the server runs: what is past its time is erased, ended sessions go, and the audit chain is walked."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path

from agent.api.logs import place_of
from agent.api.metrics import Metrics
from agent.database import Database, stamp

log = logging.getLogger("anamnesis.daily")

_EVERY = timedelta(hours=24)
_LOOK_S = 1800.0
"""How often it is looked whether a day is over."""
_FIRST_S = 60.0
"""After the start: whoever starts a server wants it to answer first."""


class Daily:
    """A thread that purges and then walks the audit chain. Of several processes on one home one does it; of several homes each
    does, which harms nothing. `metrics` are told whether the chain is whole."""

    def __init__(self, db: Database, *, metrics: Metrics | None = None, first: float = _FIRST_S) -> None:
        self._db, self._metrics, self._first = db, metrics, first
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daily", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """No further purge begins; one that runs goes on in batches and is left."""
        self._over.set()

    def once(self) -> bool:
        """Purge and walk the chain if the last time is a day old and no other process is at it; whether it was done here.

        Raises:
            AnamnesisError: the database or the policy cannot be read.
            OSError: the home cannot be written.
        """
        from filelock import FileLock, Timeout

        from agent.records.retention import purge

        db = self._db
        db.home.mkdir(parents=True, exist_ok=True)
        lock, done = FileLock(db.home / "purge.lock", timeout=0), db.home / "purged"
        try:
            with lock:
                now = db.clock()
                if _last(done) + _EVERY > now:
                    return False
                ended = purge(db, now)
                done.write_text(stamp(now), encoding="utf-8")
        except Timeout:
            return False
        log.info(
            "Purged: %d conversations, %d records, %d sessions", ended.conversations, ended.records, ended.sessions
        )
        self._walk()
        return True

    def _walk(self) -> None:
        found = self._db.audit.verify()
        if self._metrics is not None:
            self._metrics.verified(whole=not found.fault)
        if found.fault:
            log.error("The audit chain is broken: %s. See docs/operating.md", found.fault)
        else:
            log.info("The audit chain is whole: %d records", found.entries)

    def _run(self) -> None:
        wait = self._first
        while not self._over.wait(wait):
            wait = _LOOK_S
            try:
                self.once()
            except Exception as fault:
                # Nobody's answer hangs on it; the operator reads of it, and it is tried again.
                log.error("The daily work failed: %s in %s", type(fault).__name__, place_of(fault))


def _last(done: Path) -> datetime:
    try:
        return datetime.fromisoformat(done.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return datetime.fromisoformat("2000-01-01T00:00:00+00:00")
