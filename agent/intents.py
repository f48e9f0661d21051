"""What a message asks for or discloses, by the patterns of `knowledge/rules/policy`. Decides nothing.

A pattern is a regular expression over lower-cased English or simplified Chinese, in which `<name>` stands for a word
class. Both languages are tried on every message: people mix them.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import knowledge
from knowledge.errors import KnowledgeError
from knowledge.types import Source

_FOLDER = Path(knowledge.__file__).parent / "rules" / "policy"
_FILES = ("crisis", "refusal", "scope", "wish", "caution", "premise")
_LANGUAGES = ("en", "zh")
_CLASS = re.compile(r"<([a-z_]+)>")
_SENTENCE = re.compile(r"[.!?;。！？；\n]+(?:\s|$)|[。！？；\n]+")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "＇": "'"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One intent. `matches` needs a main pattern, every `also` group, and no `unless`.

    `whole`: over the message at once, else sentence by sentence. `with_history`: an `also` may stand in an earlier
    message. `triage`: triage rules that mean the same. `examples`: (positive, negative) by language.
    """

    id: str
    kind: str
    level: str
    text: str
    lines: str
    alone: str
    source: Source
    main: Mapping[str, re.Pattern[str] | None]
    also: tuple[Mapping[str, re.Pattern[str] | None], ...]
    unless: Mapping[str, re.Pattern[str] | None]
    whole: bool
    with_history: bool
    triage: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A message made ready for matching: per language its whole text and its sentences."""

    whole: Mapping[str, str]
    sentences: Mapping[str, tuple[str, ...]]


def read(text: str) -> Reading:
    """Linear in the text. Offsets are lost: a rule answers yes or no."""
    script = _tables()[1]
    straight = text.translate(_STRAIGHT)
    pieces = tuple(piece for piece in _SENTENCE.split(straight) if piece and piece.strip())
    han = any("\u3400" <= character <= "\u9fff" for character in text)
    return Reading(
        whole={
            "en": " ".join(straight.lower().split()),
            "zh": "".join(straight.split()).translate(script) if han else "",
        },
        sentences={
            "en": tuple(" ".join(piece.lower().split()) for piece in pieces),
            "zh": tuple("".join(piece.split()).translate(script) for piece in pieces) if han else (),
        },
    )


def matches(rule: Rule, message: Reading, history: tuple[Reading, ...] = ()) -> bool:
    """Whether the message holds the rule's intent."""
    return any(_matches_in(rule, message, history, language) for language in _LANGUAGES)


def _matches_in(rule: Rule, message: Reading, history: tuple[Reading, ...], language: str) -> bool:
    main, unless = rule.main[language], rule.unless[language]
    if main is None or not message.whole[language]:
        return False
    if not rule.whole:
        return any(
            main.search(sentence) and not (unless and unless.search(sentence))
            for sentence in message.sentences[language]
        )
    whole = message.whole[language]
    if not main.search(whole) or (unless and unless.search(whole)):
        return False
    earlier = tuple(reading.whole[language] for reading in history) if rule.with_history else ()
    groups = (group[language] for group in rule.also)
    return all(group is None or any(map(group.search, (whole, *earlier))) for group in groups)


def of_health(message: Reading) -> bool:
    """Whether a message names anything of health or care (the word class `health`)."""
    return any(pattern.search(message.whole[language]) for language, pattern in _health().items())


@functools.cache
def _health() -> Mapping[str, re.Pattern[str]]:
    patterns = {language: _compile(["<health>"], language) for language in _LANGUAGES}
    return {language: pattern for language, pattern in patterns.items() if pattern is not None}


def rest(rule: Rule, text: str) -> str:
    """The sentences of a text that do not hold the rule's intent, in its own words."""
    return " ".join(piece for piece in _SENTENCE.split(text) if piece.strip() and not matches(rule, read(piece)))


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which they are tried. Raises KnowledgeError for a damaged file."""
    sources = _sources()
    return tuple(
        _rule(row, sources, name) for name in _FILES for row in _toml(name).get("rule", ()) if isinstance(row, dict)
    )


@functools.cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """What a person reads, by name and language."""
    return {name: {language: row[language].strip() for language in _LANGUAGES} for name, row in _both("texts").items()}


def plain(text: str) -> str:
    """A text as patterns read it, each character in its place: straight apostrophes, simplified Chinese."""
    return text.translate(_STRAIGHT).translate(_tables()[1])


@functools.cache
def patterns(file: str, table: str) -> Mapping[str, re.Pattern[str] | None]:
    """A table of a file that holds patterns alone, by language."""
    return _patterns(_toml(file)[table], "")


def _rule(row: dict[str, Any], sources: Mapping[str, Source], file: str) -> Rule:
    try:
        examples = row["examples"]
        kind = str(row.get("kind", ""))
        return Rule(
            id=row["id"],
            kind=kind,
            level=str(row.get("level", "")),
            text=row["text"],
            lines=str(row.get("lines", "")),
            alone=str(row.get("alone", "")),
            source=sources[row["source"]],
            main=_patterns(row, ""),
            also=tuple(_patterns(row, prefix) for prefix in ("with_", "and_")),
            unless=_patterns(row, "unless_"),
            whole=bool(row.get("whole", kind != "crisis")),
            with_history=bool(row.get("with_history", False)),
            triage=tuple(row.get("triage", ())),
            positive=tuple(text for language in _LANGUAGES for text in examples[f"positive_{language}"]),
            negative=tuple(text for language in _LANGUAGES for text in examples[f"negative_{language}"]),
        )
    except (KeyError, re.error) as error:
        raise KnowledgeError(
            f"Rule {row.get('id', '?')} of {file}.toml is damaged: {error}",
            expected="id, text, source, en, zh and examples",
            remedy="mend it; a pattern may use only the classes of words.toml",
        ) from error


def _patterns(row: dict[str, Any], prefix: str) -> dict[str, re.Pattern[str] | None]:
    return {language: _compile(row.get(f"{prefix}{language}", ()), language) for language in _LANGUAGES}


def _compile(patterns: list[str], language: str) -> re.Pattern[str] | None:
    if not patterns:
        return None
    words = _tables()[0][language]

    def spelled(text: str) -> str:
        for _ in range(4):
            text = _CLASS.sub(lambda match: words[match[1]], text)
        return text

    return re.compile("|".join(f"(?:{spelled(pattern)})" for pattern in patterns), re.IGNORECASE)


@functools.cache
def _tables() -> tuple[Mapping[str, Mapping[str, str]], dict[int, str]]:
    data = _toml("words")
    script = data.pop("traditional")
    return data, {ord(old): new for old, new in _pairs(script["from"], script["to"])}


def _pairs(old: str, new: str) -> Iterator[tuple[str, str]]:
    return zip(old, new, strict=True)


def _sources() -> dict[str, Source]:
    return {
        name: Source(
            id=f"policy-{name}",
            organisation=row["organisation"],
            title=row["title"],
            year=row.get("year"),
            url=row["url"],
            checked=row["checked"],
        )
        for name, row in _both("sources").items()
    }


def _both(name: str) -> dict[str, Any]:
    """A table of this folder with that of the premises."""
    return _toml(name) | _toml(f"premise_{name}")


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
