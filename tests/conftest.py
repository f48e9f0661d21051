"""What many tests share: a home in a temporary folder, and a real PostgreSQL server where its programs are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

SHARED_BENCH = Path(__file__).parents[2] / "shared" / "bench"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path_factory):
    """A test sees no ANAMNESIS_ variable but the weights' home, and writes only under a temporary folder."""
    for name in list(os.environ):
        if name.startswith("ANAMNESIS_") and name != "ANAMNESIS_TEST_WEIGHTS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session")
def free_port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory) -> Iterator[str]:
    """A server of our own on a free loopback port, stopped at the end; skipped with a reason where it cannot run."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    path = os.pathsep.join([os.environ.get("PATH", ""), *found])
    initdb, pg_ctl = shutil.which("initdb", path=path), shutil.which("pg_ctl", path=path)
    if not initdb or not pg_ctl:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    folder = Path(tmp_path_factory.mktemp("postgresql"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root; "nobody" needs to reach the folder.
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL does not run as root, and setpriv is not installed")
        folder = Path("/tmp") / f"anamnesis-postgresql-{os.getpid()}"
        folder.mkdir()
        shutil.chown(folder, "nobody", "nogroup")
    port = _free_port()
    data = folder / "data"
    try:
        _run([*as_user, initdb, "-D", str(data), "-A", "trust", "-U", "anamnesis", "-E", "UTF8", "--locale=C"])
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run([*as_user, pg_ctl, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start"])
        yield f"postgresql+psycopg://anamnesis@127.0.0.1:{port}/postgres"
    finally:
        if (data / "postmaster.pid").exists():
            _run([*as_user, pg_ctl, "-D", str(data), "-m", "immediate", "stop"])
        if os.geteuid() == 0:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request, tmp_path):
    """An empty database of each kind with its keys in a home of its own; its clock stands still, and `clock.moment` sets it."""
    from agent.audit import AuditLog
    from agent.database import Database
    from agent.store import open_database
    from agent.vault import Vault

    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = open_database(url, home=tmp_path)
    if url:
        with engine.begin() as connection:
            for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
                connection.exec_driver_sql(statement)
    vault = Vault(tmp_path)
    yield Database(engine, AuditLog(engine, vault), vault, tmp_path, _Clock())
    engine.dispose()


class _Clock:
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        self.moment += timedelta(**span)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}: {done.stdout[-500:]} {done.stderr[-500:]}")
