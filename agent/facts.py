"""What has been said of the person: age, sex, pregnancy, duration, temperature, conditions, medicines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.ages import age as age_of
from agent.ages import ages_told
from agent.pregnancy import postpartum as after_birth
from agent.pregnancy import pregnancy
from agent.quantities import HOURS, NUM, NUM_ZH, UNIT_ZH, value
from agent.quantities import unit as unit_of
from agent.tokens import simplified
from agent.types import Facts, Finding, Language, SafeText
from agent.vitals import Vitals, read_vitals
from knowledge.rules import load_lexicon

_INFANT = 3
"""Years below which an age is told in weeks or months."""
_TAKEN_BACK = re.compile(
    r"\b(?:sorry|correction|i meant|my mistake|typo|i was wrong|i misread|misspoke|that was wrong)"
    r"\b|说错|打错|写错|更正|搞错|看错|记错|不对，|不对,"
)
_DURATION_EN = re.compile(
        r"(?:(?:for|past|last|over|about|since|after|x|×|going on|nearly|almost)\s(?:the |about |"
        rf"over |at least |last |past |around |a )*|(?<![\w.])|lasting (?:approximately )?){NUM}(?:\s(?:or (?:two|"
        r"three|so)|of))?\s?(?:full |whole |solid )?[\s-]?(minutes?|mins?|hours?|hrs?|h|days?|d|"
        r"weeks?|wks?|fortnight|months?|mths?|years?|yrs?)\b(?!\s(?:old|of age|pregnant|gestation|"
        r"postpartum|post[\s-]?op|away|baby|infant)|[\s-]old)")  # fmt: skip
_DURATION_ZH = re.compile(
    NUM_ZH + r"\s?(?:多|来)?个?多?(?:半)?(分钟|小时|钟头|天|日|周|星期|礼拜|个月|月|年)(?:多|半)?(?!大|"
    r"龄|岁|前出生|份|前的?(?:手术|检查|体检|打|接种))"
)
_OFTEN = re.compile(r"(?:times|once|twice|thrice|per|each|tablets|pills|cups|glasses|pints|units|drinks|mg|ml) $")
"""Before "a day" and the like: how often or how much, and not how long."""
_ORDINAL = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|seventh|\d(?:st|nd|rd|th)) (day|night|week)|\bday (\d)"
    r"\b|第([一二三四五六七])(天|周)"
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_SINCE = (
    (re.compile(r"\bsince (?:last )?(?:spring|summer|autumn|winter|christmas|easter)\b|入冬以来|春天开始|去年底"), 2190.0),
    (re.compile(
        r"\b(?:since (?:this )?morning|since (?:last night|midnight)|since i woke|all (?:day|night)"
        r"|从?早上(?:起|开始)|今早|昨晚开始)|今天早上|整晚|一整夜"), 10.0),
    (re.compile(r"\b(?:since|started|began|came (?:up|on|out)) yest|昨天(?:开始|起)|从昨天"), 24.0),
    (re.compile(r"\bfor (?:days|ages)\b|好几天|好多天"), 96.0),
    (re.compile(
        r"\b(?:for|several|few|past|over|after) weeks\b|(?:^|[^\w\s]\s*|\b(?:have|had|has|with|after|"
        r"been) )weeks of\b|好几周|好几个星期|几周|数周"), 504.0),
    (re.compile(
        r"\b(?:for|several|few|past|over|after|few) (?:the )?(?:last |past )?(?:few )?months\b|(?:^|"
        r"[^\w\s]\s*|\b(?:have|had|has|with|after|been) )months of\b|几个月|好几个月|数月|半年"), 2190.0),
    (re.compile(r"\bfor years\b|\byears of\b|好几年|多年|很多年|long[\s-]?standing"), 26280.0),
    (re.compile(r"\b(?:for|all) (?:the )?(?:last |past )?week\b|\ball week\b|一直一周"), 168.0),
)  # fmt: skip
_WEIGHT = re.compile(
    r"(?:\b(?:weigh(?:s|ing)?|weight|wt|body weight)\b|体重)[^\d.;。；\n]{0,16}(\d{1,3}(?:\.\d)?)\s?(kg|kilos?"
    r"|公斤|千克|斤|lbs?|pounds?)"
    r"|(?<![\d.])(\d{1,3}(?:\.\d)?)\s?(kg|公斤|斤|lbs?)(?=\s?(?:baby|child|boy|girl|toddler|man|woman|的?(?:宝宝|孩子|小孩|娃)))"
)
_KILOGRAMS = {"斤": 0.5, "lb": 0.4536, "lbs": 0.4536, "pound": 0.4536, "pounds": 0.4536}
_NOT_SYMPTOM = re.compile(
    r"(?:ago|flight|smok|quit|pack|tetanus|vaccin|jab|appointment|pregnan|gestation|born|married|surgery|operation|"
    r"\brain(?:s|ed|ing)?\b|snow|sunny|weather|heatwave|holiday|garden|builders?\b|怀孕|孕|头胎|二胎|胎动|手术|打针|接种|疫苗|戒烟|抽烟|吸烟"
    r"|结婚|飞机|下雨|的雨|下雪|天晴|天气|放假|装修|施工)"
)
_ASIDE = re.compile(
    r"\brain(?:s|ed|ing)?\b|snow|sunny|weather|heatwave|garden|builders?\b|下雨|的雨|下雪|天晴|天气|装修|施工"
)
"""What a span of time beside it tells of, in place of a complaint."""
_FEMALE = re.compile(
    r"\b(?:female|woman|girl|lady|she|her|wife|girlfriend|mum|mom|mother|gran|grandma|nan|nana|"
    r"daughter|sister|aunt)\b|\d{1,3}\s?f\b|\bmy period|menopaus|女|妈|老婆|妻子|媳妇|奶奶|外婆|"
    r"姥姥|姐姐|妹妹|阿姨|月经|例假|孕"
)
_MALE = re.compile(
    r"\b(?:male|man|boy|guy|he|his|him|husband|boyfriend|dad|father|grandpa|grandad|son|brother|"
    r"uncle)\b|\d{1,3}\s?m\b|testic|prostate|男|爸|老公|丈夫|爷爷|外公|姥爷|哥哥|弟弟|叔叔|儿子|"
    r"睾丸|前列腺"
)
_I_AM = (
    (re.compile(
        r"\bi(?:'m| am) (?:a |an )?(?:\S+ ){0,3}?(?:female|woman|girl|lady|mother|mum|mom)\b|\bi'?m \d+\s?f\b|"
        r"我是(?:一[个名])?(?:\S{0,6}?)女"), "female"),
    (re.compile(
        r"\bi(?:'m| am) (?:a |an )?(?:\S+ ){0,3}?(?:male|man|boy|guy|father|dad)\b|\bi'?m \d+\s?m\b|"
        r"我是(?:一[个名])?(?:\S{0,6}?)男"), "male"),
)  # fmt: skip
_OTHER = re.compile(
    r"\b(?:my|our|his|her) (?:\S+ ){0,2}?(?:dad|father|mum|mom|mother|husband|wife|partner|boyfriend|"
    r"girlfriend|son|daughter|baby|child|kid|toddler|infant|newborn|gran\w*|nan|nana|brother|"
    r"sister|friend|colleague|uncle|aunt|neighbou?r|flatmate|roommate|lo|teenager|boy|girl|twins?|"
    r"nephew|niece|grand\w+|old man|missus|fianc\w+)(?:'s)?\b"
    r"|\b(?:dad|mum|mom|gran|grandma|nan|baby|toddler|the kid|my lo)\b|\b(?:he|she)(?:'s| is|"
    r" has| can't| cannot| was| woke| looks| keeps| won't| just)\b|\bpatient\b"
    r"|(?:我|我们家?)?(?:爸|妈|老婆|老公|妻子|丈夫|媳妇|儿子|女儿|孩子|宝宝|奶奶|爷爷|外公|外婆|"
    r"姥姥|姥爷|弟弟|妹妹|哥哥|姐姐|朋友|同事|男朋友|女朋友|室友|邻居|小孩|娃|婴儿)|老人家|患者|"
    r"病人|他(?!们)|她"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a person's words tell besides findings, so far. A later statement replaces an earlier one."""

    age: float | None = None
    pregnant: bool | None = None
    weeks: int | None = None
    sex: Literal["female", "male", ""] = ""
    postpartum: bool = False
    duration: float | None = None
    weight: float | None = None
    other: bool = False
    vitals: Vitals = field(default_factory=Vitals)


