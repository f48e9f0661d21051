"""Messages that an evaluator saves as cases: redacted, with the level they should get, in one file of the home."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from agent.app.bench.written import read_lines
from agent.language import detect
from agent.privacy import Redactor
from evals.owncases import LEVELS
from knowledge.errors import InputError


def own_file(home: Path) -> Path:
    """Where they lie; `anamnesis eval run --suite triage -T path=FILE` reads it."""
    return home / "evals" / "cases" / "own.jsonl"


def save(home: Path, message: str, accepted: Sequence[str], why: str) -> str:
    """Save a message with the levels that are right for it, and return its id. What identifies a person is taken out of both.

    Raises:
        InputError: there is no message or no level, or it is saved already.
    """
    if not message.strip():
        raise InputError("There is no message", remedy="Write one")
    if not accepted or not all(level in LEVELS for level in accepted):
        raise InputError("No level was named", expected=f"one or more of {', '.join(LEVELS)}")
    redactor = Redactor(date.today())
    safe, reason = redactor.redact(message.strip()), redactor.redact(why.strip())
    id = f"own-{hashlib.sha256(safe.text.encode('utf-8', 'replace')).hexdigest()[:12]}"
    row = {
        "id": id, "language": detect(safe.text, None), "text": safe.text,
        "accepted": [level for level in LEVELS if level in accepted], "voice": "patient", "why": reason.text,
    }  # fmt: skip
    file = own_file(home)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        if any(each.get("id") == id for each in read_lines(file)):
            raise InputError("This message is saved already", remedy="Change its line in the file, or leave it")
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return id
