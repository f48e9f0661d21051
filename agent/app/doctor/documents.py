"""The tab of a clinic's own documents: send, add with progress, stop, go on, list, remove."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import require
from agent.app.doctor.about import About
from agent.app.doctor.added import progress_html, remove, volumes_html
from agent.app.doctor.common import QUIET, failed
from agent.app.doctor.incoming import Incoming, incoming_of
from agent.app.doctor.shelf import shelf
from agent.app.staff.html import Html, muted, tag
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language

if TYPE_CHECKING:
    import gradio as gr

ACTION = "add_documents"
TYPES = [".pdf", ".docx", ".html", ".htm", ".md", ".markdown", ".txt", ".text", ".jsonl", ".json", ".gz", ".zip"]


def documents_tab(house: House, language: Language, demo: "gr.Blocks", *, most: int) -> None:
    """Build the tab within the Blocks that are being made. `most`: bytes of one file."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"doctor_{name}", **fields)

    incoming = incoming_of(house.settings, house.agent)
    gr.HTML(
        tag("p", words("no_patients"), class_="st-fault") + muted(words("add_about", most=most // 2**20)), padding=False
    )
    with gr.Row():
        organisation = gr.Textbox(label=words("organisation"), max_length=300, elem_id="dd-organisation")
        licence = gr.Textbox(
            label=words("licence"), max_length=300, placeholder=words("licence_example"), elem_id="dd-licence"
        )
    with gr.Row():
        place = gr.Textbox(
            label=words("jurisdiction"), max_length=3, placeholder="GB", min_width=110, elem_id="dd-jurisdiction"
        )
        published = gr.Textbox(
            label=words("published"), max_length=10, placeholder="2024-05-01", min_width=140, elem_id="dd-published"
        )
        audience = gr.Radio([(words(f"for_{each}"), each) for each in ("clinician", "patient", "both")], value="clinician",
                            label=words("audience"), min_width=260)  # fmt: skip
    sent = gr.File(label=words("files"), file_count="multiple", file_types=TYPES, elem_id="dd-files")
    with gr.Row():
        go = gr.Button(words("add_button"), variant="primary", scale=0, min_width=140, elem_id="dd-add")
        stop = gr.Button(say(language, "stop"), scale=0, min_width=120, elem_id="dd-add-stop")
        resume = gr.Button(words("resume"), scale=0, min_width=140, elem_id="dd-resume")
        discard = gr.Button(words("discard"), scale=0, min_width=140, elem_id="dd-discard")
    out = gr.HTML(elem_id="dd-progress", padding=False)
    gr.HTML(tag("h2", words("own_documents")), padding=False)
    listed = gr.HTML(elem_id="dd-own", padding=False)
    with gr.Row():
        gone = gr.Dropdown([], label=words("remove_label"), elem_id="dd-remove", min_width=260)
        take_away = gr.Button(words("remove"), variant="stop", scale=0, min_width=140, elem_id="dd-remove-go")

    def allowed(request: gr.Request) -> str:
        who = who_asks(request)
        require(house.db, who, ACTION)
        return who.account

    def shown() -> dict[Any, Any]:
        own = [one for one in shelf(house.agent().index) if one.own]
        return {listed: volumes_html(own, language),
                gone: gr.update(choices=[(one.title, one.id) for one in own], value=None)}  # fmt: skip

    def opened(request: gr.Request) -> Iterator[dict[Any, Any]]:
        try:
            allowed(request)
            yield shown()
            for progress in incoming.follow():
                yield {out: progress_html(progress, incoming, language)}
            yield shown()
        except Exception as error:
            yield {out: failed(error, language)}

    def arrived(paths: Any, request: gr.Request) -> dict[Any, Any]:
        files = [Path(str(each)) for each in paths or ()]
        within = upload_folder()
        try:
            allowed(request)
            incoming.take(files, within)
            return {sent: gr.update(value=None), out: progress_html(incoming.progress, incoming, language)}
        except Exception as error:
            throw_away(files, within)
            return {sent: gr.update(value=None), out: failed(error, language)}

    def run(about: About | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        try:
            account = allowed(request)
            incoming.start(about)
            for progress in incoming.follow():
                yield {out: progress_html(progress, incoming, language)}
            noted(house, account, incoming)
            yield shown()
        except Exception as error:
            yield {out: failed(error, language)}

    def add(who: str, free: str, where: str, day: str, readers: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from run(About(who or "", free or "", where or "", day or "", readers or "clinician"), request)

    def go_on(request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from run(None, request)

    def stopped(request: gr.Request) -> None:
        allowed(request)
        incoming.stop()

    def discarded(request: gr.Request) -> Html:
        try:
            allowed(request)
            incoming.discard()
            return progress_html(incoming.progress, incoming, language)
        except Exception as error:
            return failed(error, language)

    def removed(document: Any, request: gr.Request) -> dict[Any, Any]:
        try:
            account = allowed(request)
            title = remove(house.agent(), incoming.target, str(document or ""))
            house.db.audit.append("documents_removed", {"account": account, "documents": 1}, conversation="")
            return shown() | {out: tag("p", say(language, "doctor_removed", title=title), role="status")}
        except Exception as error:
            return {out: failed(error, language)}

    demo.load(opened, None, [out, listed, gone], **QUIET)
    sent.upload(arrived, sent, [sent, out], **QUIET)
    go.click(add, [organisation, licence, place, published, audience], [out, listed, gone], **QUIET)
    resume.click(go_on, None, [out, listed, gone], **QUIET)
    stop.click(stopped, None, None, **QUIET)
    discard.click(discarded, None, out, **QUIET)
    take_away.click(removed, gone, [out, listed, gone], **QUIET)


def upload_folder() -> Path:
    """Where Gradio puts what is sent, before we take it."""
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder())


def throw_away(files: list[Path], within: Path) -> None:
    """Delete what was sent and is not taken."""
    root = within.resolve()
    for file in files:
        if (real := file.resolve()).is_relative_to(root) and real.is_file():
            real.unlink(missing_ok=True)


def noted(house: House, account: str, incoming: Incoming) -> None:
    """Record that documents were added: by whom and how many, never their names."""
    now = incoming.progress
    house.db.audit.append("documents_added", {"account": account, "documents": now.added}, conversation="")
