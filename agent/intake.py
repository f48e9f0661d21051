"""What is missing that would change the level or the answer: at most two short questions a turn, at most three turns.

A question is worth asking when the rules, run again on the person's words with a yes added, come to a higher level: what is
asked first is what would change most. The questions are data (`knowledge/rules/intake.toml`), each with the sentences that a
bare "yes" or "no" to it means, so that a reply is read by the same rules as everything else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

from agent.findings import find
from agent.privacy import redact_again
from agent.types import LEVELS, ConversationState, Facts, Language, SafeText, Triage
from knowledge.rules import load_lexicon, load_triage

MOST_A_TURN = 2
MOST_TURNS = 3
_SKIP = {
    "en": re.compile(
        r"^\W*(?:skip|(?:i )?(?:do not|don['’]?t) know|no idea|(?:i['’]?m )?not sure|(?:i['’]?d |i would )?rather not say|pass\b)|\bjust (?:answer|tell me)\b"
        r"|\b(?:stop|no more) (?:asking|questions)\b|\banswer (?:me )?(?:now|already|straight away)\b",
        re.I,
    ),
    "zh": re.compile(
        r"^\W*(?:跳过|不知道|不清楚|不想说|直接回答)|别(?:再)?问了|不要(?:再)?问了|直接(?:说|告诉我|回答)|快(?:点)?告诉我"
    ),
}
# A message that asks something of its own is answered, and what is missing is asked beside the answer.
_ASKS = {
    "en": re.compile(
        r"[?？]|^\W*(?:what|how|why|when|which|who|where|can|could|should|is|are|am|do|does|did|will|would|may)\b|\bi (?:want|would like|need) to know\b",
        re.I,
    ),
    "zh": re.compile(r"[?？]|[吗呢]\W*$|怎么|什么|为什么|能不能|可不可以|要不要|是不是|多少|哪些|几天|多久"),
}
# These ask what to do with what was told: the level is the answer, and a nurse asks before she gives it.
_WHAT_TO_DO = {
    "en": re.compile(
        r"\b(?:what (?:should|do|can|shall) (?:i|we) do|what(?:'s| is) wrong|what (?:could|can|might) (?:it|this|that) be|what (?:is|are) (?:it|this|these)"
        r"|should (?:i|we|he|she) (?:go|see|worry|be worried|call|wait|be seen|be concerned)|do (?:i|we) need (?:to see|a doctor|to go)"
        r"|is (?:it|this|that) (?:serious|normal|bad|dangerous|ok|okay|an emergency)|any (?:ideas|advice)|worth (?:seeing|getting|a visit))\b",
        re.I,
    ),
    "zh": re.compile(
        r"怎么办|怎么回事|咋办|咋回事|严重吗|要紧吗|危险吗|要不要(?:去|看)|需要(?:去|看)|用不用(?:去|看)|该(?:怎么|挂)|什么(?:病|原因|情况)|正常吗|有事吗"
    ),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to ask back. `topics`: what it is about, in the words of `knowledge/rules/intake.toml`."""

    id: str
    text: str
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A question, when it may be asked, and what a bare reply to it means.

    `about`: one of these findings is present (none: `words` decide); `unless`: none of these was said. `needs`: the fact that
    it is after; `always`: asked whatever the rules make of the reply, since the answer depends on it. `tries`: replies worth
    trying, for a question without yes or no.
    """

    id: str
    topics: tuple[str, ...]
    about: frozenset[str]
    unless: frozenset[str]
    needs: str
    always: bool
    symptom: bool
    text: dict[str, str]
    yes: dict[str, str]
    no: dict[str, str]
    tries: dict[str, tuple[str, ...]]
    words: dict[str, re.Pattern[str] | None]
    not_words: dict[str, re.Pattern[str] | None]


Judge = Callable[[Sequence[SafeText]], Triage]


def questions_for(
    triage: Triage, state: ConversationState, said: Sequence[SafeText], language: Language, *, judge: Judge
) -> tuple[Ask, ...]:
    """What to ask now: the triage's own question where the level is unclear, else what would raise the level most.

    `said` are the person's words, oldest first; `judge` gives the rules' triage of words. Nothing is asked twice, nor what
    was said, nor after three turns of asking; of an emergency nothing.
    """
    if state.intake_turns >= MOST_TURNS:
        return ()
    if triage.level == "unclear":
        return (Ask(_of_triage(triage.question), triage.question, ("triage",)),) if triage.question else ()
    if triage.level == "emergency":
        return ()
    now = LEVELS.index(triage.level)
    present = {finding.id for finding in triage.findings if finding.present}
    spoken = {finding.id: finding.present for finding in triage.findings if finding.experiencer == "patient"}
    whole = "\n".join(text.text for text in said)
    done = {topic for name in state.asked for topic in _topics(name)}
    worth: list[tuple[int, int, Rule]] = []
    for place, rule in enumerate(rules()):
        if (
            rule.id in state.asked
            or set(rule.topics) <= done
            or not _may_ask(rule, triage, present, spoken, whole, language)
        ):
            continue
        gain = max((_rank(judge((*said, _told(reply)))) for reply in _tries(rule, language)), default=0) - now
        if gain > 0 or rule.always:
            worth.append((-gain, place, rule))
    chosen = [rule for _, _, rule in sorted(worth, key=lambda row: row[:2])]
    return tuple(Ask(rule.id, rule.text[language], rule.topics) for rule in _apart(chosen)[:MOST_A_TURN])


def skips(message: str, language: Language) -> bool:
    """Whether the person declines to be asked."""
    return bool(_SKIP[language].search(message))


def asks_something(message: str, language: Language) -> bool:
    """Whether a message asks something that can be answered beside the questions, not only what to do about what it tells."""
    return bool(_ASKS[language].search(message)) and not _WHAT_TO_DO[language].search(message)


def asked_in(text: str, language: Language) -> tuple[Rule, ...]:
    """The questions of ours that stand in a text, in its order: what a reply to it replies to."""
    found = [(text.find(rule.text[language]), rule) for rule in rules()]
    return tuple(rule for place, rule in sorted(found, key=lambda pair: pair[0]) if place >= 0)


def ids_in(text: str, language: Language) -> tuple[str, ...]:
    """The ids of all questions that stand in a text, triage's own among them, as a conversation's state keeps them."""
    questions = (each.ask[language] for each in load_triage().questions.values())
    own = tuple(_of_triage(question) for question in questions if question in text)
    return own + tuple(rule.id for rule in asked_in(text, language))


def _of_triage(question: str) -> str:
    return f"triage:{question}"


def _topics(asked: str) -> tuple[str, ...]:
    """What a question of triage's own was about: a no to it settled that."""
    text = asked.removeprefix("triage:")
    questions = load_triage().questions.values() if text != asked else ()
    return next((each.topics for each in questions if text in each.ask.values()), ())


