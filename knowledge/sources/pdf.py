"""PDF: text by page, headings by the size of their letters; what has no text, or a password, is said and not guessed.

PDFium reads it (through pypdfium2): it opens files that only forbid copying, without a further library, and gives every
letter's size. It is not thread-safe: read one PDF at a time in a process.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import InputError
from knowledge.sources.language import detect
from knowledge.sources.prose import Sections, squeeze
from knowledge.sources.reading import BrokenInput, OnFault, reported
from knowledge.sources.streams import MIB, opened, too_large
from knowledge.types import Document, Source

MAX_BYTES = 256 * MIB
MAX_PAGES = 5_000
MAX_CHARACTERS = 20_000_000
# A heading's letters against the body's: slides and leaflets differ by less than journals do.
_HEADING_SCALE = 1.12
_HEADING_LENGTH = 200
_LEVELS = 4
# Bold lines are headings only where bold is rare; some leaflets are bold throughout.
_BOLD_SHARE = 0.2
_LINE_GAP = 1.7
# The part of a page, above and below, where running heads and page numbers stand.
_MARGIN = 0.1
_BULLET = re.compile(r"\s*(?:[•◦▪‣●○■□–—*·-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+\S")
_CLOSED = re.compile(r"[.!?:;。！？：；]['\"”’)\]]*$")
_HAN = re.compile(r"[㐀-鿿　-〿＀-￯]")
_NO_TITLE = re.compile(
    r"(?i)^(?:microsoft (?:word|powerpoint|excel)\b.*|untitled.*|.*\.(?:docx?|pdf|indd|qxd|pptx?|rtf|tmp)|\W*)$"
)
_NUMBER = re.compile(r"(?i)(?:page |- ?)?\d{1,4}(?: ?(?:of|/) ?\d{1,4})?(?: ?-)?")
_FALSE_LETTERS = re.compile(r"[\ue000-\uf8ff\ufffd]")


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float
    bold: bool
    top: float
    page: int
    margin: bool = False


def read_pdf(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """The file: id `file:NAME`, a section for each heading and page, each with its page number.

    `published` stays empty: the date inside a PDF is the day it was saved, which an old guideline's copy has renewed.
    """
    name = name or path.name
    with reported(name, on_fault):
        title, lines, pages, blank = _extract(path)
        if not lines:
            raise InputError(
                f"has no text on its {pages} pages: they are pictures, as a scanner makes",
                remedy="Run it through text recognition (OCR, for example OCRmyPDF) and give the result",
            )
        text = " ".join(line.text for line in lines)
        if len(_FALSE_LETTERS.findall(text)) > len(text) / 5:
            raise InputError(
                "has text that cannot be read: its letters have no meaning outside its fonts",
                remedy="Run it through text recognition (OCR), or find another copy",
            )
        if blank:
            shown = ", ".join(map(str, blank[:20])) + ("..." if len(blank) > 20 else "")
            on_fault(
                BrokenInput(
                    name,
                    f"has no text on {len(blank)} of its {pages} pages ({shown}); the others were read",
                    "Run it through text recognition (OCR) if those pages hold text",
                )
            )
        yield _document(title, _without_margins(lines, pages) or lines, name)


def _document(title: str, lines: list[_Line], name: str) -> Document:
    levels, bold_heads = _levels(lines)
    sections = Sections()
    paragraph: list[_Line] = []
    heads: list[tuple[int, str]] = []
    previous: _Line | None = None

    def close() -> None:
        if paragraph:
            sections.add(_joined(paragraph), page=paragraph[0].page)
            paragraph.clear()

    for line in lines:
        level = _level(line, levels, bold_heads)
        if level:
            close()
            continued = previous is not None and _level(previous, levels, bold_heads) == level and _near(previous, line)
            text = f"{heads.pop()[1]} {line.text}" if continued and heads else line.text
            heads.append((level, text))
            sections.heading(level, text)
        else:
            if paragraph and (line.page != paragraph[-1].page or _starts(paragraph[-1], line)):
                close()
            paragraph.append(line)
        previous = line
    close()
    built = sections.build("file")
    top = min((level for level, _ in heads), default=0)
    title = title or next((text for level, text in heads if level == top), "") or Path(name).stem
    return Document(
        id=f"file:{name}",
        title=title,
        language=detect(" ".join(section.text for section in built)),
        sections=built,
        sources=(Source(id="file", organisation="", title=title, year=None, url=""),),
        kind="document",
    )


def _extract(path: Path) -> tuple[str, list[_Line], int, list[int]]:
    """The title inside the file (empty if it is none), its lines, the number of pages, and the pages without text.

    Raises:
        InputError: a password is needed, or it is broken, or too large.
    """
    import pypdfium2

    with opened(path, whole=True):
        if path.stat().st_size > MAX_BYTES:
            raise too_large(MAX_BYTES)
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as fault:
        if "password" in str(fault).lower() or "security" in str(fault).lower():
            raise InputError("needs a password", remedy="Save a copy without a password and give that") from fault
        raise InputError("is a broken PDF", remedy="Download it again, or print it to a new PDF") from fault
    try:
        count = len(document)
        if count > MAX_PAGES:
            raise InputError(f"has {count} pages, more than {MAX_PAGES}", remedy="Split it")
        lines: list[_Line] = []
        blank: list[int] = []
        characters = 0
        for number in range(count):
            found = _page_lines(document, number)
            if not found:
                blank.append(number + 1)
            characters += sum(len(line.text) for line in found)
            if characters > MAX_CHARACTERS:
                raise InputError(f"holds more than {MAX_CHARACTERS:,} characters", remedy="Split it")
            lines += found
        title = squeeze(document.get_metadata_value("Title"))
        return "" if len(title) < 4 or _NO_TITLE.match(title) else title, lines, count, blank
    finally:
        document.close()


def _page_lines(document: Any, number: int) -> list[_Line]:
    from pypdfium2 import PdfiumError, raw

    try:
        page = document[number]
    except PdfiumError:
        return []
    text_page = page.get_textpage()
    handle = text_page.raw
    height = page.get_height()
    lines: list[_Line] = []
    codes: list[int] = []
    first = -1
    count = text_page.count_chars()
    for index in range(count + 1):
        code = raw.FPDFText_GetUnicode(handle, index) if index < count else 10
        if code in (10, 13):
            if text := _decoded(codes):
                size, bold, top = _looks(handle, first)
                margin = not height * _MARGIN < top < height * (1 - _MARGIN)
                lines.append(_Line(text, size, bold, top, number + 1, margin))
            codes, first = [], -1
        else:
            if first < 0 and code > 32 and code != 0xA0:
                first = index
            codes.append(code)
    text_page.close()
    page.close()
    return lines


def _decoded(codes: list[int]) -> str:
    """The line's text; PDFium writes 2 or U+FFFE for the hyphen of a word that goes on in the next line."""
    units = [0xAD if code in (2, 0xFFFE) else code for code in codes if code]
    data = b"".join(unit.to_bytes(4, "little") for unit in units if unit > 0xFFFF or not 0xD800 <= unit < 0xE000)
    if any(0xD800 <= unit < 0xE000 for unit in units):
        pairs = b"".join(unit.to_bytes(2, "little") for unit in units if unit <= 0xFFFF)
        return squeeze(pairs.decode("utf-16-le", "replace"))
    return squeeze(data.decode("utf-32-le", "replace"))


