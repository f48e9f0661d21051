"""What the messages of a conversation come to, one more at a time: each message is read once, whatever came before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.conditions import Case, build_case
from agent.facts import Told, age_said, corrects, facts_of, told
from agent.findings import find
from agent.labs import read_labs
from agent.pregnancy import maybe_pregnant
from agent.tokens import simplified
from agent.types import Facts, Finding, Language, SafeText
from knowledge.rules import load_lexicon


@dataclass(frozen=True, slots=True)
class Heard:
    """A conversation up to a message. `texts` are its redacted messages, oldest first, and `found` their findings without those
    that a correction took back; `last` is the newest message in simplified Chinese, `corrected` whether it takes something back."""

    texts: tuple[str, ...] = ()
    found: tuple[tuple[Finding, ...], ...] = ()
    told: Told = field(default_factory=Told)
    labs: Mapping[str, float] = field(default_factory=dict)
    maybe: bool = False
    last: str = ""
    corrected: bool = False
    facts: Facts = field(default_factory=Facts)

    def case(self) -> Case:
        """What the rules look at."""
        specs = load_lexicon().findings
        return build_case(self.found, self.facts, self.told.vitals, specs, maybe=self.maybe, labs=self.labs)


def hear(text: SafeText, language: Language, before: Heard) -> Heard:
    """The conversation with one more message. A pure function: the same messages always come to the same."""
    plain = simplified(text.text, load_lexicon().traditional)
    age = before.facts.age_years
    corrected = corrects(plain) or (age is not None and age_said(plain) not in (None, age))
    found = (*before.found, find(text, language))
    if corrected:
        found = _without_denied(found)
    said = told(plain, before.told)
    return Heard(
        texts=(*before.texts, text.text),
        found=found,
        told=said,
        labs={**before.labs, **read_labs([plain])},
        maybe=before.maybe or bool(maybe_pregnant(plain)),
        last=plain,
        corrected=corrected,
        facts=facts_of(said, (finding for message in found for finding in message)),
    )


def _without_denied(found: Sequence[tuple[Finding, ...]]) -> tuple[tuple[Finding, ...], ...]:
    """The findings with those taken back that the last message, a correction, denies."""
    denied = {finding.id for finding in found[-1] if finding.negated}
    return (*(tuple(f for f in message if f.id not in denied) for message in found[:-1]), found[-1])
