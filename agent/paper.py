"""A summary on paper: Markdown, and a tagged PDF of one A4 page. The words come from `agent.summary` and agent/messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from agent.messages import say
from agent.summary import Item, Part, Summary, moment
from agent.types import Language

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

KEPT = frozenset({"who", "urgency", "medicines", "allergies"})
"""Parts that are never shortened."""
_LISTED = frozenset({"told", "asked", "urgency", "pages", "questions"})
"""Parts of one statement a line; the others run on."""
_BLANK = "_" * 40
# What a page of 9-point type holds, in half-width characters a line and lines; Markdown is kept to it, the PDF measures.
_WIDTH, _LINES = 92, 58
_STEPS = ((200, 12), (120, 8), (80, 4), (24, 3))
"""Step by step: the half-width characters to which a statement is cut, and how many of a list are left."""
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~=$^])")
_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
_BULLET = re.compile(r"^(\d*)([-.])(?=\s)")


def markdown(summary: Summary, language: Language) -> str:
    """The summary as Markdown; whatever the person wrote stays plain text in it."""
    summary = _within_page(summary)
    lines = [
        f"# {say(language, 'summary_title')}",
        "",
        _escaped(say(language, "summary_notice", made=moment(summary.made))),
        "",
    ]
    for part in _all_parts(summary):
        label = _escaped(say(language, f"summary_{part.name}"))
        items = [_linked(item) for item in part.items]
        if part.name == "urgency":
            items[0] = f"**{items[0]}**"
        if part.name in _LISTED:
            lines += [f"**{label}**", "", *(f"- {item}" for item in items)]
        else:
            lines.append(f"**{label}** {say(language, 'summary_semicolon').join(items)}")
        if part.name == "questions":
            lines.append(f"- {_escaped(_BLANK)}")
        lines.append("")
    lines += [f"**{_escaped(say(language, 'summary_notes'))}**", "", _escaped(_BLANK), "", _escaped(_BLANK), ""]
    # For machines: the law of several places asks that a file says so too (knowledge/places/duties.toml).
    lines += ['[ai-generated]: # "ai-generated: true; provider: Anamnesis"', ""]
    return "\n".join(lines)


def shortened(summary: Summary) -> Summary | None:
    """A little shorter: very long statements are cut first, then long lists lose their middle, then both by turns.

    What was told first and what was told last stay. None when only KEPT is left.
    """
    loose = [part for part in summary.parts if part.name not in KEPT]
    statements = [(_units(item.text), number, part) for part in loose for number, item in enumerate(part.items)]
    size, number, part = max(statements, key=lambda row: row[0], default=(0, 0, Part("", ())))
    listed = max(loose, key=lambda each: len(each.items), default=part)
    for least, many in _STEPS:
        if size > least:
            return _with(summary, part, (*part.items[:number], _cut(part.items[number]), *part.items[number + 1 :]))
        if len(listed.items) > many:
            return _with(summary, listed, _without_middle(listed.items))
    return None


def _without_middle(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """One item less, "…" where some were left out."""
    dots = Item("…")
    if dots not in items:
        at = len(items) // 2
        return (*items[: at - 1], dots, *items[at + 1 :])
    before, after = items[: items.index(dots)], items[items.index(dots) + 1 :]
    return (*before[:-1], dots, *after) if len(before) > len(after) else (*before, dots, *after[1:])


def _with(summary: Summary, part: Part, items: tuple[Item, ...]) -> Summary:
    return replace(summary, parts=tuple(replace(each, items=items) if each is part else each for each in summary.parts))


def _cut(item: Item) -> Item:
    text = item.text.rstrip("”…")[: max(12, len(item.text.rstrip("”…")) * 2 // 3)].rstrip()
    # A quotation that was cut is closed again.
    return replace(item, text=f"{text}…{'”' if text.count('“') > text.count('”') else ''}")


def _within_page(summary: Summary) -> Summary:
    while _estimate(summary) > _LINES and (shorter := shortened(summary)) is not None:
        summary = shorter
    return summary


def _estimate(summary: Summary) -> int:
    """About how many lines it takes."""
    total = 10
    for part in summary.parts:
        sizes = [_units(item.text) + 2 for item in part.items]
        total += sum(-(-size // _WIDTH) for size in sizes) if part.name in _LISTED else -(-sum(sizes) // _WIDTH)
    return total


def _units(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _all_parts(summary: Summary) -> tuple[Part, ...]:
    """With the line for the person's own questions, whether or not they asked any."""
    named = {part.name for part in summary.parts}
    return summary.parts if "questions" in named else (*summary.parts, Part("questions", ()))


