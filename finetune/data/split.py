"""Which split a topic falls in: a hash of its name, the two languages and near-synonym pages of one subject together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from finetune.data.topics import Topic
from finetune.examples import Split
from retrieval.types import Embedder

_TRAIN, _VALIDATION = 80, 10
"""Per cent of the groups; the rest tests."""


def groups(topics: Sequence[Topic], embedder: Embedder) -> dict[str, str]:
    """Topic to the name of its group.

    A Chinese page goes with the English page nearest to it by meaning, and an English page with a related one that it names
    as another name of its own subject.
    """
    parent = {topic.id: topic.id for topic in topics}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(one: str, two: str) -> None:
        first, second = sorted((root(one), root(two)))
        parent[second] = first

    english = [topic for topic in topics if topic.language == "en"]
    chinese = [topic for topic in topics if topic.language == "zh"]
    if english and chinese:
        scores = (
            embedder.passages([_told(topic) for topic in chinese])
            @ embedder.passages([_told(topic) for topic in english]).T
        )
        for topic, row in zip(chinese, scores, strict=True):
            join(topic.id, english[int(row.argmax())].id)
    titles = {name.lower(): topic.id for topic in english for name in topic.names[:1]}
    for topic in english:
        for name in topic.names[1:]:
            other = titles.get(name.lower())
            if other in topic.related:
                join(topic.id, other)
    return {topic.id: root(topic.id) for topic in topics}


def splits(topics: Sequence[Topic], embedder: Embedder, *, seed: int) -> Mapping[str, Split]:
    """Topic to split: 80 per cent train, 10 validation, 10 test, by a seeded hash of the group's name."""
    found: dict[str, Split] = {}
    for topic, group in groups(topics, embedder).items():
        place = int(hashlib.sha256(f"{seed} {group}".encode()).hexdigest()[:8], 16) % 100
        found[topic] = "train" if place < _TRAIN else "validation" if place < _TRAIN + _VALIDATION else "test"
    return found


def _told(topic: Topic) -> str:
    return ", ".join((topic.title, *topic.names[:3], *topic.clinical[:2]))
