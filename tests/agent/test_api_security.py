"""Who may do what over HTTP, how often, and that nothing personal is left in logs, metrics, database or answers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from agent.api.application import create_app
from agent.config import load
from knowledge.errors import ConfigError
from tests.agent.api_served import log_lines, serving

SECRETS = ("Applewhite", "applewhite@", "555-0134", "078-05-1120", "Rosebud Lane")
STORY = (
    "My name is Jonathan Applewhite, applewhite@example.org, 415-555-0134, SSN 078-05-1120, 12 Rosebud Lane, Springfield. "
    "I have had a sore throat for two days, should I take antibiotics?"
)
ROUTES = {
    ("GET", "/v1/models"): "chat", ("POST", "/v1/chat/completions"): "chat", ("POST", "/api/v1/ask"): "chat",
    ("POST", "/api/v1/triage"): "tools", ("POST", "/api/v1/redact"): "tools", ("POST", "/api/v1/search"): "search",
    ("GET", "/api/v1/answers/x/1"): "chat", ("GET", "/api/v1/sources/x"): "search", ("POST", "/api/v1/feedback"): "chat", ("GET", "/api/v1/consents"): "chat",
    ("POST", "/api/v1/consents"): "chat", ("DELETE", "/api/v1/consents/keep"): "chat", ("GET", "/api/v1/export"): "own",
    ("POST", "/api/v1/erase"): "own", ("POST", "/api/v1/fhir/context"): "chat", ("POST", "/api/v1/fhir/ask"): "chat",
    ("POST", "/api/v1/fhir/summary"): "chat", ("POST", "/api/v1/fhir/triage"): "tools",
}  # fmt: skip
BODIES = {
    "/v1/chat/completions": {"model": "anamnesis", "messages": [{"role": "user", "content": "x"}]},
    "/api/v1/feedback": {"conversation": "x", "turn": 1, "thumb": "up"},
    "/api/v1/consents": {"kind": "review"},
    "/api/v1/erase": {"everything": True},
    "/api/v1/fhir/context": {"bundle": {}},
    "/api/v1/fhir/ask": {"bundle": {}, "text": "x"},
    "/api/v1/fhir/summary": {"messages": [{"role": "user", "content": "a cold"}]},
}
PATIENT = {
    "resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1961-02-03",
    "name": [{"family": "Applewhite", "given": ["Jonathan"]}], "telecom": [{"system": "phone", "value": "415-555-0134"}],
    "address": [{"line": ["12 Rosebud Lane"]}], "identifier": [{"value": "078-05-1120"}],
}  # fmt: skip
BUNDLE = {
    "resourceType": "Bundle", "type": "collection",
    "entry": [{"resource": PATIENT}, {"resource": {"resourceType": "Condition", "subject": {"reference": "Patient/p1"},
                                                   "code": {"text": "asthma (told by Jonathan Applewhite, 415-555-0134)"}}}],
}  # fmt: skip


def every_route(schema):
    named = {"{model}": "x", "{passage}": "x", "{kind}": "keep", "{conversation}": "x", "{turn}": "1"}

    def filled(path):
        for name, value in named.items():
            path = path.replace(name, value)
        return path

    return {(method.upper(), filled(path)) for path, methods in schema["paths"].items() for method in methods}


def send(client, method, path):
    body = BODIES.get(path, {"text": "x"}) if method == "POST" else None
    return client.request(method, path, json=body)


def test_each_route_opens_to_its_scope_and_to_no_other(served):
    from agent.accounts.permissions import table

    open_to_all = {("GET", "/health"), ("GET", "/ready")}
    with served.client("") as nobody:
        found = every_route(nobody.get("/api/openapi.json").json())
        assert found == {*ROUTES, *open_to_all, ("GET", "/metrics"), ("GET", "/v1/models/x")}
        for method, path in ROUTES:
            response = send(nobody, method, path)
            assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer", path
        for method, path in open_to_all:
            assert nobody.request(method, path).status_code == 200
    may = table().scopes
    for scope in ("chat", "search", "tools", "own", "metrics"):
        with served.client(served.key(scope, role="clinician")) as client:
            for (method, path), needed in ROUTES.items():
                # Two scopes may name one action: the tools triage, and so does the chat.
                shared = path.endswith("/triage") and "triage" in may[scope]
                status = send(client, method, path).status_code
                assert (status == 403) is (scope != needed and not shared), (scope, path, status)


def test_a_role_bounds_its_keys(served):
    with served.client(served.key("metrics", role="patient")) as client:
        assert client.get("/metrics").status_code == 403
    with served.client(served.key("metrics", role="operator")) as client:
        assert client.get("/metrics").status_code == 200


def test_a_revoked_key_ends_at_once(served):
    from agent.accounts.keys import revoke

    key = served.key()
    with served.client(key) as client:
        assert client.get("/v1/models").status_code == 200
        revoke(served.db, key.split("_")[1], by="test")
        assert client.get("/v1/models").status_code == 401


def test_visitors_come_in_only_where_that_is_set_and_own_nothing(api_agent, tmp_path):
    with serving(api_agent, tmp_path, api_visitors=True) as served, served.client("") as nobody:
        assert nobody.post("/api/v1/triage", json={"text": "a cold"}).status_code == 200
        assert nobody.post("/api/v1/ask", json={"text": "a cold"}).status_code == 200
        assert nobody.post("/api/v1/ask", json={"text": "a cold", "store": True}).status_code == 409
        assert nobody.post("/api/v1/erase", json={"conversation": "x"}).status_code == 404
        assert nobody.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert nobody.get("/v1/models", headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_an_address_has_a_rate_of_its_own(api_agent, tmp_path):
    with serving(api_agent, tmp_path, api_address_rate="3/minute") as served:
        key = served.key()
        with served.client("") as nobody:
            assert [nobody.get("/v1/models").status_code for _ in range(4)] == [401, 401, 401, 429]
        with served.client(key) as client:
            limited = client.post("/api/v1/triage", json={"text": "x"})
        assert limited.status_code == 429 and int(limited.headers["retry-after"]) <= 60 and "emergency" in limited.json()["remedy"]


@pytest.mark.parametrize(("address", "same"), [("2001:db8::1", "2001:db8::ffff"), ("192.0.2.1", "192.0.2.1"), ("", "")])
def test_a_network_of_ipv6_counts_as_one_address(address, same):
    from agent.api.rates import Rates
    from knowledge.errors import TooManyTries

    rates = Rates(load(api_address_rate="1/hour"))
    rates.admit_address(address)
    with pytest.raises(TooManyTries):
        rates.admit_address(same)
    rates.admit_address("198.51.100.7")


@pytest.mark.parametrize("path", ["/api/v1/triage", "/v1/chat/completions", "/api/v1/fhir/context"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_bounded_however_it_is_sent(served, path, chunked):
    big = b'{"text": "' + b"a" * (4_100_000 if "fhir" in path else 1_100_000) + b'"}'
    content = iter([big[:500_000], big[500_000:]]) if chunked else big
    with served.client() as client:
        response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 413 and "too large" in response.text


def test_a_form_that_another_page_could_send_is_not_read(served):
    with served.client() as client:
        response = client.post("/api/v1/redact", content=json.dumps({"text": "x"}), headers={"Content-Type": "text/plain"})
        assert response.status_code == 422
        response = client.post("/api/v1/redact", content=json.dumps({"text": "x"}))
        assert response.status_code == 422


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/api/v1/nothing", "/api/docs", "/metrics"])
def test_every_answer_has_the_headers_and_an_id_of_ours(served, path):
    with served.client() as client:
        first, second = (client.get(path, headers={"X-Request-Id": "mary"}) for _ in range(2))
    for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
                        ("cache-control", "no-store"), ("cross-origin-resource-policy", "same-origin")):  # fmt: skip
        assert first.headers[name] == value
    assert "default-src 'none'" in first.headers["content-security-policy"] and "server" not in first.headers
    assert len(first.headers["x-request-id"]) == 16 and first.headers["x-request-id"] != second.headers["x-request-id"]


def test_other_origins_may_read_nothing_unless_they_are_named(served, api_agent, tmp_path):
    asks = {"Origin": "https://clinic.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with served.client() as client:
        assert "access-control-allow-origin" not in client.get("/v1/models", headers=asks).headers
        assert client.options("/v1/models", headers=asks).status_code == 405
    with serving(api_agent, tmp_path, api_origins="https://clinic.example, https://other.example", chat=True) as open_, open_.client() as client:
        assert client.options("/v1/chat/completions", headers=asks).headers["access-control-allow-origin"] == "https://clinic.example"
        assert client.get("/v1/models", headers=asks).headers["access-control-allow-origin"] == "https://clinic.example"
        assert "access-control-allow-origin" not in client.get("/v1/models", headers={"Origin": "https://evil.example"}).headers
        assert client.get("/", headers=asks).headers.get("access-control-allow-origin") != "https://clinic.example", "the chat is nobody's"


def test_metrics_are_for_this_machine_not_for_what_comes_through_a_proxy(served):
    with served.client("") as nobody:
        assert nobody.get("/metrics").status_code == 200
        for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=x"}, {"Host": "rebound.example"}):
            assert nobody.get("/metrics", headers=headers).status_code == 401


def test_only_what_is_there_answers_and_the_chat_beside_it(api_agent, tmp_path):
    with serving(api_agent, tmp_path, chat=True) as served, served.client("") as nobody:
        assert nobody.get("/").status_code == 200 and "script-src" in nobody.get("/").headers["content-security-policy"]
        for path in ("/docs", "/openapi.json", "/gradio_api/info", "/api", "/v1", "/v2/models", "/.env", "/gradio_api/file=/etc/hostname"):
            assert nobody.get(path).status_code == 404, path
        for method in ("PUT", "DELETE", "GET"):
            assert nobody.request(method, "/api/v1/triage").status_code == 405
            assert "POST" in nobody.request(method, "/api/v1/triage").headers["allow"]


def test_nothing_personal_is_left_behind_by_any_route(api_agent, tmp_path, capfd):
    with log_lines() as lines, serving(api_agent, tmp_path) as served:
        key = served.key("chat", "search", "tools", "own", "metrics", role="clinician", keeps=True)
        with served.client(key) as client:
            shown = [
                client.post("/api/v1/triage", json={"text": STORY}),
                client.post("/api/v1/redact", json={"text": STORY}),
                client.post("/api/v1/search", json={"text": STORY}),
                client.post("/api/v1/ask", json={"text": STORY}),
                client.post("/api/v1/ask", json={"messages": [{"role": "user", "content": STORY}] * 2, "store": True}),
                client.post("/api/v1/fhir/context", json={"bundle": BUNDLE}),
                client.post("/api/v1/fhir/ask", json={"bundle": BUNDLE, "text": STORY, "store": True}),
                client.post("/api/v1/fhir/triage", json={"bundle": BUNDLE, "text": STORY}),
                client.post("/api/v1/fhir/summary", json={"bundle": BUNDLE, "messages": [{"role": "user", "content": STORY}]}),
            ]  # fmt: skip
            told = shown[4].json()
            shown.append(client.post("/api/v1/feedback", json={"conversation": told["conversation"], "turn": 1, "thumb": "down", "reason": STORY}))
            chat = {"model": "anamnesis", "user": "applewhite@example.org", "store": True,
                    "messages": [{"role": "system", "content": STORY}, {"role": "user", "content": STORY, "name": "Applewhite"}]}  # fmt: skip
            shown += [client.post("/v1/chat/completions", json=chat), client.post("/v1/chat/completions", json={**chat, "stream": True})]
            assert [response.status_code for response in shown] == [200] * len(shown), [r.text[:300] for r in shown if r.status_code != 200]
            assert "[NAME-1]" in client.get("/api/v1/export").text
            shown += [client.get("/api/v1/export"), client.get("/metrics", headers={"X-Forwarded-For": "x"})]
            # What is refused repeats nothing, wherever it stood.
            shown += [
                client.post("/api/v1/triage", json={"text": [STORY]}),
                client.post("/api/v1/triage", json={"language": STORY, "text": "x"}),
                client.post("/v1/chat/completions", json={"model": STORY[:150], "messages": []}),
                client.post("/v1/chat/completions", json={"model": "anamnesis", "messages": [{"role": STORY, "content": "x"}]}),
                client.post("/api/v1/fhir/context", json={"bundle": {**BUNDLE, "entry": [{"resource": {**PATIENT, "gender": ["Applewhite"], "birthDate": "Applewhite", "active": "Rosebud Lane"}}]}}),
                client.get("/api/v1/sources/Applewhite"),
                client.get("/Applewhite?name=Applewhite"),
                client.get("/v1/models/Applewhite", headers={"X-Request-Id": "Applewhite", "User-Agent": "Applewhite"}),
                client.request("APPLEWHITE", "/api/v1/triage"),
            ]  # fmt: skip
            assert all(response.status_code >= 400 for response in shown[-9:])
        written = "\n".join(lines) + "".join(capfd.readouterr())
        places = {"log": written, **{f"answer {n} {r.request.url.path}": r.text + str(r.headers) for n, r in enumerate(shown)}}
        places |= {file.name: file.read_bytes().decode("latin-1") for file in Path(tmp_path).rglob("*") if file.is_file()}
    for place, text in places.items():
        found = [secret for secret in SECRETS if secret.lower() in text.lower()]
        assert not found, (place, found)
    rows = [json.loads(line) for line in lines]
    assert all(row["event"] in ("request", "fault") for row in rows) and {"route", "status", "ms", "role"} <= rows[-1].keys()
    assert {row["route"] for row in rows} >= {"/api/v1/ask", "/v1/chat/completions", "/v1/models/{model}", "other"}
    assert "sore throat" not in written and key not in written


def test_a_fault_is_logged_by_its_kind_and_place_only(served, monkeypatch):
    from agent.api import tools

    def broken(text, **_):
        raise RuntimeError(text)

    monkeypatch.setattr(tools, "triage_row", broken)
    with log_lines() as lines, served.client() as client:
        response = client.post("/api/v1/triage", json={"text": STORY})
        until = time.monotonic() + 5
        while len(lines) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert response.status_code == 500 and response.headers["content-type"] == "application/problem+json"
    fault = json.loads(lines[0])
    assert fault["fault"] == "RuntimeError" and "test_api_security.py:" in fault["where"]
    assert fault["request_id"] == response.json()["request_id"] == response.headers["x-request-id"]
    assert "Applewhite" not in "".join(lines) + response.text


def test_a_database_that_does_not_answer_is_told_as_such(api_agent, tmp_path):
    with serving(api_agent, tmp_path) as served, served.client() as client:
        client.get("/v1/models").raise_for_status()
        assert client.get("/ready").json() == {"status": "ready"}
        (tmp_path / "master.keys").unlink()
        (tmp_path / "anamnesis.db").rename(tmp_path / "gone.db")
        (tmp_path / "anamnesis.db").mkdir()
        served.db.engine.dispose()
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        response = client.post("/api/v1/triage", json={"text": "x"})
        assert response.status_code == 503 and "emergency" in response.json()["remedy"] and str(tmp_path) not in response.text


def test_not_ready_before_the_agent_is_open(api_agent, tmp_path):
    from starlette.testclient import TestClient

    from agent.database import open_ground

    settings = load(home=tmp_path, engine="none")
    app = create_app(lambda: api_agent, settings, db=open_ground(settings), ready=lambda: False)
    client = TestClient(app)
    assert client.get("/health").status_code == 200 and client.get("/ready").status_code == 503


def test_a_setting_that_cannot_be_used_is_found_at_the_start(api_agent, tmp_path):
    settings = load(home=tmp_path, engine="none", api_rate="as often as you like")
    with pytest.raises(ConfigError, match="api_rate"):
        create_app(lambda: api_agent, settings)