def _printable(text: str) -> str:
    """Without control characters, lone surrogates and marks that turn the direction of reading."""
    return "".join(
        " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C"
    )


def _escaped(text: str) -> str:
    text = _MARKS.sub(r"\\\1", _printable(text)).replace("&", "&amp;")
    return _BULLET.sub(r"\1\\\2", _DOT.sub(r"\\.", text.strip()))


def _linked(item: Item) -> str:
    url = _address(item.url)
    return f"{_escaped(item.text)} <{url}>" if url else _escaped(item.text)


def _address(url: str) -> str:
    """A page's address, if it is one of the web and holds nothing that could end a link early; else ""."""
    return url if re.fullmatch(r"https?://[\w.-]+(?::\d+)?(?:[/?#][^\s<>\"'`\\|^{}\[\]]*)?", url) else ""


# --- PDF

_LATIN, _LATIN_BOLD, _HAN = "Helvetica", "Helvetica-Bold", "STSong-Light"
_PAGE = (595.28, 841.89)
_MARGIN, _LABEL, _GAP = 42.0, 104.0, 3.0
_TITLE, _SIZES, _SMALLEST = 15.0, (9.5, 9.0, 8.5, 8.0), (7.5, 7.0)
_LEADING = 1.32
_LINKS_FROM = 1000
"""Keys of links in the tree of parents, behind those of pages."""
_NOTES = 78.0
"""Least height of the space for notes."""
_MISSING = "□"
_WIDE = r"⺀-鿿豈-﫿︰-﹏＀-￯　-〿"
_OPEN, _CLOSE = "“‘（《〈「【", "，。、；：？！）》〉」】”’…"
_TOKEN = re.compile(rf"\s+|[{_OPEN}]*[{_WIDE}][{_CLOSE}]*|[^\s{_WIDE}]+")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text: runs of (font, text), at x, in a size; `tag` its structure type; `block` numbers what it belongs to."""

    runs: tuple[tuple[str, str], ...]
    x: float
    size: float
    tag: str
    block: int
    drop: float
    url: str = ""
    strong: bool = False


@dataclass(slots=True)
class _Element:
    """A block's structure type, and its marks and links as (page, which)."""

    tag: str
    marks: list[tuple[int, int]] = field(default_factory=list)
    links: list[tuple[int, str]] = field(default_factory=list)


def pdf(summary: Summary, language: Language) -> bytes:
    """The summary as a PDF of one A4 page: real text in reading order, tagged, titled, its language set.

    Only the parts in KEPT can make a second page, where they alone fill more than one. Chinese is set in a font that the
    reader's program brings (Adobe-GB1); no font is embedded.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(_HAN))
    room = _PAGE[1] - 2 * _MARGIN - _NOTES
    summary = _within_page(summary)
    while _height(_lines(summary, language, _SIZES[-1])) > room and (shorter := shortened(summary)) is not None:
        summary = shorter
    for size in (*_SIZES, *_SMALLEST):
        lines = _lines(summary, language, size)
        if _height(lines) <= room:
            break
    written = BytesIO()
    canvas = Canvas(
        written,
        pagesize=_PAGE,
        lang="zh-CN" if language == "zh" else "en",
        pdfVersion=(1, 7),
        pageCompression=1,
    )
    canvas.setTitle(say(language, "summary_title"))
    canvas.setSubject(_printable(say(language, "summary_notice", made=moment(summary.made))))
    canvas.setAuthor("Anamnesis")
    canvas.setCreator("Anamnesis")
    canvas.setKeywords("ai-generated: true; provider: Anamnesis")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    _draw(canvas, lines, say(language, "summary_notes"))
    canvas.save()
    return written.getvalue()


def _lines(summary: Summary, language: Language, size: float) -> list[_Line]:
    """Every line of the page from top to bottom; a part's label stands left of its first statement."""
    width = _PAGE[0] - 2 * _MARGIN
    found: list[_Line] = []

    def put(
        text: str,
        *,
        x: float,
        wide: float,
        size: float,
        tag: str,
        bold: bool = False,
        url: str = "",
        above: float = 0.0,
    ) -> None:
        block = found[-1].block + 1 if found else 0
        for number, runs in enumerate(_wrapped(text, size, wide, bold=bold)):
            found.append(_Line(runs, x, size, tag, block, size * _LEADING + (above if number == 0 else 0.0), url, bold))

    put(say(language, "summary_title"), x=_MARGIN, wide=width, size=_TITLE, tag="H1", bold=True)
    put(
        say(language, "summary_notice", made=moment(summary.made)),
        x=_MARGIN,
        wide=width,
        size=size,
        tag="P",
        above=_GAP,
    )
    for part in _all_parts(summary):
        label_at = len(found)
        put(
            say(language, f"summary_{part.name}"),
            x=_MARGIN,
            wide=_LABEL - 6,
            size=size,
            tag="H2",
            bold=True,
            above=_GAP,
        )
        label = found[label_at:]
        x, wide = _MARGIN + _LABEL, width - _LABEL
        apart = part.name in _LISTED
        texts = (
            part.items if apart else (Item(say(language, "summary_semicolon").join(item.text for item in part.items)),)
        )
        if part.name == "questions":
            texts = (*texts, Item(_BLANK))
        text_at = len(found)
        for number, item in enumerate(texts):
            url = _address(item.url)
            strong = part.name == "urgency" and number == 0
            put(item.text, x=x, wide=wide, size=size, tag="P", bold=strong)
            if url:
                put(url, x=x, wide=wide, size=size - 1, tag="Link", url=url)
        body = found[text_at:]
        # Side by side: the label's lines take no height of their own but where it has more than the text.
        found[label_at:] = _beside(label, body)
    return found


