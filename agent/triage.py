"""How urgent a conversation is: rules that are data, over findings, facts and measurements. No model is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from agent.conditions import FLAGS, Case, Condition, parse
from agent.heard import Heard, hear
from agent.tokens import simplified
from agent.types import Facts, Finding, FiredRule, Language, Level, SafeText, Triage
from knowledge.rules import FindingSpec, QuestionSpec, RuleSpec, load_lexicon, load_triage

_RANK: dict[str, float] = {"self_care": 0, "routine": 1, "unclear": 1.5, "urgent": 2, "emergency": 3}
_WHERE = {"ambulance": 0, "maternity": 1, "hospital": 2, "": 3}
_TODAY = 24
_KEPT = 3
"""Messages that a conversation can be taken back by, and go on: a reply that was only tried, and the words it was tried on."""
_GENERAL = "unwell"
"""The question for a message that names nothing to ask about."""
_YES = re.compile(
    r"\W*(?:yes|yeah|yep|yup|y|(?:i do|he does|she does|it does|it is|i am)"
    # "It is crushing" and "I am sweating" answer; "I am 34 and otherwise well" and "I am a teacher" tell of somebody.
    r"(?! (?:not|only|just|nothing|no|(?:quite |very |really |much )?(?:fine|ok|okay|well|healthy|better)|otherwise"
    r"|an? (?!bit|little)|\d|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)))"
    r"|both|all of (?:them|these|those)|some of (?:them|those)|a bit of|"
    r"有|是|是的|嗯|对|对的|有的|有一点|有点|都有|会|确实)(?![a-z一-鿿])",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\W*(?:no(?! idea| clue| way)|nope|nah|none|neither|nothing|not at all|n|negative|not really"
    r"|i don'?t(?! know| think| understand| remember| want)|(?:s?he|it) doesn'?t"
    r"|没有|没|都没有|都没|无|不是|不|没有这些|没出现|没有的|并没有)(?![a-z一-鿿])"
    r"|\W*(?:none|neither) of|\W*(?:这些)?(?:都|以上都|全都|也都|一个都)(?:没有|没|不)"
    r"|\W*没有(?:这些|以上|你说|上述|那些|其他)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Rules:
    rules: tuple[tuple[RuleSpec, tuple[Condition, ...], tuple[Condition, ...]], ...]
    unless: dict[str, tuple[Condition, ...]]
    raises: tuple[tuple[Condition, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a conversation stands after a message."""

    level: Level = "self_care"
    rules: tuple[RuleSpec, ...] = ()
    text: str = "no_symptom"
    question: str = ""
    settled: dict[str, str] = field(default_factory=dict)
    symptom: bool = False


@cache
def _rules() -> _Rules:
    data, known = load_triage(), {*load_lexicon().findings, *FLAGS}
    return _Rules(
        rules=tuple(
            (
                rule,
                tuple(parse(text, known=known) for text in rule.when),
                tuple(parse(text, known=known) for text in rule.unless),
            )
            for rule in data.rules
        ),
        unless={name: tuple(parse(text, known=known) for text in q.unless) for name, q in data.questions.items()},
        raises=tuple((parse(when, known=known), low, high) for when, low, high in data.raises),
    )


@cache
def _places() -> Mapping[str, tuple[int, ...]]:
    """Where in `_rules` stand the rules that may fire where a name is there; under "" those that may fire of nothing at all."""
    places: dict[str, dict[int, None]] = {}
    for place, (_, conditions, _) in enumerate(_rules().rules):
        for condition in conditions:
            for name in min(condition.needs, key=len, default=frozenset({""})):
                places.setdefault(name, {})[place] = None
    return {name: tuple(found) for name, found in places.items()}


def _fired(case: Case) -> list[RuleSpec]:
    """The rules that hold, in their order. Only those are tried that name something of the case."""
    may = {place for name in ("", *case.spoken) for place in _places().get(name, ())}
    return [
        rule
        for rule, conditions, undone in (_rules().rules[place] for place in sorted(may))
        if any(condition.holds(case, sticky=rule.sticky) for condition in conditions)
        and not any(condition.holds(case) for condition in undone)
    ]


