"""Reports, comparisons and the gate's verdict as HTML. Numbers come as `evals.report` says them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from agent.app.bench.reports import FORMS, Report
from agent.app.staff.html import Html, badge, card, join, muted, table, tag
from agent.app.staff.pages import FILES
from agent.messages import say
from agent.types import Language
from evals.report.words import interval, sure, value

_SURE = 0.05


def report_html(made: Report, language: Language) -> Html:
    """Where the report can be opened and taken away, what was measured first of each suite, and runs beside one another."""
    query = urlencode([*(("run", id) for id in made.runs), ("profile", made.profile)])
    links = [
        tag("a", say(language, f"bench_form_{form}"), href=f"/bench{FILES}report/{form}?{query}", rel="noreferrer",
            target="_blank" if form == "page" else None)
        for form in FORMS
    ]  # fmt: skip
    parts: list[object] = [
        tag("p", join(links, " · "), class_="bn-links"),
        muted(say(language, "bench_report_english")),
    ]
    parts.append(_measured(made.told["results"], language))
    paired = made.told.get("paired") or []
    if paired:
        parts.append(_compared(paired, language))
    elif len(made.runs) > 1:
        parts.append(muted(say(language, "bench_nothing_shared")))
    return card(say(language, "bench_report"), join(parts))


def gate_html(found: Mapping[str, Any], language: Language) -> Html:
    """Ship or not, and each gate: those not passed first."""
    passed = bool(found.get("passed"))
    gates = sorted(found["gates"], key=lambda each: bool(each["passed"]))
    failed = sum(not each["passed"] for each in gates)
    verdict = badge(say(language, "bench_ship" if passed else "bench_no_ship"), "good" if passed else "bad")
    said = say(
        language, "bench_gates_said", passed=len(gates) - failed, all=len(gates), profile=found.get("profile", "")
    )
    rows = [
        (badge(say(language, "bench_passed" if each["passed"] else "bench_not_passed"), "good" if each["passed"] else "bad"),
         f"{each['suite']} {each['measure']}", _english(each["said"]), _english(each["why"]))
        for each in gates
    ]  # fmt: skip
    headings = [say(language, f"bench_gate_{name}") for name in ("verdict", "what", "found", "why")]
    about = muted(
        say(
            language,
            "bench_gate_about",
            subject=found.get("subject", ""),
            digest=str(found.get("gates_sha256", ""))[:12],
        )
    )
    return card(say(language, "bench_gate"), join((tag("p", join((verdict, said), " ")), about, table(headings, rows))))


def number(row: Mapping[str, Any]) -> Html:
    """A value with its interval and n."""
    share = bool(row.get("share", True))
    if not row["n"]:
        return Html("n 0")
    bounds = interval(_float(row["low"]), _float(row["high"]), share=share)
    return join((tag("strong", value(_float(row["value"]), share=share)), f" ({bounds}), n {row['n']}"))


def _measured(results: Sequence[Mapping[str, Any]], language: Language) -> Html:
    rows = [
        (each["suite"], each["subject"], say(language, f"bench_first_{each['suite']}"), number(each["rates"][0]), each["scored"],
         each["asked"] - each["scored"])
        for each in results
    ]  # fmt: skip
    headings = [
        say(language, f"bench_col_{name}") for name in ("suite", "subject", "measure", "value", "scored", "left_out")
    ]
    return table(headings, rows, caption=say(language, "bench_first_measures"))


def _compared(paired: Sequence[Mapping[str, Any]], language: Language) -> Html:
    rows = [
        (f"{each['suite']} {each['measure']}", f"{each['first']} → {each['second']}", _moved(each),
         f"{each['up']} / {each['down']}", sure(each["p"]), _stands(each, language))
        for each in paired if each["n"]
    ]  # fmt: skip
    headings = [say(language, f"bench_col_{name}") for name in ("measure", "runs", "moved", "up_down", "p", "meaning")]
    return join((
        table(headings, rows, caption=say(language, "bench_compared"), empty=say(language, "bench_nothing_shared")),
        muted(say(language, "bench_compared_about")),
    ))  # fmt: skip


def _moved(each: Mapping[str, Any]) -> Html:
    share = bool(each["share"])
    bounds = interval(_float(each["low"]), _float(each["high"]), share=share, gap=True)
    return join((tag("strong", value(_float(each["value"]), share=share, gap=True)), f" ({bounds}), n {each['n']}"))


def _stands(each: Mapping[str, Any], language: Language) -> Html:
    if each["p"] is None or each["p"] >= _SURE:
        return Html(say(language, "bench_by_chance"))
    better = (each["value"] > 0) == (each["better"] == "high")
    return badge(say(language, "bench_better" if better else "bench_worse"), "good" if better else "bad")


def _english(text: object) -> Html:
    return tag("span", text, lang="en")


def _float(found: Any) -> float:
    return float(found) if isinstance(found, int | float) else math.nan
