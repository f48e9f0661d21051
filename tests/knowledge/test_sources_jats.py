"""PubMed Central full text: sections, tables, licences; citations and references left out; retractions marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.chunk import passages
from knowledge.sources.jats import read_jats
from knowledge.sources.reading import recognise

FIXTURES = Path(__file__).parent / "fixtures" / "jats"


def test_an_article_is_read_under_its_headings():
    faults = []
    (article,) = read_jats(FIXTURES / "PMC9000001.xml", on_fault=faults.append)
    assert recognise(FIXTURES / "PMC9000001.xml") == "jats" and faults == []
    assert (article.id, article.title) == ("pmc:PMC9000001", "Imaginol for made-up wheeze")
    assert (article.published, article.language) == ("2018-04-03", "en")
    assert article.licence == article.sources[0].licence == "https://creativecommons.org/licenses/by/4.0/"
    assert article.related == ("doi:10.9999/inv.1", "pubmed:90000001")
    assert article.url == "https://pmc.ncbi.nlm.nih.gov/articles/PMC9000001/"
    assert [section.heading for section in article.sections] == [
        ("Abstract", "Background"), ("Methods",), ("Methods", "Dosing"), ("Results",), ("Appendix",),
    ]  # fmt: skip
    by_heading = {section.heading[-1]: section.text for section in article.sections}
    assert by_heading["Methods"] == "We followed the plan with 10⁹ cells and a dose of 5 mg."
    assert by_heading["Background"] == "Wheeze is common in stories."
    assert by_heading["Results"] == "Nothing happened (p<0.05)."
    assert by_heading["Dosing"].splitlines() == [
        "- Adults: 5 mg", "- Children: none", "Table 1", "Doses by weight", "| Weight | Dose | Dose |",
        "| Under 40 kg | Morning | 1 mg |", "| Under 40 kg | Evening | 2 mg |", "Doses are invented.",
    ]  # fmt: skip
    words = " ".join(section.text for section in article.sections)
    for left_out in ("cited title", "Resumen", "Texto traducido", "We thank", "\x00"):
        assert left_out not in words
    assert {passage.licence for passage in passages(article)} == {article.licence}


def test_retractions_are_marked_on_both_sides_and_an_empty_article_is_said():
    faults = []
    old, notice = read_jats(FIXTURES / "set.xml", on_fault=faults.append)
    assert (old.id, old.title) == ("pmc:PMC9000002", "RETRACTED: A cure that was not")
    assert old.superseded_by.startswith("Retracted: ") and "PMC9000003" in old.superseded_by
    assert old.licence == "https://creativecommons.org/licenses/by-nc/4.0/" and old.published == "2003-07-09"
    assert notice.supersedes == ("pmc:PMC9000002",) and notice.superseded_by == "" and notice.published == "2004-01"
    assert [fault.where for fault in faults] == ["set.xml, pmc:PMC9000004"]


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ('Seen (<xref ref-type="bibr">1</xref>–<xref ref-type="bibr">3</xref>).', "Seen."),
        ('Seen<sup><xref ref-type="bibr">1</xref>,<xref ref-type="bibr">2</xref></sup> twice', "Seen twice"),
        ('Over 10<sup>-3</sup> mol (n = 4) [95% CI 1–2]', "Over 10⁻³ mol (n = 4) [95% CI 1–2]"),
        ('See <xref ref-type="table">Table 2</xref> and <xref ref-type="fig">Fig 1</xref>', "See Table 2 and Fig 1"),
        ("Na&#8722;Cl &alpha; <italic>x</italic>&nbsp;y", "Na−Cl α x y"),
        ("a <!-- hidden --> b <?pi x?> c", "a b c"),
    ],
)  # fmt: skip
def test_inline_marks(tmp_path, inner, text):
    path = tmp_path / "a.xml"
    path.write_text(f'<!DOCTYPE article PUBLIC "-//X" "x.dtd"><article><front><article-meta><article-id pub-id-type="pmc">PMC1</article-id></article-meta></front><body><p>{inner}</p></body></article>')
    (article,) = read_jats(path, on_fault=pytest.fail)
    assert article.sections[0].text == text
