"""The page. Gradio is imported by the functions that use it: it takes seconds."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
import base64
import json
import logging
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from agent.app import view
from agent.app.desk import Conversation, Desk, failed
from agent.app.guard import Guard
from agent.build import Agent
from agent.config import Settings
from agent.messages import say
from agent.types import Audience, Language
from knowledge import places

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

log = logging.getLogger("anamnesis.app")

_LANGUAGES: tuple[tuple[str, Language], ...] = (("English", "en"), ("中文", "zh"))
_EXAMPLES = ("example_1", "example_2", "example_3")


def build_app(agent_opener: Callable[[], Agent], settings: Settings, *, desk: Desk | None = None) -> "gr.Blocks":
    """The page. `agent_opener` gives the agent and is first called when somebody asks something."""
    import gradio as gr

    desk = desk or Desk(agent_opener)
    start: Language = "en"
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

    demo: gr.Blocks
    with gr.Blocks(analytics_enabled=False, title=say(start, "app_title"), fill_width=False) as demo:
        token = gr.Textbox(visible="hidden", label="", elem_id="token")
        # Filled and pressed by the fields and buttons of a turn (chat.js); nobody sees them.
        typed = gr.Textbox(visible="hidden", label="", elem_id="typed")
        sheet = gr.Textbox(visible="hidden", label="", elem_id="sheet")
        again = gr.Button("", visible="hidden", elem_id="look-again")
        make = gr.Button("", visible="hidden", elem_id="make-paper")
        with gr.Row(elem_id="head"):
            heading = gr.HTML(view.heading_html(start), elem_id="heading")
            language = gr.Radio(
                list(_LANGUAGES), value=start, label=say(start, "language_label"), elem_id="language", scale=0
            )
        notice = gr.HTML(view.notice_html(start), elem_id="notice")
        with gr.Row(elem_id="about"):
            with gr.Column(min_width=200):
                place = gr.HTML(
                    _known(settings.country), html_template=_PLACE, js_on_load=_PLACE_CHOSEN, elem_id="place",
                    words=say(start, "place_label"), options=view.places_html(_known(settings.country), start),
                )  # fmt: skip
                here = gr.HTML(view.place_html(_known(settings.country), start), elem_id="here")
            audience = gr.Radio(
                _audiences(start), value=settings.audience, label=say(start, "audience_label"), elem_id="audience"
            )
        past = gr.HTML(elem_id="past")
        now = gr.HTML(
            elem_id="now",
            html_template='<div role="log" aria-live="polite" aria-label="${name}">${value}</div>',
            name=say(start, "conversation_label"),
        )
        with gr.Column(elem_id="examples") as examples:
            for_example = gr.HTML(f"<p>{say(start, 'examples_label')}</p>")
            chips = [gr.Button(say(start, name), size="sm", elem_classes="chip") for name in _EXAMPLES]
        with gr.Column(elem_id="composer"):
            with gr.Row(elem_id="writing"):
                box = gr.Textbox(
                    label=say(start, "input_label"), placeholder=say(start, "input_placeholder"), lines=1, max_lines=8,
                    elem_id="message", scale=1,
                )  # fmt: skip
                send = gr.Button(say(start, "send"), variant="primary", elem_id="send", scale=0, min_width=80)
                stop = gr.Button(say(start, "stop"), interactive=False, elem_id="stop", scale=0, min_width=80)
            with gr.Row(elem_id="below"):
                reminder = gr.HTML(view.reminder_html(start), elem_id="reminder")
                new = gr.Button(say(start, "new_chat"), elem_id="new", size="sm", scale=0, min_width=80)

        def ask(
            message: str, held_token: str, spoken: Language, country: str, who: Audience, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            spoken = spoken if spoken in ("en", "zh") else start
            try:
                yield from answer(message, held_token, spoken, _known(country), who, str(request.session_hash or ""))
            except Exception as fault:
                bare = view.Turn(0, "", spoken)
                yield {
                    now: view.turn_html(failed(bare, fault, country=_known(country) or settings.country)),
                    send: gr.Button(interactive=True), stop: gr.Button(interactive=False),
                }  # fmt: skip

        def answer(
            message: str, held_token: str, spoken: Language, country: str, who: Audience, session: str
        ) -> Iterator[dict[Any, Any]]:
            held, before = _conversation(desk, held_token, session=session, spoken=spoken)
            earlier, began = held.turns, False
            turns = desk.answer(
                held, str(message or ""), language=spoken, country=country, before=before,
                audience="clinician" if who == "clinician" else "patient",
            )  # fmt: skip
            for turn in turns:
                shown: dict[Any, Any] = {now: view.turn_html(turn)}
                if not began and not turn.over:
                    shown |= {
                        past: view.turns_html(earlier), box: "", token: held.token, examples: gr.Column(visible=False),
                        send: gr.Button(interactive=False), stop: gr.Button(interactive=True),
                    }  # fmt: skip
                    began = True
                if began and turn.over:
                    shown |= {send: gr.Button(interactive=True), stop: gr.Button(interactive=False)}
                yield shown

        def correct(
            given: str, held_token: str, spoken: Language, country: str, who: Audience, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            try:
                said = desk.corrected(held_token, _fields(given))
                again_shown = view.turn_html(said) if isinstance(said, view.Turn) else ""
            except Exception as fault:
                bare = view.Turn(0, "", spoken if spoken in ("en", "zh") else start)
                yield {now: view.turn_html(failed(bare, fault, country=_known(country) or settings.country))}
                return
            if isinstance(said, view.Turn):
                yield {now: again_shown}
                return
            for shown in ask(said or "", held_token, spoken, country, who, request):
                # What stands in the message box was not sent, and stays.
                yield {part: value for part, value in shown.items() if part is not box}

        def write_down(form: str, held_token: str, spoken: Language) -> str:
            spoken = spoken if spoken in ("en", "zh") else start
            try:
                name, kind, data = desk.paper(held_token, str(form))
            except Exception as fault:
                log.error("A page failed: %s", type(fault).__name__)
                return json.dumps({"hint": say(spoken, "paper_failed")})
            sent = {"name": name, "type": kind, "data": base64.b64encode(data).decode()}
            return json.dumps(sent | {"hint": say(spoken, "paper_saved")})

        def begin_anew(held_token: str) -> dict[Any, Any]:
            desk.forget(held_token)
            return {
                past: "", now: "", token: "", box: "", examples: gr.Column(visible=True),
                send: gr.Button(interactive=True), stop: gr.Button(interactive=False),
            }  # fmt: skip

        def speak(spoken: Language, country: str) -> dict[Any, Any]:
            spoken = spoken if spoken in ("en", "zh") else start
            return {
                heading: view.heading_html(spoken),
                language: gr.Radio(label=say(spoken, "language_label")),
                notice: view.notice_html(spoken),
                place: gr.HTML(words=say(spoken, "place_label"), options=view.places_html(_known(country), spoken)),
                audience: gr.Radio(_audiences(spoken), label=say(spoken, "audience_label")),
                here: view.place_html(_known(country), spoken),
                now: gr.HTML(name=say(spoken, "conversation_label")),
                for_example: f"<p>{say(spoken, 'examples_label')}</p>",
                box: gr.Textbox(label=say(spoken, "input_label"), placeholder=say(spoken, "input_placeholder")),
                send: gr.Button(say(spoken, "send")),
                stop: gr.Button(say(spoken, "stop")),
                new: gr.Button(say(spoken, "new_chat")),
                reminder: view.reminder_html(spoken),
                **{chip: gr.Button(say(spoken, name)) for chip, name in zip(chips, _EXAMPLES, strict=True)},
            }

        def gone(request: gr.Request) -> None:
            desk.close_session(str(request.session_hash or ""))

        def show_place(country: str, spoken: Language, held_token: str) -> dict[Any, Any]:
            country = _known(country)
            changed = desk.moved(held_token, country) if held_token else None
            shown: dict[Any, Any] = {here: view.place_html(country, spoken if spoken in ("en", "zh") else start)}
            return shown if changed is None else shown | {now: view.turn_html(changed)}

        about = [token, language, place, audience]
        outputs = [past, now, box, token, examples, send, stop]
        gr.on([send.click, box.submit], ask, [box, *about], outputs, js=_SENT, **quiet)
        for chip in chips:
            chip.click(ask, [chip, *about], outputs, js=_SENT, **quiet)
        again.click(correct, [typed, *about], outputs, js=_AGAIN, **quiet)
        written = make.click(write_down, [typed, token, language], sheet, js=_FORM, **quiet)
        written.then(None, sheet, None, js=_SAVE).then(lambda: "", None, sheet, **quiet)
        stop.click(desk.stop, [token], None, **quiet)
        new.click(begin_anew, [token], outputs, **quiet).then(None, js=_FOCUS)
        language.change(
            speak, [language, place],
            [heading, language, notice, place, audience, here, now, for_example, box, send, stop, new, reminder, *chips],
            js=_SPEAK, **quiet,
        ).then(None, js=_NAME)  # fmt: skip
        place.input(show_place, [place, language, token], [here, now], **quiet)
        demo.load(None, None, language, js=_FIRST_LANGUAGE)
        demo.unload(gone)

    # Gradio keeps what was typed and shown of each page, far longer than we do.
    desk.forgotten = lambda session: demo.state_holder.session_data.pop(session, None)
    demo.queue(default_concurrency_limit=None, max_size=128, api_open=False)
    return demo


def mount(app: "FastAPI", demo: "gr.Blocks", *, app_kwargs: dict[str, Any] | None = None) -> None:
    """Put the page at the root of an application, behind its guard; `app_kwargs` go to Gradio's own application."""
    import gradio as gr
    from starlette.middleware import Middleware

    system = [gr.themes.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans",
              "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif")]  # fmt: skip
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", text_size=gr.themes.sizes.text_lg, font=system,
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    )  # fmt: skip
    own = files("agent.app")
    # What `launch` takes and `mount_gradio_app` does not.
    demo.state_session_capacity = 1000
    demo.max_threads = demo._queue.max_thread_count = 128
    # A mounted page is not told that it runs, and would send no sign of life to a browser that waits.
    demo.is_running = True
    gr.mount_gradio_app(
        app,
        demo,
        path="/",
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        max_file_size=1,
        theme=theme,
        css=own.joinpath("chat.css").read_text(encoding="utf-8"),
        head=f"<script>{own.joinpath('chat.js').read_text(encoding='utf-8')}</script>",
        app_kwargs={"middleware": [Middleware(Guard)], "docs_url": None, "redoc_url": None, "openapi_url": None}
        | (app_kwargs or {}),
    )


