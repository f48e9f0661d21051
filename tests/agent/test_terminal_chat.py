"""The chat in the terminal: what it says is kept is what is kept."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agent.cli import cli


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    return lambda *arguments, said=None: CliRunner().invoke(cli, arguments, input=said, catch_exceptions=False)


def _payloads(run):
    return [entry["payload"] for entry in map(json.loads, run("audit", "export").stdout.splitlines()) if entry["conversation"]]


def test_words_are_recorded_until_abuse_is_told_and_then_none_is_left(run):
    chat = ("chat", "--engine", "none", "--country", "GB")
    shown = run(*chat, said="I am Mary Johnson. I have a cough since I ate a violet kettle\n\n")
    for promised in ("encrypted", "30 days", "no words", "加密", "30 天"):
        assert promised in shown.stderr, promised
    assert "page" not in shown.stderr.partition("What is kept")[2].partition("会保留什么")[0], "a terminal has no page to close"
    kept = json.dumps(_payloads(run))
    assert "violet kettle" in kept and "Mary" not in kept
    assert run(*chat, said="I ate an amber lantern and have a cough\nmy husband hits me\nhow long does shingles last? turquoise trowel\n\n").exit_code == 0
    after = json.dumps(_payloads(run))
    assert "violet kettle" in after, "another conversation"
    for mark in ("amber lantern", "husband", "turquoise"):
        assert mark not in after, mark
    assert json.loads(run("audit", "verify").stdout)["fault"] == ""
