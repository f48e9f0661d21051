"""A clinic's own documents: sent, added, found, stopped and gone on with, removed; what is no document is refused with its reason."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import zipfile
from dataclasses import replace

import docx
import pytest
from fpdf import FPDF

from agent.app.doctor.about import About, clean_name
from agent.app.doctor.added import progress_html, remove, volumes_html
from agent.app.doctor.incoming import Incoming
from agent.app.doctor.search import looked
from agent.app.doctor.shelf import Chosen, shelf
from agent.app.renewal import Renewal
from agent.build import build_agent
from agent.config import load
from agent.messages import say
from knowledge.errors import InputError, StoreError
from tests.agent.doctor_house import asked_by, house_of

ABOUT = About(organisation="Ward 5", licence="our own", jurisdiction="gb", published="2025-03", audience="clinician")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A small index as the library would be: two documents of another origin."""
    from knowledge.sources.jsonl import read
    from retrieval.embedders import open_embedder
    from retrieval.index import build

    folder = tmp_path_factory.mktemp("library")
    rows = [{"id": name, "title": name, "text": text, "source": "Ours", "published": "2020", "language": "en"}
            for name, text in (("hiccups", "Hiccups usually stop within minutes."), ("ear-wax", "Oil softens ear wax."))]  # fmt: skip
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(read(folder / "rows.jsonl"), embedder=open_embedder(), out=folder / "index").catalogue.close()
    return folder / "index"


@pytest.fixture
def desk(index, tmp_path):
    """A served agent on a copy of that index, and the place where its documents come in."""
    shutil.copytree(index, tmp_path / "index")
    renewal = Renewal(build_agent(load(home=tmp_path / "home", index=str(tmp_path / "index"), engine="none")))
    house = replace(house_of(renewal.agent(), tmp_path / "home"), agent=renewal.agent)
    yield house, Incoming(house.settings, house.agent), asked_by(house)
    house.db.engine.dispose()


def sent(tmp_path, name, write):
    """A file as Gradio keeps what was sent: in a folder of its own."""
    uploads = tmp_path / "uploads"
    (uploads / name.replace("/", "_")).mkdir(parents=True)
    path = uploads / name.replace("/", "_") / name
    write(path)
    return path


def added(incoming, tmp_path, *paths, about=ABOUT):
    incoming.take(list(paths), tmp_path / "uploads")
    incoming.start(about)
    return list(incoming.follow())[-1]


def pdf(path):
    page = FPDF()
    page.add_page()
    page.set_font("helvetica", "B", 20)
    page.multi_cell(0, 10, "Wheeze protocol of ward five", new_x="LMARGIN", new_y="NEXT")
    page.set_font("helvetica", "", 11)
    page.multi_cell(0, 6, "Adults with wheeze get imaginol 40 mg every 12 hours for 5 days.", new_x="LMARGIN", new_y="NEXT")
    page.output(str(path))


def word(path):
    document = docx.Document()
    document.add_paragraph("Hand washing on ward five", style="Title")
    document.add_paragraph("Hands are washed for 40 seconds before every dressing of a wound.")
    document.save(str(path))


def test_a_pdf_and_a_docx_become_hits_marked_as_the_clinics_own_and_nothing_else_stays(desk, tmp_path):
    house, incoming, clinician = desk
    before = house.agent().index
    files = [sent(tmp_path, "wheeze.pdf", pdf), sent(tmp_path, "hands.docx", word)]
    done = added(incoming, tmp_path, *files)
    assert (done.state, done.read, done.documents, done.added, done.fault) == ("done", 2, 2, 2, ""), done
    assert done.embedded == done.passages >= 2
    assert not any(path.is_file() for path in (tmp_path / "uploads").rglob("*")) and not incoming.folder.exists()
    # Without a restart: the agent that serves has the new index, and the one before still answers whoever held it.
    assert house.agent().index is not before and len(before.of("hiccups")) == 1
    for asked, words in (("imaginol for wheeze", "imaginol 40 mg"), ("washing hands before a dressing", "40 seconds")):
        shown = looked(house, asked, Chosen(sources=("own",), places=("GB",), since="2025"), clinician, "en")
        first = shown.split("</article>")[0]
        assert words in first and say("en", "doctor_own_about") in first
        assert "Ward 5" in first and "our own" in first and "2025-03" in first
    assert say("zh", "doctor_own_about") not in looked(house, "hiccups", Chosen(), clinician, "zh").split("</article>")[0]
    # Sent again they are known; under another name they are doubles, and listed with what they are doubles of.
    again = added(incoming, tmp_path, sent(tmp_path, "wheeze.pdf2", pdf).rename(tmp_path / "uploads" / "wheeze.pdf"),
                  sent(tmp_path, "other.docx", word))  # fmt: skip
    assert [each.what for each in again.seen] == ["unchanged", "exact"] and again.added == 0
    assert "file:hands.docx" in progress_html(again, incoming, "en")
    # Listed, and removed.
    own = [one for one in shelf(house.agent().index) if one.own]
    assert {one.id for one in own} == {"file:wheeze.pdf", "file:hands.docx"} and "Wheeze protocol" in volumes_html(own, "zh")
    with pytest.raises(InputError):
        remove(house.agent(), incoming.target, "hiccups")
    assert "Wheeze" in remove(house.agent(), incoming.target, "file:wheeze.pdf")
    assert [one.id for one in shelf(house.agent().index) if one.own] == ["file:hands.docx"]
    assert "imaginol" not in looked(house, "imaginol for wheeze", Chosen(), clinician, "en").lower().replace("imaginol for", "")


