"""The age somebody is said to have, in years: spelt, written, bare, clinical, of a child or of a parent."""

from __future__ import annotations

import re

from agent.quantities import NUM, NUM_ZH, UNIT, UNIT_ZH, YEARS, value
from agent.quantities import unit as unit_of

_KIN_EN = (
    r"(?:dad|daddy|father|papa|mum|mom|mam|mummy|mother|amma|gran|granny|grandma|grandad|granddad|grandpa"
    r"|grandfather|grandmother|"
    r"nan|nana|husband|hubby|wife|missus|partner|fianc\w+|boyfriend|girlfriend|bf|gf|bro|brother|brodda|sis|sister|uncle|aunt|"
    r"auntie|cousin|mate|friend|bestie|flatmate|flatemate|housemate|roommate|roomate|colleague|coworker|co-worker|neighbou?r|"
    r"resident|patient|husb[ae]nd|(?:father|mother|brother|sister|son|daughter)[\s-]in[\s-]law|(?:old"
    r"|young)? ?(?:man|woman|lady|guy|lad))"
)
_CHILD_EN = r"(?:sons?|daughter|dau[gt]h?t?er|boy|girl|kid|lad|grandson|granddaughter|nephew|niece|child|toddle?r)"
_NOT_YEARS = (
    r"(?![\d/:%°x+]|[.-]\d|\s?(?:mg|mcg|ml|kg|lbs?|pounds?|stone|st\b|cm|mm|km|weeks?|wks?|weak\b|days?|months?"
    r"|mn?ths?|hours?|hrs?|"
    r"minutes?|mins?|secs?|seconds?|degrees?|cigarettes|percent|times|tablets?|pills?|am\b|pm\b|miles|lengths|units?|beers?|bpm|"
    r"st\b|nd\b|rd\b|th\b|o'?clock|of\b|or\b|to\b|x\b|years ago|yrs ago))"
)
_KIN_ZH = (
    r"(?:爸|妈|爹|娘|爷爷?|奶奶?|外公|外婆|姥姥|姥爷|哥们?|弟|姐夫?|妹夫?|叔|伯|舅|姨妈?|姑妈?|老公|老婆|媳妇|丈夫|妻子|"
    r"儿子|女儿|闺女|丫头|孙子|孙女|侄子|外甥|对象|男朋友|女朋友|男友|女友|老伴|老头子?|老爷子|老太太|老人家?|大爷|大妈|"
    r"阿姨|室友|闺蜜|同事|兄弟|朋友|邻居|岳父|岳母|公公|婆婆|爱人|那口子|那位|大哥|大叔|老哥|工友|病人|患者|学生|骑手|同学)"
)
_NOT_YEARS_ZH = (
    r"(?![\d.:：/%+年月日号点时分秒个片粒颗次回度天"
    r"周岁米斤公块元瓶包杯层楼页小半毫两℃克"
    r"升多来几下倍支只条张顿餐口台本项位份期级例种站百千万厘亿]|\s?(?:mg|ml|kg|cm|mm|bpm|次|周|天|个|分))"
)
_AGE_EN = (
    re.compile(rf"(?<![a-z\d.]){NUM}[\s-]?{UNIT}[\s-]?(?:old|of age)"),
    re.compile(r"(?<![a-z\d.])(\d{1,3})[\s-]?(y/?o|yo|yrs?|y)\b(?! ago)"),
    re.compile(
        r"(?:\bage[d:]?|\bi'?m|\bi am|\b(?:s?he|who)(?:'s| is| was)|\bturn(?:ing|ed)|\bjust turned|"
        r"\bi was|\bdad'?s|\bmum'?s)\s(?:only |just |about |nearly |almost |now |a )?(\d{1,3})(?![\d/:%]|\.\d|"
        r"\s?(?:mg|ml|kg|lbs?|pounds|stone|cm|mm|weeks?|wks?|months?|days?|hours?|minutes?|mins?|"
        r"degrees|cigarettes|percent|°|st|lb))()"),
    re.compile(r"(?<![\w./-])(\d{1,3})\s?(?:[mf])(?![\w/])()"),
    re.compile(r"^\s*(\d{2})\s?(?:,|with\b|c/o|and (?:i|my|have|has)\b)()"),
    re.compile(
        r"\b(?:dad|father|mum|mom|mother|gran|grandma|grandad|grandpa|nan|nana|husband|wife|son|"
        r"daughter|boy|girl|brother|sister|uncle|aunt|partner|man|woman|male|female)\s?\(?,?\s?(?:is |"
        r"age |aged )?(\d{1,3})(?=[,.;)\s]|$)(?!\s?(?:mg|ml|kg|lbs?|weeks?|wks?|months?|days?|hours?|"
        r"minutes?|mins?|years? ago|times|degrees|cm|stone|st|%))()"),
    re.compile(r"(?:^|[.,;!?]\s?|\()(\d{2})\s?(?:,\s?)?(?:[mf]\b|male|female|man|woman|smoker|$|[.)](?:\s|$))()"),
    re.compile(
        r"\b(?:baby|infant|newborn|daughter|son|boy|girl|child|toddler|little one|lo|grandson|granddaughter|"
        r"kid)\b(?:\s?(?:is|aged?|who is|who's|,|\(|girl|boy|now|just|only|about|was born|at)){0,3}\s?"
        + NUM
        + r"\s(days?|weeks?|wks?|months?|mths?)(?! ago| of)"),
    re.compile(
        rf"{NUM}[\s-](days?|weeks?|wks?|months?|mths?|mo)[\s-]?(?:old[\s-])?(?:baby|infant|newborn|"
        r"daughter|son|boy|girl|lo\b)"),
    re.compile(r"(?:baby|infant|newborn|daughter|son|child|kid|toddler)\s?\(?,?\s?(\d{1,2})(?:\)|,)()"),
    re.compile(rf"\b{_KIN_EN}(?:'?s|\s?\(|,| is| of| at| aged)? ?(?:is |only |just |about |nearly |almost "
        rf"|now )?(\d{{2}})\b{_NOT_YEARS}()"),
    re.compile(rf"\b{_CHILD_EN}(?:'?s|\s?\(|,| is| of| aged)? ?(?:is |only |just |about |nearly |almost "
        rf"|now )?(\d{{1,2}})\b{_NOT_YEARS}()"),
    re.compile(rf"\b(?:hes|shes|im|s?he is|s?he'?s) (?:only |just |about |nearly |now )?(\d{{1,2}})\b{_NOT_YEARS}()"),
    re.compile(
        r"(?:^|[.!?;]\s?)(\d{2})(?:\s?,\s(?!\d)|\s(?:here|on|got|type|diabetic|with|and|day|not|had|has|have|never"
        r"|can'?t|take|been|no|"
        r"smoker|smoke|years?|yrs?|yo)\b)()"),
    re.compile(r"\b(?:s?he'?s|s?he is|baby is|baby's) (?:only |just |now |nearly |almost "
        r"|about )?(\d{1,2}) (months?|mn?ths?|days)\b(?! (?:pregnant|"
        r"along|post|late|into|ago|gone|sober|clean|clear|free))"),
    re.compile(r"(?<![\d.])(\d{1,2})\s?(mn?ths?|wks?)[\s-]?(?:old|baby|girl|boy)"),
    re.compile(r"\bin (?:my|his|her|their) (?:early |mid |mid-|late )?([2-9]0)'?s\b()"),
    re.compile(r"(?<![\d/])(\d{1,2})/(12|52)\s?(?:[mf]\b|male|female|old|boy|girl|baby|infant)"),
    re.compile(r"^\s*(?:[mf]|male|female|boy|girl|baby)\s(\d{1,2})/(12|52)\b"),
)  # fmt: skip
_AGE_ZH = (
    re.compile(r"(?:今年|现年)\s?(\d{2,3})(?![\d年月天号元])()"),
    re.compile(NUM_ZH + r"\s?(?:来|多|几)?(周岁|岁)(?:半)?"),
    re.compile(r"(?<!比)" + NUM_ZH + r"\s?(个月|月|周|天|星期)(?:大|龄)"),
    re.compile(
        NUM_ZH
        + r"\s?(个月|周)大?的?(?:娃|宝|baby|小子|儿子|女儿|闺女|丫头|男婴|女婴|男孩|女孩|男宝|女宝|婴儿|小?妹妹|小?弟弟)"
    ),
    re.compile(r"(?:小的|老二|小宝|二宝)(?:才|刚|刚满)?" + NUM_ZH + r"\s?(个月|周|天|岁)"),
    re.compile(r"(?:出生|生下来|生后)(?:才|刚|只有|不到)?" + NUM_ZH + r"\s?(个月|天|周|小时)"),
    re.compile(
        r"(?:宝宝|婴儿|孩子|女儿|儿子|新生儿)(?:才|刚|现在|今年|只有|,|，)?"
        + NUM_ZH
        + r"\s?(个月|周|天)(?![前内]|没|不|了)"
    ),
)
_AGE_ZH_BARE = (
    re.compile(
        rf"(?:我|他|她|俺|咱|人|男|女|{_KIN_ZH})(?:今年|现在|已经|才|刚|都|快|刚满|也)?\s?[，,（(]?\s?(\d{{2}}){_NOT_YEARS_ZH}"
    ),
    re.compile(r"(?:^|[。！!？?；;，,\s])(?:现在|今年|都|已经)?(\d{2})(?:了|啦|的人了?)(?![\d次])"),
    re.compile(r"(?:^|[。！!？?；;，,])\s?(\d{2})(?=\s?[，,。；;！!]|\s?$|\s[\u4e00-\u9fff])"),
    re.compile(r"(?<![\d.])(\d{1,2})\s?[男女](?=[\s，,。生性]|$|[\u4e00-\u9fff])"),
)
"""Ages without a word for year ("我妈67，", "62，糖尿病"): two digits after a person or alone between marks."""
_CLINICAL = {"12": "month", "52": "week"}
"""How British notes write months and weeks: 14/12, 5/52."""
_FEVERISH = re.compile(r"烧|热|温|fever|temp|burning")
_BABY_WORDS = re.compile(
    r"奶|尿湿|尿不湿|尿片|尿布|囟|宝宝|娃|婴|喂|出牙|baby|babies|nappy|nappies|diaper|bottle|breast|feeds?\b|milk"
    r"|newborn|infant|toddler|"
    r"crawl|little man|little one|cot\b|teeth|babbl"
)
_CHILD_WORDS = re.compile(
    _BABY_WORDS.pattern
    + r"|\b(?:son|daughter|child|kid|boy|girl|lo|twins?|he|she|he's|she's|hes|shes|niece|nephew)\b|孩子|儿子|女儿"
    r"|闺女|丫头|他|她|小的|老二|弟弟|妹妹"
)
_GROWN = 13
"""Years from which an age said beside weeks or months is the person's, and the weeks are of a complaint."""
_OWN = re.compile(r"\b(?:i|i'm|im|i've|my|me)\b|我(?!家)")
_START_AGE = re.compile(r"^\s*(?:" + NUM + r"\s?(months?|mn?ths?)(?=\s?[,.])|" + NUM_ZH + r"(个月)(?=\s?[,，。]))")
"""A message about nobody else that opens with months: "10 months, barking cough"."""
_BABY_AGE = (
    re.compile(r"(?:^|[.!?,]\s?)(\d{1,2})\s?(months?|mn?ths?|wks?|weeks?)(?=\s?[.,!?]|\s?$)"),
    re.compile(
        r"(?:^|[。！!，,\s])(?:才|刚|刚满|她|他)?" + NUM_ZH + r"(个月|周)(?=\s?[，,。！!]|\s|$|的?(?:娃|宝|baby))"
    ),
    re.compile(
        r"(?:男婴|女婴|男宝|女宝|婴儿|宝宝|娃|小子|baby|女|男)(?:才|刚|刚满|现在|,|，|\s)*"
        + NUM_ZH
        + r"\s?(个月|月|周|天)(?![前内]|没|不|了|多前)"
    ),
)
"""A message that is a baby's chart or diary: "11 months.", "八个月，"."""
_TEENS = {"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
          "eighteen": 18, "nineteen": 19}  # fmt: skip
