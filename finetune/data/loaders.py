"""Data that people have: Alpaca, ShareGPT and MedQA files in their public layouts, read as examples."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from finetune.examples import Example, json_lines
from knowledge.errors import InputError

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}
_HAN = re.compile(r"[㐀-鿿]")


def load(name: str, path: Path, *, licence: str) -> list[Example]:
    """The examples of a file in the layout `name` ("alpaca", "sharegpt" or "medqa").

    Raises:
        InputError: an unknown layout, no licence, an empty file, or a line that does not have the layout's fields.
    """
    reader = _LAYOUTS.get(name)
    if reader is None:
        raise InputError(
            f"{name!r} is no layout", expected=f"one of {', '.join(_LAYOUTS)}", remedy="Name the file's layout"
        )
    if not licence.strip():
        raise InputError(f"{path}: its licence was not said", remedy="Give the licence that the data came with")
    if not path.is_file():
        raise InputError(f"{path} is not there", remedy="Check the path")
    found = [
        _example(messages, name, licence, place)
        for place, row in enumerate(_rows(path), 1)
        for messages in [
            reader(row[1], f"{path}, line {row[0]}" if path.suffix == ".jsonl" else f"{path}, item {row[0]}")
        ]
    ]
    if not found:
        raise InputError(f"{path} holds no example", expected=f"rows in the layout of {name}", remedy="Check the file")
    return found


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix == ".jsonl":
        yield from json_lines(path)
        return
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise InputError(
            f"{path} is not JSON: {fault}", expected="a list of objects", remedy="Check the file"
        ) from fault
    if not isinstance(rows, list):
        raise InputError(f"{path} holds {type(rows).__name__}", expected="a list of objects", remedy="Check the file")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(
                f"{path}, item {number}: {type(row).__name__}", expected="an object", remedy="Correct the item"
            )
        yield number, row


def _alpaca(row: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    asked = "\n".join(part for part in (_text(row, "instruction", where), str(row.get("input") or "").strip()) if part)
    return (("user", asked), ("assistant", _text(row, "output", where)))


def _sharegpt(row: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns:
        raise _fault(where, "conversations", "a list of turns")
    found = []
    for number, turn in enumerate(turns, 1):
        role = _ROLES.get(str(turn.get("from", ""))) if isinstance(turn, dict) else None
        if role is None:
            raise _fault(where, f"conversations[{number}].from", f"one of {', '.join(_ROLES)}")
        found.append((role, _text(turn, "value", f"{where}, turn {number}")))
    while found and found[-1][0] != "assistant":
        found.pop()
    if not any(role == "user" for role, _ in found):
        raise _fault(where, "conversations", "a question and an answer to it")
    return tuple(found)


def _medqa(row: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    options = row.get("options")
    if isinstance(options, list):
        options = {str(each.get("key")): each.get("value") for each in options if isinstance(each, dict)}
    if not isinstance(options, dict) or len(options) < 2:
        raise _fault(where, "options", 'two or more, {"A": "..."}')
    key = row.get("answer_idx")
    if key not in options:
        raise _fault(where, "answer_idx", f"one of {', '.join(options)}")
    shown = "\n".join(f"{name}. {text}" for name, text in options.items())
    return (("user", f"{_text(row, 'question', where)}\n{shown}"), ("assistant", f"{key}. {options[key]}"))


_LAYOUTS: dict[str, Callable[[dict[str, Any], str], tuple[tuple[str, str], ...]]] = {
    "alpaca": _alpaca, "sharegpt": _sharegpt, "medqa": _medqa,
}  # fmt: skip


def _example(messages: tuple[tuple[str, str], ...], name: str, licence: str, place: int) -> Example:
    asked = " ".join(text for role, text in messages if role == "user")
    mark = hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:12]
    return Example(
        id=f"loaded-{name}-{place}-{mark}",
        kind="grounded",
        language="zh" if len(_HAN.findall(asked)) * 4 > len(asked) else "en",
        audience="clinician" if name == "medqa" else "patient",
        topic="",
        question="",
        passages=(),
        answer=messages[-1][1],
        origin=f"loaded:{name}",
        licence=licence,
        chat=messages,
    )


def _text(row: dict[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise _fault(where, field, "text")
    return value.strip()


def _fault(where: str, field: str, expected: str) -> InputError:
    return InputError(f"{where}: field {field} is not usable", expected=expected, remedy="Correct or remove it")
