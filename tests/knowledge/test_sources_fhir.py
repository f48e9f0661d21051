"""FHIR definitions become Documents; a file that may be about a person gives nothing, and its words appear nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.sources.fhir import read_fhir
from knowledge.sources.reading import read_path, recognise

FILE = Path(__file__).parent / "fixtures" / "fhir" / "bundle.json"
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Secretsson"}]}
QUESTIONNAIRE = {"resourceType": "Questionnaire", "id": "q", "title": "Q", "item": [{"text": "Any pain?"}]}


def test_a_bundle_of_definitions():
    assert recognise(FILE) == "fhir"
    questions, plan, note = read_fhir(FILE, on_fault=pytest.fail)
    assert questions.id == "fhir:http://example.org/fhir/Questionnaire/wheeze|2.1.0"
    assert (questions.title, questions.language, questions.audience) == ("Wheeze check", "en", "both")
    assert (questions.published, questions.jurisdiction, questions.licence) == ("2023-05-15", ("GB",), "CC BY 4.0")
    assert [(section.heading, section.text) for section in questions.sections] == [
        ((), "Asked before a visit."),
        (("For",), "Clinical focus: Made-up wheeze"),
        (("1. Breathing",), "- Can you finish a sentence? (Yes, No)"),
        ((), "- Anything else?"),
    ]
    assert plan.audience == "clinician" and plan.published == "2020-02" and plan.evidence_grade == "Strong"
    assert plan.superseded_by == "Wheeze plan, version 4; retired by its publisher"
    assert plan.supersedes == ("fhir:http://example.org/fhir/PlanDefinition/wheeze-plan|2",)
    assert [(source.title, source.year, source.url) for source in plan.sources[1:]] == [
        ("Nobody A. On wheeze. J Inv Trials 2018.", 2018, "https://doi.org/10.9999/inv.1")
    ]
    assert [(section.heading, section.text) for section in plan.sections] == [
        (("Goals",), "Breathe freely"),
        (("1 Look",), "Count breaths for 60 seconds.\n- When: Over 12 years"),
        (("1 Look", "Act"), "Give oxygen below 92%."),
    ]
    assert note.title == "A note (draft)" and note.sections[0].text == "Wash your hands for 20 seconds."


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (PATIENT, "Patient"),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1"}, "valueString": "Secretsson"}, "Observation"),
        ({"resourceType": "Bundle", "entry": [{"resource": QUESTIONNAIRE}, {"resource": PATIENT}]}, "Patient"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": [{"resource": PATIENT}]}}]}, "Patient"),
        ({**QUESTIONNAIRE, "contained": [PATIENT]}, "Patient"),
        ({"resourceType": "QuestionnaireResponse", "item": [{"text": "Secretsson"}]}, "QuestionnaireResponse"),
        ({"resourceType": "Secretsson was here", "id": "x"}, "an unknown type"),
        ({**QUESTIONNAIRE, "extension": [{"valueReference": {"reference": "https://ehr.example.org/Patient/Secretsson"}}]}, "points at a person"),
    ],
)
def test_anything_about_a_person_is_refused_whole_and_never_quoted(tmp_path, content, named):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    faults = []
    assert list(read_path(tmp_path, on_fault=faults.append)) == []
    assert len(faults) == 1 and named in faults[0].what and "person" in faults[0].what
    assert "Secretsson" not in str(faults) and faults[0].remedy


def test_lines_are_looked_through_to_the_last(tmp_path):
    path = tmp_path / "export.ndjson"
    rows = [{**QUESTIONNAIRE, "id": f"q{n}"} for n in range(2000)]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert recognise(path) == "fhir"
    assert len(list(read_fhir(path, on_fault=pytest.fail))) == 2000
    path.write_text("\n".join(map(json.dumps, [*rows, PATIENT])))
    faults = []
    assert list(read_fhir(path, on_fault=faults.append)) == []
    assert len(faults) == 1 and "(Patient)" in faults[0].what


def test_xml_and_broken_files_are_said(tmp_path):
    (tmp_path / "a.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><name value="Secretsson"/></Patient>')
    (tmp_path / "b.json").write_text(json.dumps(QUESTIONNAIRE)[:-3])
    (tmp_path / "c.json").write_text('{"resourceType": "Questionnaire", "id": "empty"}')
    faults = []
    assert list(read_path(tmp_path, on_fault=faults.append)) == []
    assert [fault.what for fault in faults] == ["is FHIR as XML", "the JSON is broken or cut off", "has no text"]
    assert "Secretsson" not in str(faults)
