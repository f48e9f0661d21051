"""Grounded answers that a section gives: its heading in somebody's mouth, what it is about, two sections together."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from agent.types import Audience
from finetune.data.draft import Draft
from finetune.data.topics import Part, Topic, name_of, small, stands_alone
from finetune.data.voice import fill, frames
from knowledge.chunk import units
from knowledge.types import Passage

_HEADED_AS_QUESTION = re.compile(r"[?？]$")
LONGEST = 34
"""Words of the longest sentence that an answer takes whole (ten Chinese characters count as six)."""


def from_sections(topics: Sequence[Topic], *, seed: int) -> Iterator[Draft]:
    """Questions that a whole section answers: its heading in somebody's mouth, and by what it is about."""
    for topic in topics:
        for part in topic.parts:
            chance = random.Random(f"{seed} section {topic.id} {part.heading}")
            yield from _headed(topic, part, chance)
            yield from _about(topic, part, chance)
        yield from _together(topic, random.Random(f"{seed} both {topic.id}"))


def answer_of(part: Part, chance: random.Random, *, most: int, first: str = "") -> tuple[tuple[str, Passage], ...]:
    """Sentences of a section that make an answer, the one that matches `first` leading; empty where none does."""
    own = [each for each in part.sentences if units(each.text) <= LONGEST]
    alone = [each for each in own if stands_alone(each.text)]
    if part.sentences and any(each.step for each in own):
        own = alone = list(part.sentences)
        return tuple((each.text, each.passage) for each in own[:most])
    leads = [each for each in alone[:3] if not first or re.search(first, each.text, re.I)] or (
        [each for each in alone if re.search(first, each.text, re.I)] if first else []
    )
    if not leads:
        return ()
    lead = leads[0]
    rest = [each for each in alone if each is not lead]
    wanted = chance.choice((1, 2, 2, 3, 3, 4)) if most > 2 else 1
    kept = (
        sorted(chance.sample(range(len(rest)), min(len(rest), wanted)))
        if chance.random() < 0.25
        else range(min(len(rest), wanted))
    )
    return tuple((each.text, each.passage) for each in [lead, *(rest[i] for i in kept)][:most])


def _headed(topic: Topic, part: Part, chance: random.Random) -> Iterator[Draft]:
    heading = part.heading
    if not _HEADED_AS_QUESTION.search(heading) or len(heading) > 90:
        return
    audience: Audience = "clinician" if chance.random() < 0.12 else "patient"
    around = frames(topic.language)["around"]
    kind = topic.kind if chance.random() < 0.55 else "any"
    choices = around["clinician"] if audience == "clinician" else around.get(kind, around["any"])
    frame = chance.choice(choices)
    name = name_of(topic, part, chance)
    if "{n}" in frame and (not name or name.lower() in heading.lower()):
        frame = chance.choice(around["any"])
        kind = "any"
    asked = fill(frame, Q=heading, q=small(heading), n=name)
    said = answer_of(part, chance, most=4, first=_first(topic, heading))
    if said:
        yield Draft("grounded", topic.language, audience, topic.id, asked, said, f"around:{frame}")


def _about(topic: Topic, part: Part, chance: random.Random) -> Iterator[Draft]:
    name = name_of(topic, part, chance)
    medicine = topic.kind == "medicine"
    if not name:
        return
    # A section on a part of the subject does not answer a question on the whole.
    for about in frames(topic.language)["about"]:
        if not re.search(about["heading"], part.heading, re.I):
            continue
        # Only a medicine is taken, mixed or stopped; it is nothing that one gets or catches.
        if about.get("of", "") not in ("", "medicine" if medicine else "other"):
            return
        if not _on_the_whole(part.heading, about["heading"], topic, name):
            return
        said = answer_of(part, chance, most=chance.choice((3, 4, 5)), first=about["first"])
        if not said:
            return
        audience: Audience = "clinician" if chance.random() < 0.3 else "patient"
        if audience == "clinician" and topic.clinical and chance.random() < 0.3:
            held = [word for word in topic.clinical if word.lower() in f"{part.heading} {said[0][0]}".lower()]
            name = held[0] if held else name
        frame = chance.choice(about["clinician"] if audience == "clinician" else about["frames"])
        asked = fill(frame, n=name)
        yield Draft("grounded", topic.language, audience, topic.id, asked, said, f"about:{frame}")
        return


def _together(topic: Topic, chance: random.Random) -> Iterator[Draft]:
    longest = 48 if topic.language == "en" else 22
    parts = [
        part for part in topic.parts if re.fullmatch(r"[^?？]+[?？]", part.heading) and len(part.heading) < longest
    ]
    if len(parts) < 2:
        return
    one, two = chance.sample(parts, 2)
    first = answer_of(one, chance, most=2, first=_first(topic, one.heading))
    second = answer_of(two, chance, most=2, first=_first(topic, two.heading))
    if first and second:
        frame = chance.choice(frames(topic.language)["both"]["frames"])
        one_said, two_said = one.heading, two.heading
        asked = fill(frame, Q1=one_said, q1=small(one_said), Q2=two_said, q2=small(two_said))
        yield Draft("grounded", topic.language, "patient", topic.id, asked, (*first, *second), f"both:{frame}")


def _on_the_whole(heading: str, pattern: str, topic: Topic, name: str) -> bool:
    """Whether nothing but the subject and the words of its kind stand in the heading."""
    rest = re.sub(pattern, " ", heading, flags=re.I)
    for known in (name, topic.title, *(re.sub(r"^an? ", "", each) for each in topic.names)):
        rest = re.sub(re.escape(known), " ", rest, flags=re.I)
    if topic.language == "zh":
        return (
            len(re.sub(r"[，。？的要会有哪些情况时人吃得用什么怎怎么样能吗当天就看医生去请应该可以或者\s]", "", rest))
            <= 3
        )
    words = re.findall(r"[a-z]+", rest.lower())
    weak = set(
        [
            "a",
            "an",
            "the",
            "with",
            "for",
            "of",
            "i",
            "you",
            "my",
            "your",
            "can",
            "do",
            "does",
            "is",
            "are",
            "in",
            "on",
            "to",
            "have",
            "has",
            "get",
            "be",
            "it",
            "and",
            "or",
            "how",
            "what",
            "when",
            "which",
            "who",
            "will",
            "about",
            "if",
            "at",
            "now",
            "go",
            "should",
            "may",
            "most",
            "usually",
            "book",
            "visit",
            "see",
            "someone",
            "today",
            "doctor",
            "department",
            "help",
            "call",
        ]
    )
    return sum(word not in weak for word in words) <= 1


def _first(topic: Topic, heading: str) -> str:
    for about in frames(topic.language)["about"]:
        if re.search(about["heading"], heading, re.I):
            return str(about["first"])
    return ""
