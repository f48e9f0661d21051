"""The same message written less tidily, for training: chatter around it, slips of the finger, no capitals or marks.

Its sentences and slips are its own; the suite `robustness` has others (`evals/perturb.py`), so that it measures what was learned.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "recipes" / "chatter.toml"
_NEIGHBOURS = {
    "a": "qsz", "b": "vgn", "c": "xvd", "d": "sfe", "e": "wrd", "f": "dgr", "g": "fht", "h": "gjy", "i": "uok", "j": "hku",
    "k": "jli", "l": "kop", "m": "nj", "n": "bmh", "o": "ipl", "p": "ol", "q": "wa", "r": "etf", "s": "adw", "t": "ryg",
    "u": "yij", "v": "cbf", "w": "qes", "x": "zcs", "y": "tuh", "z": "xas",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]{4,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def noisy(text: str, order: random.Random, *, share: float) -> str:
    """`text`, or with the chance `share` an untidier telling of it that means the same."""
    if order.random() >= share:
        return text
    change = order.choice((_chatter, _chatter, _slips, _unmarked))
    return change(text, order)


@cache
def sentences() -> dict[str, tuple[str, ...]]:
    """Sentences that say nothing of anybody's health, by language (`recipes/chatter.toml`)."""
    return {language: tuple(rows) for language, rows in tomllib.loads(_FILE.read_text(encoding="utf-8")).items()}


def _chatter(text: str, order: random.Random) -> str:
    """One to three sentences of chatter before, after or around."""
    chinese = bool(_CHINESE.search(text))
    told = order.sample(sentences()["zh" if chinese else "en"], order.randint(1, 3))
    cut, space = order.randint(0, len(told)), "" if chinese else " "
    return space.join((*told[:cut], text, *told[cut:]))


def _slips(text: str, order: random.Random) -> str:
    """A slip in about every sixth long word: two letters in each other's place, one missed, one doubled, a neighbour's key.

    Numbers, units and short words stay as they are: a slip there may say something else.
    """

    def slip(match: re.Match[str]) -> str:
        word = match[0]
        if order.random() > 1 / 6:
            return word
        at = order.randint(1, len(word) - 2)
        here = word[at]
        return order.choice((
            word[:at] + word[at + 1] + here + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + here + word[at:],
            word[:at] + order.choice(_NEIGHBOURS.get(here.lower(), here)) + word[at + 1 :],
        ))  # fmt: skip

    return _WORD.sub(slip, text)


def _unmarked(text: str, order: random.Random) -> str:
    """No capitals, and marks left out; those within numbers stay."""
    bare = re.sub(
        r"(?<!\d)[,.!?;:，。！？；：、]+|[,.!?;:，。！？；：、]+(?!\d)", " " if order.random() < 0.7 else "", text
    )
    return re.sub(r" {2,}", " ", bare).strip().lower() or text
