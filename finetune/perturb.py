"""A true sentence made false by one small change: a number, a unit, a "not", an opposite, another medicine or illness.

`finetune.support` teaches the checker of claims with these, beside the pairs that people wrote. Rules of grammar only: a
change that reads badly still teaches that the word matters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from knowledge.terms import load_terms

_NUMBER = re.compile(r"(?<![\d.])\d+(?:,\d{3})*(?:\.\d+)?(?![\d.]\d)")
_UNITS = (
    ("hours", "days"), ("hour", "day"), ("days", "weeks"), ("weeks", "months"), ("months", "years"), ("minutes", "hours"),
    ("seconds", "minutes"), ("mg", "g"), ("mg", "mcg"), ("ml", "litres"), ("°C", "°F"), ("kg", "lb"), ("cm", "mm"),
    ("小时", "天"), ("天", "周"), ("周", "个月"), ("个月", "年"), ("分钟", "小时"), ("毫克", "克"), ("毫升", "升"), ("公斤", "斤"), ("厘米", "毫米"),
)  # fmt: skip
# Words that turn a sentence round, both ways. English ones are whole words.
_OPPOSITES = (
    ("increases", "reduces"), ("increase", "reduce"), ("raises", "lowers"), ("raise", "lower"), ("higher", "lower"), ("high", "low"),
    ("more", "less"), ("before", "after"), ("above", "below"), ("over", "under"), ("older", "younger"), ("common", "rare"),
    ("safe", "dangerous"), ("hot", "cold"), ("warm", "ice-cold"), ("always", "never"), ("often", "rarely"), ("usually", "rarely"),
    ("adults", "children"), ("men", "women"), ("boys", "girls"), ("early", "late"), ("start", "stop"), ("better", "worse"),
    ("improves", "worsens"), ("mild", "severe"), ("short", "long"), ("with", "without"), ("left", "right"), ("upper", "lower"),
    ("bacteria", "viruses"), ("bacterial", "viral"), ("temporary", "permanent"), ("most", "few"), ("first", "last"), ("drink", "avoid"),
    ("quickly", "slowly"), ("sudden", "gradual"), ("suddenly", "gradually"), ("dry", "moist"), ("loose", "tight"), ("day", "night"),
    ("all", "some"), ("many", "few"), ("cause", "prevent"), ("causes", "prevents"), ("helps", "worsens"), ("help", "harm"),
    ("fewer", "more"), ("smaller", "larger"), ("inside", "outside"), ("same", "different"), ("contagious", "not contagious"),
    ("benign", "malignant"), ("acute", "chronic"), ("gain", "loss"), ("dilate", "narrow"), ("fast", "slow"), ("strong", "weak"),
    ("必须", "可以不"), ("升高", "降低"), ("增加", "减少"), ("加重", "减轻"), ("之前", "之后"), ("前", "后"), ("以上", "以下"), ("大于", "小于"),
    ("常见", "罕见"), ("安全", "危险"), ("热", "冷"), ("成人", "儿童"), ("大人", "孩子"), ("早", "晚"), ("开始", "停止"), ("轻", "重"), ("上", "下"),
    ("左", "右"), ("细菌", "病毒"), ("暂时", "永久"), ("大多", "很少"), ("多数", "少数"), ("空腹", "饭后"), ("男", "女"), ("快", "慢"), ("急性", "慢性"),
    ("良性", "恶性"), ("多", "少"), ("高", "低"), ("突然", "逐渐"), ("总是", "从不"), ("经常", "很少"), ("通常", "很少"), ("有助于", "不利于"), ("引起", "防止"),
    ("导致", "避免"), ("内", "外"), ("湿", "干"), ("松", "紧"), ("白天", "夜里"), ("所有", "部分"),
)  # fmt: skip
_NEGATIONS = (
    ("should not", "should"), ("do not", "do"), ("does not", "does"), ("cannot", "can"), ("can not", "can"), ("is not", "is"),
    ("are not", "are"), ("may not", "may"), ("must not", "must"), ("will not", "will"), ("don't", "do"), ("never", "always"),
    ("needs", "does not need"), ("need", "do not need"), ("helps", "does not help"), ("works", "does not work"), ("avoid", "use"),
    ("不要", "可以"), ("不能", "能"), ("不需要", "需要"), ("不用", "要"), ("不会", "会"), ("没有", "有"), ("不宜", "适合"), ("禁止", "允许"), ("避免", "多"),
    ("不是", "是"), ("无需", "必须"), ("不应", "应"), ("不可", "可"), ("无法", "可以"), ("不一定", "一定"), ("不适合", "适合"),
)  # fmt: skip
_SWAPPED = ("medicines", "conditions-1", "symptoms", "body", "tests")

Change = Callable[[str, str, random.Random], str]


def falsified(sentence: str, passage: str, order: random.Random) -> tuple[str, str]:
    """The sentence made false by one change, and the change's name; two empty strings where none applies."""
    changes: list[tuple[str, Change]] = [
        ("number", _number), ("number", _number), ("unit", _unit), ("negation", _negation), ("negation", _negation),
        ("opposite", _opposite), ("opposite", _opposite), ("term", _term), ("term", _term),
    ]  # fmt: skip
    order.shuffle(changes)
    for name, change in changes:
        made = change(sentence, passage, order)
        if made and made != sentence:
            return made, name
    return "", ""


