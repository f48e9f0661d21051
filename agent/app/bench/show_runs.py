"""Runs as HTML: what a plan comes to, and every run with how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.app.bench.common import when
from agent.app.bench.plan import Choice
from agent.app.bench.runs import Run, State
from agent.app.staff.html import Html, Tone, badge, card, code, facts, join, muted, table, tag
from agent.messages import say
from agent.types import Language

MOST = 40
"""Runs that the list shows, the newest."""
_TONES: dict[State, Tone] = {
    "running": "good", "stopping": "warn", "stopped": "warn", "finished": "plain", "broken": "bad", "elsewhere": "plain",
}  # fmt: skip


def counted_html(choice: Choice, sizes: Mapping[str, int], language: Language) -> Html:
    """What would be run, before it is: samples of each suite, and the command that does the same."""
    rows = [(name, say(language, f"bench_suite_{name}"), size) for name, size in sizes.items()]
    headings = (say(language, "bench_suite"), say(language, "bench_measures"), say(language, "bench_samples"))
    command = " ".join(("anamnesis eval run", *choice.words(Path("RUN"))))
    parts = (
        tag("p", say(language, "bench_count_said", count=sum(sizes.values()), suites=len(sizes), subject=choice.subject)),
        table(headings, rows), muted(say(language, "bench_same_command")), code(command),
    )  # fmt: skip
    return card(say(language, "bench_counted"), join(parts))


def runs_html(runs: Sequence[Run], language: Language) -> Html:
    """The newest runs, each with its state and how many samples of each suite are done."""
    headings = [say(language, f"bench_run_{name}") for name in ("begun", "subject", "progress", "state")]
    rows = [
        (_begun(run), ", ".join(run.subjects) or run.id, _progress(run, language), _state(run, language))
        for run in runs[:MOST]
    ]
    parts = [table(headings, rows, empty=say(language, "bench_no_runs"))]
    if len(runs) > MOST:
        parts.append(muted(say(language, "bench_more_runs", count=len(runs) - MOST)))
    return join(parts)


def _begun(run: Run) -> Html:
    return join((tag("span", when(run.begun) or "?"), tag("span", run.id, class_="st-muted bn-id")), " ")


def _state(run: Run, language: Language) -> Html:
    parts = [badge(say(language, f"bench_state_{run.state}"), _TONES[run.state])]
    if run.state in ("stopped", "broken") and run.left and run.choice is not None:
        parts.append(muted(say(language, "bench_left", suites=", ".join(run.left))))
    if run.said:
        parts.append(tag("details", join((tag("summary", say(language, "bench_last_words")), code(run.said)))))
    return join(parts)


def _progress(run: Run, language: Language) -> Html:
    pairs = []
    for name, size in run.sizes.items():
        done = size if run.state == "finished" else min(run.done.get(name, 0), size)
        bar = tag("progress", "", max=str(max(1, size)), value=str(done), aria_label=name)
        pairs.append((name, join((bar, Html(f" {done} / {size}")))))
    return facts(pairs) if pairs else muted(say(language, "bench_not_known"))
