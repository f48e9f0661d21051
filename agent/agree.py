"""In what a claim and a span agree or differ, exactly: numbers with units, "not", direction, scope, named things, order.

Each difference is a number, so that a learned weight can tell a paraphrase from a contradiction (`agent.verify`); some are
enough by themselves (`conflict`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from agent.support import window
from agent.types import Language
from knowledge.chunk import sentences
from knowledge.terms import load_terms
from knowledge.types import Passage
from retrieval.tokenize import tokens

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
    r"(\d+(?:[.,]\d+)*)\s*(?:-|–|to|到|至|~)?\s*(mg|mcg|µg|g|kg|ml|l|mmol/l|mmhg|%|°c|℃|°f|seconds?|hours?|hrs?|days?|weeks?|months?|years?|minutes?|times?|cups?|litres?|liters?"
    r"|pounds?|lbs?|cm|mm|units?|puffs?|tablets?|毫克|微克|克|毫升|升|小时|秒|天|日|周|个月|月|岁|年|分钟|次|片|粒|公斤|斤|磅|厘米|毫米)",
    re.I,
)  # fmt: skip
_UNIT_WORDS = {
    "en": re.compile(r"\b(seconds?|minutes?|hours?|days?|weeks?|months?|years?|teaspoons?|tablespoons?|litres?|cups?|milligrams?|grams?|a day|a week|daily|weekly|hourly|monthly|yearly)\b|/(?:day|week|hour|kg)", re.I),
    "zh": re.compile(r"秒|分钟|小时|天|周|个月|月|年|茶匙|汤匙|毫升|升|杯|毫克|克|公斤|斤|磅|每天|每周|每月|每年"),
}  # fmt: skip
# Words that turn a statement round, deny it, or make it weaker or conditional.
_WORDS = tomllib.loads((files("knowledge") / "rules" / "claims.toml").read_text(encoding="utf-8"))
_KINDS = ("medicines", "conditions-1", "symptoms", "body", "tests", "icd10cm")
# Words that a paraphrase adds or drops without saying anything else.
_WEAK_ENGLISH = """
most usual often may might also help need make take give use feel go thing peopl person someon tri good well import ensur such
includ exampl general typic recommend advis mean know sometim mani within around
"""
_WEAK_CHINESE = """
可能 通常 一般 大多 大多数 多数 建议 帮助 注意 包括 例如 进行 情况 有助于 有助 来说 由 者 时 后 内
"""
WEAK = frozenset((_WEAK_ENGLISH + _WEAK_CHINESE).split())
_COPY = 0.8
"""The share of a claim's words from which it counts as its span's copy: on the validation split this cuts no supported claim."""
FEATURES = (
    "held", "held_passage", "missing", "contained", "number_missing", "number_missing_passage", "unit_conflict", "negation_odd", "negation_differs",
    "opposed", "opposed_count", "lean_new", "lean_lost", "term_missing", "term_new_in_span", "inverted", "length", "span_length", "subject_only",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a claim stands to a span: `values` in the order of `FEATURES`, and the plainest difference in words ("" if none)."""

    values: tuple[float, ...]
    conflict: str


def _patterns(pairs: Sequence[tuple[str, str]], bound: str) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple(
        (re.compile(f"{bound}(?:{one}){bound}", re.I), re.compile(f"{bound}(?:{other}){bound}", re.I))
        for one, other in pairs
    )


_NEGATION = {language: re.compile(_WORDS[language]["negation"], re.I) for language in ("en", "zh")}
_LEANS = {language: re.compile(_WORDS[language]["leans"], re.I) for language in ("en", "zh")}
_AFFIRMS = {language: re.compile(_WORDS[language]["affirms"], re.I) for language in ("en", "zh")}
_CLAUSE = re.compile(r"[,;:，；：。.!?！？]|\b(?:but|and|unless|although)\b|但|而|不过")
_OPPOSED = {"en": _patterns(_WORDS["en"]["opposed"], r"\b"), "zh": _patterns(_WORDS["zh"]["opposed"], "")}