def _tries(rule: Rule, language: Language) -> tuple[str, ...]:
    return rule.tries[language] or ((rule.yes[language],) if rule.yes[language] else ())


def _rank(triage: Triage) -> int:
    # What is still unclear with the reply has not been raised by it.
    return LEVELS.index(triage.level) if triage.level in LEVELS else 0


def _apart(chosen: Sequence[Rule]) -> list[Rule]:
    """Without a second question on a topic of the first."""
    kept: list[Rule] = []
    for rule in chosen:
        if not any(set(rule.topics) & set(other.topics) for other in kept):
            kept.append(rule)
    return kept


def _may_ask(
    rule: Rule, triage: Triage, present: set[str], spoken: dict[str, bool], whole: str, language: Language
) -> bool:
    words, not_words = rule.words[language], rule.not_words[language]
    if rule.needs and _known(triage.facts, rule.needs):
        return False
    if (rule.symptom and not triage.has_symptom) or (rule.about and not rule.about & present):
        return False
    if rule.unless & present or (words and not words.search(whole)) or (not_words and not_words.search(whole)):
        return False
    meant, telling = _meant(rule, language)
    told = [spoken[name] for name in meant if name in spoken]
    if telling and any(told):
        return False
    return not meant or len(told) < len(meant)


def _known(facts: Facts, name: str) -> bool:
    return {
        "age": facts.age_years is not None,
        "temperature": facts.temperature_c is not None,
        "pregnancy": facts.pregnant is not None or facts.sex == "male" or (facts.age_years or 30) > 55,
        "duration": facts.duration_hours is not None,
        "medicines": bool(facts.medicines),
        "conditions": bool(facts.conditions),
    }[name]


@lru_cache(maxsize=512)
def _meant_of(rule_id: str, language: Language) -> tuple[frozenset[str], bool]:
    rule = next(rule for rule in rules() if rule.id == rule_id)
    found = find(_told(rule.yes[language]), language) if rule.yes[language] else ()
    specs = load_lexicon().findings
    names = {finding.id for finding in found} - rule.about
    # What only colours a sentence ("today", "told of a fever") is said in most openings and settles nothing.
    telling = {name for name in names if specs[name].level or specs[name].kind in ("condition", "medicine")}
    return frozenset(telling or names), bool(telling)


def _meant(rule: Rule, language: Language) -> tuple[frozenset[str], bool]:
    """The findings that a yes would tell of, but those that the question itself is about; and whether one of them alone
    tells what is wrong, so that who said it needs no question."""
    return _meant_of(rule.id, language)


@lru_cache(maxsize=2048)
def _told(reply: str) -> SafeText:
    """A sentence of ours as a person's words: it holds no identifier."""
    return redact_again(reply, date.today())


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Every question, in the order of the file: what comes first is asked first where two would change as much."""
    data = tomllib.loads((files("knowledge") / "rules" / "intake.toml").read_text(encoding="utf-8"))
    return tuple(
        Rule(
            id=row["id"],
            topics=tuple(row["topics"]),
            about=frozenset(row.get("about", ())),
            unless=frozenset(row.get("unless", ())),
            needs=row.get("needs", ""),
            always=row.get("always", False),
            symptom=row.get("symptom", True),
            text=_both(row, ""),
            yes=_both(row, "yes_"),
            no=_both(row, "no_"),
            tries={language: tuple(row.get(f"tries_{language}", ())) for language in ("en", "zh")},
            words={language: _compiled(row.get(f"words_{language}", "")) for language in ("en", "zh")},
            not_words={language: _compiled(row.get(f"not_words_{language}", "")) for language in ("en", "zh")},
        )
        for row in data["ask"]
    )


def _both(row: dict[str, str], prefix: str) -> dict[str, str]:
    return {language: row.get(f"{prefix}{language}", "") for language in ("en", "zh")}


def _compiled(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern, re.I) if pattern else None
