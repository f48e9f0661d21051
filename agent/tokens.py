"""Text to tokens: words and numbers of either language with their places, in clauses and sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<mask>\[[A-Z]{2,}[A-Z_]*-\d+[^\]\n]{0,24}\])"
    r"|(?P<number>\d+(?:[.,:/]\d+)*)"
    r"|(?P<word>[A-Za-z\u00c0-\u024f]+(?:['\u2018\u2019\u02bc][A-Za-z]+)*)"
    r"|(?P<han>[\u3400-\u9fff])"
    r"|(?P<stop>[.!?;\n。！？；…\r]+)"
    r"|(?P<pause>[,:，：、()（）【】\[\]\u2014|]|\s[-\u2013]\s|(?<=[\u3400-\u9fff]{2})[ \u3000]+(?=[\u3400-\u9fff]{2}))"
    r"|(?P<other>[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+)"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or Chinese character. `stem` is what patterns compare; `pause` the mark just before it."""

    raw: str
    stem: str
    start: int
    end: int
    clause: int
    sentence: int
    pause: str = ""


def stem(word: str) -> str:
    """A light English stem: plural, -ing, -ed and a final e go; Chinese and short words stay as they are."""
    if len(word) < 4 or not word.isascii():
        return word
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def simplified(text: str, traditional: Mapping[str, str]) -> str:
    """The text in lower case with traditional characters made simple, for expressions that are not over tokens."""
    lower = text.lower()
    return lower if lower.isascii() else "".join([traditional.get(character, character) for character in lower])


def tokenize(text: str, *, traditional: Mapping[str, str] | None = None) -> tuple[Token, ...]:
    """The tokens of a text, in order; linear in its length. Punctuation becomes clause and sentence numbers.

    `traditional` maps traditional characters to simplified ones, so that one pattern serves both scripts.
    """
    script = traditional or {}
    tokens: list[Token] = []
    clause = sentence = 0
    pause = ""
    for match in _TOKEN.finditer(text):
        kind, raw = match.lastgroup, match.group()
        if kind == "stop":
            # A decimal point or an abbreviation never gets here as a number; "e.g." costs one clause, no more.
            clause, sentence, pause = clause + 1, sentence + 1, raw[0]
            continue
        if kind == "pause":
            clause, pause = clause + 1, raw.strip() or "-"
            continue
        if kind == "mask":
            word = "[x]"
        elif kind == "han":
            word = script.get(raw, raw)
        else:
            word = unicodedata.normalize("NFKC", raw).lower()
            for mark in "\u2018\u2019\u02bc":
                word = word.replace(mark, "'")
        tokens.append(Token(word, stem(word), match.start(), match.end(), clause, sentence, pause))
        pause = ""
    return tuple(tokens)
