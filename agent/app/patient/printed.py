"""The page for the doctor as HTML, to be printed from the browser; nothing of it is stored."""

from __future__ import annotations

from agent.app.markup import lang, link, plain, said
from agent.messages import say
from agent.paper import shortened
from agent.summary import Item, Summary, moment
from agent.types import Language

_MOST = 4200
"""Characters of statements that stand on an A4 page in the size of the print stylesheet, Chinese ones counted twice."""


def summary_html(summary: Summary, language: Language) -> str:
    """The summary as one `article`: headings, statements, lines for notes, and that a program wrote it."""
    while _long(summary) > _MOST and (shorter := shortened(summary)) is not None:
        summary = shorter
    rows = "".join(
        f"<section><h2>{said(language, f'summary_{part.name}')}</h2><ul>{''.join(map(_item, part.items))}</ul></section>"
        for part in summary.parts
    )
    return (
        f'<article lang="{lang(language)}" data-ai-generated="true" data-provider="Anamnesis">'
        f"<h1>{said(language, 'summary_title')}</h1>"
        f"<p>{said(language, 'summary_notice', made=moment(summary.made))}</p>"
        f"{rows}<section><h2>{plain(say(language, 'summary_notes'))}</h2><div class='lines'></div></section></article>"
    )


def _item(item: Item) -> str:
    page = f" {link(item.url, item.url)}" if item.url else ""
    return f"<li>{plain(item.text)}{page}</li>"


def _long(summary: Summary) -> int:
    return sum(sum(2 if char > "⺀" else 1 for char in item.text) + 40 for part in summary.parts for item in part.items)
