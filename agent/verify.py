"""Does a passage say this? Claims against quoted spans: words covered, and numbers, negation and direction exact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.types import Claim, Language
from knowledge.chunk import sentences
from knowledge.types import Passage
from retrieval.tokenize import tokens

_KEY = re.compile(r"\s*[\[【［(]\s*(\d{1,2}(?:\s*[,，、;]\s*\d{1,2})*)\s*[\]】］)]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NUMBER_WORDS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "forty": "40",
    "fifty": "50", "sixty": "60", "ninety": "90", "half": "0.5", "once": "1", "twice": "2",
    "一": "1", "两": "2", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7", "八": "8",
    "九": "9", "十": "10", "半": "0.5",
}  # fmt: skip
_CHINESE_NUMBER = re.compile(r"[一两二三四五六七八九十半](?=[个天周月年日次小分片粒颗支毫升岁℃度成倍到至])")
_ENGLISH_NUMBER = re.compile(r"\b(" + "|".join(word for word in _NUMBER_WORDS if word.isascii()) + r")\b", re.I)
_UNIT = re.compile(
    r"(\d+(?:[.,]\d+)*)\s*(?:-|–|to|到|至|~)?\s*(mg|mcg|µg|g|kg|ml|l|mmol/l|mmhg|%|°c|℃|°f|hours?|hrs?|days?|weeks?|months?|years?|minutes?|times?|"
    r"毫克|克|毫升|小时|天|日|周|个月|岁|年|分钟|次|片|粒)",
    re.I,
)
_NEGATION = {
    "en": re.compile(r"\b(?:no|not|never|none|neither|nor|without|cannot|avoid|unlikely|rarely|stop)\b|n['’]t\b", re.I),
    "zh": re.compile(
        r"不(?!同|良|适|断|舒服|久|仅|少)|没有|無|无(?!论)|未(?!来)|勿|禁|别(?!的|人)|避免|切忌|非(?!常|处方|甾)"
    ),
}
_PRONOUN = re.compile(r"\W*(?:(?:it|its|this|these|they|those|such|he|she)\b|它|这|此|其)", re.I)
# Opposites, English then Chinese: a claim may not use one where its span only uses the other.
_DIRECTIONS = (
    (("rais(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|higher|more than|worse|worsens?", "升高|增加|加重|高于|超过"),
     ("lower(?:s|ed|ing)?|reduc(?:e|es|ed|ing)|decreas(?:e|es|ed|ing)|less than|eas(?:e|es|ed)|better", "降低|减少|减轻|低于")),
    (("before", "之前|以前"), ("after", "之后|以后")),
    (("under|younger than|below", "以下|未满|小于"), (r"over \d+|older than|above|at least", "以上|大于")),
    (("safe", "(?<!不)安全"), ("unsafe|dangerous|harmful", "不安全|危险|有害")),
    (("common", "(?<!不)常见"), ("uncommon|rare", "罕见|少见|不常见")),
    (("hot|warm", "热敷|温热"), ("ice|cold (?:pack|water|compress)", "冷敷|冰敷")),
)  # fmt: skip


def _direction(words: tuple[str, str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words[0]})\b|{words[1]}", re.I)


_DIRECTION_PATTERNS = tuple((_direction(one), _direction(other)) for one, other in _DIRECTIONS)
# Of a claim's words at most a quarter may be missing from its span, so none of a short claim's: one foreign noun is how
# a model invents.
_MISSING = 0.25
# Words that a paraphrase adds or drops without saying anything else.
_WEAK_ENGLISH = """
most usual often may might also help need make take give use feel go thing peopl person someon tri good well import ensur such
includ exampl general typic recommend advis mean know sometim mani within around
"""
_WEAK_CHINESE = """
可能 通常 一般 大多 大多数 多数 建议 帮助 注意 包括 例如 进行 情况 有助于 有助 来说 由 者 时 后 内
"""
WEAK = frozenset((_WEAK_ENGLISH + _WEAK_CHINESE).split())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a span supports a claim, the span (a substring of its passage), the passage's place, and why."""

    supported: bool
    quote: str
    passage: int
    score: float
    why: str


def split_keys(sentence: str) -> tuple[str, tuple[int, ...]]:
    """A sentence without its citation marks, and the numbers that stood in them."""
    keys = tuple(int(number) for found in _KEY.findall(sentence) for number in re.findall(r"\d+", found))
    return _KEY.sub("", sentence).strip(), keys


