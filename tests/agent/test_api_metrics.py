"""What Prometheus and OpenTelemetry get: numbers of turns, stages and requests, and not a word of anybody's."""

from __future__ import annotations

import re
import sys

import pytest

from agent.api import tracing
from agent.api.metrics import Metrics
from agent.api.turns import Turns
from agent.app.desk import Desk
from agent.database import open_ground
from agent.engines.scripted import ScriptedModel
from knowledge.errors import ConfigError
from tests.agent.api_served import serving
from tests.agent.app_desk import ask, begun

COLD = "I've had a runny nose and a sore throat for two days, I'm 30, no fever. Do I need antibiotics?"
STORY = "My name is Jonathan Applewhite, 415-555-0134. "


def numbers(client):
    text = client.get("/metrics").text
    found = re.findall(r"^(anamnesis_\w+)(?:\{(.*)\})? (\S+)$", text, re.M)
    return {(name, labels): float(value) for name, labels, value in found}


def test_turns_are_counted_by_kind_and_level_with_their_stages_and_tokens(api_agent, tmp_path):
    model = ScriptedModel(["Antibiotics do not help a blocked nose from a cold [1]."])
    with serving(api_agent, tmp_path, model=model) as served, served.client() as client:
        for text in (STORY + COLD, "my dad has crushing chest pain and is sweating", "How do I make a bomb?", "What is glorbitosis?"):
            client.post("/api/v1/ask", json={"text": text, "intake": False}).raise_for_status()
        client.get("/v1/models/unknown")
        with served.client("") as here:
            found, page = numbers(here), here.get("/metrics").text
    kinds = {re.search(r'kind="(\w+)"', labels)[1] for name, labels in found if name == "anamnesis_turns_total"}
    assert {"answer", "emergency"} <= kinds
    assert sum(value for (name, _), value in found.items() if name == "anamnesis_turns_total") == 4
    assert found["anamnesis_turns_total", 'door="api",kind="emergency",level="emergency"'] == 1
    for stage in ("privacy", "triage", "policy", "retrieval", "generation", "verification", "audit"):
        assert found["anamnesis_stage_seconds_count", f'stage="{stage}"'] >= 1, stage
    assert found["anamnesis_tokens_total", 'direction="written"'] > 5 and found["anamnesis_tokens_total", 'direction="read"'] > 50
    assert found["anamnesis_http_requests_total", 'method="POST",route="/api/v1/ask",status="200"'] == 4
    assert found["anamnesis_http_requests_total", 'method="GET",route="/v1/models/{model}",status="404"'] == 1
    assert found["anamnesis_turns_running", ""] == 0 and found["anamnesis_turns_queued", ""] == 0
    (serving_now,) = [labels for name, labels in found if name == "anamnesis_serving"]
    assert 'model="scripted"' in serving_now and f'corpus="{api_agent.index.corpus}"' in serving_now and 'adapter=""' in serving_now
    assert "Applewhite" not in page and "throat" not in page and "glorbitosis" not in page


def test_refusals_and_not_founds_have_numbers_of_their_own(served):
    from agent.types import Answer, Triage

    metrics = Metrics()
    for kind in ("refusal", "not_found", "not_found"):
        metrics.turn(Answer(kind, "self_care", "x", "en", Triage("self_care"), timings={"audit": 0.1, "made-up": 1.0}), door="chat")
    page = metrics.page(None, queued=3).decode()
    assert 'anamnesis_refusals_total{door="chat"} 1.0' in page and 'anamnesis_not_found_total{door="chat"} 2.0' in page
    assert "anamnesis_turns_queued 3.0" in page and "made-up" not in page and "anamnesis_serving{" not in page


def test_two_applications_do_not_share_their_numbers():
    first, second = Metrics(), Metrics()
    first.cancelled()
    assert "cancelled_total 1.0" in first.page(None, queued=0).decode() and "cancelled_total 0.0" in second.page(None, queued=0).decode()


def test_the_chats_turns_are_counted_beside_the_apis(api_agent, tmp_path):
    from dataclasses import replace

    agent = replace(api_agent, settings=replace(api_agent.settings, home=tmp_path))
    metrics, db = Metrics(), open_ground(agent.settings)
    desk = Desk(lambda: agent)
    desk.move_in(db, Turns(lambda: agent, db, metrics, tracing.Traces()))
    last = ask(desk, begun(desk), "my dad has crushing chest pain", country="GB")[-1]
    assert last.over
    assert 'anamnesis_turns_total{door="chat",kind="emergency",level="emergency"} 1.0' in metrics.page(None, queued=0).decode()
    db.engine.dispose()


def test_a_span_holds_kind_level_and_seconds_and_no_text(api_agent, tmp_path, monkeypatch):
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from agent.api import turns as turns_module

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with serving(api_agent, tmp_path) as served, served.client() as client:
        served.app.state.services.turns._traces = tracing.Traces(provider)
        client.post("/api/v1/ask", json={"text": STORY + COLD}).raise_for_status()

        def broken(agent, state, message, **_):
            raise RuntimeError(message)
            yield

        monkeypatch.setattr(turns_module, "run_turn", broken)
        assert client.post("/api/v1/ask", json={"text": STORY + COLD}).status_code == 500
    first, second = kept.get_finished_spans()
    assert first.name == "anamnesis.turn" and first.attributes["anamnesis.level"] == "self_care"
    assert first.attributes["anamnesis.seconds.triage"] >= 0 and second.attributes["error.type"] == "RuntimeError"
    assert not second.events and "Applewhite" not in first.to_json() + second.to_json() and "throat" not in first.to_json() + second.to_json()


def test_traces_are_off_unless_a_collector_is_named(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with tracing.from_environment().turn() as told:
        told(None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match="tracing"):
        tracing.from_environment()


def test_fastapis_own_telemetry_stays_off(api_agent, tmp_path):
    from agent.api.application import create_app
    from agent.config import load

    app = create_app(lambda: api_agent, load(home=tmp_path, engine="none"))
    assert tracing.OFF["logs"] is False and tracing.OFF["tracing"] is False
    assert all(value is False for value in tracing.OFF.values()) and app is not None
