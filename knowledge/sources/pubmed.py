"""PubMed: `PubmedArticleSet` files (yearly, daily or from a search), plain or gzip; one Document an article."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.sources.dates import iso_date, read_date
from knowledge.sources.prose import Sections, squeeze, text_of
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.safe_xml import records
from knowledge.sources.streams import opened
from knowledge.types import Document, Source

if TYPE_CHECKING:
    from lxml import etree

# What kind of study it is, in PubMed's own words; the other publication types say nothing of the evidence.
_GRADES = frozenset({
    "Practice Guideline", "Guideline", "Consensus Development Conference", "Meta-Analysis", "Systematic Review",
    "Network Meta-Analysis", "Randomized Controlled Trial", "Controlled Clinical Trial", "Clinical Trial",
    "Clinical Trial, Phase I", "Clinical Trial, Phase II", "Clinical Trial, Phase III", "Clinical Trial, Phase IV",
    "Pragmatic Clinical Trial", "Equivalence Trial", "Observational Study", "Review", "Case Reports", "Editorial",
    "Letter", "Comment", "Preprint",
})  # fmt: skip
# RefType, and how the tie is told.
_REPLACED = {
    "RetractionIn": "Retracted",
    "RetractedandRepublishedIn": "Retracted and republished",
    "CorrectedandRepublishedIn": "Corrected and republished",
    "UpdateIn": "Updated",
}
_REPLACES = frozenset({
    "RetractionOf", "RetractedandRepublishedFrom", "CorrectedandRepublishedFrom", "RepublishedFrom", "UpdateOf",
})  # fmt: skip
_MARKED = {
    "ErratumIn": "Corrections",
    "ExpressionOfConcernIn": "Expression of concern",
    "PartialRetractionIn": "Partial retraction",
}
_LOUD = frozenset({"RetractionIn", "RetractedandRepublishedIn"})


def read_pubmed(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document an article: id `pubmed:PMID`, the abstract's labels as headings, for clinicians: patients are not to
    be answered from one study. The language is the abstract's (PubMed's are in English), not the article's.

    A retracted or updated article says so in `superseded_by`; one that retracts or updates names the older in
    `supersedes`. Corrections and concerns are sections of their own. Withdrawn records are reported.
    """
    name = name or path.name
    tags = ("PubmedArticle", "MedlineCitation", "DeleteCitation")
    with reported(name, on_fault), opened(path) as stream:
        for record in records(stream, tags):
            if record.tag == "DeleteCitation":
                gone = ", ".join(text_of(pmid) for pmid in record.iterfind("PMID"))
                on_fault(BrokenInput(name, f"PubMed has withdrawn {gone}", "Take them out of the index"))
                continue
            number = squeeze(record.findtext(".//PMID", ""))
            where = f"{name}, PMID {number or '?'}"
            with reported(where, on_fault):
                if not number.isdecimal():
                    on_fault(BrokenInput(where, "has no PMID", "Download the file again"))
                    continue
                yield _document(record, number)


