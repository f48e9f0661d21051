"""Questions and the passages that answer them, to teach the encoder to search: `finetune.search` trains on these.

MedQuAD's and MedlinePlus's pages, our own library's headings, Chinese questions made of the terminology's names, and
consumers' mails written for this by people who saw the subject and the question, not the bench. Pages that a row of
`make bench-retrieval` is scored on are left out: both MedQuAD samples, and every page of LiveQA's answers.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.corpora import SHARED, bench, lines, mails, medquad, medquad_samples
from evals.corpora import page as page_of
from knowledge.build import EMBEDDED, passages_of
from knowledge.terms import load_terms
from retrieval.index import embedded_text

_SHORT, _LONGEST = 12, 110
_CROWDED = frozenset({"GHR", "GARD"})
_RUN, _SHARED_RUNS = 13, 0.3
# How a Chinese reader asks what MedQuAD asks in English of a subject; {} is its Chinese name.
_CHINESE: Mapping[str, tuple[str, ...]] = {
    "information": ("{}是什么病", "什么是{}", "{}是怎么回事"),
    "symptoms": ("{}有什么症状", "得了{}会有哪些表现", "{}的早期症状"),
    "treatment": ("{}怎么治", "{}吃什么药好得快", "得了{}怎么办"),
    "inheritance": ("{}会遗传吗", "{}会遗传给孩子吗"),
    "frequency": ("{}常见吗", "得{}的人多吗"),
    "genetic changes": ("{}和什么基因有关", "{}是哪个基因的问题"),
    "causes": ("{}是什么引起的", "为什么会得{}"),
    "exams and tests": ("{}要做什么检查", "怎么查出{}"),
    "outlook": ("{}能治好吗", "得了{}能活多久"),
    "susceptibility": ("哪些人容易得{}", "{}的高危人群"),
    "prevention": ("怎么预防{}",),
    "complications": ("{}有什么并发症",),
    "research": ("{}有什么新研究",),
    "considerations": ("得了{}要注意什么",),
    "stages": ("{}怎么分期",),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a passage that answers it. Pairs of one page and unlike keys ask unlike things of it."""

    question: str
    passage: str
    page: str
    key: str
    language: str
    kind: str


def trainable(rows: Mapping[str, dict[str, Any]]) -> list[str]:
    """The keys of MedQuAD's rows that no score is measured on, nor on another of their page or on their words."""
    scored = {key for keys in medquad_samples().values() for key in keys}
    answers = [row["text"] for row in bench("retrieval_liveqa_answers")]
    urls = {found[1].rstrip("/") for text in answers if (found := re.search(r"URL: (\S+)", text))}
    runs = {run for text in answers for run in _runs(text.split("Answer:", 1)[-1])}
    pages = {page_of(key, row) for key, row in rows.items() if key in scored or row["url"].rstrip("/") in urls}
    subjects = {(row["source"], row["focus"].lower()) for key, row in rows.items() if page_of(key, row) in pages}

    def alike(row: Mapping[str, Any]) -> bool:
        own = _runs(row["answer"])
        return len(own & runs) > _SHARED_RUNS * max(1, len(own))

    return [
        key for key, row in rows.items()
        if page_of(key, row) not in pages and (row["source"], row["focus"].lower()) not in subjects and not alike(row)
    ]  # fmt: skip


