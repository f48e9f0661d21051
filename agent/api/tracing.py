"""OpenTelemetry spans of turns: kind, level and seconds by stage, no text. Nothing where OpenTelemetry is not set up.

FastAPI's own telemetry stays off: it writes down what went wrong with the words that caused it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.types import Answer
from knowledge.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
OFF = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


class Traces:
    """Spans through `provider`; without one nothing happens."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = provider.get_tracer("anamnesis") if provider is not None else None

    @contextmanager
    def turn(self) -> Iterator[Callable[[Answer], None]]:
        """A span around a turn; what is given is called with the answer."""
        if self._tracer is None:
            yield lambda answer: None
            return
        # No exception goes into a span by itself: it would carry its message.
        with self._tracer.start_as_current_span(
            "anamnesis.turn", record_exception=False, set_status_on_exception=False
        ) as span:

            def told(answer: Answer) -> None:
                span.set_attribute("anamnesis.kind", answer.kind)
                span.set_attribute("anamnesis.level", answer.level)
                span.set_attribute("anamnesis.language", answer.language)
                span.set_attribute("anamnesis.settings", answer.settings)
                for stage, seconds in answer.timings.items():
                    span.set_attribute(f"anamnesis.seconds.{stage}", round(seconds, 4))

            try:
                yield told
            except Exception as fault:
                span.set_attribute("error.type", type(fault).__name__)
                raise


def from_environment() -> Traces:
    """Spans to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, or none.

    Raises:
        ConfigError: one is named and the packages for it are not installed.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return Traces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as fault:
        raise ConfigError(
            "Traces are asked for and OpenTelemetry is not installed", remedy='pip install "anamnesis[tracing]"'
        ) from fault
    provider = Provider(resource=Resource.create({"service.name": "anamnesis"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)