_ONES = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SPELT = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[\s-]({'|'.join(list(_ONES)[:9])}))?|({'|'.join(_TEENS)}))\b"
    rf"|(?<='s )({'|'.join(_ONES)})(?=[,.;]|$| and\b| since\b| next\b| months\b| weeks\b)"
    rf"|(?<= is )({'|'.join(_ONES)})(?=[,.;]|$| and\b| since\b| next\b| months\b| weeks\b)"
    rf"|(?:(?<=^)|(?<=[.,] ))({'|'.join(_ONES)})(?= (?:months|weeks)\b)"
)
_THING = re.compile(
    r"\b(?:hip|knee|wound|scar|stitches|dressing|cast|implant|bruise|piercing|tattoo|cut|burn|injury|rash|cough|car|house|boiler"
    r"|pupp\w+|kitten|dog|cat|phone)(?:'s| is| are|,)? (?:now |only |just |about |nearly |over )?$"
)
"""What stands before an age that is nobody's: "her new hip is sixteen days old"."""
_NEWBORN = re.compile(
    r"\bnew[\s-]?born\b(?! (?:baby )?(?:brother|sister))|新生儿|刚出生|出生不久|未满月|没满月|还没满月|月子里的(?:宝宝|孩子)"
)
_FULL_MONTH = re.compile(r"(?:刚|快|才)满月")
_SORRY = re.compile(
    r"\b(?:sorry|actually|correction|i meant|i mean|my mistake|typo|wrong|rather|not)\b|说错|"
    r"打错|写错|更正|应该是|不对|其实是|搞错|不是"
)
_NOT_THE_AGE = re.compile(r"(?:\bnot|rather than|instead of|不是)\s?(?:a )?$")
_PARENT_AGE = re.compile(
    r"(?:father|mother|dad|mum|mom|brother|sister|husband|wife|my son|my daughter|parents?|爸|"
    r"妈|哥|姐)[^.,;]{0,30}\b(?:at|aged?)\s$"
)


