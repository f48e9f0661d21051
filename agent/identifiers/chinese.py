"""Names, institutions and homes written in Chinese."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers import chinese_people
from agent.identifiers.lexicon import lexicon
from agent.identifiers.types import Identifier

_LEX = lexicon()

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_RELATION = "|".join(sorted(_LEX.zh_relations, key=len, reverse=True))
_TITLE = "|".join(sorted(_LEX.zh_titles, key=len, reverse=True))
_TITLES = frozenset(_TITLE.split("|"))
_NICKNAME = re.compile(
    rf"(?<!把)(?:我|(?:我|我的|我家)?(?:{_RELATION}))(?:的?名字|小名)?叫"
    rf"(?![了我他她你不什做停醒起苦疼痛喊救医醫车車人个個过])([{_HAN}]{{2,3}})(?=$|[^{_HAN}])"
)
# True surnames among the weak ones, safe where no character stands before: 高医生, 马女士.
_WEAK_TITLED = re.compile(rf"(?<![{_HAN}])([高马馬白方石任金雷温溫安常康])(?:副?(?:{_TITLE}))")
_AFTER = (
    rf"(?=$|[^{_HAN}]|男|女|今年|现年|現年|因|于|的|来|來|诉|訴|说|說|住|电话|電話|手机|手機|身份|岁|歲|昨|今天|前天|上周|突然|反复|目前"
    rf"|已|患|确诊|確診|发烧|發燒|咳嗽"
    rf"|头痛|頭痛|头晕|胸|腹|想|要|请|請|吃|服|现在|現在|最近|这|這|他|她|我|也|就|和|有|在|是|一直|从|從|得|被|给|給|肚|恶心|呕)"
)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    lex = lexicon()
    compound = "|".join(sorted(lex.zh_compound_surnames))
    every = "".join(sorted(lex.zh_surnames | lex.zh_surnames_weak))
    firm = "".join(sorted(lex.zh_surnames - lex.zh_surnames_weak))
    name, sure = rf"(?:{compound}|[{every}])[{_HAN}·]{{1,2}}", rf"(?:{compound}|[{firm}])[{_HAN}]{{1,2}}"
    called = re.compile(
        rf"(?:(?<!把)我叫|名叫|名字叫做?|姓名\s?(?:[:：]|是|为|為)|名字\s?(?:[:：]|是|为|為)|(?:{_RELATION}|他|她|患者|病人|患儿)(?:的名字)?叫做?|本人姓名"
        rf"|联系人\s?[:：]?|聯絡人\s?[:：]?|监护人\s?[:：])\s{{0,3}}({name}?)(?!病){_AFTER}"
    )
    weak = re.compile(
        rf"(?:我是|我就是|这是|這是|患者|病人|患儿|家属|家屬|产妇|孕妇|签名\s?[:：]?|主治医[生师]\s?[:：]|主管医[生师]\s?[:：]|(?:我|我的|我家"
        rf"|俺)(?:{_RELATION}))\s{{0,2}}[:：，,]?\s{{0,2}}({sure}?){_AFTER}"
    )
    titled = re.compile(rf"(?<![{firm}])((?:{compound}|[{firm}])[{_HAN}]{{0,2}}?)(?:副?(?:{_TITLE}))")
    surname = re.compile(rf"(?:我姓|免贵姓|免貴姓|贵姓)\s?((?:{compound}|[{every}]))(?![{_HAN}]{{2}})")
    return called, weak, titled, surname


# Ordinary words that begin with a surname: none of them may start a name after a weak cue.
_WORDS = tuple(sorted(_LEX.zh_words))


def find(text: str, today: date) -> Iterator[Identifier]:
    """NAME, ORGANIZATION, ADDRESS and LOCATION in Chinese text."""
    del today
    if not re.search(rf"[{_HAN}]", text):
        return
    yield from _names(text)
    yield from chinese_people.find(text)
    yield from _nicknames(text)
    yield from _institutions(text)
    yield from _homes(text)


def _names(text: str) -> Iterator[Identifier]:
    called, weak, titled, surname = _patterns()
    for pattern, strict in ((called, False), (weak, True), (titled, True), (surname, False)):
        for match in pattern.finditer(text):
            value = match[1]
            if value.startswith(_WORDS) and (strict or len(value) < 3):
                continue
            if pattern is weak and value[1:] in _TITLES:
                continue
            if pattern is titled and not _plausible_title(text, match):
                continue
            yield Identifier("NAME", match.start(1), match.end(1), 41, value)


def _nicknames(text: str) -> Iterator[Identifier]:
    for pattern in (_NICKNAME, _WEAK_TITLED):
        for match in pattern.finditer(text):
            yield Identifier("NAME", match.start(1), match.end(1), 42, match[1])


_NOT_TITLED = re.compile(
    r"(?:全科|专科|家庭|主治|责任|值班|急诊|牙科|眼科|儿科|外科|内科|妇科|骨科|皮肤科|心理|任何|哪位|这位|那位|一位|社区|私人|签约|中|西|兽|校|军|住院|年轻|女|男|老|好|名)$"
)


def _plausible_title(text: str, match: re.Match[str]) -> bool:
    """ "明天问医生", "单身女士", "解释医生" are not names."""
    value = match[1]
    if _NOT_TITLED.search(value) or value.startswith(_WORDS):
        return False
    if len(value) > 1 and value[-1] in "的是问看找让叫请给对和跟与去见说有没了着过告诉位个名科室级大老男女主副好多少":
        return False
    lead = text[max(0, match.start() - 1) : match.start()]
    if value == "祝" or (value in "谢謝" and lead in ("感", "谢", "謝", "多", "答")):
        return False
    if match[0].endswith(("总", "某")):
        return (
            len(value) == 1
            and (lead == "" or lead in "，。：:,. 患人" or match[0].endswith("某"))
            and text[match.end() : match.end() + 1]
            not in ("是", "在", "共", "会", "的", "之", "体", "些", "种", "个", "天", "次")
        )
    # One character before a title may be the end of an ordinary word: 主任, 班主任, 眼科医生.
    return not (len(value) == 1 and lead and lead + value in _BROKEN)


_BROKEN = _LEX.zh_broken


def _institutions(text: str) -> Iterator[Identifier]:
    lex = lexicon()
    for kinds, rank in ((lex.zh_facility, 33), (lex.zh_organisation, 34)):
        pattern = re.compile("|".join(sorted(kinds, key=len, reverse=True)))
        for match in pattern.finditer(text):
            start = _proper_start(text, match.start(), lex.zh_generic)
            proper = text[start : match.start()]
            # A company or a school names nobody unless somebody is said to be there, or its town is part of it.
            belongs = text[max(0, start - 1) : start] in ("在", "去", "到", "于", "於", "从", "從", "读", "讀")
            if rank == 34 and not (belongs or proper.startswith(tuple(lex.zh_provinces))):
                continue
            # 和 joins two places, and is a character of many names of one.
            if len(strip_generic(proper, lex.zh_generic)) + (belongs and "和" in proper) >= 2:
                yield Identifier("ORGANIZATION", start, match.end(), rank, text[start : match.end()])


# Characters that hold a sentence together and hardly ever stand in an institution's name.
_GLUE = _LEX.zh_glue


def _proper_start(text: str, end: int, generic: frozenset[str]) -> int:
    """Walk back over up to 14 characters to the last glue, then forward over words that only lead up to a name."""
    start = end
    while start > max(0, end - 14) and "\u3400" <= text[start - 1] <= "\u9fff" and text[start - 1] not in _GLUE:
        start -= 1
    moved = True
    while moved and start < end:
        moved = False
        for size in (6, 5, 4, 3, 2, 1):
            if (
                start + size <= end
                and text[start : start + size] in generic
                and text[start : start + size] not in _KEEP
            ):
                start, moved = start + size, True
                break
    return start


_KEEP = _LEX.zh_keep


def strip_generic(proper: str, generic: frozenset[str]) -> str:
    """What is left of a name when every generic word is taken out, longest first."""
    left, at = [], 0
    while at < len(proper):
        for size in (6, 5, 4, 3, 2, 1):
            if proper[at : at + size] in generic and len(proper[at : at + size]) == size:
                at += size
                break
        else:
            left.append(proper[at])
            at += 1
    return "".join(left)


_HOME = re.compile(
    rf"(?:我|我们|我們|我家|家|他|她|现|現|患者|目前|老家)?\s?(?:居?住址|地址|家庭住址|居?住在|家住|住于|现住|現住|户籍|籍贯|老家在|家在|搬到|收件地址|(?<![不得站忍握抓拿止控憋撑记屏稳堵卡])住)\s?(?:在|是"
    rf"|为|為|[:：])?\s{{0,2}}(?P<home>[{_HAN}A-Za-z0-9０-９\-－#\s]{{2,60}}?)(?=$|[，。！？；,!?;\n（(]|的|已|了|电话|電話|手机|因"
    rf"|有|发|經|经|，)"
)
_ADDRESS = re.compile(
    rf"(?:[{_HAN}]{{2,5}}(?:省|自治区"
    rf"|自治區))?(?:[{_HAN}]{{2,6}}[市州盟])?(?:[{_HAN}]{{1,6}}[区區县縣旗])?(?:[{_HAN}]{{1,6}}(?:街道|[镇鎮乡鄉村]))?"
    rf"[{_HAN}]{{1,8}}(?:路|街|道|巷|弄|胡同|大道|小区|小區|花园|花園|社区|新村|苑)[{_HAN}]{{0,6}}?\s?\d{{1,5}}\s?(?:号|號|弄|栋|棟|幢|座"
    rf"|楼)(?:\s?\d{{0,4}}[{_HAN}]?\s?(?:号楼|号|號|栋|棟|幢|座|楼|樓|单元|單元|室|层|F)?){{0,4}}"
)
_ROOM = re.compile(r"\d{1,3}\s?(?:号楼|栋|棟|幢|座)\s?(?:\d{1,2}\s?(?:单元|單元|门)\s?)?\d{2,4}\s?(?:室|号|號|房)?")


def _homes(text: str) -> Iterator[Identifier]:
    lex = lexicon()
    for match in _ADDRESS.finditer(text):
        start = match.start()
        lead = re.match(r"(?:我|家|现|現|他|她|患者)?(?:居?住址|地址|居?住在|家住|住|在|到|去|从|是|为)", match[0])
        yield _place("ADDRESS", text, start + (lead.end() if lead else 0), match.end(), 22)
    for match in _ROOM.finditer(text):
        yield _place("ADDRESS", text, match.start(), match.end(), 23)
    for match in _HOME.finditer(text):
        home = match["home"].rstrip()
        bare = home
        for province in sorted(lex.zh_provinces, key=len, reverse=True):
            if bare.startswith(province):
                bare = re.sub(r"^[省市]", "", bare[len(province) :])
                break
        bare = bare.strip()
        if len(bare) < 2 or any(word in home for word in lex.zh_not_homes) or not re.search(rf"[{_HAN}]", bare):
            continue
        # 住 without 在 or an address word is often 忍住, 住院, 站不住.
        if not re.search(
            r"址|在|家|于|籍|现住|現住|搬|[:：]", match[0][: match.start("home") - match.start()]
        ) and not re.search(r"[区區县縣镇鎮路街村号號]", bare):
            continue
        if re.match(r"院|了|不|着|过|得|几|多|一|两|三|ICU", home) or re.search(r"医院|宿舍|学校|重症", home):
            continue
        start = match.start("home") + (len(home) - len(bare) if home.endswith(bare) else 0)
        yield _place(
            "ADDRESS" if re.search(r"\d", bare) else "LOCATION", text, start, match.start("home") + len(home), 44
        )


def _place(type_: str, text: str, start: int, end: int, rank: int) -> Identifier:
    return Identifier(type_, start, end, rank, re.sub(r"\s", "", text[start:end]))
