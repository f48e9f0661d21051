"""Words from the model: passages fitted to the budget, the stream cut into sentences as they are completed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.prompts import prompts, render_answer
from agent.types import Audience, Cancel, ChatModel, ChatRequest, Language
from knowledge.chunk import sentences
from knowledge.errors import EngineBusy, EngineError
from knowledge.types import Passage
from retrieval.tokenize import tokens as words_of

# A full stop ends a sentence before a space or a key, but not in "e.g." nor behind a list's number.
_STOP = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\bDr)(?<!\bvs)(?<!^\d)(?<!\n\d)[.!?](?=\s|[\[【])|[。！？；]|\n")
_KEYS = re.compile(r"(?:\s*[\[【［]\d{1,2}(?:[,，、 ]+\d{1,2})*[\]】］][.。]?)*")


def fit(passages: Sequence[Passage], question: str, *, model: ChatModel | None, budget: int) -> tuple[Passage, ...]:
    """The passages, in order, whose text fits in `budget` tokens; the first is cut by sentence when it alone is over.

    Without a model, or where its endpoint cannot count, two characters count as three tokens of Chinese or one of
    English (an upper bound for the embedded models).
    """
    kept: list[Passage] = []
    used = 0
    for passage in passages:
        size = _count(passage.text, model)
        if used + size <= budget:
            kept.append(passage)
            used += size
        elif not kept:
            return (_shortened(passage, question, model=model, budget=budget),)
    return tuple(kept)


def write(
    question: str,
    passages: Sequence[Passage],
    *,
    model: ChatModel,
    language: Language,
    audience: Audience,
    max_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    cancel: Cancel | None = None,
) -> Iterator[str]:
    """The model's sentences as they are completed, keys still in them.

    Raises:
        EngineError: the model cannot answer, or the prompt does not fit its context.
    """
    request = ChatRequest(
        messages=render_answer(question, passages, language=language, audience=audience),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop=("<<<", ">>>"),
    )
    held = ""
    for piece in model.stream(request, cancel=cancel):
        held += piece.text
        *done, held = cut_sentences(held)
        yield from done
    if held.strip():
        yield held.strip()


def says_not_found(sentence: str, language: Language) -> bool:
    """Whether the model wrote the constant phrase for "the passages do not answer"."""
    return prompts(language)["not_found"].lower() in sentence.lower()


def says_declined(sentence: str, language: Language) -> bool:
    """Whether the model wrote the constant phrase for "this is not to be helped with"."""
    return prompts(language)["declined"].lower() in sentence.lower()


def cut_sentences(text: str) -> list[str]:
    """Complete sentences, then what is not complete yet (maybe empty). Keys behind a stop stay with its sentence."""
    found: list[str] = []
    start = 0
    for stop in _STOP.finditer(text):
        keys = _KEYS.match(text, stop.end())
        end = keys.end() if keys else stop.end()
        if stop.start() < start or not text[end:].strip() or text[end:].lstrip()[0] in "[【［":
            # Behind the keys, or not known yet whether a key follows.
            continue
        if text[start:end].strip():
            found.append(text[start:end].strip())
        start = end
    return [*found, text[start:]]


def _count(text: str, model: ChatModel | None) -> int:
    if model is not None:
        try:
            return len(model.tokens(text))
        except EngineBusy:
            raise
        except EngineError:
            pass  # an endpoint that has no tokenizer to ask
    return sum(1 if "㐀" <= char <= "鿿" else 0 for char in text) * 3 // 2 + len(text) // 2


def _shortened(passage: Passage, question: str, *, model: ChatModel | None, budget: int) -> Passage:
    asked = set(words_of(question))
    parts = sentences(passage.text)
    ranked = sorted(range(len(parts)), key=lambda i: (-len(asked & set(words_of(parts[i]))), i))
    kept: list[int] = []
    used = 0
    for place in ranked:
        size = _count(parts[place], model)
        if used + size <= budget:
            kept.append(place)
            used += size
    text = "\n".join(parts[place] for place in sorted(kept)) or parts[0][: budget * 2]
    return replace(passage, text=text)
