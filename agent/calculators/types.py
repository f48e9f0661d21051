"""Values of a calculation: frozen, data without behaviour. Everything but a formula's arithmetic is read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Kind = Literal["number", "yes_no", "choice", "date"]
Value: TypeAlias = float | str | date
"""A number in its input's canonical unit, "yes" or "no", the id of a choice, or a day."""


@dataclass(frozen=True, slots=True)
class Words:
    """The same thing said in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a calculator, its cut-offs or an example come from. `jurisdiction`: a country code, or INT.

    `checked`: the day its text, or a page that gives what it is cited for, was looked at; empty: cited from memory, and
    somebody has still to open it.
    """

    organisation: str
    title: str
    year: int
    url: str
    jurisdiction: str
    checked: str


@dataclass(frozen=True, slots=True)
class Unit:
    """An accepted unit: canonical value = (value + offset) * factor."""

    name: str
    factor: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers an input takes. `patterns` say it in a note, in the language of `agent.matcher`."""

    id: str
    label: Words
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """What a calculator must be told, how it may be written, and how it is read from a note.

    `units`: the first is canonical. `bare`: units that a number without one may have, tried by plausibility; empty means
    that a bare number is refused unless all units mean the same. `low` and `high` are in the canonical unit, or days from
    today. `names` come before a number in a note; `alone` are expressions that need no name ("80 kg"). `tags` name the
    kind of a mass unit by its word (BUN, urea). `default`: "today", the day of asking, which alone need not be said.

    `patterns` say a yes, and denied a no (negation is the reader's business). `signs` are parts of a wider thing: one is a
    yes, but one denied is no no ("no aspirin" leaves ibuprofen open). `denials` are a no ("on air"). `past`: a yes in the
    past counts.
    """

    name: str
    kind: Kind
    label: Words
    required: bool = True
    units: tuple[Unit, ...] = ()
    bare: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    choices: tuple[Choice, ...] = ()
    names: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    past: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one input; every bound that is set must hold."""

    input: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    equals: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Points when any of the conditions holds, or all of them where `every` is set."""

    points: float
    conditions: tuple[Condition, ...]
    every: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a score: the first rule that holds gives its points, and none gives 0."""

    id: str
    label: Words
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of values and what it means. It begins at `low` (after it, where `above` is set) and ends where the next
    begins; the first of a scale begins at minus infinity."""

    id: str
    meaning: Words
    low: float
    above: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Bands without gap or overlap. `when`: for whom (all must hold). `source`: where it differs from the calculator's.

    `of` names the quantity that is banded: "" is the value, another is one of the calculator's further quantities.
    """

    id: str
    label: Words
    bands: tuple[Band, ...]
    when: tuple[Condition, ...] = ()
    source: Source | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that must be said whatever the sum is. `item_points`: an item that reaches these points raises it."""

    id: str
    text: Words
    when: tuple[Condition, ...] = ()
    item_points: float | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A further result, such as a gap corrected for albumin."""

    id: str
    label: Words
    unit: str
    digits: int


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example. `where` names the page it stands on, or says "own" and shows the arithmetic; `today` for dates."""

    inputs: Mapping[str, str]
    value: float | str
    where: str
    bands: tuple[str, ...] = ()
    also: Mapping[str, float | str] | None = None
    today: str = ""


@dataclass(frozen=True, slots=True)
class Calculator:
    """A formula (named in `agent.calculators.compute`) or a score (items), with all that is shown beside its value.

    `names` name it in a question, `asks` are wishes for it that do not ("when is my baby due"), in the language of
    `agent.matcher`. `shown` is the formula as people write it. `reads`: expressions whose groups are inputs ("E3 V4 M5").
    """

    id: str
    specialty: str
    title: Words
    names: tuple[str, ...]
    unit: str
    digits: int
    inputs: tuple[Input, ...]
    limits: tuple[Words, ...]
    source: Source
    shown: Words
    formula: str = ""
    items: tuple[Item, ...] = ()
    scales: tuple[Scale, ...] = ()
    flags: tuple[Flag, ...] = ()
    also: tuple[Quantity, ...] = ()
    examples: tuple[Example, ...] = ()
    asks: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """What a formula gives: the value, the arithmetic line by line, and further quantities by id."""

    value: float | date
    working: tuple[str, ...]
    also: tuple[tuple[str, float | date], ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """The points of one item: `low` and `high` differ while something it needs is missing."""

    item: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Result:
    """A finished calculation. Numbers are rounded as shown; bands are (scale id, band id) and were chosen on these."""

    calculator: str
    value: float | str
    unit: str
    inputs: Mapping[str, Value]
    points: tuple[Point, ...] = ()
    bands: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    also: Mapping[str, float | str] | None = None
    working: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something given that cannot be used. `code` names its sentences in words.toml; `given` is what was written."""

    input: str
    code: str
    given: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A calculation that still needs something. For a score, `low` to `high` is where it can lie, and `bands` are those
    that hold whatever the missing inputs are."""

    calculator: str
    inputs: Mapping[str, Value]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    points: tuple[Point, ...] = ()
    low: float | None = None
    high: float | None = None
    bands: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
