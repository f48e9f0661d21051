"""The database's shape, its keys, and words at rest: SQLite and a real PostgreSQL alike."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from agent import keyring, rotation, schema, vault
from agent.audit import AuditLog
from agent.database import open_ground, stamp
from agent.keyring import FILE, VARIABLE
from agent.store import open_database, reading, writing
from agent.vault import Vault
from knowledge.errors import StoreError

# The tables as the program made them before there were revisions, and a chain of two records that it wrote.
_OLD = (
    "CREATE TABLE audit (number INTEGER PRIMARY KEY, at TEXT NOT NULL, conversation TEXT NOT NULL, "
    "kind TEXT NOT NULL, salt TEXT, payload TEXT, digest TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash TEXT NOT NULL)",
    f"INSERT INTO audit_head (one, number, hash) VALUES (1, 0, '{'0' * 64}')",
)


def _tables(engine):
    from sqlalchemy import inspect

    return set(inspect(engine).get_table_names())


def _bytes(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file())


def test_the_revisions_named_are_those_that_ship():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema._FOLDER))
    shipped = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(shipped)) == schema.REVISIONS


def test_an_empty_database_is_made_whole_at_first_use_and_left_alone_after(ground):
    assert schema.current(ground.engine) == ""
    ground.audit.append("turn", {}, conversation="")
    assert schema.current(ground.engine) == schema.REVISIONS[-1]
    assert schema.upgrade(ground.engine) == (schema.REVISIONS[-1], schema.REVISIONS[-1])
    assert {"audit", "accounts", "sessions", "conversations", "turns", "erasures"} <= _tables(ground.engine)


def test_a_database_from_before_revisions_keeps_its_chain(ground):
    with writing(ground.engine) as connection:
        for statement in _OLD:
            connection.exec_driver_sql(statement)
        before = AuditLog(ground.engine)
        for number in range(2):
            before.append_in(connection, "turn", {"i": number}, conversation="old")
    assert schema.current(ground.engine) == ""
    with reading(ground.engine) as connection:
        head = connection.execute(text("SELECT hash FROM audit_head")).scalar_one()
    outcome = ground.audit.verify()
    assert (outcome.entries, outcome.fault, outcome.head) == (2, "", head)
    ground.audit.append("turn", {"i": 2}, conversation="old")
    assert [entry.payload["i"] for entry in ground.audit.export(conversation="old")] == [0, 1, 2], "sealed and not, in one chain"
    with pytest.raises(Exception, match="append-only"), ground.writing() as connection:
        connection.execute(text("DELETE FROM audit"))


@pytest.mark.parametrize("half", ["0001", "0002"])
def test_an_older_shape_is_brought_on_and_nothing_is_lost(ground, half):
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(schema._FOLDER))
    with writing(ground.engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, half)
        AuditLog(ground.engine).append_in(connection, "turn", {"i": 1}, conversation="c")
    assert schema.current(ground.engine) == half
    assert schema.upgrade(ground.engine) == (half, schema.REVISIONS[-1])
    assert ground.audit.verify().entries == 1 and ground.audit.verify().fault == ""


def test_a_newer_database_is_refused_and_not_touched(ground):
    ground.audit.prepare()
    with ground.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    tables = _tables(ground.engine)
    fresh = AuditLog(ground.engine)
    for use in (fresh.verify, lambda: fresh.append("turn", {}, conversation="c"), lambda: schema.upgrade(ground.engine)):
        with pytest.raises(StoreError, match=r"9999.*newer.*newer version"):
            use()
    assert schema.current(ground.engine) == "9999" and _tables(ground.engine) == tables


def test_a_step_that_fails_changes_nothing(ground, monkeypatch):
    monkeypatch.setattr(schema, "_FOLDER", Path("/nonexistent"))
    with pytest.raises(StoreError, match="could not be brought"):
        ground.audit.prepare()
    assert _tables(ground.engine) == set()


def test_processes_that_start_together_make_one_database(ground):
    faults = []

    def start():
        try:
            AuditLog(ground.engine, Vault(ground.home)).append("turn", {"a": 1}, conversation="c")
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(list(ground.audit.export(conversation="c"))) == 4
    assert len((ground.home / FILE).read_text().splitlines()) == 1


def test_the_audit_record_of_a_conversation_is_sealed_and_its_chain_needs_no_key(ground):
    words = "the violet kettle and the seventh stair"
    ground.audit.append("answer", {"message": words}, conversation="a")
    ground.audit.append("denied", {"action": "review"}, conversation="")
    with reading(ground.engine) as connection:
        stored = connection.execute(text("SELECT payload FROM audit ORDER BY number")).scalars().all()
    assert vault.is_sealed(stored[0]) and words not in stored[0]
    assert stored[1] == '{"action": "review"}', "what the house did is for every auditor"
    assert words.encode() not in _bytes(ground.home)
    assert next(ground.audit.export(conversation="a")).payload == {"message": words}
    plain = AuditLog(ground.engine)
    assert plain.verify().fault == ""
    with pytest.raises(StoreError, match="sealed"):
        list(plain.export())


def test_a_sealed_text_opens_at_its_own_place_and_unchanged_only(ground):
    with ground.writing() as connection:
        sealed = ground.vault.seal(connection, "a", "kettle", place="turn:1")
        other = ground.vault.seal(connection, "b", "stair", place="turn:1")
        assert ground.vault.read(connection, "a", sealed, place="turn:1") == "kettle"
        assert ground.vault.seal(connection, "a", "kettle", place="turn:1") != sealed
        broken = sealed[:-6] + ("AAAA" if sealed[-6:-2] != "AAAA" else "BBBB") + sealed[-2:]
        for conversation, given, place in (("a", sealed, "turn:2"), ("a", other, "turn:1"), ("a", broken, "turn:1"),
                                           ("a", "v1.", "turn:1"), ("a", "not base64 ü", "turn:1"), ("c", sealed, "turn:1")):  # fmt: skip
            with pytest.raises(StoreError) as caught:
                ground.vault.read(connection, conversation, given, place=place)
            assert "kettle" not in str(caught.value) and sealed not in str(caught.value)


def test_the_key_file_is_its_owners_alone(ground):
    ground.audit.prepare()
    file = ground.home / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in ground.home.iterdir() if path.name.startswith(f".{FILE}")] == []
    file.chmod(0o644)
    with pytest.raises(StoreError, match=r"read by others.*0644.*0600.*chmod 600"):
        keyring.read_keyring(ground.home)


def test_a_lost_key_is_said_clearly_and_no_other_takes_its_place(ground):
    ground.audit.append("answer", {"message": "kettle"}, conversation="a")
    (ground.home / FILE).unlink()
    fresh = AuditLog(ground.engine, Vault(ground.home))
    with pytest.raises(StoreError, match=r"master key [0-9a-f]{12} is not here.*ANAMNESIS_KEY.*Restore") as caught:
        fresh.append("answer", {"message": "more secret words"}, conversation="b")
    assert "secret" not in str(caught.value)
    assert not (ground.home / FILE).exists()
    assert fresh.verify().fault == "" and fresh.erase("a") == 1, "what needs no key still works"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("hunter2", "Key 1 of ANAMNESIS_KEY is no key"),
        (base64.b64encode(b"x" * 31).decode(), "is no key"),
        (",".join([base64.b64encode(b"x" * 32).decode()] * 2), "twice"),
        (",", "holds no key"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(ground, monkeypatch, given, fault):
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(StoreError, match=fault) as caught:
        ground.audit.append("answer", {}, conversation="a")
    assert given == "," or given not in str(caught.value)


def test_a_key_from_the_environment_leaves_no_file(ground, monkeypatch):
    monkeypatch.setenv(VARIABLE, keyring.new_key())
    ground.audit.append("answer", {"message": "kettle"}, conversation="a")
    assert not (ground.home / FILE).exists()
    assert next(ground.audit.export()).payload == {"message": "kettle"}


def test_nothing_shows_a_key(ground):
    ground.audit.prepare()
    secret = (ground.home / FILE).read_text().strip()
    ring = ground.vault.ring()
    raw = ring.active.secret
    for shown in (repr(ring), repr(ground), repr(ground.vault), ring.active.id):
        assert secret not in shown and raw.hex() not in shown and repr(raw) not in shown
    import pickle

    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(ground.vault)


def _used(ground):
    with reading(ground.engine) as connection:
        return vault.ids_in_use(connection)


def test_a_rotation_goes_on_where_it_stopped_and_everything_opens_all_the_while(ground):
    for number in range(7):
        ground.audit.append("answer", {"i": number}, conversation=f"c{number}")
    (old,) = _used(ground)
    first = rotation.rotate(ground, batch=2, most=1)
    assert first.conversations == 2 and first.old == (old,) and len(_used(ground)) == 2
    assert [entry.payload["i"] for entry in ground.audit.export() if entry.conversation] == list(range(7))
    ground.audit.append("answer", {"i": 7}, conversation="c7")
    with pytest.raises(StoreError, match="in use"):
        rotation.forget_key(ground, old)
    second = rotation.rotate(ground, batch=2)
    assert (second.key, second.conversations) == (first.key, 5), "finished, no third key made"
    assert _used(ground) == (first.key,)
    rotation.forget_key(ground, old)
    assert [entry.payload["i"] for entry in ground.audit.export() if entry.conversation] == list(range(8))
    assert ground.audit.verify().fault == ""
    with pytest.raises(StoreError, match="not an old key"):
        keyring.drop_key(ground.home, first.key)


def test_another_process_sees_the_new_key_without_being_started_again(ground):
    ground.audit.append("answer", {}, conversation="a")
    other = AuditLog(ground.engine, Vault(ground.home))
    other.append("answer", {}, conversation="b")
    done = rotation.rotate(ground)
    other.append("answer", {"i": 1}, conversation="c")
    assert _used(ground) == (done.key,)
    assert [entry.payload for entry in other.export(conversation="c")] == [{"i": 1}]


def test_keys_from_the_environment_are_exchanged_by_putting_one_in_front(ground, monkeypatch):
    old, new = keyring.new_key(), keyring.new_key()
    monkeypatch.setenv(VARIABLE, old)
    ground.audit.append("answer", {"i": 1}, conversation="a")
    with pytest.raises(StoreError, match=r"under the first key.*new-key.*in front"):
        rotation.rotate(ground)
    monkeypatch.setenv(VARIABLE, f"{new}, {old}")
    fresh = open_ground_like(ground)
    assert rotation.rotate(fresh).conversations == 1
    monkeypatch.setenv(VARIABLE, new)
    assert [entry.payload for entry in open_ground_like(ground).audit.export(conversation="a")] == [{"i": 1}]
    monkeypatch.setenv(VARIABLE, old)
    with pytest.raises(StoreError, match="is not here"):
        list(open_ground_like(ground).audit.export(conversation="a"))


def open_ground_like(ground):
    from dataclasses import replace

    fresh = Vault(ground.home)
    return replace(ground, vault=fresh, audit=AuditLog(ground.engine, fresh))


def test_the_ground_is_opened_by_settings_and_reads_nothing_before_it_is_used(tmp_path):
    from agent.config import Settings

    ground = open_ground(Settings(home=tmp_path / "home"))
    assert list((tmp_path / "home").iterdir()) == []
    with ground.reading() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM accounts")).scalar_one() == 0
    assert len(stamp(ground.clock())) == len("2026-11-22T00:00:00.000+00:00")
    ground.engine.dispose()


def test_a_database_that_cannot_be_written_is_said_without_what_was_said(tmp_path):
    if os.geteuid() == 0:
        url = f"sqlite:///file:{tmp_path / 'none'}/x.db?mode=ro&uri=true"
    else:
        url = f"sqlite:///{tmp_path / 'none' / 'x.db'}"
    log = AuditLog(open_database(url, home=tmp_path), Vault(tmp_path))
    with pytest.raises(StoreError) as caught:
        log.append("turn", {"text": "my secret words"}, conversation="c")
    assert "secret" not in str(caught.value)


def test_a_fault_within_a_transaction_comes_out_as_itself_and_leaves_nothing(ground):
    ground.audit.prepare()
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"), ground.writing() as connection:
            ground.audit.append_in(connection, "turn", {}, conversation="c")
            raise ValueError("mine")
    assert ground.audit.verify().entries == 0
    ground.audit.append("turn", {}, conversation="c")
    assert ground.audit.verify().entries == 1
