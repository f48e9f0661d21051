"""The tab for guideline search: the question, its filters, and what was found."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import require
from agent.app.doctor.common import MOST_TYPED, QUIET, failed
from agent.app.doctor.finding import Outcome, find
from agent.app.doctor.passages import passage_html
from agent.app.doctor.shelf import OWN, Chosen, Volume, places_of, shelf, sources_of
from agent.app.staff.html import Html, fault, join, muted, tag
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language
from knowledge.places import name_of
from knowledge.specialties import of_library, specialties

if TYPE_CHECKING:
    import gradio as gr

AUDIENCES = ("", "clinician", "patient")
LANGUAGES = ("", "en", "zh")


def search_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"doctor_{name}", **fields)

    gr.HTML(muted(words("search_about")), padding=False)
    box = gr.Textbox(
        label=words("question"), placeholder=words("search_example"), lines=1, max_lines=4, elem_id="dd-query"
    )
    with gr.Accordion(words("filters"), open=False):
        with gr.Row():
            sources = gr.Dropdown([], label=words("by_sources"), multiselect=True, elem_id="dd-sources")
            places = gr.Dropdown([], label=words("by_places"), multiselect=True, elem_id="dd-places")
            fields = gr.Dropdown(
                _specialties(language), label=words("by_specialties"), multiselect=True, elem_id="dd-specialties"
            )
        with gr.Row():
            since = gr.Textbox(
                label=words("by_since"), placeholder="2015", max_length=4, elem_id="dd-since", min_width=90
            )
            until = gr.Textbox(
                label=words("by_until"), placeholder="2026", max_length=4, elem_id="dd-until", min_width=90
            )
            audience = gr.Radio([(words(f"audience_{each or 'any'}"), each) for each in AUDIENCES], value="",
                                label=words("by_audience"))  # fmt: skip
            spoken = gr.Radio([(words(f"language_{each or 'any'}"), each) for each in LANGUAGES], value="",
                              label=words("by_language"))  # fmt: skip
        outdated = gr.Checkbox(True, label=words("by_outdated"))
    with gr.Row():
        go = gr.Button(words("search_button"), variant="primary", scale=0, min_width=140, elem_id="dd-search")
        clear = gr.Button(words("clear"), scale=0, min_width=140)
    out = gr.HTML(elem_id="dd-found", padding=False)

    def options(request: gr.Request) -> dict[Any, Any]:
        try:
            require(house.db, who_asks(request), "search")
            volumes = shelf(house.agent().index)
        except Exception as error:
            return {out: failed(error, language)}
        return {sources: gr.update(choices=source_choices(volumes, language)),
                places: gr.update(choices=place_choices(volumes, language))}  # fmt: skip

    def look(
        query: str, from_: list[str], in_: list[str], kinds: list[str], first: str, last: str, who: str, written: str, old: bool,
        request: gr.Request,
    ) -> Html:  # fmt: skip
        chosen = Chosen(
            tuple(from_ or ()), tuple(in_ or ()), (first or "").strip(), (last or "").strip(), tuple(kinds or ()), who or "",
            written or "", bool(old),
        )  # fmt: skip
        return looked(house, str(query or ""), chosen, request, language)

    filters = [sources, places, fields, since, until, audience, spoken, outdated]
    demo.load(options, None, [sources, places, out], **QUIET)
    gr.on([go.click, box.submit], look, [box, *filters], out, **(QUIET | {"show_progress": "minimal"}))
    clear.click(lambda: ([], [], [], "", "", "", "", True), None, filters, **QUIET)


def looked(house: House, query: str, chosen: Chosen, request: "gr.Request", language: Language) -> Html:
    """What the page's handler gives back: the hits, or what was wrong."""
    try:
        require(house.db, who_asks(request), "search")
        outcome = find(house.agent(), query[:MOST_TYPED], chosen)
        return found_html(outcome, language)
    except Exception as error:
        return failed(error, language)


def found_html(outcome: Outcome, language: Language) -> Html:
    """The hits that bear on the question, then the others, folded; where there is none, what was searched and what to relax."""
    numbers = {"documents": outcome.documents, "passages": outcome.passages}
    parts = [tag("p", say(language, "doctor_searched", **numbers), role="status", class_="st-muted")]
    parts += [muted(say(language, "doctor_read_as", typed=typed, read=read)) for typed, read in outcome.read_as]
    near = [hit for hit in outcome.hits if hit.near]
    other = [hit for hit in outcome.hits if not hit.near]
    known = of_library()

    def shown(hits: list[Any], start: int) -> Html:
        return join(
            passage_html(hit.passage, language, marks=(hit.sentence,), around=hit.around, own=hit.own, number=number,
                         fields=sorted(known.get(hit.passage.document, ())))
            for number, hit in enumerate(hits, start)
        )  # fmt: skip

    if not near:
        parts.append(_nothing(outcome, language))
    parts.append(shown(near, 1))
    if other:
        summary = tag("summary", say(language, "doctor_farther", count=len(other)))
        parts.append(tag("details", join((summary, shown(other, len(near) + 1))), class_="dd-farther"))
    return tag("div", join(parts))


def source_choices(volumes: tuple[Volume, ...], language: Language) -> list[tuple[str, str]]:
    """The organisations with the number of their documents; first the clinic's own, where there are any."""
    own = sum(one.own for one in volumes)
    first = (
        [(say(language, "doctor_count", label=say(language, "doctor_own_documents"), count=own), OWN)] if own else []
    )
    return first + [
        (say(language, "doctor_count", label=name, count=count), name) for name, count in sources_of(volumes)
    ]


def place_choices(volumes: tuple[Volume, ...], language: Language) -> list[tuple[str, str]]:
    """The jurisdictions with the number of their documents."""
    return [
        (say(language, "doctor_count", label=name_of(code, language), count=count), code)
        for code, count in places_of(volumes)
    ]


def _specialties(language: Language) -> list[tuple[str, str]]:
    return [(each.names[language], each.id) for each in specialties().values()]


def _nothing(outcome: Outcome, language: Language) -> Html:
    parts: list[Html] = [tag("p", say(language, "doctor_nothing"))]
    if outcome.relax:
        rows = (
            tag("li", say(language, "doctor_without", filter=say(language, f"doctor_by_{name}"), count=count))
            for name, count in sorted(outcome.relax.items(), key=lambda pair: -pair[1])
        )
        parts += [tag("p", say(language, "doctor_relax")), tag("ul", join(rows))]
    else:
        parts.append(tag("p", say(language, "doctor_other_words")))
    if outcome.foreign:
        parts.append(muted(say(language, "doctor_foreign")))
    if not outcome.documents:
        return join((fault(say(language, "doctor_no_documents")), *parts))
    return tag("section", join(parts), class_="st-card st-plain")
