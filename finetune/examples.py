"""A training example: what was asked, the passages shown, the answer, and whence it comes; JSON lines, one object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from agent.prompts import prompts, render_answer
from agent.types import Audience, Language
from knowledge.errors import InputError
from knowledge.types import Passage

ExampleKind = Literal["grounded", "not_found", "refusal", "false_premise", "emergency", "intake"]
Split = Literal["train", "validation", "test"]
KINDS: tuple[str, ...] = get_args(ExampleKind)
SPLITS: tuple[str, ...] = get_args(Split)
LANGUAGES: tuple[str, ...] = get_args(Language)
AUDIENCES: tuple[str, ...] = get_args(Audience)
_DECLINED = {"en": "I CANNOT HELP WITH THAT", "zh": "这个我不能帮忙"}
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as the example keeps it; its key is its place, counted from 1."""

    id: str
    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """One question and the answer to learn.

    `topic` is the library's id that decides the split. `origin` is "library", "written" or "loaded:NAME". `chat` holds the
    messages of a loaded conversation, which has no passages of ours (the last is the assistant's); else it is empty.
    """

    id: str
    kind: ExampleKind
    language: Language
    audience: Audience
    topic: str
    question: str
    passages: tuple[Shown, ...]
    answer: str
    origin: str
    licence: str
    split: Split = "train"
    chat: tuple[tuple[str, str], ...] = ()


def passage_of(shown: Shown, language: Language, document: str = "") -> Passage:
    """The passage with what prompt and checker read of it; its sources are in the library, not in the example."""
    return Passage(
        id=shown.id,
        document=document,
        title=shown.title,
        heading=shown.heading,
        text=shown.text,
        language=language,
        sources=(),
    )


def prompt(example: Example) -> tuple[dict[str, str], ...]:
    """The messages before the answer, rendered by what the agent serves with."""
    if example.chat:
        return tuple({"role": role, "content": content} for role, content in example.chat[:-1])
    return render_answer(
        example.question,
        [passage_of(shown, example.language, example.topic) for shown in example.passages],
        language=example.language,
        audience=example.audience,
    )


def messages(example: Example) -> tuple[dict[str, str], ...]:
    """`prompt` and the answer as the assistant's turn."""
    return (*prompt(example), {"role": "assistant", "content": example.answer})


def declined(language: Language) -> str:
    """The constant a refusal begins with, as the prompts have it."""
    return prompts(language).get("declined", _DECLINED[language])


def read_examples(path: str | Path) -> list[Example]:
    """The examples of a file.

    Raises:
        InputError: no such file, an empty one, or a line that is no example; names file, line and field.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file} is not there", expected="examples, one JSON object a line", remedy=_REMEDY)
    found = [example_of(row, where=f"{file}, line {number}") for number, row in json_lines(file)]
    if not found:
        raise InputError(f"{file} holds no example", expected="one JSON object a line", remedy=_REMEDY)
    return found


def json_lines(file: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Line numbers from 1 and the objects on them; blank lines are passed over.

    Raises:
        InputError: not UTF-8, or a line that is no JSON object.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 (byte {error.start})", remedy="Save it as UTF-8") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{file}, line {number}: not JSON ({error.msg} at character {error.pos})",
                expected="one object a line",
                remedy="Correct or remove the line",
            ) from error
        if not isinstance(row, dict):
            raise InputError(
                f"{file}, line {number}: {type(row).__name__} instead of an object",
                expected='one object a line, {"question": ...}',
                remedy="Correct or remove the line",
            )
        yield number, row


def example_of(row: Mapping[str, Any], *, where: str) -> Example:
    """The example in an object.

    Raises:
        InputError: a field is missing or has another form; `where` and the field are named.
    """
    chat = _chat(row["messages"], where) if "messages" in row else ()
    passages = row.get("passages", [])
    if not isinstance(passages, list):
        raise _fault(where, "passages", "a list of passages")
    shown = tuple(_shown(item, place, where) for place, item in enumerate(passages, 1))
    return Example(
        id=_text(row, "id", where),
        kind=cast(ExampleKind, _one_of(row, "kind", KINDS, where)),
        language=cast(Language, _one_of(row, "language", LANGUAGES, where)),
        audience=cast(Audience, _one_of(row, "audience", AUDIENCES, where)),
        topic=_text(row, "topic", where, empty=bool(chat)),
        question=_text(row, "question", where, empty=bool(chat)),
        passages=shown,
        answer=_text(row, "answer", where) if "answer" in row or not chat else chat[-1][1],
        origin=_text(row, "origin", where),
        licence=_text(row, "licence", where),
        split=cast(Split, _one_of(row, "split", SPLITS, where)),
        chat=chat,
    )


def as_row(example: Example) -> dict[str, Any]:
    """The object that `example_of` reads."""
    row = asdict(example)
    chat = row.pop("chat")
    if chat:
        row["messages"] = [{"role": role, "content": content} for role, content in chat]
    return row


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write to a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(
        "".join(json.dumps(as_row(example), ensure_ascii=False) + "\n" for example in examples), encoding="utf-8"
    )
    os.replace(part, path)


_REMEDY = "Build the examples with: anamnesis finetune data"


def _text(row: Mapping[str, Any], field: str, where: str, *, empty: bool = False) -> str:
    value = row.get(field, "" if empty else None)
    if not isinstance(value, str) or not (empty or value.strip()):
        raise _fault(where, field, "text" if field in row else "the field, with text")
    return value


def _one_of(row: Mapping[str, Any], field: str, allowed: Sequence[str], where: str) -> str:
    value = _text(row, field, where)
    if value not in allowed:
        raise _fault(where, f"{field} {value!r}", f"one of {', '.join(allowed)}")
    return value


def _shown(item: object, place: int, where: str) -> Shown:
    if not isinstance(item, dict):
        raise _fault(where, f"passages[{place}]", "an object with id, title, heading and text")
    for field in ("id", "title", "heading", "text"):
        if not isinstance(item.get(field), str) or (field != "heading" and not item[field].strip()):
            raise _fault(where, f"passages[{place}].{field}", "text")
    return Shown(item["id"], item["title"], item["heading"], item["text"])


def _chat(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise _fault(where, "messages", "two messages or more")
    for place, item in enumerate(value, 1):
        if not isinstance(item, dict) or item.get("role") not in _ROLES or not isinstance(item.get("content"), str):
            raise _fault(where, f"messages[{place}]", f"an object with role ({', '.join(_ROLES)}) and content")
    if value[-1]["role"] != "assistant" or not value[-1]["content"].strip():
        raise _fault(where, f"messages[{len(value)}]", "the assistant's answer last")
    return tuple((item["role"], item["content"]) for item in value)


def _fault(where: str, field: str, expected: str) -> InputError:
    return InputError(f"{where}: field {field} is not usable", expected=expected, remedy="Correct or remove the line")
