"""The small language rules are written in, over findings, facts and measurements.

A condition is parts joined by ` + `, all of which must hold. A part is terms joined by `|`, one of which must hold; `!`
before a part denies it. Terms:
`chest_pain`        said to be so now (or the person's condition or medicine)
`gone:x` `past:x` `denied:x` `asked:x` `any:x`   said to be over; long ago; denied; asked about; said in any way
`a~b`               both in one sentence
`age<0.25` `weight<10` `temp>=38` `weeks>=20` `duration>=72` `spo2` `pulse` `systolic` `diastolic` `breaths` `glucose`   compared
`core` the temperature with half a degree for a child's armpit; `news2` the score of `agent.news2`; a value of `agent.labs`
`pregnant` `maybe_pregnant` `postpartum` `female` `male` `other`   facts
An unknown number makes its comparison false, whichever way it points.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.labs import LABS
from agent.news2 import news2
from agent.types import Facts, Finding
from agent.vitals import Vitals
from knowledge.errors import KnowledgeError
from knowledge.rules import FindingSpec

NUMBERS = (
    "age", "weight", "temp", "core", "weeks", "duration", "spo2", "pulse", "systolic", "diastolic", "breaths", "glucose", "news2",
    *LABS,
)  # fmt: skip
FLAGS = ("pregnant", "maybe_pregnant", "postpartum", "female", "male", "other")
_WAYS = ("gone", "past", "denied", "asked", "any")
_FEVER = 38.0
"""A temperature from which there is a fever, even when nobody calls it one (NHS, CDC)."""
_ARMPIT = 0.5
"""What a child's armpit reads below the core: 37.5 °C there is taken as fever in mainland China."""
_CHILD = 13
"""Below this age in years somebody counts as a child even when nobody said "my son"."""
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_COMPARED = re.compile(r"([a-z0-9]+)(<=|>=|<|>)(-?\d+(?:\.\d+)?)$")


@dataclass(frozen=True, slots=True)
class Case:
    """All that rules look at. Sets hold finding ids with their parents; `pairs` ids by (text, sentence)."""

    now: frozenset[str]
    gone: frozenset[str]
    past: frozenset[str]
    denied: frozenset[str]
    asked: frozenset[str]
    sentences: tuple[frozenset[str], ...]
    numbers: Mapping[str, float | None]
    flags: frozenset[str]
    spoken: frozenset[str] = field(init=False)
    """Every finding, flag and known number that is there in any way: what none of them is in cannot hold."""

    def __post_init__(self) -> None:
        known = (name for name, value in self.numbers.items() if value is not None)
        everywhere = (self.gone, self.past, self.denied, self.asked, self.flags, *self.sentences, known)
        object.__setattr__(self, "spoken", self.now.union(*everywhere))