def content(text: str) -> set[str]:
    """Content words; numbers are compared apart, exactly."""
    return {word for word in tokens(text) if not word[0].isdigit() and word not in _NUMBER_WORDS and word not in WEAK}


def values(claim: str, passage: Passage, quote: str, language: Language) -> tuple[tuple[float, ...], str]:
    """What the learned weighing looks at: the agreement with the quote, then with the sentences around it; and the plainest
    conflict with the passage, in words ("" if none)."""
    subject = f"{passage.title} {passage.heading}"
    near = agreement(claim, quote, passage=passage.text, subject=subject, language=language)
    around = agreement(
        claim, " ".join(window(claim, passage.text)), passage=passage.text, subject=subject, language=language
    )
    return (*near.values, *around.values), near.conflict or _forbidden(claim, quote, language)


def best_span(claim: str, passage: str, subject: str) -> str:
    """The sentence of a passage, or two neighbours where one adds to the other, that holds most of a claim's words."""
    parts = sentences(passage)
    if not parts:
        return passage
    said = content(claim) - content(subject) or content(claim)
    numbers = quantities(claim)

    def worth(quote: str) -> float:
        held = content(quote)
        return len(said & held) + 0.7 * len(numbers & quantities(quote)) - 0.02 * len(held)

    single = max(parts, key=worth)
    place = parts.index(single)
    best, most = single, worth(single)
    for start in (place - 1, place):
        if 0 <= start < len(parts) - 1:
            begin = passage.find(parts[start])
            end = passage.find(parts[start + 1], begin + len(parts[start])) + len(parts[start + 1])
            pair = passage[begin:end]
            # A neighbour must add a word or two of the claim's, else the one sentence is the plainer quote.
            if worth(pair) >= most + 0.8:
                best, most = pair, worth(pair)
    return best


def negated(text: str, language: Language) -> int:
    """How many words of denial a text holds."""
    return len(_NEGATION[language].findall(text))


def agreement(claim: str, quote: str, *, passage: str, subject: str, language: Language) -> Agreement:
    """How `claim` agrees with `quote`, a span of `passage` under the heading `subject`."""
    said, held, near, topic = content(claim), content(quote), content(passage), content(subject)
    known = said & (held | topic)
    numbers = quantities(claim)
    lost, lost_all = numbers - quantities(quote), numbers - quantities(f"{subject}\n{passage}")
    units = _units(claim, language) - _units(f"{subject}\n{passage}", language)
    no_claim, no_quote = negated(claim, language), negated(quote, language)
    opposed = opposites(claim, f"{subject} {quote}", language)
    leans_claim, leans_quote = _found(_LEANS[language], claim), _found(_LEANS[language], quote)
    terms = _terms(claim)
    strange = [name for names, name in terms if not _named(names, f"{subject}\n{passage}".lower())]
    other = [name for names, name in _terms(quote) if not _named(names, claim.lower())]
    plain = in_one_line(claim)
    found = (
        len(known) / max(1, len(said)),
        len(said & (near | topic)) / max(1, len(said)),
        float(len(said) - len(known)),
        float(bool(plain) and plain in in_one_line(quote)),
        float(len(lost)),
        float(len(lost_all)),
        float(len(units)),
        float((no_claim - no_quote) % 2),
        float(bool(no_claim) != bool(no_quote)),
        float(bool(opposed)),
        float(len(opposed)),
        float(len(leans_claim - leans_quote)),
        float(len(leans_quote - leans_claim)),
        float(len(strange)),
        float(len(other)),
        inverted(claim, quote),
        len(said) / 10,
        len(held) / 10,
        float(bool(said) and not said & held),
    )
    return Agreement(found, _conflict(lost_all, units) or _turned(found[0], bool(no_claim) != bool(no_quote), opposed))


def _conflict(numbers: frozenset[str], units: set[str]) -> str:
    """What no weighing may overrule: a number or a unit that the passage does not hold."""
    if numbers:
        return f"the passage does not hold the number {', '.join(sorted(numbers))}"
    if units:
        return f"the passage does not hold the unit {', '.join(sorted(units))}"
    return ""