def told(text: str, before: Told) -> Told:
    """What is told after one more text, in simplified Chinese: only that text is read."""
    age = age_of(text)
    now, at = pregnancy(text)
    lasted, weighs = _duration(text), _weight(text)
    return Told(
        age=age if age is not None else before.age,
        pregnant=now if now is not None else before.pregnant,
        weeks=at if at is not None else before.weeks,
        sex=_sex(text) or before.sex,
        postpartum=before.postpartum or after_birth(text),
        duration=lasted if lasted is not None else before.duration,
        weight=weighs if weighs is not None else before.weight,
        other=before.other or bool(_OTHER.search(text)),
        vitals=read_vitals([text], before=before.vitals),
    )


def facts_of(said: Told, findings: Iterable[Finding]) -> Facts:
    """The facts in what was told; conditions and medicines come from `findings`, present or past."""
    specs = load_lexicon().findings
    known: dict[str, list[str]] = {"condition": [], "medicine": []}
    for finding in findings:
        spec = specs.get(finding.id)
        if spec is None or spec.kind not in known or finding.experiencer == "other" or finding.time == "hypothetical":
            continue
        for name in (finding.id, *spec.parents):
            if not finding.negated and name not in known[spec.kind]:
                known[spec.kind].append(name)
    return Facts(
        age_years=said.age,
        sex="female" if said.pregnant and not said.sex else said.sex,
        pregnant=said.pregnant,
        pregnancy_weeks=said.weeks,
        postpartum=said.postpartum,
        duration_hours=said.duration,
        temperature_c=said.vitals.temperature,
        weight_kg=said.weight,
        conditions=tuple(known["condition"]),
        medicines=tuple(known["medicine"]),
        subject="other" if said.other else "self",
    )


