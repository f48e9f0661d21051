"""One value as somebody wrote it ("1.4 mg/dL", "72 y", "yes", "5'10\"", "2026年3月2日"), in its input's canonical form.

Nothing is guessed: a number whose unit could be another, a day that could be another and a value out of range are
problems, each with a code whose sentences stand in words.toml.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta

from agent.calculators.load import spellings
from agent.calculators.types import Input, Problem, Unit, Value

YES = frozenset({"yes", "y", "true", "1", "+", "positive", "present", "是", "有", "对", "阳性"})
NO = frozenset({"no", "n", "false", "0", "-", "negative", "absent", "否", "无", "没有", "不是", "阴性"})
OR = " or "
"""Joins two different values that a note gives for one input."""
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+")
_COMMA = re.compile(r"(\d+),(\d{1,2})(?!\d)")
_FEET = re.compile(r"(\d)\s?(?:'|ft|feet|foot|英尺)\s?(?:(\d{1,2}(?:\.\d)?)\s?(?:\"|''|in(?:ch(?:es)?)?|英寸)?)?")
_METRES = re.compile(r"([12])\s?(?:m|米)\s?(\d{1,2})")
_WEEKS = re.compile(r"(\d{1,2})\s?(?:(?:w(?:ee)?ks?|w|周)\s?[+＋]?|[+＋])\s?(\d)\s?(?:d(?:ays?)?|天)?")
_WEEKS_ONLY = re.compile(r"(\d{1,2})\s?(?:w(?:ee)?ks?|w|周)")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]?")
_SLASHED = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_WORDED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)? (?:of )?([a-z]{3,9})|([a-z]{3,9}) (\d{1,2})(?:st|nd|rd|th)?)\.?,? (\d{4})"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MASK = re.compile(r"\[date-\d+ ([+-]?\d{1,5})d\]")
_LONGEST = 80
"""No value is longer; more is a text."""


def parse(one: Input, given: str | float | bool, today: date) -> Value | Problem:
    """The value in its canonical form (a day for a date), or what is wrong with it."""
    if isinstance(given, bool):
        given = "yes" if given else "no"
    raw = str(given)
    text = unicodedata.normalize("NFKC", raw).strip().lower()
    if not text or len(text) > _LONGEST:
        return Problem(one.name, "unreadable", raw[:_LONGEST])
    if OR in text:
        return Problem(one.name, "two_values", raw)
    if one.kind == "yes_no":
        return "yes" if text in YES else "no" if text in NO else Problem(one.name, "not_yes_no", raw)
    if one.kind == "choice":
        return _choice(one, text, raw)
    if one.kind == "date":
        return _date(one, text, raw, today)
    return _number(one, text, raw)


def unit_of(one: Input, written: str) -> Unit | None:
    """The accepted unit that is written so, or None."""
    short = re.sub(r"\s", "", unicodedata.normalize("NFKC", written).lower()).replace("μ", "u").replace("µ", "u")
    name = spellings().get(short.removesuffix("."), short)
    return next((unit for unit in one.units if name in (unit.name, unit.name.lower().replace(" ", ""))), None)


def shown_number(value: float) -> str:
    """A number without needless zeros: 1.2, 72, 0.05."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _choice(one: Input, text: str, raw: str) -> Value | Problem:
    plain = text.replace(" ", "_").replace("-", "_")
    for choice in one.choices:
        if plain in (choice.id, choice.label.en.lower().replace(" ", "_"), choice.label.zh):
            return choice.id
    short = [choice.id for choice in one.choices if len(plain) == 1 and choice.id.startswith(plain)]
    return short[0] if len(short) == 1 else Problem(one.name, "not_choice", raw)


def _number(one: Input, text: str, raw: str) -> Value | Problem:
    length = _length(text) if one.units[0].name == "cm" else _gestation(text) if one.units[0].name == "d" else None
    if length is not None:
        return _within(one, length, raw)
    match = _NUMBER.match(_COMMA.sub(r"\1.\2", text))
    if match is None:
        return Problem(one.name, "not_a_number", raw)
    number, written = float(match.group().replace(",", "")), _COMMA.sub(r"\1.\2", text)[match.end() :].strip()
    if not written:
        return _bare(one, number, raw)
    unit = unit_of(one, written)
    if unit is None:
        return Problem(one.name, "wrong_unit", raw)
    return _within(one, (number + unit.offset) * unit.factor, raw)


def _bare(one: Input, number: float, raw: str) -> Value | Problem:
    """A number without a unit: taken where all its units mean the same, or where one that may be left out is plausible."""
    first = one.units[0]
    if all((unit.factor, unit.offset) == (first.factor, first.offset) for unit in one.units):
        return _within(one, number * first.factor, raw)
    units = [unit for unit in one.units if unit.name in one.bare]
    if not units:
        return Problem(one.name, "no_unit", raw)
    plausible = [value for unit in units if one.low <= (value := (number + unit.offset) * unit.factor) <= one.high]
    if len(plausible) > 1:
        return Problem(one.name, "no_unit", raw)
    return _within(one, plausible[0] if plausible else (number + units[0].offset) * units[0].factor, raw)


def _within(one: Input, value: float, raw: str) -> Value | Problem:
    # A converted bound (212 °F) may miss its limit by the last bit of a float.
    if not one.low * (1 - 1e-9) - 1e-9 <= value <= one.high * (1 + 1e-9):
        return Problem(one.name, "out_of_range", raw)
    if one.whole and abs(value - round(value)) > 1e-6:
        return Problem(one.name, "not_whole", raw)
    return round(value) * 1.0 if one.whole else round(value, 9)


def _length(text: str) -> float | None:
    """5'10" and 1米75 in centimetres."""
    if match := _FEET.fullmatch(text):
        return (int(match[1]) * 12 + float(match[2] or 0)) * 2.54
    if match := _METRES.fullmatch(text):
        return int(match[1]) * 100 + int(match[2].ljust(2, "0"))
    return None


def _gestation(text: str) -> float | None:
    """8+4, "8 weeks 4 days" and 8周 in days."""
    if match := _WEEKS_ONLY.fullmatch(text):
        return int(match[1]) * 7.0
    if (match := _WEEKS.fullmatch(text)) and int(match[2]) < 7:
        return int(match[1]) * 7.0 + int(match[2])
    return None


def _date(one: Input, text: str, raw: str, today: date) -> Value | Problem:
    """A day with its year. 3/4/2026 could be two days, and is asked about."""
    day: date | None = None
    if match := _MASK.fullmatch(text):
        day = today + timedelta(days=int(match[1]))
    elif match := _ISO.fullmatch(text) or _CHINESE.fullmatch(re.sub(r"\s", "", text)):
        day = _day(int(match[1]), int(match[2]), int(match[3]))
    elif match := _WORDED.fullmatch(text):
        month = (match[2] or match[3])[:3]
        day = _day(int(match[5]), _MONTHS.index(month) + 1, int(match[1] or match[4])) if month in _MONTHS else None
    elif match := _SLASHED.fullmatch(text):
        days = {_day(int(match[3]), int(a), int(b)) for a, b in ((match[1], match[2]), (match[2], match[1]))} - {None}
        if len(days) > 1:
            return Problem(one.name, "two_days", raw)
        day = next(iter(days), None)
    if day is None:
        return Problem(one.name, "not_a_day", raw)
    away = (day - today).days
    return day if one.low <= away <= one.high else Problem(one.name, "day_out_of_range", raw)


def _day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None
