"""Files of any kind in one folder: told by content, hostile ones stopped, and one bad file never costs the others."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import time
import zipfile
from pathlib import Path

import pytest

from knowledge.errors import InputError
from knowledge.sources import archives, streams
from knowledge.sources.encoding import decode
from knowledge.sources.fhir import read_fhir
from knowledge.sources.jats import read_jats
from knowledge.sources.language import code_of, detect
from knowledge.sources.medlineplus import read_medlineplus
from knowledge.sources.notes import read_markdown, read_text
from knowledge.sources.openfda import read_openfda
from knowledge.sources.pubmed import read_pubmed
from knowledge.sources.reading import READERS, read_path, reader_of, recognise
from knowledge.sources.webpage import read_html

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "do-not-read-me"
PUBMED = '<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>{0}</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>'
JATS = '<article><front><article-meta><article-id pub-id-type="pmc">1</article-id><article-title>T</article-title></article-meta></front><body><p>{0}</p></body></article>'
PLUS = '<health-topics><health-topic id="1" title="T" language="English"><full-summary>{0}</full-summary></health-topic></health-topics>'
SPL = '<document xmlns="urn:hl7-org:v3"><setId root="1"/><component><structuredBody><component><section><text>{0}</text></section></component></structuredBody></component></document>'
MEDQUAD = '<Document id="1" source="S" url="u"><Focus>F</Focus><QAPairs><QAPair><Question>Q</Question><Answer>{0}</Answer></QAPair></QAPairs></Document>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)) + "]>"


def all_of(path):
    faults = []
    return [document for _, document in read_path(path, on_fault=faults.append)], faults


def test_every_format_loads_and_is_told_without_its_name(tmp_path):
    for name in READERS:
        assert callable(reader_of(name))
    for number, file in enumerate(sorted(path for path in FIXTURES.rglob("*") if path.is_file() and path.suffix != ".md")):
        other = tmp_path / f"{number}.bin"
        other.write_bytes(file.read_bytes())
        assert recognise(other) == recognise(file) != None  # noqa: E711


def test_the_fixtures_all_in_one_walk_are_sorted_and_each_id_is_its_own():
    documents, _ = all_of(FIXTURES)
    assert len({document.id for document in documents}) == len(documents) == 17
    faults = []
    walked = [path.relative_to(FIXTURES).as_posix() for path, _ in read_path(FIXTURES, on_fault=faults.append)]
    assert walked == sorted(walked)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("page.pdf", b"<!DOCTYPE html><html><body>Sign in</body></html>", "html"),
        ("report.txt", b"%PDF-1.4\n", "pdf"),
        ("rows.json", b'{"id": "a", "title": "t", "text": "x"}\n', "jsonl"),
        ("notes", b"Just words.", "text"),
        ("table.csv", b"a,b\n1,2\n", None),
        ("code.py", b"print(1)\n", None),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0", None),
        ("data.txt", b"\0\1\2\3" * 50, None),
        ("other.json", b'{"a": 1}', None),
        ("config.xml", b"<?xml version='1.0'?><config/>", None),
        ("message.txt", b"MSH|^~\\&|LAB|CLINIC|||20240101||ORU^R01|1|P|2.5\rPID|1||1||DOE^JANE", None),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None),
        ("pack.tar", bytes(257) + b"ustar" + bytes(250), None),
    ],
)
def test_content_comes_before_the_name(tmp_path, name, data, expected):
    path = tmp_path / name
    path.write_bytes(data)
    assert recognise(path) == expected
    if expected is None:
        documents, faults = all_of(tmp_path)
        assert documents == [] and len(faults) == 1 and faults[0].remedy and "DOE" not in str(faults)


@pytest.mark.parametrize("shape", [PUBMED, JATS, PLUS, SPL, MEDQUAD], ids=["pubmed", "jats", "medlineplus", "dailymed", "medquad"])
def test_xml_that_reads_files_or_multiplies_is_refused(tmp_path, shape):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    folder = tmp_path / "in"
    folder.mkdir()
    bodies = {
        "a-xxe.xml": f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>{shape.format("&e;")}',
        "b-laughs.xml": LAUGHS + shape.format("&a11;"),
        "c-parameter.xml": f'<!DOCTYPE x [<!ENTITY % p SYSTEM "file://{secret}"> %p;]>{shape.format("words")}',
    }
    for name, text in bodies.items():
        (folder / name).write_text(text)
    (folder / "d-good.xml").write_text(shape.format("Honest words."))
    start = time.monotonic()
    documents, faults = all_of(folder)
    assert time.monotonic() - start < 5
    assert [fault.where[0] for fault in faults] == ["a", "b", "c"]
    assert all("entities" in fault.what or "broken" in fault.what for fault in faults)
    assert len(documents) == 1 and SECRET not in str(documents) + str(faults)


def test_entities_do_not_reach_a_page_or_a_docx(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "page.html").write_text(f'<!DOCTYPE html [<!ENTITY e SYSTEM "file://{secret}">]><html><body><p>Words &e; here</p></body></html>')
    with zipfile.ZipFile(tmp_path / "in" / "trap.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>')
        archive.writestr("_rels/.rels", '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>')
        archive.writestr("word/document.xml", f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>Words &e; here</w:t></w:r></w:p></w:body></w:document>')
    documents, faults = all_of(tmp_path / "in")
    assert SECRET not in str(documents) + str(faults)
    assert any("Words" in document.sections[0].text for document in documents)


def test_a_gzip_bomb_is_stopped(tmp_path):
    line = b'{"id": "1-1", "qtype": "x", "question": "Q", "answer": "A", "url": "u", "source": "S"}'
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(line + b"\n" + (b" " * streams.MIB + b"\n") * 40, 9))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"word " * (8 * streams.MIB), 9))
    _, faults = all_of(tmp_path)
    assert [fault.where for fault in faults] == ["bomb.jsonl.gz", "c.txt.gz"]
    assert all("gzip bomb" in fault.what or "larger than" in fault.what for fault in faults) and "gzip bomb" in faults[0].what


def test_a_record_or_a_line_too_large_is_said_and_the_next_line_read(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_RECORD_BYTES", 200_000)
    monkeypatch.setattr(streams.Bounded.readline, "__defaults__", (200_000,))
    row = {"id": "1", "title": "T", "url": "https://medlineplus.gov/t.html", "text": "Short."}
    path = tmp_path / "topics.jsonl"
    path.write_text("\n".join(json.dumps(item) for item in (row, {**row, "id": "2", "text": "x" * 900_000}, {**row, "id": "3"})))
    faults = []
    assert [document.id for document in read_medlineplus(path, on_fault=faults.append)] == ["medlineplus:1", "medlineplus:3"]
    assert [fault.where for fault in faults] == ["topics.jsonl, line 2"]
    big = tmp_path / "big.xml"
    big.write_text(PUBMED.format("x" * 3_000_000))
    assert list(read_pubmed(big, on_fault=faults.append)) == []
    assert "one record is larger" in faults[-1].what


def test_whole_files_have_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("knowledge.sources.notes.MAX_BYTES", 1000)
    monkeypatch.setattr("knowledge.sources.pdf.MAX_BYTES", 1000)
    (tmp_path / "a.txt").write_text("word " * 1000)
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4\n" + b"x" * 2000)
    documents, faults = all_of(tmp_path)
    assert documents == [] and ["is larger than" in fault.what for fault in faults] == [True, True]


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_an_archive_is_read_member_by_member(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as nested:
        nested.writestr("a.txt", "Nested words.")
    _zip(tmp_path / "pack.zip", [("b/two.md", "# Two\n\nSecond."), ("a.txt", "First words."), ("in.zip", inner.getvalue()), ("hidden", inner.getvalue()), ("broken.pdf", b"%PDF-1.4"), ("__MACOSX/x", "x")])
    documents, faults = all_of(tmp_path)
    assert [document.id for document in documents] == ["file:pack.zip/a.txt", "file:pack.zip/b/two.md"]
    assert sorted(fault.where for fault in faults) == ["pack.zip/broken.pdf", "pack.zip/hidden", "pack.zip/in.zip"]
    assert sum("archive inside an archive" in fault.what for fault in faults) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack.zip"]
    (tmp_path / "pack.zip").rename(tmp_path / "pack.dat")
    assert recognise(tmp_path / "pack.dat") is None


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "C:\\out.txt", "..\\out.txt"])
def test_an_archive_that_leads_out_of_itself_is_refused_whole(tmp_path, name):
    info = zipfile.ZipInfo("x")
    info.filename = name
    with zipfile.ZipFile(tmp_path / "trick.zip", "w") as archive:
        archive.writestr("good.txt", "Words.")
        archive.writestr(info, "Bad.")
    documents, faults = all_of(tmp_path)
    assert documents == [] and len(faults) == 1 and "leads out of it" in faults[0].what
    assert not (tmp_path.parent / "out.txt").exists()


def test_links_bombs_and_crowds_in_archives_are_refused(tmp_path, monkeypatch):
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/hostname")
    _zip(tmp_path / "b.zip", [("bomb.txt", b"0" * (40 * streams.MIB))])
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    _zip(tmp_path / "c.zip", [(f"{n}.txt", "x") for n in range(11)])
    (tmp_path / "d.zip").write_bytes(b"PK\x03\x04 broken")
    documents, faults = all_of(tmp_path)
    assert documents == []
    for fault, said in zip(faults, ("holds a link", "as a bomb does", "more than 10", "broken ZIP"), strict=True):
        assert said in fault.what


def test_a_member_that_lies_about_its_size_is_stopped(tmp_path):
    path = _zip(tmp_path / "liar.zip", [("a.txt", b"word " * 5000)])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    documents, faults = all_of(tmp_path)
    assert documents == [] and len(faults) == 1


def test_links_pipes_and_litter_in_a_folder(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    folder = tmp_path / "clinic"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("Inside words.")
    (folder / "link-out.txt").symlink_to(outside)
    (folder / "link-in.txt").symlink_to(folder / "a.txt")
    (folder / "link-up").symlink_to(tmp_path)
    (folder / "link-dead").symlink_to(folder / "gone")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / ".hidden.txt").write_text("Hidden words.")
    (folder / "~$lock.docx").write_text("lock")
    os.mkfifo(folder / "pipe.txt")
    documents, faults = all_of(folder)
    assert [document.id for document in documents] == ["file:a.txt"]
    assert [(fault.where, fault.what) for fault in faults] == [
        ("link-dead", "is a link to nothing"),
        ("link-out.txt", "is a link that leads out of the folder"),
        ("link-up", "is a link that leads out of the folder"),
        ("pipe.txt", "is not a regular file"),
    ]
    direct = []
    assert list(read_text(folder / "pipe.txt", on_fault=direct.append)) == []
    assert "not a regular file" in direct[0].what


def test_one_bad_file_costs_only_itself(tmp_path):
    (tmp_path / "a.md").write_text("# A\n\nFirst.")
    (tmp_path / "b.xml").write_text("<PubmedArticleSet><PubmedArticle>")
    (tmp_path / "c.json").write_text('{"meta": {}, "results": [{"set_id": 5, "openfda": "x", "effective_time": null}]}')
    (tmp_path / "d.txt").write_text("Last.")
    (tmp_path / "e.json").write_text('{"id": "x", "title": 3.5, "text": ["a"]}')
    documents, faults = all_of(tmp_path)
    assert [document.id for document in documents] == ["file:a.md", "file:d.txt"]
    assert [fault.where[0] for fault in faults] == ["b", "c", "e"]


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nothing at"):
        list(read_path(tmp_path / "gone", on_fault=pytest.fail))
    assert all_of(tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The patient should rest and drink water.", "en"), ("患者应休息并多喝水，CT 和 MRI 正常。", "zh"),
        ("El paciente debe descansar y beber agua.", "es"), ("Le patient doit se reposer et boire de l'eau.", "fr"),
        ("Der Patient soll sich ausruhen und Wasser trinken.", "de"), ("患者は休息をとり、水を飲むべきです。", "ja"),
        ("환자는 쉬어야 합니다.", "ko"), ("Пациент должен отдыхать.", "ru"), ("يجب على المريض أن يستريح", "ar"), ("", "en"), ("123", "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_text(text, code):
    assert detect(text) == code


def test_a_declared_language_comes_first():
    assert [code_of(name, "水水水") for name in ("en-GB", "eng", "English", "zh_Hans", "", "??")] == ["en", "en", "en", "zh", "zh", "zh"]


def test_bytes_of_any_kind_become_text():
    assert decode("naïve café, «déjà vu» à côté".encode("cp1252")) == "naïve café, «déjà vu» à côté"
    assert decode(b"\xff\xfeA\0") == "A" and decode(b"") == ""
    assert decode('<meta charset="nonsense"><p>ü'.encode(), markup=True).endswith("ü")


HOSTILE = {
    "brackets": "[" * 100_000, "spaces": "# " + " " * 100_000 + "x", "dashes": "|" + "-" * 100_000 + "x", "stars": "*a" * 50_000,
    "quotes": "**" * 50_000, "lines": "\n" * 100_000 + "x", "links": "[a](" * 25_000, "rules": "- " * 50_000 + "x",
    "tags": "<b>" * 30_000, "commas": "([,;" * 25_000, "emoji": "👩‍⚕️" * 25_000, "arabic": "م" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_100000_strange_characters_are_read_in_no_time(tmp_path, name):
    text = HOSTILE[name]
    (tmp_path / "a.md").write_text(text)
    (tmp_path / "b.html").write_text(f"<html><body><p>{text}</p></body></html>")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    (tmp_path / "c.xml").write_text(JATS.format(f'{escaped}<xref ref-type="bibr">1</xref>'))
    (tmp_path / "d.json").write_text(json.dumps({"results": [{"set_id": "1", "effective_time": text, "warnings": [text], "openfda": {}}]}))
    (tmp_path / "e.json").write_text(json.dumps({"resourceType": "Questionnaire", "description": text, "date": text}))
    start = time.monotonic()
    faults = []
    readers = ((read_markdown, "a.md"), (read_html, "b.html"), (read_jats, "c.xml"), (read_openfda, "d.json"), (read_fhir, "e.json"))
    read = [len(list(reader(tmp_path / file, on_fault=faults.append))) for reader, file in readers]
    assert time.monotonic() - start < 5
    assert sum(read) + len(faults) >= 5 and sum(read) >= 3


def test_lone_surrogates_and_deep_nesting_do_not_stop_a_folder(tmp_path):
    (tmp_path / "a.json").write_text('{"resourceType": "Questionnaire", "description": "half \\ud83d here"}')
    (tmp_path / "b.json").write_text('{"resourceType": "Questionnaire", "x": ' + "[" * 100_000 + "]" * 100_000 + "}")
    (tmp_path / "c.xml").write_text(JATS.format("<b>" * 5000 + "deep" + "</b>" * 5000))
    (tmp_path / "d.html").write_text("<html><body>" + "<div>" * 20_000 + "deep" + "</div>" * 20_000)
    (tmp_path / "e.txt").write_text("Last.")
    documents, faults = all_of(tmp_path)
    assert documents[-1].id == "file:e.txt"
    assert len(documents) + len(faults) >= 5