def _number(sentence: str, passage: str, order: random.Random) -> str:
    found = list(_NUMBER.finditer(sentence))
    if not found:
        return ""
    at = order.choice(found)
    own = at.group()
    others = [number for number in _NUMBER.findall(passage) if number != own and number not in sentence]
    value = float(own.replace(",", ""))
    near = [value * 2, value / 2, value * 10, value + 1, value + 5, value * 1.5, max(0.0, value - 1), value * 3]
    made = [f"{number:g}" for number in near if number != value and number == int(number * 10) / 10 and number < 1e6]
    if value.is_integer():
        made = [number for number in made if "." not in number] or made
    options = [*others, *order.sample(made, min(3, len(made)))]
    there = set(_NUMBER.findall(passage))
    options = [number for number in options if number in others or number not in there]
    return _put(sentence, at.start(), at.end(), order.choice(options)) if options else ""


def _unit(sentence: str, passage: str, order: random.Random) -> str:
    return _turned(sentence, _UNITS, order, behind=r"(?<=[\d ])")


def _negation(sentence: str, passage: str, order: random.Random) -> str:
    return _turned(sentence, _NEGATIONS, order)


def _opposite(sentence: str, passage: str, order: random.Random) -> str:
    return _turned(sentence, _OPPOSITES, order)


def _turned(sentence: str, pairs: Sequence[tuple[str, str]], order: random.Random, *, behind: str = "") -> str:
    options: list[tuple[int, int, str]] = []
    taken: list[tuple[int, int]] = []
    for one, other in pairs:
        for word, put in ((one, other), (other, one)):
            bound = r"\b" if word.isascii() and word[0].isalnum() else ""
            for match in re.finditer(rf"{behind}{bound}{re.escape(word)}{bound}", sentence, re.I if bound else 0):
                # "不会" is turned as a whole, never its "会".
                if any(start < match.end() and match.start() < end for start, end in taken):
                    continue
                taken.append(match.span())
                options.append((*match.span(), put))
    if not options:
        return ""
    start, end, put = order.choice(options)
    return _put(sentence, start, end, put[:1].upper() + put[1:] if sentence[start].isupper() else put)


def _term(sentence: str, passage: str, order: random.Random) -> str:
    language = "zh" if re.search("[一-鿿]", sentence) else "en"
    mentions = [m for m in load_terms().find(sentence) if m.concept is not None and m.concept.kind in _SWAPPED]
    if not mentions:
        return ""
    at = order.choice(mentions)
    concept: Any = at.concept
    low = passage.lower()
    kin = _kin(concept.kind, concept.broader[:1])
    near = [
        name
        for each in order.sample(kin, min(40, len(kin)))
        if each is not concept and (name := (each.zh if language == "zh" else each.en)) and name.lower() not in low
    ]
    return _put(sentence, at.start, at.end, order.choice(near)) if near else ""


@lru_cache(maxsize=512)
def _kin(kind: str, broader: tuple[str, ...]) -> list[Any]:
    """Concepts that could be taken for one another: of the same class where there are any, else of the same kind."""
    same = [each for each in load_terms().concepts if each.kind == kind]
    close = [each for each in same if broader and broader[0] in each.broader]
    return close if len(close) > 3 else same


def _put(text: str, start: int, end: int, word: str) -> str:
    return f"{text[:start]}{word}{text[end:]}"
