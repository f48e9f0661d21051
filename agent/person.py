"""Whose history a message continues: a new person ("my son, now") begins a new one, so that nobody's signs weigh on another's.

Only what plainly turns to somebody else counts: a mark of turning ("what about my son", "另外，我儿子"), or a message that opens
with them and tells what is wrong. A relative who is only spoken of ("my husband thinks it is nothing") is not turned to. Where it
is not plain the history goes on: signs of two people weighed together ask for more help than needed, signs dropped for less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.corrections import fixes
from agent.types import Finding
from knowledge.rules import load_lexicon

SELF = "self"
_YOUNG = r"(?:\d|1[0-7])[- ](?:year|month|week|day)s?[- ]old"
_KIN = {
    "child": (
        r"son|daughter|bab(?:y|ies)|child|kids?|toddler|infant|newborn|little one|boy|girl|grandson|granddaughter|grandchild|teenager"
        rf"|twins?|{_YOUNG}",
        "儿子|女儿|宝宝|孩子|小孩|娃|婴儿|孙子|孙女|外孙女|外孙",
    ),
    "partner": ("husband|wife|partner|boyfriend|girlfriend|fianc[eé]e?", "老公|老婆|丈夫|妻子|爱人|男朋友|女朋友|对象|媳妇"),
    "parent": ("mum|mom|mother|dad|father|parents?", "妈妈?|母亲|爸爸?|父亲|岳父|岳母|公公|婆婆"),
    "grandparent": (r"gran(?:dma|dad|dpa|ny|dmother|dfather)?|nan(?:a|ny)?", "奶奶|爷爷|外婆|外公|姥姥|姥爷"),
    "sibling": ("brother|sister", "哥哥?|弟弟?|姐姐?|妹妹?"),
    "other": (
        "friend|neighbou?r|colleague|flatmate|roommate|uncle|aunt(?:ie)?|cousin|nephew|niece|student|patient",
        "朋友|邻居|同事|室友|舅舅|叔叔|阿姨|表[哥弟姐妹]|学生|患者|病人",
    ),
}  # fmt: skip
_OWN = r"(?:my|our|the|his|her)"
_AGED = r"(?:[\w-]+ ){0,4}?"
_TURN = (
    r"(?:what about|how about|and what about|now (?:for|about|it'?s)"
    r"|(?:another|a different|a separate|one more|new) (?:question|thing|person|patient|problem)\b[^.?!]{0,30}?"
    r"|(?:also|next|separately|by the way|btw|unrelated|on another note)[,:]?|this (?:one|time) is (?:about|for)|now)"
)
_TURN_ZH = r"(?:那么?|另外|还有|顺便|再问(?:一下|一个|下)?|换个问题|这次是|这回是|现在是?|接下来)[，,：: ]{0,2}"
_OPENING = re.compile(r"^\W*(?:(?:hi|hello|ok|okay|thanks|thank you|and|so|great|right|谢谢|好的|好)\W+){0,3}", re.I)
_MYSELF = re.compile(
    rf"\b{_TURN}[^.?!]{{0,12}}\b(?:me|myself)\b|\bas for (?:me|myself)\b"
    r"|\b(?:now|also) (?:i|i'm|i am|i've|i have) (?:also |now )?(?:have|got|feel|am|having|been)\b"
    r"|(?:那|另外|顺便|还有).{0,4}我自己|现在(?:是)?我自己",
    re.I,
)
_PATTERNS = {
    group: (
        re.compile(
            rf"\b{_TURN} (?:(?:for|about|to|is|it's) )?{_OWN} {_AGED}(?:{english})(?:'s)?\b"
            rf"|{_TURN_ZH}我?(?:们|家)?(?:的)?(?:\S{{0,6}}?)(?:{chinese})",
            re.I,
        ),
        re.compile(rf"^(?:{_OWN} {_AGED}(?:{english})\b|我(?:们|家)?的?(?:\S{{0,6}}?)(?:{chinese}))", re.I),
        re.compile(rf"\b{_OWN} {_AGED}(?:{english})\b|我(?:们|家)?的?(?:\S{{0,6}}?)(?:{chinese})", re.I),
    )
    for group, (english, chinese) in _KIN.items()
}  # fmt: skip
# A first message often leaves out "my": "Dad has chest pain", "baby hot since noon", "宝宝发烧".
_CALLED = {
    "child": rf"(?:baby|toddler|little one|{_YOUNG})\b|宝宝|孩子|小孩|儿子|女儿|娃|婴儿|孙子|孙女",
    "partner": r"hubby\b|老公|老婆|丈夫|妻子|媳妇",
    "parent": r"(?:mum|mom|mummy|mommy|mama|dad|daddy|papa)\b|妈妈?|母亲|爸爸?|父亲",
    "grandparent": r"(?:gran(?:dma|dad|dpa|ny)?|nan(?:a|ny)?)\b|奶奶|爷爷|外婆|外公|姥姥|姥爷",
    "sibling": "哥哥|弟弟|姐姐|妹妹",
}
_BARE = {group: re.compile(rf"\b(?:{words})|(?<=[一-鿿])(?:{words})", re.I) for group, words in _CALLED.items()}
_BARE_OPENING = {
    group: re.compile(rf"(?:{english})\b", re.I) for group, (english, _) in _KIN.items() if group != "other"
}
_NEAR = 80
# A relative who thinks, says or gave something is no patient.
_SPOKEN_OF = re.compile(
    r"\b(?:thinks?|says?|said|told|reckons?|believes?|gave|is worried|worries|wants?|suggest\w*|advis\w*|called|is here|noticed|asked"
    r"|drove|brought)\b|说|觉得|认为|让我|叫我|给我|担心|陪我|帮我|打了?电话|打了?(?:120|999|911)",
    re.I,
)
# What follows is the writer's own again, or came to the writer from the relative.
_MINE = re.compile(r"\b(?:i|i'm|i've|my|me)\b|我(?!们|家)", re.I)
_CAUGHT = re.compile(
    r"\bi(?:'ve| have)? caught (?:it|this|that|the same)\b|\b(?:gave|given|passed) it (?:on )?to me\b|\bgot it (?:off|from)\b"
    r"|\b(?:now|and|but) i(?:'ve| have)? (?:also |now )*(?:got |have )?(?:it|the same)\b"
    r"|我.{0,3}被.{0,2}传染|传染(?:给)?(?:了)?我|传给(?:了)?我",
    re.I,
)
# A child not yet born is told of with its mother.
_UNBORN = re.compile(
    r"\b(?:mov(?:es?|ed|ing|ements?)|kick(?:s|ed|ing)?|womb|unborn|pregnan\w*)\b|胎|肚子里|动得|怀孕", re.I
)
_HE_SHE = re.compile(r"\b(?:he|she|his|her|him)(?:'s)?\b|他(?!们)|她", re.I)


def turned_to(text: str, current: str, findings: Iterable[Finding]) -> str:
    """The person a message turns to, where it turns to another than `current`; else "".

    `current`: "self", a group of kin, or "" where nobody was told of yet. `findings` are those of this message.
    """
    if _CAUGHT.search(text):
        return ""
    opened = _OPENING.sub("", text)
    wrong = [finding.start for finding in findings if _tells(finding)]
    for group, (turning, opening, _) in _PATTERNS.items():
        if group == current or not current or (group == "child" and _UNBORN.search(text)):
            continue
        match = turning.search(text)
        if match and not _SPOKEN_OF.match(text[match.end() :].lstrip()):
            return group
        match = opening.match(opened)
        if match and not _SPOKEN_OF.search(opened[match.end() : match.end() + 24]):
            end = len(text) - len(opened) + match.end()
            if any(0 <= start - end <= _NEAR and not _MINE.search(text[end:start]) for start in wrong):
                return group
    if current not in ("", SELF) and _MYSELF.search(text):
        return SELF
    return ""


def kin(word: str) -> str:
    """The group of kin that a word names ("son", "老婆"); "" for any other word."""
    said = word.casefold().strip()
    for group, (english, chinese) in _KIN.items():
        if re.fullmatch(rf"(?:{english})|(?:{chinese})", said):
            return group
    return ""


def meant(text: str) -> str:
    """Whom a correction says that the history is about ("Correction: this is about my son."); "" where it says nothing of it."""
    for fix in fixes(text):
        if fix.name in ("who_self", "who_not_child"):
            return SELF
        if fix.name == "who_other":
            return "other"
        if fix.name == "who":
            return kin(fix.value)
    return ""


def told_of(text: str, findings: Iterable[Finding]) -> str:
    """Whom a first message tells of: the kin named in front of what is wrong, else the writer where anything is told.

    "" where nothing is told, or only of "him" or "her": the next message may say who that is.
    """
    present = sorted(finding.start for finding in findings if finding.present)
    if not present:
        return ""
    opened = _OPENING.sub("", text)
    named = [
        (match.start(), group)
        for patterns in ({group: any_of for group, (_, _, any_of) in _PATTERNS.items()}, _BARE)
        for group, pattern in patterns.items()
        for match in pattern.finditer(text)
        if not _SPOKEN_OF.search(text[match.end() : match.end() + 24]) and match.start() <= present[-1]
    ]
    named += [(len(text) - len(opened), group) for group, pattern in _BARE_OPENING.items() if pattern.match(opened)]
    if named:
        return min(named)[1]
    return "" if _HE_SHE.search(text) and not _MINE.search(text) else SELF


def _tells(finding: Finding) -> bool:
    """Whether a finding tells what is wrong, and does not only colour a sentence ("last week", "the child")."""
    return finding.present and load_lexicon().findings[finding.id].kind != "modifier"
