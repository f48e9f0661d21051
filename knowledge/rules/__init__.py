"""Rules as data: what is said about health (findings) and what follows from it (triage).

Everything is TOML beside this file, read once. Each rule names its source and carries its own examples, which
`tests/knowledge/test_rules.py` runs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeError
from knowledge.types import Source

_HERE = Path(__file__).parent
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class FindingSpec:
    """How a finding is said. `level` set means it is a symptom and is the level when no rule fires.

    `kind` is one of symptom, modifier, disease, condition, medicine. `parents` are the wider findings it is also.
    `exceptions` are spans that are something else ("heart burn"); `unless`, words that undo it anywhere in its sentence.
    `ask` names the question that would settle a vague mention. The pattern language is that of `agent.matcher`.
    """

    id: str
    kind: str
    level: str = ""
    ask: str = ""
    parents: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All findings, the word classes and cues their patterns use, and spelling knowledge."""

    findings: Mapping[str, FindingSpec]
    words: Mapping[str, tuple[str, ...]]
    cues: Mapping[str, tuple[str, ...]]
    spelling: Mapping[str, str]
    traditional: Mapping[str, str]
    compounds: tuple[str, ...] = ()
    """Chinese words whose single characters say nothing by themselves."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A triage rule. `when`: alternatives as `agent.conditions` reads them; `unless`: any of these undoes it.

    Texts are by language. `sticky`: what is said to be over counts as well.
    """

    id: str
    level: str
    when: tuple[str, ...]
    reason: Mapping[str, str]
    advice: Mapping[str, str]
    source: Source
    where: str = ""
    hours: int | None = None
    sticky: bool = False
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSpec:
    """What to ask about a vague symptom: the level a bare yes or no leads to, and the signs that mean calling."""

    id: str
    ask: Mapping[str, str]
    calling: Mapping[str, str]
    yes: str
    no: str
    unless: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TriageRules:
    """Rules, questions, the modifiers that raise a default level, and the words for levels without a rule.

    `learned` is what the learned reader says of a level: "reason" with a place for {case}, and "advice".
    """

    rules: tuple[RuleSpec, ...]
    questions: Mapping[str, QuestionSpec]
    raises: tuple[tuple[str, str, str], ...]
    texts: Mapping[str, Mapping[str, str]]
    learned: Mapping[str, Mapping[str, Mapping[str, str]]]


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        try:
            return tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise KnowledgeError(
                f"{path.name} is not valid TOML: {error}", expected="a TOML file", remedy="Mend the line it names"
            ) from error


def _both(value: Mapping[str, Any], where: str) -> dict[str, str]:
    for language in _LANGUAGES:
        if not value.get(language):
            raise KnowledgeError(f"{where} lacks text in {language}", expected="text in en and zh", remedy="Add it")
    return {language: str(value[language]) for language in _LANGUAGES}


def _strings(value: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())


@cache
def load_lexicon() -> Lexicon:
    """The findings and cues of `findings/*.toml`. Raises KnowledgeError for a finding defined twice."""
    findings: dict[str, FindingSpec] = {}
    words: dict[str, tuple[str, ...]] = {}
    cues: dict[str, tuple[str, ...]] = {}
    spelling: dict[str, str] = {}
    traditional: dict[str, str] = {}
    compounds: tuple[str, ...] = ()
    for path in sorted((_HERE / "findings").glob("*.toml")):
        data = _read(path)
        for name, value in data.pop("words", {}).items():
            listed = _strings(value.get("en")) + _strings(value.get("zh")) + _of_class(_strings(value.get("terms")))
            words[name] = tuple(dict.fromkeys(words.get(name, ()) + listed))
        for name, value in data.pop("cues", {}).items():
            cues[name] = cues.get(name, ()) + _strings(value.get("en")) + _strings(value.get("zh"))
        spelling |= {wrong: right for right, wrongs in data.pop("spelling", {}).items() for wrong in wrongs}
        compounds += _strings(data.pop("compounds", {}).get("zh"))
        script = data.pop("traditional", {})
        traditional |= dict(zip(script.get("from", ""), script.get("to", ""), strict=True))
        for name, value in data.items():
            if name in findings:
                raise KnowledgeError(
                    f"Finding {name} is defined twice, again in {path.name}", remedy="Join the two definitions"
                )
            level = str(value.get("level", ""))
            findings[name] = FindingSpec(
                id=name,
                kind=str(value.get("kind", "symptom" if level else "modifier")),
                level=level,
                ask=str(value.get("ask", "")),
                parents=_strings(value.get("is")),
                patterns=_strings(value.get("en")) + _strings(value.get("zh")),
                exceptions=_strings(value.get("except")),
                unless=_strings(value.get("unless")),
            )
    for spec in findings.values():
        for parent in spec.parents:
            if parent not in findings:
                raise KnowledgeError(f"Finding {spec.id} is a kind of unknown {parent}", remedy="Define the parent")
    return Lexicon(
        findings=findings, words=words, cues=cues, spelling=spelling, traditional=traditional, compounds=compounds
    )


