"""What a tagger may take for an identifier and is none: public numbers, medical names, everyday words, any hospital."""

from __future__ import annotations

import re
from functools import cache

from agent.identifiers.chinese import strip_generic
from agent.identifiers.evidence import evidence
from agent.identifiers.lexicon import lexicon
from agent.identifiers.numbers import PUBLIC_NUMBER
from knowledge.places import numbers
from knowledge.terms import load_terms

_NUMBERS = ("PHONE", "ID")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_BEFORE, _AROUND = 16, 24
_NUMERALS = "〇零一二两三四五六七八九十初廿卅正腊元"


def is_known(text: str, start: int, end: int, kind: str) -> bool:
    """Whether what stands between two places is known to be no identifier: a number that anybody may call or that cites a page, a
    medicine, an illness, a brand, a kin word, "the hospital"."""
    said = text[start:end]
    if _crosses(text, start, end) or (kind == "DATE" and not any(map(_counts, said))):
        return True
    if kind in _NUMBERS:
        digits = "".join(filter(str.isdigit, said))
        return digits in _public() or PUBLIC_NUMBER.search(text[max(0, start - _BEFORE) : start]) is not None
    lex = lexicon()
    if _HAN.fullmatch(said):
        # One character may be half of a word: the doctor opened his mouth (张口), and is not called Zhang.
        halves = (text[start : start + 2], text[max(0, start - 1) : start + 1]) if len(said) == 1 else ()
        return any(word in lex.zh_words for word in halves) or _is_word(said) or _is_medical(said)
    lists = (lex.brands, lex.no_names, lex.relations, lex.titles, lex.generic_facility)
    words = said.casefold().split()
    return all(any(word in each for each in lists) for word in words) or _is_medical(said)


def is_ordinary(said: str) -> bool:
    """Words in small letters that people write without thinking of a person, or one Chinese character: less sure than others."""
    if _HAN.fullmatch(said):
        return len(said) == 1
    return said.islower() and all(evidence().ordinary(word) for word in re.findall(r"[a-z]+(?:['’-][a-z]+)*", said))


def is_rest(said: str) -> bool:
    """What a rule left over of a longer find and tells nothing: ordinary words ("on the"), characters between words (在)."""
    said = "".join(filter(str.isalnum, said)) if _HAN.search(said) else said.strip()
    if _HAN.fullmatch(said):
        return all(character in lexicon().zh_glue for character in said)
    return not any(map(str.isdigit, said)) and (is_ordinary(said) if len(said) > 1 else not said.isupper())


def _crosses(text: str, start: int, end: int) -> bool:
    """Whether it is part of a longer medical name: 月 of 月经, Crohn of "Crohn's disease"."""
    first = max(0, start - _AROUND)
    mentions = load_terms().find(text[first : end + _AROUND])
    return any(
        first + each.start < end
        and start < first + each.end
        and not (start <= first + each.start and first + each.end <= end)
        for each in mentions
    )


def _counts(character: str) -> bool:
    return character.isdigit() or (character.isascii() and character.isalpha()) or character in _NUMERALS


def _is_word(said: str) -> bool:
    lex = lexicon()
    if said in lex.zh_words or said in lex.zh_relations or said in lex.zh_titles:
        return True
    kind = next((word for word in sorted(lex.zh_facility, key=len, reverse=True) if said.endswith(word)), "")
    return bool(kind) and not strip_generic(said.removesuffix(kind), lex.zh_generic)


def _is_medical(said: str) -> bool:
    return any(mention.end - mention.start == len(said) for mention in load_terms().find(said))


@cache
def _public() -> frozenset[str]:
    """The digits of every number to call that the places' data hold, and of those that are dialled in many countries."""
    return numbers() | {"101", "111", "119", "122", "811", "12320", "12345"}