def _turned(held: float, denied: bool, opposed: Sequence[str]) -> str:
    """In a claim that nearly is its span, one word turns it round: a denial, or an opposite."""
    if held < _COPY or not (denied or opposed):
        return ""
    return "one of claim and span is negated" if denied else f"the span says the opposite of {opposed[0]!r}"


def _forbidden(claim: str, quote: str, language: Language) -> str:
    """A claim that permits, advises or promises, beside clauses that all deny: "safe for babies" of "do not give it to a baby"."""
    said = content(claim)
    if negated(claim, language) or not (permits := _AFFIRMS[language].search(claim)):
        return ""
    shared = [(len(content(clause) & said), clause) for clause in _CLAUSE.split(quote)]
    most = max((count for count, _ in shared), default=0)
    denies = [bool(negated(clause, language)) for count, clause in shared if count and count == most]
    return f"the span denies, the claim says {permits.group()!r}" if denies and all(denies) else ""


def opposites(claim: str, quote: str, language: Language) -> list[str]:
    """The words of a claim whose opposite stands in the span while they do not."""
    found = []
    for one, other in _OPPOSED[language]:
        for own, opposite in ((one, other), (other, one)):
            said = own.search(claim)
            if said and not own.search(quote) and opposite.search(quote) and not opposite.search(claim):
                found.append(said.group())
    return found


def inverted(claim: str, quote: str) -> float:
    """The share of pairs of common words that stand in the other order: who does what to whom may be turned round."""
    there = {word: place for place, word in reversed(list(enumerate(tokens(quote))))}
    places = [there[word] for word in dict.fromkeys(tokens(claim)) if word in there]
    pairs = [(one, other) for i, one in enumerate(places) for other in places[i + 1 :]]
    return sum(one > other for one, other in pairs) / len(pairs) if pairs else 0.0


def _found(pattern: re.Pattern[str], text: str) -> set[str]:
    return {match.lower() for match in pattern.findall(text)}


def _units(text: str, language: Language) -> set[str]:
    found = {match.group().lower() for match in _UNIT_WORDS[language].finditer(text)}
    same = {"daily": "day", "a day": "day", "/day": "day", "weekly": "week", "a week": "week", "/week": "week", "hourly": "hour", "/hour": "hour",
            "monthly": "month", "yearly": "year", "/kg": "kg", "每天": "天", "每周": "周", "每月": "月", "个月": "月", "每年": "年"}  # fmt: skip
    return {same.get(unit, unit.rstrip("s")) for unit in found}


@lru_cache(maxsize=4096)
def _terms(text: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    """The named things of a text: all names of each, and the words used."""
    return tuple(
        ((mention.text.lower(), *(name.lower() for name in (*mention.concept.english, *mention.concept.chinese, *mention.concept.abbreviations))), mention.text)
        for mention in load_terms().find(text)
        if mention.concept is not None and mention.concept.kind in _KINDS
    )  # fmt: skip


def named_things(text: str, known: str) -> tuple[str, ...]:
    """The named things (diseases, medicines, tests and the like) of a text that `known` holds under none of their names."""
    lowered = known.lower()
    return tuple(name for names, name in _terms(text) if not _named(names, lowered))


def _named(names: Sequence[str], text: str) -> bool:
    return any(name in text for name in names)


def in_one_line(text: str) -> str:
    """Letters and digits alone, in small letters: what tells a copy from a paraphrase."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


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
    same = {"℃": "°c", "毫克": "mg", "微克": "mcg", "克": "g", "毫升": "ml", "升": "l", "小时": "hour", "hr": "hour", "秒": "second", "天": "day", "日": "day", "周": "week",
            "个月": "month", "月": "month", "岁": "year", "年": "year", "分钟": "minute", "次": "time", "liter": "l", "litre": "l", "公斤": "kg", "pound": "lb", "磅": "lb",
            "片": "tablet", "粒": "tablet", "厘米": "cm", "毫米": "mm"}  # fmt: skip
    unit = unit.lower()
    unit = unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit
    return same.get(unit.removesuffix("s") if unit in ("hrs", "lbs") else unit, unit)
