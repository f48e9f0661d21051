"""Dates in the shapes that sources write them, to ISO: a day, a month or a year, never more than was said."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_ISO = re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(?:\d{4,}(?:\.\d+)?(?:[+-]\d{4})?)?$")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)")
_CHINESE = re.compile(r"(\d{4})年(?:(\d{1,2})月)?(?:(\d{1,2})日)?")


def iso_date(year: str, month: str = "", day: str = "") -> str:
    """ISO of the parts, as far as they are real: a month may be a number or an English name; empty without a year."""
    year, month, day = year.strip(), month.strip().lower(), day.strip()
    if not re.fullmatch(r"1[5-9]\d\d|20\d\d", year):
        return ""
    number = int(month) if month.isdecimal() else _MONTHS.index(month[:3]) + 1 if month[:3] in _MONTHS else 0
    if not 1 <= number <= 12:
        return year
    try:
        return date(int(year), number, int(day)).isoformat()
    except ValueError:
        return f"{year}-{number:02d}"


def read_date(text: str) -> str:
    """ISO of a date in one string, empty where none is seen: 2024-05-01, 20240501, 05/01/2024 (month first), 2024年5月1日,
    "1998 Dec-1999 Jan" and "Spring 2003" (the first year named, and its month where one stands beside it)."""
    text = text.strip()
    for pattern, order in ((_ISO, (1, 2, 3)), (_COMPACT, (1, 2, 3)), (_AMERICAN, (3, 1, 2)), (_CHINESE, (1, 2, 3))):
        if match := pattern.match(text):
            return iso_date(*(match.group(index) or "" for index in order))
    found = _YEAR.search(text)
    if not found:
        return ""
    words = re.findall(r"[A-Za-z]+|\d+", text[:80])
    month = next((word for word in words if word[:3].lower() in _MONTHS), "")
    after = words[words.index(month) + 1 :][:1] if month else []
    day = after[0] if after and after[0].isdecimal() and len(after[0]) <= 2 and "-" not in text else ""
    return iso_date(found.group(1), month, day)
