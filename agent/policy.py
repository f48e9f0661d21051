"""May we answer, and how: crisis, refusal, out of scope, caution. Rules are data; this module only orders them.

What no rule saw, a learned reader may add (`agent.readings`); it undoes nothing. Order: danger to a person first, then
what is not helped with, then what is not ours, then cautions. A message about symptoms is never out of scope, and a
message that only names a topic (suicide, abuse) is answered with the lines added. A wish about the record ("delete my data") is
answered where nothing else is said, and stands beside every other decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from agent import intents, readings, wishes
from agent.beliefs import Belief
from agent.intents import Reading, Rule
from agent.messages import say
from agent.query import leans
from agent.types import Audience, Language, Policy, SafeText, Triage
from agent.wishes import Wish
from knowledge import places

_EARLIER = 3
"""How many of a person's earlier messages a short reply can still belong to."""
_FALLEN = ("collapse-unconscious",)
"""The triage rules by which somebody lies without sense or breath."""

_OF_OTHERS = {
    "suicide_now": "suicide_other", "suicide_thought": "suicide_other", "self_harm": "self_harm_other", "abuse": "abuse_other",
}  # fmt: skip
"""The words for somebody who speaks of another."""

_SHORT_WORDS, _SHORT_HAN = 9, 18
_SAFE_NOW = re.compile(
    r"\b(?:i(?:'m| am) (?:\w+ )?(?:safe|ok|okay|fine|better)|just (?:kidding|joking)|only joking|not (?:going|planning)"
    r"|called|calling (?:them|now|999|911|988)|with me now|thank)"
    r"|我(?:现在)?(?:很)?(?:安全|没事)|开玩笑|打了电话|有人陪|谢谢|不会(?:做|自杀|的)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:what|how|why|when|which|who|can|could|should|is|are|does|do)\b|[?？]|[吗呢么]$", re.IGNORECASE
)


def decide(
    message: SafeText,
    history: Sequence[SafeText],
    language: Language,
    triage: Triage,
    *,
    country: str,
    audience: Audience,
    shares: Mapping[str, float] = MappingProxyType({}),
) -> Policy:
    """The policy for one message. `history` is the person's earlier messages, oldest first; `shares` come from
    `agent.readings.shares`, none where only rules decide.

    `kind` None means go on; `rule` is "none", or the rule behind `caution`. Several cautions are joined. A wish about the record
    is answered beside any of these; where it is all that is said, it is the answer.
    """
    wish = wishes.read(message.text)
    found = _decided(message, wish, history, language, triage, country=country, audience=audience, shares=shares)
    return found if wish is None else _with_wish(found, wish, language, emergency=triage.level == "emergency")


def _decided(
    message: SafeText,
    wish: Wish | None,
    history: Sequence[SafeText],
    language: Language,
    triage: Triage,
    *,
    country: str,
    audience: Audience,
    shares: Mapping[str, float],
) -> Policy:
    here = intents.read(message.text)
    before = tuple(intents.read(said.text) for said in history)
    if found := _crisis_of(here, message, wish, before, language, triage, country, audience, shares):
        return found
    for rule in _of("refusal"):
        if intents.matches(rule, here):
            lines = _lines(rule, language, country)
            return Policy("refusal", rule.id, text=_text(rule.text, language, lines), lines=lines)
    # "如果她对青霉素过敏呢？" alone is half a sentence: what leans on the turn before must be read with more certainty.
    half = bool(history) and leans(message.text, language)
    reads_like = readings.refusal(shares, of_health=intents.of_health(here) and not half)
    if reads_like and triage.level != "emergency":
        return Policy("refusal", f"reads-like-{reads_like.replace('_', '-')}", text=_text(reads_like, language))
    if not triage.has_symptom and triage.level not in ("emergency", "urgent"):
        for rule in _of("out_of_scope"):
            if intents.matches(rule, here):
                return Policy("out_of_scope", rule.id, text=_text(rule.text, language))
    return _cautions(message, here, before, language, country, audience)


