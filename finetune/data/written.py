"""Examples that people wrote for this project: passages named as TOPIC#Heading are looked up in the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune.data.draft import Draft
from finetune.data.topics import Topic, section
from finetune.examples import AUDIENCES, KINDS, LANGUAGES, json_lines
from knowledge.errors import InputError
from knowledge.types import Passage

FOLDER = Path(__file__).parents[1] / "written"
_FIELDS = ("id", "kind", "language", "audience", "topic", "question", "answer")


def files(folder: Path = FOLDER) -> list[Path]:
    """The files of written examples, in a stable order."""
    return sorted(folder.glob("*/*.jsonl"))


def from_files(topics: Sequence[Topic], paths: Sequence[Path]) -> Iterator[tuple[Draft, str]]:
    """Each example as a draft, with its answer as it was written (keys included).

    Raises:
        InputError: a line or field that is not usable, or a reference that the library does not have; all are named.
    """
    seen: dict[str, str] = {}
    for path in paths:
        for number, row in json_lines(path):
            where = f"{path}, line {number}"
            _checked(row, where)
            if row["id"] in seen:
                raise InputError(
                    f"{where}: field id {row['id']!r} was used in {seen[row['id']]}", remedy="Give each its own"
                )
            seen[row["id"]] = where
            shown = tuple(passage for each in row["passages"] for passage in _looked_up(topics, each, where))
            yield Draft(
                kind=row["kind"], language=row["language"], audience=row["audience"], topic=row["topic"], question=row["question"],
                said=(), mould=f"written:{row['id']}", shown=shown, origin="written", id=row["id"],
            ), row["answer"]  # fmt: skip


def _looked_up(topics: Sequence[Topic], reference: str, where: str) -> tuple[Passage, ...]:
    try:
        return section(topics, reference)
    except InputError as fault:
        raise InputError(
            f"{where}: field passages: {fault.wrong}", expected=fault.expected, remedy=fault.remedy
        ) from fault


def _checked(row: dict[str, Any], where: str) -> None:
    for field in _FIELDS:
        if not isinstance(row.get(field), str) or not row[field].strip():
            raise InputError(f"{where}: field {field} is not usable", expected="text", remedy="Correct the line")
    for field, allowed in (("kind", KINDS), ("language", LANGUAGES), ("audience", AUDIENCES)):
        if row[field] not in allowed:
            raise InputError(
                f"{where}: field {field} is {row[field]!r}",
                expected=f"one of {', '.join(allowed)}",
                remedy="Correct the line",
            )
    passages = row.get("passages")
    if not isinstance(passages, list) or not all(isinstance(each, str) and "#" in each for each in passages):
        raise InputError(
            f"{where}: field passages is not usable", expected='a list of "TOPIC#Heading"', remedy="Correct the line"
        )
