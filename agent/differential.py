"""What a clinician may think of: conditions ranked by likelihood and, apart, by danger, each with the library's nearest sentence.

A small classifier reads the text: the shared encoder, its upper half moved by low-rank pairs (`finetune.conditions` trains them),
merged and rounded to 4 bits when it opens; nothing is downloaded and no torch is needed. Findings feed it: a condition whose
defining finding is denied is not first. Its shares order the lists and are never shown, since no patients from outside calibrated
them. A patient never sees any of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

import knowledge
from agent import respond
from agent.conditions import closure
from agent.extract import own_words
from agent.messages import say
from agent.respond import Speech, Spoken
from agent.types import Facts, Language, Triage
from knowledge.chunk import sentences, units
from knowledge.rules import load_lexicon
from knowledge.types import Passage
from retrieval.embedders import e5file, encoder

if TYPE_CHECKING:
    from retrieval.index import Index

PATH = Path(knowledge.__file__).parent / "rules" / "learned" / "conditions.npz"
_TABLE = Path(knowledge.__file__).parent / "rules" / "conditions.toml"
NONE = "none"
"""The label of a text that tells of none of the conditions."""
MOST = 600
"""Characters read; of a longer story the last."""
SIGNS = (
    re.compile(
        r"feel|symptom|signs? of|the signs|look like|which is it|how can i tell|症状|表现|什么感觉|什么样|怎么分辨|怎么区分",
        re.I,
    ),
    re.compile(r"what is|what are|^what .* is$|是什么", re.I),
)
"""Headings of the sections that say what a condition is like, and of those that say what it is; tried in order."""
LIKELY, _DANGEROUS = 5, 4
"""How many of each list are shown at most."""
_UNITS = 4
"""A shorter line of a page says too little."""
_TAIL = 0.02
"""A condition less likely than this is no part of a ranking; chosen by eye on the validation split."""
_FLAGGED = 0.25
"""How much less likely a dangerous condition may be, to be listed, where a rule fired that its page names as a red flag."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Listed:
    """A condition that is ranked. `id` is its English topic, `page` its Chinese one where there is one.

    `danger`: "now" or "soon" where it must not be missed, `why` the sentence of its page that says so. `needs`: findings of which
    one at least belongs to it.
    """

    id: str
    names: Mapping[str, str]
    page: str = ""
    danger: Literal["now", "soon", ""] = ""
    why: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differential:
    """Condition ids: `likely` by likelihood (empty where `unsure`), `dangerous` by danger and then likelihood."""

    likely: tuple[str, ...]
    dangerous: tuple[str, ...]
    unsure: bool


@cache
def conditions() -> Mapping[str, Listed]:
    """The conditions in the order of the classifier's labels."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return {
        name: Listed(
            id=name, names={"en": row["en"], "zh": row["zh"]}, page=row.get("page", ""), danger=row.get("danger", ""),
            why=row.get("why", ""), needs=tuple(row.get("needs", ())),
        )
        for name, row in rows.items()
    }  # fmt: skip


class Classifier:
    """Text to a share for each condition, and for none of them.

    `unsure`: the largest share below which nothing is ranked. `danger`: the share from which a dangerous condition is listed. Both
    were chosen on the validation split and ship with the weights.
    """

    def __init__(self, path: Path = PATH) -> None:
        """Raises ConfigError when the weights are missing, damaged, or meant for another encoder."""
        facts, data = encoder.opened(path, made_by="finetune.conditions")
        self.labels: tuple[str, ...] = tuple(facts["labels"])
        self.unsure, self.danger = float(facts["unsure"]), float(facts["danger"])
        self.temperature = float(facts["temperature"])
        self._weight, self._bias = data["weight"].astype(np.float32), data["bias"]
        self._mean, self._scale = data["mean"], float(data["scale"])
        pairs = {name: (data[f"{name}.up"], data[f"{name}.down"]) for name in facts["moved"]}
        self._encoder = encoder.Encoder(encoder.weights(), changed=merged(pairs, float(facts["factor"])))

    def logits(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, labels), before calibration."""
        vectors = self._encoder.vectors([f"query: {text[-MOST:]}" for text in texts])
        return np.asarray((vectors - self._mean) / self._scale @ self._weight.T + self._bias, np.float32)

    def shares(self, text: str) -> dict[str, float]:
        """The calibrated share of each label."""
        return dict(zip(self.labels, softmax(self.logits([text]) / self.temperature)[0].tolist(), strict=True))


def merged(
    pairs: Mapping[str, tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]], factor: float
) -> dict[str, bytes]:
    """The search encoder's tensors with each low-rank pair added to its matrix, in the weights' own 4-bit blocks.

    `pairs` by tensor name without ".w": up (out, rank) and down (rank, in).
    """
    _, base = encoder.taught()
    file = encoder.weights()
    changed = dict(base)
    for name, (up, down) in pairs.items():
        raw = base.get(f"{name}.w", None) or file.raw(f"{name}.w")
        moved = factor * (up.astype(np.float32) @ down.astype(np.float32))
        changed[f"{name}.w"] = e5file.quantise(e5file.dequantise(raw) + moved.reshape(-1))
    return changed


