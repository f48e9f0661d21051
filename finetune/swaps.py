"""A marked message about other people: its names, and the digits of its numbers, are others, and all else stays.

A tagger that learned from a few hundred messages would know the people in them; told of many, it learns where a name stands.
"""

from __future__ import annotations

import random
import re
from functools import cache

from agent.identifiers.evidence import evidence
from agent.identifiers.lexicon import lexicon
from evals.casebank import Marked

_LATIN = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_DIGITS = ("PHONE", "ID")
_ODDS = 0.5
_CAPITALS, _SMALL = 0.03, 0.12
"""The shares of messages told all in capitals, and all in small letters."""


def swapped(case: Marked, order: random.Random) -> Marked:
    """The message with other names (each word the same one throughout), other digits, and now and then other letters' case."""
    given: dict[str, str] = {}
    pieces: list[str] = []
    marks: list[tuple[int, int, str]] = []
    length, at = 0, 0
    told = order.random()
    recase = str.upper if told < _CAPITALS else str.lower if told < _CAPITALS + _SMALL else str
    for start, end, kind in case.marks:
        before = _cased(case.text[at:start], recase)
        value = case.text[start:end]
        if kind == "NAME":
            value = _other_name(value, given, order)
        elif kind in _DIGITS:
            value = re.sub("[0-9]", lambda match: str(order.randrange(10)), value)
        value = _cased(value, recase)
        pieces += [before, value]
        length += len(before)
        marks.append((length, length + len(value), kind))
        length += len(value)
        at = end
    pieces.append(_cased(case.text[at:], recase))
    return Marked(case.id, case.group, case.language, "".join(pieces), tuple(marks))


def _cased(text: str, recase: object) -> str:
    return text.upper() if recase is str.upper else text.lower() if recase is str.lower else text


def _other_name(value: str, given: dict[str, str], order: random.Random) -> str:
    if _HAN.fullmatch(value) and 1 < len(value) <= 4:
        if value not in given:
            first = order.choice(_surnames())
            given[value] = first + "".join(order.choice(_characters()) for _ in range(max(1, len(value) - 1)))
        return given[value]
    words = _LATIN.findall(value)
    if not words or _HAN.search(value) or any(len(word) < 3 for word in words):
        return value

    def other(match: re.Match[str]) -> str:
        low = match[0].lower()
        if low not in given:
            given[low] = order.choice(_given_names() if match.start() == 0 else _families())
        new = given[low]
        return new.upper() if match[0].isupper() else new.capitalize() if match[0][0].isupper() else new

    return _LATIN.sub(other, value)


@cache
def _given_names() -> tuple[str, ...]:
    return tuple(sorted(lexicon().given))


@cache
def _families() -> tuple[str, ...]:
    return tuple(sorted(lexicon().surnames))


@cache
def _surnames() -> tuple[str, ...]:
    return tuple(sorted(lexicon().zh_surnames))


@cache
def _characters() -> tuple[str, ...]:
    """Characters that given names end with, of the commonest 3,755 (the first level of GB 2312)."""
    return tuple(sorted(each for each, odds in evidence().last.items() if odds > _ODDS and _common(each)))


def _common(character: str) -> bool:
    try:
        return 0xB0 <= character.encode("gb2312")[0] <= 0xD7
    except UnicodeEncodeError:
        return False
