"""The inputs of a calculator that a note gives, as they are written; what is not said is not there.

Numbers stand behind their names, with their units; a number given twice with two values is handed on as both, and asked
about. A yes or no goes through the reader of negation (`agent.context`): "no confusion" is a no, a father's stroke is
nobody's here, and a feared one is not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from agent.ages import age as age_of
from agent.calculators.load import calculator, calculators, spellings
from agent.calculators.types import Calculator, Input
from agent.calculators.values import OR
from agent.context import Context
from agent.matcher import Match, Matcher
from agent.tokens import simplified, tokenize
from agent.types import Language
from agent.vitals import read_vitals
from knowledge.rules import load_lexicon

_GLUE = (
    r"(?:\s?\([^)\d\n]{0,20}\))?[\s:：=~≈＝,，]{0,3}(?:(?:is|was|of|at|are|came back|come back|measured|reads?|level|result|"
    r"about|around|just|now|today|a|rose|risen|fell|fallen|dropped|has|up|down|from|to|为|是|约|在|有|到|测得|结果|大概|查出|值|升到|升至|降到|降至|从|由)[\s:：=,，]{0,2}){0,4}"
)
_NUMBER = r"((?<![\d.])\d{1,6}(?:,\d{3})*(?:[.,]\d{1,4})?)(?!\d|\s?[-–~～至到]\s?\d)"
"""No range ("90-110"): which end would count?"""
_OTHER_UNIT = r"[a-zµμ%°]{1,6}\s?/\s?[a-zµμ0-9.^]{1,8}"
"""Something like a unit that is not accepted: it is handed on, and refused by name."""
_WEEKS = re.compile(r"(\d{1,2}\s?\+\s?\d|\d{1,2}\s?(?:weeks?|wks?|w|周)(?:\s?(?:and\s?)?\d\s?(?:days?|d|天))?)")
_PRESSURE = re.compile(r"(?<![\d/.])(\d{2,3})\s?/\s?(\d{2,3})(?![\d/]|\s?(?:mg|ml))")
_DATE = re.compile(
    r"\[date-\d+ [+-]?\d+d\]|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}年\d{1,2}月\d{1,2}[日号]?|\d{1,2}月\d{1,2}[日号]?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}(?:st|nd|rd|th)? (?:of )?[a-z]{3,9},? \d{4}|[a-z]{3,9} \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
)
_DATE_NEAR = 48
"""Characters behind a date's name in which it may stand."""
_AGED = r"(?:(?:^|[.;:(\n]\s{0,2}|\bfor (?:an? )?)\d{1,3}\s?|(?<![\w./])\d{1,3}\s?(?:yo|y/o|y|yrs?|year[\s-]old|岁)\s?[-/,，]?\s?)"
_SEX = (
    (
        "female",
        re.compile(rf"{_AGED}(?:f\b|女)|(?<!\w)f[\s,/]{{1,2}}\d{{2}}(?!\d|\s?[a-z%])|女[，,\s]{{0,2}}\d{{1,3}}岁?"),
    ),
    (
        "male",
        re.compile(rf"{_AGED}(?:m\b|男)|(?<!\w)m[\s,/]{{1,2}}\d{{2}}(?!\d|\s?[a-z%])|男[，,\s]{{0,2}}\d{{1,3}}岁?"),
    ),
)
"""72M, F 34, 女34岁; but a walk of 100 m is no man."""
_CHANGED = re.compile(r"(?:lost|loses?|losing|gained?|gaining|瘦了?|胖了?|减了?|轻了?|重了?)\s?(?:about |around |了)?$")
_SAID_AFTER = re.compile(
    r"\s{0,2}[:=：(（]\s{0,2}(yes|no|true|false|positive|negative|\+|是|否|有|无|阳性|阴性)(?![\w+])"
)
"""An answer behind a mark. Without one, "hypertension no diabetes" denies what follows, not what stands before."""
_OLD = re.compile(
    r"[^\d.;。；\n]{0,12}(?:last (?:year|month|week)|(?:\d{1,2}|a|one|two|three|six) (?:years?|months?|weeks?) ago|in (?:19|20)\d\d"
    r"|previously|before|去年|前年|上个?月|上次|[年月周]前|以前)"
)
"""Behind a number: it was so once. What is asked about is now."""
_THEN = re.compile(
    r"[^\d;；。\n]{0,40}?(?:\bnow|\btoday|\bcurrently|\bthen|\blater|\bto|\bwas|→|->|现在|今天|今日|目前|复查|升到|升至|降到|降至|之前)"
    r"[^\d;；。\n]{0,12}"
)
"""Between two numbers of one name ("1.0 mg/dL, now 2.4 mg/dL")."""
_DENIES_ITSELF = frozenset(
    {"normal", "negative", "none", "no", "nil", "absent", "without", "无", "没", "阴", "正", "不"}
)
_HOURS = re.compile(r"\d\s?$")
"""Before an "hr" that is a time ("1 hr 30 min")."""
_TIME = re.compile(r"(?<!\d)\d{1,3}(?:\.\d)?\s?hrs?\b")
_VITALS = ("spo2", "pulse", "breaths", "temperature")