# The browser's own list: it works by keyboard, on a phone and with a screen reader, as Gradio's does not.
_PLACE = '<label><span>${words}</span><select autocomplete="off">${options}</select></label>'
_PLACE_CHOSEN = """
const list = element.querySelector("select");
list.addEventListener("change", () => { props.value = list.value; trigger("input"); });
"""
_SENT = "(...given) => { anamnesis.sent(); return given; }"
_AGAIN = "(...given) => { given[0] = anamnesis.typed(); anamnesis.sent(); return given; }"
_FORM = "(...given) => { given[0] = anamnesis.form; return given; }"
_SAVE = "(sheet) => { anamnesis.save(sheet); }"
_SPEAK = "(...given) => { anamnesis.speak(given[0]); return given; }"
_NAME = "() => anamnesis.name()"
_FOCUS = "() => anamnesis.focus()"
_FIRST_LANGUAGE = "() => { anamnesis.name(); return anamnesis.language(); }"


def _conversation(desk: Desk, token: str, *, session: str, spoken: Language) -> tuple[Conversation, str]:
    """The page's conversation, and what to tell it first where it was forgotten."""
    held = desk.find(token) if token else None
    if held is not None:
        held.session = session
        return held, ""
    return desk.begin(session=session), say(spoken, "app_forgotten") if token else ""


def _fields(given: object) -> dict[str, str]:
    """What was typed into the rows, by the row's id; nothing where it is no such JSON."""
    try:
        fields = json.loads(str(given or ""))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _audiences(language: Language) -> list[tuple[str, str]]:
    return [(say(language, f"audience_{who}"), who) for who in ("patient", "clinician")]


def _known(country: object) -> str:
    here = places.place(country) if isinstance(country, str) else None
    return here.code if here else ""
