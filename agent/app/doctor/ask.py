"""The tab to ask as a clinician: one turn of the agent, streamed, with every claim's verdict, span and passage."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import require
from agent.accounts.types import Who
from agent.api.turns import Asked, Finished
from agent.app.doctor.answer import answer_html
from agent.app.doctor.common import MOST_TYPED, QUIET, failed
from agent.app.staff.html import muted
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.app.view import Turn, after
from agent.messages import say
from agent.types import Done, Language, Message
from knowledge.places import all_places

if TYPE_CHECKING:
    import gradio as gr

Earlier = tuple[tuple[str, str], ...]


class Running:
    """The turns at work on a page, by its session, so that each can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancels: dict[str, threading.Event] = {}

    def begin(self, session: str) -> threading.Event:
        """A new turn; one that the session still waits for is stopped."""
        cancel = threading.Event()
        with self._lock:
            before = self._cancels.get(session)
            self._cancels[session] = cancel
        if before is not None:
            before.set()
        return cancel

    def stop(self, session: str) -> None:
        """Stop the session's turn, if there is one."""
        with self._lock:
            cancel = self._cancels.get(session)
        if cancel is not None:
            cancel.set()

    def end(self, session: str, cancel: threading.Event) -> None:
        """A turn is over."""
        with self._lock:
            if self._cancels.get(session) is cancel:
                del self._cancels[session]


def ask_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"doctor_{name}", **fields)

    running = Running()
    earlier = gr.State(())
    gr.HTML(muted(words("ask_about")), padding=False)
    box = gr.Textbox(
        label=words("ask_label"), placeholder=words("ask_example"), lines=2, max_lines=10, elem_id="dd-ask"
    )
    with gr.Row():
        country = gr.Dropdown([(words("no_country"), ""), *((here.name[language], here.code) for here in all_places())],
                              value=house.settings.country or "", label=words("country"), min_width=220)  # fmt: skip
        follow = gr.Checkbox(False, label=words("follow_up"), min_width=220)
    with gr.Row():
        go = gr.Button(words("ask_button"), variant="primary", scale=0, min_width=140, elem_id="dd-ask-go")
        stop = gr.Button(say(language, "stop"), scale=0, min_width=140, interactive=False, elem_id="dd-ask-stop")
    out = gr.HTML(elem_id="dd-answer", padding=False)

    def ask(message: str, place: str, goes_on: bool, before: Any, request: gr.Request) -> Iterator[dict[Any, Any]]:
        who, session = who_asks(request), str(request.session_hash or "")
        cancel = running.begin(session)
        yield {go: gr.update(interactive=False), stop: gr.update(interactive=True), out: muted(words("asking"))}
        kept: Any = before
        shown = ""
        try:
            for turn, said in answered(house, who, str(message or ""), _pairs(before) if goes_on else (), str(place or ""),
                                       cancel, language):  # fmt: skip
                shown, kept = answer_html(turn, language), said or kept
                yield {out: shown}
        except Exception as error:
            shown = failed(error, language)
        finally:
            running.end(session, cancel)
        yield {out: shown, earlier: kept, go: gr.update(interactive=True), stop: gr.update(interactive=False)}

    def stopped(request: gr.Request) -> None:
        running.stop(str(request.session_hash or ""))

    outputs = [out, earlier, go, stop]
    gr.on([go.click, box.submit], ask, [box, country, follow, earlier], outputs, **QUIET)
    stop.click(stopped, None, None, **QUIET)
    demo.unload(stopped)


def answered(
    house: House, who: Who, message: str, earlier: Earlier, country: str, cancel: threading.Event, language: Language
) -> Iterator[tuple[Turn, Earlier]]:
    """The turn as it grows; with its last state also what was said by then, redacted, for a question that follows.

    Private: the audit record keeps an outline without words, and nothing else is kept.

    Raises:
        AccessError: they may not ask.
        InputError, StoreError, EngineError: as `Turns.run`.
    """
    require(house.db, who, "chat")
    turn = Turn(0, "", language, status=say(language, "status_urgency"))
    asked = Asked(message[:MOST_TYPED], earlier=earlier, audience="clinician", country=country)
    for event in house.turns.run(asked, who, cancel):
        if isinstance(event, Finished):
            said = tuple((each.role, each.text) for each in event.state.messages if isinstance(each, Message))
            yield after(turn, Done(event.answer, event.state)), said
            return
        turn = after(turn, event)
        yield turn, ()


def _pairs(given: Any) -> Earlier:
    """What the page's state holds, as pairs again: Gradio may have made lists of them."""
    return tuple((str(role), str(text)) for role, text in given or ())