def read(name: str, text: str, language: Language) -> dict[str, str]:
    """Input name to what the text says of it ("1.2 mg/dL", "no", "72 y"), for calculator `name`.

    Both languages are always tried; `language` is taken for callers that have it. Linear in the text.

    Raises:
        InputError: there is no such calculator.
    """
    one = calculator(name)
    plain = simplified(text, load_lexicon().traditional).replace("＝", "=")
    found: dict[str, list[str]] = {}
    for given in (_grouped(one, plain), _numbers(one, plain), _days(one, plain), _pressures(one, plain)):
        for key, values in given.items():
            found.setdefault(key, []).extend(values)
    for key, values in _alone(one, plain).items():
        found.setdefault(key, values)
    for key, values in _measured(one, plain).items():
        found.setdefault(key, values)
    for key, values in _told(one, text, plain).items():
        found.setdefault(key, values)
    inputs = {each.name for each in one.inputs}
    said_of = {key: list(dict.fromkeys(values)) for key, values in found.items() if key in inputs and values}
    return {key: OR.join(values) for key, values in said_of.items()}


def said(name: str) -> str:
    """An expression for a name as people write it: hyphens and spaces are loose, and words do not run on."""
    parts = re.split(r"[\s-]+", name.lower())
    body = r"[\s\-‑–_]{0,2}".join(re.escape(part).replace("2", "[2₂]") for part in parts)
    before = r"(?<![a-z0-9])" if name[0].isascii() else ""
    after = r"(?![a-z0-9])" if name[-1].isascii() and name[-1].isalnum() else ""
    return f"{before}{body}{after}"


def _grouped(one: Calculator, text: str) -> dict[str, list[str]]:
    """What a calculator's own expressions give ("E3 V4 M5"), and `name=value` pairs."""
    found: dict[str, list[str]] = {}
    for expression in one.reads:
        for match in re.finditer(expression, text):
            for key, value in match.groupdict().items():
                found.setdefault(key, []).append(value)
    for each in one.inputs:
        for match in re.finditer(rf"(?<![a-z_]){each.name}\s?=\s?([^\s,;，；]{{1,40}})", text):
            found.setdefault(each.name, []).append(match.group(1))
    return found


def _numbers(one: Calculator, text: str) -> dict[str, list[str]]:
    """Numbers behind their names. The longest name that stands there takes the number: urine sodium is no sodium."""
    inputs = {each.name: each for each in one.inputs if each.kind == "number"}
    found: dict[str, list[str]] = {}
    for match in _any_name().finditer(text):
        for key in _by_name().get(re.sub(r"[\s\-‑–_]", "", match.group()), ()):
            each = inputs.get(key)
            if each is None or (
                match.group() == "hr" and _HOURS.search(text[max(0, match.start() - 3) : match.start()])
            ):
                continue
            if each.units[0].name == "d":
                got = re.compile(_GLUE).match(text, match.end())
                weeks = _WEEKS.match(text, got.end() if got else match.end())
                if weeks:
                    found.setdefault(key, []).append(weeks.group(1).replace("and ", ""))
                continue
            number = _behind(each).match(text, match.end())
            if number is None:
                continue
            # "1米75" and "5'10\"" are one value in two numbers.
            whole = [got for expression in each.alone if (got := re.compile(expression).match(text, number.start(1)))]
            values = _written(each, match.group().strip(), text, number)
            if whole:
                values = [] if _OLD.match(text, whole[0].end()) else _joined(whole[0])
            found.setdefault(key, []).extend(values)
    return found


