"""Addresses and employers as people write them: flats and plots, villages and dormitories, firms known by their last word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers.evidence import evidence
from agent.identifiers.lexicon import lexicon
from agent.identifiers.types import Identifier

_LEX = lexicon()
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_STREETS = "|".join(sorted((kind for kind in _LEX.street if kind != "st"), key=len, reverse=True))
_ESTATE = (
    r"(?:House|Court|Towers?|Heights|Lodge|Mansions?|Block|Building|Enclave|Nagar|Colony|Society|Apartments?"
    r"|Residency|Vihar|Layout|Marg"
    r"|Puram|Estate|Village|Barangay|Sitio|Compound|Gardens?|Villas?|Flats|Arcade|Complex|Quarters|Barracks"
    r"|Halls?|Hostel|Farm|Cottage)"
)
_ENGLISH = (
    # Lot 7 Wattle Creek Rd; Flat 3, 12 Elm Street.
    re.compile(
        rf"(?i:(?<![A-Za-z])(?:lot|flat|unit|apt|apartment|plot|shop|site|house"
        rf"|no)\.?)\s(?:no\.?\s)?\d{{1,5}}[A-Za-z]?,?\s(?:\d{{1,5}}[A-Za-z]?\s)?"
        rf"(?:[A-Z][\w'’\-]{{1,24}}\s){{1,4}}(?i:{_STREETS}|st)\b\.?"
    ),
    # B-1204, Lotus Enclave, Sector 199; Flat 3, Rowan House.
    re.compile(
        rf"(?<![\w\-])(?:(?i:flat|unit|apt|apartment|plot|room|door|house"
        rf"|block)\.?\s(?:no\.?\s)?)?[A-Z]?-?\d{{1,5}}[A-Z]?(?:/\d{{1,4}})?,?\s(?:[A-Z][\w'’\-]{{1,24}}\s){{1,4}}"
        rf"{_ESTATE}(?![A-Za-z])(?:,\s?(?:Sector|Phase|Block|Ward|Zone"
        rf"|Tower)\s?[\dA-Z]{{1,4}})?(?:,\s(?:[A-Z][a-z]{{2,20}}\s?){{1,3}}(?=[,.;\n]|$))?"
    ),
    # 14 quarry close, in small letters: only after "at", "on", "live".
    re.compile(
        r"\b(?:at|on|live|lives|living|address|from)\s(?:is\s)?(?P<small>\d{1,4}[a-z]?\s(?!(?:am|pm|weeks?"
        r"|days?|months?|years?|hours?|mins?|minutes?|mg|ml|of|in|on|the|a|my|times)\b)"
        r"[a-z'’]{3,16}\s(?:(?!(?:the|my|a|in|on|of|his|her)\b)[a-z'’]{3,16}\s)?(?:street|road|rd|avenue|ave"
        r"|lane|ln|close|crescent|terrace|gardens|mews))\b"
    ),
)  # fmt: skip
_BARE_STATED = re.compile(
    r"(?i)\baddress\s(?P<value>[A-Z]{0,2}-?\d{1,5}[A-Z]?,?\s[^\n.;?!]{4,80}?)(?=\s*(?:$|[.;?!\n])|\s(?:and|but"
    r"|because|please)\s)"
)

_DOOR = r"(?:号楼|号院|号|號|幢|栋|棟|舍|座|弄|单元|單元|门|楼|层|室|房|床|组|队|社|附|区|院)"
_CHINESE = (
    # 松园12舍B座604-3床, 惠民新村东区22幢乙单元303.
    re.compile(rf"(?P<home>[{_HAN}]{{2,16}}?\d{{1,4}}(?:号楼|号院|幢|栋|棟|舍|座"
        rf"|弄)(?:[A-Za-z甲乙丙丁戊东南西北]?\d{{0,4}}(?:-\d{{1,4}})?{_DOOR}?){{0,4}}\d{{0,4}})"),
    # 柳河镇石桥子村四组.
    re.compile(rf"(?P<home>[{_HAN}]{{1,12}}?(?:镇|鎮|乡|鄉|街道|县|縣|旗|苏木)[{_HAN}]{{1,8}}?(?:村|屯|庄|寨|嘎查|社区"
        rf"|社區)(?:第?[一二三四五六七八九十\d]{{1,3}}(?:组|組|队|隊|社|号|號))?)"),
    re.compile(rf"(?P<home>[{_HAN}]{{2,8}}(?:村|屯|庄|寨)第?[一二三四五六七八九十\d]{{1,3}}(?:组|組|队|隊|社|号|號))"),
)  # fmt: skip
_VENUE = re.compile(
    rf"(?:在|到|来)(?P<home>[{_HAN}]{{2,10}}?(?:商场|广场|大厦|酒店|宾馆|饭店|商城|写字楼|会所|网吧|影城)(?:[负一二三四五六七八九十\d]{{1,3}}[楼层]"
    rf"|[A-Z]座)[{_HAN}]{{0,8}}?)(?=[，。,.！!\s]|$)"
)
_LEAD = re.compile(
    r"^.*(?:居?住址|地址|户籍|籍贯|家庭|我们|咱们|床位|宿舍|住在|家住|家在|就在|[在住到去从是为家有个的])(?=.{4})"
)

_FIRM = (
    r"(?:Haulage|Logistics|Transport|Freight|Trucking|Couriers?|Construction|Builders|Engineering|Cement|Steel"
    r"|Foods?|Bakery|Bakers|Dairies|Farms|Mills"
    r"|Motors|Plumbing|Roofing|Scaffolding|Joinery|Electrical|Consulting|Consultants|Consultancy|Solutions"
    r"|Systems|Technologies|Tech|Software|Industries|Manufacturing"
    r"|Textiles|Garments|Mining|Energy|Petroleum|Bank|Insurance|Solicitors|Nursing|Homecare|Cleaning|Cleaners"
    r"|Security|Catering|Hotels?|Brewery|Shipping|Airlines?|Airways"
    r"|Aviation|Packaging|Pharma|Pharmaceuticals|Studios?|Media|Holdings|Partners|Associates|Sons|Daughters|Bros"
    r"|Brothers|Group|Ltd|Limited|Inc|LLC|LLP|PLC|Plc|GmbH|Pty|Corp"
    r"|Corporation|Co|Company|Enterprises|Warehouse|Depot|Stores?|Supermarket|Abattoir|Quarry|Foundry|Shipyard"
    r"|Council)"
)
_EMPLOYER = re.compile(
    rf"(?:(?P<work>\b(?i:work(?:s|ed|ing)?|employed|driv(?:e|es|ing)|haul|long haul|shifts?|temp(?:ing)?|job"
    rf"|staff|employer|clean(?:er|ing)?|labour(?:er)?|contract(?:or|ing)?)\b"
    rf"[^.\n,;]{{0,16}}?\b(?i:for|at|with|by|in|is|of)\s(?:the\s)?)|(?P<other>,\s|\n[ \t]{{0,3}}|\b(?:for|at|with"
    rf"|from)\s))"
    rf"(?P<firm>(?:[A-Z][\w'’\-]{{1,24}}(?:\s(?:&|and|of)\s|\s)){{1,5}}{_FIRM})(?![\w\-])(?:\s(?:Ltd|Limited|Inc"
    rf"|LLC|PLC|Plc))?"
)
_ZH_FIRM = (
    r"(?:有限公司|科技|物流|快递|速运|路桥|教育|集团|建设|建筑|建工|工程|机械|电子|电器|重工|制造|制药|药业|食品|餐饮|服饰|服装|纺织|化工|能源|电力|矿业|煤业|钢铁|水泥"
    r"|置业|地产|物业|传媒|文化|网络|软件|信息|金融|证券|保险|银行|货运|运输|客运|航空|汽修|汽配|家政|保洁|保安|实业|股份|商贸|贸易|超市|百货|养老院|福利院|律所|事务所|纸业|家具|鞋业"
    r"|玩具|光电|生物|农业|养殖)"
    r"(?:公司|集团|厂)?"
)
_ZH_WORK = re.compile(
    rf"(?P<lead>(?:工作)?单位|任职于?|就职于?|供职于?|受雇于?|东家|雇主|公司)(?:是|为|叫|在"
    rf"|[:：])?\s?(?P<firm>[{_HAN}]{{2,12}}?(?:{_ZH_FIRM}|[厂矿局所院队店社站处](?=[，。,.！!；;\s]|$)))"
)
_WORKS = (
    r"上班|工作|打工|外派|裁员|做饭|上夜班|上白班|上早班|上中班|倒班|值夜班|流水线|做工|做保洁|做保安|当保安"
    r"|当保洁|当司机|开车|跑车|送货|送外卖|任职|实习|员工|职工|工人|司机|业务员|老板|领导|同事|上司|的人"
)
_ZH_WORKS = re.compile(_WORKS)
_ZH_AT = re.compile(rf"(?P<firm>[{_HAN}]{{2,10}}?(?:{_ZH_FIRM}|厂|矿|工地))(?=的?(?:{_WORKS}))")


_DIGIT = re.compile(r"\d")


def find(text: str, today: date) -> Iterator[Identifier]:
    """ADDRESS and ORGANIZATION."""
    del today
    for pattern in _ENGLISH if _DIGIT.search(text) else ():
        for match in pattern.finditer(text):
            group = "small" if pattern is _ENGLISH[2] else 0
            yield _identifier("ADDRESS", text, match.start(group), match.end(group), 24)
    for match in _BARE_STATED.finditer(text):
        yield _identifier("ADDRESS", text, match.start("value"), match.end("value"), 24)
    yield from _employers(text)
    if re.search(rf"[{_HAN}]", text):
        yield from _chinese(text)


def _employers(text: str) -> Iterator[Identifier]:
    known = evidence()
    for match in _EMPLOYER.finditer(text):
        words = re.findall(r"[A-Za-z'’]+", match["firm"])
        first = words[0].lower()
        # Some word of it must be no word of every day, unless somebody is said to work there.
        proper = [word for word in words[:-1] if not known.ordinary(word.lower())]
        if (
            first in _LEX.not_names
            or first in _LEX.generic_facility
            or not (proper or (match["work"] and len(words) > 2))
        ):
            continue
        yield _identifier("ORGANIZATION", text, match.start("firm"), match.end(), 36)


def _chinese(text: str) -> Iterator[Identifier]:
    for pattern in (*_CHINESE, _VENUE):
        for match in pattern.finditer(text):
            lead = _LEAD.match(match["home"]) if pattern is not _VENUE else None
            start = match.start("home") + (lead.end() if lead else 0)
            if match.end("home") - start >= 4:
                yield _identifier("ADDRESS", text, start, match.end("home"), 22 if pattern is not _VENUE else 24)
    for pattern, least in ((_ZH_WORK, 1), (_ZH_AT, 2)):
        if pattern is _ZH_AT and not _ZH_WORKS.search(text):
            continue
        for match in pattern.finditer(text):
            start = _firm_start(text, match.start("firm"), match.end("firm"))
            proper = re.sub(rf"(?:{_ZH_FIRM}|厂|矿|工地)$", "", text[start : match.end("firm")])
            if len(proper) - sum(len(word) for word in _LEX.zh_generic if word in proper and len(word) > 1) >= max(
                least, 2
            ):
                yield _identifier("ORGANIZATION", text, start, match.end("firm"), 35)


def _firm_start(text: str, start: int, end: int) -> int:
    """Past the last glue and the words that only lead up to a name."""
    for at in range(end - 1, start, -1):
        if text[at] in _LEX.zh_glue or text[at] in "在单位岁男女":
            return _past_generic(text, at + 1, end)
    return _past_generic(text, start, end)


def _past_generic(text: str, start: int, end: int) -> int:
    moved = True
    while moved and start < end:
        moved = False
        for size in (4, 3, 2):
            if start + size < end and text[start : start + size] in _LEX.zh_generic:
                start, moved = start + size, True
                break
    return start


def _identifier(type_: str, text: str, start: int, end: int, rank: int) -> Identifier:
    return Identifier(type_, start, end, rank, re.sub(r"[\s.,]+", " ", text[start:end]).strip().lower())
