"""What two guidelines say to one question: the best passages of each, and where their numbers part. Never who is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.agree import content, quantities
from agent.app.doctor.finding import bears, nearest, worths
from agent.app.doctor.shelf import OWN, Volume, shelf
from agent.build import Agent
from agent.language import detect
from agent.quantities import HOURS
from knowledge.chunk import sentences
from knowledge.errors import InputError
from knowledge.types import Passage
from retrieval.search import search
from retrieval.types import Filters, Vectors

K = 4
_READ = 10
"""Sentences of each side, those nearest to the question, whose numbers are laid beside each other."""
_PAIRS = 6
_ALIKE, _FEW = 0.4, 5
"""The least share of common words of two sentences on the same thing; a sentence of fewer words counts as if it had so many. Chosen
by eye on five questions."""
_KINDS: Mapping[str, tuple[str, ...]] = {
    "dose": ("mg", "mcg", "µg", "g", "kg", "ml", "l", "tablet", "unit", "puff", "cup"),
    "time": ("second", "minute", "hour", "day", "week", "month"),
    "years": ("year",),
    "often": ("time",),
    "threshold": ("%", "mmhg", "mmol/l", "°c", "°f", "cm", "mm", "lb"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what was chosen, its passages that bear on the question with their nearest sentences, how many documents.

    `foreign`: some of them are in another language than the question.
    """

    choice: str
    passages: tuple[Passage, ...]
    sentences: tuple[str, ...]
    documents: int
    foreign: bool

    @property
    def silent(self) -> bool:
        """Whether nothing of it bears on the question."""
        return not self.passages


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that seem to be on the same thing, and the numbers that only one of them holds."""

    left: str
    right: str
    left_only: tuple[str, ...]
    right_only: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """A sentence with its heading, which often holds its subject."""

    text: str
    heading: str
    language: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides; sentences that differ, the nearest to the question first; and by kind the numbers that only one side holds."""

    left: Side
    right: Side
    pairs: tuple[Pair, ...]
    numbers: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]


def compare(agent: Agent, query: str, left: str, right: str) -> Compared:
    """What `left` and `right` say to `query`; each is "place:GB", "source:NAME", "guideline:TITLE" or "document:ID".

    Raises:
        InputError: no question, a side that is not chosen or not there, or the same one twice.
    """
    if not query.strip():
        raise InputError("Nothing was asked", expected="a question that both may answer", remedy="Type it")
    if not left or not right or left == right:
        raise InputError("Two different sides are needed", expected="a guideline, a source or a place in each list")
    vector = agent.embedder.query(query)
    one, other = (_side(agent, query, vector, choice) for choice in (left, right))
    first, second = _told(query, one), _told(query, other)
    numbers = _numbers([each.text for each in first], [each.text for each in second])
    return Compared(one, other, _pairs(first, second), numbers)


def documents_of(volumes: Iterable[Volume], choice: str) -> frozenset[str]:
    """The ids of the documents that a choice means."""
    kind, _, name = choice.partition(":")
    match kind:
        case "place":
            return frozenset(one.id for one in volumes if name in one.places)
        case "source":
            return frozenset(one.id for one in volumes if name in one.organisations or (name == OWN and one.own))
        case "guideline":
            return frozenset(one.id for one in volumes if one.guideline == name)
        case "document":
            return frozenset(one.id for one in volumes if one.id == name)
    return frozenset()


def _side(agent: Agent, query: str, vector: Vectors, choice: str) -> Side:
    volumes = shelf(agent.index)
    ids = documents_of(volumes, choice)
    if not ids:
        raise InputError(f"Nothing is here of {choice.partition(':')[2]}", remedy="Choose another from the list")
    passages: tuple[Passage, ...] = ()
    # Guidelines first, as in an answer to a clinician; a side that has none speaks by its other pages.
    for audience in ("clinician", ""):
        found = search(
            agent.index, query, embedder=agent.embedder, filters=Filters(documents=ids, audience=audience), k=K,
            per_document=K, vector=vector,
        )  # fmt: skip
        passages = tuple(hit.passage for hit in bears(query, found.hits, agent))
        if passages:
            break
    foreign = any(one.id in ids and one.language != detect(query, None) for one in volumes)
    return Side(choice, passages, tuple(nearest(query, passages)), len(ids), foreign)


def _told(query: str, side: Side) -> list[_Told]:
    """The side's sentences that share most with the question, most first."""
    found = [
        _Told(text, passage.heading, passage.language) for passage in side.passages for text in sentences(passage.text)
    ]
    worth = worths(query, [(f"{each.heading}\n{each.text}", each.language) for each in found])
    ranked = sorted(range(len(found)), key=lambda place: -worth[place])
    return list(dict.fromkeys(found[place] for place in ranked))[:_READ]


def _pairs(left: list[_Told], right: list[_Told]) -> tuple[Pair, ...]:
    """For each sentence of the left its nearest of the right, where both speak of the same thing in other numbers."""
    words = {each: content(f"{each.heading} {each.text}") for each in (*left, *right)}
    found: list[Pair] = []
    for one in left:
        near = [(_alike(words[one], words[other]), -place) for place, other in enumerate(right)]
        alike, place = max(near, default=(0.0, 0))
        if alike < _ALIKE or one.text == right[-place].text:
            continue
        pair = _differing(one.text, right[-place].text)
        if pair is not None:
            found.append(pair)
    return tuple(found[:_PAIRS])


def _alike(one: set[str], other: set[str]) -> float:
    """The share of the shorter one's content words that both hold."""
    return len(one & other) / max(_FEW, min(len(one), len(other)))


def _differing(left: str, right: str) -> Pair | None:
    one, other = measured(left), measured(right)
    units = {unit for _, unit in one} & {unit for _, unit in other}
    mine, theirs = _only(one, other, units), _only(other, one, units)
    return Pair(left, right, mine, theirs) if mine and theirs else None


def measured(text: str) -> frozenset[tuple[str, str]]:
    """The numbers of a text that have a unit, as (number, unit)."""
    pairs = (each.partition(" ")[::2] for each in quantities(text))
    return frozenset((number, unit) for number, unit in pairs if unit)


def _only(mine: frozenset[tuple[str, str]], theirs: frozenset[tuple[str, str]], units: set[str]) -> tuple[str, ...]:
    """What only the first holds, in units that both use; 14 days and 2 weeks are the same."""
    known = {_canonical(*each) for each in theirs}
    return tuple(
        f"{number} {unit}"
        for number, unit in sorted(mine, key=_place)
        if unit in units and _canonical(number, unit) not in known
    )


def _numbers(left: Sequence[str], right: Sequence[str]) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """By kind, the numbers with a unit that only one side's sentences hold; kinds of which both hold the same are left out."""
    sides = [frozenset[tuple[str, str]]().union(*map(measured, texts)) for texts in (left, right)]
    known = [{_canonical(*each) for each in side} for side in sides]
    rows = []
    for kind, units in _KINDS.items():
        only = [
            tuple(
                f"{number} {unit}"
                for number, unit in sorted(side, key=_place)
                if unit in units and _canonical(number, unit) not in other
            )
            for side, other in ((sides[0], known[1]), (sides[1], known[0]))
        ]
        if any(only):
            rows.append((kind, only[0], only[1]))
    return tuple(rows)


def _canonical(number: str, unit: str) -> tuple[float, str]:
    return (round(float(number) * HOURS[unit], 6), "hour") if unit in HOURS else (float(number), unit)


def _place(each: tuple[str, str]) -> tuple[str, float]:
    return each[1], float(each[0])
