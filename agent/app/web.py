"""The page. Gradio is imported by the functions that use it: it takes seconds."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from agent.accounts.types import VISITOR
from agent.app import view
from agent.app.desk import Desk
from agent.app.guard import Guard
from agent.app.handlers import Handlers, Shown, read_json
from agent.app.mounting import mount_blocks
from agent.app.patient.acts import Acts, Asker
from agent.app.patient.consent import read_form
from agent.app.patient.leaving import add_leaving
from agent.app.patient.screen import bar_html
from agent.app.staff.who import who_of
from agent.build import Agent
from agent.config import Settings
from agent.messages import say
from agent.types import Audience, Language
from knowledge import places

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

_LANGUAGES: tuple[tuple[str, Language], ...] = (("English", "en"), ("中文", "zh"))
_EXAMPLES = ("example_1", "example_2", "example_3")


def build_app(agent_opener: Callable[[], Agent], settings: Settings, *, desk: Desk | None = None) -> "gr.Blocks":
    """The page. `agent_opener` gives the agent and is first called when somebody agrees to ask something."""
    import gradio as gr

    desk = desk or Desk(agent_opener)
    acts = Acts(desk, settings)
    does = Handlers(desk, acts, settings)
    start: Language = "en"
    first = Asker(VISITOR, "", start, _known(settings.country))
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

    demo: gr.Blocks
    with gr.Blocks(analytics_enabled=False, title=say(start, "app_title"), fill_width=False) as demo:
        token = gr.Textbox(visible="hidden", label="", elem_id="token")
        # Filled and pressed by the fields and buttons that we draw (chat.js); nobody sees them.
        typed = gr.Textbox(visible="hidden", label="", elem_id="typed")
        sheet = gr.Textbox(visible="hidden", label="", elem_id="sheet")
        again = gr.Button("", visible="hidden", elem_id="look-again")
        retry = gr.Button("", visible="hidden", elem_id="ask-again")
        make = gr.Button("", visible="hidden", elem_id="make-paper")
        press = gr.Button("", visible="hidden", elem_id="act")
        bar = gr.HTML(bar_html(start, settings), elem_id="bar")
        with gr.Row(elem_id="head"):
            heading = gr.HTML(view.heading_html(start), elem_id="heading")
            language = gr.Radio(
                list(_LANGUAGES), value=start, label=say(start, "language_label"), elem_id="language", scale=0
            )
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
        data = gr.HTML(elem_id="data")
        consent = gr.HTML(acts.consent(first, ask=True), elem_id="consent")
        # Out of sight as long as something is to be agreed to (chat.css); the server takes no message before.
        with gr.Column(elem_id="chat"):
            mode = gr.HTML(elem_id="mode")
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
        plain = {
            "past": past, "now": now, "box": box, "token": token, "consent": consent, "data": data, "mode": mode, "sheet": sheet,
        }  # fmt: skip

        def drawn(shown: Shown) -> dict[Any, Any]:
            made: dict[Any, Any] = {plain[name]: value for name, value in shown.items() if name in plain}
            if "examples" in shown:
                made[examples] = gr.Column(visible=shown["examples"])
            if "busy" in shown:
                made |= {send: gr.Button(interactive=not shown["busy"]), stop: gr.Button(interactive=shown["busy"])}
            return made

        def asker(held: str, spoken: Language, country: str, request: gr.Request) -> Asker:
            who = who_of(request, desk.db)
            known: Language = spoken if spoken in ("en", "zh") else start
            return Asker(who, str(held or ""), known, _known(country), str(request.session_hash or ""))

        def ask(
            message: str, held: str, spoken: Language, country: str, whom: Audience, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            yield from map(drawn, does.ask(str(message or ""), asker(held, spoken, country, request), _whom(whom)))

        def correct(
            given: str, held: str, spoken: Language, country: str, whom: Audience, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            yield from map(drawn, does.correct(given, asker(held, spoken, country, request), _whom(whom)))

        def once_more(
            held: str, spoken: Language, country: str, whom: Audience, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            yield from map(drawn, does.retry(asker(held, spoken, country, request), _whom(whom)))

        def write_down(form: str, held: str, spoken: Language, country: str, request: gr.Request) -> str:
            return does.write_down(str(form), asker(held, spoken, country, request))

        def act(given: str, held: str, spoken: Language, country: str, request: gr.Request) -> dict[Any, Any]:
            return drawn(does.act(given, asker(held, spoken, country, request)))

        def begin_anew(held: str, spoken: Language, country: str, request: gr.Request) -> dict[Any, Any]:
            return drawn(does.begin_anew(asker(held, spoken, country, request)))

        def show_place(country: str, spoken: Language, held: str, draft: str, request: gr.Request) -> dict[Any, Any]:
            who = asker(held, spoken, country, request)
            shown = {"consent": acts.consent(who, form=_form(draft))}
            return drawn(shown | does.moved(who)) | {here: view.place_html(who.country, who.language)}

        def speak(spoken: Language, country: str, held: str, draft: str, request: gr.Request) -> dict[Any, Any]:
            who = asker(held, spoken, country, request)
            spoken, country = who.language, who.country
            return {
                bar: bar_html(spoken, settings),
                heading: view.heading_html(spoken),
                language: gr.Radio(value=spoken, label=say(spoken, "language_label")),
                place: gr.HTML(country, words=say(spoken, "place_label"), options=view.places_html(country, spoken)),
                audience: gr.Radio(_audiences(spoken), label=say(spoken, "audience_label")),
                here: view.place_html(country, spoken),
                data: "",
                consent: acts.consent(who, form=_form(draft)),
                mode: acts.mode(who),
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
            desk.open.close_session(str(request.session_hash or ""))

        about = [token, language, place, audience]
        whoever = [token, language, place]
        outputs = [*plain.values(), examples, send, stop]
        texts = [bar, heading, language, place, audience, here, data, consent, mode, now, for_example, box, send, stop, new,
                 reminder, *chips]  # fmt: skip
        gr.on([send.click, box.submit], ask, [box, *about], outputs, js=_SENT, **quiet)
        for chip in chips:
            chip.click(ask, [chip, *about], outputs, js=_SENT, **quiet)
        again.click(correct, [typed, *about], outputs, js=_AGAIN, **quiet)
        retry.click(once_more, about, outputs, js=_SENT, **quiet)
        written = make.click(write_down, [typed, *whoever], sheet, js=_FORM, **quiet)
        pressed = press.click(act, [typed, *whoever], outputs, js=_ACT, **quiet)
        for done in (written, pressed):
            done.then(None, sheet, None, js=_SAVE).then(lambda: "", None, sheet, **quiet)
        stop.click(desk.stop, [token], None, **quiet)
        new.click(begin_anew, whoever, outputs, **quiet).then(None, js=_FOCUS)
        language.input(speak, [language, place, token, typed], texts, js=_SPEAK, **quiet).then(None, js=_NAME)
        place.input(show_place, [place, language, token, typed], [here, *plain.values()], js=_PLACED, **quiet)
        demo.load(speak, [language, place, token, typed], texts, js=_ARRIVE, **quiet).then(None, js=_NAME)
        demo.unload(gone)

    # Gradio keeps what was typed and shown of each page, far longer than we do.
    desk.open.forgotten = lambda session: demo.state_holder.session_data.pop(session, None)
    demo.queue(default_concurrency_limit=None, max_size=128, api_open=False)
    setattr(demo, _DESK, desk)
    return demo


def mount(app: "FastAPI", demo: "gr.Blocks", *, app_kwargs: dict[str, Any] | None = None) -> None:
    """Put the page at the root of an application, behind its guard; `app_kwargs` go to Gradio's own application.

    Its turns are run, and what is kept of them is kept, as the application's services do it.
    """
    from starlette.middleware import Middleware

    desk: Desk = getattr(demo, _DESK)
    setattr(app.state, _DESK, desk)
    desk.move_in(app.state.services.db, app.state.services.turns)
    add_leaving(app, desk)

    def read(name: str) -> str:
        return files("agent.app").joinpath(name).read_text(encoding="utf-8")

    mount_blocks(
        app,
        demo,
        "/",
        css=read("chat.css"),
        head=f"<script>{read('chat.js')}</script><style>{read('media.css')}</style>",
        app_kwargs={"middleware": [Middleware(Guard)]} | (app_kwargs or {}),
    )


def desk_of(app: "FastAPI") -> Desk:
    """The desk behind the page of an application."""
    found: Desk = getattr(app.state, _DESK)
    return found


_DESK = "anamnesis_desk"
# The browser's own list: it works by keyboard, on a phone and with a screen reader, as Gradio's does not.
_PLACE = '<label><span>${words}</span><select autocomplete="off">${options}</select></label>'
_PLACE_CHOSEN = """
const list = element.querySelector("select");
element.addEventListener("change", (event) => {
  if (event.target.tagName !== "SELECT") return;
  props.value = event.target.value; anamnesis.keep({ place: props.value }); trigger("input");
});
"""
_SENT = "(...given) => { anamnesis.sent(); return given; }"
_AGAIN = "(...given) => { given[0] = anamnesis.typed(); anamnesis.sent(); return given; }"
_FORM = "(...given) => { given[0] = anamnesis.form; return given; }"
_ACT = "(...given) => { given[0] = anamnesis.pressed; return given; }"
_SAVE = "(sheet) => { anamnesis.save(sheet); }"
_SPEAK = "(...given) => { anamnesis.speak(given[0]); given[3] = anamnesis.ticks(); return given; }"
_PLACED = "(...given) => { given[3] = anamnesis.ticks(); return given; }"
_NAME = "() => anamnesis.name()"
_FOCUS = "() => anamnesis.focus()"
_ARRIVE = "(...given) => anamnesis.arrive(given)"


def _form(draft: object) -> Any:
    """The ticks of the consent screen, so that another language or place keeps them."""
    return read_form(read_json(draft))


def _whom(whom: object) -> Audience:
    return "clinician" if whom == "clinician" else "patient"


def _audiences(language: Language) -> list[tuple[str, str]]:
    return [(say(language, f"audience_{who}"), who) for who in ("patient", "clinician")]


def _known(country: object) -> str:
    here = places.place(country) if isinstance(country, str) else None
    return here.code if here else ""