def _document(record: etree._Element, number: str) -> Document:
    citation = record if record.tag == "MedlineCitation" else record.find("MedlineCitation")
    citation = record if citation is None else citation
    journal = text_of(citation.find("Article/Journal/Title")) or text_of(citation.find("MedlineJournalInfo/MedlineTA"))
    title = text_of(citation.find("Article/ArticleTitle")) or text_of(citation.find("Article/VernacularTitle"))
    types = [text_of(element) for element in citation.iterfind("Article/PublicationTypeList/PublicationType")]
    ties = [
        (tie.get("RefType", ""), *_tie(tie)) for tie in citation.iterfind("CommentsCorrectionsList/CommentsCorrections")
    ]
    replaced = [f"{_REPLACED[kind]}: {words}" for kind, words, _ in ties if kind in _REPLACED]
    retracted = "Retracted Publication" in types or any(kind in _LOUD for kind, _, _ in ties)
    if retracted and not replaced:
        replaced = ["Retracted"]
    title = title or f"PubMed {number}"
    if retracted and not title.upper().startswith("RETRACTED"):
        title = f"RETRACTED: {title}"
    url = f"https://pubmed.ncbi.nlm.nih.gov/{number}/"
    published = _published(citation, record)
    licence = text_of(citation.find("Article/Abstract/CopyrightInformation"))
    return Document(
        id=f"pubmed:{number}",
        title=title,
        language="en",
        sections=_sections(citation, ties).build("article"),
        sources=(
            Source(
                id="article",
                organisation=journal or "PubMed",
                title=title,
                year=int(published[:4]) if published else None,
                url=url,
                licence=licence,
            ),
        ),
        url=url,
        kind="abstract",
        audience="clinician",
        published=published,
        synonyms=_headings(citation, title),
        related=_other_ids(citation, record),
        supersedes=tuple(f"pubmed:{pmid}" for kind, _, pmid in ties if kind in _REPLACES and pmid),
        superseded_by="; ".join(replaced),
        evidence_grade="; ".join(kind for kind in types if kind in _GRADES),
        licence=licence,
    )


def _sections(citation: etree._Element, ties: list[tuple[str, str, str]]) -> Sections:
    sections = Sections()
    for kind, heading in _MARKED.items():
        sections.heading(1, heading)
        for tie, words, _ in ties:
            if tie == kind:
                sections.add(words)
    sections.heading(1, "")
    for part in citation.iterfind("Article/Abstract/AbstractText"):
        label = squeeze(part.get("Label", ""))
        # UNLABELLED is what PubMed writes where an author gave no label.
        sections.heading(1, "" if label.upper() == "UNLABELLED" else label.capitalize())
        sections.add(text_of(part))
    for other in citation.iterfind("OtherAbstract"):
        if other.get("Language", "eng") == "eng" and other.get("Type") == "plain-language-summary":
            sections.heading(1, "Plain language summary")
            for part in other.iterfind("AbstractText"):
                sections.add(text_of(part))
    return sections


def _published(citation: etree._Element, record: etree._Element) -> str:
    """The issue's date; where it gives none, the day it came on line, or the day PubMed took it in."""
    dates = [citation.find("Article/Journal/JournalIssue/PubDate"), citation.find("Article/ArticleDate")]
    dates += record.findall("PubmedData/History/PubMedPubDate[@PubStatus='pubmed']")
    return next(filter(None, (_date(element) for element in dates if element is not None)), "")


def _date(element: etree._Element) -> str:
    year, month, day = (element.findtext(tag, "") for tag in ("Year", "Month", "Day"))
    return iso_date(year, month, day) or read_date(element.findtext("MedlineDate", ""))


def _tie(tie: etree._Element) -> tuple[str, str]:
    """How another article is tied to this one, in words, and its PMID."""
    pmid = squeeze(tie.findtext("PMID", ""))
    words = ". ".join(filter(None, (text_of(tie.find("RefSource")).rstrip("."), text_of(tie.find("Note")).rstrip("."))))
    known = f"PMID {pmid}" if pmid else ""
    return f"{words} ({known})" if words and known else words or known or "see PubMed", pmid


def _headings(citation: etree._Element, title: str) -> tuple[str, ...]:
    """What the article is mainly about, in MeSH words."""
    major = citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName[@MajorTopicYN='Y']")
    return tuple(dict.fromkeys(text for element in major if (text := text_of(element)) and text != title))


def _other_ids(citation: etree._Element, record: etree._Element) -> tuple[str, ...]:
    found = {
        squeeze(element.get("IdType", "")): squeeze(element.text or "")
        for element in record.iterfind("PubmedData/ArticleIdList/ArticleId")
    }
    electronic = citation.find("Article/ELocationID[@EIdType='doi']")
    doi = found.get("doi") or (squeeze(electronic.text or "") if electronic is not None else "")
    pmc = found.get("pmc", "")
    return tuple(filter(None, (f"doi:{doi}" if doi else "", f"pmc:{pmc}" if pmc else "")))