def _beside(label: Sequence[_Line], body: Sequence[_Line]) -> list[_Line]:
    """Label, then text on the label's own first line: going down by `drop` before each line, and back up after the label."""
    rise = sum(line.drop for line in label)
    first = replace(body[0], drop=label[0].drop - rise)
    tail = max(0.0, rise - label[0].drop - sum(line.drop for line in body[1:]))
    rows = [*label, first, *body[1:]]
    if tail:
        rows.append(replace(body[-1], runs=(), drop=tail, url=""))
    return rows


def _height(lines: Sequence[_Line]) -> float:
    return sum(line.drop for line in lines)


def _wrapped(text: str, size: float, wide: float, *, bold: bool) -> Iterator[tuple[tuple[str, str], ...]]:
    """The text in lines of runs; at least one. Latin breaks at spaces, Chinese between characters but not before a mark."""
    line, used = "", 0.0
    for token in _TOKEN.findall(_printable(text)):
        long = _measure(token, size, bold)
        if used + long > wide and line.strip():
            yield _runs(line.rstrip(), bold)
            line, used = "", 0.0
        if not line and token.isspace():
            continue
        while long > wide and len(token) > 1:
            fits = next((n for n in range(len(token), 1, -1) if _measure(token[:n], size, bold) <= wide), 1)
            yield _runs(token[:fits], bold)
            token = token[fits:]
            long = _measure(token, size, bold)
        line, used = line + token, used + long
    yield _runs(line.rstrip(), bold)


def _runs(text: str, bold: bool) -> tuple[tuple[str, str], ...]:
    """Stretches of one font each; what no font has is shown as a box."""
    runs: list[tuple[str, str]] = []
    for char in text:
        font, shown = _face(char, bold)
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + shown)
        else:
            runs.append((font, shown))
    return tuple(runs)


def _face(char: str, bold: bool) -> tuple[str, str]:
    if _encodes(char, "cp1252"):
        return (_LATIN_BOLD if bold else _LATIN), char
    return (_HAN, char) if _encodes(char, "gbk") else (_HAN, _MISSING)


def _encodes(char: str, name: str) -> bool:
    return len(char.encode(name, "ignore")) > 0


def _measure(text: str, size: float, bold: bool) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return sum(float(stringWidth(shown, font, size)) for font, shown in _runs(text, bold))


def _draw(canvas: Canvas, lines: Sequence[_Line], notes: str) -> None:
    """Every line, marked by what it is, then the space for notes, with the tree of marks that a screen reader follows."""
    tree = _Tree(canvas)
    y, before = _PAGE[1] - _MARGIN, -1
    for line in lines:
        starts = line.block != before and line.tag == "H2"
        before = line.block
        # A label is not left alone at the foot of a page.
        least = 5 * line.size * _LEADING if starts else line.drop
        if line.drop > 0 and y - least < _MARGIN:
            tree.page()
            y = _PAGE[1] - _MARGIN
        y -= line.drop
        if line.runs:
            tree.begin(line.tag, line.block)
            wide = _draw_runs(canvas, line, y)
            tree.end()
            if line.url:
                tree.link(line, y, wide)
    size = lines[-1].size
    if y - _MARGIN < _NOTES * 0.7:
        tree.page()
        y = _PAGE[1] - _MARGIN
    y -= size * _LEADING + 2 * _GAP
    tree.begin("H2", before + 1)
    _draw_runs(canvas, _Line(_runs(notes, True), _MARGIN, size, "H2", before + 1, 0.0, strong=True), y)
    tree.end()
    tree.frame(y - 2 * _GAP)
    tree.close()


