"""A clinic's own folder: PDF, DOCX, HTML, Markdown and text, made here as people's programs make them."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from fpdf import FPDF

from knowledge.chunk import passages
from knowledge.sources.notes import read_markdown, read_text
from knowledge.sources.pdf import read_pdf
from knowledge.sources.reading import read_path, recognise
from knowledge.sources.webpage import read_html
from knowledge.sources.word import read_docx

CLINIC = Path(__file__).parent / "fixtures" / "clinic"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def pdf_of(path, *, pages=3, password="", title="", write=True):
    pdf = FPDF()
    pdf.set_title(title)
    for page in range(1, pages + 1):
        pdf.add_page()
        if write:
            line = {"new_x": "LMARGIN", "new_y": "NEXT"}
            pdf.set_font("helvetica", "", 8)
            pdf.cell(0, 6, f"Clinic protocol, page {page}", **line)
            pdf.set_font("helvetica", "B", 20)
            if page == 1:
                pdf.multi_cell(0, 10, "Wheeze in adults: the protocol of the clinic for everybody", **line)
            pdf.set_font("helvetica", "B", 15)
            pdf.cell(0, 9, f"Part {page}", **line)
            pdf.set_font("helvetica", "", 11)
            pdf.multi_cell(0, 5.5, f"Give 4{page} mg of imaginol to no one at all. " + "A long sentence that wraps over the end of its line. " * 4, **line)
            pdf.ln(6)
            pdf.cell(0, 6, f"Paragraph {page * 7} stands apart.", **line)
            pdf.set_font("helvetica", "B", 11)
            pdf.cell(0, 8, "Signs to look for", **line)
            pdf.set_font("helvetica", "", 11)
            pdf.cell(0, 6, f"- blue lips on day {page * page}", **line)
        else:
            pdf.rect(20, 20, 100, 100, style="F")
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    pdf.output(str(path))
    return path


def test_a_pdf_keeps_pages_headings_and_whole_sentences(tmp_path):
    path = pdf_of(tmp_path / "wheeze.pdf")
    assert recognise(path) == "pdf"
    (document,) = read_pdf(path, on_fault=pytest.fail)
    title = "Wheeze in adults: the protocol of the clinic for everybody"
    assert (document.id, document.title, document.published) == ("file:wheeze.pdf", title, "")
    shown = [(section.heading, section.page) for section in document.sections]
    assert shown == [
        ((), 1), ((title, "Part 1"), 1), ((title, "Part 1", "Signs to look for"), 1),
        ((title, "Part 2"), 2), ((title, "Part 2", "Signs to look for"), 2),
        ((title, "Part 3"), 3), ((title, "Part 3", "Signs to look for"), 3),
    ]  # fmt: skip
    first = document.sections[1].text.splitlines()
    assert first[0].startswith("Give 41 mg of imaginol to no one at all. A long") and first[0].endswith("its line.")
    assert first[1] == "Paragraph 7 stands apart."
    assert document.sections[-1].text == "- blue lips on day 9"
    assert not any("Clinic protocol" in section.text for section in document.sections[1:])
    assert {passage.page for passage in passages(document)} == {1, 2, 3}


def test_letters_scaled_by_the_page_count_as_drawn(tmp_path):
    """Many programs write every letter at size 1 and scale it: `1 Tf`, then `18 0 0 18`."""
    lines = [(18, "Big heading", 700), *((10, f"Body text number {n} of this page.", 660 - 14 * n) for n in range(6))]
    stream = "BT /F1 1 Tf " + " ".join(f"{size} 0 0 {size} 72 {y} Tm ({text}) Tj" for size, text, y in lines) + " ET"
    path = tmp_path / "scaled.pdf"
    path.write_text(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj\n"
        f"4 0 obj<</Length {len(stream)}>>stream\n{stream}\nendstream endobj\n"
        "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )
    (document,) = read_pdf(path, on_fault=pytest.fail)
    assert document.title == "Big heading"
    assert [section.heading for section in document.sections] == [("Big heading",)]
    assert document.sections[0].text.startswith("Body text number 0 of this page. Body text number 1")


def test_pdfs_that_cannot_be_read_say_why(tmp_path):
    pdf_of(tmp_path / "a-locked.pdf", password="secret")
    pdf_of(tmp_path / "b-scanned.pdf", write=False, pages=2)
    (tmp_path / "c-broken.pdf").write_bytes(b"%PDF-1.7\nnothing of a pdf")
    (tmp_path / "d-empty.pdf").write_bytes(b"")
    faults = []
    assert list(read_path(tmp_path, on_fault=faults.append)) == []
    assert [fault.where[0] for fault in faults] == ["a", "b", "c", "d"]
    assert "needs a password" in faults[0].what and "without a password" in faults[0].remedy
    assert "no text on its 2 pages" in faults[1].what and "OCR" in faults[1].remedy
    assert "broken PDF" in faults[2].what and faults[3].what == "is empty"


def test_a_pdf_with_one_scanned_page_keeps_the_others(tmp_path):
    path = tmp_path / "mixed.pdf"
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", "", 11)
    pdf.multi_cell(0, 6, "Words of the first page.")
    pdf.add_page()
    pdf.rect(10, 10, 50, 50, style="F")
    pdf.output(str(path))
    faults = []
    (document,) = read_pdf(path, on_fault=faults.append)
    assert document.sections[0].text == "Words of the first page."
    assert len(faults) == 1 and "1 of its 2 pages (2)" in faults[0].what


def docx_of(path):
    document = docx.Document()
    document.core_properties.title = "Property title"
    document.add_paragraph("Wheeze in adults", style="Title")
    document.add_paragraph("Read this first.")
    document.add_heading("Doses", level=1)
    paragraph = document.add_paragraph("Platelets below 10")
    paragraph.add_run("9").font.superscript = True
    paragraph.add_run(" per litre.").add_break(WD_BREAK.LINE)
    document.add_heading("Children", level=2)
    document.add_paragraph("none", style="List Bullet")
    table = document.add_table(rows=3, cols=2)
    for row, cells in zip(table.rows, [("Age", "Dose"), ("Adult", "1 g"), ("", "2 g")], strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_heading("After", level=1)
    control = f'<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>Inside a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>'
    document.element.body.insert(len(document.element.body) - 1, parse_xml(control))
    changed = f'<w:p {W}><w:r><w:t xml:space="preserve">Give </w:t></w:r><w:del><w:r><w:delText>5 mg</w:delText></w:r></w:del><w:ins><w:r><w:t>50 mg</w:t></w:r></w:ins></w:p>'
    document.element.body.insert(len(document.element.body) - 1, parse_xml(changed))
    document.save(str(path))
    return path


def test_a_docx_keeps_headings_tables_and_the_latest_words(tmp_path):
    path = docx_of(tmp_path / "wheeze.docx")
    assert recognise(path) == "docx"
    faults = []
    (document,) = read_docx(path, on_fault=faults.append)
    assert (document.id, document.title, document.language) == ("file:wheeze.docx", "Wheeze in adults", "en")
    assert [(section.heading, section.text) for section in document.sections] == [
        ((), "Read this first."),
        (("Doses",), "Platelets below 10⁹ per litre."),
        (("Doses", "Children"), "- none\n| Age | Dose |\n| Adult | 1 g |\n| Adult | 2 g |"),
        (("After",), "Inside a control.\nGive 50 mg"),
    ]
    assert len(faults) == 1 and "changes nobody has accepted" in faults[0].what


def test_a_broken_docx_and_an_old_one_are_said(tmp_path):
    whole = docx_of(tmp_path / "x.docx").read_bytes()
    (tmp_path / "x.docx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "y.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    faults = []
    assert list(read_path(tmp_path, on_fault=faults.append)) == []
    assert "broken DOCX" in faults[0].what and "password" in faults[1].what


def test_a_web_page_without_its_menus():
    path = CLINIC / "asthma.html"
    (page,) = read_html(path, on_fault=pytest.fail)
    assert (page.title, page.language, page.published) == ("Asthma visits", "en", "2022-11-05")
    assert (page.url, page.licence) == ("https://clinic.example.org/asthma", "https://creativecommons.org/licenses/by/4.0/")
    assert [section.heading for section in page.sections] == [
        ("Asthma visits",), ("Asthma visits", "Before"), ("Asthma visits", "Before", "Numbers"), ("Asthma visits", "After"),
    ]  # fmt: skip
    assert page.sections[1].text == "Note your peak flow.\nTwice a day.\n- Morning\n- Evening"
    assert page.sections[2].text == "| Zone | Peak flow |\n| Green | 80% or more |"
    words = " ".join(section.text for section in page.sections)
    for left_out in ("Menu entry", "Home of", "Copyright", "never shown", "Search us", "Ignore all", "Also hidden", "red"):
        assert left_out not in words


@pytest.mark.parametrize(
    ("data", "language", "text"),
    [
        ('<html><head><meta charset="gb2312"></head><body><p>感冒多喝水，多休息。</p></body></html>'.encode("gb18030"), "zh", "感冒多喝水，多休息。"),
        ("<html><body><p>感冒多喝水，多休息，不要吃抗生素。发热超过三天，请去医院看医生。</p></body></html>".encode("gb18030"), "zh", "感冒多喝水，多休息，不要吃抗生素。发热超过三天，请去医院看医生。"),
        ('<html lang="fr-CA"><body><p>Prenez de l’eau.</p></body></html>'.encode("cp1252"), "fr", "Prenez de l’eau."),
        ("<html><body><p>El paciente debe descansar y beber agua con una dieta ligera.</p></body></html>".encode("utf-16"), "es", "El paciente debe descansar y beber agua con una dieta ligera."),
        (b"<p>Only a fragment of the page", "en", "Only a fragment of the page"),
    ],
)
def test_the_encoding_and_the_language_of_a_page(tmp_path, data, language, text):
    path = tmp_path / "page.html"
    path.write_bytes(data)
    assert recognise(path) == "html"
    (page,) = read_html(path, on_fault=pytest.fail)
    assert (page.language, page.sections[0].text) == (language, text)


def test_markdown_with_front_matter():
    (page,) = read_markdown(CLINIC / "fever.md", on_fault=pytest.fail, name="clinic/fever.md")
    assert (page.id, page.title, page.audience) == ("file:clinic/fever.md", "Fever in adults", "clinician")
    assert (page.published, page.jurisdiction, page.evidence_grade) == ("2024-03-01", ("GB", "IE"), "Consensus")
    assert page.supersedes == ("file:clinic/old/fever-2019.md", "pubmed:90000001")
    assert (page.url, page.licence) == ("https://clinic.example.org/fever", "CC BY 4.0")
    assert [(section.heading, section.text) for section in page.sections] == [
        ((), "Measure it twice."),
        (("When to call",), "- Above 40 °C\n- Stiff neck"),
        (("When to call", "Not a heading below"), "# this is code, no heading"),
        (("Doses",), "| Age | Dose |\n| Adult | 1 g |"),
    ]


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("published: soon", "its published"),
        ("audience: everyone", "its audience"),
        ("url: javascript:alert(1)", "its url"),
        ("title: a: b: c", "front matter is not YAML"),
        ("a: &a [x,x]\nb: &b [*a,*a]\ntitle: [*b,*b]\n- broken", "front matter is not YAML"),
    ],
)
def test_front_matter_that_is_not_in_order_costs_only_itself(tmp_path, front, said):
    path = tmp_path / "note.md"
    path.write_text(f"---\n{front}\n---\n# Note\n\nBody.\n")
    faults = []
    (page,) = read_markdown(path, on_fault=faults.append)
    assert page.title == "Note" and page.sections[0].text == "Body." and page.url == "" and page.audience == "both"
    assert len(faults) == 1 and said in faults[0].what


def test_yaml_that_would_fill_the_memory_stays_small(tmp_path):
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)) + "synonyms: *a59\n"
    path = tmp_path / "bomb.md"
    path.write_text(f"---\n{bomb}---\nBody.\n")
    (page,) = read_markdown(path, on_fault=pytest.fail)
    assert page.synonyms == () and page.sections[0].text == "Body."


def test_plain_text_and_its_encodings(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes("Fever\n\nMeasure it.\nTwice.\n\nThen rest.".encode("utf-8-sig"))
    (note,) = read_text(path, on_fault=pytest.fail)
    assert (note.title, note.sections[0].text) == ("Fever", "Measure it.\nTwice.\nThen rest.")
    path.write_bytes("Température : 38,5 °C. Le médecin doit être appelé.".encode("cp1252"))
    (note,) = read_text(path, on_fault=pytest.fail)
    assert (note.title, note.language, note.sections[0].text) == ("note", "fr", "Température : 38,5 °C. Le médecin doit être appelé.")
    path.write_text("   \n")
    faults = []
    assert list(read_text(path, on_fault=faults.append)) == [] and faults[0].what == "has no text"
