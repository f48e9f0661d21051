"""A passage as the desk shows it: whose it is, since when, how strong, whether it still holds, and what is around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.app.doctor.common import lang
from agent.app.markup import link, marked
from agent.app.staff.html import Html, badge, join, muted, tag
from agent.messages import say
from agent.types import Citation, Language
from knowledge.places import name_of
from knowledge.specialties import specialties
from knowledge.types import Passage
from knowledge.withdrawn import WITHDRAWN


def passage_html(
    passage: Passage, language: Language, *, marks: Iterable[str] = (), around: Sequence[Passage] = (), own: bool = False,
    number: int = 0, fields: Iterable[str] = (), level: int = 3,
) -> Html:  # fmt: skip
    """The passage with its marks. `around`: its section, itself within. `fields`: specialties. `number`: its place in a list."""
    heading = join((f"{number}. " if number else "", passage.title))
    path = tag("p", f"{passage.title} > {passage.heading}" if passage.heading else passage.title, class_="dd-path")
    parts = [
        tag(f"h{level}", heading, lang=lang(passage.language)),
        path,
        badges(passage.superseded_by, language, own=own),
        tag("blockquote", Html(marked(passage.text, marks)), class_="dd-text", lang=lang(passage.language), dir="auto"),
        _facts(passage, language, fields),
        _around(passage, around, language) if len(around) > 1 else Html(""),
    ]
    page = link(passage.url, say(language, "open_source"))
    parts.append(tag("p", Html(page)) if page.startswith("<a") else Html(""))
    tone = "st-warn" if passage.superseded_by else "st-plain"
    return tag("article", join(parts), class_=f"st-card dd-hit {tone}")


def badges(superseded_by: str, language: Language, *, own: bool = False) -> Html:
    """The marks that must not be overlooked: out of date and by what, the clinic's own."""
    marks = [
        tag("p", join((badge(say(language, "doctor_outdated"), "warn"), outdated(superseded_by, language)), " "))
        if superseded_by
        else Html(""),
        tag("p", join((badge(say(language, "doctor_own"), "warn"), say(language, "doctor_own_about")), " "))
        if own
        else Html(""),
    ]
    return join(marks)


def outdated(superseded_by: str, language: Language) -> str:
    """By what a document was replaced, or how it says itself that it no longer holds."""
    if superseded_by.startswith(WITHDRAWN):
        return say(language, "citation_withdrawn", itself=superseded_by.removeprefix(WITHDRAWN))
    return say(language, "citation_superseded", newer=superseded_by)


def cited_html(citation: Citation, quotes: Iterable[str], language: Language, *, anchor: str) -> Html:
    """A source of an answer: its passage with every span that a claim quotes."""
    page = link(citation.url, say(language, "open_source"))
    lines = [
        (say(language, "doctor_source"), "; ".join(filter(None, (citation.source, *citation.also)))),
        (say(language, "doctor_date"), citation.published or say(language, "doctor_no_date")),
        (say(language, "doctor_place"), _places(citation.jurisdiction, language)),
        (say(language, "doctor_grade"), citation.evidence_grade),
        (say(language, "doctor_licence"), citation.licence),
        (say(language, "doctor_reviewed"), _reviewed(citation.reviewed_by, language)),
    ]
    parts = [
        tag("h3", f"[{citation.key}] {citation.title}", id=anchor, tabindex="-1"),
        badges(citation.superseded_by, language),
        tag("blockquote", Html(marked(citation.text, quotes)), class_="dd-text", dir="auto"),
        _lines(lines),
        tag("p", Html(page)) if page.startswith("<a") else Html(""),
    ]
    return tag("article", join(parts), class_=f"st-card dd-hit {'st-warn' if citation.superseded_by else 'st-plain'}")


def _facts(passage: Passage, language: Language, fields: Iterable[str]) -> Html:
    sources = "; ".join(
        dict.fromkeys(f"{source.organisation}, {source.title}" + (f" ({source.year})" if source.year else "")
                      for source in passage.sources if source.organisation or source.title)
    )  # fmt: skip
    named = specialties()
    return _lines([
        (say(language, "doctor_source"), sources),
        (say(language, "doctor_date"), passage.published or say(language, "doctor_no_date")),
        (say(language, "doctor_place"), _places(passage.jurisdiction, language)),
        (say(language, "doctor_grade"), passage.evidence_grade or say(language, "doctor_no_grade")),
        (say(language, "doctor_audience"), say(language, f"doctor_for_{passage.audience}")),
        (say(language, "doctor_specialty"), say(language, "comma").join(named[each].names[language] for each in fields)),
        (say(language, "doctor_page"), str(passage.page or "")),
        (say(language, "doctor_licence"), passage.licence),
        (say(language, "doctor_reviewed"), _reviewed(passage.reviewed_by, language)),
    ])  # fmt: skip


def _lines(pairs: Iterable[tuple[str, str]]) -> Html:
    rows = (tag("div", join((tag("dt", name), tag("dd", value)))) for name, value in pairs if value)
    return tag("dl", join(rows), class_="dd-lines")


def _places(codes: Iterable[str], language: Language) -> str:
    return say(language, "comma").join(name_of(code, language) for code in codes) or say(language, "doctor_no_place")


def _reviewed(by: str, language: Language) -> str:
    return by if by not in ("", "none") else say(language, "doctor_reviewed_none")


def _around(passage: Passage, around: Sequence[Passage], language: Language) -> Html:
    shown, before = [], None
    for each in around:
        if each.heading != before:
            shown.append(tag("h4", each.heading or each.title))
            before = each.heading
        here = each.id == passage.id
        shown.append(tag("p", each.text, class_="dd-text dd-here" if here else "dd-text"))
        if here:
            shown.append(muted(say(language, "doctor_this_passage")))
    summary = tag("summary", say(language, "doctor_around", count=len(around)))
    return tag("details", join((summary, tag("div", join(shown), lang=lang(passage.language)))), class_="dd-around")
