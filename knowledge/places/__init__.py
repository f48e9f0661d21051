"""Whom to call, by place. Data with sources in `places.toml`; a place is never guessed from the language."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import KnowledgeError
from knowledge.types import Source

Kind = Literal["crisis", "abuse", "poison"]
_DATA = Path(__file__).parent / "places.toml"
_ALIASES = {"UK": "GB", "USA": "US", "EN": "GB"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line to call. `name` and `hours` by language."""

    kind: Kind
    number: str
    name: Mapping[str, str]
    hours: Mapping[str, str]
    source: Source


@dataclass(frozen=True, slots=True)
class Place:
    """`code` is ISO 3166-1 alpha-2, or "EU". Numbers are as dialled there, the first preferred.

    `short` names it in a list of many ("UK").
    """

    code: str
    name: Mapping[str, str]
    ambulance: tuple[str, ...]
    police: tuple[str, ...]
    lines: tuple[Line, ...]
    note: Mapping[str, str]
    sources: tuple[Source, ...]
    short: Mapping[str, str]


def place(code: str) -> Place | None:
    """The place of a code in any case ("gb", "UK"); None where it is empty or not in the data."""
    wanted = code.strip().upper()
    return _load()[0].get(_ALIASES.get(wanted, wanted))


def name_of(code: str, language: str) -> str:
    """What a place is called; its code where it is not in the data, "INT" in words."""
    found = place(code)
    if found is not None:
        return found.name[language]
    return {"en": "all countries", "zh": "各国"}[language] if code == "INT" else code


def in_union(code: str) -> bool:
    """Whether a place is in the European Union, whose guidance then holds there too."""
    return code in _union()


@functools.cache
def _union() -> frozenset[str]:
    """Its members: those without a number of their own here, and those with one."""
    return frozenset(tomllib.loads(_DATA.read_text(encoding="utf-8"))["eu"]) | {"DE", "ES", "FR", "IE", "IT", "NL"}


def all_places() -> tuple[Place, ...]:
    """Every place, in the data's order. Raises KnowledgeError where the data is damaged."""
    return tuple(_load()[0].values())


@functools.cache
def numbers() -> frozenset[str]:
    """The digits of every number that the data name, of any place."""
    told = {number for each in all_places() for number in (*each.ambulance, *each.police)}
    told |= {line.number for each in all_places() for line in each.lines}
    return frozenset("".join(filter(str.isdigit, number)) for number in told)


def named(text: str) -> str:
    """The code of the one place that a text says somebody is in ("I'm in the UK", "我在香港", "Canada"); else "".

    Only a bare name or a name after such words counts: a place that is merely mentioned is not where somebody is.
    """
    found = {code for code, pattern in _named() if pattern.search(text)}
    return found.pop() if len(found) == 1 else ""


@functools.cache
def _named() -> tuple[tuple[str, re.Pattern[str]], ...]:
    patterns = []
    for code, known in _load()[0].items():
        words = {*known.name.values(), *known.short.values()} | {
            alias for alias, target in _ALIASES.items() if target == code
        }
        names = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word != "EN")
        pattern = (
            rf"^\W*(?:the )?(?:{names})\W*$|\b(?:i.?m|i am|we.?re|we are|i live|we live|living|currently) in (?:the )?(?:{names})\b"
            rf"|(?:我|我们|人)(?:现在)?(?:住)?在(?:{names})"
        )
        patterns.append((code, re.compile(pattern, re.IGNORECASE)))
    return tuple(patterns)


def mentioned(text: str) -> str:
    """The code of the one place whose rules a text asks for ("first-line in the UK?", "NICE", "国内指南"); else ""."""
    found = {code for code, pattern in _mentions() if pattern.search(text)}
    return found.pop() if len(found) == 1 else ""


@functools.cache
def _mentions() -> tuple[tuple[str, re.Pattern[str]], ...]:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))["mentions"]
    return tuple((code, re.compile("|".join(map(_mention, words)))) for code, words in data.items())


def _mention(word: str) -> str:
    if not word.isascii():
        return re.escape(word)
    bare = rf"(?<!\w){re.escape(word)}(?!\w)"
    return bare if word.isupper() else f"(?i:{bare})"


def emergency_line(country: str, language: str) -> str:
    """A sentence without a full stop that says whom to call now; numbers labelled by country where it is not known."""
    here = place(country)
    if here is not None:
        numbers = _either(here.ambulance, language)
        return f"请立即拨打{numbers}" if language == "zh" else f"Call {numbers} now"
    labelled = _labelled("ambulance", language)
    if language == "zh":
        return f"请立即拨打当地急救电话（{labelled}）"
    return f"Call your emergency number now ({labelled})"


