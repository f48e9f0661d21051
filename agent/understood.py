"""What was understood of a person, row by row in plain words, and the sentences that correct a row.

Rows are read from the state alone. A correction is a message like any other, so that triage runs again over it, the audit sees it,
and nothing is kept beside the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from agent import medicines, person, wishes
from agent.corrections import Fix, fixes, is_correction, sentence
from agent.facts import read_facts
from agent.findings import find
from agent.messages import say
from agent.privacy import redact_again
from agent.quantities import HOURS, NUM, NUM_ZH, UNIT, UNIT_ZH, YEARS
from agent.quantities import unit as unit_of
from agent.quantities import value as number_of
from agent.types import ConversationState, Facts, Finding, Language
from knowledge.errors import InputError
from knowledge.rules import load_lexicon

LISTS = ("wrong", "denied", "conditions", "medicines", "allergies")
"""Rows that hold several things, with commas between."""
# In the order of the page; the weeks of a pregnancy are corrected before the time, so that none is taken for the other.
ROWS = (
    "who", "age", "sex", "pregnancy", "wrong", "denied", "since", "temperature", "weight", "conditions", "medicines", "allergies",
)  # fmt: skip
MOST = 300
"""Characters of one row that are read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing understood, as a person reads and changes it. `told`: something was said of it; `fault`: why a change of it cannot
    be used."""

    id: str
    label: str
    value: str
    editable: bool = True
    told: bool = True
    fault: str = ""

    @property
    def typed(self) -> str:
        """What stands in its field: nothing where nothing was told."""
        return self.value if self.told else ""


_HAS = re.compile(r"^(?:(?:my|our|his|her|the) )?(?:[a-z']+ )?(?:has|have|had|got) (?:(?:a|an|the|some|got) )*", re.I)
_COMMA = re.compile(r"\s*[,，、;；\n]+\s*")
_ASKED = re.compile(r"[^.!?。！？;；\n]*(?:[?？]|[吗呢]\W*$)")
_SPACES = re.compile(r"\s+")
_ALLERGY = re.compile(r"allerg|anaphyla|过敏", re.I)
_ALLERGIC_TO = re.compile(
    r"\ballergic (?:reaction )?to (?:an? |the )?"
    r"(?P<en>[^.;!?\n]{2,80}?)(?=[.;!?\n]|$|, (?:i|he|she|we|they|my)\b| but\b| and (?:i|he|she|my)\b)"
    r"|对(?P<zh>[^。；！？，\n]{1,30}?)过敏",
    re.I,
)
_LISTED = re.compile(r"\s*(?:,|、|\band\b|\bor\b|和|或|及)\s*", re.I)
_DENIED = re.compile(
    r"(?:\b(?:no|not|never|without|stopped|isn'?t|don'?t|doesn'?t|didn'?t|haven'?t|hasn'?t)\b[^.,;!?\n]{0,24}|(?:没有?|不|未|停了?)[^，。；\n]{0,4})$",
    re.I,
)
_AGE = re.compile(rf"{NUM}\s*-?\s*{UNIT}(?:[\s-]?old)?", re.I)
_AGE_ZH = re.compile(NUM_ZH + r"\s*(周岁|岁|个月|月|星期|周|天|日)(?:大|龄)?")
_SINCE = re.compile(
    rf"(?:for |since |about )*{NUM}\s*(minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|mths?|years?|yrs?)(?: ago)?",
    re.I,
)
_SINCE_ZH = re.compile(NUM_ZH + r"\s*(分钟|小时|钟头|天|日|星期|礼拜|周|个月|月|年)(?:前|了|多)?")
_WEEKS = re.compile(r"(?:怀孕)?\s*(\d{1,2})\s*(?:weeks?|wks?|w|周)?\s*(?:pregnant|怀孕)?", re.I)
_DEGREES = re.compile(
    r"(\d{2,3}(?:[.,]\d{1,2})?)\s*(?:°|º|degrees?|度)?\s*(c|f|celsius|fahrenheit|℃|℉|摄氏度?|华氏度?)?", re.I
)
_WEIGHT = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?)\s*(kg|kgs|kilos?|lbs?|pounds?|公斤|千克|斤)?", re.I)
_POUND, _JIN = 0.4536, 0.5
_SEX = {
    "female": ("female", "f", "woman", "girl", "女", "女性", "女的", "女孩"),
    "male": ("male", "m", "man", "boy", "男", "男性", "男的", "男孩"),
}
_PREGNANCY = {
    "not_pregnant": ("no", "not pregnant", "not", "没有", "没", "否", "没怀孕", "没有怀孕", "未怀孕"),
    "pregnant": ("yes", "pregnant", "是", "有", "怀孕", "怀孕了", "孕妇"),
    "postpartum": ("after birth", "postpartum", "gave birth", "产后", "刚生完"),
}
_SELF = ("me", "myself", "i", "you", "yourself", "self", "我", "我自己", "自己", "本人", "您", "您自己", "你")
_OTHERS = (
    "somebody else",
    "someone else",
    "other",
    "another person",
    "patient",
    "别人",
    "其他人",
    "他人",
    "病人",
    "患者",
)
_OWN = re.compile(r"^(?:(?:my|our|your|the)\s+|(?:我|我们|我家|您|你)的?)")
_NONE = ("none", "no", "nothing", "无", "没有", "没", "-")
_TEMPERATURE_C, _FAHRENHEIT, _WEIGHT_KG, _PREGNANT_WEEKS = (30.0, 44.0), 86.0, (0.4, 350.0), (3, 43)
_OLDEST, _LONGEST_H = 120.0, 100 * 8760.0


def understood(state: ConversationState, language: Language) -> tuple[Row, ...]:
    """The rows of the history that the conversation is about now; none while nothing was told.

    What is shown is what triage read, in the person's own words where it is a list; no id of a finding is shown.
    """
    facts = state.triage.facts if state.triage is not None else Facts()
    findings = state.triage.findings if state.triage is not None else ()
    texts = [message.text for message in wishes.spoken(state.messages[state.begins :]) if message.role == "user"]
    lists = _lists(texts, findings, language)
    given = {
        "age": _age_words(facts.age_years, language),
        "sex": say(language, f"understood_{facts.sex}") if facts.sex else "",
        "pregnancy": _pregnancy_words(facts, language),
        "since": _since_words(facts.duration_hours, language),
        "temperature": _number("understood_celsius", facts.temperature_c, language),
        "weight": _number("understood_kilograms", facts.weight_kg, language),
        **lists,
    }
    if not any(given.values()):
        return ()
    who = state.person or ("other" if facts.subject == "other" else person.SELF)
    given["who"] = say(language, f"understood_who_{who}")
    hidden = {"pregnancy"} if facts.sex == "male" and not given["pregnancy"] else set()
    return tuple(
        Row(name, _label(name, language), given[name] or say(language, "understood_not_told"), told=bool(given[name]))
        for name in ROWS
        if name not in hidden
    )


def correction(id: str, value: str, language: Language, *, before: str = "") -> str:
    """The plain sentences, a line each, that make a row so when the person sends them; "" where they would change nothing.

    `before` is what stood in the row: what is no longer in a list is denied by name, and a bare number is read in its unit.

    Raises:
        InputError: `value` cannot be read; `wrong` names it and `expected` says what is accepted.
    """
    if id not in ROWS:
        raise InputError(f"There is no row {id!r}", expected=f"one of {', '.join(ROWS)}")
    value = value.strip() if id in LISTS else _SPACES.sub(" ", value).strip()
    if len(value) > MOST:
        raise _refused(id, "understood_wrong_long", value, language)
    if not value and id not in ("conditions", "medicines", "allergies"):
        raise _refused(id, "understood_wrong_empty", value, language)
    if id in LISTS:
        return "\n".join(_listed(id, value, before, language))
    made = _SINGLE[id](value, language, before)
    if not made or not _reads(id, made, language):
        raise _refused(id, "understood_wrong", value, language)
    return made


def look_again(
    rows: Sequence[Row], typed: Mapping[str, str], state: ConversationState, language: Language
) -> tuple[str, tuple[Row, ...]]:
    """The message that corrects every row whose field was changed, and the rows as they were typed.

    The message is "" where nothing was changed or where a change cannot be used; such rows say why.
    """
    lines: list[str] = []
    shown: list[Row] = []
    for row in rows:
        value = typed.get(row.id, row.typed)
        if not row.editable or _same(value, row.typed):
            shown.append(row)
            continue
        try:
            said = correction(row.id, value, language, before=row.typed)
            _takes_back(row, said, state, language)
        except InputError as fault:
            told = say(language, "understood_fault", wrong=fault.wrong, expected=fault.expected)
            shown.append(replace(row, value=value[: 2 * MOST], told=True, fault=told))
            continue
        lines += [said] if said else []
        shown.append(replace(row, value=value, told=True))
    return "" if any(row.fault for row in shown) else "\n".join(lines), tuple(shown)


def _lists(texts: Sequence[str], findings: Iterable[Finding], language: Language) -> dict[str, str]:
    specs = load_lexicon().findings
    present: dict[str, list[str]] = {"wrong": [], "conditions": [], "medicines": []}
    denied: list[tuple[str, str]] = []
    ids: set[str] = set()
    for finding in findings:
        spec = specs.get(finding.id)
        if spec is None or finding.experiencer != "patient" or finding.time == "hypothetical":
            continue
        symptom = bool(spec.level) or spec.kind == "disease"
        if finding.negated:
            denied += [(finding.id, _HAS.sub("", finding.text))] if symptom else []
        elif symptom and finding.present and not _is_reading(finding):
            ids.add(finding.id)
            text = _HAS.sub("", finding.text)
            present["wrong"].append(say(language, "understood_gone", what=text) if finding.resolved else text)
        elif spec.kind == "condition" and not _ALLERGY.search(finding.text):
            present["conditions"].append(finding.text)
        elif spec.kind == "medicine":
            present["medicines"].append(finding.text)
    taken, allergic, none = _taken(texts, language)
    corrected = [fix for text in texts for fix in fixes(text)]
    wrong = _corrected(_once(present["wrong"]), corrected, "there_is", "no")
    absent = [text for id, text in denied if id not in ids] + [fix.value for fix in corrected if fix.name == "no"]
    known = [*taken, *allergic]
    more = [name for name in present["medicines"] if not any(_overlap(name, other) for other in known)]
    found = {
        "wrong": wrong,
        "denied": [text for text in _once(absent) if not any(_folded(text) == _folded(each) for each in wrong)],
        "conditions": _corrected(_once(present["conditions"]), corrected, "condition", "no_condition", "no_conditions"),
        "medicines": _corrected(_once([*taken, *more]), corrected, "medicine", "no_medicine", "no_medicines"),
        "allergies": allergic,
    }
    joined = {name: say(language, "comma").join(items) for name, items in found.items()}
    for name in ("conditions", "medicines", "allergies"):
        if not joined[name] and (f"no_{name}" in none):
            joined[name] = say(language, "understood_none")
    return joined


def _taken(texts: Sequence[str], language: Language) -> tuple[list[str], list[str], set[str]]:
    """Medicines taken and allergies, told or corrected in the order of the messages, and which lists were said to be empty."""
    taken: list[str] = []
    allergic: list[str] = []
    none: set[str] = set()
    for text in texts:
        if is_correction(text):
            for fix in fixes(text):
                taken = _fixed(taken, fix, "medicine", "no_medicine", "no_medicines")
                allergic = _fixed(allergic, fix, "allergy", "no_allergy", "no_allergies")
                none |= {fix.name} if fix.name in ("no_medicines", "no_conditions", "no_allergies") else set()
            continue
        told = medicines.heard([text], language)
        allergens = [*told.allergies, *_allergens(text)]
        allergic += allergens
        taken += [
            name for name in told.taken if not _is_denied(name, text) and _folded(name) not in map(_folded, allergens)
        ]
    return _once(taken), _once(allergic), none


def _corrected(items: list[str], corrected: Iterable[Fix], adds: str, removes: str, empties: str = "") -> list[str]:
    for fix in corrected:
        items = _fixed(items, fix, adds, removes, empties)
    return _once(items)


def _fixed(items: list[str], fix: Fix, adds: str, removes: str, empties: str) -> list[str]:
    if fix.name == adds:
        return [*(item for item in items if not _overlap(item, fix.value) or len(item) > len(fix.value)), fix.value]
    if fix.name == removes:
        return [item for item in items if not _overlap(item, fix.value)]
    return [] if fix.name == empties else items


def _allergens(text: str) -> list[str]:
    """What a message says somebody is allergic to, that is no medicine ("peanuts")."""
    found: list[str] = []
    for match in _ALLERGIC_TO.finditer(text):
        if not _DENIED.search(text[: match.start()]):
            found += [each for each in _LISTED.split(match["en"] or match["zh"] or "") if each]
    return [each for each in found if not re.search("[不没无]$", each)]


def _is_denied(name: str, text: str) -> bool:
    """Whether a text names a medicine only to deny it, or to ask about it."""
    places = [match.span() for match in re.finditer(re.escape(name), text)]
    return bool(places) and all(_DENIED.search(text[:start]) or _ASKED.match(text[end:]) for start, end in places)


def _is_reading(finding: Finding) -> bool:
    """A fever that only a number tells of stands in the row of the temperature."""
    return bool(re.search(r"\d", finding.text)) and "fever" in finding.id


def _listed(id: str, value: str, before: str, language: Language) -> list[str]:
    """The sentences that turn the list `before` into the list `value`."""
    new, old = _items(value, language), _items(before, language)
    added = [item for item in new if _folded(item) not in {_folded(each) for each in old}]
    gone = [item for item in old if _folded(item) not in {_folded(each) for each in new}]
    if id == "wrong":
        if not new:
            raise _refused(id, "understood_wrong_empty", value, language)
        return [*(sentence("no", language, _ungone(item, language)) for item in gone),
                *(sentence("there_is", language, _ungone(item, language)) for item in added)]  # fmt: skip
    if id == "denied":
        if gone:
            raise _refused(id, "understood_wrong", gone[0], language)
        return [sentence("no", language, item) for item in added]
    name = {"conditions": "condition", "medicines": "medicine", "allergies": "allergy"}[id]
    said = [sentence(f"no_{name}", language, item) for item in gone]
    if not new:
        return [*said, sentence(f"no_{id}", language)]
    # A name taken out may take its whole family back, so that what stays is told again.
    return [*said, *(sentence(name, language, item) for item in (new if gone else added))]


def _takes_back(row: Row, said: str, state: ConversationState, language: Language) -> None:
    """Raises InputError where what is taken out of a list would deny something else that is wrong."""
    if row.id not in LISTS or state.triage is None:
        return
    specs = load_lexicon().findings
    for fix in fixes(said):
        if not fix.name.startswith("no"):
            continue
        line = redact_again(sentence(fix.name, language, fix.value), date.today())
        denied = {finding.id for finding in find(line, language) if finding.negated and specs[finding.id].level}
        for finding in state.triage.findings:
            if finding.present and finding.id in denied and not _overlap(finding.text, fix.value):
                wrong = say(
                    language, "understood_wrong_takes_back", label=row.label, value=fix.value, other=finding.text
                )
                raise InputError(wrong, expected=say(language, "understood_accepts_own_words"))


def _items(value: str, language: Language) -> list[str]:
    items = _once(_SPACES.sub(" ", item).strip(" .。") for item in _COMMA.split(value))
    return [] if len(items) == 1 and _folded(items[0]) in _NONE else items


def _ungone(item: str, language: Language) -> str:
    mark = say(language, "understood_gone", what="")
    return item.removesuffix(mark).removesuffix(mark.strip())


def _who(value: str, language: Language, before: str) -> str:
    said = value.casefold().strip(" .。")
    if said in _SELF:
        child = before == say(language, "understood_who_child")
        return sentence("who_not_child" if child else "who_self", language)
    kin = _OWN.sub("", said) if said not in _OTHERS else said
    if kin in _OTHERS:
        return sentence("who_other", language)
    return sentence("who", language, kin) if person.kin(kin) else ""


def _age(value: str, language: Language, before: str) -> str:
    said = value.casefold().strip(" .。")
    if re.fullmatch(r"\d{1,3}(?:\.\d)?", said):
        if before and not re.search(r"year|岁", before):
            raise _refused("age", "understood_wrong_unit", value, language)
        said = f"{said} years"
    if match := _AGE.fullmatch(said):
        number, unit = number_of(match[1]), unit_of(match[2])
    elif match := _AGE_ZH.fullmatch(said):
        number, unit = number_of(match[1]), UNIT_ZH[match[2]]
    else:
        return ""
    if number is None or unit not in YEARS or not 0 <= number * YEARS[unit] <= _OLDEST or number > 999:
        return ""
    # A child of nought days is read as one of one: no rule tells them apart.
    number = max(number, 1) if unit == "day" else number
    if language == "zh":
        return sentence(
            "age", language, f"{number:g}{ {'year': '岁', 'month': '个月大', 'week': '周大', 'day': '天大'}[unit] }"
        )
    return sentence("age", language, _counted(number, unit))


def _sex(value: str, language: Language, before: str) -> str:
    said = value.casefold().strip(" .。")
    return next((sentence(f"sex_{sex}", language) for sex, words in _SEX.items() if said in words), "")


def _pregnancy(value: str, language: Language, before: str) -> str:
    said = value.casefold().strip(" .。")
    for name, words in _PREGNANCY.items():
        if said in words:
            return sentence(name, language)
    weeks = _WEEKS.fullmatch(said)
    if weeks is None or not _PREGNANT_WEEKS[0] <= int(weeks[1]) <= _PREGNANT_WEEKS[1]:
        return ""
    return sentence("pregnant_weeks", language, weeks[1])


def _since(value: str, language: Language, before: str) -> str:
    said = value.casefold().strip(" .。")
    if match := _SINCE.fullmatch(said):
        number, unit = number_of(match[1]), unit_of(match[2])
    elif match := _SINCE_ZH.fullmatch(said):
        number, unit = number_of(match[1]), UNIT_ZH[match[2]]
    else:
        return ""
    if number is None or unit not in HOURS or not 0 < number * HOURS[unit] <= _LONGEST_H or number > 999:
        return ""
    if language == "zh":
        names = {"minute": "分钟", "hour": "小时", "day": "天", "week": "周", "month": "个月", "year": "年"}
        return sentence("since", language, f"{number:g}{names[unit]}")
    return sentence("since", language, _counted(number, unit))


def _temperature(value: str, language: Language, before: str) -> str:
    match = _DEGREES.fullmatch(value.strip(" .。"))
    if match is None:
        return ""
    degrees, unit = float(match[1].replace(",", ".")), (match[2] or "").casefold()
    # As everywhere here: more than 86 is Fahrenheit when no unit says otherwise.
    if unit[:1] in ("f", "℉", "华") or (not unit and degrees >= _FAHRENHEIT):
        degrees = (degrees - 32) / 1.8
    low, high = _TEMPERATURE_C
    return sentence("temperature", language, f"{round(degrees, 1):g}") if low <= degrees <= high else ""


def _weight(value: str, language: Language, before: str) -> str:
    match = _WEIGHT.fullmatch(value.strip(" .。"))
    if match is None:
        return ""
    number, unit = float(match[1].replace(",", ".")), (match[2] or "").casefold()
    kilograms = number * (_JIN if unit == "斤" else _POUND if unit[:1] in ("l", "p") else 1.0)
    low, high = _WEIGHT_KG
    return sentence("weight", language, f"{round(kilograms, 1):g}") if low <= kilograms <= high else ""


_SINGLE: dict[str, Callable[[str, Language, str], str]] = {
    "who": _who, "age": _age, "sex": _sex, "pregnancy": _pregnancy, "since": _since, "temperature": _temperature,
    "weight": _weight,
}  # fmt: skip


def _reads(id: str, said: str, language: Language) -> bool:
    """Whether a correcting sentence is read as the fact that it states: nothing is sent that would change nothing."""
    facts = read_facts([redact_again(said, date.today())], language, ())
    known = {
        "age": facts.age_years, "sex": facts.sex or None, "pregnancy": facts.pregnant if not facts.postpartum else True,
        "since": facts.duration_hours, "temperature": facts.temperature_c, "weight": facts.weight_kg,
        "who": person.meant(said) or None,
    }  # fmt: skip
    return known[id] is not None


def _refused(id: str, wrong: str, value: str, language: Language) -> InputError:
    shown = value if len(value) <= 40 else value[:40] + "…"
    return InputError(
        say(language, wrong, label=_label(id, language), value=shown),
        expected=say(language, f"understood_accepts_{id}"),
    )


def _label(id: str, language: Language) -> str:
    return say(language, "understood_wrong_row" if id == "wrong" else f"understood_{id}")


def _age_words(years: float | None, language: Language) -> str:
    """Years; below two, months; below three months, weeks where it is no whole month; below three weeks, days."""
    if years is None:
        return ""
    if years >= 2:
        return _many(round(years, 1), "year", language, zh="岁")
    months, days = years * 12, round(years * 365)
    if months >= 3 or (months > 0.9 and abs(months - round(months)) < 0.05):
        return _many(round(months), "month", language)
    return _many(round(days / 7), "week", language) if days >= 21 else _many(days, "day", language)


def _since_words(hours: float | None, language: Language) -> str:
    if hours is None:
        return ""
    for unit, most in (("minute", 1.0), ("hour", 24.0), ("day", 14 * 24.0), ("week", 60 * 24.0), ("month", 2 * 8760.0)):
        if hours < most:
            return _many(round(hours / HOURS[unit]), unit, language)
    return _many(round(hours / HOURS["year"]), "year", language)


def _many(count: float, unit: str, language: Language, *, zh: str = "") -> str:
    if language == "en":
        return _counted(count, unit)
    return f"{count:g}{zh}" if zh else say(language, f"understood_{unit}s", count=f"{count:g}")


def _counted(number: float, unit: str) -> str:
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _number(name: str, value: float | None, language: Language) -> str:
    return "" if value is None else say(language, name, value=f"{value:g}")


def _pregnancy_words(facts: Facts, language: Language) -> str:
    if facts.pregnant and facts.pregnancy_weeks:
        return say(language, "understood_pregnant_weeks", weeks=facts.pregnancy_weeks)
    if facts.pregnant:
        return say(language, "understood_pregnant")
    if facts.postpartum:
        return say(language, "understood_postpartum")
    return "" if facts.pregnant is None else say(language, "understood_not_pregnant")


def _once(items: Iterable[str]) -> list[str]:
    """Each once, in order, without those that stand within another."""
    every = list({_folded(item): item for item in reversed([each for each in items if each])}.values())[::-1]
    return [item for item in every if not any(item is not each and _folded(item) in _folded(each) for each in every)]


def _overlap(one: str, other: str) -> bool:
    return _folded(one) in _folded(other) or _folded(other) in _folded(one)


def _folded(text: str) -> str:
    return text.casefold().strip()


def _same(one: str, other: str) -> bool:
    return _SPACES.sub(" ", one).strip() == _SPACES.sub(" ", other).strip()
