"""Words of a page made the asker's: "if you faint" becomes "if I faint", 孩子 becomes 我家孩子; and frames filled."""

from __future__ import annotations

import random
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from agent.types import Language

_FRAMES = Path(__file__).parent / "frames"
_OBJECT_AFTER = frozenset(
    re.findall(
        r"\w+",
        """to for with of on at by from about around than makes make made helps help wakes wake gives give gave ask tell
        tells told hurt hurts keep keeps let lets stops stop stopped bothers bother worries upsets see near like leave
        leaves affects suits harm touch touches sees show shows kept sent send put puts hit reach follow frighten
        frightens scare scares hears between against behind inside without advised advises allow allows given called
        calls gets""",
    )
)
_PAIRS = (
    (r"\byou yourself\b", "I myself"), (r"\byourself\b", "myself"), (r"\byours\b", "mine"), (r"\byour\b", "my"),
    (r"\byou are\b", "I am"), (r"\byou're\b", "I'm"), (r"\byou were\b", "I was"), (r"\byou have been\b", "I've been"),
)  # fmt: skip
_OTHERS = (
    (r"\ba child aged (\d+)", r"my \1-year-old"), (r"\b(?:a|the|your) child\b", "my child"),
    (r"\b(?:a|the|your) baby\b", "my baby"), (r"\b(?:someone|somebody|a person|the person|anyone|anybody)\b", "my dad"),
    (r"\ban adult\b", "my dad"), (r"\ba toddler\b", "my toddler"),
)  # fmt: skip
_CHINESE = (
    (r"^(?:得|患)?(.{1,12}?)的人，?", r"家里老人\1，"), (r"您的?", "我"), (r"^(?:孩子|小孩)", "我家孩子"),
    (r"^(?:宝宝|婴儿)", "我家宝宝"), (r"^孕妇", "我怀孕了，"), (r"^怀疑", "我怀疑"), (r"^(?:有人)", "我爸"),
)  # fmt: skip


@lru_cache(maxsize=2)
def frames(language: Language) -> dict[str, Any]:
    """The hand-written frames of a language."""
    return tomllib.loads((_FRAMES / f"{language}.toml").read_text(encoding="utf-8"))


def mine(clause: str) -> str:
    """An English clause that speaks to a reader, as the reader would say it."""
    text = clause
    for pattern, said in _PAIRS:
        text = re.sub(pattern, said, text, flags=re.I)
    words = re.split(r"(\s+)", text)
    for place, word in enumerate(words):
        bare = re.sub(r"\W", "", word).lower()
        if bare != "you":
            continue
        before = re.sub(r"\W", "", words[place - 2]).lower() if place >= 2 else ""
        last = place == len(words) - 1 or word[-1] in ",.;"
        words[place] = re.sub("you", "me" if last or before in _OBJECT_AFTER else "I", word, flags=re.I)
    return re.sub(r"\bI are\b", "I am", "".join(words))


def about_kin(clause: str) -> str:
    """The clause with the asker's own people in place of "a child" or "someone"."""
    for pattern, said in _OTHERS:
        clause = re.sub(pattern, said, clause, count=1, flags=re.I)
    return clause.replace("their child", "my child")


def mine_chinese(clause: str) -> str:
    """A Chinese clause about "the person who", as somebody would tell it of his own."""
    clause = re.sub(r"（[^）]*）", "", clause)
    for pattern, said in _CHINESE:
        changed = re.sub(pattern, said, clause)
        if changed != clause:
            return changed.replace("，，", "，").rstrip("，")
    return clause


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def one_of(clause: str, chance: random.Random) -> str:
    """One of the alternatives of "X, or Y": people tell one thing at a time."""
    parts = [part for part in re.split(r", or (?:if )?(?=(?:you|a|the|your|someone|I|my)\b)", clause) if part]
    return parts[0] if len(parts) > 1 and len(parts[0].split()) > 2 and chance.random() < 0.8 else clause


def written(question: str, language: Language, chance: random.Random) -> str:
    """The question as a person types it: sometimes without capitals or the last mark, sometimes in haste."""
    text = re.sub(r"\s+", " ", question).strip()
    text = re.sub(r"([?？!])[.。]", r"\1", text)
    if language == "zh":
        text = re.sub(r"[，,]{2,}", "，", text)
        style = chance.random()
        if style < 0.25:
            text = text.rstrip("？?。")
        elif style < 0.3:
            text = text.replace("，", " ").rstrip("？?。")
        return text
    style = chance.random()
    if style < 0.2:
        text = text.lower().rstrip("?.")
    elif style < 0.28:
        text = text.lower().replace("'", "").replace(",", "")
        text = re.sub(r"\bdoctor\b", "dr", text).rstrip(".")
    return text


def fill(frame: str, **words: str) -> str:
    """The frame with each {word} filled in, its spaces and commas put right."""
    text = re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], ""), frame)
    return re.sub(r"，(?=[？?，])", "", re.sub(r"\s+", " ", text)).strip("， ")
