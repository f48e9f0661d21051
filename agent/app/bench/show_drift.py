"""Runs over time as HTML: a chart of the first measure, and a table beneath that says what changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.app.bench.common import when
from agent.app.bench.drift import Drifted
from agent.app.bench.show_reports import number
from agent.app.staff.html import Html, badge, card, join, muted, table, tag
from agent.messages import say
from agent.types import Language
from evals.report.charts import Point, over_time

_SHORT = 10


def drift_html(points: Sequence[Drifted], subject: str, suite: str, language: Language) -> Html:
    """The chart and the table. A run is named by its number in the table, below the chart too."""
    title = f"{say(language, f'bench_first_{suite}')} · {suite} · {subject}"
    if not points:
        return muted(say(language, "bench_no_drift"))
    about = say(language, "bench_drift_chart")
    drawn = [
        Point(str(place), each.value, each.low, each.high, each.joined, bool(set(each.changed) - {"data"}))
        for place, each in enumerate(points, 1)
    ]
    chart = Html(over_time("bn-drift", title, about, drawn, share=points[0].share))
    better = say(language, "bench_higher" if points[0].better == "high" else "bench_lower")
    parts = (
        tag("figure", join((chart, tag("figcaption", f"{about} {better}"))), class_="bn-chart"),
        _table(points, language),
    )
    return card(title, join(parts))


def _table(points: Sequence[Drifted], language: Language) -> Html:
    headings = [say(language, f"bench_drift_{name}") for name in ("number", "run", "value", "scored", "changed")]
    rows = [
        (str(place), join((tag("span", when(each.created)), tag("span", each.run, class_="st-muted bn-id")), " "),
         number({"n": each.n, "value": each.value, "low": each.low, "high": each.high, "share": each.share})
         if not math.isnan(each.value) else "n 0",
         f"{each.scored} / {each.asked}", _changed(each, points[place - 2] if place > 1 else None, language))
        for place, each in enumerate(points, 1)
    ]  # fmt: skip
    return table(headings, rows, caption=say(language, "bench_drift_runs"))


def _changed(each: Drifted, before: Drifted | None, language: Language) -> Html:
    if before is None:
        return Html(say(language, "bench_drift_first"))
    if not each.changed:
        return Html(say(language, "bench_drift_same"))
    parts = []
    for name in each.changed:
        then, now = before.made.get(name, ""), each.made.get(name, "")
        what = badge(say(language, f"bench_made_{name}"), "warn")
        parts.append(tag("li", join((what, tag("code", f" {_short(then)} → {_short(now)}", title=f"{then} → {now}")))))
    return tag("ul", join(parts), class_="bn-changes")


def _short(value: str) -> str:
    """A digest as it is told apart; a name or arguments as they stand, as far as they fit."""
    if not value:
        return "–"
    return value[:_SHORT] if len(value) >= 16 and value.isalnum() else value if len(value) <= 48 else f"{value[:47]}…"
