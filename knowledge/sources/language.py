"""Which language a text is in, from its script and its small words; for documents that do not say."""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE = 20_000
# A share of the letters above which a script decides; Chinese text often carries a third of Latin abbreviations.
_SCRIPTS: tuple[tuple[str, str, float], ...] = (
    ("ja", "[ぁ-ヿ]", 0.1),
    ("ko", "[가-힣]", 0.15),
    ("zh", "[㐀-鿿]", 0.15),
    ("ru", "[Ѐ-ӿ]", 0.3),
    ("el", "[Ͱ-Ͽ]", 0.3),
    ("ar", "[؀-ۿ]", 0.3),
    ("he", "[֐-׿]", 0.3),
    ("hi", "[ऀ-ॿ]", 0.3),
    ("th", "[฀-๿]", 0.3),
)

_SMALL_WORDS: dict[str, str] = {
    "en": "the of and to in is for with that are be this or by from not have you your",
    "es": "el la los las de y en que un una por para con se es del al su como más",
    "fr": "le la les de des et en que une un pour dans est du se sur par avec au ne pas sont",
    "de": "der die das und zu in den mit ist von nicht ein eine für auf dem bei oder wird",
    "pt": "o a os as de e em que um uma por para com se é do da no na não são",
    "it": "il lo la gli le di e in che un una per con si è del della non sono nel",
    "nl": "de het een en van in is dat op te voor met niet zijn aan bij of wordt",
}
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?$")
# What bibliographic files write instead of two letters.
_NAMES = {
    "eng": "en", "english": "en", "chi": "zh", "zho": "zh", "chinese": "zh", "cmn": "zh", "spa": "es", "spanish": "es",
    "fre": "fr", "fra": "fr", "french": "fr", "ger": "de", "deu": "de", "german": "de", "por": "pt", "ita": "it",
    "jpn": "ja", "kor": "ko", "rus": "ru",
}  # fmt: skip


def detect(text: str) -> str:
    """A two-letter code from the first 20,000 characters; `en` where nothing tells."""
    sample = text[:_SAMPLE]
    letters = len(_LETTER.findall(sample))
    if not letters:
        return "en"
    for code, script, share in _SCRIPTS:
        if len(re.findall(script, sample)) >= letters * share:
            return code
    words = Counter(word.lower() for word in _WORD.findall(sample))
    counts = {code: sum(words[word] for word in small.split()) for code, small in _SMALL_WORDS.items()}
    best = max(counts, key=lambda code: (counts[code], code == "en"))
    return best if counts[best] else "en"


def code_of(declared: str, text: str = "") -> str:
    """The two-letter code of a declared language (`en-GB`, `eng`, `English`); detected from the text where none is."""
    name = declared.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    tag = _TAG.match(name)
    return _NAMES.get(tag.group(1), tag.group(1)) if tag else detect(text)
