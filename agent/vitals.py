"""Numbers somebody measured: oxygen, pulse, blood pressure, breathing rate, glucose, temperature, with their units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

_N = r"(\d{1,3}(?:[.,]\d{1,2})?)"
_GLUE = (
    r"[\s:：=~≈约是为在到了有至达only]{0,4}(?:(?:is|was|of|at|about|around|reads?|reading|showed|"
    r"shows|down to|up to|over|under|says|测|只有|高达|低到|降到|升到)[\s:：]{0,2}){0,3}"
)
_SPO2 = re.compile(
    r"(?:spo2|sp02|o2\s?sats?|sats?|saturation|oxygen(?: level| saturation| sats?)?|pulse ox(?:imeter)"
    rf"?|血氧(?:饱和度)?|氧饱和度?){_GLUE}{_N}\s?%?"
)
_PULSE = re.compile(
    rf"(?:(?<![a-z])(?:hr|heart rate|heart ?beat|pulse(?! ox)|bpm)|心率|脉搏|心跳){_GLUE}(\d{{2,3}})"
    r"(?![\d%/.]|\s?(?:years|days|hours))"
    r"|\b(?:heart(?! (?:attack|disease|failure|bypass|surgery|op))|pulse)\b[^\d.,;\n]{1,30}?"
    r"\b(?:at|to|around|over|about)\s(\d{2,3})(?![\d%/.]|"
    r"\s?(?:years|yrs|days|hours|mg))"
    r"|(?<![\d./])(\d{2,3})\s?(?:bpm|beats (?:per|a) minute|次[/每]分|下[/每]分)"
)
_PRESSURE = re.compile(r"(?<![\d/.])(\d{2,3})\s?(?:/|over|\\)\s?(\d{2,3})(?![\d/]|\s?(?:mg|ml|mcg))")
_PRESSURE_ZH = re.compile(
    r"(?:血压|高压|收缩压)[^\d。，]{0,6}(\d{2,3})(?:[^\d。]{1,6}(?:低压|舒张压)?[^\d。]{0,3}(\d{2,3}))?"
)
_BREATHS = re.compile(
    rf"(?:(?<![a-z])(?:rr|resp(?:iratory)? rate|resps?|breathing rate)|呼吸(?:频率)?){_GLUE}(\d{{2,3}})(?![\d%/.])"
    r"|(?<!\d)(\d{2,3}) breaths"
)
_GLUCOSE = re.compile(
    rf"(?:(?<![a-z])(?:bg|bgl|bm|cbg|blood (?:sugar|glucose)s?|sugars?|glucose|glucometer)|血糖){_GLUE}{_N}\s?(mmol|mg)?"
)
_CELSIUS = re.compile(
    rf"(?<![\d.]){_N}\s?(?:°\s?c|℃|º\s?c|degrees? c|deg c|celsius|摄氏度|c(?![a-z]))"
    r"|(?<![\d.])(3\d(?:\.\d)?|4[0-3](?:\.\d)?)[度℃](\d)?(?!\d)"
)
_FAHRENHEIT = re.compile(
    r"(?<![\d.])(9\d|1[01]\d)(\.\d{1,2})?\s?(?:°\s?f|℉|º\s?f|degrees? f|deg f|fahrenheit|f(?![a-z])"
    r"|华氏)"
)
_BARE = re.compile(
    r"(?:(?:temp(?:erature)?|running (?:a|at)?|(?<![a-z])t(?=[ :=]\s?3)|rectal(?:ly)?|体温)|"
    # Nobody calls less than 35 a fever: a smaller number after these is something else; nor is one after "no fever" ("... I'm 42").
    r"(?<!no )(?<!not )(?<!without )(?<![没不无未])(?<!没有)(?:fever|feverish|burning up|发烧|发热|高烧|低烧|烧到?|烧)"
    r"(?=[^\d\n]{0,24}(?:3[5-9]|4|9|10)))"
    r"[^\d\n.!?。！？;；]{0,24}?(?<![\d.])(3\d(?:[.,]\d{1,2})?|4[0-3](?:[.,]\d{1,2})?|9[5-9](?:\.\d)?|10[0-8](?:\.\d)?)"
    r"(?![\d%/.]|\s?(?:years?|yrs?|days?|hours?|weeks?|months?|minutes?|mg|ml|bpm|岁|天|小时|周|个|分|年))"
    r"|(?<![\d./-])(?<!spo2 )(3[5-9][.,]\d|4[0-2][.,]\d)(?![\d%/:+]|\.\d|\s?(?:kg|kilos?|cm|mm|mmol|mg|ml|lbs?|km"
    r"|stone|weeks?|wks?|years?|miles|"
    r"岁|斤|公斤|厘米|毫|元|块|个|天前|公里|分))"
)
_AMBIENT = re.compile(
    r"(?:外头|外面|室外|天气|气温|户外|屋外|今天)\s?[34]\d\s?度(?:[多高]?)|[34]\d\s?度(?:的天|的?高温|的?太阳"
    r"|的?大热天|晒|干|跑|天气|三天|好几天)"
    r"|\b(?:it'?s|in|about) [34]\d(?:\s?°?\s?c)?(?: degrees?)? (?:out\b|outside|out there|heat|sun|today in"
    r"|in the shade)|\bin (?:the )?[34]\d[\s-]?degrees?\b"
    r"|\b[34]\d (?:degrees? )?(?:out there|outside|heat)"
)
"""The weather, which is no temperature of a body."""
_HAN_DEGREES = re.compile(r"([三四])十([一二三四五六七八九])?度(?:([一二三四五六七八九半])(?![十个天次]))?")
_ARMPIT = re.compile(r"\b(?:armpit|axilla\w*|under (?:the|her|his|my) arm|underarm)\b|腋|胳肢窝|夹肢窝")
_ELSEWHERE = re.compile(
    r"\b(?:rectal\w*|in (?:his|her|the) (?:ear|bottom)|ear thermometer|tympanic|forehead|oral\w*)\b|耳温|额温|肛温|口温|口腔温度"
)
_HAN_TEXT = re.compile(r"[\u4e00-\u9fff]")
_HAN = "零一二三四五六七八九"
_HUNDREDS = re.compile(
    r"([一二])百(零[一二三四五六七八九]|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]?)"
)


@dataclass(frozen=True, slots=True)
class Vitals:
    """Latest value of each, None when not given. Temperatures in °C, glucose in mmol/L, pressure in mmHg.

    `armpit`: the temperature was measured there, as it was said, or as is usual in China when nothing was said.
    """

    spo2: float | None = None
    pulse: float | None = None
    systolic: float | None = None
    diastolic: float | None = None
    breaths: float | None = None
    glucose: float | None = None
    temperature: float | None = None
    armpit: bool = False


_NONE = Vitals()


def read_vitals(texts: Sequence[str], *, before: Vitals = _NONE) -> Vitals:
    """The vital signs of a conversation's messages, oldest first; a later one replaces an earlier value, also one of `before`."""
    vitals = before
    for text in texts:
        vitals = _read(_HUNDREDS.sub(_digits, text.lower()), vitals)
    return vitals


