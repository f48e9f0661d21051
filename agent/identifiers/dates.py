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
    r"(?<![A-Za-z0-9_.-])(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d"
    r"|3[01])(?![A-Za-z0-9_.-])"
)
_CHINESE = re.compile(
    r"(?:(?P<year>(?:19|20)?\d\d|[零〇○一二三四五六七八九]{2,4}|今|去|前|明)\s?年\s?的?)?(?P<month>1[0-2]|0?[1-9]|十[一二]?"
    r"|[正一二三四五六七八九])\s?月\s?"
    r"(?P<day>3[01]|[12]\d|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])\s?(?:[日号號](?![线楼床])|(?=生(?!理|长|活|气)|出生))"
)

# A birthday after its label may lack everything else that makes a date; whole days may be broken over lines.
_BORN = re.compile(
    r"(?i)(?:\bd\.?\s?o\.?\s?b\.?|date of birth|\bborn(?: on)?|birth ?(?:day|date)|生日|出生(?:日期|年月日?)?"
    r"|生于)\s{0,2}(?:is|was|是|为|[:：])?\s{0,2}"
    r"(?P<value>(?:(?P<a>\d{1,2})[ ./\-](?P<b>\d{1,2})[ ./\-](?P<year>(?:19|20)?\d\d)|(?P<y>(?:19"
    r"|20)?\d\d)[ ./\-](?P<m>\d{1,2})[ ./\-](?P<d>\d{1,2})))(?!\d)"
)
_SPLIT = re.compile(
    r"(?<![\d./-])(?P<a>[0-3]?\d)\s{0,2}(?P<sep>[-/.])\s{0,2}(?P<b>[0-3]?\d)\s{0,2}(?P=sep)\s{0,2}(?P<year>(?:19"
    r"|20)\d\d)(?!\d|[-/.]\d)"
)
_UNITS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *(
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ),
)
_SMALL = "|".join(sorted(_UNITS, key=len, reverse=True))
_ORDINAL = (
    r"(?P<ordinal>(?:twenty|thirty)[ -](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|thirtieth|"
    + "|".join(sorted(_ORDINALS, key=len, reverse=True))
    + ")"
)
_WORD_YEAR = (
    rf"(?P<words>(?:nineteen|twenty|two thousand)(?:[ -](?:hundred|and|oh|o))*"
    rf"(?:[ -](?:{'|'.join(_TENS)}))?(?:[ -](?:{_SMALL}))?)"
)
_SPELLED = (
    re.compile(rf"(?i)\b(?:the )?{_ORDINAL}(?: day)? of {_MONTH}(?:,? (?:{_WORD_YEAR}|{_YEAR}))?(?![A-Za-z\d])"),
    re.compile(rf"(?i)\b(?:the )?{_ORDINAL} {_MONTH},? (?:{_WORD_YEAR}|{_YEAR})(?![A-Za-z\d])"),
    re.compile(rf"(?i)\b{_MONTH} (?:the )?{_ORDINAL}(?:,? (?:{_WORD_YEAR}|{_YEAR}))?(?![A-Za-z\d])"),
    re.compile(rf"(?i)\b{_MONTH} (?:the )?{_DAY},? {_WORD_YEAR}(?![A-Za-z\d])"),
)
# A day of the lunar calendar; nobody reckons its distance.
_LUNAR = re.compile(
    r"(?:(?:19|20)?\d\d年|[一二三四五六七八九零〇]{2,4}年|农历|阴历|農曆)\s?(?:[正腊臘冬]|十?[一二三四五六七八九十]|\d{1,2})月(?:初[一二三四五六七八九十]"
    r"|廿[一二三四五六七八九]?|[二三]?十[一二三四五六七八九]?)(?![日号號])"
)
# Above 89 an age is told as 90: few live so long, and nothing is decided by more (45 CFR 164.514(b)(2)(i)(C) says the same).
_OLD = re.compile(
    r"(?i)(?<!\d)(?P<age>9[1-9]|1[01]\d)(?=[ \-]?(?:years?|yrs?|y)[ \-]?(?:old|of age|young)|[ \-]?y/?o\b"
    r"|\s?(?:周岁|岁|歲)|\s?(?-i:M|F)\b|\s?yrs\b)"
    r"|(?i:\b(?:aged?:?|turned|turning|nearly|almost|(?:he|she|mum|dad|nan|gran|grandma|grandad|mother"
    r"|father) (?:is|was))\s)(?P<told>9[1-9]|10\d)"
    r"(?=\s?(?:$|[,;)\n]|\.(?!\d)| and| years| yrs|with |on ))"
    r"|(?P<zh>九十[一二三四五六七八九]|一百(?:零[一二三四五六七八九]|一十?[一二三四五六七八九]?)?)(?=周?[岁歲])"
)
_WISHED = re.compile(
    r"(?i)(?:活到|长命|百年|live (?:to|until|till)(?: be)?|reach|survive to|until|up to|over|under|above|below|between"
    r"|to)\s?$"
)


