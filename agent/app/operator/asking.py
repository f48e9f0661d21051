"""Asked, then done: a box that says what an act will do, with yes and no; only what it said is done."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import agent.app.operator.acts as acts
from agent.accounts.types import Who
from agent.app.operator.words import secret, told, trouble
from agent.app.staff.html import Html, fault, join, tag
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language
from knowledge.errors import AnamnesisError

log = logging.getLogger("anamnesis.operator")
Part = dict[Any, Any]


class Asking:
    """The box of one tab, made where it stands within the Blocks. `name` tells its elements apart from another tab's."""

    def __init__(self, house: House, language: Language, name: str, quiet: Mapping[str, Any]) -> None:
        import gradio as gr

        self._house, self._language, self._name, self._quiet = house, language, name, quiet
        self._fresh: dict[str, Callable[[Who], Part]] = {}
        # What was asked about, so that a field that is changed meanwhile changes nothing of what is confirmed.
        self._pending = gr.State(None)
        with gr.Column(
            visible=False, elem_id=f"operator-asked-{name}", elem_classes=["st-card", "st-warn"]
        ) as self._box:
            self._words = gr.HTML("", padding=False)
            with gr.Row():
                self._yes = gr.Button(
                    say(language, "operator_confirm"),
                    variant="stop",
                    size="md",
                    scale=0,
                    elem_id=f"operator-yes-{name}",
                )
                self._no = gr.Button(say(language, "operator_leave"), size="md", scale=0, elem_id=f"operator-no-{name}")
        self._said = gr.HTML(
            "", elem_id=f"operator-said-{name}", padding=False,
            html_template='<div role="status" aria-live="polite">${value}</div>',
        )  # fmt: skip
        self._outputs = [self._pending, self._box, self._words, self._said]
        self._no.click(lambda: self._shut(""), None, self._outputs, **quiet)

    def act(
        self, name: str, button: Any, given: Mapping[str, Any], fresh: Callable[[Who], Part], shown: Sequence[Any]
    ) -> None:
        """Let `button` ask about an act with what the components of `given` hold; `fresh` fills `shown` again once it is done."""
        import gradio as gr

        fields = {component: field for field, component in given.items()}

        def asked(held: dict[Any, Any], request: gr.Request) -> Part:
            values = {fields[component]: value for component, value in held.items() if component in fields}
            return self.asked(who_asks(request), name, values)

        def done(pending: Any, request: gr.Request) -> Part:
            return self.done(who_asks(request), pending)

        focus = f"() => setTimeout(() => document.getElementById('operator-yes-{self._name}')?.focus(), 150)"
        opened = button.click(asked, {self._pending, *given.values()}, self._outputs, **self._quiet)
        opened.then(None, None, None, js=focus)
        if not self._fresh:
            self._yes.click(done, self._pending, [*self._outputs, *shown], **self._quiet)
        self._fresh[name] = fresh

    def asked(self, who: Who, name: str, values: Mapping[str, Any]) -> Part:
        """The box with the question, or what stands against it."""
        try:
            fields = acts.ask(self._house, who, name, values)
        except Exception as error:
            return self._shut(self._wrong(error))
        import gradio as gr

        question = tag("p", say(self._language, f"operator_ask_{name}", **told(fields, self._language)))
        return {
            self._pending: {"name": name, "values": dict(values)}, self._box: gr.Column(visible=True),
            self._words: question, self._said: "",
        }  # fmt: skip

    def done(self, who: Who, pending: Any) -> Part:
        """What came of it; nothing where nothing was asked."""
        if not isinstance(pending, dict):
            return self._shut("")
        name = str(pending.get("name", ""))
        try:
            result = acts.do(self._house, who, name, pending.get("values") or {})
        except Exception as error:
            return self._shut(self._wrong(error))
        said = tag(
            "p",
            say(self._language, f"operator_did_{name}", **told(result.fields, self._language)),
            class_="st-card st-good",
        )
        parts = [said] + ([secret(result.secret, self._language)] if result.secret else [])
        return {**self._shut(join(parts)), **self._fresh[name](who)}

    def _shut(self, said: str) -> Part:
        import gradio as gr

        return {self._pending: None, self._box: gr.Column(visible=False), self._words: "", self._said: said}

    def _wrong(self, error: Exception) -> Html:
        if isinstance(error, AnamnesisError):
            return trouble(error, self._language)
        # Its words may hold what was typed.
        log.error("An act failed: %s", type(error).__name__)
        return fault(say(self._language, "operator_failed"))
