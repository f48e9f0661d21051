"""Emergencies: the danger in somebody's mouth, the page's own words on it first; from the library's signs and our case bank."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from evals.casebank import Case, triage_cases
from finetune.data.draft import Draft
from finetune.data.show import Finder
from finetune.data.topics import Part, Sentence, Topic, stands_alone
from finetune.data.vectors import vectors_of
from finetune.data.voice import about_kin, capital, fill, frames, mine, mine_chinese, one_of
from knowledge.chunk import units
from knowledge.types import Passage
from retrieval.tokenize import tokens

_NOW = re.compile(
    r"^(?:Call (?:an ambulance|your emergency number)|Go to (?:an emergency department|hospital|your maternity unit)|"
    r"Get emergency (?:help|care|eye care))"
    r"(?:,? or (?:call|go|get|take)[^,.]{3,40}?)? ?(?:now|at once|right away|straight away)?,? (if|for) (.+)\.$"
)
_ZH_NOW = re.compile(
    r"^(.{4,44}?)，(?:请|要)?(?:立即|马上)(?:拨打急救电话|叫救护车|去(?:儿科|产科|眼科|妇科|医院)?急诊|去急诊|去医院|去产科).{0,14}。$"
)
_NEAREST = {"en": 0.905, "zh": 0.90}
"""The least cosine between what a case tells (or its brief) and the sign that answers it; chosen by reading the pairs around it."""
_WORDS = 36


def from_signs(topics: Sequence[Topic], *, seed: int) -> Iterator[Draft]:
    """A draft from each sign that calls for an ambulance, with at most two more sentences of its page."""
    for topic in topics:
        for part in topic.parts:
            for sentence in part.sentences:
                if sentence.step or units(sentence.text) > _WORDS:
                    continue
                chance = random.Random(f"{seed} emergency {topic.id} {sentence.text}")
                said = frames(topic.language)["sentence"]
                question = frame = ""
                if found := _NOW.match(sentence.text):
                    what = one_of(re.sub(r", as .*$|, because .*$|, even .*$|\. .*$", "", found[2]), chance)
                    if len(what.split()) > 18:
                        continue
                    clause = about_kin(mine(what))
                    frame = chance.choice(said["emergency_if" if found[1] == "if" else "emergency_for"])
                    question = fill(frame, c=clause, C=capital(clause), x=clause, X=capital(clause))
                elif found := _ZH_NOW.match(sentence.text):
                    frame = chance.choice(said["emergency_if"])
                    question = fill(frame, c=mine_chinese(found[1]))
                if question:
                    more = after(topic, part, sentence, chance)
                    yield Draft(
                        "emergency", topic.language, "patient", topic.id, question,
                        ((sentence.text, sentence.passage), *more), f"sentence:{frame}",
                    )  # fmt: skip


def from_cases(topics: Sequence[Topic], finder: Finder, *, seed: int, most: int) -> Iterator[Draft]:
    """Messages of the case bank's training split that need help now, where a page names the very danger they tell of."""
    by_id = {topic.id: topic for topic in topics}
    for language in ("en", "zh"):
        told: dict[str, Case] = {}
        for case in triage_cases("train"):
            if case.language == language and case.accepted == ("emergency",) and case.own_words and not case.of_mind:
                kept = told.get(case.scenario)
                if 30 < len(case.text) < 420 and (kept is None or _order(case, seed) < _order(kept, seed)):
                    told[case.scenario] = case
        found: list[tuple[float, Case, Topic, Part, Sentence]] = []
        for case in sorted(told.values(), key=lambda case: _order(case, seed))[: most * 2]:
            best = _sign(case, by_id, finder)
            if best and best[0] >= _NEAREST[language]:
                found.append((best[0], case, *best[1:]))
        for _, case, topic, part, sentence in sorted(found, key=lambda row: -row[0])[:most]:
            chance = random.Random(f"{seed} case {case.id}")
            yield Draft(
                "emergency", topic.language, "patient", topic.id, case.text,
                ((sentence.text, sentence.passage), *after(topic, part, sentence, chance)[:1]), f"case:{case.scenario}",
            )  # fmt: skip


def after(topic: Topic, part: Part, sentence: Sentence, chance: random.Random) -> tuple[tuple[str, Passage], ...]:
    """What to do meanwhile: first steps and don'ts of the page that share a word with the sign, at most two."""
    said = set(tokens(sentence.text))
    common = {word for name in (topic.title, *topic.names) for word in tokens(name)}
    found: list[tuple[float, int, Sentence]] = []
    for other in topic.parts:
        doing = re.search(
            r"first aid|step|what to do|not to do|while you wait|第一步|怎么做|不要做|怎么处理|等救护车",
            other.heading,
            re.I,
        )
        for each in other.sentences:
            if (
                each.text == sentence.text
                or units(each.text) > 26
                or not stands_alone(each.text)
                or _NOW.match(each.text)
                or _ZH_NOW.match(each.text)
            ):
                continue
            shared = {word for word in set(tokens(each.text)) & said if len(word) > 3 or not word.isascii()}
            score = len(shared - common) + 0.2 * len(shared) + (1.0 if doing else 0.0)
            if (
                re.match(r"Book|See|Ask|Tell|Get help today|Call a doctor", each.text)
                or "当天" in each.text
                or "预约" in each.text
            ):
                continue
            if score >= 2.0 and len(shared - common) >= (1 if doing else 2):
                found.append((-score, len(found), each))
    kept = sorted(found)[: chance.choice((0, 1, 1, 2))]
    return tuple((each.text, each.passage) for *_, each in kept)


def _order(case: Case, seed: int) -> float:
    return random.Random(f"{seed} {case.id}").random()


def _sign(case: Case, topics: dict[str, Topic], finder: Finder) -> tuple[float, Topic, Part, Sentence] | None:
    near = finder.near(case.brief or case.text, case.language, most=8)
    signs = [
        (topics[passage.document], part, sentence)
        for passage in {passage.document: passage for passage in near if passage.document in topics}.values()
        for part in topics[passage.document].parts
        for sentence in part.sentences
        if (_NOW.match(sentence.text) or _ZH_NOW.match(sentence.text)) and units(sentence.text) <= _WORDS
    ]
    if not signs:
        return None
    told = case.brief if case.brief and case.language == "en" else case.text
    vectors = vectors_of([told, *(sentence.text for *_, sentence in signs)], finder.embedder)
    scores = vectors[1:] @ vectors[0]
    best = int(scores.argmax())
    return (float(scores[best]), *signs[best])
