"""Numbers for Prometheus: turns, stages, queue, refusals, requests, and what serves. Labels are this program's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.types import Answer

if TYPE_CHECKING:
    from agent.build import Agent

_STAGES = frozenset({
    "privacy", "triage", "policy", "intake", "retrieval", "generation", "verification", "extraction", "audit", "first_sentence",
})  # fmt: skip
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """One set of numbers, in a registry of its own: two applications in one process do not share it."""

    def __init__(self) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            ProcessCollector,
            disable_created_metrics,
        )

        # A time beside each number doubles the page and tells nothing that the scraper does not know.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._turns = Counter(
            "anamnesis_turns", "Turns that ended with an answer", ["kind", "level", "door"], registry=own
        )
        self._refused = Counter("anamnesis_refusals", "Turns that were refused", ["door"], registry=own)
        self._missing = Counter("anamnesis_not_found", "Turns for which nothing was found", ["door"], registry=own)
        self._failed = Counter("anamnesis_turns_failed", "Turns that ended in a fault", ["fault"], registry=own)
        self._cancelled = Counter("anamnesis_turns_cancelled", "Turns whose client went away", registry=own)
        self._stages = Histogram(
            "anamnesis_stage_seconds", "Seconds of a turn by stage", ["stage"], buckets=_SECONDS, registry=own
        )
        self._tokens = Counter("anamnesis_tokens", "Tokens a model read and wrote", ["direction"], registry=own)
        self.running = Gauge("anamnesis_turns_running", "Turns at work", registry=own)
        self._queued = Gauge("anamnesis_turns_queued", "Turns that wait for the model", registry=own)
        self._requests = Counter(
            "anamnesis_http_requests", "Requests by route and status", ["method", "route", "status"], registry=own
        )
        self._seconds = Histogram(
            "anamnesis_http_request_seconds",
            "Seconds until a request was over",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self._waiting = Gauge("anamnesis_reviews_waiting", "Turns that wait for a clinician", registry=own)
        self._oldest = Gauge(
            "anamnesis_reviews_oldest_seconds", "Seconds that the oldest of them has waited", registry=own
        )
        self._verified = Gauge(
            "anamnesis_audit_verified_timestamp_seconds", "When this process last walked the audit chain, by what it found",
            ["outcome"], registry=own,
        )  # fmt: skip
        self._info = Gauge(
            "anamnesis_serving", "What serves", registry=own,
            labelnames=["engine", "model", "weights", "adapter", "settings", "corpus"],
        )  # fmt: skip

    def turn(self, answer: Answer, *, door: str) -> None:
        """Count a turn that ended. `door`: chat or api."""
        self._turns.labels(answer.kind, answer.level, door).inc()
        if answer.kind == "refusal":
            self._refused.labels(door).inc()
        if answer.kind == "not_found":
            self._missing.labels(door).inc()
        for stage, seconds in answer.timings.items():
            if stage in _STAGES:
                self._stages.labels(stage).observe(seconds)

    def tokens(self, *, read: int, written: int) -> None:
        """Count what a model read and wrote."""
        self._tokens.labels("read").inc(read)
        self._tokens.labels("written").inc(written)

    def failed(self, fault: BaseException) -> None:
        """Count a turn that ended in a fault, by its kind."""
        self._failed.labels(type(fault).__name__).inc()

    def cancelled(self) -> None:
        """Count a turn that nobody waits for any more."""
        self._cancelled.inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the route's pattern, never the address."""
        known = method if method in ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def verified(self, *, whole: bool) -> None:
        """Note that the audit chain was walked now, and whether it is whole."""
        self._verified.clear()
        self._verified.labels("whole" if whole else "broken").set_to_current_time()

    def reviews(self, waiting: int, oldest_s: float) -> None:
        """Note how many turns wait for a clinician, and for how long the oldest has."""
        self._waiting.set(waiting)
        self._oldest.set(oldest_s)

    def page(self, agent: Agent | None, *, queued: int) -> bytes:
        """All of it as Prometheus reads it; with an agent also what serves. `queued`: turns that wait for the model now."""
        from prometheus_client import generate_latest

        if agent is not None:
            model, settings = agent.model, agent.settings
            self._info.clear()
            self._info.labels(
                settings.engine, model.name if model else "none", model.weights if model else "",
                model.adapter if model else "", agent.settings_hash, agent.index.corpus,
            ).set(1)  # fmt: skip
        self._queued.set(queued)
        return generate_latest(self.registry)
