"""Identifiers with a shape of their own: numbers, addresses on a network, account names. Both languages."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import date

from agent.identifiers.types import Identifier

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,6}", re.ASCII)
_URL = re.compile(r"(?i)(?:https?://|ftp://|www\.)[^\s<>\"'，。；、！？）】]{3,2048}")
_DOMAIN = re.compile(
    r"(?i)(?<![\w@.\-/])(?:[a-z0-9][a-z0-9\-]{0,62}\.){1,4}(?:com|org|net|edu|gov|info|biz|me|cn|uk|us|ca|au"
    r"|de|fr|es|it|ie|nz|ng|io|app|dev|blog|site|online|xyz|example)(?![\w\-])(?!\.\w)"
    r"(?:/[A-Za-z0-9_~%./?#=&+\-]{0,256}[A-Za-z0-9_~/])?"
)
_IP4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_IP6 = re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])")
_VERSION = re.compile(r"(?i)(?:version|release|firmware|v)\.?\s?$")
_HANDLE = re.compile(
    r"(?i)(?<![A-Za-z])(?:(?:微信|微博|抖音|小红书|qq|wechat|weixin|whatsapp|telegram|instagram|insta|twitter|skype"
    r"|snapchat|tiktok|facebook|line|username|user name|用户名|昵称|账号)"
    r"(?:号码|号|id|账号|群)?\s{0,2}(?:is|是|为|[:：=@])\s{0,2}|(?:wechat|weixin|qq|微信号|QQ号|微信|skype|snapchat|instagram"
    r"|telegram)\s{1,2}(?=[\w.\-]{0,30}[\d_]))"
    r"(@?[A-Za-z0-9_][\w.\-]{3,31})",
    re.ASCII,
)
_AT = re.compile(r"(?<![\w@.+%\-])@[A-Za-z_][A-Za-z0-9_.]{2,30}\b", re.ASCII)
_CN_ID = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])")
_SSN = re.compile(r"(?<![\w-])(\d{3})[- ](\d{2})[- ](\d{4})(?![\w]|-\d)")
_NHS = re.compile(r"(?<![\w-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w]|-\d)")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w]|-\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_CN_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]\s?[A-HJ-NP-Z]\s?[·•.]?\s?(?=[A-HJ-NP-Z]{0,3}\d)[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
)
_PLATE = re.compile(
    r"(?i)\b(?:licen[cs]e plate|number plate|plate (?:number|no\.?)|car reg(?:istration)?"
    r"|vehicle reg(?:istration)?|registration plate|车牌(?:号码|号)?)(?:\s{0,2}(?:is|number|no\.?|#|:|：|是"
    r"|为)){0,2}\s{0,2}"
    r"([A-Z0-9]{1,4}[ \-]?[A-Z0-9]{2,5})(?![A-Za-z0-9])"
)

_PHONE_CUE = re.compile(
    r"(?i)(?:phone|telephone|\btel\b\.?|mobile|cell|\bfax\b|call (?:me|him|her|us|back)|text me|contact"
    r"|reach (?:me|him|her)|whats ?app|pager|ph\."
    r"|电话|電話|手机|手機|联系方式|聯繫|联系|传真|座机|热线|号码)[^\d+\n]{0,24}$"
)
_PHONES = (
    re.compile(r"(?<![\w.+])\+\d{1,3}[ .\-]?\(?\d{1,5}\)?(?:[ .\-]?\d{2,5}){1,4}(?!\w)"),
    re.compile(r"(?<![0-9A-Za-z.+])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z])"),
    re.compile(r"(?<![\w.])(?:1[ .\-])?\(\d{3}\) ?\d{3}[ .\-]?\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?(?!\w)"),
    re.compile(r"(?<![\w.\-])(?:\+?1[ .\-])?[2-9]\d{2}([.\- ])\d{3}\1\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?(?!\w|[.\-]\d)"),
    re.compile(r"(?<![0-9A-Za-z.])0\d{2,3}[- ]\d{7,8}(?:-\d{1,5})?(?![0-9A-Za-z])"),
    re.compile(r"(?<![\w.])\(?0\d{2,4}\)? \d{3,4} ?\d{3,4}(?!\w)"),
    re.compile(r"(?<![\w.])0\d{9,10}(?!\w)"),
)
_PHONE_CUED = re.compile(r"(?<![\w.])(?:\+|\()?\d(?:[ ().\-]{0,2}\d){6,14}(?!\w)|(?<![\w.])\d{3}[- .]\d{4}(?!\w)")

_ID_CUE = re.compile(
    r"(?i)(?:"
    r"(?<![a-z])(?:mrn|m\.r\.n\.|medical record|med rec|health record|chart|patient id|pt\.? id|patient number"
    r"|patient no|hospital (?:number|no)|record|"
    r"nhs|chi number|insurance|ins\.?|hmo|ppo|policy|member(?:ship)?|subscriber|beneficiary|plan|health card"
    r"|health plan|hpn|medicare|medicaid|group number|account|acct|acc|"
    r"passport|driver'?s? licen[cs]e|licen[cs]e|dl|certificate|cert|npi|dea|case|file|accession|specimen"
    r"|sample|order|reference|ref|booking|appointment|serial|device|imei|vin|employee|student|badge|tax|tin"
    r"|itin|"
    r"national (?:id|insurance)|nino|aadhaar|nric|identity card|id card|identification|identifier|id|ssn|ss#"
    r"|social security|social)(?![a-z])"
    r"|病历号?|病歷號?|病案号|住院号|住院號|门诊号|門診號|就诊卡号?|就诊号|登记号|医保卡?号?|醫保號?|社保卡?号?|护照号?码?|護照號?碼?|身份证号?码?|身份證號?碼?|检查号|标本号"
    r"|影像号|卡号|卡號|编号|編號|账号|帳號|工号|学号|驾驶证号?|港澳通行证号?|回乡证号?"
    r")"
    r"(?:['’]?s)?(?:[ \t]{0,2}(?:id|identification|identifier|number|numbers|num|nr|no\.?|nos\.?|code|card"
    r"|policy|plan|licen[cs]e|record|security|is|was|of|号码|号|是|为|為|[:：#=.()/\-–]))*[ \t]{0,2}"
)
_ID_VALUE = re.compile(r"#?(?=[A-Za-z\-/. ]{0,6}\d)[A-Za-z0-9]+(?:[\-/.][A-Za-z0-9]+){0,4}(?: \d{2,6}){0,3}")
_ID_SHAPE = re.compile(
    r"(?<![\w\-./#])(?:#[A-Z]{1,5}-?\d{4,}|[A-Z]{1,5}-\d{5,10}|#\d{5,}|\d{3,4}-\d{2,4}-\d{2,4}"
    r"|[A-Z]{1,3}\d{6,10}[A-Z]?|\d{9}(?:\d{1,10})?|\d{15}|\d{17}[\dXx])(?![\w]|-\d|\.\d)"
)
# Public registry numbers are citations, not people.
PUBLIC_NUMBER = re.compile(
    r"(?i)(?:PMID|PMC|DOI|NCT|ISRCTN|ISBN|ISSN|NDC|CAS|RS|ICD|SNOMED|国药准字|批准文号)[\s:：#no.\-HZSJB]{0,8}$"
)
_UNIT = re.compile(
    r"(?i)^\s?(?:mg|g|kg|mcg|µg|μg|ng|ml|l\b|iu|units?|copies|cells|cfu|/|x?10\^|×|mm|cm|years?|people|persons"
    r"|cases|dollars|usd|元|个|人|毫克|克|单位|拷贝)"
)

# No number that stands for a person has fewer; most messages have fewer, and are read no further here.
_FOUR_DIGITS = re.compile(r"\d(?:\D{0,8}\d){3}")


def find(text: str, today: date) -> Iterator[Identifier]:
    """Every identifier with a shape. Checksums decide the type, never whether a shaped number is hidden."""
    del today
    yield from _network(text)
    if not _FOUR_DIGITS.search(text):
        return
    yield from _checked(text)
    yield from _phones(text)
    yield from _cued(text)
    for match in _ID_SHAPE.finditer(text):
        before = text[max(0, match.start() - 16) : match.start()]
        year_range = re.fullmatch(r"(?:19|20)\d\d-\d\d(?:-\d\d)?|(?:19|20)\d\d-(?:19|20)\d\d", match[0])
        if not (
            year_range
            or PUBLIC_NUMBER.search(before)
            or match[0].startswith(("NCT", "PMC", "ISRCTN"))
            or _UNIT.match(text[match.end() : match.end() + 12])
        ):
            yield _identifier("ID", match, rank=60)


def _network(text: str) -> Iterator[Identifier]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield _identifier("EMAIL", match, rank=0)
        for match in _AT.finditer(text):
            yield _identifier("HANDLE", match, rank=5)
    for match in _URL.finditer(text):
        end = match.start() + len(match[0].rstrip(".,;:!?)]"))
        yield Identifier("URL", match.start(), end, 1, text[match.start() : end].lower())
    for match in _DOMAIN.finditer(text):
        yield _identifier("URL", match, rank=6)
    for match in _IP4.finditer(text):
        if all(int(part) < 256 for part in match[0].split(".")) and not _VERSION.search(
            text[max(0, match.start() - 10) : match.start()]
        ):
            yield _identifier("IP", match, rank=2)
    for match in _IP6.finditer(text):
        if _is_ip6(match[0]):
            yield _identifier("IP", match, rank=2)
    for match in _HANDLE.finditer(text):
        yield _identifier("HANDLE", match, rank=8, group=1)
    for match in _CN_PLATE.finditer(text):
        yield _identifier("PLATE", match, rank=9)
    for match in _PLATE.finditer(text):
        if any(ch.isdigit() for ch in match[1]):
            yield _identifier("PLATE", match, rank=9, group=1)


def _is_ip6(candidate: str) -> bool:
    try:
        ipaddress.IPv6Address(candidate)
    except ValueError:
        return False
    # "::12" or "12::30" are clock and ratio typos more often than hosts.
    return len(candidate) > 8


def _checked(text: str) -> Iterator[Identifier]:
    for match in _CN_ID.finditer(text):
        yield _identifier("CN_ID" if cn_id_valid(match[0]) else "ID", match, rank=10)
    for match in _CARD.finditer(text):
        if luhn_valid(match[0]):
            yield _identifier("CREDIT_CARD", match, rank=12)
        elif sum(ch.isdigit() for ch in match[0]) == len(match[0]) or "-" in match[0]:
            yield _identifier("ID", match, rank=61)
    for match in _IBAN.finditer(text):
        if iban_valid(match[0]):
            yield _identifier("ID", match, rank=11)
    for match in _SSN.finditer(text):
        yield _identifier("SSN" if ssn_valid(*match.groups()) else "ID", match, rank=13)
    for match in _NHS.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        cued = re.search(r"(?i)\bnhs\b", before) is not None
        if nhs_valid(match[0]) and (cued or (not _PHONE_CUE.search(before) and " " in match[0])):
            yield _identifier("NHS", match, rank=14)


def _phones(text: str) -> Iterator[Identifier]:
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            if 9 <= sum(ch.isdigit() for ch in match[0]) <= 20:
                yield _identifier("PHONE", match, rank=20, key=_digits(match[0]))
    for match in _PHONE_CUED.finditer(text):
        if _PHONE_CUE.search(text[max(0, match.start() - 40) : match.start()]):
            yield _identifier("PHONE", match, rank=21, key=_digits(match[0]))


def _cued(text: str) -> Iterator[Identifier]:
    for cue in _ID_CUE.finditer(text):
        match = _ID_VALUE.match(text, cue.end())
        if match is None:
            continue
        value = match[0]
        digits = sum(ch.isdigit() for ch in value)
        strict = (
            re.search(
                r"(?i)\bid|mrn|number|\bno\b|#|record|号|號|证|證|卡|passport|ssn|policy|account|acct|security", cue[0]
            )
            is not None
        )
        # "insurance 2023", "chart 3.5", "plan 500 mg", "case 12" say nothing about a person.
        if digits < (4 if strict else 6) and not (digits >= 4 and re.search(r"[A-Za-z]", value)):
            continue
        if (
            re.fullmatch(r"(?:19|20)\d\d", value)
            or _UNIT.match(text[match.end() : match.end() + 12])
            or re.fullmatch(r"\d+\.\d+", value)
        ):
            continue
        if (
            re.fullmatch(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", value)
            and not re.search(r"\d{3}", value[5:])
            and len(value) <= 10
            and re.search(r"(?:19|20)\d\d", value)
        ):
            continue
        yield _identifier("ID", match, rank=30)


def _identifier(type_: str, match: re.Match[str], *, rank: int, group: int = 0, key: str = "") -> Identifier:
    return Identifier(type_, match.start(group), match.end(group), rank, key or _plain(match[group]))


def _plain(value: str) -> str:
    return re.sub(r"[\s\-.()#]", "", value).lower()


def _digits(value: str) -> str:
    return "".join(ch for ch in value if ch.isdigit())


def luhn_valid(value: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1) over 13 to 19 digits; separators ignored."""
    digits = [int(ch) for ch in value if ch.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def cn_id_valid(value: str) -> bool:
    """Check character of a resident identity number (GB 11643, ISO 7064 mod 11-2), and a possible birth date."""
    if len(value) != 18 or not value[:17].isdigit():
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(value, weights, strict=False))
    try:
        date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    return "10X98765432"[total % 11] == value[17].upper()


def ssn_valid(area: str, group: str, serial: str) -> bool:
    """Ranges the US Social Security Administration can have issued."""
    return int(area) not in (0, 666) and int(area) < 900 and int(group) != 0 and int(serial) != 0


def nhs_valid(value: str) -> bool:
    """Modulus 11 check of a ten-digit NHS number (NHS Data Dictionary)."""
    digits = [int(ch) for ch in value if ch.isdigit()]
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    check = 11 - sum(digit * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return check % 11 == digits[9] and check != 10


def iban_valid(value: str) -> bool:
    """ISO 13616 check: the rearranged number is 1 modulo 97."""
    compact = value.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(ch, 36)) for ch in compact[4:] + compact[:4])) % 97 == 1
