"""The clinic's own documents: what became of what was sent, which there are, and one taken away."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent.app.doctor.incoming import ADDED, Incoming, Progress, Seen
from agent.app.doctor.shelf import Volume, shelf
from agent.app.staff.html import Html, badge, fault, join, muted, table, tag
from agent.build import Agent
from agent.messages import say
from agent.types import Language
from knowledge.errors import InputError
from knowledge.places import name_of

_MOST_ROWS = 200


def progress_html(progress: Progress, incoming: Incoming, language: Language) -> Html:
    """How far the run is, what became of each document that was not simply added, and what waits."""
    parts: list[Html] = []
    if progress.state != "idle":
        numbers = {"read": progress.read, "files": progress.files, "documents": progress.documents, "added": progress.added,
                   "passages": progress.passages, "embedded": progress.embedded}  # fmt: skip
        parts.append(tag("p", say(language, f"doctor_run_{progress.state}"), role="status"))
        parts.append(tag("p", say(language, "doctor_run", **numbers), class_="st-muted"))
        if progress.running:
            parts.append(tag("progress", "", max=str(max(1, progress.files)), value=str(progress.read),
                             aria_label=say(language, "doctor_run_label")))  # fmt: skip
    if progress.fault:
        parts.append(fault(say(language, "doctor_failed"), remedy=tag("span", progress.fault, lang="en")))
    parts.append(_seen(progress.seen, language))
    waiting = incoming.waiting()
    if waiting and not progress.running:
        rows = join(tag("li", name) for name in waiting)
        parts.append(join((tag("p", say(language, "doctor_waiting", count=len(waiting))), tag("ul", rows))))
    if progress.state == "done" and incoming.settings.vector_store:
        parts.append(tag("p", say(language, "doctor_push"), class_="st-fault"))
    return tag("div", join(parts))


def volumes_html(own: Iterable[Volume], language: Language) -> Html:
    """The clinic's own documents as a table."""
    heads = [
        say(language, f"doctor_{name}") for name in ("title_column", "date", "place", "audience", "passages_count")
    ]
    rows = [
        (join((one.title, " ", badge(say(language, "doctor_own"), "warn"))), one.published or say(language, "doctor_no_date"),
         say(language, "comma").join(name_of(code, language) for code in one.places) or say(language, "doctor_no_place"),
         say(language, f"doctor_for_{one.audience}"), one.passages)
        for one in own
    ]  # fmt: skip
    return table(heads, rows, empty=say(language, "doctor_own_none"))


def remove(agent: Agent, target: Path, document: str) -> str:
    """Take one of the clinic's own documents out of the index; returns its title.

    Raises:
        InputError: none was chosen, or it is not the clinic's own.
        StoreError: somebody adds to the index just now, or it cannot be written.
    """
    from retrieval.add import Adder

    found = next((one for one in shelf(agent.index) if one.id == document and one.own), None)
    if found is None:
        raise InputError("No document of your own was chosen", remedy="Choose one from the list")
    adder = Adder(target, embedder=agent.embedder, origin="")
    try:
        adder.remove(document)
        adder.close()
    except BaseException:
        adder.abandon()
        raise
    return found.title


def _seen(seen: tuple[Seen, ...], language: Language) -> Html:
    """What became of the documents; those that are simply in the index are counted, the others listed."""
    if not seen:
        return Html("")
    told = [each for each in seen if each.what != "added"] + [each for each in seen if each.what == "added"]
    heads = [say(language, f"doctor_{name}") for name in ("title_column", "became", "because")]
    rows = [
        (each.name, badge(say(language, f"doctor_became_{each.what}"), "good" if each.what in ADDED else "warn"),
         join((each.other and say(language, "doctor_double_of", other=each.other), tag("span", each.about, lang="en")), " "))
        for each in told[:_MOST_ROWS]
    ]  # fmt: skip
    more = len(told) - _MOST_ROWS
    return join((table(heads, rows), muted(say(language, "doctor_more", count=more)) if more > 0 else Html("")))
