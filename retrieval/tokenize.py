"""Words for BM25: stemmed English words, and Chinese words as jieba cuts them for search."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_RUN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[a-z0-9]+(?:[.'\u2019-][a-z0-9]+)*")
_ENGLISH_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "itself",
        "me",
        "my",
        "myself",
        "of",
        "on",
        "or",
        "our",
        "she",
        "should",
        "so",
        "some",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "am",
        "im",
        "ive",
        "it's",
        "i'm",
        "i've",
        "don't",
        "dont",
        "about",
        "also",
        "any",
        "anyone",
        "get",
        "got",
        "going",
        "just",
        "like",
        "please",
        "thanks",
        "thank",
        "hi",
        "hello",
        "really",
        "very",
        "much",
    ]
)
_CHINESE_STOP = frozenset(
    [
        "的",
        "了",
        "呢",
        "吗",
        "吧",
        "啊",
        "呀",
        "我",
        "你",
        "您",
        "他",
        "她",
        "它",
        "我们",
        "你们",
        "他们",
        "是",
        "有",
        "在",
        "和",
        "与",
        "及",
        "或",
        "也",
        "都",
        "就",
        "还",
        "又",
        "很",
        "太",
        "这",
        "那",
        "这个",
        "那个",
        "一个",
        "什么",
        "怎么",
        "怎么办",
        "怎样",
        "如何",
        "为什么",
        "请问",
        "请",
        "想",
        "要",
        "会",
        "能",
        "可以",
        "应该",
        "需要",
        "吗",
        "被",
        "把",
        "给",
        "对",
        "从",
        "到",
        "着",
        "过",
        "得",
        "地",
        "之",
        "而",
        "但",
        "但是",
        "因为",
        "所以",
        "如果",
        "一下",
        "现在",
        "这样",
        "那样",
        "有点",
        "比较",
        "非常",
        "医生",
        "你好",
        "您好",
        "谢谢",
        "问",
    ]
)


def tokens(text: str) -> list[str]:
    """The searchable words of a text, in order: English lower-cased and stemmed, Chinese cut; stop words left out."""
    found: list[str] = []
    for run in _RUN.findall(text.lower()):
        if run[0] > "㏿":
            found.extend(word for word in _cut(run) if word not in _CHINESE_STOP)
        elif run not in _ENGLISH_STOP:
            found.append(_stem(run.replace("’", "'").removesuffix("'s")))
    return found


def _cut(run: str) -> list[str]:
    import rjieba

    words: list[str] = rjieba.cut_for_search(run)
    return words


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(word)
    return stem


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
