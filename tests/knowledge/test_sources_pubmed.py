"""PubMed: labelled abstracts, dates in all their shapes, and what was retracted, corrected or withdrawn."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from knowledge.sources.dates import iso_date, read_date
from knowledge.sources.pubmed import read_pubmed
from knowledge.sources.reading import recognise

FILE = Path(__file__).parent / "fixtures" / "pubmed" / "pubmed.xml"
ARTICLE = "<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>T {number}</ArticleTitle><Abstract><AbstractText>{text}</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"


@pytest.fixture(scope="module")
def read():
    faults = []
    return {document.id: document for document in read_pubmed(FILE, on_fault=faults.append)}, faults


def test_an_abstract_keeps_its_labels_numbers_and_identifiers(read):
    article = read[0]["pubmed:90000001"]
    assert article.title == "Imaginol for made-up wheeze: a trial."
    assert [section.heading for section in article.sections] == [("Corrections",), ("Background",), ("Methods",), ()]
    assert article.sections[1].text == "Platelets were above 10⁹ per litre and SpO2 was low."
    assert "4.5 μg" in article.sections[2].text
    assert article.sections[0].text == "J Inv Trials. 2019;2:9. The dose was wrong (PMID 90000009)"
    assert (article.published, article.evidence_grade) == ("2018-05-17", "Randomized Controlled Trial")
    assert article.related == ("doi:10.9999/inv.1", "pmc:PMC9000001")
    assert article.url == "https://pubmed.ncbi.nlm.nih.gov/90000001/"
    assert (article.audience, article.licence) == ("clinician", "Copyright 2018 Invented Society.")
    assert article.synonyms == ("Wheeze, Invented",) and article.superseded_by == ""


def test_a_retracted_article_says_so_and_its_notice_replaces_it(read):
    old, notice = read[0]["pubmed:90000002"], read[0]["pubmed:90000003"]
    assert old.title.startswith("RETRACTED: ") and old.sources[0].title == old.title
    assert old.superseded_by == "Retracted: Ann Fict. 2004;3:1 (PMID 90000003)"
    assert old.sections[0].heading == ("Expression of concern",)
    assert notice.supersedes == ("pubmed:90000002",) and notice.superseded_by == ""
    assert (old.published, notice.published) == ("1998-12", "2004")


def test_language_is_the_abstracts_and_an_impossible_day_is_left_out(read):
    review = read[0]["pubmed:90000004"]
    assert (review.language, review.published, review.evidence_grade) == ("en", "2021-02", "Systematic Review")
    assert [section.text for section in review.sections] == ["Hands were washed.", "Wash your hands."]


def test_what_cannot_be_used_is_said(read):
    assert [fault.what for fault in read[1]] == ["has no PMID", "PubMed has withdrawn 80000001, 80000002"]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("1998 Dec-1999 Jan", "1998-12"), ("2000 Spring", "2000"), ("Spring 2003", "2003"), ("2018 Nov 15-30", "2018-11"),
        ("1976-1977", "1976"), ("05/31/2019", "2019-05-31"), ("20230103", "2023-01-03"), ("20230103120000+0000", "2023-01-03"),
        ("2024-05-01T10:00:00Z", "2024-05-01"), ("2024-05", "2024-05"), ("2024年5月1日", "2024-05-01"), ("2024", "2024"),
        ("", ""), ("no date", ""), ("123456", ""), ("13/45/2020", "2020"), ("Updated 12 May 2021", "2021-05"),
    ],
)  # fmt: skip
def test_dates_in_all_their_shapes(text, iso):
    assert read_date(text) == iso


def test_a_date_says_no_more_than_is_real():
    assert iso_date("2021", "Feb", "30") == "2021-02"
    assert iso_date("2021", "13") == "2021"
    assert iso_date("", "May", "1") == iso_date("20x1") == ""


def test_gzip_is_told_by_content_and_a_break_keeps_what_came_before(tmp_path):
    path = tmp_path / "pubmed24n0001.xml"
    good = "".join(ARTICLE.format(number=n, text="x") for n in range(1, 4))
    path.write_bytes(gzip.compress(f"<PubmedArticleSet>{good}<PubmedArticle><broken".encode()))
    assert recognise(path) == "pubmed"
    faults = []
    assert [document.id for document in read_pubmed(path, on_fault=faults.append)] == ["pubmed:1", "pubmed:2", "pubmed:3"]
    assert len(faults) == 1 and "broken after 3 records" in faults[0].what


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "many.xml"
    with path.open("w") as out:
        out.write("<PubmedArticleSet>")
        for number in range(1, 4001):
            out.write(ARTICLE.format(number=number, text="word " * 300))
        out.write("</PubmedArticleSet>")
    assert path.stat().st_size > 6_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_pubmed(path, on_fault=pytest.fail))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 4000 and peak < 2_000_000