def _looks(handle: Any, index: int) -> tuple[float, bool, float]:
    """(size in points as drawn, bold, height on the page) of one letter."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(handle, index, matrix)
    scale = (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(handle, index, x, y)
    font = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, font, 128, flags)
    bold = raw.FPDFText_GetFontWeight(handle, index) >= 600 or b"bold" in font.value.lower()
    return round(raw.FPDFText_GetFontSize(handle, index) * scale, 1), bold, y.value


def _levels(lines: list[_Line]) -> tuple[dict[float, int], bool]:
    """Heading sizes with their levels, the largest first; and whether bold lines of the body's size are headings."""
    weight: Counter[float] = Counter()
    for line in lines:
        weight[line.size] += len(line.text)
    body = weight.most_common(1)[0][0] if weight else 0.0
    sizes = sorted({line.size for line in lines if line.size >= body * _HEADING_SCALE}, reverse=True)
    bold = sum(len(line.text) for line in lines if line.bold and line.size >= body)
    levels = {size: min(level, _LEVELS) for level, size in enumerate(sizes, 1)}
    return {**levels, body: 0}, bold < sum(weight.values()) * _BOLD_SHARE


def _level(line: _Line, levels: dict[float, int], bold_heads: bool) -> int:
    """0 for what is no heading."""
    if len(line.text) > _HEADING_LENGTH or not any(char.isalpha() for char in line.text):
        return 0
    level = levels.get(line.size, 0)
    if level:
        return level
    plain = line.size in levels and len(line.text) <= 100 and not _CLOSED.search(line.text)
    return _LEVELS + 1 if bold_heads and line.bold and plain and not _BULLET.match(f"{line.text} ") else 0


def _near(above: _Line, below: _Line) -> bool:
    return above.page == below.page and 0 < above.top - below.top <= below.size * _LINE_GAP


def _starts(above: _Line, below: _Line) -> bool:
    """Whether the lower line begins a paragraph: a gap, another size, a bullet, or a jump to another column."""
    gap = above.top - below.top
    return (
        not 0 < gap <= below.size * _LINE_GAP or abs(above.size - below.size) > 0.6 or bool(_BULLET.match(below.text))
    )


def _joined(lines: list[_Line]) -> str:
    """Lines of one paragraph as one line: a sentence that wraps must be found whole."""
    text = ""
    for line in lines:
        if not text:
            text = line.text
        elif text.endswith("\u00ad"):
            text = text[:-1] + line.text
        elif _HAN.match(line.text) and _HAN.match(text[-1]):
            text += line.text
        else:
            text += f" {line.text}"
    return text.replace("\u00ad", "")


def _without_margins(lines: list[_Line], pages: int) -> list[_Line]:
    """Without page numbers, and without running heads and feet after their first page.

    Those are lines in the margins that most pages share but for the page's own number. The first is kept: a warning
    that heads every page must not be lost for being repeated.
    """
    lines = [line for line in lines if not (line.margin and _NUMBER.fullmatch(line.text))]
    if pages < 3:
        return lines
    edges = [index for index, line in enumerate(lines) if line.margin]
    written = len({line.page for line in lines})
    shared = Counter(shape for index in edges for shape in _shapes(lines[index]))
    seen: set[str] = set()
    dropped: set[int] = set()
    for index in edges:
        common = {shape for shape in _shapes(lines[index]) if shared[shape] >= max(3, written * 0.5)}
        if common & seen:
            dropped.add(index)
        seen |= common
    return [line for index, line in enumerate(lines) if index not in dropped]


def _shapes(line: _Line) -> set[str]:
    """The line as it is, and with its first or its last number told as its distance from the page's."""
    found = {line.text}
    numbers = list(re.finditer(r"\d{1,4}", line.text))
    for number in numbers[:1] + numbers[-1:]:
        distance = int(number.group()) - line.page
        found.add(f"{line.text[: number.start()]}#{distance}{line.text[number.end() :]}")
    return found
