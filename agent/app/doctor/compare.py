"""The tab that lays two guidelines side by side."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import require
from agent.app.doctor.common import MOST_TYPED, QUIET, failed
from agent.app.doctor.comparing import Compared, Pair, Side, compare
from agent.app.doctor.passages import passage_html
from agent.app.doctor.shelf import OWN, Volume, places_of, shelf, sources_of
from agent.app.staff.html import Html, join, muted, table, tag
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language
from knowledge.places import name_of

if TYPE_CHECKING:
    import gradio as gr


def compare_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"doctor_{name}", **fields)

    gr.HTML(muted(words("compare_about")), padding=False)
    box = gr.Textbox(
        label=words("question"), placeholder=words("compare_example"), lines=1, max_lines=4, elem_id="dd-both"
    )
    with gr.Row():
        left = gr.Dropdown([], label=words("left"), elem_id="dd-left", min_width=260)
        right = gr.Dropdown([], label=words("right"), elem_id="dd-right", min_width=260)
    go = gr.Button(words("compare_button"), variant="primary", scale=0, min_width=140, elem_id="dd-compare")
    out = gr.HTML(elem_id="dd-compared", padding=False)

    def options(request: gr.Request) -> dict[Any, Any]:
        try:
            require(house.db, who_asks(request), "search")
            found = choices(shelf(house.agent().index), language)
        except Exception as error:
            return {out: failed(error, language)}
        return {left: gr.update(choices=found, value=None), right: gr.update(choices=found, value=None)}

    def both(query: str, one: Any, other: Any, request: gr.Request) -> Html:
        return laid(house, str(query or ""), str(one or ""), str(other or ""), request, language)

    demo.load(options, None, [left, right, out], **QUIET)
    gr.on([go.click, box.submit], both, [box, left, right], out, **(QUIET | {"show_progress": "minimal"}))


def laid(house: House, query: str, left: str, right: str, request: "gr.Request", language: Language) -> Html:
    """What the page's handler gives back: both sides, or what was wrong."""
    try:
        require(house.db, who_asks(request), "search")
        return compared_html(compare(house.agent(), query[:MOST_TYPED], left, right), language)
    except Exception as error:
        return failed(error, language)


def choices(volumes: tuple[Volume, ...], language: Language) -> list[tuple[str, str]]:
    """What a side can be: a guideline, a place, a source, a document of the clinic's own."""
    titles = {one.guideline: one.published for one in volumes if one.guideline}
    own = [one for one in volumes if one.own]
    found = [
        (say(language, "doctor_as_guideline", label=title, date=date), f"guideline:{title}")
        for title, date in sorted(titles.items())
    ]
    found += [(say(language, "doctor_as_own", label=one.title), f"document:{one.id}") for one in own]
    found += [
        (say(language, "doctor_as_place", label=name_of(code, language)), f"place:{code}")
        for code, _ in places_of(volumes)
    ]
    if own:
        found.append((say(language, "doctor_as_source", label=say(language, "doctor_own_documents")), f"source:{OWN}"))
    found += [(say(language, "doctor_as_source", label=name), f"source:{name}") for name, _ in sources_of(volumes)]
    return found


def compared_html(compared: Compared, language: Language) -> Html:
    """Both sides, then where they part; it says of neither that it is right."""
    names = [_name(side, language) for side in (compared.left, compared.right)]
    parts = [muted(say(language, "doctor_compare_never"))]
    silent = [name for name, side in zip(names, (compared.left, compared.right), strict=True) if side.silent]
    parts += [tag("p", say(language, "doctor_silent", label=name), class_="st-fault", role="status") for name in silent]
    if not silent:
        parts.append(_differences(compared, names, language))
    sides = (
        tag("section", join((tag("h2", name), _side(side, language))), class_="dd-side")
        for name, side in zip(names, (compared.left, compared.right), strict=True)
    )
    parts.append(tag("div", join(sides), class_="dd-sides"))
    return tag("div", join(parts))


def _differences(compared: Compared, names: list[str], language: Language) -> Html:
    parts = [tag("h2", say(language, "doctor_differs"))]
    rows = [
        (say(language, f"doctor_kind_{kind}"), say(language, "comma").join(one) or say(language, "doctor_none"),
         say(language, "comma").join(other) or say(language, "doctor_none"))
        for kind, one, other in compared.numbers
    ]  # fmt: skip
    numbers = table([say(language, "doctor_kind"), *names], rows, caption=say(language, "doctor_numbers_about"),
                    empty=say(language, "doctor_numbers_same"))  # fmt: skip
    parts.append(tag("div", numbers, class_="dd-numbers"))
    if compared.pairs:
        heads = [*names, say(language, "doctor_parts_in")]
        parts.append(
            table(
                heads, (_pair(pair, language) for pair in compared.pairs), caption=say(language, "doctor_pairs_about")
            )
        )
    return join(parts)


def _pair(pair: Pair, language: Language) -> list[object]:
    comma = say(language, "comma")
    parts = say(language, "doctor_against", left=comma.join(pair.left_only), right=comma.join(pair.right_only))
    return [pair.left, pair.right, parts]


def _side(side: Side, language: Language) -> Html:
    if side.silent:
        told = tag("p", say(language, "doctor_nothing_there", count=side.documents))
        return join((told, muted(say(language, "doctor_foreign")))) if side.foreign else told
    return join(
        passage_html(passage, language, marks=(sentence,), number=number)
        for number, (passage, sentence) in enumerate(zip(side.passages, side.sentences, strict=True), 1)
    )


def _name(side: Side, language: Language) -> str:
    kind, _, name = side.choice.partition(":")
    if kind == "place":
        return name_of(name, language)
    if name == OWN:
        return say(language, "doctor_own_documents")
    return side.passages[0].title if kind == "document" and side.passages else name
