"""Drug labels: openFDA's JSON in both forms, DailyMed's SPL; who they are for, and what is no label."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.sources.dailymed import read_dailymed
from knowledge.sources.openfda import read_openfda
from knowledge.sources.reading import recognise

FIXTURES = Path(__file__).parent / "fixtures"
OPENFDA, SPL = FIXTURES / "openfda" / "label.json", FIXTURES / "dailymed" / "label.xml"
SET_ID = "11111111-aaaa-bbbb-cccc-000000000001"


def test_an_openfda_label():
    faults = []
    assert recognise(OPENFDA) == "openfda"
    prescribed, bought = read_openfda(OPENFDA, on_fault=faults.append)
    assert (prescribed.id, prescribed.title) == (f"openfda:{SET_ID}", "Imagina (imaginol)")
    assert (prescribed.audience, bought.audience) == ("clinician", "both")
    assert (prescribed.published, prescribed.jurisdiction) == ("2023-01-03", ("US",))
    assert prescribed.synonyms == ("Imagina", "IMAGINOL", "IMAGINOL HYDRATE")
    assert prescribed.licence == "https://open.fda.gov/license/"
    assert prescribed.sources[0].title.endswith("version 7") and prescribed.sources[0].organisation == "Nobody Pharma"
    assert prescribed.url.endswith(f"setid={SET_ID}")
    assert [section.heading for section in prescribed.sections] == [
        ("Boxed warning",), ("Indications and usage",), ("Adverse reactions",), ("Adverse reactions", "Table"),
    ]  # fmt: skip
    assert prescribed.sections[-1].text.splitlines()[-1] == "| Yawning | 5% | 1% |"
    assert [(fault.where, fault.what) for fault in faults] == [
        ("label.json, result 3", "is a label for animals"),
        ("label.json, result 4", "has no set_id: it is not a drug label"),
    ]


def test_one_result_a_line_and_a_bare_list_give_the_same(tmp_path):
    results = json.loads(OPENFDA.read_text())["results"][:2]
    lines, bare = tmp_path / "labels.jsonl", tmp_path / "labels.json"
    lines.write_text("\n".join(map(json.dumps, results)))
    bare.write_text(json.dumps(results))
    for path in (lines, bare):
        assert recognise(path) == "openfda"
        documents = list(read_openfda(path, on_fault=pytest.fail))
        assert [document.title for document in documents] == ["Imagina (imaginol)", "Boil-Off"]
        assert documents[0].licence == ""


def test_a_cut_download_keeps_the_labels_before_the_break(tmp_path):
    text = OPENFDA.read_text()
    path = tmp_path / "cut.json"
    path.write_text(text[: text.index("Boil-Off")])
    faults = []
    assert [document.title for document in read_openfda(path, on_fault=faults.append)] == ["Imagina (imaginol)"]
    assert [fault.what for fault in faults] == ["the JSON is broken or cut off"]


def test_a_report_of_a_side_effect_is_about_a_person(tmp_path):
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"meta": {}, "results": [{"safetyreportid": "1", "patient": {"drug": []}, "openfda": {}, "set_id": "x"}]}))
    assert recognise(path) is None


def test_an_spl_label():
    faults = []
    assert recognise(SPL) == "dailymed"
    (label,) = read_dailymed(SPL, on_fault=faults.append)
    assert faults == []
    assert (label.id, label.title) == (f"dailymed:{SET_ID}", "Imagina (imaginol)")
    assert (label.published, label.audience, label.evidence_grade) == ("2023-01-03", "clinician", "NDA")
    assert label.synonyms == ("Imagina", "imaginol", "IMAGINOL HYDRATE")
    assert label.licence and label.sources[0].organisation == "Nobody Pharma"
    assert [(section.heading, section.text) for section in label.sections] == [
        (("Boxed warning",), "WARNING: an invented risk."),
        (("1 INDICATIONS AND USAGE",), "For made-up wheeze:\n- in adults\n- never in children"),
        (("1 INDICATIONS AND USAGE", "1.1 Limits"), "Not above 10³ mg.\n| Age | Dose |\n| 18 to 64 | 5 mg \\| day |"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('code="34391-3"', 'code="50578-4"', "for animals"),
        (f'<setId root="{SET_ID}"/>', "", "no setId"),
        ("</structuredBody>", "", "XML is broken"),
    ],
)
def test_what_is_no_label_for_people_is_said(tmp_path, old, new, said):
    text = SPL.read_text()
    assert old in text
    path = tmp_path / "label.xml"
    path.write_text(text.replace(old, new))
    faults = []
    assert list(read_dailymed(path, on_fault=faults.append)) == []
    assert said in faults[0].what and faults[0].remedy


def test_a_label_sold_without_prescription_is_for_both(tmp_path):
    path = tmp_path / "otc.xml"
    path.write_text(SPL.read_text().replace('code="34391-3"', 'code="34390-5"'))
    (label,) = read_dailymed(path, on_fault=pytest.fail)
    assert label.audience == "both"


def test_a_clinical_document_is_a_persons_record(tmp_path):
    path = tmp_path / "cda.xml"
    path.write_text('<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole>Jane Roe</patientRole></recordTarget></ClinicalDocument>')
    assert recognise(path) is None
    faults = []
    assert list(read_dailymed(path, on_fault=faults.append)) == []
    assert "person's record" in faults[0].what and "Jane" not in str(faults)
