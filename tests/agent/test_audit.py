"""The audit chain, on a real SQLite file and a real PostgreSQL server (tests/conftest.py starts one where its programs are)."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from agent.audit import AuditLog
from agent.store import open_database
from knowledge.errors import StoreError


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request, tmp_path):
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = open_database(url, home=tmp_path)
    if url:
        with engine.begin() as connection:
            for statement in ("DROP TABLE IF EXISTS audit", "DROP TABLE IF EXISTS audit_head"):
                connection.exec_driver_sql(statement)
    yield AuditLog(engine)
    engine.dispose()


def _raw(log, statement):
    with log._engine.connect() as connection:
        connection.execute(text(statement))
        if log._engine.dialect.name != "sqlite":
            connection.commit()


def _disarm(log):
    """Take the database's own guard away, as an intruder with its password could."""
    if log._engine.dialect.name == "sqlite":
        _raw(log, "DROP TRIGGER audit_no_delete")
        _raw(log, "DROP TRIGGER audit_no_change")
    else:
        _raw(log, "DROP TRIGGER audit_append_only ON audit")


def test_a_chain_of_records_verifies_and_exports_what_was_written(log):
    for i in range(5):
        log.append("turn", {"i": i, "text": "咳嗽 [NAME-1]"}, conversation=f"c{i % 2}")
    outcome = log.verify()
    assert (outcome.entries, outcome.erased, outcome.fault) == (5, 0, "")
    assert [entry.payload["i"] for entry in log.export(conversation="c1")] == [1, 3]
    assert outcome.head == list(log.export())[-1].hash


def test_the_database_itself_refuses_to_change_or_delete_a_record(log):
    log.append("turn", {"level": "emergency"}, conversation="c")
    for statement in (
        "UPDATE audit SET payload = '{}'",
        "DELETE FROM audit",
        "UPDATE audit SET kind = 'x', payload = NULL, salt = NULL",
    ):
        with pytest.raises(Exception, match="append-only"):
            _raw(log, statement)
    assert log.verify().fault == ""


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ('UPDATE audit SET payload = \'{"level": "self_care"}\' WHERE number = 2', "content of record 2"),
        ("UPDATE audit SET kind = 'other' WHERE number = 2", "record 2 does not follow"),
        ("DELETE FROM audit WHERE number = 2", "record 2 is missing"),
        ("DELETE FROM audit WHERE number = 3", "last records are missing"),
    ],
)
def test_a_change_behind_its_back_is_found(log, statement, fault):
    for i in range(3):
        log.append("turn", {"i": i}, conversation="c")
    _disarm(log)
    _raw(log, statement)
    assert fault in log.verify().fault


def test_an_erased_conversation_is_gone_and_the_chain_still_verifies(log):
    log.append("turn", {"text": "secret"}, conversation="a")
    log.append("turn", {"text": "kept"}, conversation="b")
    assert log.erase("a") == 1
    outcome = log.verify()
    assert (outcome.entries, outcome.erased, outcome.fault) == (3, 1, "")
    assert [entry.payload for entry in log.export(conversation="a")] == [None]
    assert "secret" not in str(list(log.export()))
    with pytest.raises(StoreError, match="No record of conversation 'zzz'"):
        log.erase("zzz")


def test_many_writers_make_one_chain(log):
    log.append("turn", {}, conversation="c")

    def work():
        for _ in range(10):
            log.append("turn", {}, conversation="c")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome = log.verify()
    assert (outcome.entries, outcome.fault) == (41, "")


def test_lone_surrogates_are_written_not_raised(log):
    log.append("turn", {"text": "a\ud800b"}, conversation="c")
    assert log.verify().fault == ""


def test_an_unwritable_place_is_said_clearly(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="ANAMNESIS_HOME"):
        open_database("", home=blocked / "home")
    with pytest.raises(StoreError, match="database URL"):
        open_database("nonsense://x", home=tmp_path)


def test_an_error_message_holds_no_conversation(tmp_path):
    log = AuditLog(open_database("", home=tmp_path))
    log.append("turn", {}, conversation="c")
    _raw(log, "DROP TABLE audit")
    with pytest.raises(StoreError) as caught:
        log.append("turn", {"text": "my secret words"}, conversation="c")
    assert "secret" not in str(caught.value)
