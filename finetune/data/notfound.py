"""Not found: passages that come near the question and do not answer it, by three ways, each with its own test of that."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from agent import verify
from agent.generate import fit
from agent.prompts import prompts
from agent.types import Audience, Language
from finetune.data.draft import Draft
from finetune.data.show import COUNTER, Finder
from finetune.data.topics import Topic
from finetune.data.voice import capital, fill
from knowledge.types import Passage

_FILE = Path(__file__).parent / "frames" / "absent.toml"
_SIDES = {
    "en": {
        "how long": r"\b(?:\d+|few|several|two|three) (?:to \d+ )?(?:hours?|days?|weeks?|months?|years?)\b|\blasts?\b",
        "test|diagnos|found": r"\btests?\b|\bscans?\b|\bX-ray|\bswab|\bsample|\bcheck\b|diagnos|examine",
        "catch|contag|spread|infectious": r"spread|catch|contag|infect|pass (?:it )?on",
        "pregnan|breastf": r"pregnan|breastfe|womb|unborn",
        "child|bab": r"\bchild|\bbab(?:y|ies)|toddler|teen",
        "alcohol": r"alcohol|\bdrink|beer|wine",
        "eat|food|diet": r"\beat|food|diet|meal|drink",
        "side effect": r"side effect|can cause|make you|allerg|may feel|sick",
        "miss": r"\bmiss(?:ed)?\b|forg[eo]t",
        "prevent": r"prevent|avoid|lower the (?:risk|chance)|vaccin|stop it",
    },
    "zh": {
        "多久|几天": r"\d+(?:到\d+)?(?:天|周|个月|年|小时)|几天|几周|[一两三]周",
        "检查|怎么查|化验": r"查|验|拍片|B超|测",
        "传染": r"传染|传播|传给|感染",
        "孕|喂奶": r"孕|喂奶|哺乳|母乳|胎",
        "孩子|宝宝|儿童": r"孩子|宝宝|婴|儿童|小孩|岁",
        "喝酒|酒": r"酒",
        "吃什么|饮食|忌口": r"吃|饮食|食物|喝",
        "副作用": r"副作用|引起|过敏|不舒服|恶心",
        "漏": r"漏|忘",
        "预防": r"预防|避免|接种|疫苗",
    },
}  # fmt: skip
_QUOTED_ENOUGH = 0.35


def from_others(
    drafts: Sequence[Draft], topics: Sequence[Topic], finder: Finder, *, seed: int, most: int
) -> Iterator[Draft]:
    """Answerable questions whose page is kept away: what else the search brings must not bear the answer out."""
    by_id = {topic.id: topic for topic in topics}
    for language in ("en", "zh"):
        pool = [draft for draft in drafts if draft.language == language and draft.kind == "grounded"]
        made = 0
        for draft in random.Random(f"{seed} others {language}").sample(pool, len(pool)):
            if made >= (most if language == "en" else most // 2):
                break
            topic = by_id[draft.topic]
            near = finder.near(draft.question, language, most=10)
            chance = random.Random(f"{seed} others {draft.question}")
            side = next(
                (
                    cue
                    for heading, cue in _SIDES[language].items()
                    if re.search(heading, draft.said[0][1].heading, re.I)
                ),
                "",
            )
            same_page = chance.random() < 0.6 and side
            if same_page:
                # The right page's other sections, none of which speaks of what was asked.
                own = [
                    passage
                    for part in topic.parts
                    for passage in part.passages
                    if not re.search(side, f"{passage.heading}\n{passage.text}", re.I)
                ]
                left = [
                    *chance.sample(own, min(len(own), 2)),
                    *(
                        each
                        for each in near
                        if each.document not in (topic.id, *topic.related) and not re.search(side, each.text, re.I)
                    ),
                ]
            else:
                left = [each for each in near if each.document != topic.id and not _of_the_same(each, topic)]
            shown = _some(left, draft.question, finder, chance)
            if shown and not _answers(draft, shown, finder):
                made += 1
                yield _none(draft.question, language, draft.audience, draft.topic, shown, draft.mould)


def from_sides(topics: Sequence[Topic], finder: Finder, *, seed: int, most: int) -> Iterator[Draft]:
    """A side of a subject that no page has: its price, its history, the best hospital for it."""
    for language in ("en", "zh"):
        pool = [
            topic
            for topic in topics
            if topic.language == language and topic.names and topic.kind not in ("first-aid", "mental-health")
        ]
        chance = random.Random(f"{seed} sides {language}")
        for topic in chance.sample(pool, min(most, len(pool))):
            side = chance.choice(_table()["side"])
            question = capital(fill(chance_frame := chance.choice(side[language]), n=chance.choice(topic.names)))
            left = [
                each
                for each in finder.near(question, language, most=8)
                if not re.search(side[f"never_{language}"], f"{each.heading} {each.text}", re.I)
            ]
            shown = _some(left, question, finder, chance)
            if shown:
                yield _none(question, language, "patient", topic.id, shown, f"side:{chance_frame}")


def from_subjects(topics: Sequence[Topic], finder: Finder, *, seed: int) -> Iterator[Draft]:
    """Subjects the library lacks; what comes near them is shown."""
    for language in ("en", "zh"):
        library = " ".join(
            f"{topic.title} {part.heading} {passage.text}".lower()
            for topic in topics if topic.language == language for part in topic.parts for passage in part.passages
        )  # fmt: skip
        chance = random.Random(f"{seed} subjects {language}")
        table = _table()["subjects"]
        for name, asks in (
            *((name, f"ask_{language}") for name in table[language]),
            *((name, f"ask_things_{language}") for name in table[f"things_{language}"]),
        ):
            if re.sub(r"^an? ", "", name.lower()) in library:
                continue
            voiced: list[tuple[str, Audience]] = [(asked, "patient") for asked in chance.sample(table[asks], 2)]
            if chance.random() < 0.5 and asks == f"ask_{language}":
                voiced.append((chance.choice(table[f"ask_clinician_{language}"]), "clinician"))
            for asked, audience in voiced:
                question = capital(fill(asked, n=name))
                shown = _some(list(finder.near(question, language, most=8)), question, finder, chance)
                if shown:
                    yield _none(question, language, audience, shown[0].document, shown, f"subject:{asked}")


def _none(
    question: str, language: str, audience: Audience, topic: str, shown: tuple[Passage, ...], mould: str
) -> Draft:
    spoken: Language = "zh" if language == "zh" else "en"
    return Draft(
        "not_found", spoken, audience, topic, question, (), mould, opening=prompts(spoken)["not_found"], shown=shown
    )


def _some(left: Sequence[Passage], question: str, finder: Finder, chance: random.Random) -> tuple[Passage, ...]:
    unique = list({passage.id: passage for passage in left}.values())[: chance.choice((1, 2, 2, 3, 3, 4))]
    chance.shuffle(unique)
    return fit(unique, question, model=COUNTER, budget=finder.settings.passage_tokens) if unique else ()


def _of_the_same(passage: Passage, topic: Topic) -> bool:
    """Whether a passage is of a related page, or speaks of the same subject under any of its names."""
    text = f"{passage.title} {passage.heading} {passage.text} {' '.join(passage.synonyms)}".lower()
    names = [re.sub(r"^an? ", "", name.lower()) for name in (topic.title, *topic.names)]
    return passage.document in topic.related or any(name in text for name in names)


def _answers(draft: Draft, shown: Sequence[Passage], finder: Finder) -> bool:
    """Whether what is shown bears out a sentence of the true answer."""
    return any(verify.check(text, shown, draft.language, least=_QUOTED_ENOUGH).supported for text, _ in draft.said[:1])


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
