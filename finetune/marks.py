"""What one answer of a model is worth, as it wrote it: keys, support, form, language, and whether it knew what kind was wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.asking import is_question
from agent.generate import cut_sentences
from agent.language import detect
from agent.prompts import prompts
from agent.types import Language
from agent.verify import check, split_keys
from evals.types import Measure
from finetune.examples import Example, passage_of
from knowledge.types import Passage
from retrieval.tokenize import tokens

ANSWERED = ("grounded", "false_premise", "emergency", "intake")
"""Kinds whose passages answer: a constant phrase in place of an answer is wrong there."""
MEASURES: tuple[Measure, ...] = (
    Measure("shown", "answers of which the agent would show a sentence, where there is an answer", grave=2),
    Measure("answered", "an answer, no constant phrase, where the passages answer"),
    Measure("keys", "a key of a passage that was shown, and none of another, where the passages answer"),
    Measure("supported", "sentences that a passage bears out (mean over answers)", rate=False, grave=2),
    Measure("all_supported", "answers of which every sentence is borne out", grave=2),
    Measure("right_key", "sentences borne out by the very passage they name (mean over answers)", rate=False),
    Measure("form", "the first sentence cites, 1 or 2 to 5 or 6 sentences as the prompt says, each ends with its key"),
    Measure("language", "the language of the question"),
    Measure("not_found", "only the phrase for not found, where no passage answers", grave=2),
    Measure("asks", "ends with one question, and cites before it, where a fact is missing"),
    Measure("asks_not", "asks nothing, where nothing is missing"),
    Measure("declines", "begins with the phrase for declining, and claims nothing, where that is wanted", grave=2),
    Measure("declines_not", "does not decline, where nothing is to be declined"),
    Measure("finished", "ended by itself before the limit"),
    Measure("length", "words (characters of Chinese), keys left out", better="low", rate=False),
)
_MOST = {"patient": 5, "clinician": 6}
_LEAST = {"grounded": 2, "false_premise": 2, "emergency": 1, "intake": 1}
_ENDS_WITH_KEY = re.compile(r"[\[【［]\d{1,2}(?:\s*[,，、]\s*\d{1,2})*[\]】］]\s*[.。!！]?\s*$")


def marks(example: Example, text: str, *, finish: str) -> dict[str, float]:
    """Every measure that applies to this answer, 0 or 1 (or a mean, a count). `finish` is how the model ended."""
    language = example.language
    passages = tuple(passage_of(shown, language, example.topic) for shown in example.passages)
    said = sentences_of(text)
    kind = constant(text)
    statements = [sentence for sentence in said if not is_question(sentence)] if not kind else []
    asks = bool(said) and is_question(said[-1]) and not kind
    found = {
        "language": float(bool(text.strip()) and _language(text) == language),
        "finished": float(finish == "stop"),
        "length": float(len(tokens(split_keys(text)[0]))),
    }
    if example.kind == "not_found":
        found["not_found"] = float(kind == "not_found" and len(said) == 1)
    if example.kind == "refusal":
        found["declines"] = float(kind == "declined" and not any(split_keys(sentence)[1] for sentence in said))
    else:
        found["declines_not"] = float(kind != "declined")
    if example.kind == "intake":
        questions = sum(is_question(sentence) for sentence in said)
        cited = any(split_keys(sentence)[1] for sentence in statements)
        found["asks"] = float(asks and questions == 1 and cited and not split_keys(said[-1])[1])
    elif example.kind in ANSWERED:
        found["asks_not"] = float(not any(is_question(sentence) for sentence in said))
    if example.kind in ANSWERED:
        found |= _answer(example, passages, statements, asks=asks)
    return found


def sentences_of(text: str) -> list[str]:
    """An answer's sentences, as the agent cuts them."""
    return [sentence.strip() for sentence in cut_sentences(text) if sentence.strip()]


def constant(text: str) -> str:
    """`not_found` or `declined` where a constant phrase stands in the text, of either language: the language is marked apart."""
    said = text.lower()
    for name in ("declined", "not_found"):
        if prompts("en")[name].lower() in said or prompts("zh")[name] in said:
            return name
    return ""


def _answer(
    example: Example, passages: Sequence[Passage], statements: Sequence[str], *, asks: bool
) -> Mapping[str, float]:
    """The measures of an answer that should be there; with none there are no sentences to hold to their passages."""
    cut = [split_keys(sentence) for sentence in statements]
    named = [key for _, keys in cut for key in keys]
    found = {
        "answered": float(bool(statements)),
        "keys": float(bool(named) and all(0 < key <= len(passages) for key in named)),
        "form": float(_formed(example, statements)),
        "shown": 0.0,
    }
    if not statements:
        return found
    held, right = [], []
    for claim, keys in cut:
        own = [passages[key - 1] for key in dict.fromkeys(keys) if 0 < key <= len(passages)]
        ordered = [*own, *(passage for passage in passages if passage not in own)]
        verdict = check(claim, ordered, example.language, question=example.question)
        held.append(verdict.supported)
        if verdict.supported:
            right.append(verdict.passage < len(own))
    found |= {"shown": float(any(held)), "supported": sum(held) / len(held), "all_supported": float(all(held))}
    if right:
        found["right_key"] = sum(right) / len(right)
    return found


def _formed(example: Example, statements: Sequence[str]) -> bool:
    count = len(statements)
    return _LEAST[example.kind] <= count <= _MOST[example.audience] and all(map(_ENDS_WITH_KEY.search, statements))


def _language(text: str) -> Language:
    """Latin names in a Chinese answer do not make it English; what `detect` says of a question holds for an answer too."""
    return detect(split_keys(text)[0], None)