def crisis_lines(country: str, language: str, *, kind: Kind = "crisis") -> tuple[str, ...]:
    """One string a line: danger first, then people to talk to. Unknown place: each labelled by country."""
    here = place(country)
    if here is not None:
        return (
            _danger(here, language),
            *(_said(line, language) for line in _of_kind(here, kind)),
            *_noted(here, language),
        )
    found, first = _load()
    danger = _labelled("police" if kind == "abuse" else "ambulance", language)
    head = f"现在就有危险：{danger}" if language == "zh" else f"Danger now: {danger}"
    labelled = []
    for code in first:
        lines = _of_kind(found[code], kind)
        if lines:
            spoken = ("；" if language == "zh" else "; ").join(_said(line, language) for line in lines)
            label = found[code].short[language]
            labelled.append(f"{label}：{spoken}" if language == "zh" else f"{_title(label)}: {spoken}")
    return (head, *labelled)


def _danger(here: Place, language: str) -> str:
    ambulance, police = _either(here.ambulance, language), _either(here.police, language)
    if here.ambulance == here.police:
        return f"现在就有危险：拨打{ambulance}" if language == "zh" else f"Danger now: call {ambulance}"
    if language == "zh":
        return f"现在就有危险：急救拨打{ambulance}，报警拨打{police}"
    return f"Danger now: call {ambulance} (ambulance) or {police} (police)"


def _said(line: Line, language: str) -> str:
    hours = line.hours.get(language, "")
    if language == "zh":
        return f"{line.name['zh']} {line.number}" + (f"（{hours}）" if hours else "")
    return f"{line.name['en']} {line.number}" + (f" ({hours})" if hours else "")


def _noted(here: Place, language: str) -> tuple[str, ...]:
    return (here.note[language],) if here.note else ()


def _of_kind(here: Place, kind: Kind) -> tuple[Line, ...]:
    return tuple(line for line in here.lines if line.kind == kind)


def _labelled(service: Literal["ambulance", "police"], language: str) -> str:
    """ "UK 999 · US, Canada 911": neighbours with the same number share it."""
    found, first = _load()
    groups: list[tuple[list[str], str]] = []
    for code in first:
        numbers = _either(getattr(found[code], service), language)
        if groups and groups[-1][1] == numbers:
            groups[-1][0].append(found[code].short[language])
        else:
            groups.append(([found[code].short[language]], numbers))
    comma = "、" if language == "zh" else ", "
    return " · ".join(f"{comma.join(names)} {numbers}" for names, numbers in groups)


def _either(numbers: tuple[str, ...], language: str) -> str:
    return ("或" if language == "zh" else " or ").join(numbers)


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


@functools.cache
def _load() -> tuple[dict[str, Place], tuple[str, ...]]:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    try:
        found = {code: _place(code, row, data["checked"]) for code, row in data["place"].items()}
        union = found["EU"]
        for code in data["eu"]:
            english, chinese = data["names"][code]
            name = {"en": english, "zh": chinese}
            found[code] = Place(code, name, union.ambulance, union.police, (), {}, union.sources, name)
        first = tuple(code for code in data["first"] if found[code])
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeError(
            f"{_DATA.name} lacks or misnames {error}",
            expected="for each place: en, zh, ambulance, police, source, and lines with kind, number, hours and source",
            remedy="compare the entry with its neighbours",
        ) from error
    return found, first


def _place(code: str, row: dict[str, Any], checked: str) -> Place:
    sources = tuple(
        _source(f"{code.lower()}-{number}", each, code, checked)
        for number, each in enumerate((row["source"], *row.get("source_also", ())))
    )
    lines = tuple(
        Line(
            kind=each["kind"],
            number=each["number"],
            name={"en": each["en"], "zh": each["zh"]},
            hours=each.get("hours", {}),
            source=_source(f"{code.lower()}-{each['number']}", each["source"], code, checked),
        )
        for each in row.get("line", ())
    )
    name = {"en": row["en"], "zh": row["zh"]}
    short = {**name, "en": row.get("short", row["en"])}
    ambulance, police = tuple(row["ambulance"]), tuple(row["police"])
    return Place(code, name, ambulance, police, lines, row.get("note", {}), sources, short)


def _source(id_: str, row: dict[str, Any], code: str, checked: str) -> Source:
    return Source(
        id=id_,
        organisation=row["organisation"],
        title=row["title"],
        year=row.get("year"),
        url=row["url"],
        jurisdiction=code,
        checked=row.get("checked", checked),
    )
