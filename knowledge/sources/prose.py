"""Marked-up trees (HTML, JATS, SPL) to text under headings; tables to rows; superscripts kept, so that 10⁹ is not 109."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from knowledge.types import Section

_SUPERSCRIPT = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_RAISED = frozenset("0123456789+-−=()n ")
_SPACE = re.compile(r"\s+")
_MAX_SPAN = 50
# A cell that spans rows is written again in each, so that a row read alone is whole; a long one only once.
_MAX_REPEATED = 200


@dataclass(frozen=True, slots=True)
class Markup:
    """What the tags of a format mean. Names are local names, without a namespace."""

    blocks: frozenset[str]
    dropped: frozenset[str]
    items: frozenset[str] = frozenset({"li"})
    headings: tuple[tuple[str, int], ...] = ()
    tables: frozenset[str] = frozenset({"table"})
    hidden: Callable[[etree._Element], bool] = field(default=lambda element: False)


def words(text: str) -> frozenset[str]:
    """The words of a string, as a set."""
    return frozenset(text.split())


HTML = Markup(
    blocks=words(
        "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
        "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html li main ol p pre section summary table tbody td tfoot th "
        "thead tr ul"
    ),
    dropped=words(
        "script style noscript template nav footer aside form button svg iframe select object embed canvas audio video "
        "head input textarea"
    ),
    headings=tuple((f"h{level}", level) for level in range(1, 7)),
    hidden=lambda element: _hidden(element),
)


class Sections:
    """Headings and text in reading order, gathered into Sections; a page number starts a new one."""

    def __init__(self, base: tuple[str, ...] = ()) -> None:
        self._base = base
        self._path: list[tuple[int, str]] = []
        self._parts: list[tuple[tuple[str, ...], int | None, list[str]]] = []

    def heading(self, level: int, text: str) -> None:
        """Headings as deep as this one, or deeper, end here."""
        self._path = [(depth, name) for depth, name in self._path if depth < level]
        if text.strip():
            self._path.append((level, " ".join(text.split())))

    def add(self, text: str, page: int | None = None) -> None:
        """A paragraph, a bullet or a row under the headings of now."""
        if not text.strip():
            return
        path = (*self._base, *(name for _, name in self._path))
        if not self._parts or self._parts[-1][:2] != (path, page):
            self._parts.append((path, page, []))
        self._parts[-1][2].append(text.strip())

    def build(self, *sources: str) -> tuple[Section, ...]:
        """The sections, each citing `sources`."""
        return tuple(
            Section(heading=path, text="\n".join(parts), sources=sources, page=page)
            for path, page, parts in self._parts
        )


def local(element: etree._Element) -> str:
    """The tag without its namespace; empty for a comment, an instruction or an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def squeeze(text: str) -> str:
    """One blank between words, none at the ends."""
    return _SPACE.sub(" ", text).strip()


