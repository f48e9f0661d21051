"""Pages that say of themselves that they no longer hold: withdrawn, replaced, expired. The sentence that says so."""

from __future__ import annotations

import re
from datetime import date

_ITSELF_EN = (
    r"(?:this|the present) (?:document|guidelines?|guidance|page|statement|consensus|edition|protocol|pathway|policy|version"
    r"|standard|recommendations?|bulletin|advice|position paper|practice parameter)"
)
_GONE_EN = (
    r"(?:withdrawn|superseded|replaced by|retired|rescinded|archived|obsolete|out of date|outdated|expired|discontinued"
    r"|no longer (?:valid|current|in force|maintained|supported|endorsed|in use))"
)
_ITSELF_ZH = (
    r"(?:本|此|该)(?:指南|共识|意见|文件|规范|方案|版本?|标准|页面?|建议|规程|路径|办法|声明"
    r"|文(?![献化字书])|指引|要点|手册|须知|通知)"
)
_GONE_ZH = r"(?:废止|作废|失效|撤销|撤回|停止执行|不再(?:适用|有效|执行)|已过期|被[^。；\n]{0,30}(?:取代|替代|代替))"
_SAID = (
    re.compile(
        rf"\b{_ITSELF_EN}\b[^.!?\n]{{0,60}}\b(?:is|was|has|have|are|were)\b[^.!?\n]{{0,30}}\b{_GONE_EN}\b",
        re.I,
    ),
    re.compile(rf"\b{_ITSELF_EN}\b[^.!?\n]{{0,40}}\bexpired\b", re.I),
    re.compile(rf"\b(?:withdrew|retired|rescinded|archived|replaced|superseded) {_ITSELF_EN}\b", re.I),
    re.compile(rf"{_ITSELF_ZH}[^。！？\n]{{0,40}}{_GONE_ZH}"),
    re.compile(rf"(?:废止|撤销|撤回|取代|替代){_ITSELF_ZH}"),
    # A page may tell when to stop using a medicine: only what has been stopped already is the page itself.
    re.compile(rf"{_ITSELF_ZH}(?:现|均)?已(?:于[^，。；\n]{{0,12}}|经)?(?:停止使用|停用|停止施行|终止)"),
)
# The one who wrote it may take it back in a sentence of its own, behind one that speaks of the page itself.
_OWN = re.compile(rf"\b{_ITSELF_EN}\b", re.I)
_TAKEN_BACK = re.compile(
    r"\b(?:withdrew|retired|rescinded|archived|replaced|superseded) it\b"
    rf"|\bit (?:was|has been|is) (?:since |later |now )?{_GONE_EN}\b",
    re.I,
)
# It replaces another: what is withdrawn is the other one.
_OF_ANOTHER = re.compile(
    r"\b(?:replaces|supersedes|updates|in place of)\b|(?:发布|施行|实施|印发)(?:后|之日)"
    r"|(?:[0-9〇零一二三四五六七八九]{4}年?|[原旧])版[^。；\n]{0,12}(?:同时|即行)?(?:废止|作废)",
    re.I,
)
_UNTIL = (
    re.compile(
        r"\b(?:valid|in force|applies|expires?|expiry(?: date)?) (?:until|till|on|to|at the end of|:)?\s*"
        r"(?:\w+ ){0,3}?((?:19|20)\d{2})\b",
        re.I,
    ),
    re.compile(
        r"(?:有效期(?:至|到|截至)|有效至)[^。\n]{0,6}?((?:19|20)\d{2}|[一二][九〇零][〇零一二三四五六七八九]{2})年?"
    ),
)
# A sentence that begins so has no other subject than the page; a medicine "expires".
_BEGINS = re.compile(r"(?:valid|in force) (?:until|till|to)\b", re.I)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_LONGEST = 240
WITHDRAWN = "itself: "
"""What a passage's `superseded_by` begins with where no newer page is named: the page's own sentence follows."""


def says_so(text: str, *, today: date) -> str:
    """The sentence in which a page says that it is withdrawn, replaced or past its date; empty where it says nothing of the kind.

    Only what speaks of the page itself counts: a medicine that was withdrawn, or a practice that is outdated, is its subject.
    """
    before = ""
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip()
        if _OF_ANOTHER.search(sentence):
            before = sentence
            continue
        own = _OWN.search(before) is not None
        if any(pattern.search(sentence) for pattern in _SAID) or (own and _TAKEN_BACK.search(sentence)):
            return sentence[:_LONGEST]
        for pattern in _UNTIL:
            until = pattern.search(sentence)
            about_itself = _OWN.search(sentence) or re.search(_ITSELF_ZH, sentence) or _BEGINS.match(sentence)
            if until and about_itself and int(until[1].translate(_DIGITS)) < today.year:
                return sentence[:_LONGEST]
        before = sentence or before
    return ""