class Memory:
    """What triage made of the last messages of one conversation, so that the next is weighed without reading those before it again.

    It holds the conversation's redacted words, so it lives where the conversation does and is stored nowhere. Where what it
    remembers does not begin a history, that is read from its start.
    """

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: tuple[tuple[Heard, _Step], ...] = ((Heard(), _Step()),)

    def weigh(self, history: Sequence[SafeText], language: Language) -> tuple[Heard, _Step, _Step]:
        """What a history comes to, where it stands after its last message, and where it stood before that."""
        texts = tuple(text.text for text in history)
        known = [point for point in self._points if texts[: len(point[0].texts)] == point[0].texts]
        points = known or [(Heard(), _Step())]
        if points[-1][0].texts == texts and len(points) == 1:
            # Where it stood before its last message is no longer known.
            points = [(Heard(), _Step())]
        for text in history[len(points[-1][0].texts) :]:
            heard = hear(text, language, points[-1][0])
            points.append((heard, _advance(points[-1][1], heard)))
        self._points = tuple(points[-_KEPT:])
        before = points[-2][1] if texts else _Step()
        return *points[-1], before


def triage(
    history: Sequence[SafeText], language: Language, *, previous: Triage | None = None, memory: Memory | None = None
) -> Triage:
    """The urgency of a conversation, from all of the user's messages, oldest first.

    The messages are replayed one by one, so that the same messages always give the same answer: a level never falls
    but where a message corrects a fact, and a question left open becomes urgent. `previous` is a floor, for a level
    that something else raised; `memory` spares the reading of what it remembers and changes no answer. Rules and the words
    shown are in `knowledge/rules/triage`.
    """
    heard, step, before = (memory or Memory()).weigh(history, language)
    asked = _asked(previous)
    if asked and history and before.level != "unclear":
        step = _advance(replace(before, level="unclear", question=asked), heard)
    findings = [finding for message in heard.found for finding in message]
    result = _result(step, language, heard.facts, findings)
    if previous is None or heard.corrected or previous.level == "unclear":
        return result
    if _RANK[previous.level] > _RANK[result.level]:
        return replace(previous, findings=result.findings, facts=heard.facts, has_symptom=True, floor=previous.level)
    return replace(result, floor=max(result.floor, previous.level, key=lambda level: _RANK[level]))


def denies(text: str) -> bool:
    """Whether a reply begins as a "no" does."""
    return _NO.match(simplified(text, load_lexicon().traditional)) is not None


def asking(found: Triage, language: Language) -> Triage:
    """A triage of which too little was told: the question of its first symptom that has one, else the general one."""
    specs = load_lexicon().findings
    name = next((specs[f.id].ask for f in found.findings if f.present and specs[f.id].ask), _GENERAL)
    question = load_triage().questions[name]
    return replace(
        found, level="unclear", reason=question.calling[language], question=question.ask[language], where="", hours=None,
        has_symptom=True,
    )  # fmt: skip


def unanswered(found: Triage, language: Language) -> Triage:
    """A triage whose question was asked and not answered: urgent, since something serious was not ruled out."""
    reason = load_triage().texts["unanswered"][language]
    return replace(
        found, level="urgent", floor="urgent", reason=reason, question="", where="", hours=_TODAY, has_symptom=True
    )


def _asked(previous: Triage | None) -> str:
    """The name of the question that the turn before left open; empty when there was none."""
    if previous is None or previous.level != "unclear":
        return ""
    questions = load_triage().questions.values()
    return next((each.id for each in questions if previous.question in each.ask.values()), "")


def _advance(old: _Step, heard: Heard) -> _Step:
    """The step after one more message: what the rules say, held up by what was already known."""
    text, corrected = heard.last, heard.corrected
    settled = dict(old.settled)
    if old.question and old.level == "unclear":
        if _YES.match(text):
            settled[old.question] = "yes"
        elif _NO.match(text):
            settled[old.question] = "no"
    new = _judge(heard.case(), heard.found, settled)
    if new.level == "unclear" and old.level == "unclear":
        return replace(new, level="urgent", text="unanswered")
    if not corrected and old.level != "unclear" and _RANK[old.level] > _RANK[new.level]:
        return replace(old, settled=settled, symptom=old.symptom or new.symptom)
    if not corrected:
        kept = tuple(rule for rule in old.rules if rule not in new.rules)
        new = replace(new, rules=_ordered((*new.rules, *kept)))
    return new


