"""Does a passage say this? A claim against its quoted span: numbers and units exact, the rest weighed by what was learned.

What agrees and differs exactly is counted (`agent.agree`), a small cross-encoder reads claim and passage together
(`agent.support`), and both are weighed. What no passage bears out is cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.agree import best_span, content, in_one_line, negated, values
from agent.support import support
from agent.types import Claim, Language
from knowledge.chunk import sentences
from knowledge.types import Passage
from retrieval.tokenize import tokens

LIKELY = 0.6
"""The least probability at which a claim counts as supported. Chosen on the validation split of our bank."""
_KEY = re.compile(r"\s*[\[【［(]\s*(\d{1,2}(?:\s*[,，、;]\s*\d{1,2})*)\s*[\]】］)]")
# "No, it does not": the word answers the question, and denies nothing that the rest does not.
_NO = {
    "en": re.compile(r"(?:no|not so|that is (?:not so|not true|not right|wrong))\s*[,:;.]\s+", re.I),
    "zh": re.compile(r"(?:不对|不是的?|不是这样|这不对|不用|不需要|不会|不能|并不是)\s*[，：；,。]\s*"),
}
_PRONOUN = re.compile(r"\W*(?:(?:it|its|this|these|they|those|such|he|she)\b|它|这|此|其)", re.I)
# Passages that share fewer of a claim's words than this share of what the best one does are not read.
_NEAR = 0.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a span supports a claim, the span (a substring of its passage), the passage's place, how likely, and why."""

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
    claim: str, passages: Sequence[Passage], language: Language, *, least: float = LIKELY, question: str = ""
) -> Verdict:
    """The best verdict over the passages: supported where one bears the claim out with a probability of at least `least`.

    A sentence of the passage itself is always supported. A number or a unit that the passage does not hold never is, and a word
    that the claim took from the question must stand in the passage or in its synonyms: a passage on one medicine never
    supports a claim on the medicine that was asked about.
    """
    claim = _without_no(claim, language)
    words = content(claim)
    if not words:
        return Verdict(False, "", -1, 0.0, "it says nothing that could be checked")
    plain = in_one_line(claim)
    transplanted = words & set(tokens(question))
    subjects = [f"{passage.title} {passage.heading}" for passage in passages]
    shares = [
        len(words & (content(passage.text) | content(subject))) / len(words)
        for passage, subject in zip(passages, subjects, strict=True)
    ]
    most = max(shares, default=0.0)
    read: list[tuple[int, str, str, tuple[float, ...]]] = []
    best = Verdict(False, "", -1, most, "no passage shares its words")
    for place, passage in enumerate(passages):
        if len(words) > 1 and (own := _own_sentence(claim, passage)):
            return Verdict(True, own, place, 1.0, "supported")
        # What a page calls by another of its names is the page's subject all the same.
        claimed = _by_title(claim, passage)
        quote = best_span(claimed, passage.text, subjects[place])
        if not shares[place] or shares[place] < _NEAR * most:
            continue
        found, conflict = values(claimed, passage, quote, language)
        foreign = transplanted - set(tokens("\n".join((subjects[place], passage.text, *passage.synonyms))))
        why = f"the passage does not speak of {', '.join(sorted(foreign))}" if foreign else conflict
        if why or not content(quote) & words:
            best = (
                best
                if best.passage >= 0
                else Verdict(False, quote, place, 0.0, why or "only the heading shares its words")
            )
            continue
        if len(words) > 1 and plain in in_one_line(quote):
            return Verdict(True, quote, place, 1.0, "supported")
        read.append((place, claimed, quote, found))
    for place, claimed, quote, found in read:
        share = support().likely(claimed, [passages[place]], [found])[0]
        if share >= least and share > best.score * best.supported:
            best = Verdict(True, quote, place, share, "supported")
        elif not best.supported:
            best = Verdict(
                False, quote, place, share, f"no passage bears it out (likely to {share:.2f}, {least:.2f} needed)"
            )
    return best


def as_claim(text: str, verdict: Verdict, key: str) -> Claim:
    """The claim as it is reported: without a key or quote when it is not supported."""
    if not verdict.supported:
        return Claim(text=text, supported=False, why=verdict.why)
    return Claim(text=text, supported=True, key=key, quote=verdict.quote, why=verdict.why)


def points_back(claim: str) -> bool:
    """Whether a claim names its subject only by a pronoun, so that it may only follow a claim of the same passage."""
    return bool(_PRONOUN.match(claim))


def _without_no(claim: str, language: Language) -> str:
    found = _NO[language].match(claim)
    rest = claim[found.end() :] if found else claim
    return rest if negated(rest, language) else claim


def _own_sentence(claim: str, passage: Passage) -> str:
    """The sentence of the passage that the claim repeats letter by letter, "" for none."""
    return next((own for own in sentences(passage.text) if _unmarked(own) == _unmarked(claim)), "")


def _unmarked(sentence: str) -> str:
    return " ".join(sentence.lower().split()).strip("-•* .。")


def _by_title(claim: str, passage: Passage) -> str:
    """The claim with the title of the passage's page in place of another name of it."""
    for name in passage.synonyms:
        if name.lower() in claim.lower() and passage.title.lower() not in claim.lower():
            return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", passage.title, claim, flags=re.I)
    return claim