def _written(each: Input, name: str, text: str, number: re.Match[str]) -> list[str]:
    """The number with its unit, without those of the past, and with a second one that "now" or "to" brings."""
    values = []
    second = _behind(each, bare=True)
    tag = dict(each.tags).get(name, "")
    for _ in range(2):
        unit = (number.group(2) or number.group(3) or "").strip()
        tagged = f"{spellings().get(unit, unit)} {tag}"
        unit = tagged if tag and any(tagged == accepted.name for accepted in each.units) else unit
        if not _OLD.match(text, number.end()):
            values.append(f"{number.group(1)} {unit}".strip())
        between = _THEN.match(text, number.end())
        following = second.match(text, between.end()) if between else None
        # A number without a unit may be anything's; another name in between takes it.
        if between is None or following is None or not following.group(2) or _any_name().search(between.group()):
            break
        number = following
    return values


def _days(one: Calculator, text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in one.inputs:
        if each.kind != "date":
            continue
        names = "|".join(said(name) for name in sorted(each.names, key=len, reverse=True))
        for match in re.finditer(names, text):
            day = _DATE.search(text, match.end(), match.end() + _DATE_NEAR)
            if day:
                found.setdefault(each.name, []).append(day.group())
                break
    return found


def _pressures(one: Calculator, text: str) -> dict[str, list[str]]:
    if not {"systolic", "diastolic"} & {each.name for each in one.inputs}:
        return {}
    pairs = [(int(match[1]), int(match[2])) for match in _PRESSURE.finditer(text)]
    real = [(high, low) for high, low in pairs if 50 <= high <= 280 and 25 <= low <= 180 and low < high]
    return {"systolic": [str(high) for high, _ in real], "diastolic": [str(low) for _, low in real]} if real else {}


def _alone(one: Calculator, text: str) -> dict[str, list[str]]:
    """Numbers that need no name ("80 kg"), where none stands behind its name."""
    found: dict[str, list[str]] = {}
    for each in one.inputs:
        for expression in each.alone:
            for match in re.finditer(expression, text):
                if not _CHANGED.search(text[max(0, match.start() - 16) : match.start()]):
                    found.setdefault(each.name, []).extend(_joined(match))
    return found


def _joined(match: re.Match[str]) -> list[str]:
    return [f"{match.group(1)} {match.group(2)}".strip()]


def _measured(one: Calculator, text: str) -> dict[str, list[str]]:
    """Age, sex, and the vital signs that are told in ways only their own reader knows."""
    names = {each.name for each in one.inputs}
    found: dict[str, list[str]] = {}
    if "age" in names and (years := age_of(text)) is not None:
        found["age"] = [f"{years:g} y"]
    if "sex" in names:
        sexes = [sex for sex, expression in _SEX if expression.search(text)]
        found |= {"sex": sexes} if len(sexes) == 1 else {}
    if names & set(_VITALS):
        vitals = read_vitals([_TIME.sub(" ", text)])
        for name in names & set(_VITALS):
            value = getattr(vitals, name)
            # Its reader takes one end of a range ("20-24").
            ranged = value is not None and re.search(rf"(?<!\d){value:g}\s?[-–~～至到]\s?\d", text)
            found |= {name: [f"{value:g}"]} if value is not None and not ranged else {}
    return found


def _told(one: Calculator, text: str, plain: str) -> dict[str, list[str]]:
    """Answers in words: yes and no with their negation, and choices."""
    inputs = {each.name: each for each in one.inputs}
    # A calculator's own name says nothing of the person ("stroke" in a stroke score).
    unnamed = _calculator_names().sub(lambda match: " " * len(match.group()), text)
    tokens = tokenize(unnamed, traditional=load_lexicon().traditional)
    if not tokens or not any(each.kind in ("yes_no", "choice") for each in one.inputs):
        return {}
    matches = _matcher(one.id).match(tokens)
    cues: dict[str, list[Match]] = {}
    for match in _cues().match(tokens):
        cues.setdefault(match.id, []).append(match)
    cores = frozenset(
        place for match in matches for place in range(match.first, match.last) if place not in match.inside
    )
    context = Context(tokens, cues, cores, frozenset())
    found: dict[str, list[str]] = {}
    for match in matches:
        key, _, choice = match.id.partition("\t")
        each, state = inputs[key], context.state(match)
        if state.other or state.family or state.hypothetical or context.broken(match):
            continue
        after = _SAID_AFTER.match(plain, tokens[match.last - 1].end) if each.kind == "yes_no" else None
        if after:
            found.setdefault(key, []).append(after.group(1))
        elif choice == "yes" and (state.negated or state.sound or (state.past and not each.past)):
            continue
        elif choice:
            its_own = any(token.raw in _DENIES_ITSELF for token in tokens[match.first : match.last])
            found.setdefault(key, []).extend([choice] if its_own or not state.negated else [])
        elif state.negated or state.sound:
            found.setdefault(key, []).append("no")
        elif not state.past or each.past:
            found.setdefault(key, []).append("yes")
    # He and she in one note speak of two people.
    if len(set(found.get("sex", ()))) > 1:
        del found["sex"]
    return found


@cache
def _by_name() -> Mapping[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for each in _inputs():
        for name in each.names:
            table.setdefault(re.sub(r"[\s\-‑–_]", "", name.lower()), set()).add(each.name)
    return {name: frozenset(keys) for name, keys in table.items()}


@cache
def _calculator_names() -> re.Pattern[str]:
    names = {name.lstrip("=") for one in calculators().values() for name in one.names}
    return re.compile("|".join(said(name) for name in sorted(names, key=len, reverse=True)), re.IGNORECASE)


@cache
def _any_name() -> re.Pattern[str]:
    """Names of numbers, and of calculators, so that a creatinine clearance is no creatinine."""
    names = {name for each in _inputs() if each.kind == "number" for name in each.names}
    names |= {name for one in calculators().values() for name in one.names if not name.startswith("=")}
    return re.compile("|".join(said(name) for name in sorted(names, key=len, reverse=True)))


def _inputs() -> Iterable[Input]:
    return [each for one in calculators().values() for each in one.inputs]


@cache
def _behind(each: Input, *, bare: bool = False) -> re.Pattern[str]:
    """A number and its unit behind a name (`bare`: behind nothing): an accepted unit, else what looks like one."""
    accepted = {unit.name for unit in each.units}
    written = {each for each, name in spellings().items() if name in accepted} | {name.lower() for name in accepted}
    units = "|".join(re.escape(each).replace("u", "[uµμ]") for each in sorted(written, key=len, reverse=True))
    return re.compile(rf"{'' if bare else _GLUE}{_NUMBER}(?:\s?({units})(?![a-z/\d])|\s?({_OTHER_UNIT}))?")


@cache
def _matcher(name: str) -> Matcher:
    patterns: dict[str, tuple[str, ...]] = {}
    for each in calculator(name).inputs:
        patterns |= {each.name: each.patterns} if each.patterns else {}
        patterns |= {f"{each.name}\tyes": each.signs} if each.signs else {}
        patterns |= {f"{each.name}\tno": each.denials} if each.denials else {}
        patterns |= {f"{each.name}\t{choice.id}": choice.patterns for choice in each.choices if choice.patterns}
    lexicon = load_lexicon()
    return Matcher(patterns, words=lexicon.words, spelling=lexicon.spelling)


@cache
def _cues() -> Matcher:
    lexicon = load_lexicon()
    return Matcher(lexicon.cues, words=lexicon.words, spelling=lexicon.spelling)
