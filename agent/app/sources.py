"""The sources under an answer: a mark in the text, the list, and what both open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.markup import blocks, link, marked, plain, said
from agent.messages import say
from agent.types import Citation
from knowledge.withdrawn import WITHDRAWN

if TYPE_CHECKING:
    from agent.app.view import Turn


def opener(turn: Turn, citation: Citation) -> str:
    """The mark in the text. A native popover: works by keyboard, tells a screen reader, and closes with Escape."""
    name = plain(say(turn.language, "source_label", key=f"[{citation.key}]", title=citation.title))
    return (
        f'<button type="button" class="cite" popovertarget="{_id(turn, citation)}" aria-label="{name}" '
        f'aria-haspopup="dialog">[{plain(citation.key)}]</button>'
    )


def sources(turn: Turn) -> str:
    """The list, and behind each a card that opens."""
    if not turn.citations:
        return '<div class="sources" hidden></div>'
    listed = "".join(
        f'<li><button type="button" class="source" popovertarget="{_id(turn, citation)}" aria-haspopup="dialog">'
        f"[{plain(citation.key)}] {plain(_about(turn, citation))}</button></li>"
        for citation in turn.citations
    )
    opened = "".join(_source(turn, citation) for citation in turn.citations)
    heading = said(turn.language, "sources_heading")
    return f'<div class="sources"><h2>{heading}</h2><ul>{listed}</ul><div>{opened}</div></div>'


def _source(turn: Turn, citation: Citation) -> str:
    """What a mark opens: the quoted span in its passage, who says so, since when, and the page itself."""
    language, ident = turn.language, _id(turn, citation)
    quotes = (citation.quote, *(claim.quote for claim in turn.claims if claim.key == citation.key))
    close = (
        f'<button type="button" class="close" popovertarget="{ident}" popovertargetaction="hide" autofocus>'
        f"{said(language, 'close')}</button>"
    )
    written = say(language, "published_label", date=citation.published) if citation.published else ""
    reviewed = (
        say(language, "citation_reviewed", reviewer=citation.reviewed_by)
        if citation.reviewed_by not in ("", "none")
        else say(language, "citation_reviewed_none")
    )
    dated = f"{citation.source} ({citation.published})" if citation.published else citation.source
    after_whom = "; ".join(filter(None, (dated, *citation.also)))
    own = say(language, "citation_own_words", sources=after_whom) if citation.own_words and after_whom else ""
    others = "" if citation.own_words else "\n\n".join(citation.also)
    page = link(citation.url, say(language, "open_source"), css="page")
    itself = citation.superseded_by.removeprefix(WITHDRAWN) if citation.superseded_by.startswith(WITHDRAWN) else ""
    facts = (
        ("citation_withdrawn", {"itself": itself})
        if itself
        else ("citation_superseded", {"newer": citation.superseded_by}),
        ("citation_for", {"places": ", ".join(place for place in citation.jurisdiction if place != "INT")}),
        ("citation_page", {"page": citation.page or ""}),
        ("citation_grade", {"grade": citation.evidence_grade}),
        ("citation_licence", {"licence": citation.licence}),
    )
    more = "\n\n".join(say(language, name, **values) for name, values in facts if all(values.values()))
    return (
        f'<div popover id="{ident}" class="opened" role="dialog" aria-labelledby="{ident}-name">'
        f'<div class="top"><h3 id="{ident}-name">[{plain(citation.key)}] {plain(citation.title)}</h3>{close}</div>'
        f'<p class="who-says">{plain(" · ".join(filter(None, (citation.source, written))))}</p>'
        f'<blockquote dir="auto">{marked(citation.text, quotes)}</blockquote>'
        f"{blocks(own or others)}{blocks(more)}{blocks(reviewed)}"
        f"{f'<p>{page}</p>' if page.startswith('<a') else ''}</div>"
    )


def _about(turn: Turn, citation: Citation) -> str:
    written = say(turn.language, "published_label", date=citation.published) if citation.published else ""
    return " · ".join(filter(None, (citation.title, citation.source, written)))


def _id(turn: Turn, citation: Citation) -> str:
    return f"source-{turn.number}-{plain(citation.key)}"