def pairs(*, per_source: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(to train on, held out). At most `per_source` rows of the two largest sites.

    Raises:
        InputError: the corpora or the bench are not there.
    """
    order = random.Random(seed)
    rows = medquad()
    keys = trainable(rows)
    order.shuffle(keys)
    pages = {page_of(mail["key"], rows[mail["key"]]) for mail in mails(held=True)}
    made = [
        *_medquad(rows, keys, per_source, order),
        *_mails(rows, mails(held=False), order),
        *_plus(order),
        *_library(order),
    ]
    return [pair for pair in made if pair.page not in pages], list(_mails(rows, mails(held=True), order))


def passages_of_pages(rows: Mapping[str, dict[str, Any]], keys: Sequence[str]) -> dict[str, str]:
    """The beginning of the first answer of each page, by page: what the held-out mails are searched among."""
    found: dict[str, str] = {}
    for key in keys:
        found.setdefault(page_of(key, rows[key]), " ".join(rows[key]["answer"].split()[:75]))
    return found


def _medquad(
    rows: Mapping[str, dict[str, Any]], keys: Iterable[str], per_source: int, order: random.Random
) -> Iterator[Pair]:
    seen: Counter[str] = Counter()
    for key in keys:
        row = rows[key]
        source, page = row["source"], page_of(key, row)
        if len(row["answer"].split()) < _SHORT or (source in _CROWDED and seen[source] > per_source):
            continue
        seen[source] += 1
        asked = row["question"].replace("(are) ", "").replace(" ?", "?")
        if order.random() < 0.25:
            asked = f"{row['focus']} {row['qtype']}".lower()
        yield Pair(asked, _headed(row, order), page, key, "en", "medquad")
        name = _chinese_name(row["focus"], order)
        if name and row["qtype"] in _CHINESE:
            asked = order.choice(_CHINESE[row["qtype"]]).format(name)
            yield Pair(asked, _headed(row, order), page, key, "zh", "medquad")


def _mails(
    rows: Mapping[str, dict[str, Any]], given: Iterable[Mapping[str, str]], order: random.Random
) -> Iterator[Pair]:
    for mail in given:
        row, key = rows[mail["key"]], mail["key"]
        page = page_of(key, row)
        whole = f"{mail['subject']}\n{mail['message']}".strip()
        beginning = " ".join(row["answer"].split()[:75])
        for asked, passage in (
            (whole, _headed(row, order)), (mail["ask"], _headed(row, order)),
            (whole, beginning if order.random() < 0.5 else f"{row['focus']}. {row['question']}\n{beginning}"),
        ):  # fmt: skip
            yield Pair(asked, passage, page, key, "en", "mail")
        if mail["zh"]:
            yield Pair(mail["zh"], _headed(row, order), page, key, "zh", "mail")


def _plus(order: random.Random) -> Iterator[Pair]:
    for row in lines(SHARED / "corpora" / "medlineplus_topics.jsonl.gz"):
        if len(row["text"].split()) >= 20:
            title = row["title"]
            asked = title if order.random() < 0.5 else f"information about {title.lower()}"
            yield Pair(asked, _piece(row["text"], order), f"medlineplus:{row['id']}", "", "en", "medlineplus")


def _library(order: random.Random) -> Iterator[Pair]:
    for passage in passages_of(EMBEDDED):
        if not passage.heading or order.random() < (0.7 if passage.audience == "clinician" else 0.45):
            continue
        asked = passage.heading
        if order.random() < 0.4:
            name = order.choice([passage.title, *passage.synonyms])
            asked = f"{name} {asked}" if passage.language == "en" else f"{name}{asked}"
        text = embedded_text(passage) if order.random() < 0.5 else f"{passage.title}\n{passage.text}"
        yield Pair(asked, text, f"library:{passage.document}", "", passage.language, "library")


def _headed(row: Mapping[str, Any], order: random.Random) -> str:
    """A piece of an answer, half of the time under its subject, as an index embeds it."""
    piece = _piece(row["answer"], order)
    return piece if order.random() < 0.5 else f"{row['focus']}. {row['question']}\n{piece}"


def _piece(text: str, order: random.Random) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", text)
    words = order.choice((45, 60, 75))
    start = 0 if order.random() < 0.65 else order.randrange(len(sentences))
    taken: list[str] = []
    for sentence in sentences[start:]:
        taken += sentence.split()
        if len(taken) >= words:
            break
    return " ".join(taken[:_LONGEST])


def _chinese_name(subject: str, order: random.Random) -> str:
    """A Chinese name of a subject, where the terminology has one for all of it."""
    for mention in load_terms().find(subject):
        if mention.concept is not None and mention.concept.chinese and len(mention.text) >= 0.7 * len(subject):
            return order.choice(mention.concept.chinese)
    return ""


def _runs(text: str) -> set[int]:
    words = re.findall(r"\w+", text.lower())
    return {hash(tuple(words[at : at + _RUN])) for at in range(len(words) - _RUN + 1)}


def by_page(given: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each page."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in given:
        found[pair.page].append(pair)
    return found