# Asked first, for most messages have neither a month nor two digits.
_ANY_MONTH = re.compile(r"(?i)(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")
_TWO_DIGITS = re.compile(r"\d[^\n\d]?[\n]?\d")


def find(text: str, today: date) -> Iterator[Identifier]:
    """Days, each with its offset. An ambiguous 03/04 is read as the day nearest to today that is not to come."""
    named = _ANY_MONTH.search(text) is not None
    digits = _TWO_DIGITS.search(text) is not None
    for pattern in (*(_WORDED if named else ()), *((_ISO, _COMPACT) if digits else ())):
        for match in pattern.finditer(text):
            month = _MONTHS.get(match["month"].lower()) or _number(match["month"])
            yield from _identifier(match, today, _year(match["year"], today), month, _number(match["day"]))
    for match in _NUMERIC.finditer(text) if digits else ():
        # Two-digit years with dots are doses and versions ("2.5.10") more often than days.
        if match["sep"] == "." and len(match["year"]) == 2:
            continue
        first, second = _number(match["a"]), _number(match["b"])
        year = _year(match["year"], today)
        days = [day for day in (_date(year, first, second), _date(year, second, first)) if day]
        if days:
            day = min(days, key=lambda day: (day > today, abs((day - today).days)))
            yield from _identifier(match, today, day.year, day.month, day.day)
    for match in _SPLIT.finditer(text) if digits else ():
        if re.search(r"\s", match[0]):
            yield from _either(match, today, match.start())
    for match in _BORN.finditer(text) if digits else ():
        if match["a"]:
            yield from _either(match, today, match.start("value"))
        else:
            yield from _identifier(
                match, today, _year(match["y"], today), int(match["m"]), int(match["d"]), match.start("value")
            )
    for pattern in _SPELLED if named else ():
        for match in pattern.finditer(text):
            groups = match.groupdict()
            year = _spelled_year(groups["words"]) if groups.get("words") else _year(groups.get("year"), today)
            number = _ordinal(groups["ordinal"]) if groups.get("ordinal") else _number(groups["day"])
            yield from _identifier(match, today, year, _MONTHS[match["month"].lower()], number)
    for match in _OLD.finditer(text) if digits or "十" in text or "百" in text else ():
        group = match.lastgroup or "age"
        if not _WISHED.search(text[max(0, match.start() - 12) : match.start()]):
            yield Identifier("AGE", match.start(group), match.end(group), 16, "九十" if group == "zh" else "90")
    for match in _LUNAR.finditer(text) if "月" in text else ():
        yield Identifier("DATE", match.start(), match.end(), 17, match[0])
    for match in _CHINESE.finditer(text) if "月" in text else ():
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


def _either(match: re.Match[str], today: date, start: int) -> Iterator[Identifier]:
    """A day whose month may stand first or second."""
    year = _year(match["year"], today)
    first, second = int(match["a"]), int(match["b"])
    days = [day for day in (_date(year, second, first), _date(year, first, second)) if day]
    if days:
        day = min(days, key=lambda day: (day > today, abs((day - today).days)))
        yield from _identifier(match, today, day.year, day.month, day.day, start)


def _ordinal(text: str) -> int:
    """1 to 31 of "third", "twenty-first"; 0 where it is none."""
    head, _, last = text.lower().replace("-", " ").rpartition(" ")
    if last in _ORDINALS:
        return _ORDINALS.index(last) + 1 + {"twenty": 20, "thirty": 30}.get(head, 0)
    return 30 if last == "thirtieth" else 0


def _spelled_year(text: str) -> int:
    """1979 of "nineteen seventy nine", 2005 of "two thousand and five"."""
    words = text.lower().replace("-", " ").split()
    rest = words[2:] if words[0] == "two" else words[1:]
    century = 1900 if words[0] == "nineteen" else 2000
    return century + sum(
        _UNITS.index(word) + 1 if word in _UNITS else (_TENS.index(word) + 2) * 10 if word in _TENS else 0
        for word in rest
    )


def _identifier(
    match: re.Match[str], today: date, year: int | None, month: int, number: int, start: int | None = None
) -> Iterator[Identifier]:
    day = (
        _without_year(match.string, match.start(), month, number, today) if year is None else _date(year, month, number)
    )
    if day is None:
        return
    yield Identifier(
        "DATE", match.start() if start is None else start, match.end(), 15, day.isoformat(), offset_days(day, today)
    )


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
