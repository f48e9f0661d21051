"""A checked bundle as a `Record`: age, sex, pregnancy, conditions, medicines, allergies, readings; and that as a sentence.

Only codes' texts and numbers are taken. Names, addresses, identifiers, contacts, notes and free instructions are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agent.fhir.types import LeftOut, Record
from agent.types import Language

NEW = timedelta(days=30)
"""A condition that began within this is weighed as one of now."""
FRESH = timedelta(hours=24)
"""A reading older than this says nothing of now."""
_WEIGHT = timedelta(days=365)
_PREGNANCY = timedelta(weeks=42)
_MOST = 60
_WORDS = 120
"""Names of each list, and characters of a name, that are taken."""
# LOINC: what it is, and how it reads in either language. Blood pressure has its two as components.
_READINGS = {
    "8310-5": ("Temperature {} °C", "体温{}℃"),
    "8867-4": ("Heart rate {}", "心率{}次/分"),
    "9279-1": ("Respiratory rate {}", "呼吸{}次/分"),
    "2708-6": ("Oxygen saturation {}%", "血氧{}%"),
    "59408-5": ("Oxygen saturation {}%", "血氧{}%"),
}
_CELSIUS, _FAHRENHEIT = ("Cel", "°C", "C"), ("[degF]", "°F", "F")
_PREGNANT, _GESTATION, _BODY_WEIGHT = "82810-3", ("18185-9", "49051-6", "11884-4"), "29463-7"
_YES, _NO = ("77386006", "LA15173-0"), ("60001007", "LA26683-5")


def read(resources: Sequence[tuple[str, dict[str, Any]]], *, now: datetime, language: Language) -> Record:
    """What the resources (path, resource; the patient first) tell at `now`, readings written in `language`."""
    _, patient = resources[0]
    left: list[LeftOut] = []
    found: dict[str, list[str]] = {name: [] for name in ("history", "now", "medicines", "allergies", "readings")}
    by_name = {f"Medication/{each.get('id')}": each for _, each in resources if each["resourceType"] == "Medication"}
    pregnant: bool | None = None
    weeks: int | None = None
    none_known = False
    for path, each in resources[1:]:
        kind = each["resourceType"]
        if why := _not_so(each, now):
            left.append(LeftOut(path, why))
        elif kind == "Condition":
            _take(found["now" if _is_new(each, now) else "history"], _name(each.get("code")), path, left)
        elif kind in ("MedicationStatement", "MedicationRequest"):
            _take(found["medicines"], _medicine(each, by_name), path, left)
        elif kind == "AllergyIntolerance":
            none_known = none_known or _codes(each.get("code")) & {"716186003", "409137002"} != set()
            if not none_known:
                _take(found["allergies"], _name(each.get("code")), path, left)
        elif kind == "Observation":
            codes = _codes(each.get("code"))
            if _PREGNANT in codes:
                said = _codes(each.get("valueCodeableConcept"))
                pregnant = True if said & set(_YES) else False if said & set(_NO) else pregnant
            elif codes & set(_GESTATION):
                weeks = _number(each.get("valueQuantity"), 1, 44)
                pregnant = True if weeks is not None else pregnant
            else:
                _take(found["readings"], _reading(each, codes, language), path, left)
    return Record(
        age_years=_age(patient.get("birthDate"), now.date()),
        sex={"female": "female", "male": "male"}.get(str(patient.get("gender", "")), ""),
        pregnant=pregnant, weeks=weeks, no_allergies=none_known and not found["allergies"], left_out=tuple(left),
        **{name: tuple(dict.fromkeys(values))[:_MOST] for name, values in found.items()},
    )  # fmt: skip


def sentence(record: Record, language: Language) -> str:
    """The record as somebody would tell it, "" where it tells nothing. Still raw: it goes through the redactor."""
    parts = list(_english(record) if language == "en" else _chinese(record))
    if not parts:
        return ""
    return "From the record: " + " ".join(parts) if language == "en" else "病历记载：" + "".join(parts)


def _english(record: Record) -> Iterator[str]:
    age = _told_age(record.age_years)
    if age or record.sex:
        yield f"{f'{age} old' if age else 'Adult or child'} {record.sex or 'person'}.".replace(
            " years old", "-year-old"
        )
    if record.pregnant:
        yield f"Pregnant, {record.weeks} weeks." if record.weeks else "Pregnant."
    elif record.pregnant is False:
        yield "Not pregnant."
    for head, names in (
        ("Now:", record.now),
        ("History of", record.history),
        ("Takes", record.medicines),
        ("Allergic to", record.allergies),
    ):
        if names:
            yield f"{head} {', '.join(names)}."
    if record.no_allergies:
        yield "No known allergies."
    if record.readings:
        yield f"{', '.join(record.readings)}."


def _chinese(record: Record) -> Iterator[str]:
    age = _told_age(record.age_years).replace(" years", "岁").replace(" months", "个月").replace(" weeks", "周")
    sex = {"female": "女", "male": "男"}.get(record.sex, "")
    if age or sex:
        yield "，".join(filter(None, (age, sex))) + "。"
    if record.pregnant:
        yield f"怀孕{record.weeks}周。" if record.weeks else "怀孕。"
    elif record.pregnant is False:
        yield "没有怀孕。"
    for head, names in (("现患", record.now), ("既往病史：", record.history), ("在用药：", record.medicines)):
        if names:
            yield f"{head}{'、'.join(names)}。"
    if record.allergies:
        yield f"对{'、'.join(record.allergies)}过敏。"
    if record.no_allergies:
        yield "没有已知过敏。"
    if record.readings:
        yield f"{'，'.join(record.readings)}。"


def _told_age(years: float | None) -> str:
    if years is None:
        return ""
    if years >= 2:
        return f"{int(years)} years"
    return f"{int(years * 12)} months" if years >= 0.25 else f"{int(years * 52.18)} weeks"


def _age(born: Any, today: date) -> float | None:
    """Years, of a birth date that may be a year or a month alone; at most 90, as the redactor tells it."""
    parts = str(born or "").split("-")
    try:
        day = date(int(parts[0]), int(parts[1]) if len(parts) > 1 else 7, int(parts[2]) if len(parts) > 2 else 1)
    except ValueError:
        return None
    years = (today - day).days / 365.2425
    return min(90.0, years) if years >= 0 else None


def _not_so(each: Mapping[str, Any], now: datetime) -> str:
    """Why a resource says nothing of the person now; "" where it does."""
    status = str(each.get("status", ""))
    verified = _codes(each.get("verificationStatus"))
    clinical = _codes(each.get("clinicalStatus"))
    if status in ("entered-in-error", "cancelled") or verified & {"entered-in-error", "refuted"}:
        return "It was entered in error, cancelled or refuted"
    kind = each["resourceType"]
    if kind in ("MedicationStatement", "MedicationRequest") and status not in ("active", "intended", "unknown"):
        return "It is not taken now"
    if kind == "AllergyIntolerance" and clinical & {"inactive", "resolved"}:
        return "It is over"
    if kind == "Observation":
        return _stale(each, now)
    return ""


def _stale(each: Mapping[str, Any], now: datetime) -> str:
    codes = _codes(each.get("code"))
    known = {*_READINGS, _PREGNANT, *_GESTATION, _BODY_WEIGHT, "85354-9"}
    if not codes & known:
        return "This kind of observation is not read"
    age = _age_of(each, now)
    if age is None:
        return "It does not say when it was measured"
    most = _PREGNANCY if _PREGNANT in codes else _WEIGHT if _BODY_WEIGHT in codes else FRESH
    if codes & set(_GESTATION):
        most = timedelta(days=7)
    return "It is too old to say something of now" if age > most else ""


def _age_of(each: Mapping[str, Any], now: datetime) -> timedelta | None:
    """How long ago it was measured, or began; when it was written down says nothing of that."""
    for field in ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "onsetDateTime", "onsetPeriod", "issued"):
        given = each.get(field, "")
        at = _moment(str(given.get("start", "")) if isinstance(given, Mapping) else str(given))
        if at is not None:
            return max(timedelta(), now - at)
    return None


def _moment(text: str) -> datetime | None:
    """A FHIR dateTime, which may be a year or a month alone: then its first day."""
    padded = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        at = datetime.fromisoformat(padded)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_new(condition: Mapping[str, Any], now: datetime) -> bool:
    over = _codes(condition.get("clinicalStatus")) & {"inactive", "remission", "resolved"}
    if over or any(name.startswith("abatement") for name in condition):
        return False
    began = _age_of(condition, now)
    return began is not None and began <= NEW


def _take(names: list[str], name: str, path: str, left: list[LeftOut]) -> None:
    if name:
        names.append(name)
    else:
        left.append(LeftOut(path, "It has no text or value that can be read"))


def _name(concept: Any) -> str:
    """A code's display, or its text: one line, of bounded length."""
    if not isinstance(concept, Mapping):
        return ""
    shown = [str(coding.get("display", "")) for coding in concept.get("coding", ()) if isinstance(coding, Mapping)]
    text = next(filter(None, (*shown, str(concept.get("text", "")))), "")
    return " ".join(text.split())[:_WORDS].rstrip(" .,;")


