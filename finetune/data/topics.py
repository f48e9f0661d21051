"""The library as drafts are made from it: topics with the names people use, their parts, and the sentences of each part."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from agent.types import Language
from agent.verify import points_back
from knowledge.chunk import passages as passages_of
from knowledge.chunk import sentences
from knowledge.errors import InputError
from knowledge.markdown import read_topic
from knowledge.sources.library import LIBRARY, topic_files
from knowledge.types import Document, Passage

_STEP = re.compile(r"^(?:[-*•]\s*)?(?:Step \d+:\s*|第[一二三四五六七八九十\d]+步[：:，]\s*)?")
_LEANS = re.compile(
    r"^(?:This|These|Those|That|It|They|He|She|Some(?! people)|Others?|Such|Both|Here|There|Then|Also|So|But|And|In this|For this|"
    r"After that|The same|Either|Neither|Without (?:it|this)|Step|Let|Never|Together|Instead|Next|First,|Otherwise|If so|If not)\b"
    r"|^(?:这|那|它|他|她|其|此|也|还|有的|另外|其他|否则|但|所以|同样)"
)
_KIN = re.compile(
    r"^(?:can|cannot|can't|do|does|how|when|why|what|will|is|my|i|feel|hear|need|have|had|keep|no|not|things?)\b"
)
_PEOPLE = re.compile(r"[a-z]+ing$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the library without its bullet, and the passage that holds it."""

    text: str
    passage: Passage
    step: bool = False
    bullet: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A section: its heading, its passages and their sentences in order."""

    topic: str
    heading: str
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A page of the library. `names` are what people call it, in the page's own text; `clinical` what notes call it."""

    id: str
    kind: str
    language: Language
    title: str
    names: tuple[str, ...]
    clinical: tuple[str, ...]
    related: tuple[str, ...]
    parts: tuple[Part, ...]


def read_topics(root: Path = LIBRARY) -> tuple[Topic, ...]:
    """Every topic, English first, by file name."""
    return tuple(_topic(file) for file in topic_files(root))


def section(topics: Sequence[Topic], reference: str) -> tuple[Passage, ...]:
    """The passages behind `TOPIC#Heading`.

    Raises:
        InputError: no such topic, or no such heading in it.
    """
    name, _, heading = reference.partition("#")
    topic = next((topic for topic in topics if topic.id == name), None)
    if topic is None:
        raise InputError(
            f"passage {reference!r}: the library has no topic {name!r}", remedy="Write TOPIC#Heading as in the library"
        )
    for part in topic.parts:
        if part.heading == heading:
            return part.passages
    raise InputError(
        f"passage {reference!r}: {name} has no section {heading!r}",
        expected="; ".join(part.heading for part in topic.parts),
        remedy="Write the heading as the page has it",
    )


def stands_alone(sentence: str) -> bool:
    """Whether a sentence says what it is about, so that it can be quoted without the one before it."""
    return not points_back(sentence) and not _LEANS.match(sentence)


def name_of(topic: Topic, part: Part, chance: random.Random) -> str:
    """A name of the subject that the section itself uses, so that its answer is about what was asked."""
    heard = f"{part.heading} {part.sentences[0].text if part.sentences else ''}".lower()
    names = [name for name in topic.names if re.sub(r"^an? ", "", name.lower()) in heard]
    return chance.choice(names) if names else ""


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Words that the English library writes small inside a sentence: their capital was only that of a sentence's start."""
    found: set[str] = set()
    for file in topic_files():
        if file.parent.name == "en":
            for sentence in sentences(file.read_text(encoding="utf-8").split("\n---\n", 1)[1]):
                found.update(word for word in re.findall(r"(?<= )[a-z][a-z'-]*", sentence))
    return frozenset(found)


def small(text: str) -> str:
    """The text with a small first letter, unless its first word is a name or an abbreviation."""
    first = re.match(r"[A-Za-z'’-]+", text)
    if first is None or first[0].lower() not in ordinary_words() or (len(first[0]) > 1 and first[0].isupper()):
        return text
    return text[0].lower() + text[1:]


def _topic(file: Path) -> Topic:
    document = read_topic(file)
    meta = yaml.load(
        file.read_text(encoding="utf-8").split("---\n", 2)[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    parts = tuple(_parts(document))
    words = " ".join(
        f"{part.heading} {' '.join(sentence.text for sentence in part.sentences)}" for part in parts
    ).lower()
    lay = [str(name) for name in (meta["synonyms"] or {}).get("lay", ()) if _nameable(str(name))]
    short = _short(document.title)
    named = [_counted(name, words) for name in (*short, *lay) if name in short or words.count(name.lower()) >= 2]
    return Topic(
        id=document.id,
        kind=document.kind,
        language="zh" if document.language == "zh" else "en",
        title=document.title,
        names=tuple(dict.fromkeys(named)),
        clinical=tuple(
            str(name) for name in (meta["synonyms"] or {}).get("clinical", ()) if words.count(str(name).lower())
        ),
        related=document.related,
        parts=parts,
    )


def _parts(document: Document) -> Iterator[Part]:
    held: dict[str, list[Passage]] = {}
    for passage in passages_of(document):
        held.setdefault(passage.heading, []).append(passage)
    for heading, passages in held.items():
        yield Part(
            topic=document.id,
            heading=heading,
            passages=tuple(passages),
            sentences=tuple(
                Sentence(text, passage, step=raw.lstrip("-• ").startswith("Step "), bullet=raw.startswith("-"))
                for passage in passages
                for raw in sentences(passage.text)
                if (text := _STEP.sub("", raw).strip()) and text[-1] in ".!?。！？"
            ),
        )


def _short(title: str) -> list[str]:
    """The names in a title: without its bracket or what follows a colon; none where it joins several things."""
    name = re.split(r"[(（:：]", title)[0].strip()
    name = re.sub(r",? and other .*$", "", name)
    if re.search(r"\band\b|,|与|、|和", name):
        return []
    return [small(name)]


def _counted(name: str, text: str) -> str:
    """The name with its article where the page mostly gives it one ("a stroke"), so that a frame reads well."""
    if not name.isascii():
        return name
    low = re.escape(name.lower())
    for article in ("a", "an"):
        if len(re.findall(rf"\b{article} {low}\b", text)) * 3 > len(re.findall(rf"(?<!-)\b{low}\b(?!s)", text)):
            return f"{article} {name}"
    return name


def _nameable(name: str) -> bool:
    """Whether a name can stand after "about": a noun of at most four words, no sentence."""
    if not name.isascii():
        return len(name) <= 7 and not re.search(r"[吗？怎什多要我了]|孩子|宝宝|吃|没|不|越来", name)
    words = name.split()
    return (
        len(words) <= 3
        and not _KIN.match(name.lower())
        and not _PEOPLE.match(words[0].lower())
        and not re.search(r"\b(?:my|me|i|you|won't|not|cannot|is|are|will)\b", name.lower())
    )
