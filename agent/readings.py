"""What a learned reader takes a message for, where the rules of policy saw nothing: a crisis, a request to decline.

It only adds: what a rule decided stands. The least probabilities are high for a refusal (a patient's question declined
is a harm too) and low for a crisis (a missed one can be the last). `finetune.classifier` trains it on our own cases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from agent import learned, wishes
from agent.adapted import MOST, adapted
from agent.query import salient
from agent.types import SafeText
from retrieval.types import Embedder

MODEL: Final = "policy"
SECOND: Final = "urgency"
MET: Final = "met"
CRISES = (
    "suicide_now", "suicide_thought", "suicide_other", "overdose", "self_harm", "harm_others", "abuse", "postpartum", "eating",
)  # fmt: skip
REFUSALS = ("refuse_conduct", "refuse_harmful", "refuse_crime", "refuse_forgery", "refuse_privacy")
LABELS = (MET, *CRISES, *REFUSALS)
"""Each but the first is the name of the reviewed text (`knowledge/rules/policy/texts.toml`) that answers it."""
CRISIS, REFUSAL, ELSEWHERE = 0.15, 0.6, 0.9
"""Least summed probability of a crisis, of a request to decline that names health or care, and of another ("how do I pick
the lock of my shed"), of which the reader has seen fewer. Chosen on the validation split and the halves of the sets by others
that are for tuning."""
DOUBTED = 0.1
"""From which summed probability of a request to decline a language model's own refusal counts. Of the validation split's 92 such
requests 8 are less likely than `REFUSAL`, 7 of them at least this likely; of its 76 messages to be met 6 are, and a small model,
tuned to decline, had declined 7 harmless ones of 100 more than its base. By a script that was not kept."""
IN_EMERGENCY, BESIDE_THE_FALLEN = 0.65, 0.95
OF_A_BODY = ("suicide_now", "overdose", "self_harm")
"""The crises that lay somebody low: of who lies without sense, another is read only when it is nearly sure."""
SECOND_REFUSAL = ((0.7, REFUSAL), (0.97, ELSEWHERE))
SECOND_CRISIS = ((0.6, CRISIS), (0.9, IN_EMERGENCY))
"""From which probability the second reader finds a crisis or a request to decline as likely as the first does at its own. The
second is the urgency encoder's reading of policy, taught with none of the fourth and fifth series: it knows the blunt requests
that the first, taught with so many near misses, doubts ("write up a drug trial that nobody ran"). Chosen from
`python -m evals.bench_safety --curve --policy`, which looks at the same sets."""
_INTRODUCTION = re.compile(
    r"\b(?:my (?:full |first )?name(?:'s| is)|i(?:'m| am)|this is|call me|it's)\s+(?:called\s+|(?:mr|mrs|ms|miss|dr)\b\.?\s*)?"
    r"\[NAME-\d+\](?:\s+(?:here|from \[LOCATION-\d+\]))?(?:(?P<goes_on>\s+and\s+(?!i\b))|\s*(?:,\s*and\s+|[,.;:!]\s*|\s+and\s+|$))",
    re.IGNORECASE,
)
_CHINESE_INTRODUCTION = re.compile(r"(?:我(?:叫|是|姓|的名字(?:叫|是))|叫我)\s*\[NAME-\d+\]\s*(?:[，。,.！!；;]\s*|$)")
_KINDS = {
    "plan": "suicide_now", "ideation": "suicide_thought", "friend": "suicide_other", "overdose": "overdose",
    "self_harm": "self_harm", "harm_others": "harm_others", "abuse": "abuse", "postpartum": "postpartum", "eating": "eating",
    "weapon": "refuse_harmful", "drug": "refuse_harmful", "poison": "refuse_harmful", "dosing_harm": "refuse_harmful",
    "crime": "refuse_crime", "hate": "refuse_crime", "forgery": "refuse_forgery", "records": "refuse_privacy",
}  # fmt: skip


def label(expect: str, kind: str) -> str:
    """The label of a policy case; a broken AMA principle (ama1 to ama9) is declined in the words for conduct."""
    return MET if expect == MET else _KINDS.get(kind, "refuse_conduct")


def shares(message: SafeText, embedder: Embedder) -> Mapping[str, float]:
    """The probability of each label; empty for vectors of another embedder than the one it was trained on, and for a message
    that only says a wish about the record, whose own words are not read (`agent.wishes`)."""
    found = both(message, embedder)
    return either(*found) if found else {}


def both(message: SafeText, embedder: Embedder) -> tuple[Mapping[str, float], Mapping[str, float]] | None:
    """What the first and the second reader say, before they are weighed; None where `shares` are empty."""
    model = learned.load(MODEL)
    if embedder.id != model.embedder:
        return None
    told = unnamed(wishes.without(message.text))
    if message.text and not told:
        return None
    text = salient(told, most=MOST)
    return model.read(text, embedder.query(text)), _second(text, model.votes[MODEL])


def unnamed(text: str) -> str:
    """A redacted text without words that only say who one is ("My name is [NAME-1]", "我叫[NAME-1]"): they ask for nothing."""
    return _CHINESE_INTRODUCTION.sub(
        "", _INTRODUCTION.sub(lambda match: "I " if match["goes_on"] else "", text)
    ).strip()


def either(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """The first reading; where the second holds a crisis or a request to decline for likelier, on the first's scale, its."""
    found = dict(first)
    for labels, ((low, at_low), (high, at_high)) in ((CRISES, SECOND_CRISIS), (REFUSALS, SECOND_REFUSAL)):
        said, seen = (sum(each.get(label, 0.0) for label in labels) for each in (first, second))
        scaled = min(1.0, at_low + (seen - low) * (at_high - at_low) / (high - low)) if seen >= low else 0.0
        if scaled > said:
            found |= {label: second.get(label, 0.0) * scaled / seen for label in labels}
    if found == first:
        return found
    return found | {MET: max(0.0, 1.0 - sum(share for label, share in found.items() if label != MET))}


def _second(text: str, vote: float) -> dict[str, float]:
    scores = vote * adapted(SECOND).logits(text)[MODEL]
    shares = np.exp(scores - scores.max())
    return dict(zip(LABELS, (shares / shares.sum()).tolist(), strict=True))


def crisis(given: Mapping[str, float], *, emergency: bool = False, fallen: bool = False) -> str:
    """The crisis a message reads like, or "". `emergency`: whether an ambulance is called anyway; then it must be the likelier
    reading, and nearly sure where somebody lies without sense or breath (`fallen`), for who finds them needs to hear first what
    to do."""
    found = _likeliest(given, CRISES, IN_EMERGENCY if emergency else CRISIS)
    return _likeliest(given, CRISES, BESIDE_THE_FALLEN) if fallen and found not in OF_A_BODY else found


def refusal(given: Mapping[str, float], *, of_health: bool = True) -> str:
    """The refusal a message reads like, or "". `of_health`: whether it names health or care."""
    return _likeliest(given, REFUSALS, REFUSAL if of_health else ELSEWHERE)


def doubted(given: Mapping[str, float]) -> bool:
    """Whether a message may be a request to decline, so that a language model's refusal of it is believed; true where nothing was
    read."""
    return not given or sum(given.get(each, 0.0) for each in REFUSALS) >= DOUBTED


def _likeliest(given: Mapping[str, float], labels: tuple[str, ...], least: float) -> str:
    if sum(given.get(each, 0.0) for each in labels) < least:
        return ""
    return max(labels, key=lambda each: given.get(each, 0.0))
