"""How it is now: health, queue, counts and latency as HTML."""

from __future__ import annotations

from collections.abc import Iterable

from agent.app.operator import figures
from agent.app.operator.words import age, seconds, size, yes_no
from agent.app.staff.html import Html, Tone, badge, card, esc, facts, join, muted, table, tag
from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language

_KINDS = ("answer", "clarify", "emergency", "crisis", "refusal", "out_of_scope", "not_found")
_MANY = 5
"""Turns that wait for the model, above which the queue is marked; the alert `AnamnesisQueueLong` has the same bound."""


def overview(house: House, language: Language) -> Html:
    """Health, queue, counts and latency."""
    found, waits = figures.health(house), figures.queue(house)
    return join((
        _health(found, language),
        _queue(waits, language),
        _counts(figures.counts(house.metrics), found.up, language),
        _latency(figures.latencies(house.metrics), language),
        tag("p", say(language, "operator_paused"), id="operator-paused", class_="st-muted", hidden=True, role="status"),
    ))  # fmt: skip


def _health(found: figures.Health, language: Language) -> Html:
    def yes(good: bool, tone: Tone = "bad") -> Html:
        return badge(yes_no(good, language), "good" if good else tone)

    low = found.disk_free is not None and found.disk_free < figures.LOW_DISK
    pairs: list[tuple[object, object]] = [
        (say(language, "operator_open"), yes(found.open)),
        (say(language, "operator_weights"), badge(say(language, f"operator_weights_{found.weights}"),
                                                   "warn" if found.weights == "not_loaded" else "plain")),
        (say(language, "operator_database"), yes(found.database)),
        (say(language, "operator_disk"), _disk(found, low, language)),
        (say(language, "operator_index"), _index(found, language)),
    ]  # fmt: skip
    if found.up is not None:
        pairs.append((say(language, "operator_up"), age(found.up, language)))
    if found.memory is not None:
        pairs.append((say(language, "operator_memory"), size(found.memory)))
    well = found.open and found.database and not low
    return card(say(language, "operator_health"), facts(pairs), tone="good" if well else "bad")


def _disk(found: figures.Health, low: bool, language: Language) -> Html:
    if found.disk_free is None or found.disk_all is None:
        return badge(say(language, "operator_unknown"), "warn")
    said = say(language, "operator_disk_of", free=size(found.disk_free), all=size(found.disk_all))
    return badge(said, "bad") if low else esc(said)


def _index(found: figures.Health, language: Language) -> Html:
    if not found.corpus:
        return esc(say(language, "operator_unknown"))
    said = say(language, "operator_passages", n=f"{found.passages:,}")
    if found.index_age is not None:
        said = say(language, "operator_index_is", passages=said, age=age(found.index_age, language))
    return join((tag("code", found.corpus), esc(said)), " ")


def _queue(found: figures.Queue, language: Language) -> Html:
    reviews = say(language, "operator_unknown") if found.reviews is None else f"{found.reviews:,}"
    pairs = [(say(language, "operator_running"), f"{found.running:,}"), (say(language, "operator_waiting"), f"{found.waiting:,}"),
             (say(language, "operator_reviews"), reviews)]  # fmt: skip
    if found.reviews:
        pairs.append((say(language, "operator_oldest"), age(found.oldest, language)))
    return card(say(language, "operator_queue"), facts(pairs), tone="warn" if found.waiting > _MANY else "plain")


def _counts(found: figures.Counts, up: float | None, language: Language) -> Html:
    whole = found.turns
    rows = [(say(language, f"operator_kind_{kind}"), found.kinds.get(kind, 0)) for kind in _KINDS]
    rows += [(say(language, "operator_faults"), sum(found.faults.values()))]
    made = [(name, f"{count:,}", _share(count, whole)) for name, count in rows]
    headings = [say(language, f"operator_count_{name}") for name in ("kind", "n", "share")]
    since = say(language, "operator_since", age=age(up, language)) if up is not None else ""
    caption = say(language, "operator_turns", n=f"{whole:,}", since=since).strip()
    parts: list[object] = [tag("div", table(headings, made, caption=caption), class_="st-narrow")]
    if found.faults:
        named = ", ".join(f"{name} {count:,}" for name, count in sorted(found.faults.items()))
        parts.append(muted(say(language, "operator_faults_are", faults=named)))
    if found.cancelled:
        parts.append(muted(say(language, "operator_cancelled", n=f"{found.cancelled:,}")))
    return card(say(language, "operator_counts"), join(parts), tone="warn" if found.faults else "plain")


def _latency(found: Iterable[figures.Latency], language: Language) -> Html:
    rows = [
        (say(language, f"operator_stage_{each.stage}"), f"{each.count:,}", *(seconds(one) for one in each.estimates))
        for each in found
    ]
    headings = [say(language, "operator_stage"), say(language, "operator_stage_n"), "p50", "p90", "p99"]
    made = tag("div", table(headings, rows, empty=say(language, "operator_no_turns")), class_="st-narrow")
    return card(say(language, "operator_latency"), join((made, muted(say(language, "operator_estimated")))))


def _share(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "-"