def read_facts(texts: Sequence[SafeText], language: Language, findings: Iterable[Finding]) -> Facts:
    """Facts of a conversation's messages, oldest first: a later statement replaces an earlier one.

    Age in years, duration in hours (the longest said of the complaint), temperature in °C, weight in kg. Both languages' forms are
    always read.
    """
    said = Told()
    for text in texts:
        said = told(_plain(text.text), said)
    return facts_of(said, findings)


def corrects(text: str) -> bool:
    """Whether a message says that something said before was wrong ("sorry, he is 8 not 3", "说错了")."""
    return bool(_TAKEN_BACK.search(_plain(text)))


def age_said(text: str) -> float | None:
    """The age a message gives, in years."""
    return age_of(_plain(text))


def _plain(text: str) -> str:
    return simplified(text, load_lexicon().traditional)


def _weight(text: str) -> float | None:
    """Body weight in kg; a jin (斤) is half a kilogram."""
    match = _WEIGHT.search(text)
    if match is None:
        return None
    number, unit = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), match.group(4))
    return round(float(number) * _KILOGRAMS.get(unit, 1.0), 1)


def _sex(text: str) -> Literal["female", "male", ""]:
    for pattern, sex in _I_AM:
        if pattern.search(text):
            return "female" if sex == "female" else "male"
    female, male = len(_FEMALE.findall(text)), len(_MALE.findall(text))
    if female == male:
        return ""
    return "female" if female > male else "male"


def _duration(text: str) -> float | None:
    values: list[float] = []
    ages, infant = ages_told(text), age_of(text)
    for pattern, units in ((_DURATION_EN, None), (_DURATION_ZH, UNIT_ZH)):
        for match in pattern.finditer(text):
            number = value(match.group(1))
            before = text[max(0, match.start() - 12) : match.start()]
            if before.endswith("not ") or match.start(1) in ages or _OFTEN.search(before):
                continue
            unit = unit_of(match.group(2)) if units is None else units[match.group(2)]
            around = text[max(0, match.start() - 14) : match.end() + 14]
            if (
                number is None
                or unit is None
                or (_NOT_SYMPTOM.search(around) and not re.search("start|began|开始|since", around))
            ):
                continue
            if match.group(1)[0].isdigit() and text[max(0, match.start(1) - 1) : match.start(1)].isdigit():
                continue
            hours = number * HOURS[unit]
            # A small child's age, told without a word for it ("Mine is eight months and coughing"), is no duration.
            if infant is not None and infant < _INFANT and abs(hours / HOURS["year"] - infant) < 0.02 * infant:
                continue
            values.append(hours)
    for match in _ORDINAL.finditer(text):
        day = match.group(1) or match.group(3) or match.group(4)
        number = _ORDINALS.get(day) or value(day.rstrip("stndrh"))
        if number is not None:
            values.append(number * (168.0 if (match.group(2) or match.group(5) or "") in ("week", "周") else 24.0))
    for pattern, hours in _SINCE:
        for match in pattern.finditer(text):
            if not _ASIDE.search(text[max(0, match.start() - 20) : match.end() + 14]):
                values.append(hours)
                break
    return max(values) if values else None