def _codes(concept: Any) -> set[str]:
    codings = concept.get("coding", ()) if isinstance(concept, Mapping) else ()
    return {str(coding.get("code", "")) for coding in codings if isinstance(coding, Mapping)}


def _medicine(each: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> str:
    if named := _name(each.get("medicationCodeableConcept")):
        return named
    given = each.get("medicationReference")
    reference = str(given.get("reference", "")) if isinstance(given, Mapping) else ""
    inside = {f"#{one.get('id')}": one for one in each.get("contained", ()) if isinstance(one, Mapping)}
    found = inside.get(reference) or by_name.get("/".join(reference.split("/")[-2:]))
    return _name(found.get("code")) if found is not None else ""


def _reading(each: Mapping[str, Any], codes: set[str], language: Language) -> str:
    if "85354-9" in codes:
        parts = {code: part for part in each.get("component", ()) for code in _codes(part.get("code"))}
        high, low = (_number(parts.get(code, {}).get("valueQuantity"), 20, 320) for code in ("8480-6", "8462-4"))
        shown = ("Blood pressure {}/{}", "血压{}/{}")[language == "zh"]
        return shown.format(high, low) if high is not None and low is not None else ""
    if _BODY_WEIGHT in codes:
        value = _quantity(each.get("valueQuantity"))
        unit = _unit(each.get("valueQuantity"))
        kilograms = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.4536}.get(unit)
        if value is None or kilograms is None:
            return ""
        return ("Weight {:g} kg", "体重{:g}公斤")[language == "zh"].format(round(value * kilograms, 1))
    for code in codes & set(_READINGS):
        quantity = each.get("valueQuantity")
        value = _quantity(quantity)
        if value is None:
            return ""
        unit = _unit(quantity)
        if code == "8310-5" and unit in _FAHRENHEIT:
            value = (value - 32) / 1.8
        elif code == "8310-5" and unit not in _CELSIUS:
            return ""
        return _READINGS[code][language == "zh"].format(f"{round(value, 1):g}")
    return ""


def _number(quantity: Any, least: int, most: int) -> int | None:
    value = _quantity(quantity)
    return int(value) if value is not None and least <= value <= most else None


def _quantity(quantity: Any) -> float | None:
    value = quantity.get("value") if isinstance(quantity, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _unit(quantity: Any) -> str:
    return str(quantity.get("code") or quantity.get("unit") or "") if isinstance(quantity, Mapping) else ""
