"""HTML for the pages of those who sign in: everything is escaped but what is `Html` already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal, TypeAlias

Tone: TypeAlias = Literal["plain", "good", "warn", "bad"]

_LINE = 90
"""Bytes of text."""


class Html(str):
    """HTML that was made here: it is not escaped again."""

    __slots__ = ()


def esc(value: object) -> Html:
    """Anything as HTML; `Html` stays what it is, None is nothing."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value)))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after the other."""
    return Html(escape(between).join(esc(part) for part in parts))


def tag(name: str, body: object = "", **attributes: str | bool | None) -> Html:
    """An element. `class_` is class, `_` in a name is a hyphen; True is an attribute without a value, None and False none."""
    given = "".join(
        f" {key.strip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{given}>{esc(body)}</{name}>")


def table(
    headings: Sequence[object], rows: Iterable[Sequence[object]], *, caption: object = "", empty: object = ""
) -> Html:
    """A table; on a phone each row is a block that names its columns. `empty` is said instead where there are no rows."""
    rows = list(rows)
    if not rows and empty:
        return tag("p", empty, class_="st-muted")
    # The roles are said, since a table that is laid out as blocks is none for a screen reader.
    head = join(tag("th", each, scope="col", role="columnheader") for each in headings)
    body = join(tag("tr", _cells(headings, row), role="row") for row in rows)
    named = tag("caption", caption) if caption else Html("")
    parts = (
        named, tag("thead", tag("tr", head, role="row"), role="rowgroup"), tag("tbody", body, role="rowgroup"),
    )  # fmt: skip
    return tag("table", join(parts), class_="st-table", role="table")


def card(title: object, body: object, *, tone: Tone = "plain", level: int = 2) -> Html:
    """A box with a heading."""
    heading = tag(f"h{level}", title) if title else Html("")
    return tag("section", join((heading, esc(body))), class_=f"st-card st-{tone}")


def badge(text: object, tone: Tone = "plain") -> Html:
    """A word in a frame; its colour says nothing that the word does not."""
    return tag("span", text, class_=f"st-badge st-{tone}")


def facts(pairs: Iterable[tuple[object, object]]) -> Html:
    """Names with their values, as a list; a value of more than a line has the whole width."""
    rows = (
        tag("div", join((tag("dt", name), tag("dd", value))), class_="st-long" if _length(value) > _LINE else None)
        for name, value in pairs
    )
    return tag("dl", join(rows), class_="st-facts")


def muted(text: object) -> Html:
    """What matters less."""
    return tag("p", text, class_="st-muted")


def code(text: object) -> Html:
    """A text as it is, line by line."""
    return tag("pre", text, class_="st-code", tabindex="0")


def fault(text: object, *, remedy: object = "") -> Html:
    """What went wrong and what to do; a screen reader says it at once."""
    return tag("p", join((tag("strong", text), esc(remedy)), " "), class_="st-fault", role="alert")


def link(text: object, to: str) -> Html:
    """A link; only to addresses here and to the web's."""
    return tag("a", text, href=to, rel="noreferrer") if to.startswith(("/", "https://", "http://", "#")) else esc(text)


def _length(value: object) -> int:
    # Bytes: a Chinese character is as wide as two of ours, and has three.
    return len(re.sub(r"<[^>]*>", "", esc(value)).encode())


def _cells(headings: Sequence[object], row: Sequence[object]) -> Html:
    names = [str(each) for each in headings]
    return join(tag("td", value, role="cell", data_label=name) for name, value in zip(names, row, strict=True))