def check(
    claim: str, passages: Sequence[Passage], language: Language, *, min_support: float, question: str = ""
) -> Verdict:
    """The best verdict over every span of one or two sentences of the passages.

    A span supports a claim when it holds at least `min_support` of the claim's content words and no more than a quarter
    is missing (the passage's title and heading count for the subject), and it holds every number with its unit and the
    same negation and direction. A word that the claim took from the question must stand in the passage or in its
    synonyms: a passage on one medicine never supports a claim on the medicine that was asked about.
    """
    best = Verdict(False, "", -1, 0.0, "no span shares its words")
    words = _words(claim)
    plain = _plain(claim)
    transplanted = words & set(tokens(question))
    if not words:
        return best
    for place, passage in enumerate(passages):
        subject = set(tokens(f"{passage.title} {passage.heading}"))
        foreign = transplanted - subject - set(tokens("\n".join((passage.text, *passage.synonyms))))
        for quote in _spans(passage.text):
            held = _words(quote)
            # What the claim says of its subject must stand in the span itself, not in the heading above it; words of
            # the heading alone, or one bare word, say too little to be checked unless they are the span's own sentence.
            said = words - subject
            known = words & (held | subject) if said else words & held
            score = len(known) / len(words)
            missing = len(words) - len(known)
            enough = score >= min_support and missing <= _MISSING * len(words) and bool(said & held) and len(words) > 1
            enough = enough or plain in _plain(quote)
            if score < min(best.score, min_support):
                continue
            why = _conflict(claim, quote, language) if enough else "too few of its words are in the span"
            if foreign:
                why = why or f"the passage does not speak of {', '.join(sorted(foreign))}"
            verdict = Verdict(not why, quote, place, score, why or "supported")
            if (verdict.supported, score, -len(quote)) > (best.supported, best.score, -len(best.quote)):
                best = verdict
    return best


def as_claim(text: str, verdict: Verdict, key: str) -> Claim:
    """The claim as it is reported: without a key or quote when it is not supported."""
    if not verdict.supported:
        return Claim(text=text, supported=False, why=verdict.why)
    return Claim(text=text, supported=True, key=key, quote=verdict.quote, why=verdict.why)


def points_back(claim: str) -> bool:
    """Whether a claim names its subject only by a pronoun, so that it may only follow a claim of the same passage."""
    return bool(_PRONOUN.match(claim))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _words(text: str) -> set[str]:
    """Content words; numbers are compared apart, exactly."""
    return {word for word in tokens(text) if not word[0].isdigit() and word not in _NUMBER_WORDS and word not in WEAK}


def _spans(text: str) -> list[str]:
    parts = sentences(text)
    spans = list(parts)
    start = 0
    places = []
    for part in parts:
        start = text.index(part, start)
        places.append((start, start + len(part)))
        start += len(part)
    spans.extend(text[places[i][0] : places[i + 1][1]] for i in range(len(parts) - 1))
    return spans


def _conflict(claim: str, quote: str, language: Language) -> str:
    missing = quantities(claim) - quantities(quote)
    if missing:
        return f"the span does not hold the number {', '.join(sorted(missing))}"
    if bool(_NEGATION[language].search(claim)) != bool(_NEGATION[language].search(quote)):
        return "one of claim and span is negated"
    for one, other in _DIRECTION_PATTERNS:
        for said, opposite in ((one, other), (other, one)):
            if said.search(claim) and opposite.search(quote) and not said.search(quote):
                return "the span says the opposite direction"
    return ""


def quantities(text: str) -> frozenset[str]:
    """Numbers with the unit beside them, words written as digits: "twice", "2 times" and "1 to 2 weeks" compare."""
    text = _ENGLISH_NUMBER.sub(lambda word: _NUMBER_WORDS[word.group(1).lower()], text)
    text = _CHINESE_NUMBER.sub(lambda word: _NUMBER_WORDS[word.group(0)], text)
    found = {_plain_number(number) for number in _NUMBER.findall(text)}
    for number, unit in _UNIT.findall(text):
        found.add(f"{_plain_number(number)} {_plain_unit(unit)}")
    return frozenset(found)


def _plain_number(number: str) -> str:
    digits = number.replace(",", "")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _plain_unit(unit: str) -> str:
    same = {"℃": "°c", "毫克": "mg", "克": "g", "毫升": "ml", "小时": "hour", "hr": "hour", "天": "day", "日": "day", "周": "week",
            "个月": "month", "岁": "year", "年": "year", "分钟": "minute", "次": "time"}  # fmt: skip
    unit = unit.lower()
    unit = unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit
    return same.get(unit.removesuffix("s") if unit == "hrs" else unit, unit)
