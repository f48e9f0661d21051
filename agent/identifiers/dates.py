"""Calendar days in both languages, with their distance from today.

A bare year, a month with a year, an age and "three days ago" are not identifiers and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers.types import Identifier

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        1,
    )
    for name in names.split()
}
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d|['’]\d\d)"
_CN_DIGITS = "零一二三四五六七八九"

_WORDED = (
    re.compile(
        rf"(?i)(?<![A-Za-z]){_MONTH}\s{{0,2}}{_DAY}(?![\d:.%/-]\d|\d|\s?(?:mg|g|ml|weeks|days|years|months"
        rf"|%))(?:\s?,?\s{{0,2}}(?:of\s)?{_YEAR}(?!\d))?"
    ),
    re.compile(rf"(?i)(?<![\d./:-]){_DAY}[\s\-/.](?:of\s)?{_MONTH}(?![A-Za-z])(?:[\s,\-/.]{{1,2}}{_YEAR}(?!\d))?"),
)
_ISO = re.compile(
    r"(?<![\d./-])(?P<year>(?:19|20)\d\d)(?P<sep>[-/.])(?P<month>[01]?\d)(?P=sep)(?P<day>[0-3]?\d)(?!\d|[-/]\d)"
)
_NUMERIC = re.compile(
    r"(?<![\d./-])(?P<a>[0-3]?\d)(?P<sep>[-/.])(?P<b>[0-3]?\d)(?P=sep)(?P<year>(?:19|20)?\d\d)(?!\d|[-/.]\d)"
)
_COMPACT = re.compile(
    r"(?<![\w.-])(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?![\w.-])"
)
_CHINESE = re.compile(
    r"(?:(?P<year>(?:19|20)?\d\d|[零〇○一二三四五六七八九]{2,4}|今|去|前|明)\s?年\s?的?)?(?P<month>1[0-2]|0?[1-9]|十[一二]?"
    r"|[正一二三四五六七八九])\s?月\s?"
    r"(?P<day>3[01]|[12]\d|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])\s?[日号號](?![线楼床])"
)


def find(text: str, today: date) -> Iterator[Identifier]:
    """Days, each with its offset. An ambiguous 03/04 is read as the day nearest to today that is not to come."""
    for pattern in (*_WORDED, _ISO, _COMPACT):
        for match in pattern.finditer(text):
            month = _MONTHS.get(match["month"].lower()) or _number(match["month"])
            yield from _identifier(match, today, _year(match["year"], today), month, _number(match["day"]))
    for match in _NUMERIC.finditer(text):
        # Two-digit years with dots are doses and versions ("2.5.10") more often than days.
        if match["sep"] == "." and len(match["year"]) == 2:
            continue
        first, second = _number(match["a"]), _number(match["b"])
        year = _year(match["year"], today)
        days = [day for day in (_date(year, first, second), _date(year, second, first)) if day]
        if days:
            day = min(days, key=lambda day: (day > today, abs((day - today).days)))
            yield from _identifier(match, today, day.year, day.month, day.day)
    for match in _CHINESE.finditer(text):
        yield from _identifier(
            match, today, _chinese_year(match["year"], today), _number(match["month"]), _number(match["day"])
        )


def offset_days(day: date, today: date) -> int:
    """Days from today. Beyond a year only completed years, times 365: an age can be read, a birthday cannot."""
    days = (day - today).days
    if abs(days) <= 365:
        return days
    early, late = min(day, today), max(day, today)
    years = late.year - early.year - ((late.month, late.day) < (early.month, early.day))
    return (1 if days > 0 else -1) * 365 * max(years, 1)


def _identifier(match: re.Match[str], today: date, year: int | None, month: int, number: int) -> Iterator[Identifier]:
    day = (
        _without_year(match.string, match.start(), month, number, today) if year is None else _date(year, month, number)
    )
    if day is None:
        return
    yield Identifier("DATE", match.start(), match.end(), 15, day.isoformat(), offset_days(day, today))


_COMING = re.compile(
    r"(?i)(?:\bdue\b|\bedd\b|appointment|scheduled|booked|upcoming|will be|going to"
    r"|预产期|預產期|预约|預約|计划|計劃|安排|将于"
    r"|打算)[^.。\n]{0,24}$"
)


def _without_year(text: str, start: int, month: int, number: int, today: date) -> date | None:
    """A day without its year: the last one, unless it is close ahead or spoken of as coming."""
    days = [day for year in (today.year - 1, today.year, today.year + 1) if (day := _date(year, month, number))]
    soon = 365 if _COMING.search(text[max(0, start - 40) : start]) else 30
    ahead = [day for day in days if 0 <= (day - today).days <= soon]
    past = [day for day in days if day <= today]
    return ahead[0] if ahead else max(past, default=None)


def _date(year: int | None, month: int, day: int) -> date | None:
    try:
        return date(year or 0, month, day)
    except ValueError:
        return None


def _year(text: str | None, today: date) -> int | None:
    if text is None:
        return None
    year = int(text.lstrip("'’"))
    if year >= 100:
        return year
    century = 2000 + year
    return century if century <= today.year + 5 else century - 100


def _chinese_year(text: str | None, today: date) -> int | None:
    if text is None:
        return None
    relative = {"今": 0, "去": -1, "前": -2, "明": 1}
    if text in relative:
        return today.year + relative[text]
    digits = "".join(
        str(_CN_DIGITS.index(ch)) if ch in _CN_DIGITS else ch for ch in text.replace("〇", "零").replace("○", "零")
    )
    return _year(digits, today) if digits.isdigit() and len(digits) in (2, 4) else None


def _number(text: str) -> int:
    """1 to 39 in digits or Chinese numerals; 正 is the first month. 0 where it is neither."""
    if text.isdigit():
        return int(text)
    if text == "正":
        return 1
    tens, mark, ones = text.rpartition("十")
    total = (_CN_DIGITS.find(tens) if tens else 1) * 10 if mark else 0
    return total + (_CN_DIGITS.find(ones) if ones else 0)