def test_bombs_and_what_cannot_be_read_are_refused_with_their_reason_and_the_rest_is_added(desk, tmp_path):
    _, incoming, _ = desk

    def packed(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            archive.writestr("word/document.xml", b"<w:document>" + b" " * (40 * 2**20))

    files = [
        sent(tmp_path, "a-bomb.txt.gz", lambda path: path.write_bytes(gzip.compress(b"a" * (20 * 2**20)))),
        sent(tmp_path, "b-bomb.docx", packed),
        sent(tmp_path, "c-bomb.txt", lambda path: path.write_text("Title\n\n" + "x" * 2_000_000)),
        sent(tmp_path, "d-scan.pdf", lambda path: path.write_bytes(b"%PDF-1.7 nothing")),
        sent(tmp_path, "e-picture.md", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")),
        sent(tmp_path, "f-patient.json", lambda path: path.write_text('{"resourceType": "Patient", "name": [{"family": "Roe"}]}')),
        sent(tmp_path, "good.md", lambda path: path.write_text("# Cough\n\nHoney eases a cough in adults of this ward.\n")),
    ]  # fmt: skip
    done = added(incoming, tmp_path, *files)
    assert (done.state, done.added) == ("done", 1), done
    broken = {each.name: each.about for each in done.seen if each.what == "broken"}
    assert set(broken) == {path.name for path in files[:-1]}, broken
    assert "bomb" in broken["a-bomb.txt.gz"] and "without a space" in broken["c-bomb.txt"]
    shown = progress_html(done, incoming, "zh")
    assert say("zh", "doctor_became_broken") in shown and "Roe" not in shown and all(name in shown for name in broken)


def test_a_run_that_is_stopped_keeps_what_it_read_and_goes_on_after_a_restart(desk, tmp_path, monkeypatch):
    house, incoming, clinician = desk
    rows = "\n".join(json.dumps({"id": f"r{n}", "title": f"Leaflet {n}", "text": f"Leaflet {n} speaks of subject number {n} alone.",
                                 "source": "Ward", "language": "en"}) for n in range(6))  # fmt: skip
    files = [sent(tmp_path, "rows.jsonl", lambda path: path.write_text(rows)), sent(tmp_path, "hands.docx", word)]
    reached, go = threading.Event(), threading.Event()
    from retrieval.add import Adder

    plain = Adder.add

    def slow(self, document, *, file=""):
        if document.id == "r2":
            reached.set()
            assert go.wait(60)
        return plain(self, document, file=file)

    monkeypatch.setattr(Adder, "add", slow)
    incoming.take(files, tmp_path / "uploads")
    incoming.start(ABOUT)
    assert reached.wait(60)
    with pytest.raises(InputError, match="already"):
        incoming.start(ABOUT)
    with pytest.raises(InputError, match="Stop"):
        incoming.discard()
    with pytest.raises(StoreError):  # somebody else adds meanwhile
        remove_first = Adder(incoming.target, embedder=house.agent().embedder, origin="")
        remove_first.close()
    incoming.stop()
    go.set()
    stopped = list(incoming.follow())[-1]
    assert (stopped.state, stopped.read, stopped.documents) == ("stopped", 0, 3) and len(incoming.waiting()) == 2
    assert say("en", "doctor_run_stopped") in progress_html(stopped, incoming, "en")
    assert {one.id for one in shelf(house.agent().index) if one.own} == {"r0", "r1", "r2"}
    # Another process finds what waits, and what was said of it.
    restarted = Incoming(house.settings, house.agent)
    restarted.start()
    done = list(restarted.follow())[-1]
    assert (done.state, done.documents, done.added) == ("done", 7, 4), done
    assert [each.what for each in done.seen][:3] == ["unchanged"] * 3
    shown = looked(house, "washing hands", Chosen(sources=("Ward 5",)), clinician, "en")
    assert "40 seconds" in shown and "our own" in shown and not restarted.folder.exists()


@pytest.mark.parametrize(
    "about",
    [replace(ABOUT, jurisdiction="Britain"), replace(ABOUT, published="soon"), replace(ABOUT, audience="all"),
     replace(ABOUT, licence="x" * 301)],
    ids=["place", "date", "audience", "licence"],
)  # fmt: skip
def test_what_is_said_of_files_is_checked_before_any_is_read(desk, tmp_path, about):
    _, incoming, _ = desk
    with pytest.raises(InputError):
        incoming.start(about)
    incoming.take([sent(tmp_path, "hands.docx", word)], tmp_path / "uploads")
    with pytest.raises(InputError):
        incoming.start(about)
    assert incoming.waiting() == ("hands.docx",) and incoming.discard() == 1 and incoming.waiting() == ()


def test_no_file_of_the_server_can_be_taken_and_names_are_harmless(desk, tmp_path):
    _, incoming, _ = desk
    secret = tmp_path / "secret.txt"
    secret.write_text("not yours")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "link.txt").symlink_to(secret)
    for path in (secret, tmp_path / "uploads" / ".." / "secret.txt", tmp_path / "uploads" / "link.txt"):
        with pytest.raises(InputError):
            incoming.take([path], tmp_path / "uploads")
    assert secret.read_text() == "not yours" and incoming.waiting() == ()
    assert clean_name("../../etc/passwd") == "passwd" and clean_name(".hidden<b>.md") == "hidden_b_.md"
    assert clean_name("指南 2024（修订）.pdf").endswith(".pdf") and len(clean_name("x" * 400 + ".docx")) < 120
