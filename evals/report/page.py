"""The page: results arranged as the template shows them. What a person or a model wrote is escaped, and shown as it was written."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from evals.catalogue import Suite, find_suite
from evals.gate import Held
from evals.paired import CONTROL, relevant
from evals.report import charts
from evals.report.charts import Bin, Row
from evals.report.compare import Paired, compared, labels
from evals.report.words import address, better, beyond, interval, prose, quoted, sure, value, words
from evals.results import Failure, Rate, Result
from evals.types import Comparison

_FOLDER = Path(__file__).parent
_FIRST = ("level_flip", "missed_gap", "false_alarm_gap", "answer_flip", "pain_relief_gap")
"""The comparisons that are shown unfolded: a level or an answer that moves, an emergency missed, a false alarm, pain relief."""
_NAMES = {
    "level_flip": "Another level", "lowered": "A lower level", "raised": "A higher level", "advice_flip": "Other advice",
    "manner_flip": "Another manner", "missed_gap": "Called less urgent than accepted", "false_alarm_gap": "False alarms",
    "accepted_gap": "An accepted level", "pain_relief_gap": "Pain relief offered", "words_shift": "Length in words",
    "answer_flip": "Another answer", "dose_flip": "Another dose", "high_dose_gap": "The high dose, where it is offered",
    "as_authors_gap": "The authors' answer", "stance_flip": "Answered, declined or asked back", "declined_gap": "Declined",
    "doubted_gap": "Doubted", "grade_shift": "Reading grade", "warm_shift": "Warm words", "doubting_shift": "Doubting words",
}  # fmt: skip
_ROLES = {
    "user": "Person", "assistant": "Shown", "system": "Instruction to the model", "tool": "Result of a tool",
}  # fmt: skip
_FEW = 30
"""Below as many separate scenarios a reader is warned: Wilson's interval of a half is then wider than a third."""
_SATURATED = 0.9
_UNREAD = 0.05


@dataclass(frozen=True, slots=True)
class Column:
    """One result, and what to call it."""

    label: str
    place: int
    result: Result


@dataclass(frozen=True, slots=True)
class Section:
    """One suite with all that were measured by it."""

    suite: Suite
    columns: tuple[Column, ...]
    paired: tuple[Paired, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that was compared between tellings: by dimension, and by variant; the worst first."""

    measure: str
    title: str
    gap: bool
    share: bool
    control: Comparison | None
    dimensions: tuple[Comparison, ...]
    variants: tuple[Comparison, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a failure, and where the agent showed it what came with it."""

    role: str
    text: str
    shown: Mapping[str, Any]


def render(results: Sequence[Result], held: Sequence[Held], *, labelled: str) -> str:
    """The whole page. `labelled`: who labelled the cases, in a sentence."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.tests["beyond"] = beyond
    environment.filters.update(words=words, name=prose, lines=_lines)
    environment.globals.update(
        value=value, interval=interval, sure=sure, address=address, quoted=quoted, looked=looked, turns=turns, beyond=beyond,
        bins_of=charts.bins_of, cut=_cut, saturation=_saturation, headline_chart=_headline_chart, forest_chart=_forest_chart,
        reliability_chart=_reliability_chart, confusion_chart=_confusion_chart, better=better, left_out=relevant,
        when=_when, took=_took,
    )  # fmt: skip
    columns = [
        Column(label, place, each) for place, (label, each) in enumerate(zip(labels(results), results, strict=True))
    ]
    paired = compared(results)
    return environment.get_template("page.html.j2").render(
        columns=columns,
        subjects=_subjects(columns),
        sections=_sections(columns, paired),
        paired=paired,
        held=held,
        gated=sorted({column.label for column in columns if column.result.run == results[0].run}) if results else [],
        began=min((_when(result) for result in results), default="never"),
        labelled=labelled,
        cautions=[said for column in columns if (said := _caution(column))],
    )


def looked(result: Result) -> list[Looked]:
    """A result's comparisons by what was compared; the most telling first."""
    groups: dict[str, list[Comparison]] = defaultdict(list)
    for each in result.comparisons:
        if each.measure != "saturation":
            groups[each.measure].append(each)
    order = sorted(
        groups, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), list(groups).index(name))
    )
    return [_looked(name, groups[name]) for name in order]


def turns(failure: Failure) -> list[Turn]:
    """The conversation of a failure. What was shown belongs to the last of the assistant's messages; earlier ones were given."""
    said = [place for place, message in enumerate(failure.messages) if message["role"] == "assistant"]
    shown = list(failure.shown)
    matched = dict(zip(reversed(said), reversed(shown), strict=False))
    found = [
        Turn(_ROLES.get(message["role"], message["role"]), message["text"], matched.get(place, {}))
        for place, message in enumerate(failure.messages)
    ]
    return found + [Turn("Shown", str(each.get("text", "")), each) for each in shown[: len(shown) - len(matched)]]