def softmax(logits: Floats) -> Floats:
    """Shares along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


@cache
def classifier() -> Classifier:
    """The one classifier of a process."""
    return Classifier()


def differential(shares: Mapping[str, float], triage: Triage, *, unsure: float, danger: float,
                 flags: Mapping[str, frozenset[str]] | None = None) -> Differential | None:  # fmt: skip
    """The lists for these shares; None where the text most likely tells of none of the conditions.

    `flags`: the red flags that each condition's page names.
    """
    best = max(shares, key=lambda name: shares[name])
    if best == NONE:
        return None
    own = {name: share for name, share in shares.items() if name != NONE}
    ranked = sorted(own, key=lambda name: -own[name])
    denied = [name for name in ranked if is_denied(conditions()[name], triage)]
    rest = [name for name in ranked if name not in denied]
    # What is denied may still be there: it follows the first that is not.
    ranked = [*rest[:1], *sorted({*ranked} - {*rest[:1]}, key=lambda name: -own[name])]
    fired = {rule.id for rule in triage.rules}
    listed = [
        name
        for name in ranked
        if conditions()[name].danger
        and own[name] >= (danger * _FLAGGED if fired & (flags or {}).get(name, frozenset()) else danger)
    ]
    order = {"now": 0, "soon": 1}
    listed.sort(key=lambda name: (order[conditions()[name].danger], -own[name]))
    # A text that triage calls unclear is too vague for a ranking, whatever the classifier makes of it.
    doubtful = own[best] < unsure or triage.level == "unclear"
    likely = () if doubtful else tuple(name for name in ranked[:LIKELY] if own[name] >= _TAIL)
    return Differential(likely=likely, dangerous=tuple(listed[:_DANGEROUS]), unsure=doubtful)


def is_denied(listed: Listed, triage: Triage) -> bool:
    """Whether something that the condition needs was denied, and nothing that it needs was said to be so."""
    if not listed.needs:
        return False
    specs = load_lexicon().findings
    said = {name for each in triage.findings if not each.negated for name in closure(each.id, specs)}
    denied = {each.id for each in triage.findings if each.negated and each.experiencer == "patient"}
    return not said & set(listed.needs) and bool(denied & set(listed.needs))


def speak(spoken: Spoken, words: str, triage: Triage, index: Index, *, language: Language) -> Speech:
    """Speak the differential of what was told, each condition with its page's nearest sentence; nothing where there is none."""
    reader = classifier()
    pages = {name: _pages(listed, index, language) for name, listed in conditions().items() if listed.danger}
    flags = {name: frozenset(flag for page in found for flag in page.red_flags) for name, found in pages.items()}
    found = differential(reader.shares(words), triage, unsure=reader.unsure, danger=reader.danger, flags=flags)
    if found is None or not (found.likely or found.dangerous):
        return
    yield from respond.heading(spoken, say(language, "differential_heading"))
    yield from respond.note(spoken, say(language, "differential_unsure" if found.unsure else "differential_about"))
    for number, name in enumerate(found.likely, 1):
        yield from _item(spoken, number, conditions()[name], words, index, triage.facts, language)
    if found.dangerous:
        yield from respond.heading(spoken, say(language, "differential_danger_heading"))
        for number, name in enumerate(found.dangerous, 1):
            yield from _item(spoken, number, conditions()[name], words, index, triage.facts, language, danger=True)


def _item(
    spoken: Spoken, number: int, listed: Listed, words: str, index: Index, facts: Facts, language: Language, *, danger: bool = False
) -> Speech:  # fmt: skip
    """A condition by name, with the sentence that stands nearest to what was told, or that says why it must not be missed."""
    evidence = _why(listed, index, language) if danger else None
    evidence = evidence or _nearest(listed, words, index, facts, language)
    if evidence is not None:
        yield from respond.item(spoken, f"{number}. {listed.names[language]}", *evidence, language=language)


def _pages(listed: Listed, index: Index, language: Language) -> tuple[Passage, ...]:
    """The condition's page in the language asked for, or the English one."""
    own = index.of(listed.page) if language == "zh" and listed.page else ()
    return tuple(own) or tuple(index.of(listed.id))


def _why(listed: Listed, index: Index, language: Language) -> tuple[str, Passage] | None:
    if language == "zh" and listed.page:
        return None
    return next(((listed.why, page) for page in index.of(listed.id) if listed.why in page.text), None)


def _nearest(listed: Listed, words: str, index: Index, facts: Facts, language: Language) -> tuple[str, Passage] | None:
    """The sentence that shares most with what was told, of the sections that say what the condition is like; else their first."""
    pages = _pages(listed, index, language)
    kinds = ([page for page in pages if asks.search(page.heading)] for asks in SIGNS)
    own: Sequence[Passage] = next(filter(None, kinds), [*pages[:1]])
    for item in own_words(words, own, facts, language, most=1):
        return item.text, own[item.passage]
    return next(((text, page) for page in own for text in sentences(page.text) if units(text) >= _UNITS), None)
