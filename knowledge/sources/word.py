"""DOCX: headings by style, tables as rows, bullets; insertions not yet accepted are read, deletions are not."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import InputError
from knowledge.sources.archives import check_members
from knowledge.sources.language import detect
from knowledge.sources.prose import Sections, raised, squeeze
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.streams import MAX_WHOLE_BYTES, MIB, opened, too_large
from knowledge.types import Document, Source

if TYPE_CHECKING:
    from lxml import etree

MAX_BYTES = 128 * MIB
MAX_UNPACKED_BYTES = 256 * MIB
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TITLE = 0


def read_docx(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The file: id `file:NAME`; the title is the paragraph in the style Title, else the one in its properties.

    `published` stays empty: the dates inside are those of saving. Headers, footers, footnotes and comments are left out.
    """
    name = name or path.name
    with reported(name, on_fault):
        document = _open(path)
        body = document.element.body
        styles = _outline(document)
        sections = Sections()
        titles = [document.core_properties.title.strip() if document.core_properties.title else ""]
        for block in _blocks(body):
            if block.tag == f"{_W}tbl":
                for row in _rows(block):
                    sections.add(row)
                continue
            text, level = _text(block), _level(block, styles)
            if level == _TITLE and text:
                titles.insert(0, text)
            elif level:
                sections.heading(level, text)
            elif text:
                sections.add(f"- {text}" if _is_bullet(block, styles) else text)
        built = sections.build("file")
        if not built:
            raise InputError("has no text", remedy="If it holds pictures of pages, run them through OCR")
        if next(body.iter(f"{_W}ins", f"{_W}del"), None) is not None:
            on_fault(
                BrokenInput(
                    name,
                    "has changes nobody has accepted; it was read as if all were",
                    "Accept or reject them, and add it again",
                )
            )
        title = next(filter(None, titles), "") or Path(name).stem
        yield Document(
            id=f"file:{name}",
            title=title,
            language=detect(" ".join(section.text for section in built)),
            sections=built,
            sources=(Source(id="file", organisation="", title=title, year=None, url=""),),
            kind="document",
        )


def _open(path: Path) -> Any:
    """The document, after its parts were seen to be of honest size.

    Raises:
        InputError: it is broken, or too large.
    """
    import docx

    with opened(path, whole=True):
        if path.stat().st_size > MAX_BYTES:
            raise too_large(MAX_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            # Every part is held at once, pictures too.
            if sum(member.file_size for member in check_members(archive)) > MAX_UNPACKED_BYTES:
                raise too_large(MAX_UNPACKED_BYTES)
            if archive.getinfo("word/document.xml").file_size > MAX_WHOLE_BYTES:
                raise too_large(MAX_WHOLE_BYTES)
        return docx.Document(str(path))
    except InputError:
        raise
    except Exception as fault:
        raise InputError("is a broken DOCX", remedy="Open it in a word processor and save it again") from fault


def _outline(document: Any) -> dict[str, tuple[int | None, bool]]:
    """By style id: its level (0 the title, 1 to 9 headings, None neither) and whether it is a list, looked up through
    the styles it is based on. A heading is known by its outline level too: its name may be in any language."""
    from docx.enum.style import WD_STYLE_TYPE

    found: dict[str, tuple[int | None, bool]] = {}
    for style in document.styles:
        if style.type != WD_STYLE_TYPE.PARAGRAPH:
            continue
        level: int | None = None
        is_list, seen, current = False, 0, style
        while current is not None and seen < 20:
            label = (current.name or "").lower()
            depth = current.element.find(f"{_W}pPr/{_W}outlineLvl")
            if level is None:
                if label == "title":
                    level = _TITLE
                elif label.startswith("heading ") and label[8:].isdecimal():
                    level = int(label[8:])
                elif depth is not None and depth.get(f"{_W}val", "9").isdecimal() and int(depth.get(f"{_W}val")) < 9:
                    level = int(depth.get(f"{_W}val")) + 1
            is_list = is_list or label.startswith("list ")
            current, seen = current.base_style, seen + 1
        found[style.style_id] = (level, is_list)
    return found


def _blocks(body: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables in order, those inside content controls and unaccepted insertions too."""
    stack = list(reversed(body))
    while stack:
        element = stack.pop()
        if element.tag in (f"{_W}p", f"{_W}tbl"):
            yield element
        elif element.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml", f"{_W}smartTag"):
            stack += reversed(element)


def _text(paragraph: etree._Element) -> str:
    parts: list[str] = []
    stack = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if element.tag == f"{_W}t":
            parts.append(raised(element.text or "") if _is_raised(element) else element.text or "")
        elif element.tag in (f"{_W}tab", f"{_W}br", f"{_W}cr"):
            parts.append(" ")
        elif element.tag == f"{_W}noBreakHyphen":
            parts.append("-")
        # Moved and deleted text stands in the file still; a fallback repeats what stands before it.
        elif element.tag not in (f"{_W}del", f"{_W}moveFrom", _FALLBACK, f"{_W}pPr", f"{_W}rPr"):
            stack += reversed(element)
    return squeeze("".join(parts))


def _is_raised(text: etree._Element) -> bool:
    run = text.getparent()
    mark = run.find(f"{_W}rPr/{_W}vertAlign") if run is not None else None
    return mark is not None and mark.get(f"{_W}val") == "superscript"


def _level(paragraph: etree._Element, styles: dict[str, tuple[int | None, bool]]) -> int | None:
    own = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
    if own is not None and own.get(f"{_W}val", "").isdecimal() and int(own.get(f"{_W}val", "9")) < 9:
        return int(own.get(f"{_W}val", "9")) + 1
    return styles.get(_style(paragraph), (None, False))[0]


def _is_bullet(paragraph: etree._Element, styles: dict[str, tuple[int | None, bool]]) -> bool:
    return paragraph.find(f"{_W}pPr/{_W}numPr") is not None or styles.get(_style(paragraph), (None, False))[1]


def _style(paragraph: etree._Element) -> str:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    return style.get(f"{_W}val", "") if style is not None else ""


def _rows(table: etree._Element) -> Iterator[str]:
    """Each row "| a | b |"; a cell that goes on from the row above is written again, so that a row can stand alone."""
    above: list[str] = []
    for row in table.iter(f"{_W}tr"):
        cells: list[str] = []
        for cell in row.iter(f"{_W}tc"):
            if next(cell.iterancestors(f"{_W}tr")) is not row:
                continue
            text = squeeze(" ".join(_text(paragraph) for paragraph in cell.iter(f"{_W}p"))).replace("|", "\\|")
            merge = cell.find(f"{_W}tcPr/{_W}vMerge")
            if merge is not None and merge.get(f"{_W}val", "continue") == "continue" and len(above) > len(cells):
                text = above[len(cells)] if len(above[len(cells)]) <= 200 else ""
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            across = span.get(f"{_W}val", "1") if span is not None else "1"
            wide = min(int(across), 50) if across.isdecimal() and len(across) < 4 else 1
            cells += [text] + [text if len(text) <= 200 else ""] * (max(1, wide) - 1)
        above = cells
        if any(cells):
            yield f"| {' | '.join(cells)} |"