def age(text: str) -> float | None:
    """The age said last, in years; "8, not 3" keeps 8."""
    best: tuple[int, float] | None = None
    grown: float | None = None
    text = _SPELT.sub(_figures, text)
    for pattern in _AGE_EN:
        for match in pattern.finditer(text):
            number = value(match.group(1))
            if number is None or _skipped(text, match):
                continue
            unit = _CLINICAL.get(match.group(2)) or unit_of((match.group(2) or "").replace("mn", "m")) or "year"
            if (
                unit == "year"
                and number >= 35
                and number <= 42
                and (
                    re.match(r"\.\d", text[match.end(1) : match.end(1) + 2])
                    or (not match.group(2) and _FEVERISH.search(text[max(0, match.start(1) - 10) : match.start(1)]))
                )
            ):
                continue
            best = _later(best, match.start(1), number * YEARS.get(unit, 1.0), text)
            grown = number if grown is None and unit == "year" and number >= _GROWN else grown
    for pattern in _AGE_ZH:
        for match in pattern.finditer(text):
            number = value(match.group(1))
            if number is None or _skipped(text, match):
                continue
            years = number * YEARS[UNIT_ZH.get(match.group(2), "year")]
            best = _later(best, match.start(1), years, text)
            grown = years if grown is None and years >= _GROWN else grown
    if best is None or (best[1] < 1 and not _CHILD_WORDS.search(text)):
        older = _bare_age(text) if grown is None else grown
        best = best if older is None else (0, older)
    if best is None and _BABY_WORDS.search(text) and not re.search(r"pregnan|bump|产检|孕|胎动", text):
        best = _baby_age(text)
    if best is None and (opening := _START_AGE.search(text)) and not _OWN.search(text):
        number = value(opening.group(1) or opening.group(3))
        best = (0, number / 12) if number is not None and number <= 24 else None
    if best is not None:
        return round(best[1], 4)
    if _NEWBORN.search(text):
        return 0.02
    return 0.08 if _FULL_MONTH.search(text) else None


