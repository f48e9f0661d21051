"""Which language a message is in. Traditional characters count as Chinese; a Chinese name in English text does not."""

from __future__ import annotations

import re

from agent.types import Language

_PLACEHOLDER = re.compile(r"\[[A-Z_]{2,16}-\d{1,4}(?: [+-]?\d{1,6}d)?\]")
_HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ]{2,}(?:['’][A-Za-z]+)?|\b[AIai]\b")
_KANA = re.compile(r"[\u3040-\u30ff]")
# Characters that make sentences, in both scripts; hardly any stands in a person's name.
_GRAMMAR = frozenset(
    "我你您他她它的了吗嗎呢吧啊是不没沒有在和跟与與把被给給让讓怎么麼什为為这這那哪能会會要想请請就都还還也很太吃看去过過个個"
)


def detect(text: str, previous: Language | None) -> Language:
    """The language to answer in. Nothing readable (emoji, numbers, another script): `previous`, else English."""
    text = _PLACEHOLDER.sub(" ", text)
    runs = [] if _KANA.search(text) else _HAN_RUN.findall(text)
    latin = len(_LATIN_WORD.findall(text))
    if not runs:
        return "en" if latin else previous or "en"
    if not latin:
        return "zh"
    characters = sum(map(len, runs))
    if any(_GRAMMAR.intersection(run) for run in runs):
        return "zh" if characters * 2 > latin else "en"
    named = len(runs) == 1 and characters <= 4
    # A term or a name inside an English sentence; a word of English beside Chinese terms ("CT 肺结节").
    return "en" if latin > characters or (named and latin >= 3) else "zh"
