"""PubMed Central full text (JATS): a file of one article, or of many (`pmc-articleset`, OAI-PMH); a Document each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.sources.dates import iso_date, read_date
from knowledge.sources.language import code_of
from knowledge.sources.prose import Markup, Sections, blocks, local, raised, squeeze, text_of, words
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.safe_xml import records
from knowledge.sources.streams import opened
from knowledge.types import Document, Source

if TYPE_CHECKING:
    from lxml import etree

MARKUP = Markup(
    blocks=words(
        "p list list-item disp-quote boxed-text table-wrap table-wrap-group table-wrap-foot caption title fig fig-group "
        "def-list def-item term def label statement verse-group verse-line speech body sec app abstract fn kwd-group "
        "disp-formula preformat table-wrap-foot"
    ),
    # Figures are pictures, and references are a list of titles: neither says anything when quoted alone.
    dropped=words(
        "ref-list graphic inline-graphic media supplementary-material inline-supplementary-material object-id "
        "permissions alternatives-image xref-group tex-math related-article related-object contrib-group aff"
    ),
    items=frozenset({"list-item"}),
)
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_HREF = "{http://www.w3.org/1999/xlink}href"
_CITED = "\x00"
_NOTE_MARKS = frozenset({"fn", "table-fn", "author-notes", "corresp", "aff"})
_BRACKETS = re.compile(r" ?[\[(][\s,;\x00–—-]+[\])]")
_CITATIONS = re.compile(r"\x00(?:[\s,;–—-]*\x00)*")
_OTHER_ABSTRACTS = frozenset({"graphical", "toc", "teaser", "web-summary", "video", "stereochemical"})
_NOT_BODY = frozenset({"ref-list", "ack", "fn-group", "glossary", "notes", "bio"})
# related-article-type on the article that is spoken of (not on the notice that speaks of it).
_REPLACED = {"retraction-forward": "Retracted", "republished-article": "Republished", "update-forward": "Updated"}
_MARKED = {
    "correction-forward": "Corrections",
    "concern-forward": "Expression of concern",
    "expression-of-concern": "Expression of concern",
}
_RETRACTS = frozenset({"retracted-article", "updated-article", "republication-of"})


def read_jats(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document an article: id `pmc:PMCID` (`doi:DOI` where it has none), sections under their titles, tables as rows,
    citation marks and references left out, the licence as the article states it; for clinicians, as `pubmed`."""
    name = name or path.name
    with reported(name, on_fault), opened(path) as stream:
        for article in records(stream, ("{*}article",)):
            ids = _ids(article)
            where = f"{name}, {ids[0] if ids else 'an article without a number'}"
            with reported(where, on_fault):
                document = _document(article, ids, name)
                if not document.sections:
                    on_fault(BrokenInput(where, "has no text", "Get the full text, or leave it out"))
                    continue
                yield document


def _document(article: etree._Element, ids: tuple[str, ...], name: str) -> Document:
    meta = _find(article, "article-meta")
    title = _text(_find(meta, "article-title")) if meta is not None else ""
    journal = _text(_find(article, "journal-title"))
    published = _published(meta)
    licence = _licence(meta)
    ties = [element for element in _each(article, "related-article") if element.get("related-article-type")]
    replaced = [f"{_REPLACED[kind]}: {_tied(tie)}" for tie in ties if (kind := _kind(tie)) in _REPLACED]
    retracted = (
        any(_kind(tie) == "retraction-forward" for tie in ties)
        or article.get("article-type") == "retracted-article"
        or title.upper().startswith(("RETRACTED:", "RETRACTED ARTICLE", "RETRACTED "))
    )
    if retracted and not replaced:
        replaced = ["Retracted"]
    identity = ids[0] if ids else f"file:{name}"
    url = _url(identity)
    sections = _sections(article, meta, ties).build("article")
    title = title or journal or identity
    if retracted and not title.upper().startswith("RETRACTED"):
        title = f"RETRACTED: {title}"
    return Document(
        id=identity,
        title=title,
        language=code_of(article.get(_LANG, ""), " ".join(section.text for section in sections[:20])),
        sections=sections,
        sources=(
            Source(
                id="article",
                organisation=journal or "PubMed Central",
                title=title,
                year=int(published[:4]) if published else None,
                url=url,
                licence=licence,
            ),
        ),
        url=url,
        kind="article",
        audience="clinician",
        published=published,
        synonyms=tuple(dict.fromkeys(filter(None, (_text(word) for word in _each(meta, "kwd"))))),
        related=ids[1:],
        supersedes=tuple(filter(None, (_tied_id(tie) for tie in ties if _kind(tie) in _RETRACTS))),
        superseded_by="; ".join(replaced),
        licence=licence,
    )


def _sections(article: etree._Element, meta: etree._Element | None, ties: list[etree._Element]) -> Sections:
    out = Sections()
    for tie in ties:
        if heading := _MARKED.get(_kind(tie)):
            out.heading(1, heading)
            out.add(_tied(tie))
    for abstract in (child for child in meta if local(child) == "abstract") if meta is not None else ():
        if abstract.get("abstract-type", "") not in _OTHER_ABSTRACTS:
            title = next((_text(child) for child in abstract if local(child) == "title"), "")
            out.heading(1, title or "Abstract")
            _fill(out, abstract, 1)
    out.heading(1, "")
    for part in article:
        name = local(part)
        if name == "body":
            _fill(out, part, 0)
        elif name == "back":
            for child in part:
                if local(child) in ("app-group", "app", "sec"):
                    _fill(out, child, 0, own_title=True)
        elif name == "floats-group":
            out.heading(1, "Tables and figures")
            _fill(out, part, 1)
    return out