def crisis(
    message: SafeText,
    history: Sequence[SafeText],
    language: Language,
    triage: Triage,
    *,
    audience: Audience,
    shares: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """The rule by which `decide` takes a message for a crisis, or ""; nothing else is decided."""
    before = tuple(intents.read(said.text) for said in history[-_EARLIER:])
    here, wish = intents.read(message.text), wishes.read(message.text)
    found = _crisis_of(here, message, wish, before, language, triage, "", audience, shares)
    return found.rule if found is not None else ""


def crisis_worded(text: str, audience: Audience) -> str:
    """The rule that takes redacted words for a crisis by themselves, or "": what is left where nothing else is known of them."""
    here = intents.read(text)
    found = next((rule.id for rule in _of("crisis") if intents.matches(rule, here)), "")
    return "" if audience == "clinician" and _asks_in_general(here) else found


def _crisis_of(
    here: Reading,
    message: SafeText,
    wish: Wish | None,
    before: tuple[Reading, ...],
    language: Language,
    triage: Triage,
    country: str,
    audience: Audience,
    shares: Mapping[str, float],
) -> Policy | None:
    for rule in _of("crisis"):
        if intents.matches(rule, here) or _triaged(rule, triage):
            if audience == "clinician" and _asks_in_general(here):
                break
            return _crisis(rule, language, country)
    fallen = any(rule.id in _FALLEN for rule in triage.rules)
    reads_like = readings.crisis(shares, emergency=triage.level == "emergency", fallen=fallen)
    if reads_like and not (audience == "clinician" and _asks_in_general(here)):
        return _read_crisis(reads_like, language, country, about_other=triage.facts.subject == "other")
    return _continued(here, message, wish, before, language, country)


def _with_wish(found: Policy, wish: Wish, language: Language, *, emergency: bool) -> Policy:
    alone = not wish.rest
    said = _text(wish.rule.alone if alone else wish.rule.text, language)
    if alone and found.kind is None and not emergency:
        return Policy("out_of_scope", wish.rule.id, text=said, caution=found.caution)
    return replace(found, rule=wish.rule.id if found.rule == "none" else found.rule, aside=said)


def corrected(policy: Policy, belief: Belief | None, language: Language) -> Policy:
    """The policy with a false belief's correction in front of the answer, where no rule of ours corrected it already."""
    if belief is None or policy.kind is not None or policy.rule.startswith("premise-"):
        return policy
    said = say(
        language,
        "belief",
        correction=belief.correction[language],
        source=belief.organisation,
        year=belief.year,
        url=belief.url,
    )
    rule = f"belief-{belief.id}" if policy.rule == "none" else policy.rule
    return replace(policy, rule=rule, caution="\n\n".join(filter(None, (policy.caution, said))))


def _crisis(rule: Rule, language: Language, country: str) -> Policy:
    text, lines = _text(rule.text, language), _lines(rule, language, country)
    return Policy(
        "crisis", rule.id, text=text, lines=lines, level="emergency" if rule.level == "emergency" else "urgent"
    )


def _read_crisis(name: str, language: Language, country: str, *, about_other: bool) -> Policy:
    """A crisis that the learned reader saw: the words, lines and level of the rule that means the same."""
    name = _OF_OTHERS.get(name, name) if about_other else name
    rule = next(rule for rule in _of("crisis") if rule.text == name)
    return replace(_crisis(rule, language, country), rule=f"reads-like-{rule.id}")


def _triaged(rule: Rule, triage: Triage) -> bool:
    return any(fired.id in rule.triage for fired in triage.rules)


def _asks_in_general(here: Reading) -> bool:
    """A clinician's search: about a patient, not from one."""
    return re.search(r"\b(?:i|i'm|im|my|me|myself)\b|我", here.whole["en"] + here.whole["zh"]) is None


def _continued(
    here: Reading,
    message: SafeText,
    wish: Wish | None,
    before: tuple[Reading, ...],
    language: Language,
    country: str,
) -> Policy | None:
    """A short reply soon after a crisis ("yes", "tonight", "我不知道") still belongs to it, unless all is well; "is this stored?"
    and "delete this, thank you" say nothing of that."""
    said = message.text if wish is None else wish.rest
    short = len(here.whole["en"].split()) <= _SHORT_WORDS and len(here.whole["zh"]) <= _SHORT_HAN
    if not short or _SAFE_NOW.search(said) or _QUESTION.search(said.strip()):
        return None
    for earlier in before[-_EARLIER:]:
        for rule in _of("crisis"):
            if rule.lines == "crisis" and intents.matches(rule, earlier):
                lines = _lines(rule, language, country)
                return Policy(
                    "crisis", f"{rule.id}-continued", _text("continued", language), lines=lines, level="urgent"
                )
    return None


def _cautions(
    message: SafeText,
    here: Reading,
    before: tuple[Reading, ...],
    language: Language,
    country: str,
    audience: Audience,
) -> Policy:
    said: list[str] = []
    fired: list[str] = []
    for rule in _of(""):
        if rule.id.startswith("prescribing") and (
            audience == "clinician" or any(each.startswith("prescribing") for each in fired)
        ):
            continue
        if not intents.matches(rule, here, before):
            continue
        if rule.alone and not _has_words(intents.rest(rule, message.text)):
            return Policy("refusal", rule.id, text=_text(rule.alone, language))
        fired.append(rule.id)
        said.append(_text(rule.text, language, _lines(rule, language, country)))
    return Policy(None, fired[0] if fired else "none", caution="\n\n".join(said))


def _has_words(text: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", text)) >= 2 or len(re.findall(r"[\u3400-\u9fff]", text)) >= 4


def _of(kind: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in intents.rules() if rule.kind == kind)


def _text(name: str, language: Language, lines: tuple[str, ...] = ()) -> str:
    text = intents.texts()[name][language]
    return "\n".join((text, *(f"- {line}" for line in lines)))


def _lines(rule: Rule, language: Language, country: str) -> tuple[str, ...]:
    """The numbers for a rule. `danger`: only the emergency numbers; an overdose adds the poison line."""
    if not rule.lines:
        return ()
    if rule.lines == "danger":
        return places.crisis_lines(country, language)[:1]
    kind: places.Kind = "abuse" if rule.lines == "abuse" else "poison" if rule.lines == "poison" else "crisis"
    lines = places.crisis_lines(country, language, kind=kind)
    if rule.text == "overdose":
        lines = (*places.crisis_lines(country, language, kind="poison"), *lines)
    if kind == "abuse":
        lines = (*lines, *places.crisis_lines(country, language))
    return tuple(dict.fromkeys(lines))
