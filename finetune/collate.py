"""Examples as token ids with labels on the answer only, and packs of examples that share one beginning.

Every prompt of ours begins with the same 300 tokens or so: the rules and one worked example. A pack holds that beginning once and,
after it, several examples each of which sees the beginning and itself, nothing else, at the positions it would have alone. A
causal model then computes for each what it computes alone, so loss and gradient are the same at little more than half the tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.engines.prompt import clean
from finetune.examples import Example, messages
from finetune.recipe import Data
from knowledge.errors import EngineError, InputError

IGNORED = -100
"""What torch's cross-entropy and the Trainer pass over."""
_HEAD = 48
"""Examples whose first tokens agree so far begin alike: language and audience show within the first ten."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one example; those from `answer` on are learned: the answer's and the end of the turn."""

    ids: tuple[int, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Row:
    """What the model reads at once: one example, or several after their common beginning.

    `spans` are token counts: of the common beginning (0 for one example), then of each example's own part; `tokens` are what
    they would have been one by one.
    """

    input_ids: list[int]
    labels: list[int]
    position_ids: list[int]
    spans: list[int]
    examples: int
    tokens: int


def encode(example: Example, tokenizer: Any, ends: frozenset[int]) -> Encoded:
    """The ids that the serving engine reads for this prompt, then those it has to write, then the end of the turn.

    Raises EngineError where the chat template does not write the answer as it stands after the prompt, or ends it with
    something that no engine stops at.
    """
    whole = list(clean(messages(example)))
    prompt = tokenizer.apply_chat_template(whole[:-1], tokenize=False, add_generation_prompt=True)
    full, answer = tokenizer.apply_chat_template(whole, tokenize=False), whole[-1]["content"].strip()
    if not full.startswith(prompt + answer):
        raise EngineError(
            f"the chat template writes example {example.id} differently with its answer and without",
            expected="the prompt, the answer, and an end of turn",
            remedy="Use an instruct model whose template does not change earlier text",
        )
    tail = _ids(tokenizer, full[len(prompt) + len(answer) :])[:1]
    if not tail or tail[0] not in ends:
        raise EngineError(
            f"the chat template ends a turn with token {tail}",
            expected=f"a token the model stops at, one of {sorted(ends)}",
            remedy="Set eos_token_id in the model's generation_config.json",
        )
    start = _ids(tokenizer, prompt)
    return Encoded((*start, *_ids(tokenizer, answer), *tail), len(start))


def chosen(examples: Sequence[Example], data: Data, *, seed: int, most: int) -> list[Example]:
    """The recipe's mix, shuffled, at most `most` (0: all). Raises InputError where nothing is left."""
    dice = random.Random(seed)
    mixed: list[Example] = []
    for example in examples:
        weight = data.kinds.get(example.kind, 0) * data.languages.get(example.language, 0)
        mixed += [example] * (int(weight) + (dice.random() < weight % 1))
    dice.shuffle(mixed)
    if not mixed:
        raise InputError(
            f"none of {len(examples)} examples is of a kind and a language that the recipe takes",
            expected=f"kinds {dict(data.kinds)}, languages {dict(data.languages)}",
            remedy="Change data.kinds or data.languages, or build the examples again",
        )
    return mixed[:most] if most else mixed


def fitting(encoded: Iterable[Encoded], *, longest: int) -> tuple[list[Encoded], int]:
    """Those of at most `longest` tokens, and how many were longer: a cut answer would teach to stop anywhere.

    Raises InputError where none fits.
    """
    every = list(encoded)
    short = [one for one in every if len(one.ids) <= longest]
    if not short:
        raise InputError(
            f"none of {len(every)} examples has {longest} tokens or fewer; the shortest has "
            f"{min((len(one.ids) for one in every), default=0)}",
            remedy="Raise data.max_length in the recipe",
        )
    return short, len(every) - len(short)


def rows(encoded: Sequence[Encoded], data: Data, *, seed: int) -> list[Row]:
    """One row an example; or packs of examples in a shuffled order, each of at most `data.pack_length` tokens."""
    if data.packing != "prefix":
        return [_row([one], 0) for one in encoded]
    heads: dict[tuple[int, ...], list[Encoded]] = {}
    for one in encoded:
        heads.setdefault(one.ids[: min(_HEAD, one.answer - 1)], []).append(one)
    dice = random.Random(seed)
    made: list[Row] = []
    for alike in heads.values():
        dice.shuffle(alike)
        pack: list[Encoded] = []
        for one in alike:
            if pack and _size([*pack, one]) > data.pack_length:
                made.append(_row(pack, _shared(pack)))
                pack = []
            pack.append(one)
        made.append(_row(pack, _shared(pack)))
    return made


@dataclass(frozen=True, slots=True)
class Collator:
    """Rows as a batch of tensors: one pack, with the spans that `finetune.prefix` reads, or single examples padded at the end."""

    pad: int
    packed: bool

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        import torch

        def padded(name: str, filler: int) -> Any:
            return torch.tensor([list(row[name]) + [filler] * (wide - len(row[name])) for row in batch])

        wide = max(len(row["input_ids"]) for row in batch)
        made = {
            "input_ids": padded("input_ids", self.pad),
            "labels": padded("labels", IGNORED),
            "position_ids": padded("position_ids", 0),
        }
        if self.packed:
            [row] = batch
            return made | {"spans": tuple(row["spans"])}
        lengths = torch.tensor([len(row["input_ids"]) for row in batch])
        return made | {"attention_mask": (torch.arange(wide) < lengths[:, None]).long()}


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _shared(pack: Sequence[Encoded]) -> int:
    """How many first tokens a pack's examples have in common; the token before an answer stays the example's own."""
    if len(pack) == 1:
        return 0
    most = min(one.answer - 1 for one in pack)
    first = pack[0].ids
    for other in pack[1:]:
        most = next((place for place in range(most) if first[place] != other.ids[place]), most)
    return most


def _size(pack: Sequence[Encoded]) -> int:
    shared = _shared(pack)
    return shared + sum(len(one.ids) - shared for one in pack)


def _row(pack: Sequence[Encoded], shared: int) -> Row:
    ids, labels = list(pack[0].ids[:shared]), [IGNORED] * shared
    places = list(range(shared))
    for one in pack:
        ids += one.ids[shared:]
        labels += [IGNORED] * (one.answer - shared) + list(one.ids[one.answer :])
        places += range(shared, len(one.ids))
    spans = [shared, *(len(one.ids) - shared for one in pack)]
    return Row(ids, labels, places, spans, len(pack), sum(len(one.ids) for one in pack))
