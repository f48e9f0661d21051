"""/api/v1: the same results as the command line, problems that say what to do, and an account's own data."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from agent.api.page import page
from agent.cli import cli
from agent.config import load
from knowledge.errors import ConfigError

TEXTS = [
    "My chest feels tight and I am sweating",
    "I am Mary Johnson, 34, call 415-555-0134: a rash since Monday",
    "我是王小明，嗓子疼两天了",
    "Can a cold cause a fever?",
]
SUBTLE = "I walk on eggshells at home, yesterday he threw the plates at the wall next to my head"


@pytest.fixture(scope="module")
def key(served):
    return served.key(keeps=True)


@pytest.fixture
def api(served, key):
    with served.client(key) as client:
        yield client


def command(served, monkeypatch, name, text, *options):
    """The row that the command line prints for a text, from the same home and settings."""
    monkeypatch.setenv("ANAMNESIS_HOME", str(served.agent.settings.home))
    index = served.agent.index.catalogue._path.parent
    index_options = ("--index", str(index)) if name in ("ask", "search") else ()
    done = CliRunner().invoke(cli, [name, text, *index_options, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout.splitlines()[-1])
    row.pop("id", None)
    return row


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["triage", "redact", "search"])
def test_a_tool_says_what_the_command_line_says(served, api, monkeypatch, name, text):
    options = {"search": ("--k", "3")}.get(name, ())
    body = {"text": text, **({"k": 3} if name == "search" else {})}
    assert api.post(f"/api/v1/{name}", json=body).json() == command(served, monkeypatch, name, text, *options)


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_the_command_lines_with_more_beside_it(served, api, monkeypatch, text):
    expected = command(served, monkeypatch, "ask", text, "--engine", "none")
    told = api.post("/api/v1/ask", json={"text": text}).json()
    for cited in told["citations"]:
        assert re.fullmatch(r"[0-9a-f]{20}", cited.pop("passage"))
    # The command names its index as a setting, so only the hash of the settings differs, and the clock.
    for name in expected.keys() - {"timings", "settings"}:
        assert told[name] == expected[name], name
    assert told["timings"].keys() == expected["timings"].keys()


def test_a_conversation_is_answered_from_its_messages(api):
    talk = [{"role": "user", "content": "my dad has crushing chest pain"}, {"role": "assistant", "content": "Call."},
            {"role": "user", "content": "it has passed now"}]  # fmt: skip
    told = api.post("/api/v1/ask", json={"messages": talk, "country": "GB"}).json()
    assert told["level"] == "emergency" and "999" in told["answer"]


def test_a_citation_opens_its_passage(api):
    told = api.post("/api/v1/ask", json={"text": TEXTS[3]}).json()
    for cited in told["citations"]:
        source = api.get(f"/api/v1/sources/{cited['passage']}").json()
        assert cited["quote"] in source["text"] and source["sources"][0]["url"]
    missing = api.get("/api/v1/sources/nothing")
    assert missing.status_code == 404 and "ask again" in missing.json()["remedy"]


@pytest.mark.parametrize(
    ("path", "body", "status", "where"),
    [
        ("triage", {}, 422, "text"),
        ("triage", {"text": "x", "langauge": "en"}, 422, "langauge"),
        ("triage", {"text": "x", "language": "fr"}, 422, "language"),
        ("triage", {"text": 1}, 422, "text"),
        ("redact", {"text": "x" * 20_001}, 422, "text"),
        ("search", {"text": "x", "k": 0}, 422, "k"),
        ("ask", {}, 400, "text"),
        ("ask", {"text": "x", "messages": [{"role": "user", "content": "x"}]}, 400, "text"),
        ("ask", {"messages": [{"role": "assistant", "content": "x"}]}, 400, "messages.0.role"),
        ("ask", {"messages": [{"role": "system", "content": "x"}]}, 422, "messages.0.role"),
        ("erase", {}, 400, "conversation"),
        ("erase", {"conversation": "x", "everything": True}, 400, "conversation"),
        ("feedback", {"conversation": "x", "turn": 0, "thumb": "up"}, 422, "turn"),
        ("consents", {"kind": "everything"}, 422, "kind"),
    ],
)  # fmt: skip
def test_a_problem_says_what_was_wrong_where_and_what_to_do(api, path, body, status, where):
    response = api.post(f"/api/v1/{path}", json=body)
    problem = response.json()
    assert response.status_code == status == problem["status"] and problem["where"] == where
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["what"] and (problem["remedy"] or problem["expected"]) and problem["title"]
    assert problem["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"\xff", b'{"text": "\\ud800"}', b"[" * 100_000, b'{"text": ' + b"9" * 5000 + b"}"])
def test_a_body_that_is_none_is_refused(api, raw):
    response = api.post("/api/v1/triage", content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422) and response.json()["what"]


@pytest.mark.parametrize("text", ["", " ", "\x00", "😀" * 10, "a\u202eb", "x" * 20_000])
def test_any_text_is_answered(api, text):
    assert api.post("/api/v1/triage", json={"text": text}).status_code == 200
    assert api.post("/api/v1/redact", json={"text": text}).json()["text"] == text
    assert api.post("/api/v1/search", json={"text": text}).status_code == 200
    assert api.post("/api/v1/ask", json={"text": text}).status_code == 200


# What is kept


def test_nothing_is_kept_unless_it_is_asked_for(served, api):
    told = api.post("/api/v1/ask", json={"text": "a marigold rash on my hand for a week"}).json()
    assert told["kept"] is False and told["turn"] == 0
    assert all(kept["id"] != told["conversation"] for kept in api.get("/api/v1/export").json()["conversations"])
    entries = list(served.db.audit.export(conversation=told["conversation"]))
    assert [entry.kind for entry in entries] == ["question", "answer"] or [entry.kind for entry in entries] == ["answer"]
    assert "marigold" not in json.dumps([entry.payload for entry in entries]) and entries[-1].payload["level"] == told["level"]


def test_a_stored_conversation_goes_on_is_taken_away_thumbed_and_erased(served):
    key, other = served.key(keeps=True), served.key(keeps=True)
    with served.client(key) as api, served.client(other) as stranger:
        first = api.post("/api/v1/ask", json={"text": "I am Mary Johnson. How long does shingles last?", "store": True}).json()
        name = first["conversation"]
        assert first["kept"] and first["turn"] == 1
        second = api.post("/api/v1/ask", json={"text": "And is it catching?", "conversation": name}).json()
        assert (second["conversation"], second["turn"]) == (name, 2) and second["citations"][0]["title"].startswith("Shingles")
        assert api.post("/api/v1/feedback", json={"conversation": name, "turn": 2, "thumb": "down", "reason": "Call me on 415-555-0134"}).json()["done"]
        exported = api.get("/api/v1/export")
        assert "attachment" in exported.headers["content-disposition"]
        (kept,) = exported.json()["conversations"]
        assert [turn["said"] for turn in kept["turns"]][1] == "And is it catching?" and kept["turns"][1]["thumb"] == -1
        assert "Mary" not in exported.text and "555-0134" not in exported.text and "[PHONE-1]" in exported.text
        assert "AI" in exported.json()["label"]["en"]

        for body in ({"text": "x", "conversation": name}, {"text": "x", "conversation": "0" * 32}):
            assert stranger.post("/api/v1/ask", json=body).status_code == 403, "another's and none at all are the same"
        assert stranger.post("/api/v1/feedback", json={"conversation": name, "turn": 1, "thumb": "up"}).status_code == 404
        assert stranger.post("/api/v1/erase", json={"conversation": name}).status_code == 404
        assert stranger.get("/api/v1/export").json()["conversations"] == []

        assert api.post("/api/v1/erase", json={"conversation": name}).json()["conversations"] == 1
        assert api.get("/api/v1/export").json()["conversations"] == []
        assert all(entry.payload is None for entry in served.db.audit.export(conversation=name))
        assert served.db.audit.verify().fault == ""


def test_nothing_is_stored_without_a_consent_and_withdrawing_it_erases(served):
    with served.client(served.key()) as api:
        refused = api.post("/api/v1/ask", json={"text": "a cold", "store": True})
        assert refused.status_code == 409 and "/api/v1/consents" in refused.json()["remedy"]
        assert api.post("/api/v1/consents", json={"kind": "keep", "age": 9}).status_code == 400, "a child's is a guardian's"
        assert api.post("/api/v1/consents", json={"kind": "keep"}).json()["version"]
        assert api.post("/api/v1/ask", json={"text": "a cold", "store": True}).json()["kept"]
        assert [each["kind"] for each in api.get("/api/v1/consents").json()] == ["keep"]
        assert api.delete("/api/v1/consents/keep").json()["done"]
        assert api.get("/api/v1/export").json()["conversations"] == []


def test_abuse_told_before_a_stored_message_leaves_nothing_of_the_later_ones(served):
    """Told anew through the API, what was said before counts: by a rule, and by what only the learned reader sees."""
    with served.client(served.key(keeps=True)) as api:
        for word, before in (("marigold", "my husband hits me"), ("periwinkle", SUBTLE)):
            said = [{"role": "user", "content": before}, {"role": "assistant", "content": "I am sorry."},
                    {"role": "user", "content": f"How long does shingles last? I ate a {word}."}]  # fmt: skip
            told = api.post("/api/v1/ask", json={"messages": said, "store": True}).json()
            assert (told["kept"], told["not_kept_because"]) == (False, "abuse")
            entries = list(served.db.audit.export(conversation=told["conversation"]))
            assert entries and word not in json.dumps([entry.payload for entry in entries])
        assert api.get("/api/v1/export").json()["conversations"] == []


def test_a_crisis_is_not_kept_even_where_it_was_asked_for(api):
    first = api.post("/api/v1/ask", json={"text": "I cannot sleep for weeks", "store": True}).json()
    told = api.post("/api/v1/ask", json={"text": "I want to kill myself", "conversation": first["conversation"]}).json()
    assert told["kind"] == "crisis" and told["kept"] is False and told["not_kept_because"] == "crisis"
    assert all(kept["id"] != told["conversation"] for kept in api.get("/api/v1/export").json()["conversations"])


def test_a_name_given_in_an_earlier_turn_keeps_its_placeholder_to_itself(api):
    first = api.post("/api/v1/ask", json={"text": "I am Mary Johnson and have a cold", "store": True}).json()
    api.post("/api/v1/ask", json={"text": "My name is Peter Smith, I have it too", "conversation": first["conversation"]})
    said = next(kept for kept in api.get("/api/v1/export").json()["conversations"] if kept["id"] == first["conversation"])["turns"]
    assert "[NAME-1]" in said[0]["said"] and "[NAME-2]" in said[1]["said"]


# The page


def test_the_page_is_whole_offline_and_runs_no_script(served):
    with served.client("") as api:
        shown = api.get("/api/docs")
        schema = api.get("/api/openapi.json").json()
    assert "<script" not in shown.text and not re.search(r"(?:src|href)=[\"']?https?:|url\(|@import", shown.text)
    assert "script-src" not in shown.headers["content-security-policy"] and "default-src 'none'" in shown.headers["content-security-policy"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in shown.text and operation.get("description"), path
    assert "&lt;" in page({"info": {"title": "<x>"}, "paths": {}, "components": {"schemas": {}}})


@pytest.mark.parametrize("rate", ["often", "5", "1/fortnight", ""])
def test_a_rate_that_is_none_is_named(rate):
    from agent.api.rates import Rates

    with pytest.raises(ConfigError, match="api_rate"):
        Rates(load(api_rate=rate))
