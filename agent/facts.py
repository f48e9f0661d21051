"""What has been said of the person: age, sex, pregnancy, duration, temperature, conditions, medicines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from agent.tokens import simplified
from agent.types import Facts, Finding, Language, SafeText
from agent.vitals import read_vitals
from knowledge.rules import load_lexicon

_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.0, "year": 8760.0}
_YEARS = {"day": 1 / 365, "week": 7 / 365, "month": 1 / 12, "year": 1.0}
_UNIT_EN = {"min": "minute", "m": "minute", "h": "hour", "hr": "hour", "d": "day", "w": "week", "wk": "week",
            "mo": "month", "mth": "month", "y": "year", "yr": "year", "yo": "year", "fortnight": "week"}  # fmt: skip
_UNIT_ZH = {"分钟": "minute", "小时": "hour", "钟头": "hour", "天": "day", "日": "day", "周": "week", "星期": "week",
            "礼拜": "week", "个月": "month", "月": "month", "年": "year", "岁": "year", "周岁": "year"}  # fmt: skip
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
          "ten": 10, "eleven": 11, "twelve": 12, "couple": 2, "few": 3, "several": 4, "half": 0.5, "thirty": 30,
          "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "twenty": 20}  # fmt: skip
_DIGITS_ZH = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "几": 3}

_NUM = r"(\d{1,3}(?:\.\d)?|" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")"
_NUM_ZH = r"(\d{1,3}(?:\.\d)?|[零一二两三四五六七八九十百几半]{1,4})"
_UNIT = r"(minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|fortnight|months?|mths?|mos?|years?|yrs?|yo)"
_AGE_EN = (
    re.compile(rf"(?<![a-z\d.]){_NUM}[\s-]?{_UNIT}[\s-]?(?:old|of age)"),
    re.compile(r"(?<![a-z\d.])(\d{1,3})[\s-]?(y/?o|yo|yrs?|y)\b(?! ago)"),
    re.compile(r"(?:\bage[d:]?|\bi'?m|\bi am|\b(?:s?he|who)(?:'s| is| was)|\bturn(?:ing|ed)|\bjust turned|\bi was|\bdad'?s|\bmum'?s)\s(?:only |just |about |nearly |almost |now |a )?(\d{1,3})(?![\d./:%]|\s?(?:mg|ml|kg|lbs?|pounds|stone|cm|mm|weeks?|wks?|months?|days?|hours?|minutes?|mins?|degrees|cigarettes|percent|°|st|lb))()"),
    re.compile(r"(?<![\w./-])(\d{1,3})\s?(?:[mf])(?![\w/])()"),
    re.compile(r"^\s*(\d{2})\s?,()"),
    re.compile(r"\b(?:dad|father|mum|mom|mother|gran|grandma|grandad|grandpa|nan|nana|husband|wife|son|daughter|boy|girl|brother|sister|uncle|aunt|partner|man|woman|male|female)\s?\(?,?\s?(?:is |age |aged )?(\d{1,3})(?=[,.;)\s]|$)(?!\s?(?:mg|ml|kg|lbs?|weeks?|wks?|months?|days?|hours?|minutes?|mins?|years? ago|times|degrees|cm|stone|st|%))()"),
    re.compile(r"(?:^|[.,;!?]\s?|\()(\d{2})\s?(?:,\s?)?(?:[mf]\b|male|female|man|woman|smoker|$|[.)](?:\s|$))()"),
    re.compile(r"\b(?:baby|infant|newborn|daughter|son|boy|girl|child|toddler|little one|lo|grandson|granddaughter|kid)\b(?:\s?(?:is|aged?|who is|who's|,|\(|girl|boy|now|just|only|about|was born|at)){0,3}\s?" + _NUM + r"\s(days?|weeks?|wks?|months?|mths?)(?! ago| of)"),
    re.compile(rf"{_NUM}[\s-](days?|weeks?|wks?|months?|mths?|mo)[\s-]?(?:old[\s-])?(?:baby|infant|newborn|daughter|son|boy|girl|lo\b)"),
    re.compile(r"(?:baby|infant|newborn|daughter|son|child|kid|toddler)\s?\(?,?\s?(\d{1,2})(?:\)|,)()"),
)  # fmt: skip
_AGE_ZH = (
    re.compile(_NUM_ZH + r"\s?(周岁|岁)(?:半)?"),
    re.compile(_NUM_ZH + r"\s?(个月|月|周|天|星期)(?:大|龄)"),
    re.compile(r"(?:出生|生下来|生后)(?:才|刚|只有|不到)?" + _NUM_ZH + r"\s?(个月|天|周|小时)"),
    re.compile(r"(?:宝宝|婴儿|孩子|女儿|儿子|新生儿)(?:才|刚|现在|今年|只有|,|，)?" + _NUM_ZH + r"\s?(个月|周|天)(?![前内]|没|不|了)"),
)
_NEWBORN = re.compile(r"\bnew[\s-]?born\b(?! (?:baby )?(?:brother|sister))|新生儿|刚出生|出生不久|未满月|没满月|还没满月|月子里的(?:宝宝|孩子)")
_FULL_MONTH = re.compile(r"(?:刚|快|才)满月")
_SORRY = re.compile(r"\b(?:sorry|actually|correction|i meant|i mean|my mistake|typo|wrong|rather|not)\b|说错|打错|写错|更正|应该是|不对|其实是|搞错|不是")
_TAKEN_BACK = re.compile(r"\b(?:sorry|correction|i meant|my mistake|typo|i was wrong|i misread|misspoke|that was wrong)\b|说错|打错|写错|更正|搞错|看错|记错|不对，|不对,")
_NOT_THE_AGE = re.compile(r"(?:\bnot|rather than|instead of|不是)\s?(?:a )?$")
_PARENT_AGE = re.compile(r"(?:father|mother|dad|mum|mom|brother|sister|husband|wife|my son|my daughter|parents?|爸|妈|哥|姐)[^.,;]{0,30}\b(?:at|aged?)\s$")
_DURATION_EN = re.compile(rf"(?:(?:for|past|last|over|about|since|after|x|×|going on|nearly|almost)\s(?:the |about |over |at least |last |past |around |a )*|(?<![\w.])|lasting (?:approximately )?){_NUM}(?:\s(?:or (?:two|three|so)|of))?\s?(?:full |whole |solid )?[\s-]?(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|fortnight|months?|mths?|years?|yrs?)\b(?!\s(?:old|of age|pregnant|gestation|postpartum|post[\s-]?op|away|baby|infant)|[\s-]old)")  # fmt: skip
_DURATION_ZH = re.compile(_NUM_ZH + r"\s?(?:多|来)?个?多?(?:半)?(分钟|小时|钟头|天|日|周|星期|礼拜|个月|月|年)(?:多|半)?(?!大|龄|岁|前出生|份|前的?(?:手术|检查|体检|打|接种))")
_ORDINAL = re.compile(r"\b(first|second|third|fourth|fifth|sixth|seventh|\d(?:st|nd|rd|th)) (day|night|week)|\bday (\d)\b|第([一二三四五六七])(天|周)")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_SINCE = (
    (re.compile(r"\b(?:since (?:this )?morning|since (?:last night|midnight)|since i woke|all (?:day|night)|从?早上(?:起|开始)|今早|昨晚开始)|今天早上|整晚|一整夜"), 10.0),
    (re.compile(r"\b(?:since|started|began|came (?:up|on|out)) yest|昨天(?:开始|起)|从昨天"), 24.0),
    (re.compile(r"\bfor (?:days|ages)\b|好几天|好多天"), 96.0),
    (re.compile(r"\b(?:for|several|few|past|over|after) weeks\b|(?:^|[^\w\s]\s*|\b(?:have|had|has|with|after|been) )weeks of\b|好几周|好几个星期|几周|数周"), 504.0),
    (re.compile(r"\b(?:for|several|few|past|over|after|few) (?:the )?(?:last |past )?(?:few )?months\b|(?:^|[^\w\s]\s*|\b(?:have|had|has|with|after|been) )months of\b|几个月|好几个月|数月|半年"), 2190.0),
    (re.compile(r"\bfor years\b|\byears of\b|好几年|多年|很多年|long[\s-]?standing"), 26280.0),
    (re.compile(r"\b(?:for|all) (?:the )?(?:last |past )?week\b|\ball week\b|一直一周"), 168.0),
)  # fmt: skip
_NOT_SYMPTOM = re.compile(
    r"(?:ago|flight|smok|quit|pack|tetanus|vaccin|jab|appointment|pregnan|gestation|born|married|surgery|operation|"
    r"怀孕|孕|手术|打针|接种|疫苗|戒烟|抽烟|吸烟|结婚|飞机)"
)
_PREGNANT = re.compile(
    r"(?<!not )(?<!n't )(?<!get )(?<!getting )(?<!got )\bpregnant\b|\b\d{1,2}\s?(?:weeks?|wks?) (?:pregnant|gestation|along)|\bg\d\s?p\d\b|\bexpecting (?:a baby|our|my|twins)"
    r"|\bin (?:my|her|the) (?:first|second|third|1st|2nd|3rd) trimester|my (?:pregnancy|due date|baby bump|unborn)|antenatal|怀孕|孕妇|孕(?=\d)|孕[期早中晚周]|怀了|有孕|妊娠|胎动|预产期|大着肚子|身孕"
)
_NOT_PREGNANT = re.compile(
    r"\b(?:not|isn't|isnt|aren't|never been|if (?:im|i'm|i am|i) not) (?:currently |even )?pregnant|no chance (?:of|i'?m) (?:being )?pregnan|negative pregnancy test|pregnancy test (?:was |is |came back )?negative"
    r"|(?:没有|没|未|不是|不可能|并未)(?:怀孕|孕)|(?:if|when|before|after|trying to|try to|want to|planning to|able to|ability to) (?:i |you |we |she )?(?:am |are |is |'m |get |gets |got |become |be |getting )*pregnant|备孕|想怀孕|(?:如果|要是|避免|防止|能|会|是否|是不是|有没有可能|担心)怀孕"
)
_MAYBE_PREGNANT = re.compile(r"(?:could|might|may|possibly|think) (?:i |she )?(?:be |am |is |'m )?pregnant|missed (?:my |a |her )?period|late period|period(?: is| was|'s)? (?:\w+ ){0,3}late|\d+ weeks? late|positive (?:pregnancy )?test|停经|月经(?:没来|推迟|晚了|迟了)|可能怀孕|可能是怀孕|验孕|两条杠")
_WEEKS = re.compile(r"(\d{1,2})(?:\s?\+\s?\d|\s?(?:and a half|半))?\s?-?(?:weeks?|wks?|w)[\s-]?(?:pregnant|gestation|along|preg\b|into (?:my|the) pregnancy|with (?:my|our|twins))|(?:pregnant|pregnancy|gestation|expecting)[\s,(:]{1,3}(?:at |about |around |is |of )?(\d{1,2})\s?\+?\s?\d?\s?(?:weeks?|wks?|w\b)|\bat (\d{1,2}) (?:weeks?|wks?)\b(?! old)|怀?孕(?:期|了|妇)?[,，:：已]{0,2}(\d{1,2})\s?\+?\d?\s?周|怀孕(\d{1,2})(?:个)?(?:多)?周|(\d{1,2})周(?:的)?(?:孕|身孕)|(\d{1,2}) weeks?,? (?:and )?(?:bleeding|spotting)")  # fmt: skip
_WEEKS_BUMP = re.compile(
    r"\b(?:i'?m|i am|she'?s|she is|at|only|just) (?:now |about )?(\d{1,2})(?:\s?\+\s?\d)? ?(?:weeks|wks)\b(?! old| ago).{0,80}"
    r"\b(?:bump|baby (?:hasn|has|is|isn|not|moving)|kicks|kicking|contractions|my waters|waters (?:broke|have)|midwife|due date|tightenings)"
)
_MONTHS_PREGNANT = re.compile(
    r"(\d{1,2}|two|three|four|five|six|seven|eight|nine) months? pregnant|怀孕(?:快)?([一二三四五六七八九\d]{1,2})个多?月|孕([一二三四五六七八九\d])个?月"
)
_POSTPARTUM = re.compile(
    r"\bpost[\s-]?part|\bpost[\s-]?natal|\bafter (?:giving birth|the birth|my (?:c-?section|delivery))|\b(?:gave birth|had (?:my|a|the|our) baby|had a c-?section)\b(?! \d+ (?:years|yrs))|\b(?:since|after) (?:the |my )?(?:birth|delivery)\b"
    r"|\bweeks? after (?:birth|delivery|having)|产后|坐月子|刚生完|生完孩子|剖腹产后|剖宫产后|分娩后|生了(?:孩子|宝宝)|顺产后|刚生了?(?:孩子|宝宝)"
)
_FEMALE = re.compile(
    r"\b(?:female|woman|girl|lady|she|her|wife|girlfriend|mum|mom|mother|gran|grandma|nan|nana|daughter|sister|aunt)\b|\d{1,3}\s?f\b|\bmy period|menopaus|女|妈|老婆|妻子|媳妇|奶奶|外婆|姥姥|姐姐|妹妹|阿姨|月经|例假|孕"
)
_MALE = re.compile(
    r"\b(?:male|man|boy|guy|he|his|him|husband|boyfriend|dad|father|grandpa|grandad|son|brother|uncle)\b|\d{1,3}\s?m\b|testic|prostate|男|爸|老公|丈夫|爷爷|外公|姥爷|哥哥|弟弟|叔叔|儿子|睾丸|前列腺"
)
_I_AM = (
    (re.compile(r"\bi(?:'m| am) (?:a |an )?(?:\S+ ){0,3}?(?:female|woman|girl|lady|mother|mum|mom)\b|\bi'?m \d+\s?f\b|我是(?:一[个名])?(?:\S{0,6}?)女"), "female"),
    (re.compile(r"\bi(?:'m| am) (?:a |an )?(?:\S+ ){0,3}?(?:male|man|boy|guy|father|dad)\b|\bi'?m \d+\s?m\b|我是(?:一[个名])?(?:\S{0,6}?)男"), "male"),
)  # fmt: skip
_OTHER = re.compile(
    r"\b(?:my|our|his|her) (?:\S+ ){0,2}?(?:dad|father|mum|mom|mother|husband|wife|partner|boyfriend|girlfriend|son|daughter|baby|child|kid|toddler|infant|newborn|gran\w*|nan|nana|brother|sister|friend|colleague|uncle|aunt|neighbou?r|flatmate|roommate|lo|teenager|boy|girl|twins?|nephew|niece|grand\w+|old man|missus|fianc\w+)(?:'s)?\b"
    r"|\b(?:dad|mum|mom|gran|grandma|nan|baby|toddler|the kid|my lo)\b|\b(?:he|she)(?:'s| is| has| can't| cannot| was| woke| looks| keeps| won't| just)\b|\bpatient\b"
    r"|(?:我|我们家?)?(?:爸|妈|老婆|老公|妻子|丈夫|媳妇|儿子|女儿|孩子|宝宝|奶奶|爷爷|外公|外婆|姥姥|姥爷|弟弟|妹妹|哥哥|姐姐|朋友|同事|男朋友|女朋友|室友|邻居|小孩|娃|婴儿)|老人家|患者|病人|他(?!们)|她"
)


def read_facts(texts: Sequence[SafeText], language: Language, findings: Iterable[Finding]) -> Facts:
    """Facts of a conversation's messages, oldest first: a later statement replaces an earlier one.

    Age in years, duration in hours (the longest said of the complaint), temperature in °C. Both languages' forms are
    always read; conditions and medicines come from `findings`, present or past.
    """
    lexicon = load_lexicon()
    said = [simplified(text.text, lexicon.traditional) for text in texts]
    age: float | None = None
    pregnant: bool | None = None
    weeks: int | None = None
    sex: Literal["female", "male", ""] = ""
    postpartum = False
    duration: float | None = None
    for text in said:
        found = _age(text)
        age = found if found is not None else age
        now, at = _pregnancy(text)
        pregnant = now if now is not None else pregnant
        weeks = at if at is not None else weeks
        postpartum = postpartum or bool(_POSTPARTUM.search(text))
        sex = _sex(text) or sex
        lasted = _duration(text)
        duration = lasted if lasted is not None else duration
    subject: Literal["self", "other"] = "other" if any(_OTHER.search(text) for text in said) else "self"
    specs = lexicon.findings
    known: dict[str, list[str]] = {"condition": [], "medicine": []}
    denied: set[str] = set()
    for finding in findings:
        spec = specs.get(finding.id)
        if spec is None or spec.kind not in known or finding.experiencer == "other" or finding.time == "hypothetical":
            continue
        if finding.negated:
            denied.add(finding.id)
        for name in (finding.id, *spec.parents):
            if not finding.negated and name not in known[spec.kind]:
                known[spec.kind].append(name)
    return Facts(
        age_years=age,
        sex="female" if pregnant and not sex else sex,
        pregnant=pregnant,
        pregnancy_weeks=weeks,
        postpartum=postpartum,
        duration_hours=duration,
        temperature_c=read_vitals(said).temperature,
        conditions=tuple(known["condition"]),
        medicines=tuple(known["medicine"]),
        subject=subject,
    )


def corrects(text: str) -> bool:
    """Whether a message says that something said before was wrong ("sorry, he is 8 not 3", "说错了")."""
    return bool(_TAKEN_BACK.search(_plain(text)))


def age_said(text: str) -> float | None:
    """The age a message gives, in years."""
    return _age(_plain(text))


def _plain(text: str) -> str:
    return simplified(text, load_lexicon().traditional)


def _age(text: str) -> float | None:
    """The age said last, in years; "8, not 3" keeps 8."""
    best: tuple[int, float] | None = None
    for pattern in _AGE_EN:
        for match in pattern.finditer(text):
            number = _value(match.group(1))
            if number is None or _skipped(text, match):
                continue
            unit = _unit(match.group(2)) or "year"
            best = _later(best, match.start(1), number * _YEARS.get(unit, 1.0), text)
    for pattern in _AGE_ZH:
        for match in pattern.finditer(text):
            number = _value(match.group(1))
            if number is None or _skipped(text, match):
                continue
            years = number * _YEARS[_UNIT_ZH[match.group(2)]]
            best = _later(best, match.start(1), years, text)
    if best is not None:
        return round(best[1], 4)
    if _NEWBORN.search(text):
        return 0.02
    return 0.08 if _FULL_MONTH.search(text) else None


def _skipped(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start(1) - 60) : match.start(1)]
    after = text[match.end() : match.end() + 6]
    return bool(_NOT_THE_AGE.search(before[-16:]) or _PARENT_AGE.search(before)) or after.startswith((" ago", "前", "时候"))


def _later(best: tuple[int, float] | None, place: int, years: float, text: str) -> tuple[int, float] | None:
    """The first age said names the person; a later one replaces it only after a word of correction."""
    if not 0 <= years <= 120:
        return best
    if best is None:
        return place, years
    first, last = sorted((best[0], place))
    corrected = bool(_SORRY.search(text[first:last]))
    if (place > best[0]) == corrected:
        return place, years
    return best


def _pregnancy(text: str) -> tuple[bool | None, int | None]:
    weeks: int | None = None
    for match in _WEEKS.finditer(text):
        number = next((group for group in match.groups() if group), None)
        if number is not None and 3 <= int(number) <= 43:
            weeks = int(number)
    months = _MONTHS_PREGNANT.search(text)
    if weeks is None and months is not None:
        number = _value(next(group for group in months.groups() if group))
        weeks = None if number is None or number > 10 else round(number * 4.33)
    if weeks is None and (far := _WEEKS_BUMP.search(text)) and 3 <= int(far.group(1)) <= 43:
        weeks = int(far.group(1))
    no = list(_NOT_PREGNANT.finditer(text))
    yes = [m for m in _PREGNANT.finditer(text) if not any(n.start() <= m.start() < n.end() for n in no)]
    if weeks is not None and re.search(r"\bat \d", text) and not yes and not re.search(r"weeks?(?: pregnant| along)", text):
        weeks = None
    if yes or weeks is not None:
        return True, weeks
    return (False if no and not _MAYBE_PREGNANT.search(text) else None), None


def maybe_pregnant(text: str) -> bool:
    """Whether a message gives reason to think of a pregnancy: a late period, a positive test."""
    return bool(_MAYBE_PREGNANT.search(_plain(text)))


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
    for pattern, units in ((_DURATION_EN, None), (_DURATION_ZH, _UNIT_ZH)):
        for match in pattern.finditer(text):
            number = _value(match.group(1))
            unit = _unit(match.group(2)) if units is None else units[match.group(2)]
            around = text[max(0, match.start() - 14) : match.end() + 14]
            if number is None or unit is None or (_NOT_SYMPTOM.search(around) and not re.search("start|began|开始|since", around)):
                continue
            if units is not None and re.match(r"\d{4}$", match.group(1)):
                continue
            values.append(number * _HOURS[unit])
    for match in _ORDINAL.finditer(text):
        day = match.group(1) or match.group(3) or match.group(4)
        number = _ORDINALS.get(day) or _value(day.rstrip("stndrh"))
        if number is not None:
            values.append(number * (168.0 if (match.group(2) or match.group(5) or "") in ("week", "周") else 24.0))
    for pattern, hours in _SINCE:
        if pattern.search(text):
            values.append(hours)
    return max(values) if values else None


def _unit(text: str | None) -> str | None:
    if not text:
        return None
    short = text.rstrip("s").replace("/", "")
    return short if short in _HOURS else _UNIT_EN.get(short)


def _value(text: str) -> float | None:
    """A number in digits, English words or Chinese numerals up to a few hundred."""
    if text in _WORDS:
        return float(_WORDS[text])
    if text[0].isdigit():
        return float(text)
    if text == "半":
        return 0.5
    total, current = 0, 0
    for sign in text:
        if sign == "十":
            total, current = total + (current or 1) * 10, 0
        elif sign == "百":
            total, current = total + (current or 1) * 100, 0
        elif sign in _DIGITS_ZH:
            current = _DIGITS_ZH[sign]
        elif sign != "半":
            return None
    return float(total + current)
