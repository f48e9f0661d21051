"""Whether an answer has the form that prompts ask for, and whether its passages bear out each cited sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent import verify
from agent.agree import in_one_line
from agent.prompts import prompts
from agent.types import Language
from finetune.examples import Example, declined, passage_of
from knowledge.check import reading_grade
from knowledge.types import Passage

LONGEST = {"patient": 6, "clinician": 6}
GRADE = 10.0
"""The highest reading grade of a patient's answer: pages aim at 8, and short texts swing by two."""
_END = {"en": re.compile(r"(?<=\[\d\]\.)\s+"), "zh": re.compile(r"(?<=\[\d\]。)")}
_KEYED = {"en": re.compile(r" \[\d\]\.$"), "zh": re.compile(r"(?<=[^\s])\[\d\]。$")}
_HAN = re.compile(r"[㐀-鿿]")


def cited(answer: str, language: Language) -> list[str]:
    """The sentences of an answer, cut behind their keys."""
    return [part.strip() for part in _END[language].split(answer) if part.strip()]


def fault(example: Example, passages: Sequence[Passage] | None = None) -> str:
    """What is wrong with an example's form or support, in a few words; empty when nothing is.

    `passages` are the full ones (with synonyms and sources), where the caller has them.
    """
    language = example.language
    shown = (
        list(passages)
        if passages is not None
        else [passage_of(each, language, example.topic) for each in example.passages]
    )
    if example.kind == "not_found":
        return "" if example.answer == prompts(language)["not_found"] else "not the constant for not found"
    if example.kind == "refusal":
        rest = example.answer.removeprefix(declined(language))
        return (
            ""
            if rest != example.answer and len(rest) > 10 and not re.search(r"\[\d\]", rest)
            else "not the form of a refusal"
        )
    told = cited(example.answer, language)
    if example.kind == "intake":
        if len(told) < 2 or not re.search(r"[?？]$", told[-1]) or re.search(r"\[\d\]", told[-1]):
            return "no question at the end"
        told = told[:-1]
    if not 1 <= len(told) <= LONGEST[example.audience]:
        return "too many sentences" if told else "no sentence"
    for sentence in told:
        if not _KEYED[language].search(sentence):
            return "a sentence without its key at the end"
        claim, keys = verify.split_keys(sentence)
        if len(keys) != 1 or not 1 <= keys[0] <= len(shown):
            return "a key that no passage has"
        if (language == "en" and _HAN.search(claim)) or (language == "zh" and not _HAN.search(claim)):
            return "another language"
    if (
        example.audience == "patient"
        and language == "en"
        and reading_grade(re.sub(r" \[\d\]", "", " ".join(told))) > GRADE
    ):
        return "hard to read"
    return unsupported(told, shown, language, example.question)


def unsupported(told: Sequence[str], shown: Sequence[Passage], language: Language, question: str) -> str:
    """The fault of the first sentence that the agent itself would cut; empty when it would keep all."""
    before = -1
    for sentence in told:
        claim, keys = verify.split_keys(sentence)
        passage = shown[keys[0] - 1]
        # A sentence of the passage itself is always supported (agent.verify); asking costs a fifth of a second.
        if in_one_line(claim) not in in_one_line(passage.text):
            verdict = verify.check(claim, [passage], language, question=question)
            if not verdict.supported:
                return f"unsupported: {verdict.why}"
        if verify.points_back(claim) and keys[0] != before:
            return "points back to what was not said"
        before = keys[0]
    return ""
