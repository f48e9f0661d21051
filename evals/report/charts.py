"""Charts as inline SVG: intervals, forest, reliability, confusion, over time. Each has a title and a description, a table beside.

Drawn 400 units wide, which is a phone's width, so that no text shrinks; colours are the page's variables, and whatever a colour
says a shape or a word says too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evals.metrics import wilson

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 400, 128, 288, 26, 8
_BINS = 10
_LONGEST = 21
"""Characters of a label that fit left of the lines."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart: a value with its interval (NaN: not measured), and the words beside it. `strong`: drawn filled."""

    label: str
    value: float
    low: float
    high: float
    said: str
    below: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One run of several over time: a value with its interval (NaN: not measured), and what to call it below the axis.

    `joined`: a line goes to it from the one before, since both asked the same; `changed`: what was tested is not what it was then.
    """

    label: str
    value: float
    low: float
    high: float
    joined: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between two chances: how many, how likely they were held to be on the mean, how many came true."""

    low: float
    high: float
    n: int
    said: float
    true: float
    least: float
    most: float

    @property
    def off(self) -> bool:
        """Whether the chance that was given lies outside the interval of what came true."""
        return not self.least <= self.said <= self.most


def intervals(name: str, title: str, rows: Sequence[Row]) -> Markup:
    """Values between 0 and 1 with their intervals, a line each."""
    return _lines(
        name, title, "Each line is a measure: the mark is its value, the bar its 95% interval.", rows, 0.0, 1.0
    )


def forest(
    name: str, title: str, rows: Sequence[Row], *, share: bool, zero: bool, band: tuple[float, float, float] | None
) -> Markup:
    """Comparisons, a line each. `zero`: values are differences, and a line stands at none. `share`: in per cent. `band`: the
    control's value and interval, shaded: what stays inside it is noise."""
    ends = [end for row in rows for end in (row.value, row.low, row.high) if not math.isnan(end)]
    ends += [end for end in band or () if not math.isnan(end)]
    low, high = (min([0.0, *ends]), max([0.0, *ends])) if ends else (0.0, 1.0)
    if zero:
        high = _round_up(max(high, -low), share=share)
        low = -high
    else:
        low, high = 0.0, _round_up(high, share=share)
    about = "Each line is a group: the mark is its value, the bar its 95% interval."
    if band is not None:
        about += " The shaded band is the control, a sentence that says nothing about the person."
    return _lines(name, title, about, rows, low, high, zero=zero, band=band, share=share)


def over_time(name: str, title: str, about: str, points: Sequence[Point], *, share: bool) -> Markup:
    """Runs side by side in the order of time, evenly spaced; values between 0 and 1, or of means as far as they reach."""
    left, right, top, high = 46, _WIDTH - 14, 12, 180
    ends = [end for point in points for end in (point.value, point.high) if not math.isnan(end)]
    most = 1.0 if share else _round_up(max(ends, default=1.0), share=False)
    step = (right - left) / max(1, len(points))

    def x(place: int) -> float:
        return left + (place + 0.5) * step

    def y(value: float) -> float:
        return top + (1 - min(most, max(0.0, value)) / most) * high

    parts = [_line(left, y(0), right, y(0), "axis")]
    for tick in (0.0, most / 2, most):
        parts.append(_line(left - 4, y(tick), left, y(tick), "axis"))
        parts.append(_text(left - 8, y(tick) + 4, _percent(tick) if share else f"{tick:.2f}", "tick", "end"))
    before: tuple[float, float] | None = None
    # With many runs not every name fits below: every second, third and so on is written.
    every = max(1, math.ceil(len(points) * 30 / (right - left)))
    for place, point in enumerate(points):
        at = x(place)
        if place % every == 0:
            parts.append(_text(at, y(0) + 16, point.label, "tick", "middle"))
        if math.isnan(point.value):
            before = None
            continue
        if before is not None and point.joined:
            parts.append(_line(*before, at, y(point.value), "bar"))
        if not math.isnan(point.low) and point.high > point.low:
            parts.append(_line(at, y(point.low), at, y(point.high), "bar"))
        parts.append(_mark(at, y(point.value), strong=point.changed))
        before = at, y(point.value)
    return _svg(name, title, about, top + high + 24, parts)


def reliability(name: str, title: str, bins: Sequence[Bin]) -> Markup:
    """How often what was held to be so likely came true; on the diagonal, chances mean what they say."""
    size, left, top = 260, 48, 36

    def x(value: float) -> float:
        return left + value * size

    def y(value: float) -> float:
        return top + (1 - value) * size

    parts = [_line(x(0), y(0), x(1), y(1), "guide")]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_text(x(tick), y(0) + 16, _percent(tick), "tick", "middle"))
        parts.append(_text(left - 6, y(tick) + 4, _percent(tick), "tick", "end"))
    parts.append(Markup('<rect x="{}" y="{}" width="{}" height="{}" class="frame"/>').format(left, top, size, size))
    for place, each in enumerate(bins):
        parts.append(_line(x(each.said), y(each.least), x(each.said), y(each.most), "bar"))
        parts.append(_mark(x(each.said), y(each.true), strong=each.off))
        # Neighbours take turns, so that their numbers do not run into one another.
        parts.append(_text(x(each.said), top - 10 - 13 * (place % 2), f"n {each.n}", "tick", "middle"))
    parts.append(_text(x(0.5), y(0) + 34, "held to be likely", "tick", "middle"))
    parts.append(
        Markup(
            '<text transform="translate(12 {}) rotate(-90)" class="tick" text-anchor="middle">came true</text>'
        ).format(y(0.5))
    )
    about = (
        "The dashed diagonal is where chances mean what they say; above it they are too low, below it too high. "
        "A filled square: the chance lies outside the interval of what came true."
    )
    return _svg(name, title, about, size + top + 44, parts)