def text_of(
    element: etree._Element | None,
    *,
    dropped: frozenset[str] = frozenset(),
    replace: Callable[[etree._Element], str | None] | None = None,
) -> str:
    """The words of an element on one line; `replace` may give the text that stands for a child."""
    if element is None:
        return ""
    parts: list[str] = []
    stack: list[etree._Element | str] = [*_inside(element)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        name = local(item)
        text = replace(item) if replace else None
        if text is not None:
            parts.append(text)
        elif name == "sup":
            parts.append(raised(text_of(item, dropped=dropped, replace=replace)))
        elif isinstance(item, etree._Entity):
            parts.append(_entity(item))
        elif name and name not in dropped:
            if name == "br":
                parts.append(" ")
            stack += _inside(item)
    return squeeze("".join(parts))


def raised(text: str) -> str:
    """A superscript: digits and signs in their raised form, anything else as it is."""
    return text.translate(_SUPERSCRIPT) if text and set(text) <= _RAISED else text


def blocks(
    root: etree._Element,
    markup: Markup,
    *,
    replace: Callable[[etree._Element], str | None] | None = None,
) -> Iterator[tuple[int | None, str]]:
    """(heading level or None, text) in reading order; bullets begin with a dash, rows of tables with a bar."""
    levels = dict(markup.headings)
    words: list[str] = []
    bullet, level = False, None
    stack: list[etree._Element | str | tuple[str, str]] = [root]

    def flush() -> Iterator[tuple[int | None, str]]:
        nonlocal bullet
        text = squeeze("".join(words))
        words.clear()
        if text:
            yield (level, text) if level else (None, f"- {text}" if bullet else text)
            bullet = False

    while stack:
        item = stack.pop()
        if isinstance(item, str):
            words.append(item)
            continue
        if isinstance(item, tuple):
            yield from flush()
            if item[1] in levels:
                level = None
            if item[1] in markup.items:
                bullet = False
            continue
        name = local(item)
        text = replace(item) if replace else None
        if text is not None:
            words.append(text)
        elif isinstance(item, etree._Entity):
            words.append(_entity(item))
        elif not name or (name in markup.dropped and item is not root) or markup.hidden(item):
            continue
        elif name == "sup":
            words.append(raised(text_of(item, replace=replace)))
        elif name == "br":
            yield from flush()
        elif name in markup.tables and not _is_layout(item, markup):
            yield from flush()
            for row in rows(item, replace=replace):
                yield None, row
        elif name in markup.blocks:
            yield from flush()
            bullet = bullet or name in markup.items
            level = levels.get(name, level)
            stack.append(("end", name))
            stack += _inside(item)
        else:
            stack += _inside(item)
    yield from flush()


def rows(table: etree._Element, *, replace: Callable[[etree._Element], str | None] | None = None) -> list[str]:
    """The caption and the rows of a table, each "| a | b |"; a cell that spans is written in every place it covers."""
    out: list[str] = []
    caption = next((child for child in table if local(child) == "caption"), None)
    if caption is not None and (text := text_of(caption, replace=replace)):
        out.append(text)
    open_spans: dict[int, tuple[int, str]] = {}
    for row in (element for element in table.iter() if local(element) in ("tr", "row")):
        cells: list[str] = []
        for cell in (child for child in row if local(child) in ("td", "th", "entry")):
            _fill(cells, open_spans)
            text = text_of(cell, replace=replace).replace("|", "\\|")
            across, down = _span(cell, "colspan"), _span(cell, "rowspan")
            repeated = text if len(text) <= _MAX_REPEATED else ""
            for place in range(across):
                if down > 1:
                    open_spans[len(cells)] = (down - 1, repeated)
                cells.append(text if place == 0 else repeated)
        _fill(cells, open_spans)
        if any(cells):
            out.append(f"| {' | '.join(cells)} |")
    return out


def _fill(cells: list[str], open_spans: dict[int, tuple[int, str]]) -> None:
    while len(cells) in open_spans:
        left, text = open_spans.pop(len(cells))
        if left > 1:
            open_spans[len(cells)] = (left - 1, text)
        cells.append(text)


def _span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1").strip()
    return max(1, min(int(value), _MAX_SPAN)) if value.isascii() and value.isdecimal() and len(value) < 6 else 1


def _inside(element: etree._Element) -> list[etree._Element | str]:
    """Text, child, tail, child, tail: in reverse, as a stack takes them."""
    out: list[etree._Element | str] = []
    for child in reversed(element):
        if child.tail:
            out.append(child.tail)
        out.append(child)
    if element.text and isinstance(element.tag, str):
        out.append(element.text)
    return out


def _entity(node: etree._Entity) -> str:
    """The character of a named entity whose DTD was not loaded."""
    name = str(node.text or "")
    text = html.unescape(name)
    return "" if text == name else text


def _is_layout(table: etree._Element, markup: Markup) -> bool:
    """Pages lay out whole columns with tables: such a one holds another table, headings, or says so."""
    if table.get("role") in ("presentation", "none"):
        return True
    inner = set(markup.tables) | {name for name, _ in markup.headings}
    return any(local(element) in inner for element in table.iterdescendants())


def _hidden(element: etree._Element) -> bool:
    """What a reader of the page does not see must not be quoted either."""
    style = element.get("style", "").replace(" ", "").lower()
    return (
        "hidden" in element.attrib
        or element.get("aria-hidden") == "true"
        or "display:none" in style
        or "visibility:hidden" in style
        or element.get("role") in ("navigation", "banner", "contentinfo", "search")
    )
