"""What the page shows of the running program, as values: counted by its metrics, asked of the agent, the disk and the database."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.app.operator.percentiles import Estimate, percentile
from agent.app.staff.types import House
from agent.build import Agent, index_folder
from agent.records.waiting import waiting
from knowledge.errors import StoreError
from knowledge.store import MANIFEST

if TYPE_CHECKING:
    from agent.api.metrics import Metrics

SHARES = (0.5, 0.9, 0.99)
STAGES = (
    "privacy", "triage", "policy", "intake", "retrieval", "first_sentence", "generation", "verification", "extraction", "audit",
)  # fmt: skip
"""In the order of a turn."""
LOW_DISK = 2_000_000_000
"""Bytes: an index that is made again and a database that grows need as much."""

Weights = Literal["none", "elsewhere", "loaded", "not_loaded"]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether it is well. `database` and `disk` are None where they could not be asked; ages in seconds, sizes in bytes."""

    open: bool
    weights: Weights = "none"
    database: bool = False
    disk_free: int | None = None
    disk_all: int | None = None
    corpus: str = ""
    passages: int = 0
    index_age: float | None = None
    up: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """What is being worked on. `waiting` turns wait for the model; `reviews` wait for a clinician, None: not known."""

    running: int
    waiting: int
    reviews: int | None = None
    oldest: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Turns since the start: `kinds` by kind of answer, `faults` by kind of fault."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    cancelled: int = 0

    @property
    def turns(self) -> int:
        """All that ended, with an answer or in a fault."""
        return sum(self.kinds.values()) + sum(self.faults.values())


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of one stage: how often it ran, and the percentiles of SHARES."""

    stage: str
    count: int
    estimates: tuple[Estimate | None, ...]


def health(house: House) -> Health:
    """How it is now; what cannot be found out is left empty rather than raised."""
    agent = house.agent() if house.ready() else None
    free, whole = _disk(house)
    start = _one(house.metrics, "process_start_time_seconds")
    memory = _one(house.metrics, "process_resident_memory_bytes")
    return Health(
        open=agent is not None,
        weights=_weights(agent),
        database=_answers(house),
        disk_free=free,
        disk_all=whole,
        corpus=agent.index.corpus if agent else "",
        passages=len(agent.index.passages) if agent else 0,
        index_age=_index_age(house),
        up=max(0.0, time.time() - start) if start else None,
        memory=int(memory) if memory else None,
    )


def queue(house: House) -> Queue:
    """How much is at work, and what waits."""
    model = house.agent().model if house.ready() else None
    at_once = model.concurrency if model is not None else 1
    running = int(_one(house.metrics, "anamnesis_turns_running") or 0)
    behind = max(0, house.turns.writing - at_once)
    try:
        queued = waiting(house.db)
    except StoreError:
        return Queue(running, behind)
    return Queue(running, behind, queued.count, queued.oldest_seconds)


def counts(metrics: Metrics) -> Counts:
    """Turns since the start, by how they ended."""
    kinds: dict[str, int] = {}
    faults: dict[str, int] = {}
    for labels, value in _all(metrics, "anamnesis_turns_total"):
        kinds[labels["kind"]] = kinds.get(labels["kind"], 0) + int(value)
    for labels, value in _all(metrics, "anamnesis_turns_failed_total"):
        faults[labels["fault"]] = int(value)
    return Counts(kinds, faults, int(_one(metrics, "anamnesis_turns_cancelled_total") or 0))


def latencies(metrics: Metrics) -> tuple[Latency, ...]:
    """Percentiles of each stage that ran since the start, in the order of a turn."""
    buckets: dict[str, list[tuple[float, float]]] = {}
    for labels, value in _all(metrics, "anamnesis_stage_seconds_bucket"):
        buckets.setdefault(labels["stage"], []).append((float(labels["le"]), value))
    found = []
    for stage in STAGES:
        if rows := sorted(buckets.get(stage, ())):
            made = tuple(percentile(rows, share) for share in SHARES)
            found.append(Latency(stage, int(rows[-1][1]), made))
    return tuple(found)


def _all(metrics: Metrics, name: str) -> list[tuple[dict[str, str], float]]:
    return [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    ]


def _one(metrics: Metrics, name: str) -> float | None:
    found = _all(metrics, name)
    return found[0][1] if found else None


def _weights(agent: Agent | None) -> Weights:
    if agent is None or agent.model is None:
        return "none"
    loaded = getattr(agent.model, "loaded", None)
    if loaded is None:
        return "elsewhere"
    return "loaded" if loaded else "not_loaded"


def _answers(house: House) -> bool:
    try:
        with house.db.reading():
            return True
    except StoreError:
        return False


def _disk(house: House) -> tuple[int | None, int | None]:
    try:
        usage = shutil.disk_usage(house.settings.home)
    except OSError:
        return None, None
    return usage.free, usage.total


def _index_age(house: House) -> float | None:
    try:
        made = (index_folder(house.settings) / MANIFEST).stat().st_mtime
    except OSError:
        return None
    return max(0.0, time.time() - made)
