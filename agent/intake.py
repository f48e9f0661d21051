"""What is missing that would change the level or the answer: at most two short questions a turn, at most three turns."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from agent.types import ConversationState, Language, Triage

MOST_A_TURN = 2
MOST_TURNS = 3
_SKIP = {
    "en": re.compile(
        r"^\W*(?:skip|i (?:do not|don'?t) know|don'?t know|no idea|not sure|rather not say|just answer)\b", re.I
    ),
    "zh": re.compile(r"^\W*(?:跳过|不知道|不清楚|不想说|直接回答)"),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to ask back."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    needs: str
    symptom: bool
    raises: bool
    findings: frozenset[str]
    words: dict[str, re.Pattern[str] | None]
    not_words: dict[str, re.Pattern[str] | None]
    text: dict[str, str]


def questions_for(triage: Triage, state: ConversationState, message: str, language: Language) -> tuple[Ask, ...]:
    """What to ask now: the triage's own question where the level is unclear, else the rules of intake.toml in order.

    Nothing is asked twice, nor after three turns of asking; of an urgent case only what could make it an emergency.
    """
    if state.intake_turns >= MOST_TURNS:
        return ()
    if triage.level == "unclear":
        return (Ask(f"triage:{triage.question}", triage.question),) if triage.question else ()
    if triage.level == "emergency":
        return ()
    rules = [rule for rule in _rules() if rule.raises or triage.level != "urgent"]
    wanted = [rule for rule in rules if rule.id not in state.asked and _applies(rule, triage, message, language)]
    return tuple(Ask(rule.id, rule.text[language]) for rule in wanted[:MOST_A_TURN])


def skips(message: str, language: Language) -> bool:
    """Whether the person declines to be asked."""
    return bool(_SKIP[language].search(message))


def _applies(rule: _Rule, triage: Triage, message: str, language: Language) -> bool:
    facts = triage.facts
    known = {
        "age": facts.age_years is not None,
        "temperature": facts.temperature_c is not None,
        "pregnancy": facts.pregnant is not None or facts.sex == "male",
    }
    words, not_words = rule.words[language], rule.not_words[language]
    present = {finding.id for finding in triage.findings if finding.present}
    return (
        not known[rule.needs]
        and (not rule.symptom or triage.has_symptom)
        and (not rule.findings or bool(rule.findings & present))
        and (words is None or bool(words.search(message)))
        and (not_words is None or not not_words.search(message))
    )


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    data = tomllib.loads((files("knowledge") / "rules" / "intake.toml").read_text(encoding="utf-8"))
    return tuple(
        _Rule(
            id=row["id"],
            needs=row["needs"],
            symptom=row["symptom"],
            raises=row.get("raises", False),
            findings=frozenset(row.get("findings", ())),
            words={language: _compiled(row.get(f"words_{language}", "")) for language in ("en", "zh")},
            not_words={language: _compiled(row.get(f"not_words_{language}", "")) for language in ("en", "zh")},
            text={"en": row["en"], "zh": row["zh"]},
        )
        for row in data["ask"]
    )


def _compiled(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern, re.I) if pattern else None
