"""JSON as it lies in a run's folder: written whole or not at all, read as far as it can be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json(file: Path, row: Any) -> None:
    """Write a value, for this account alone; a reader sees the old or the new."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    part.chmod(0o600)
    os.replace(part, file)


def read_json(file: Path) -> dict[str, Any]:
    """An object; empty where there is no such file or it is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of lines; a line that is cut off, as a crash leaves it, is none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row
