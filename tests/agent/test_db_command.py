"""`anamnesis db`, and `anamnesis audit erase`, as an operator runs them."""

from __future__ import annotations

import json
from datetime import date

import pytest
from click.testing import CliRunner

from agent.accounts.types import VISITOR
from agent.commands import audit
from agent.config import load
from agent.database import open_ground
from agent.privacy import Redactor
from agent.records import conversations
from agent.records.cli import db
from agent.types import Answer, ConversationState, Triage
from knowledge.errors import InputError, StoreError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path / "home"))

    def run(group, *line, **more):
        done = CliRunner().invoke(group, line, **more)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")] or done.stdout

    return run


def _kept(id_):
    ground = open_ground(load())
    ground.audit.append("answer", {"message": "a violet kettle"}, conversation=id_)
    said = Redactor(date(2026, 11, 22)).redact("a violet kettle")
    answer = Answer("answer", "routine", "colds pass", "en", Triage("routine"))
    conversations.keep_turn(ground, VISITOR, ConversationState(id_, "en"), said, answer, mode="anonymous")
    return ground


def test_the_shape_is_shown_made_and_checked(run):
    assert run(db, "current") == [{"revision": "", "wanted": "0004"}]
    with pytest.raises(StoreError, match="db upgrade"):
        run(db, "check")
    assert run(db, "upgrade") == [{"from": "", "to": "0004"}]
    assert run(db, "upgrade") == [{"from": "0004", "to": "0004"}]
    assert run(db, "check") == [{"revision": "0004", "keys": [], "audit": {"entries": 0, "erased": 0, "fault": ""}}]


def test_keys_are_exchanged_and_old_ones_forgotten(run):
    ground = _kept("c1")
    (before,) = run(db, "check")[0]["keys"]
    (done,) = run(db, "rotate-key")
    assert done["conversations"] == 1 and done["old"] == [before]
    assert run(db, "check")[0]["keys"] == [done["key"]]
    assert run(db, "forget-key", before) == [{"forgotten": before}]
    assert [entry.payload for entry in ground.audit.export(conversation="c1")] == [{"message": "a violet kettle"}]
    assert len(run(db, "new-key").strip()) == 44
    (ground.home / "master.keys").unlink()
    with pytest.raises(StoreError, match="is not here"):
        run(db, "check")


def test_the_audit_commands_open_what_is_sealed_and_erase_all_of_it(run):
    ground = _kept("c1")
    _kept("c2")
    rows = run(audit, "export", "--conversation", "c1")
    assert rows[0]["payload"] == {"message": "a violet kettle"}
    assert run(audit, "erase", "c1") == [{"conversation": "c1", "erased": 1}]
    assert run(audit, "erase", "c1") == [{"conversation": "c1", "erased": 0}]
    assert run(audit, "verify")[0]["fault"] == ""
    (listed,) = run(db, "erasures")
    assert (listed["what"], listed["subject"], listed["reason"]) == ("conversation", "c1", "asked")
    with pytest.raises(InputError, match="zzz"):
        run(audit, "erase", "zzz")
    assert run(db, "replay-erasures", str(ground.home / "erasures.jsonl")) == [{"erased": 0, "not_there": 1}]
    assert run(db, "replay-erasures", "-", input='{"what": "conversation", "subject": "c2"}\n') == [{"erased": 1, "not_there": 0}]
    with ground.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM conversations").scalar_one() == 0


def test_a_purge_says_what_it_ended(run):
    _kept("c1")
    assert run(db, "purge") == [{"conversations": 0, "records": 0, "sessions": 0, "tries": 0}]