def _figures(match: re.Match[str]) -> str:
    tens, ones, teens, *single = match.groups()
    if teens:
        return str(_TEENS[teens])
    if tens:
        return str(_TENS[tens] + (_ONES[ones] if ones else 0))
    return str(_ONES[next(word for word in single if word)])


def _bare_age(text: str) -> float | None:
    """The first age told as a bare number in Chinese; a number that can be a temperature or a measurement is left."""
    found: tuple[int, float] | None = None
    for number, pattern in enumerate(_AGE_ZH_BARE):
        for match in pattern.finditer(text):
            years = float(match.group(1))
            if 35 <= years <= 42 and _FEVERISH.search(text[max(0, match.start() - 8) : match.end() + 6]):
                continue
            if number == 2 and (years > 90 or years < 10):
                continue
            if _skipped(text, match):
                continue
            if found is None or match.start(1) < found[0]:
                found = match.start(1), years
    return found[1] if found else None


def _baby_age(text: str) -> tuple[int, float] | None:
    for pattern in _BABY_AGE:
        for match in pattern.finditer(text):
            number = value(match.group(1))
            name = match.group(2)
            kind = UNIT_ZH.get(name) or unit_of(name.replace("mn", "m"))
            if (
                number is not None
                and kind is not None
                and not (kind == "month" and number > 36)
                and not (kind == "week" and number > 16)
            ):
                return match.start(1), number * YEARS[kind]
    return None


def _skipped(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start(1) - 60) : match.start(1)]
    after = text[match.end() : match.end() + 6]
    if re.match(r"(?:的|, ?)?(?:哥哥|姐姐|老大)", text[match.end() : match.end() + 4]):
        return True
    if re.search(r"\b(?:her|his|their) (?:older |big )?$", before) and re.match(
        r" (?:brother|sister)", text[match.end() :]
    ):
        return True
    if re.match(r".{0,5}(?:走的|去世|过世|没的|得的|那年)", text[match.end() : match.end() + 10]):
        return True
    if _THING.search(before):
        return True
    return bool(_NOT_THE_AGE.search(before[-16:]) or _PARENT_AGE.search(before)) or after.startswith(
        (" ago", "前", "时候")
    )


def _later(best: tuple[int, float] | None, place: int, years: float, text: str) -> tuple[int, float] | None:
    """The first age said names the person; a later one replaces it only after a word of correction."""
    if not 0 <= years <= 120:
        return best
    if best is None:
        return place, years
    first, last = sorted((best[0], place))
    corrected = bool(_SORRY.search(text[max(first, last - 80) : last]))
    if (place > best[0]) == corrected:
        return place, years
    return best


def ages_told(text: str) -> set[int]:
    """Where the numbers of ages stand in a text, so that they are not read as durations."""
    return {match.start(1) for pattern in (*_AGE_EN, *_AGE_ZH) for match in pattern.finditer(text)}
