"""The audit chain, on a real SQLite file and a real PostgreSQL server (tests/conftest.py starts one where its programs are)."""

from __future__ import annotations

import threading
from random import Random

import pytest
from sqlalchemy import event, text

from agent.audit import AuditLog
from agent.store import open_database
from knowledge.errors import StoreError


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request, tmp_path):
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = open_database(url, home=tmp_path)
    if url:
        with engine.begin() as connection:
            for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
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


_WORDS = "the violet kettle and the seventh stair "
_BYTES = _WORDS.encode()


def _standing(folder, words=_BYTES):
    """The files of a folder in which the words can be read."""
    return sorted(path.name for path in folder.iterdir() if words in path.read_bytes())


def _held(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


@pytest.mark.parametrize("size", [1, 40, 2000])
def test_erased_words_are_in_no_file_of_an_open_database_though_another_connection_holds_it(tmp_path, size):
    log, second = (AuditLog(open_database("", home=tmp_path)) for _ in range(2))
    log.append("turn", {"text": _WORDS * size}, conversation="a")
    log.append("turn", {"text": "an amber lantern"}, conversation="b")
    assert second.verify().entries == 2
    assert "anamnesis.db-wal" in _standing(tmp_path), "what is tested was there before"
    assert log.erase("a") == 1
    assert _standing(tmp_path) == [] and (tmp_path / "anamnesis.db-wal").stat().st_size == 0
    assert _standing(tmp_path, b"an amber lantern") == ["anamnesis.db"]
    for each in (log, second):
        assert (each.verify().entries, each.verify().erased, each.verify().fault) == (3, 1, "")


def test_of_many_records_erased_one_conversation_after_the_other_no_word_is_left(tmp_path):
    log = AuditLog(open_database("", home=tmp_path))
    random = Random(4)
    said = {f"c{n}": [] for n in range(6)}
    for _ in range(150):
        conversation = random.choice(sorted(said))
        words = [f"<{random.randrange(10**12):012d}>" for _ in range(random.choice([1, 3, 20, 60, 400]))]
        said[conversation] += words
        log.append("turn", {"text": " ".join(words)}, conversation=conversation)
    kept = [word for word in said["c5"] if word.encode() in _held(tmp_path)]
    for n in range(4):
        log.erase(f"c{n}")
    held = _held(tmp_path)
    assert [word for n in range(4) for word in said[f"c{n}"] if word.encode() in held] == []
    assert len(kept) > 100 and [word for word in kept if word.encode() not in held] == [] and log.verify().fault == ""


def test_an_erasure_while_somebody_reads_says_what_may_be_left_and_is_finished_by_the_same_command(tmp_path):
    log, other = (AuditLog(open_database("", home=tmp_path)) for _ in range(2))
    log.append("turn", {"text": _WORDS}, conversation="a")
    log.append("turn", {"text": "kept"}, conversation="b")
    _raw(log, "PRAGMA busy_timeout=20")
    with other._engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        assert reader.exec_driver_sql("SELECT payload FROM audit WHERE number = 1").scalar_one()
        with pytest.raises(StoreError, match=r"record is erased, but .*anamnesis\.db.*-wal.*closed.*run the same erasure again") as caught:
            log.erase("a")
        assert _standing(tmp_path), "what the message says may be so is so"
        assert _WORDS.strip() not in str(caught.value)
        assert [entry.payload for entry in log.export(conversation="a")] == [None]
        reader.exec_driver_sql("ROLLBACK")
    assert log.erase("a") == 0
    assert _standing(tmp_path) == []
    outcome = log.verify()
    assert (outcome.entries, outcome.erased, outcome.fault) == (3, 1, ""), "the second time writes no record"


def test_postgresql_is_left_to_its_own_cleaning(postgresql_url, tmp_path):
    engine = open_database(postgresql_url, home=tmp_path)
    with engine.begin() as connection:
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            connection.exec_driver_sql(statement)
    log = AuditLog(engine)
    log.append("turn", {"text": _WORDS}, conversation="a")
    said = []
    event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2].split()[0].upper()))
    assert (log.erase("a"), log.erase("a")) == (1, 0)
    assert "UPDATE" in said and not {"VACUUM", "PRAGMA", "CHECKPOINT"} & set(said)
    engine.dispose()