@dataclass(frozen=True, slots=True)
class _Term:
    """One term, read: `name` compared with `bound`, or `names` said in a `way`."""

    way: str = ""
    names: tuple[str, ...] = ()
    sign: str = ""
    bound: float = 0.0

    def holds(self, case: Case, *, sticky: bool) -> bool:
        name = self.names[0]
        if self.sign:
            value = case.numbers.get(name)
            return value is not None and _SIGNS[self.sign](value, self.bound)
        if len(self.names) > 1:
            return any(
                all(part in sentence or part in case.flags for part in self.names) for sentence in case.sentences
            )
        if self.way == "any":
            return any(name in found for found in (case.gone, case.past, case.denied, case.asked, case.now))
        if self.way:
            found: frozenset[str] = getattr(case, self.way)
            return name in found
        return name in case.now or name in case.flags or (sticky and name in case.gone)


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition: parts of (denied, terms)."""

    parts: tuple[tuple[bool, tuple[_Term, ...]], ...]
    needs: tuple[frozenset[str], ...] = field(init=False, compare=False)
    """For each part that is not denied, names of which one must be there: most conditions are settled by these alone."""

    def __post_init__(self) -> None:
        needs = (frozenset(name for term in terms for name in term.names) for no, terms in self.parts if not no)
        object.__setattr__(self, "needs", tuple(needs))

    def holds(self, case: Case, *, sticky: bool = False) -> bool:
        """Whether it holds; with `sticky`, what is said to be over counts as well."""
        for need in self.needs:
            if need.isdisjoint(case.spoken):
                return False
        return all(any(term.holds(case, sticky=sticky and not no) for term in terms) != no for no, terms in self.parts)


def parse(text: str, *, known: Iterable[str]) -> Condition:
    """A condition from its text. Raises KnowledgeError for a term that is no finding, fact or measurement."""
    names = set(known)
    parts = []
    for part in text.split(" + "):
        part = part.strip()
        no = part.startswith("!")
        terms = tuple(_read(term.strip(), names, text) for term in part.removeprefix("!").split("|"))
        parts.append((no, terms))
    return Condition(tuple(parts))


def _read(term: str, known: set[str], text: str) -> _Term:
    compared = _COMPARED.match(term)
    if compared is not None and compared.group(1) in NUMBERS:
        return _Term(names=(compared.group(1),), sign=compared.group(2), bound=float(compared.group(3)))
    way, _, name = term.rpartition(":")
    names = tuple(name.split("~"))
    if (not way or way in _WAYS) and all(part in known or part in FLAGS for part in names):
        return _Term(way, names)
    raise KnowledgeError(f"Condition {text!r} has unknown term {term!r}", expected="a finding, fact or measurement")


def build_case(
    findings: Sequence[Sequence[Finding]],
    facts: Facts,
    vitals: Vitals,
    specs: Mapping[str, FindingSpec],
    *,
    maybe: bool,
    labs: Mapping[str, float],
) -> Case:
    """The case of a conversation, from the findings of each of its messages."""
    sets: dict[str, set[str]] = {name: set() for name in ("now", *_WAYS)}
    sentences: dict[tuple[int, int], set[str]] = {}
    for number, found in enumerate(findings):
        for finding in found:
            names = closure(finding.id, specs)
            if finding.experiencer == "other":
                continue
            if finding.time == "hypothetical":
                sets["asked"] |= names
            elif finding.negated:
                sets["denied"].add(finding.id)
            elif finding.time == "past":
                sets["past"] |= names
            else:
                sets["gone" if finding.resolved else "now"] |= names
                sentences.setdefault((number, finding.sentence), set()).update(names)
    flags = {*facts.conditions, *facts.medicines}
    if facts.pregnant:
        flags |= {"pregnant", "maybe_pregnant"}
    child = "child_word" in sets["now"] or (facts.age_years is not None and facts.age_years < _CHILD)
    core = facts.temperature_c
    if core is not None and vitals.armpit and child:
        core = round(core + _ARMPIT, 1)
    if core is not None and core >= _FEVER:
        flags.add("fever")
    if facts.age_years is not None and facts.age_years < _CHILD:
        flags |= {"child_word", "baby_word"} if facts.age_years < 1 else {"child_word"}
    if maybe:
        flags.add("maybe_pregnant")
    flags |= {name for name, true in (("postpartum", facts.postpartum), ("other", facts.subject == "other")) if true}
    if facts.sex:
        flags.add(facts.sex)
    return Case(
        now=frozenset(sets["now"]),
        gone=frozenset(sets["gone"] - sets["now"]),
        past=frozenset(sets["past"]),
        denied=frozenset(sets["denied"]),
        asked=frozenset(sets["asked"]),
        sentences=tuple(frozenset(names) for names in sentences.values()),
        numbers={
            "age": facts.age_years,
            "weight": facts.weight_kg,
            "temp": facts.temperature_c,
            "core": core,
            "weeks": facts.pregnancy_weeks,
            "duration": facts.duration_hours,
            "spo2": vitals.spo2,
            "pulse": vitals.pulse,
            "systolic": vitals.systolic,
            "diastolic": vitals.diastolic,
            "breaths": vitals.breaths,
            "glucose": vitals.glucose,
            "news2": news2(
                vitals,
                age=facts.age_years,
                pregnant="pregnant" in flags,
                copd="copd" in flags,
                confused="confused" in sets["now"] or "drowsy" in sets["now"],
            ),
            **dict.fromkeys(LABS),
            **labs,
        },
        flags=frozenset(flags),
    )


def closure(name: str, specs: Mapping[str, FindingSpec]) -> set[str]:
    """A finding and all the wider findings it is also."""
    found, waiting = set(), [name]
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += specs[item].parents
    return found