def _of_class(classes: Iterable[str]) -> tuple[str, ...]:
    """Every name, in both languages, of the medicines of a class of the terminology, as patterns write words."""
    from knowledge.terms import load_terms

    concepts = [concept for each in classes for concept in load_terms().of_class(each)]
    english = [name.lower().replace(" ", "_") for concept in concepts for name in concept.english]
    plain = [name for name in english if re.fullmatch(r"[a-z0-9_-]{3,}", name)]
    return tuple(dict.fromkeys([*plain, *(name for concept in concepts for name in concept.chinese)]))


def _merged(folder: Path, stem: str) -> dict[str, Any]:
    """The tables of `stem.toml` and `stem_*.toml`. Raises KnowledgeError for a name that stands in two of them."""
    tables: dict[str, Any] = {}
    for path in sorted(folder.glob(f"{stem}*.toml")):
        found = _read(path)
        if twice := tables.keys() & found.keys():
            raise KnowledgeError(f"{sorted(twice)} of {path.name} stand in another file too", remedy="Join the two")
        tables |= found
    return tables


def _rule(name: str, value: Mapping[str, Any], advice: Mapping[str, Any], sources: Mapping[str, Source]) -> RuleSpec:
    level, source = str(value.get("level", "")), str(value.get("source", ""))
    if level not in ("emergency", "urgent", "routine", "self_care"):
        raise KnowledgeError(f"Rule {name} has level {level!r}", expected="a triage level", remedy="Mend it")
    if source not in sources:
        raise KnowledgeError(f"Rule {name} names source {source!r}", expected="an id of sources.toml", remedy="Add it")
    said = value.get("advice", "")
    if isinstance(said, str):
        if said not in advice:
            raise KnowledgeError(f"Rule {name} names advice {said!r}", expected="an id of advice.toml", remedy="Add it")
        said = advice[said]
    return RuleSpec(
        id=name,
        level=level,
        when=_strings(value.get("when")),
        reason=_both(value.get("reason", {}), f"Rule {name}: reason"),
        advice=_both(said, f"Rule {name}: advice"),
        source=sources[source],
        where=str(value.get("where", "")),
        hours=value.get("hours"),
        sticky=bool(value.get("sticky", False)),
        unless=_strings(value.get("unless")),
    )


@cache
def load_triage() -> TriageRules:
    """The rules of `triage/*.toml`. Raises KnowledgeError for a missing text, source, level or a repeated id."""
    folder = _HERE / "triage"
    sources = {
        name: Source(
            id=name,
            organisation=value["organisation"],
            title=value["title"],
            year=value["year"] or None,
            url=value["url"],
            jurisdiction=value.get("jurisdiction", ""),
            opened=value["opened"],
            checked=value["checked"],
        )
        for name, value in _merged(folder, "sources").items()
    }
    advice = _merged(folder, "advice")
    defaults = _read(folder / "defaults.toml")
    questions = {
        name: QuestionSpec(
            id=name,
            ask=_both(value["ask"], f"Question {name}: ask"),
            calling=_both(value["calling"], f"Question {name}: calling"),
            yes=str(value["yes"]),
            no=str(value["no"]),
            unless=_strings(value.get("unless")),
            topics=_strings(value.get("topics")),
        )
        for name, value in _read(folder / "questions.toml").items()
    }
    rules: dict[str, RuleSpec] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.stem.split("_")[0] in ("sources", "advice", "defaults", "questions"):
            continue
        for name, value in _read(path).items():
            if name in rules:
                raise KnowledgeError(f"Rule {name} is defined twice, again in {path.name}", remedy="Join the two")
            rules[name] = _rule(name, value, advice, sources)
    return TriageRules(
        rules=tuple(rules.values()),
        questions=questions,
        raises=tuple((item["when"], item["from"], item["to"]) for item in defaults["raise"]),
        texts={name: _both(value, f"Text {name}") for name, value in defaults["text"].items()},
        learned={
            level: {name: _both(value, f"Text learned.{level}.{name}") for name, value in texts.items()}
            for level, texts in defaults["learned"].items()
        },
    )


def load_examples() -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """Example sentences by rule, then "positive" (fires) or "negative" (does not), then language.

    They lie apart from the rules (`triage/examples/*.toml`) because only tests read them and a turn should not wait.
    """
    examples: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {}
    for path in sorted((_HERE / "triage" / "examples").glob("*.toml")):
        for name, value in _read(path).items():
            if name in examples:
                raise KnowledgeError(f"Examples of {name} stand twice, again in {path.name}", remedy="Join the two")
            examples[name] = {
                kind: {language: _strings(value.get(kind, {}).get(language)) for language in _LANGUAGES}
                for kind in ("positive", "negative")
            }
    return examples
