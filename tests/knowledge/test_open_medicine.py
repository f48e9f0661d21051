"""The clinician tier: every section of the package, with guideline, year, DOI, place, grade, and what has replaced it."""

from __future__ import annotations

import pytest

from knowledge.chunk import passages
from knowledge.errors import InputError, KnowledgeError
from knowledge.grades import grades
from knowledge.sources import open_medicine


@pytest.fixture(scope="module")
def documents():
    return list(open_medicine.read())


def test_all_sections_are_read_for_clinicians_only_with_doi_and_year(documents):
    assert len(documents) == 145 and len({document.id for document in documents}) == 145
    for document in documents:
        (source,) = document.sources
        assert document.audience == "clinician" and document.language == "en" and document.sections
        assert document.url.startswith("https://doi.org/10.") and source.url == document.url
        assert document.published == str(source.year) and 1999 < source.year < 2026
        assert document.jurisdiction and source.jurisdiction == document.jurisdiction[0]
        assert "MIT" in document.licence and document.sections[0].heading is not None


def test_the_path_of_headings_is_kept_and_advertisements_are_not(documents):
    (cap,) = [document for document in documents if document.id == "open-medicine:bts_cap_2009/antibiotic_therapy"]
    paths = {section.heading for section in cap.sections}
    assert ("Recommended Regimens & Actionable Dosing", "Low Severity (CURB-65 0–1, outpatient)") in paths
    low = next(section for section in cap.sections if section.heading[-1].startswith("Low Severity"))
    assert "Doxycycline 200 mg loading dose" in low.text and "**" not in low.text
    assert cap.published == "2009" and cap.jurisdiction == ("GB",)
    text = "\n".join(section.text for document in documents for section in document.sections)
    assert "OpenMedicine" not in text and "MCP" not in text and "```" not in text


def test_what_has_been_replaced_says_so_and_what_stands_does_not(documents):
    replaced = {document.id.split(":")[1].split("/")[0]: document.superseded_by for document in documents}
    assert "NG250" in replaced["bts_cap_2009"]
    assert replaced["ash_vte_2020"] == ""
    assert 5 <= sum(bool(newer) for newer in replaced.values()) < len(replaced)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Give a statin (Class I, LOE B-R). Avoid it (Class III: Harm).", "Class I; LOE B-R; Class III: Harm"),
        ("Include an SGLT2 inhibitor (Rec 9.19, Grade A).", "Grade A"),
        ("Nafcillin is first line (Strong, Moderate).", "(Strong, Moderate)"),
        ("We suggest it (conditional recommendation, low-certainty evidence).", "conditional recommendation, low-certainty evidence"),
        ("Grade A fever, level of care, class of drugs, high blood pressure.", "Grade A"),
        ("A class of second graders had a moderate fever.", ""),
    ],
)
def test_grades_are_read_as_they_are_written(text, expected):
    assert grades(text) == expected


def test_passages_carry_their_grade(documents):
    found = [passage for document in documents for passage in passages(document)]
    assert sum(bool(passage.evidence_grade) for passage in found) > 300
    for passage in found:
        assert all(grade.split()[0] in " ".join(passage.text.split()) for grade in passage.evidence_grade.split("; ") if grade)


def test_another_folder_or_version_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"registry\.json"):
        list(open_medicine.read(tmp_path))
    monkeypatch.setattr(open_medicine, "VERSION", "0.13.0")
    with pytest.raises(KnowledgeError, match=r"pip install open-medicine==0\.13\.0"):
        open_medicine.folder()
