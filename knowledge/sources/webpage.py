"""HTML pages as saved: the main text under its headings, without menus, scripts, forms and what is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import InputError
from knowledge.sources.dates import read_date
from knowledge.sources.encoding import decode
from knowledge.sources.language import code_of
from knowledge.sources.prose import HTML, Sections, blocks, squeeze, text_of
from knowledge.sources.reading import OnFault, reported
from knowledge.sources.streams import MIB, read_bytes
from knowledge.types import Document, Source

if TYPE_CHECKING:
    from lxml import etree

MAX_BYTES = 32 * MIB
# What pages call the day they came out, the best first.
_DATES = (
    "citation_publication_date", "dcterms.issued", "dcterms.modified", "dc.date", "dc.date.issued", "article:modified_time",
    "article:published_time", "date", "last-modified",
)  # fmt: skip


def read_html(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The page: id `file:NAME`; address, date, language and licence where the page itself gives them."""
    name = name or path.name
    with reported(name, on_fault):
        root = _root(decode(read_bytes(path, limit=MAX_BYTES), markup=True))
        main = _main(root)
        sections = Sections()
        for level, text in blocks(main, HTML):
            sections.heading(level, text) if level else sections.add(text)
        built = sections.build("page")
        if not built:
            raise InputError("has no text outside menus and scripts", remedy="Save the page from a browser, or as text")
        meta = _meta(root)
        title = _title(root, main, meta) or Path(name).stem
        url = _address(root, meta)
        published = next(filter(None, (read_date(meta.get(key, "")) for key in _DATES)), "")
        licence = next(
            (link.get("href", "") for link in root.iter("link", "a") if "license" in link.get("rel", "").split()), ""
        )
        yield Document(
            id=f"file:{name}",
            title=title,
            language=code_of(root.get("lang", ""), " ".join(section.text for section in built)),
            sections=built,
            sources=(
                Source(
                    id="page",
                    organisation=meta.get("og:site_name", "") or meta.get("dcterms.publisher", ""),
                    title=title,
                    year=int(published[:4]) if published else None,
                    url=url,
                    licence=licence,
                ),
            ),
            url=url,
            published=published,
            licence=licence,
        )


def _root(text: str) -> etree._Element:
    from lxml import etree, html

    # A declared encoding inside a text already decoded would be believed again; bytes and their name are not.
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
    try:
        root: etree._Element = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as fault:
        raise InputError("is an empty or broken page", remedy="Save the page again") from fault
    return root


def _main(root: etree._Element) -> etree._Element:
    """The page's main part where it marks one, else its body, without the site's own head."""
    marked = [
        element
        for element in root.iter("main", "div", "section")
        if element.tag == "main" or element.get("role") == "main"
    ]
    if marked and text_of(marked[0]):
        return marked[0]
    articles = list(root.iter("article"))
    if len(articles) == 1 and text_of(articles[0]):
        return articles[0]
    body = root.find("body")
    body = root if body is None else body
    for header in body.findall("header"):
        if not any(True for _ in header.iter("h1")):
            # What follows the header on the same level hangs on it in this tree, and must stay.
            header.clear(keep_tail=True)
    return body


def _title(root: etree._Element, main: etree._Element, meta: dict[str, str]) -> str:
    heads = [text for head in main.iter("h1") if (text := text_of(head))]
    title = root.find(".//head/title")
    return heads[0] if len(heads) == 1 else meta.get("og:title", "") or text_of(title) or (heads[0] if heads else "")


def _meta(root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in root.iter("meta"):
        key = (element.get("name") or element.get("property") or element.get("http-equiv") or "").lower()
        if key and (content := squeeze(element.get("content", ""))):
            found.setdefault(key, content)
    return found


def _address(root: etree._Element, meta: dict[str, str]) -> str:
    links = [link.get("href", "") for link in root.iter("link") if "canonical" in link.get("rel", "").split()]
    return next((link for link in (*links, meta.get("og:url", "")) if link.startswith(("https://", "http://"))), "")