def confusion(name: str, title: str, counts: Mapping[str, Mapping[str, int]]) -> Markup:
    """What was accepted (first choice) down the side, what was shown across; each cell its count and its share of the row."""
    shown = list(next(iter(counts.values()), {}))
    left, top, high = 92, 34, 40
    wide = (_WIDTH - left - 4) / max(1, len(shown))
    parts = [
        _text(left + (place + 0.5) * wide, top - 8, _words(level), "tick", "middle")
        for place, level in enumerate(shown)
    ]
    for line, (accepted, row) in enumerate(counts.items()):
        y, n = top + line * high, sum(row.values())
        parts.append(_text(left - 8, y + high / 2 + 4, _words(accepted), "label", "end"))
        for place, level in enumerate(shown):
            share = row[level] / n if n else 0.0
            x = left + place * wide
            parts.append(
                Markup(
                    '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" class="heat" fill-opacity="{:.2f}"/>'
                ).format(x + 1, y + 1, wide - 2, high - 2, share)
            )
            if level == accepted:
                parts.append(
                    Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" class="right"/>').format(
                        x + 2.5, y + 2.5, wide - 5, high - 5
                    )
                )
            if row[level]:
                parts.append(_text(x + wide / 2, y + 18, str(row[level]), "label", "middle"))
                parts.append(_text(x + wide / 2, y + 32, _percent(share), "tick", "middle"))
    about = "Rows: the level a case accepts first. Columns: the level shown. Framed: the same level."
    return _svg(name, title, about, top + len(counts) * high + 4, parts)


def bins_of(chances: Iterable[tuple[float, float]]) -> list[Bin]:
    """Ten bins of equal width, those with something in them."""
    held: list[list[tuple[float, float]]] = [[] for _ in range(_BINS)]
    for chance, so in chances:
        held[min(_BINS - 1, int(chance * _BINS))].append((chance, so))
    found = []
    for place, pairs in enumerate(held):
        if pairs:
            n, true = len(pairs), sum(so for _, so in pairs)
            low, high = wilson(round(true), n)
            mean = sum(chance for chance, _ in pairs) / n
            found.append(Bin(place / _BINS, (place + 1) / _BINS, n, mean, true / n, low, high))
    return found


def _lines(
    name: str, title: str, about: str, rows: Sequence[Row], low: float, high: float,
    *, zero: bool = False, band: tuple[float, float, float] | None = None, share: bool = True,
) -> Markup:  # fmt: skip
    tall = _ROW + 6 if any(row.below for row in rows) else _ROW
    height = _TOP + len(rows) * tall
    span = high - low or 1.0

    def x(value: float) -> float:
        return _LEFT + (min(high, max(low, value)) - low) / span * (_RIGHT - _LEFT)

    parts = []
    if band is not None and not any(math.isnan(end) for end in band):
        value, least, most = band
        parts.append(
            Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" class="band"/>').format(
                x(least), _TOP - 4, max(1.0, x(most) - x(least)), height - _TOP + 4
            )
        )
        parts.append(_line(x(value), _TOP - 4, x(value), height, "guide"))
    parts.append(_line(_LEFT, height, _RIGHT, height, "axis"))
    for tick in (low, (low + high) / 2, high):
        parts.append(_line(x(tick), height, x(tick), height + 4, "axis"))
        said = _percent(tick, sign=zero) if share else f"{tick:+.1f}" if zero else f"{tick:.1f}"
        parts.append(_text(x(tick), height + 16, said, "tick", "middle"))
    if zero:
        parts.append(_line(x(0), _TOP - 4, x(0), height, "axis"))
    for place, row in enumerate(rows):
        y = _TOP + place * tall + tall / 2 - 2
        parts.append(_text(_LEFT - 10, y + (-1 if row.below else 4), _fitting(row.label), "label", "end"))
        if row.below:
            parts.append(_text(_LEFT - 10, y + 11, _fitting(row.below), "tick", "end"))
        parts.append(_text(_RIGHT + 10, y + 4, row.said, "tick", "start"))
        if not math.isnan(row.value):
            if not math.isnan(row.low) and row.high > row.low:
                parts.append(_line(x(row.low), y, x(row.high), y, "bar"))
            parts.append(_mark(x(row.value), y, strong=row.strong))
    return _svg(name, title, about, height + 22, parts)


def _svg(name: str, title: str, about: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height:.0f}" role="img" aria-labelledby="{name}-title {name}-about">'
        '<title id="{name}-title">{title}</title><desc id="{name}-about">{about}</desc>{parts}</svg>'
    ).format(width=_WIDTH, height=height, name=name, title=title, about=about, parts=Markup("").join(parts))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(x1, y1, x2, y2, kind)


def _mark(x: float, y: float, *, strong: bool) -> Markup:
    """A hollow circle, or a filled square where it stands out: told apart without colour."""
    if strong:
        return Markup('<rect x="{:.1f}" y="{:.1f}" width="9" height="9" class="strong"/>').format(x - 4.5, y - 4.5)
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4" class="mark"/>').format(x, y)


def _text(x: float, y: float, said: str, kind: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(x, y, kind, anchor, said)


def _percent(value: float, *, sign: bool = False) -> str:
    return f"{value * 100:+.0f}%" if sign and value else f"{value * 100:.0f}%"


def _round_up(end: float, *, share: bool) -> float:
    """The next end of an axis that reads easily."""
    steps = (0.1, 0.2, 0.5, 1.0) if share else tuple(step * 10**power for power in range(6) for step in (1, 2, 5))
    return next((step for step in steps if end <= step), end)


def _fitting(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _words(name: str) -> str:
    return name.replace("_", " ")
