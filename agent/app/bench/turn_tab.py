"""The red-team box: one turn with all its stages, taken away as JSON, saved as a case."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.api.metrics import Metrics
from agent.app.bench import cases
from agent.app.bench.common import LEVELS, QUIET, SLOW, asker, failed
from agent.app.bench.show_trace import trace_html
from agent.app.bench.trace import trace
from agent.app.bench.turn import Question, earlier_of, run
from agent.app.staff.html import code, join, muted, tag
from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language
from knowledge.errors import InputError
from knowledge.places import all_places

if TYPE_CHECKING:
    pass

MOST_TYPED = 20_000


def turn_tab(house: House, language: Language) -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"bench_{name}", **fields)

    metrics = Metrics()
    gr.HTML(muted(words("turn_about")), padding=False)
    message = gr.Textbox(label=words("message"), lines=3, max_lines=12, elem_id="bn-message")
    with gr.Accordion(words("earlier"), open=False):
        earlier = gr.Textbox(label=words("earlier_label"), info=words("earlier_info"), lines=3, max_lines=12)
    with gr.Row():
        audience = gr.Radio([(say(language, f"audience_{who}"), who) for who in ("patient", "clinician")], value="patient",
                            label=say(language, "audience_label"))  # fmt: skip
        country = gr.Dropdown([(words("no_country"), ""), *((here.name[language], here.code) for here in all_places())],
                              value=house.settings.country or "", label=words("country"))  # fmt: skip
        writes = gr.Radio(
            [(words("engine_none"), "none"), (words("engine_served"), "served")], value="none", label=words("writes")
        )
    go = gr.Button(words("try"), variant="primary", scale=0, min_width=180, elem_id="bn-try")
    out = gr.HTML(elem_id="bn-trace", padding=False)
    with gr.Accordion(words("save"), open=False, elem_id="bn-save-box"):
        gr.HTML(muted(words("save_about")), padding=False)
        with gr.Row():
            accepted = gr.CheckboxGroup([(words(f"level_{level}"), level) for level in LEVELS], label=words("accepted"))
            why = gr.Textbox(label=words("why"), lines=2)
        save = gr.Button(words("save_button"), scale=0, min_width=180, elem_id="bn-save")
        saved = gr.HTML(elem_id="bn-saved", padding=False)

    def try_it(
        said: str | None, before: str | None, who: str, place: str | None, engine: str, request: gr.Request
    ) -> str:
        try:
            asking = asker(house, request, "inspect_turn")
            said, before = said or "", before or ""
            _short_enough(said, before)
            question = Question(
                said,
                earlier_of(before),
                "clinician" if who == "clinician" else "patient",
                place or "",
                engine == "served",
            )
            told = run(house, question, asking, metrics=metrics)
            model = house.agent().model if question.model else None
            made = {"name": model.name, "weights": model.weights, "adapter": model.adapter} if model else {}
            return trace_html(trace(told, weights=made), language)
        except Exception as error:
            return failed(error, language)

    def keep(
        said: str | None, before: str | None, levels: list[str] | None, reason: str | None, request: gr.Request
    ) -> Any:
        try:
            asker(house, request, "inspect_turn")
            said, before, reason = said or "", before or "", reason or ""
            _short_enough(said, reason)
            if before.strip():
                raise InputError(
                    "A case is one message", remedy="Take the earlier messages out, or tell all of it in one"
                )
            id = cases.save(house.settings.home, said, levels or [], reason)
        except Exception as error:
            return failed(error, language)
        command = f"anamnesis eval run --suite triage -T path={cases.own_file(house.settings.home)}"
        return join((tag("p", words("saved", id=id), role="status"), code(command)))

    go.click(try_it, [message, earlier, audience, country, writes], out, **SLOW)
    save.click(keep, [message, earlier, accepted, why], saved, **QUIET)


def _short_enough(*texts: str) -> None:
    if max(map(len, texts)) > MOST_TYPED:
        raise InputError(f"That is more than {MOST_TYPED} characters", remedy="Shorten it")