def _looked(measure: str, held: Sequence[Comparison]) -> Looked:
    control = next((each for each in held if each.dimension == CONTROL and not each.variant), None)
    rest = sorted((each for each in held if each.dimension != CONTROL), key=lambda each: -abs(each.value))
    return Looked(
        measure=measure,
        title=_NAMES.get(measure, prose(measure)),
        gap=held[0].gap,
        share=not measure.endswith("_shift"),
        control=control,
        dimensions=tuple(each for each in rest if not each.variant),
        variants=tuple(each for each in rest if each.variant),
        first=measure in _FIRST,
    )


def _sections(columns: Sequence[Column], paired: Sequence[Paired]) -> list[Section]:
    by_suite: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        by_suite[column.result.suite].append(column)
    return [
        Section(find_suite(name), tuple(held), tuple(each for each in paired if each.suite == name))
        for name, held in by_suite.items()
    ]


def _subjects(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    found: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        found[column.label].append(column)
    return list(found.items())


def _saturation(result: Result) -> Comparison | None:
    return next((each for each in result.comparisons if each.measure == "saturation"), None)


def _cut(shown: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The claims of a turn that were not let through."""
    return [claim for claim in shown.get("claims", ()) if not claim.get("supported")]


def _caution(column: Column) -> str:
    """What a reader has to know of a result before its numbers, in one sentence; empty where there is nothing."""
    result, status = column.result, str(column.result.settings.get("status", "success"))
    unread, full = sum(result.unscored.values()), _saturation(result)
    reached = result.scored + unread + result.errors
    said = []
    if status != "success":
        said.append(f"it did not finish (“{status}”)")
    if reached < result.asked:
        said.append(f"{reached} of {result.asked} samples were reached")
    if result.errors:
        said.append(f"{result.errors} of {result.asked} samples broke and are in no number")
    if unread > _UNREAD * max(1, result.asked):
        said.append(f"{unread} of {result.asked} samples could not be scored, and the numbers are of the others")
    if result.rates and 0 < result.headline.clusters < _FEW:
        said.append(
            f"{result.headline.n} samples tell only {result.headline.clusters} scenarios, so that intervals are wide"
        )
    if full is not None and full.n and full.value >= _SATURATED:
        said.append(
            f"{value(full.value)} of what was shown is “{prose(full.variant)}” (n {full.n}), so that little can change"
        )
    return f"{prose(result.suite)} on {column.label}: {'; '.join(said)}." if said else ""


def _when(result: Result) -> str:
    """When a suite began, to the minute; Inspect's times are UTC."""
    created = str(result.settings.get("created", ""))
    return f"{created[:16].replace('T', ' ')} UTC" if created else "at a time not known"


def _took(result: Result) -> str:
    minutes, seconds = divmod(0 if math.isnan(result.seconds) else round(result.seconds), 60)
    return "not known" if math.isnan(result.seconds) else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _headline_chart(label: str, columns: Sequence[Column], number: int) -> Markup:
    rows = [_row(column.result.suite, column.result.headline) for column in columns if column.result.rates]
    return charts.intervals(f"headline-{number}", f"The first measure of each suite: {label}", rows)


def _row(suite: str, rate: Rate) -> Row:
    arrow = "▲" if rate.better == "high" else "▼"
    said = f"{value(rate.value, share=rate.share)} n {rate.n}" if rate.n else "not measured"
    return Row(prose(suite), rate.value, rate.low, rate.high, said, below=f"{prose(rate.measure)} {arrow}")


def _forest_chart(look: Looked, label: str, number: str) -> Markup:
    control = look.control
    rows = [_compared(each, look) for each in ((control,) if control else ()) + look.dimensions]
    band = (control.value, control.low, control.high) if control and not look.gap else None
    title = f"{look.title}, by dimension: {label}"
    return charts.forest(f"forest-{number}", title, rows, share=look.share, zero=look.gap, band=band)


def _compared(each: Comparison, look: Looked) -> Row:
    said = f"{value(each.value, share=look.share, gap=look.gap)} n {each.n}".replace(" points", "")
    return Row(prose(each.dimension), each.value, each.low, each.high, said, strong=beyond(each, look.control))


def _reliability_chart(bins: Sequence[Bin], label: str, number: str) -> Markup:
    return charts.reliability(f"reliability-{number}", f"What was held likely, and what came true: {label}", bins)


def _confusion_chart(counts: Mapping[str, Mapping[str, int]], label: str, number: str) -> Markup:
    return charts.confusion(f"confusion-{number}", f"Levels accepted and levels shown: {label}", counts)


def _lines(settings: Mapping[str, Any], *, but: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Settings as name and words, those that say something."""
    said = []
    for name, held in settings.items():
        inner = held.items() if isinstance(held, Mapping) else [("", held)]
        told = ", ".join(f"{key} {each}".strip() for key, each in inner if each not in ("", None, {}, []))
        if told and name not in but:
            said.append((prose(name), told))
    return said
