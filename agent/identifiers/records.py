"""Numbers, codes and account names by their label, in any order of words; broken over lines, or read aloud digit by digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from agent.identifiers.types import Identifier

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"

# A person's or a thing's number: two or three words of a label, then letters and digits.
_THING = (
    r"hosp(?:ital)?|unit|staff|payroll|service|carer['’]?s?|red ?book|crn|nhi|ihi|policy|claim|licen[cs]e|permit"
    r"|visa|residence permit"
    r"|cdl|badge|roll|enrol?ment|registration|reg|nmc|gmc|dva|concession|chart|case|file|ticket|tracking|account"
    r"|a/c|sort code|customer"
    r"|client|member|student|employee|candidate|applica(?:nt|tion)|reference|ref|booking|invoice|serial|s/n|sn"
    r"|device|pump|meter|cgm"
    r"|sensor|pacemaker|imei|vin|chassis|patient|record|id|ration card|voter id|pan|aadhaar|loyalty|prescription"
    r"|rx|accession|specimen"
)
_MARK = r"(?:[ \t]{0,2}(?:nos?|number|num|nr|id|card|code|is|was|[#:.=]))"
_VALUE = (
    r"(?P<value>#?[A-Za-z]{0,4}[\-/. ]?\d[A-Za-z\d]*(?:[\-/.][A-Za-z\d]{1,8}){0,5}(?: \d{2,6}){0,4}(?: \d(?=[.,;\n]|$))?"
    r"(?:\n\d{3,6}(?=\s|$)(?: \d{3,6}(?=\s|$))?)?)"
)
_LABELLED = re.compile(rf"(?i)(?<![A-Za-z])(?:{_THING}){_MARK}{{1,4}}[ \t]{{0,2}}{_VALUE}(?![\w%])")
_BARE = re.compile(
    r"(?<![A-Za-z])(?i:cdl|permit|licen[cs]e|passport|policy|serial|imei|vin|payroll|crn|pan|aadhaar|visa|badge"
    r"|unit|tag)[ \t]{1,2}"
    r"(?P<value>[A-Z]{0,4}-?\d[A-Z\d]*(?:-[A-Z\d]{2,8}){0,4})(?![\w%])"
)
_BROKEN_ID = re.compile(r"(?<![0-9A-Za-z])[1-9]\d(?:\s{0,2}\d){15}\s{0,2}[\dXx](?![0-9A-Za-z])")
_SHAPED = re.compile(
    r"(?<![0-9A-Za-z\-./#])[A-Z]{1,4}\d{0,5}(?:-[A-Z\d]{2,8}){2,4}(?![0-9A-Za-z\-])"
    r"|(?<![0-9A-Za-z\-./])[A-Z]{2,4}-\d{2,5}[A-Z]?(?![\w.%])"
    # A British national insurance number.
    r"|(?<![0-9A-Za-z])[A-CEGHJ-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![0-9A-Za-z])"
)
_CARD_AFTER_HAN = re.compile(rf"(?<=[{_HAN}])\d{{15,19}}(?![0-9A-Za-z])")
_CHINESE = re.compile(
    r"(?<![型批文标路楼门栋单])(?:号码|编号|单号|证号|卡号|工号|学号|码|号|卡|证)(?:是|为|：|:)?\s{0,2}"
    r"(?P<value>[A-Za-z]{0,4}[\-]?\d[A-Za-z\d]*(?:[\-/][A-Za-z\d]{2,8}){0,4}(?:\s\d{3,6}){0,4})(?![A-Za-z\d%])"
)
# Words with which no number stands for a person.
_COUNTED = re.compile(
    r"(?i)(?:platelets?|count|cell|copy|version|model|batch|lot|dose|rs|国药准字|型|批准文|公交|地铁|航班|热线|挂)\s?$"
)
_CODE = re.compile(
    r"(?i)(?:key ?safe|door|gate|lock ?box|entry|alarm|access|pass|security)(?: ?(?:code|key|number|no|pin|is|for"
    r"|to))*\s?[:=]?\s?"
    r"(?P<value>(?=[A-Za-z]{0,4}\d)[A-Za-z\d]{4,10})(?![\w%/.])"
    r"|\b(?:pass ?word|pwd)(?: is|:)?\s(?P<word>(?=[^\s]*\d)[^\s]{4,24})"
    r"|(?:提取码|密码|口令|门禁(?:码|密码)?|取件码|邀请码|验证码)(?:是|为|[:：])?\s?(?P<zh>[A-Za-z\d]{3,16})(?![A-Za-z\d])"
)
_SPREAD = re.compile(r"(?<![\d.\-])\d(?:[ \-.]\d){8,17}(?![\d.])")
_EXTENSION = re.compile(
    r"(?i)(?:\b(?:ext(?:ension|n)?|bleep|pager|beep|extn)\.?\s?(?:no\.?|number|is|#|:)?\s?|(?:短号|分机号?|内线|座机"
    r"|院内电话)(?:是|为|[:：])?\s?)"
    r"(?P<value>\d{2,6}(?:-\d{2,8}){0,2}(?: \d{3,4})?)(?!\d)"
)
_LANDLINE = re.compile(r"(?<![0-9A-Za-z.])0\d{2,3}[- ]\d{3,4}[- ]\d{4}(?![0-9A-Za-z])")
_PLATE = re.compile(
    r"(?i:\b(?:truck|lorry|van|car|cab|taxi|ute|motorbike|bike|vehicle|rego|reg|plates?|tags?|scooter"
    r"|trailer)\b)(?i:[ ,:]{1,2}(?:is|no\.?|number|reg|rego|plate|tag))*"
    r"[ :]{1,2}(?P<value>(?:[A-Z]{2} )?(?=[A-Z\d\- ]*\d)(?=[A-Z\d\- ]*[A-Z])[A-Z\d]{2,4}[ \-][A-Z\d]{2,5}"
    r"|(?:[A-Z]{2} )?(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{5,8})(?![A-Za-z\d\-])"
    r"|(?<![\w\-])(?P<uk>[A-Z]{2}[0-7]\d ?[A-HJ-PR-Z]{3})(?![\w\-])"
)

_ENGLISH_DIGIT = r"(?:zero|oh|o|nought|naught|one|two|three|four|five|six|seven|eight|nine)"
_READ_ALOUD = re.compile(
    rf"(?i)(?<![A-Za-z\-])(?:(?:double|triple|treble)[ -])?{_ENGLISH_DIGIT}(?![A-Za-z])"
    rf"(?:[ ,.\-–]{{1,3}}(?:(?:double|triple|treble)[ -])?{_ENGLISH_DIGIT}(?![A-Za-z])){{4,19}}"
)
_CHINESE_DIGITS = re.compile(r"[零〇○一二三四五六七八九幺兩两](?:[\s、，,\-]?[零〇○一二三四五六七八九幺两]){6,19}")
_TIMES = {"double": 2, "triple": 3, "treble": 3}

_AT = re.compile(
    rf"(?<![A-Za-z0-9_@.+%\-])@(?=[\w]{{2}})(?:(?![说發发问问讲告回的])[{_HAN}]){{0,12}}[A-Za-z0-9_][A-Za-z0-9_.\-]{{0,30}}|(?<![\w@])@(?:(?![说发问讲告回的])[{_HAN}]){{2,12}}"
)
_SITE = (
    r"微信|微博|抖音|快手|小红书|qq|b站|知乎|贴吧|豆瓣|支付宝|淘宝|钉钉|陌陌|公众号|wechat|weixin|whatsapp|telegram|instagram|insta|ig|twitter"
    r"|skype"
    r"|snapchat|snap|tiktok|facebook|discord|reddit|strava|linkedin|username|user name|handle|gamertag"
    r"|screen name|用户名|账号|帐号"
)
_ACCOUNT = re.compile(
    rf"(?i)(?<![A-Za-z])(?:{_SITE})(?:运动)?(?:号码|号|名|id|账号)?(?:\s{{0,2}}(?:is|are|user|name|handle|是|为|叫"
    rf"|[:：=@])){{0,3}}\s{{0,2}}"
    r"(?P<value>@?(?=[A-Za-z\d_.\-]{0,30}#?[\d_])[A-Za-z][\w.\-]{3,31}(?:#\d{4})?|(?<=[q号Q])\d{5,12})(?![A-Za-z\d])",
    re.ASCII,
)
_NICK = re.compile(
    rf"(?:昵称|网名|微信名|抖音名|群名片|群名|游戏名|公众号名?|用户名|(?:抖音|微博|微信|小红书|快手|公众号|ID)(?:号)?(?:叫|名叫|是|为|[:：]))"
    rf"(?:叫做?|是|为|[:：])?\s?[「“\"《【]?(?P<value>(?![上里看说推的有文就也发一关])[\w{_HAN}·.\-]{{2,14}}?)(?=[，。！？；、,.!?;」”\"》】）)\s]|$)"
)
_HOST = re.compile(
    rf"(?:UP主|up主|博主|主播|群主|主页|店铺)(?:名?[是叫为:：])?\s?[「“\"《【](?P<value>[\w{_HAN}·.\- ]{{2,16}})[」”\"》】]"
)
_MAIL = re.compile(
    r"(?i)(?<![A-Za-z0-9])[a-z0-9][\w.\-]*(?:\s?[(\[]?\s?\bdot\b\s?[)\]]?\s?[\w\-]+){0,3}\s?[(\[]?\s?\bat\b\s?[)\]]?\s?[\w\-]+"
    r"(?:(?:\s?[(\[]?\s?\bdot\b\s?[)\]]?\s?|\.)(?:com|org|net|edu|co|uk|de|fr|in|cn|ie|au|ca|example|mail|me"
    r"|io)\b){1,3}"
)
_REDDIT = re.compile(r"(?<![\w/])/?u/[A-Za-z0-9_\-]{3,30}")


# What every number, code and plate has: there is little else to do for most messages.
_DOT = re.compile(r"(?i)\bdot\b")
_TWO_DIGITS = re.compile(r"\d[A-Za-z \-]{0,4}\d")
_THREE_DIGITS = re.compile(r"\d(?:[^\n\d]?[^\d]?\d){2}")


def find(text: str, today: date) -> Iterator[Identifier]:
    """ID, PHONE, PLATE and HANDLE that a label or their being read aloud gives away."""
    del today
    if _THREE_DIGITS.search(text):
        yield from _numbers(text)
    if _TWO_DIGITS.search(text):
        for match in _PLATE.finditer(text):
            yield _identifier("PLATE", match, 9, "value" if match["value"] else "uk")
        for match in _CODE.finditer(text):
            yield _identifier("ID", match, 32, match.lastgroup or "value")
    yield from _aloud(text)
    if "@" in text:
        for match in _AT.finditer(text):
            yield _identifier("HANDLE", match, 7)
    for pattern in (_ACCOUNT, _NICK):
        for match in pattern.finditer(text):
            yield _identifier("HANDLE", match, 8, "value")
    for match in _HOST.finditer(text):
        yield _identifier("HANDLE", match, 8, "value")
    if _DOT.search(text):
        for match in _MAIL.finditer(text):
            yield _identifier("EMAIL", match, 1)
    for match in _REDDIT.finditer(text):
        yield _identifier("HANDLE", match, 8)


def _numbers(text: str) -> Iterator[Identifier]:
    for pattern, least in ((_LABELLED, 5), (_BARE, 6), (_CHINESE, 5)):
        for match in pattern.finditer(text):
            value = match["value"]
            digits = sum(ch.isdigit() for ch in value)
            if (
                digits < 4
                or digits + sum(ch.isalpha() for ch in value) < least
                or _COUNTED.search(text[max(0, match.start() - 12) : match.start()])
            ):
                continue
            if re.fullmatch(r"(?:19|20)\d\d|\d+\.\d+|\d+/\d+", value) or _MEASURED.match(text, match.end()):
                continue
            yield _identifier("ID", match, 31, "value")
    for match in _BROKEN_ID.finditer(text):
        if "19" <= re.sub(r"\s", "", match[0])[6:8] <= "20":
            yield _identifier("CN_ID", match, 10)
    for match in _SHAPED.finditer(text):
        digits = sum(ch.isdigit() for ch in match[0])
        if digits >= (6 if match[0].count("-") > 1 else 5):
            yield _identifier("ID", match, 59)
    for match in _CARD_AFTER_HAN.finditer(text):
        yield _identifier("ID", match, 61)
    for match in _SPREAD.finditer(text):
        if not _counting([int(ch) for ch in match[0] if ch.isdigit()]):
            yield _identifier("ID", match, 62)
    for pattern, group in ((_EXTENSION, "value"), (_LANDLINE, "")):
        for match in pattern.finditer(text):
            yield _identifier("PHONE", match, 20, group)


_MEASURED = re.compile(
    r"(?i)\s?(?:mg|g|kg|mcg|µg|μg|ng|ml|iu|units?|copies|cells|cfu|/|x?10\^|×|mm|cm|years?|people|元|个|人|毫克|克|单位"
    r"|拷贝|年|月|日|楼|路|线)"
)


def _aloud(text: str) -> Iterator[Identifier]:
    for match in _READ_ALOUD.finditer(text):
        words = re.findall(r"[a-z]+", match[0].lower())
        digits = [_DIGIT[word] for word in words if word in _DIGIT]
        many = len(digits) + sum(_TIMES.get(word, 1) - 1 for word in words)
        if many >= 7 and not _counting(digits):
            yield _identifier("PHONE", match, 19)
    for match in _CHINESE_DIGITS.finditer(text):
        digits = [_CHINESE_DIGIT.get(ch, 2) for ch in match[0] if ch in _CHINESE_DIGIT or ch == "两"]
        if not _counting(digits):
            yield _identifier("PHONE", match, 19)


_DIGIT = {word: number for number, words in enumerate((
    "zero oh o nought naught", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)) for word in words.split()}  # fmt: skip
_CHINESE_DIGIT = {
    char: number
    for number, chars in enumerate(("零〇○", "一幺", "二两兩", "三", "四", "五", "六", "七", "八", "九"))
    for char in chars
}


def _counting(digits: list[int]) -> bool:
    """One, two, three, four: somebody counts, or numbers a list."""
    steps = [right - left for left, right in pairwise(digits)]
    return sum(step in (1, 0) for step in steps) >= len(steps) - 1 and len(set(digits)) > 1


def _identifier(type_: str, match: re.Match[str], rank: int, group: str = "") -> Identifier:
    start, end = match.span(group or 0)
    return Identifier(type_, start, end, rank, re.sub(r"[\s\-.()#@]", "", match[group or 0]).lower())
