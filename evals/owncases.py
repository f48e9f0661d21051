"""Messages of an evaluator's own with the levels they accept, a JSON object a line (`eval run --suite triage -T path=FILE`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evals.casebank import Case
from knowledge.errors import InputError

LEVELS = ("emergency", "urgent", "routine", "self_care", "unclear")
_VOICES = ("patient", "carer", "note")


def read(file: Path) -> tuple[Case, ...]:
    """The cases of a file. Fields: `id`, `language` (en, zh), `text`, `accepted` (levels); optional `voice` and `why`.

    Raises:
        InputError: no such file, no case in it, or a line that is none; names the line and what is wrong with it.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(
            f"{file} cannot be read: {fault}", expected="a file of cases, one JSON object a line"
        ) from fault
    found = tuple(_case(file, number, line) for number, line in enumerate(lines, 1) if line.strip())
    if not found:
        raise InputError(f"{file} holds no case", expected='lines such as {"id", "language", "text", "accepted"}')
    if len({case.id for case in found}) < len(found):
        raise InputError(f"{file} has two cases of one id", remedy="Give each an id of its own")
    return found


def _case(file: Path, number: int, line: str) -> Case:
    where = f"{file.name}, line {number}"
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{where} is no JSON", expected="one object a line") from fault
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) and row[name] for name in ("id", "text")):
        raise InputError(f"{where} lacks id or text", expected='{"id", "language", "text", "accepted"}')
    accepted = row.get("accepted")
    if not isinstance(accepted, list) or not accepted or not all(level in LEVELS for level in accepted):
        raise InputError(f"{where}: accepted is {accepted!r}", expected=f"a list of {', '.join(LEVELS)}")
    if row.get("language") not in ("en", "zh"):
        raise InputError(f"{where}: language is {row.get('language')!r}", expected="en or zh")
    voice = row.get("voice", "patient")
    if voice not in _VOICES:
        raise InputError(f"{where}: voice is {voice!r}", expected=f"one of {', '.join(_VOICES)}")
    return Case(
        id=row["id"], scenario=row["id"], pair=row["id"], language=row["language"], voice=voice, style=(), text=row["text"],
        accepted=tuple(accepted), why=str(row.get("why", "")),
    )  # fmt: skip
