"""Laboratory values somebody read out, in one unit each: potassium, sodium, haemoglobin, platelets and more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_GLUE = (
    r"(?:\s?\([^)\d]{0,20}\))?[\s:：=~≈>＞,，\"“”]{0,3}"
    r"(?:(?:is|was|of|at|as|came back|come back|has come back|measured|reads?|reading|levels?|result|results|count|value|only|"
    r"about|just|now|today|yesterday|low|high|very|too|critical(?:ly)?|down to|up to|dropped to|fell to|fallen to|rose to|risen to|"
    r"has dropped to|has gone up to|says|showing|shows|with|a|an|in red|flagged|"
    r"结果|显示|报告|报|数值|数|值|那行|那项|一项|一栏|标红|偏高|偏低|很高|很低|太高|太低|高|低|才|只有|只剩|就剩|剩|是|为|有|到了?|达到?|高达|"
    r"低到|降到|降至|掉到|跌到|升到|涨到|升至|飙到|查出来|查出|查了|一查|测出|化验|出来|居然|竟然|都|已经|了)[\s:：=,，]{0,2}){0,6}"
)
_UNIT_ZH = r"(?:\s?([万千]))?"
_N = (
    r"(?<![\d.])(\d{1,3}(?:,\d{3})+|\d{1,6}(?:\.\d{1,3})?)(?![\d/])"
    r"(?!\s?(?:weeks?|wks?|days?|times?|years?|months?|hours?|tablets?|tabs?|pills?|x\b|%|mg\b(?!\s?/)"
    r"|岁|天|次|片|粒|年|周|个|点|号|楼))"
)
"""The number: no count of days, doses or tablets."""


@dataclass(frozen=True, slots=True)
class _Lab:
    """How a value is named, and what its number means in the unit kept; `plain` is None for a number that cannot be."""

    name: str
    said: re.Pattern[str]
    plain: Callable[[float], float | None]


def _within(low: float, high: float) -> Callable[[float], float | None]:
    return lambda value: value if low <= value <= high else None


def _haemoglobin(value: float) -> float | None:
    # China and much of Europe write g/L, the US g/dL; no living person's g/L is below 25 or g/dL above 25.
    grams = value / 10 if value > 25 else value
    return grams if 1 <= grams <= 25 else None


def _cells(value: float) -> float | None:
    # 20, 20k and 20,000 platelets are one count (x10^9/L is thousands per microlitre).
    return value / 1000 if value >= 2000 else value


def _neutrophils(value: float) -> float | None:
    return value / 1000 if value >= 50 else value


def _bilirubin(value: float) -> float | None:
    # mg/dL where the number is small; 17.1 umol/L make 1 mg/dL.
    micromoles = value * 17.1 if value < 35 else value
    return micromoles if micromoles <= 900 else None


def _calcium(value: float) -> float | None:
    # mg/dL where the number is large: 4 mg/dL make 1 mmol/L.
    millimoles = value / 4 if value > 5 else value
    return millimoles if 0.5 <= millimoles <= 5 else None


def _lab(name: str, words: str, plain: Callable[[float], float | None]) -> _Lab:
    return _Lab(name, re.compile(rf"(?<![a-z0-9]){words}{_GLUE}{_N}{_UNIT_ZH}"), plain)


_LABS = (
    _lab(
        "potassium",
        r"(?:potassium|potasium|pottasium|serum k|k\+?(?= ?[:=]? ?\d\.\d)|k\+|k(?= with| of|那|这)"
        r"|血钾|钾离子|血清钾|(?<![化酸])钾)",
        _within(1, 12),
    ),
    _lab(
        "sodium",
        r"(?:sodium|na\+|serum na|na(?= ?[:=]? ?1\d\d(?!\d))|血钠|钠离子|血清钠|(?<![化酸])钠)",
        _within(90, 200),
    ),
    _lab(
        "hemoglobin",
        r"(?:(?<!glycated )(?<!glycosylated )ha?emoglobin|hgb|hb(?!a1c)|(?<!化)血红蛋白|血色素|血红素)",
        _haemoglobin,
    ),
    _lab("platelets", r"(?:platelets?|plts?|plate ?lets?|血小板)", _cells),
    _lab("neutrophils", r"(?:neutrophils?|neuts?|anc|中性粒(?:细胞)?(?:绝对值|计数)?)", _neutrophils),
    _lab("inr", r"(?:inr|国际标准化比值)", _within(0.5, 20)),
    _lab("lactate", r"(?:lactate|lactic acid|血乳酸|乳酸)", _within(0.3, 30)),
    _lab("ketones", r"(?:(?:blood )?ketones?|血酮体?|酮体)", _within(0, 15)),
    _lab("calcium", r"(?:(?:corrected |adjusted )?calcium|adj(?:usted)? ca|血钙|钙离子|校正钙)", _calcium),
    _lab("bilirubin", r"(?:bilirubin|sbr|胆红素|黄疸值|黄疸指数|经皮黄疸?)", _bilirubin),
    _lab("cd4", r"(?:cd4(?: count)?|immune (?:count|cells)|免疫细胞)", _within(0, 2500)),
)
LABS = tuple(lab.name for lab in _LABS)
"""Names for rules. Units kept: mmol/L (potassium, sodium, lactate, ketones, calcium), g/dL (haemoglobin), 10^9/L
(platelets, neutrophils), a ratio (inr), umol/L (bilirubin), cells/uL (cd4)."""


def read_labs(texts: Sequence[str]) -> Mapping[str, float]:
    """The laboratory values of a conversation's messages, oldest first; a later message replaces an earlier value."""
    found: dict[str, float] = {}
    for text in texts:
        for lab in _LABS:
            for match in lab.said.finditer(text):
                # "2万" platelets are 20,000, "7千" are 7,000.
                times = {"万": 10_000, "千": 1_000}.get(match.group(2) or "", 1)
                value = lab.plain(float(match.group(1).replace(",", "")) * times)
                if value is not None:
                    found[lab.name] = round(value, 2)
    return found
