"""What the rules did not see: a learned reader settles the level above what rules say at least.

It never lowers what a rule said (`Triage.floor`). It may raise, choose among the levels where only a symptom's own level
stood, and say that too little was told. Its decision is shown as a rule of its own, explained by the nearest cases it
learned from, so that a reader can check it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent import learned, wishes
from agent.calculators.naming import wanted
from agent.corrections import is_correction, mended
from agent.learned import Near
from agent.telling import telling
from agent.triage import asking, denies, unanswered
from agent.types import Facts, FiredRule, Language, Level, SafeText, Triage
from knowledge.places import numbers
from knowledge.rules import load_triage
from retrieval.types import Embedder, Vectors

MODEL: Final = "urgency"
LEVELS: tuple[Level, ...] = ("self_care", "routine", "urgent", "emergency", "unclear")
"""What it tells apart: the four levels, mildest first, and that too little was told to choose."""
# The least probability at which an emergency, something urgent or worse, something routine or worse, and too little to
# choose are read. Chosen on the validation split (`python -m evals.bench_safety --split validation --curve`).
EMERGENCY, URGENT, ROUTINE, UNCLEAR = 0.1, 0.5, 0.5, 0.6
NO_SYMPTOM = 0.1
"""More than `EMERGENCY` by this where rules know no symptom in a message: the reader learned from too few plain questions about
medicines, and found one in twenty an emergency. Chosen on that split and on the tuned half of the patients' questions."""
PLAIN = 0.8
"""The same for a message that is one question and tells of nothing ("can I take ibuprofen with sertraline?"), or wants something
calculated and names no symptom ("when is my baby due?"). Of our own cases to
train and validate on, 93 are so and 3 of them emergencies, all read with .87 or more."""
_PLAIN = (
    re.compile(
        r"^\W*(?:(?:hi|hello|hey|please|ok|so|and|also|doctor|dr|quick question|just wondering)\W+)*"
        r"(?:can|could|is|are|am i|does|do|did|what|which|how|should|will|would|may|when|why)\b[^.!?\n]*[?]?\s*$",
        re.I,
    ),
    re.compile(r"^[^。！!？?\n]{0,40}[吗呢么？?]\s*$"),
)
REPLYING = 0.5
"""The same for an opening read together with replies to our questions: it learned from single messages."""
_SHORT = 9
"""Words below which a message is read together with the ones before it: "yes, since this morning" says little alone."""
_EARLIER = 3
_NUMBER = re.compile(
    rf"(?<!\d)(?:{'|'.join('[ -]?'.join(each) for each in sorted(numbers(), key=len, reverse=True))})(?!\d)"
)
_QUOTED = 160


def reading(history: Sequence[SafeText]) -> str:
    """What the learned reader reads of a conversation: the last message, with those before it where it is short.

    A correction is read behind what it corrects: alone it tells of no complaint.
    """
    last = history[-1].text
    if is_correction(last):
        return "\n".join([*mended([said.text for said in history])[-_EARLIER:], last])
    return last if learned.length(last) >= _SHORT else "\n".join(said.text for said in history[-_EARLIER:])


def named(triage: Triage) -> frozenset[str]:
    """What findings and facts know of a case, as named features.

    The rules' own level is left out: rules were written on the train split, and a reader trained on them there would
    trust them more than it should elsewhere.
    """
    facts = triage.facts
    names = {f"subject {facts.subject}"}
    for finding in triage.findings:
        state = "" if finding.present else "no " if finding.negated else f"{finding.experiencer} {finding.time} "
        names.add(f"{state}{finding.id}")
    names |= {f"has {name}" for name in (*facts.conditions, *facts.medicines)}
    return frozenset(names | _bands(facts))


