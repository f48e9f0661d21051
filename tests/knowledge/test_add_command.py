"""`anamnesis knowledge add` as an operator runs it: a mixed folder, again, killed and gone on with, and what is refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import docx
import pytest
from test_sources_clinic import pdf_of

from retrieval import index as index_module

ROOT = Path(__file__).parents[2]
FLAGS = ("--licence", "Clinic, internal", "--jurisdiction", "gb")
FIXTURES = Path(__file__).parent / "fixtures"


def _command(*arguments):
    return [sys.executable, "-m", "agent.cli", *map(str, arguments)]


def _env(home):
    return {**os.environ, "ANAMNESIS_HOME": str(home), "PYTHONPATH": str(ROOT)}


def _run(*arguments, home):
    return subprocess.run(_command(*arguments), capture_output=True, text=True, env=_env(home), cwd=home, timeout=240, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a small index to add to."""
    home = tmp_path_factory.mktemp("add")
    (home / "seed.jsonl").write_text(json.dumps({"id": "seed", "title": "Gout", "text": "Gout makes a joint hot, red and very painful."}))
    done = _run("knowledge", "build", "--source", f"jsonl:{home / 'seed.jsonl'}", "--out", home / "index", home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def folder(home):
    """What a clinic has on its disk, broken and forbidden things among it."""
    folder = home / "clinic"
    shutil.copytree(FIXTURES / "clinic", folder)
    pdf_of(folder / "wheeze.pdf")
    word = docx.Document()
    word.add_heading("Foot care", 1)
    word.add_paragraph("Look at both feet each day and report a new sore the same day.")
    word.save(folder / "feet.docx")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing follows")
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Featherstone"}]}
    (folder / "record.json").write_text(json.dumps(patient))
    return folder


def test_a_mixed_folder_is_added_and_what_cannot_be_is_listed_without_losing_the_rest(home, folder):
    done = _run("knowledge", "add", folder, "--index", home / "index", *FLAGS, home=home)
    row = json.loads(done.stdout)
    assert done.returncode == 1 and row["broken"] == 2 and row["added"] == 4, done.stderr
    report = [json.loads(line) for line in (home / "index" / "added.jsonl").read_text().splitlines()]
    broken = {event["file"]: event["about"] for event in report if event["what"] == "broken"}
    assert set(broken) == {"broken.pdf", "record.json"}
    assert "Patient" in broken["record.json"] and "Featherstone" not in json.dumps(report) + done.stderr
    found = json.loads(_run("search", "new sore on the foot", "--index", home / "index", "--k", "1", home=home).stdout)
    assert found["hits"][0]["document"] == "file:feet.docx"
    index = index_module.load(home / "index")
    pages = {passage.page for passage in index.of("file:wheeze.pdf")}
    assert pages == {1, 2, 3}
    for passage in index.of("file:wheeze.pdf"):
        assert passage.licence == "Clinic, internal" and passage.jurisdiction == ("GB",)


def test_the_same_folder_again_changes_nothing(home, folder):
    before = index_module.load(home / "index").corpus
    row = json.loads(_run("knowledge", "add", folder, "--index", home / "index", *FLAGS, home=home).stdout)
    assert row["unchanged"] == 4 and row["embedded"] == 0 and row["passages"] == 0
    assert index_module.load(home / "index").corpus == before


def test_the_licence_and_the_page_stand_in_the_citation(home):
    asked = _run("ask", "what does the protocol say about paragraph 14 and imaginol in wheeze?", "--engine", "none", "--index", home / "index", home=home)
    answer = json.loads(asked.stdout)
    cited = [citation for citation in answer["citations"] if citation["licence"]]
    assert cited and cited[0]["licence"] == "Clinic, internal" and cited[0]["page"] in (1, 2, 3), answer


def test_a_killed_run_goes_on(home, tmp_path):
    corpus = tmp_path / "many.jsonl"
    rows = [{"id": f"m{i}", "title": f"Matter {i}", "text": f"Matter {i} is told in its own {i * 3} words. " * 4} for i in range(900)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    target = tmp_path / "index"
    shutil.copytree(home / "index", target)
    start = len(index_module.load(target).passages)
    command = _command("knowledge", "add", f"jsonl:{corpus}", "--index", target)
    code = "import retrieval.index as i, runpy, sys; i._COMMIT_EVERY = 32; sys.argv = sys.argv[1:]; runpy.run_module('agent.cli', run_name='__main__')"
    process = subprocess.Popen([sys.executable, "-c", code, "anamnesis", *command[3:]], env=_env(home), cwd=home,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
        if (target / "vectors.f32").stat().st_size > (start + 64) * 384 * 4:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = len(index_module.load(target).passages)
    assert start < half < start + 900
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows[: half - start + 20]))
    done = _run("knowledge", "add", f"jsonl:{corpus}", "--index", target, home=home)
    row = json.loads(done.stdout)
    assert row["unchanged"] >= half - start and row["embedded"] <= 20, row
    assert len(index_module.load(target).passages) == half + 20


def test_bombs_and_tricks_are_refused_and_said(home, tmp_path):
    (tmp_path / "bad").mkdir()
    with zipfile.ZipFile(tmp_path / "bad" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.txt", b"0" * 300_000_000)
    with zipfile.ZipFile(tmp_path / "bad" / "tricks.zip", "w") as archive:
        archive.writestr("../../outside.txt", "This must not be written anywhere.")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.txt", "x")
    with zipfile.ZipFile(tmp_path / "bad" / "nested.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    done = _run("knowledge", "add", tmp_path / "bad", "--index", home / "index", home=home)
    assert done.returncode == 1 and not (tmp_path / "outside.txt").exists() and not (tmp_path.parent / "outside.txt").exists()
    report = (home / "index" / "added.jsonl").read_text()
    for name in ("bomb.zip", "tricks.zip", "nested.zip"):
        assert name in report


@pytest.mark.parametrize(
    ("path", "said"),
    [("/no/such/path", "is not there"), ("medquad:", "needs a path"), ("magic:/tmp", "is not there")],
)
def test_a_wrong_path_is_said(home, path, said):
    done = _run("knowledge", "add", path, "--index", home / "index", home=home)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
