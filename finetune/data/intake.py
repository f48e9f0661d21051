"""Intake: what holds for everybody, cited, then one question after the fact that the page's own conditions turn on."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from finetune.data.draft import Draft
from finetune.data.singles import words
from finetune.data.topics import Sentence, Topic, stands_alone
from finetune.data.voice import capital, fill
from knowledge.chunk import units

_FILE = Path(__file__).parent / "frames" / "intake.toml"
_GENERAL = re.compile(
    r"at home|myself|what (?:can )?helps?\b|how long|treated|^what (?:is|are) [^,]{3,30}\?$|used for|for\?"
    r"|在家|缓解|护理|多久|怎么治|是什么|怎么办",
    re.I,
)
_DECIDES = re.compile(
    r"ambulance|today|book a visit|emergency|who (?:should|must)|check|careful|pregnan|children|救护车|当天|哪些人|孕|孩子|急诊",
    re.I,
)


_WHO = re.compile(r"who|should|check|careful|pregnan|breastfe|mix|other medicines|哪些人|孕|喂奶|一起|能和", re.I)
_USE = re.compile(r"^what (?:is|are)|used for|\bfor\?|是什么|治什么", re.I)


def from_topics(topics: Sequence[Topic], *, seed: int) -> Iterator[Draft]:
    """Questions that leave out a fact on which a page's advice turns; at most three a topic."""
    facts = _table()["fact"]
    for topic in topics:
        chance = random.Random(f"{seed} intake {topic.id}")
        found = [fact for fact in facts if topic.kind in fact.get("of", (topic.kind,))]
        made = 0
        for fact in chance.sample(found, len(found)):
            draft = _draft(topic, fact, chance)
            if draft and made < 3:
                made += 1
                yield draft


def _draft(topic: Topic, fact: dict[str, Any], chance: random.Random) -> Draft | None:
    language = topic.language
    deciding = [
        sentence
        for part in topic.parts
        if _DECIDES.search(part.heading)
        for sentence in part.sentences
        if re.search(fact[f"marks_{language}"], sentence.text, re.I)
        and _usable(sentence, 30)
        and not re.match(r"Tell\b", sentence.text)
        and (topic.kind != "medicine" or _WHO.search(part.heading))
    ]
    general = [
        sentence
        for part in topic.parts
        if (_USE if topic.kind == "medicine" else _GENERAL).search(part.heading)
        and not re.search(r"ambulance|today|visit|救护车|当天|挂什么科", part.heading, re.I)
        for sentence in part.sentences[:3]
        if _usable(sentence, 24) and not re.search(fact[f"marks_{language}"], sentence.text, re.I)
    ]
    common = {word for name in (topic.title, *topic.names) for word in words(name)}
    general = [each for each in general if words(each.text) & common]
    names = [name for name in topic.names if not re.search(fact[f"known_{language}"], name, re.I)]
    if topic.kind == "medicine":
        names = names[:1]
    if fact["id"] == "pregnant" and (topic.kind == "pregnancy" or re.search("产|孕|经", topic.title)):
        return None
    if not deciding or not general or not names:
        return None
    child = fact["id"] == "child-age"
    if child and not re.search(fact[f"about_{language}"], f"{topic.title} {deciding[0].text}", re.I):
        return None
    kind = "child" if child else topic.kind if topic.kind in ("medicine", "symptom") else "condition"
    if topic.kind in ("first-aid", "mental-health") or (child and topic.kind == "medicine"):
        return None
    frame = chance.choice(
        [each for each in _table()["ask"][f"{kind}_{language}"] if not re.search(fact[f"known_{language}"], each, re.I)]
        or [""]
    )
    if not frame:
        return None
    question = capital(fill(frame, n=chance.choice(names)))
    kept = [chance.choice(general), chance.choice(deciding)]
    if chance.random() < 0.35 and len(general) > 1:
        kept.insert(1, chance.choice([each for each in general if each is not kept[0]]))
    said = tuple(dict.fromkeys((each.text, each.passage) for each in kept))
    return Draft(
        "intake",
        language,
        "patient",
        topic.id,
        question,
        said,
        f"intake:{frame}",
        closing=chance.choice(fact[f"asks_{language}"]),
    )


def _usable(sentence: Sentence, most: int) -> bool:
    return not sentence.step and units(sentence.text) <= most and stands_alone(sentence.text)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