def _fill(out: Sections, part: etree._Element, depth: int, *, own_title: bool = False) -> None:
    """The text of a body or section under its title, then its sections, each one level deeper."""
    if own_title and (title := next((child for child in part if local(child) == "title"), None)) is not None:
        depth += 1
        out.heading(depth, _text(title))
    for child in part:
        name = local(child)
        if name in ("sec", "app"):
            _fill(out, child, depth, own_title=True)
            out.heading(depth + 1, "")
        elif name and name != "title" and name not in _NOT_BODY and name not in MARKUP.dropped:
            for _, text in blocks(child, MARKUP, replace=_replace):
                out.add(_uncited(text))


def _replace(element: etree._Element) -> str | None:
    """A mark in place of a citation, taken out later together with its brackets."""
    name = local(element)
    if name == "xref" and element.get("ref-type") == "bibr":
        return _CITED
    # The mark of a footnote says nothing without the note, and raised digits beside a number would be read as one.
    if name == "xref" and element.get("ref-type") in _NOTE_MARKS:
        return ""
    if name == "sup" and (inner := text_of(element, replace=_replace)) and _CITED in inner:
        return _CITED if not inner.strip(" ,;–—-[]()\x00") else raised(inner)
    parent = element.getparent()
    if name == "label" and parent is not None and local(parent) in ("list-item", "sec", "fn"):
        return f"{text_of(element)} "
    return None


def _uncited(text: str) -> str:
    if _CITED not in text:
        return text
    text = _BRACKETS.sub(lambda match: "" if _CITED in match.group(0) else match.group(0), text)
    return re.sub(r" +([.,;:])", r"\1", squeeze(_CITATIONS.sub("", text)))


def _text(element: etree._Element | None) -> str:
    return _uncited(text_of(element, dropped=frozenset({"fn"}), replace=_replace))


def _ids(article: etree._Element) -> tuple[str, ...]:
    """pmc:PMC…, doi:…, pubmed:…, those the article has, in that order."""
    found: dict[str, str] = {}
    for element in _each(_find(article, "article-meta"), "article-id"):
        found.setdefault(element.get("pub-id-type", ""), squeeze(element.text or ""))
    pmc = found.get("pmcid") or found.get("pmc") or found.get("pmcaid", "")
    pmc = pmc.upper().removeprefix("PMC")
    doi, pmid = found.get("doi", ""), found.get("pmid", "")
    return tuple(
        filter(None, (f"pmc:PMC{pmc}" if pmc else "", f"doi:{doi}" if doi else "", f"pubmed:{pmid}" if pmid else ""))
    )


def _url(identity: str) -> str:
    scheme, _, number = identity.partition(":")
    bases = {
        "pmc": "https://pmc.ncbi.nlm.nih.gov/articles/",
        "doi": "https://doi.org/",
        "pubmed": "https://pubmed.ncbi.nlm.nih.gov/",
    }
    return f"{bases[scheme]}{number}{'' if scheme == 'doi' else '/'}" if scheme in bases else ""


def _published(meta: etree._Element | None) -> str:
    """The day it came out: on line, then in print, then with its collection; the most exact of the first kind given."""
    dates: dict[str, str] = {}
    for element in _each(meta, "pub-date"):
        parts = {local(child): squeeze(child.text or "") for child in element}
        day = (
            read_date(element.get("iso-8601-date", ""))
            or iso_date(parts.get("year", ""), parts.get("month", "") or parts.get("season", ""), parts.get("day", ""))
            or read_date(parts.get("string-date", ""))
        )
        kind = element.get("pub-type") or element.get("date-type") or ""
        if day and len(day) > len(dates.get(kind, "")):
            dates[kind] = day
    order = ("epub", "pub", "ppub", "epub-ppub", "collection", "ecorrected", "")
    return next((dates[kind] for kind in order if kind in dates), next(iter(dates.values()), ""))


def _licence(meta: etree._Element | None) -> str:
    """The licence's address where it has one, its first words where not."""
    licence = _find(meta, "license")
    if licence is None:
        return _text(_find(meta, "copyright-statement"))
    stated = _find(licence, "license_ref")
    address = licence.get(_HREF, "") or (squeeze(stated.text or "") if stated is not None else "")
    if not address.startswith("http"):
        links = (link.get(_HREF, "") for link in _each(licence, "ext-link"))
        address = next((link for link in links if "creativecommons.org" in link), "")
    return address or _text(licence)[:300]


def _kind(tie: etree._Element) -> str:
    return tie.get("related-article-type", "")


def _tied(tie: etree._Element) -> str:
    return " ".join(filter(None, (_text(tie), tie.get(_HREF, "")))) or "see PubMed Central"


def _tied_id(tie: etree._Element) -> str:
    """The other article's identifier, in our form."""
    link = tie.get(_HREF, "").strip()
    kind = tie.get("ext-link-type", "")
    if re.fullmatch(r"(?:PMC)?\d+", link) and kind in ("pmc", "pmcid", ""):
        return f"pmc:PMC{link.removeprefix('PMC')}"
    if link.isdecimal() and kind in ("pubmed", "pmid"):
        return f"pubmed:{link}"
    return f"doi:{link.removeprefix('https://doi.org/')}" if "10." in link else ""


def _find(element: etree._Element | None, name: str) -> etree._Element | None:
    return next(_each(element, name), None)


def _each(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """Descendants of that name in any namespace; those of a reply or a translation inside the article are left out."""
    if element is None:
        return
    for found in element.iter("{*}" + name):
        if not any(local(above) in ("sub-article", "response") for above in found.iterancestors()):
            yield found
