"""Our own cases, split by scenario; opening a test split leaves a line in its log.

`evals/cases/triage` and `evals/cases/policy` each hold `train`, `validation` and `test.jsonl`, `splits.json` with their
SHA-256 digests, and `openings.jsonl`. Which split a group of near-misses belongs to follows from its name alone
(`split_of`), so a paraphrase never crosses. The test split is for reporting: nothing may be tuned on it. Of policy there
are `fresh`, `fresh2` and `fresh3` too, written when the test split, and then each other, had been opened, by writers who had
seen nothing of ours. Of triage there is `chatty`, everyday talk around a complaint: a quarter of its scenarios, drawn by a
hash of their names; the others train. Scenarios named `aside-` are such talk that validates.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import KnowledgeError

Split = Literal["train", "validation", "test", "fresh", "fresh2", "fresh3", "chatty"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_UNSEEN = ("test", "fresh", "fresh2", "fresh3")
FOLDER = Path(__file__).parent / "cases"
_GRAVE = re.compile(r"suicid|self-harm|overdose|psychosis|anorexi|bulimi|abuse|violence|strangl|assault", re.IGNORECASE)
_MARK = re.compile(r"⟦(?P<kind>[A-Z]+):(?P<value>[^⟦⟧]+)⟧")
_TEST, _VALIDATION = 42, 13
"""Per cent of the scenarios; the rest trains."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message to triage. `pair` is shared by the message's twin in the other language, which tells the same facts.

    `accepted` are levels; `voice` is patient, carer or note (a clinician's); `why` gives the reason for the level,
    `brief` the facts in one sentence.
    """

    id: str
    scenario: str
    pair: str
    language: Literal["en", "zh"]
    voice: str
    style: tuple[str, ...]
    text: str
    accepted: tuple[str, ...]
    why: str
    brief: str = ""

    @property
    def own_words(self) -> bool:
        """Whether a patient or a carer speaks."""
        return self.voice != "note"

    @property
    def of_mind(self) -> bool:
        """Whether it may be about self-harm or violence: what policy says of it does not follow from its level."""
        return self.scenario.startswith("mental-") or "-mind-" in self.scenario or bool(_GRAVE.search(self.why))


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One message to decide on. `expect` is crisis, declined or met (neither); `kind` says which sort of it, `person` whose trouble
    it is (first, third)."""

    id: str
    group: str
    language: Literal["en", "zh"]
    expect: str
    kind: str
    style: tuple[str, ...]
    text: str
    person: str = ""


def triage_cases(split: Split, *, why: str = "") -> tuple[Case, ...]:
    """The cases of a split. `why` is needed for the test split and is logged.

    Raises:
        KnowledgeError: a test split opened without a reason, or a file that is not the one committed.
    """
    found = []
    for row in _rows("triage", split, why):
        for language in ("en", "zh"):
            for number, text in enumerate(row[language], 1):
                found.append(
                    Case(
                        id=f"{row['scenario']}-{language}-{number}",
                        scenario=row["scenario"],
                        pair=f"{row['scenario']}-{number}",
                        language=language,
                        voice=text["voice"],
                        style=tuple(text["style"]),
                        text=text["text"],
                        accepted=tuple(row["accepted"]),
                        why=row["why"],
                        brief=row.get("brief", ""),
                    )
                )
    return tuple(found)


def policy_cases(split: Split, *, why: str = "") -> tuple[PolicyCase, ...]:
    """The policy cases of a split; as `triage_cases`."""
    return tuple(
        PolicyCase(
            id=row["id"],
            group=row["group"],
            language=row["language"],
            expect=row["expect"],
            kind=row["kind"],
            style=tuple(row["style"]),
            text=row["text"],
            person=row.get("person", ""),
        )
        for row in _rows("policy", split, why)
    )


@dataclass(frozen=True, slots=True)
class Marked:
    """A message in which everything that points at a person is marked: from, to (code points), and the type of each, in order."""

    id: str
    group: str
    language: str
    text: str
    marks: tuple[tuple[int, int, str], ...]


def identifier_cases(split: Split, *, why: str = "") -> tuple[Marked, ...]:
    """The messages with marked identifiers of a split; as `triage_cases`."""
    return tuple(
        unmarked(row["id"], row["group"], row["language"], row["text"]) for row in _rows("identifiers", split, why)
    )


def unmarked(id_: str, group: str, language: str, told: str) -> Marked:
    """A message told with marks ("ask ⟦NAME:Bukky⟧"), as the text and the places of the marks."""
    pieces: list[str] = []
    marks: list[tuple[int, int, str]] = []
    length = at = 0
    for match in _MARK.finditer(told):
        pieces += [told[at : match.start()], match["value"]]
        length += match.start() - at
        marks.append((length, length + len(match["value"]), match["kind"]))
        length += len(match["value"])
        at = match.end()
    return Marked(id_, group, language, "".join([*pieces, told[at:]]), tuple(marks))


def split_of(group: str) -> Split:
    """The split of a group of scenarios: a hash of its name, so that nobody chooses.

    Names that begin with x were written later, when the test split was closed, and only train; some say what they are for.
    """
    if group.startswith("x"):
        return "train"
    own: dict[str, Split] = {"fresh": "fresh", "fresh2": "fresh2", "fresh3": "fresh3", "aside": "validation"}
    if (series := group.partition("-")[0]) in own:
        return own[series]
    place = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) % 100
    if place < _TEST:
        return "test"
    return "validation" if place < _TEST + _VALIDATION else "train"


def digest(bank: str, split: Split) -> str:
    """SHA-256 of a split's file."""
    return hashlib.sha256((FOLDER / bank / f"{split}.jsonl").read_bytes()).hexdigest()


def _rows(bank: str, split: Split, why: str) -> Iterator[dict[str, Any]]:
    committed = json.loads((FOLDER / bank / "splits.json").read_text(encoding="utf-8"))
    if split not in committed:
        raise KnowledgeError(f"{bank} has no split {split!r}", expected=", ".join(committed))
    if digest(bank, split) != committed[split]["sha256"]:
        raise KnowledgeError(
            f"{bank}/{split}.jsonl is not the file whose digest was committed",
            expected=committed[split]["sha256"],
            remedy="restore it with git; a case is corrected only together with its line in splits.json",
        )
    if split in _UNSEEN:
        if not why:
            raise KnowledgeError(
                f"The {bank} {split} split was opened without a reason",
                expected="why=...",
                remedy=f"Use train or validation; the {split} split is for reporting only",
            )
        line = {"opened": datetime.now(UTC).isoformat(timespec="seconds"), "why": why}
        if split != "test":
            line["split"] = split
        with (FOLDER / bank / "openings.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
    with (FOLDER / bank / f"{split}.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)
