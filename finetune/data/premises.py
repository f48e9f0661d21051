"""False premises: beliefs of our own catalogue taken for granted in a question, and "do nots" of the library turned round."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence

from agent import verify
from agent.beliefs import PATH
from finetune.data.draft import Draft
from finetune.data.patterns import DONT, ZH_DONT, ZH_WHEN
from finetune.data.show import Finder
from finetune.data.singles import Make, words
from finetune.data.topics import Topic, small, stands_alone
from finetune.data.voice import frames, mine
from knowledge.chunk import sentences, units
from knowledge.types import Passage

_LEADS = {"en": ("No, ", "That is not right: "), "zh": ("不是这样，", "不是的，")}
"""What an answer begins with: of nine tried on 20 sentences of each language, those that the agent's checker never minds."""


def from_beliefs(topics: Sequence[Topic], finder: Finder, *, seed: int) -> Iterator[Draft]:
    """Beliefs whose correction a passage of the library bears out; what the library does not say is left out."""
    parts = {topic.id: topic for topic in topics}
    for line in PATH.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for language in ("en", "zh"):
            passages = [
                passage
                for passage in finder.near(
                    f"{row[f'belief_{language}']} {row[f'correction_{language}']}", language, most=6
                )
                if passage.document in parts
            ]
            said = _supported(row[f"correction_{language}"], passages, language)
            if not said or said[0][2] != 0:
                continue
            for number, question in enumerate(row[f"takes_{language}"]):
                chance = random.Random(f"{seed} belief {row['id']} {language} {number}")
                first, passage, _ = said[0]
                lead = chance.choice(_LEADS[language])
                text = f"{lead}{small(first)}" if language == "en" else f"{lead}{first}"
                yield Draft(
                    "false_premise", language, "patient", passage.document, question,
                    ((text, passage), *((more, where) for more, where, _ in said[1:3])), f"belief:{row['id']}",
                )  # fmt: skip


def from_donts(topics: Sequence[Topic], *, seed: int) -> Iterator[Draft]:
    """What a page says not to do, believed by the asker to be right; the page's next sentences say what to do instead."""
    for topic in topics:
        said = frames(topic.language)["sentence"]
        for part in topic.parts:
            for sentence in part.sentences:
                if units(sentence.text) > 34 or not stands_alone(sentence.text):
                    continue
                chance = random.Random(f"{seed} dont {topic.id} {sentence.text}")
                make = Make(topic, part, sentence, chance)
                if topic.language == "en" and (found := DONT.match(sentence.text)):
                    verb, _, clause = found[1].partition(" if ")
                    verb = mine(
                        re.split(
                            r", (?:as|because|since|even|which|unless|but|so)\b| because | unless | until | without ",
                            verb,
                        )[0]
                    )
                    if (
                        clause
                        or " or " in verb
                        or "," in verb
                        or not 3 <= len(verb.split()) <= 10
                        or re.match(r"stop|take (?:more|any)|miss", verb)
                    ):
                        continue
                    drafts = make.asked(said["believed"], lead=chance.choice(_LEADS["en"]), v=verb)
                elif (
                    (found := ZH_DONT.match(sentence.text))
                    and ZH_WHEN.search(found[1])
                    and not found[1].endswith("的人")
                ):
                    drafts = make.asked(said["believed"], c=found[1], v=found[2])
                else:
                    continue
                for draft in drafts:
                    if len(draft.said) > 1:
                        yield Draft(
                            "false_premise",
                            topic.language,
                            "patient",
                            topic.id,
                            draft.question,
                            draft.said,
                            draft.mould,
                        )


def _supported(correction: str, passages: Sequence[Passage], language: str) -> list[tuple[str, Passage, int]]:
    """The correction's sentences that a passage bears out, with it and their place."""
    found: list[tuple[str, Passage, int]] = []
    for place, text in enumerate(sentences(correction)):
        if not stands_alone(text) or len(words(text)) < 3:
            continue
        if place and not found:
            break
        for piece in (text, text.split("; ")[0].rstrip(".") + "." if "; " in text else ""):
            verdict = verify.check(piece, passages, language, least=0.75) if piece and passages else None  # type: ignore[arg-type]
            if verdict and verdict.supported:
                found.append((piece, passages[verdict.passage], place))
                break
    return found