def refine(
    triage: Triage,
    history: Sequence[SafeText],
    language: Language,
    embedder: Embedder,
    *,
    previous: Triage | None = None,
    told: str = "",
    denied: bool = False,
) -> Triage:
    """The urgency with what the learned reader adds. `previous`: how the turn before ended, for a question it left open.

    `told`: what to read in place of the last messages, where they reply to questions of ours; `denied`: the signs that were
    asked for were denied, so that what only the reader finds urgent needs a visit, not today.

    Unchanged for vectors of another embedder than the one it was trained on, and after a message that only says a wish about the
    record; a wish beside something else is not read.
    """
    model = learned.load(MODEL)
    if embedder.id != model.embedder or (history[-1].text and not wishes.without(history[-1].text)):
        return triage
    text = telling(wishes.without(told or reading(history)), language)
    vector = embedder.query(text)
    shares = model.read(text, vector, named(triage))
    plain = not triage.has_symptom and (any(pattern.match(text) for pattern in _PLAIN) or bool(wanted(text, language)))
    least = REPLYING if told else PLAIN - NO_SYMPTOM if plain else EMERGENCY
    level = settle(triage, shares, emergency=least, urgent=PLAIN if plain else URGENT)
    if level == "unclear" != triage.level:
        if previous is None or previous.level != "unclear":
            return asking(triage, language)
        if not denies(history[-1].text):
            return unanswered(triage, language)
        rest = 1.0 - shares["unclear"]
        level = settle(triage, {**{name: share / max(rest, 1e-6) for name, share in shares.items()}, "unclear": 0.0})
    if denied and level == "urgent" != triage.floor:
        level = "routine"
    if level == triage.level:
        return triage
    fired = _rule(level, _near(model, vector, level, language), language)
    return replace(
        triage,
        level=level,
        rules=(fired, *triage.rules),
        reason=fired.reason,
        where=fired.where,
        hours=fired.hours,
        question="",
        has_symptom=triage.has_symptom or level in ("urgent", "emergency"),
    )


def _bands(facts: Facts) -> set[str]:
    """Numbers as bands: a straight line through ages or weeks would fit nothing."""
    bands = {
        "age": (facts.age_years, (0.08, 0.25, 1, 5, 16, 40, 60, 75)),
        "temperature": (facts.temperature_c, (35, 37.5, 38, 39, 40)),
        "weeks": (facts.pregnancy_weeks, (12, 20, 28, 37)),
        "hours": (facts.duration_hours, (1, 6, 24, 72, 168, 504, 2190)),
    }
    found = {
        f"{name} {sum(value >= bound for bound in bounds)}"
        for name, (value, bounds) in bands.items()
        if value is not None
    }
    found |= {name for name, true in (("pregnant", facts.pregnant), ("postpartum", facts.postpartum)) if true}
    return found | ({f"sex {facts.sex}"} if facts.sex else set())


def settle(
    triage: Triage, shares: Mapping[str, float], *, emergency: float = EMERGENCY, urgent: float = URGENT
) -> Level:
    """The level after the learned reader, never under `triage.floor`; a question that rules ask stays open.

    `emergency`, `urgent`: the least probability of one where rules know a symptom; without one ("can I take both?") it takes
    more. A message without a symptom that rules know ("is that a narcotic?") is never found unclear: it says
    little, and yet there is nothing to ask back about. Nor is one whose symptom alone is urgent ("my throat is
    closing"): in few words the reader finds too little said, and the rules know better.
    """
    least = emergency if triage.has_symptom else emergency + NO_SYMPTOM
    if triage.floor == "emergency" or shares["emergency"] >= least:
        return "emergency"
    if triage.floor == "urgent" or triage.level == "unclear":
        return triage.level
    if shares["unclear"] >= UNCLEAR:
        return "unclear" if triage.has_symptom and triage.level != "urgent" else triage.level
    soon = shares["emergency"] + shares["urgent"]
    if soon >= urgent:
        return "urgent"
    if triage.floor == "routine" or soon + shares["routine"] >= ROUTINE:
        return "routine"
    return "self_care"


def _near(model: learned.Learned, vector: Vectors, level: Level, language: Language) -> tuple[Near, ...]:
    """The nearest cases of a level, those in the person's language first."""
    near = model.nearest(vector, level, k=12)
    own = [case for case in near if f"-{language}-" in case.id]
    # A number that a case's teller thought of may not answer where the reader is.
    shown = [case for case in dict.fromkeys([*own, *near]) if not _NUMBER.search(case.text)]
    return tuple(shown)[:3]


def _rule(level: Level, near: Sequence[Near], language: Language) -> FiredRule:
    texts = load_triage().learned[level]
    case = near[0].text if near else ""
    shown = case if len(case) <= _QUOTED else case[:_QUOTED].rstrip() + "…"
    return FiredRule(
        id=f"reads-like-{level.replace('_', '-')}",
        level=level,
        reason=texts["reason"][language].format(case=shown),
        advice=texts["advice"][language],
        source=f"Anamnesis: {', '.join(each.id for each in near)}",
        url="evals/cases/triage",
        year=2026,
        where="ambulance" if level == "emergency" else "",
        hours=24 if level == "urgent" else None,
    )