def _judge(case: Case, found: Sequence[Sequence[Finding]], settled: dict[str, str]) -> _Step:
    """What the rules say of a case, then its questions, then the default levels of its symptoms."""
    data = load_triage()
    fired = _fired(case)
    symptoms = _symptoms(found)
    asks = [spec.ask for spec in symptoms if spec.ask and spec.id in case.now]
    by_id = {rule.id: rule for rule in data.rules}
    fired += [
        by_id[data.questions[name].yes]
        for name, answer in settled.items()
        if answer == "yes" and by_id[data.questions[name].yes] not in fired
    ]
    rules = _ordered(fired)
    top = rules[0].level if rules else "self_care"
    if _RANK[top] < _RANK["urgent"]:
        for name in asks:
            if name not in settled and not any(condition.holds(case) for condition in _rules().unless[name]):
                return _Step(level="unclear", rules=rules, text="", question=name, settled=settled, symptom=True)
    level, text = _default(case, symptoms, asks, settled)
    if rules and _RANK[top] >= _RANK[level]:
        return _Step(level=_level(top), rules=rules, text="", settled=settled, symptom=True)
    return _Step(level=_level(level), rules=rules, text=text, settled=settled, symptom=bool(symptoms))


def _default(
    case: Case, symptoms: Sequence[FindingSpec], asks: Sequence[str], settled: dict[str, str]
) -> tuple[str, str]:
    """The level of the symptoms themselves, a settled question's "no" in place of its symptom's, and its text."""
    answered = [load_triage().questions[name].no for name in asks if settled.get(name) == "no"]
    levels = [spec.level for spec in symptoms if settled.get(spec.ask) != "no"] + answered
    level = max(levels, key=lambda name: _RANK[name], default="self_care")
    for condition, low, high in _rules().raises:
        if symptoms and level == low and condition.holds(case):
            return high, "raised"
    return level, level if symptoms else "no_symptom"


def _symptoms(found: Sequence[Sequence[Finding]]) -> list[FindingSpec]:
    """The kinds of symptom that are present, each once, in order of mention."""
    known = load_lexicon().findings
    names = {f.id: None for message in found for f in message if f.present}
    return [known[name] for name in names if known[name].level]


def _ordered(rules: Sequence[RuleSpec]) -> tuple[RuleSpec, ...]:
    """Highest first; among equals the one that asks for the fastest help."""
    return tuple(sorted(rules, key=lambda rule: (-_RANK[rule.level], _WHERE.get(rule.where, 3), rule.hours or 0)))


def _level(name: str) -> Level:
    levels: dict[str, Level] = {
        "emergency": "emergency", "urgent": "urgent", "routine": "routine", "self_care": "self_care",
    }  # fmt: skip
    return levels[name]


def _floor(step: _Step) -> Level:
    """What rules say at least. A symptom's own level is where to begin, no rule: whoever reads further may settle it."""
    if step.text in ("unanswered", "raised"):
        return step.level
    return _level(step.rules[0].level) if step.rules else "self_care"


def _result(step: _Step, language: Language, facts: Facts, findings: Sequence[Finding]) -> Triage:
    data = load_triage()
    question: QuestionSpec | None = data.questions[step.question] if step.level == "unclear" else None
    fired = tuple(
        FiredRule(
            id=rule.id,
            level=_level(rule.level),
            reason=rule.reason[language],
            advice=rule.advice[language],
            source=f"{rule.source.organisation}: {rule.source.title}",
            url=rule.source.url,
            year=rule.source.year or 0,
            where=rule.where,
            hours=rule.hours,
        )
        for rule in step.rules
    )
    first = fired[0] if fired and fired[0].level == step.level and not step.text else None
    if question is not None:
        reason = question.calling[language]
    elif first is not None:
        reason = first.reason
    else:
        reason = data.texts[step.text or step.level][language]
    return Triage(
        level=step.level,
        floor=_floor(step),
        rules=fired,
        reason=reason,
        where=first.where if first else "",
        hours=(first.hours if first else _TODAY) if step.level == "urgent" else None,
        question=question.ask[language] if question else "",
        findings=tuple(findings),
        facts=facts,
        has_symptom=step.symptom,
    )
