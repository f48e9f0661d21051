"""The review page's parts and what happens when one of them is used. Whoever asks is looked up on every call."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from collections.abc import Callable
from functools import wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from agent.app.review import listing
from agent.app.review.deciding import digest, fault_html, preview_html, told_html, typed
from agent.app.review.reading import review_html
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.records import duty, review
from agent.records.interim import higher
from agent.records.release import held_row
from agent.records.types import REASONS, Review
from agent.records.waiting import waiting
from agent.types import LEVELS, Language

if TYPE_CHECKING:
    import gradio as gr

MOST = 100
"""Reviews that are listed at once."""
_STATUSES = ("waiting", "approved", "corrected")
_PICKED = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-id]");
  if (button) trigger("click", {id: button.dataset.id});
});
"""
_IDLE = "(...given) => { given[0] = window.review ? window.review.idle() : 0; return given; }"
_TO_READING = "() => { const to = document.querySelector('#rv-reading h2'); if (to) { to.tabIndex = -1; to.focus(); } }"
_TO_TOLD = """() => {
  const told = document.querySelector("#rv-told"), at = told?.innerText.trim() ? told : document.querySelector("#rv-preview");
  at?.scrollIntoView({block: "center"});
}"""


def build(house: House, language: Language) -> "gr.Blocks":
    """The page in one language."""
    import gradio as gr

    from agent.app.review import PAGE
    from agent.app.staff.frame import frame

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    own = files("agent.app.review")
    look, alive = (own.joinpath(f"review.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))

    def word(name: str, **fields: object) -> str:
        return say(language, f"review_{name}", **fields)

    with gr.Blocks(analytics_enabled=False, title=word("title")) as demo:
        frame(house, PAGE, language)
        gr.HTML(f"<style>{look}</style>", padding=False)
        idle = gr.Textbox("0", visible="hidden", label="", elem_id="rv-idle")
        beat = gr.Button("", visible="hidden", elem_id="rv-beat")
        listed, opened = gr.State(()), gr.State({})
        told = gr.HTML(elem_id="rv-told")
        with gr.Column(elem_id="rv-lists") as lists:
            shown_duty = gr.HTML(elem_id="rv-duty")
            with gr.Row():
                begin = gr.Button(word("duty_begin"), elem_id="rv-begin", variant="primary", scale=0, min_width=160)
                end = gr.Button(word("duty_end"), elem_id="rv-end", visible=False, scale=0, min_width=160)
            gr.HTML(f'<p class="st-muted">{word("recorded")}</p>', elem_id="rv-recorded")
            people = gr.HTML(elem_id="rv-held", js_on_load=_PICKED)
            gr.HTML(f"<h2>{word('queue_heading')}</h2>")
            counts = gr.HTML(elem_id="rv-counts")
            with gr.Row(elem_id="rv-filters"):
                status = gr.Dropdown([(word(f"status_{each}"), each) for each in _STATUSES], value="waiting",
                                     label=word("filter_status"), elem_id="rv-status", min_width=140)  # fmt: skip
                reason = gr.Dropdown([(word("filter_all"), ""), *((word(f"reason_{each}"), each) for each in REASONS)], value="",
                                     label=word("filter_reason"), elem_id="rv-reason", min_width=140)  # fmt: skip
                level = gr.Dropdown(
                    [(word("filter_all"), ""), *((word(f"level_{each}"), each) for each in ("unclear", *LEVELS))], value="",
                    label=word("filter_level"), elem_id="rv-level", min_width=140,
                )  # fmt: skip
                spoken = gr.Dropdown([(word("filter_all"), ""), *((word(f"language_{each}"), each) for each in ("en", "zh"))],
                                     value="", label=word("filter_language"), elem_id="rv-language", min_width=140)  # fmt: skip
                again = gr.Button(word("refresh"), elem_id="rv-refresh", scale=0, min_width=120, size="sm")
            queue = gr.HTML(elem_id="rv-queue", js_on_load=_PICKED)
        with gr.Column(visible=False, elem_id="rv-detail") as detail:
            with gr.Row(elem_id="rv-nav"):
                back = gr.Button(word("previous"), elem_id="rv-previous", scale=0, min_width=90, size="sm")
                onward = gr.Button(word("next"), elem_id="rv-next", scale=0, min_width=90, size="sm")
                close = gr.Button(word("close"), elem_id="rv-close", scale=0, min_width=90, size="sm")
            reading = gr.HTML(elem_id="rv-reading")
            with gr.Column(visible=False, elem_id="rv-decide") as deciding:
                gr.HTML(f"<h2>{word('decide_heading')}</h2>")
                notice = gr.HTML()
                corrected = gr.Textbox(label=word("decide_corrected"), info=word("decide_corrected_info"), lines=8, max_lines=30,
                                       elem_id="rv-corrected")  # fmt: skip
                comment = gr.Textbox(label=word("decide_comment"), lines=2, max_lines=8, elem_id="rv-comment")
                raised = gr.Radio([(word("decide_level_keep"), "")], value="", label=word("decide_level"),
                                  info=word("decide_level_info"), elem_id="rv-raise")  # fmt: skip
                preview = gr.HTML(elem_id="rv-preview")
                with gr.Row():
                    approve = gr.Button(word("decide_approve"), variant="primary", elem_id="rv-approve", min_width=140)
                    correct = gr.Button(word("decide_correct"), elem_id="rv-correct", min_width=140)
                    note = gr.Button(word("decide_note"), elem_id="rv-note", min_width=140)
                    look_first = gr.Button(word("decide_preview"), elem_id="rv-look", min_width=140)

        def told_of(handler: Callable[..., Any]) -> Callable[..., Any]:
            """A handler whose faults are told on the page."""

            @wraps(handler)
            def safely(*given: Any) -> Any:
                try:
                    return handler(*given)
                except Exception as error:
                    return {told: fault_html(error, language)}

            return safely

        def state_of_duty(request: gr.Request) -> dict[Any, Any]:
            who = who_asks(request)
            since = duty.since(house.db, who)
            words = listing.duty_html(language, hold=house.settings.hold, since=since, count=duty.on_duty(house.db))
            return {shown_duty: words, begin: gr.Button(visible=not since), end: gr.Button(visible=bool(since))}

        def lists_now(chosen: tuple[str, str, str, str], request: gr.Request) -> dict[Any, Any]:
            who, now, db = who_asks(request), house.db.clock(), house.db
            wanted, why, how, tongue = chosen
            held = review.queue(db, who, reason="held", most=MOST)
            found = review.queue(db, who, status=_of(_STATUSES, wanted, "waiting"), reason=_of(REASONS, why, None),
                                 level=how, language=tongue, most=MOST)  # fmt: skip
            apart = wanted == "waiting" and not why
            found = tuple(row for row in found if row.reason != "held") if apart else found
            return {
                people: listing.waiting_html(held, language, now=now),
                counts: listing.counts_html(waiting(db), language),
                queue: listing.rows_html(found, language, now=now, empty=word("queue_none"), most=MOST),
                listed: tuple(row.id for row in (*(held if apart else ()), *found)),
            }

        @told_of
        def everything(wanted: str, why: str, how: str, tongue: str, request: gr.Request) -> dict[Any, Any]:
            return state_of_duty(request) | lists_now((wanted, why, how, tongue), request) | {told: ""}

        @told_of
        def signed(seconds: str, wanted: str, why: str, how: str, tongue: str, request: gr.Request) -> dict[Any, Any]:
            duty.sign(house.db, who_asks(request), idle_s=_number(seconds))
            return state_of_duty(request) | lists_now((wanted, why, how, tongue), request)

        @told_of
        def go_on(request: gr.Request) -> dict[Any, Any]:
            duty.begin(house.db, who_asks(request))
            return state_of_duty(request) | {told: ""}

        @told_of
        def go_off(request: gr.Request) -> dict[Any, Any]:
            duty.end(house.db, who_asks(request))
            return state_of_duty(request) | {told: ""}

        def show(id_: str, request: gr.Request) -> dict[Any, Any]:
            found, turns = review.open_review(house.db, who_asks(request), id_)
            return {
                told: "", lists: gr.Column(visible=False), detail: gr.Column(visible=True),
                reading: review_html(found, turns, language), preview: "",
                **decision(found, turns[-1].answer.text if turns else ""),
            }  # fmt: skip

        def decision(found: Review, text: str) -> dict[Any, Any]:
            with house.db.reading() as connection:
                row = held_row(connection, found.conversation, found.turn) if found.turn else None
            unkept = row is not None and not row.kept
            words = "" if found.readable else word("decide_wordless")
            levels = [(word("decide_level_keep"), ""), *((word(f"level_{each}"), each) for each in higher(found.level))]
            return {
                deciding: gr.Column(visible=found.status == "waiting"),
                notice: f'<p class="st-muted">{word("unkept_comment") if unkept else words}</p>' if unkept or words else "",
                corrected: gr.Textbox(value=text, visible=found.readable),
                comment: gr.Textbox(value=found.comment, visible=found.readable and not unkept),
                raised: gr.Radio(levels, value="", visible=len(levels) > 1),
                correct: gr.Button(visible=found.readable), note: gr.Button(visible=found.readable and not unkept),
                look_first: gr.Button(visible=found.readable),
                opened: {"id": found.id, "was": digest(text), "seen": "", "held": found.reason == "held"},
            }  # fmt: skip

        @told_of
        def pick(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
            return show(str(event._data.get("id", "")), request)

        def beside(step: int) -> Callable[..., Any]:
            @told_of
            def go(ids: tuple[str, ...], now: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
                at = ids.index(now.get("id", "")) + step if now.get("id", "") in ids else 0
                return show(ids[at], request) if 0 <= at < len(ids) else {told: ""}

            return go

        @told_of
        def shut(wanted: str, why: str, how: str, tongue: str, request: gr.Request) -> dict[Any, Any]:
            return closed("", (wanted, why, how, tongue), request)

        def closed(words: str, chosen: tuple[str, str, str, str], request: gr.Request) -> dict[Any, Any]:
            return state_of_duty(request) | lists_now(chosen, request) | {
                told: told_html(words) if words else "", lists: gr.Column(visible=True), detail: gr.Column(visible=False),
                reading: "", corrected: "", comment: "", preview: "", opened: {},
            }  # fmt: skip

        @told_of
        def looked(text: str, words: str, now: dict[str, Any]) -> dict[Any, Any]:
            found = typed(text, words)
            return {told: "", preview: preview_html(found, language), opened: now | {"seen": found.raw}}

        def decided(what: str) -> Callable[..., Any]:
            def act(
                text: str, words: str, higher_level: str, now: dict[str, Any], wanted: str, why: str, how: str, tongue: str,
                request: gr.Request,
            ) -> dict[Any, Any]:  # fmt: skip
                id_, who, db = str(now.get("id", "")), who_asks(request), house.db
                changed = bool(text.strip()) and digest(text) != now.get("was")
                if what == "correct" and not changed:
                    return {told: told_html(word("done_unchanged"))}
                if what == "approve" and changed:
                    return {told: told_html(word("done_edited"))}
                found = typed(text if what == "correct" else "", words)
                full = typed(text, words).raw
                if found.taken and now.get("seen") != full:
                    return {told: "", preview: preview_html(found, language), opened: now | {"seen": full}}
                duty.sign(db, who)
                raise_to = _of(LEVELS, higher_level, None)
                if what == "note":
                    review.comment(db, who, id_, found.comment)
                    return {told: told_html(word("done_commented")), preview: preview_html(found, language)}
                if what == "correct":
                    came = review.correct(db, who, id_, found.corrected, comment=found.comment, raised=raise_to)
                else:
                    came = review.approve(db, who, id_, comment=found.comment, raised=raise_to)
                done = {"correct": "corrected", "approve": "approved"}[what]
                name = f"done_released_{done}" if came else "done_late" if now.get("held") else f"done_{done}"
                return closed(word(name), (wanted, why, how, tongue), request)

            @wraps(act)
            def safely(*given: Any) -> Any:
                try:
                    return act(*given)
                except review.Decided as error:
                    # Of two the second is told, and sees what the first decided.
                    return show(str(given[3].get("id", "")), given[-1]) | {told: fault_html(error, language)}
                except Exception as error:
                    return {told: fault_html(error, language)}

            return safely

        filters = [status, reason, level, spoken]
        now_shown = [shown_duty, begin, end, people, counts, queue, listed]
        inside = [
            lists,
            detail,
            reading,
            deciding,
            notice,
            corrected,
            comment,
            raised,
            correct,
            note,
            look_first,
            preview,
            opened,
        ]
        everywhere = [told, *now_shown, *inside]
        demo.load(everything, filters, [told, *now_shown], **quiet)
        demo.load(None, None, None, js=f"() => {{ {alive} }}")
        gr.on([again.click, *(each.input for each in filters)], everything, filters, [told, *now_shown], **quiet)
        beat.click(signed, [idle, *filters], [told, *now_shown], js=_IDLE, **quiet)
        begin.click(go_on, None, [told, *now_shown[:3]], **quiet)
        end.click(go_off, None, [told, *now_shown[:3]], **quiet)
        for each in (people, queue):
            each.click(pick, None, [told, *inside], **quiet).then(None, js=_TO_READING)
        back.click(beside(-1), [listed, opened], [told, *inside], **quiet).then(None, js=_TO_READING)
        onward.click(beside(1), [listed, opened], [told, *inside], **quiet).then(None, js=_TO_READING)
        close.click(shut, filters, everywhere, **quiet).then(None, js=_TO_TOLD)
        look_first.click(looked, [corrected, comment, opened], [told, preview, opened], **quiet)
        for button, what in ((approve, "approve"), (correct, "correct"), (note, "note")):
            button.click(decided(what), [corrected, comment, raised, opened, *filters], everywhere, **quiet).then(
                None, js=_TO_TOLD
            )
    return demo


def _of(known: tuple[Any, ...], value: object, otherwise: Any) -> Any:
    """`value` where it is one that there is; whatever else a page sends is `otherwise`."""
    return value if value in known else otherwise


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return 0.0