def _draw_runs(canvas: Canvas, line: _Line, y: float) -> float:
    """Draw a line; returns how wide it is."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    wide = 0.0
    for font, shown in line.runs:
        canvas.setFont(font, line.size)
        # There is no bold Chinese among the fonts that every reader has: an outline makes it heavier.
        canvas.drawString(line.x + wide, y, shown, mode=2 if line.strong and font == _HAN else None)
        wide += stringWidth(shown, font, line.size)
    return wide


class _Tree:
    """The structure of a tagged PDF (ISO 32000-1, 14.7): an element for each block, in order, over its marked content."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self._elements: dict[int, _Element] = {}
        self._marks: list[list[int]] = [[]]
        self._links: list[int] = []
        canvas.setLineWidth(0.25)

    def begin(self, tag: str, block: int) -> None:
        element = self._elements.setdefault(block, _Element(tag))
        marks = self._marks[-1]
        element.marks.append((len(self._marks) - 1, len(marks)))
        self._canvas.addLiteral(f"/{tag} <</MCID {len(marks)}>> BDC")
        marks.append(block)

    def end(self) -> None:
        self._canvas.addLiteral("EMC")

    def link(self, line: _Line, y: float, wide: float) -> None:
        area = (line.x, y - 2, line.x + wide, y + line.size)
        self._canvas.linkURL(line.url, area, thickness=0, StructParent=_LINKS_FROM + len(self._links))
        self._elements[line.block].links.append((len(self._marks) - 1, f"NUMBER{self._canvas._annotationCount}"))
        self._links.append(line.block)

    def frame(self, top: float) -> None:
        """The space for notes: drawn, and passed over by a screen reader."""
        self._canvas.addLiteral("/Artifact BMC")
        self._canvas.setStrokeGray(0.6)
        self._canvas.rect(_MARGIN, _MARGIN, _PAGE[0] - 2 * _MARGIN, max(20.0, top - _MARGIN))
        self._canvas.addLiteral("EMC")

    def page(self) -> None:
        self._canvas.showPage()
        self._canvas.setLineWidth(0.25)
        self._marks.append([])

    def close(self) -> None:
        """Write the tree: the document over its elements, and for every page and link the elements that they belong to."""
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFPage

        self._canvas.showPage()
        document = self._canvas._doc
        pages = document.Pages.pages
        root = PDFDictionary({"Type": PDFName("StructTreeRoot")})
        top = PDFDictionary({"Type": PDFName("StructElem"), "S": PDFName("Document"), "P": document.Reference(root)})
        references = {}
        for block, element in self._elements.items():
            inside = [
                PDFDictionary({"Type": PDFName("MCR"), "Pg": document.Reference(pages[page]), "MCID": mark})
                for page, mark in element.marks
            ] + [
                PDFDictionary({"Type": PDFName("OBJR"), "Pg": document.Reference(pages[page]), "Obj": document.refAnnotation(name)})
                for page, name in element.links
            ]  # fmt: skip
            row = {
                "Type": PDFName("StructElem"),
                "S": PDFName(element.tag),
                "P": document.Reference(top),
                "K": PDFArray(inside),
            }
            references[block] = document.Reference(PDFDictionary(row))
        top["K"] = PDFArray(list(references.values()))
        numbers: list[Any] = []
        for number, marks in enumerate(self._marks):
            numbers += [number, PDFArray([references[block] for block in marks])]
            # reportlab writes only the page entries that it knows by name.
            pages[number].__NoDefault__ = [*PDFPage.__NoDefault__, "StructParents", "Tabs"]
            pages[number].StructParents, pages[number].Tabs = number, PDFName("S")
        for number, block in enumerate(self._links, _LINKS_FROM):
            numbers += [number, references[block]]
        root["K"] = document.Reference(top)
        root["ParentTree"] = document.Reference(PDFDictionary({"Nums": PDFArray(numbers)}))
        document.Catalog.StructTreeRoot = root
        document.Catalog.MarkInfo = PDFDictionary({"Marked": "true"})