def _read(text: str, old: Vitals) -> Vitals:
    found: dict[str, Any] = {}
    for match in _SPO2.finditer(text):
        _keep(found, "spo2", _number(match.group(1)), 50, 100)
    for match in _PULSE.finditer(text):
        _keep(found, "pulse", _number(next((g for g in match.groups() if g), None)), 20, 260)
    for pattern in (_PRESSURE, _PRESSURE_ZH):
        for match in pattern.finditer(text):
            high, low = _number(match.group(1)), _number(match.group(2) or "")
            if high is None or not 50 <= high <= 280:
                continue
            if low is not None and (not 25 <= low <= 180 or low >= high):
                continue
            if pattern is _PRESSURE and low is None:
                continue
            found["systolic"] = high
            if low is not None:
                found["diastolic"] = low
    for match in _BREATHS.finditer(text):
        _keep(found, "breaths", _number(match.group(1) or match.group(2)), 4, 90)
    for match in _GLUCOSE.finditer(text):
        value, unit = _number(match.group(1)), match.group(2)
        if value is None:
            continue
        # Meters reading mg/dL never show under 20, and mmol/L meters stop at about 33.
        if unit == "mg" or (unit is None and value > 40):
            value = value / 18.0
        _keep(found, "glucose", round(value, 1), 0.5, 60)
    temperature = _temperature(text)
    if temperature is not None:
        found["temperature"] = temperature
        elsewhere = _ELSEWHERE.search(text)
        armpit = bool(_ARMPIT.search(text) or (_HAN_TEXT.search(text) and not elsewhere))
        return replace(old, **found, armpit=armpit)
    return replace(old, **found)


def _digits(match: re.Match[str]) -> str:
    """一百八十, 一百八 and 一百零五 in digits."""
    hundred, rest = match.group(1), match.group(2)
    tens, _, ones = rest.partition("十")
    if not rest:
        value = 0
    elif "十" in rest:
        value = (_HAN.index(tens) if tens else 1) * 10 + (_HAN.index(ones) if ones else 0)
    elif rest[0] == "零":
        value = _HAN.index(rest[1]) if len(rest) > 1 else 0
    else:
        value = _HAN.index(rest[0]) * 10
    return str(_HAN.index(hundred) * 100 + value)


def _temperature(text: str) -> float | None:
    """The highest temperature said, °C; a normal value said later does not hide a fever."""
    values: list[float] = []
    text = _HAN_DEGREES.sub(_degrees, _AMBIENT.sub(" ", text))
    for match in _CELSIUS.finditer(text):
        # "39度5" gives its tenth behind the word for degrees, "38.2度" before it.
        tenth = f".{match.group(3)}" if match.group(3) and "." not in (match.group(2) or "") else ""
        value = _number(match.group(1)) if match.group(1) else _number(f"{match.group(2)}{tenth}")
        values += [] if value is None else [value]
    for match in _FAHRENHEIT.finditer(text):
        value = _number(match.group(1) + (match.group(2) or ""))
        values += [] if value is None else [(value - 32) / 1.8]
    for match in _BARE.finditer(text):
        value = _number(match.group(1) or match.group(2))
        if value is not None:
            values.append((value - 32) / 1.8 if value > 90 else value)
    real = [round(value, 1) for value in values if 25 <= value <= 44]
    return max(real) if real else None


def _degrees(match: re.Match[str]) -> str:
    """三十八度五 in digits."""
    tens, ones, tenth = _HAN.index(match.group(1)), match.group(2), match.group(3)
    part = "5" if tenth == "半" else str(_HAN.index(tenth)) if tenth else "0"
    return f"{tens}{_HAN.index(ones) if ones else 0}.{part}度"


def _number(text: str | None) -> float | None:
    return float(text.replace(",", ".")) if text else None


def _keep(found: dict[str, float], name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and low <= value <= high:
        found[name] = value
