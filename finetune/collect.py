"""Learning goes on: reviewed, consented conversations become examples, redacted again, mixed with a share of the old data."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from agent.language import detect
from agent.prompts import prompts
from agent.types import Language
from finetune.data import clean, form
from finetune.examples import Example, Shown, declined, json_lines, read_examples, write_examples
from knowledge.errors import InputError

_VERDICTS = ("approved", "corrected")


@dataclass(frozen=True, slots=True)
class Collected:
    """What was taken, what was mixed in, and why conversations or answers were not taken."""

    examples: tuple[Example, ...]
    replayed: int
    identifiers: int
    left_out: dict[str, int]


def run_collect(
    export: str | Path, out: str | Path, *, old: str | Path | None = None, replay: float = 0.5, seed: int = 7
) -> Collected:
    """Read an export, write `out`, and return what was taken; `replay` is the share of old examples in the result.

    A line: {"conversation", "consent": {"training": true, "on": date}, "review": {"by", "verdict", "answer"?}, "turns": [{"role",
    "text", "passages"?, "language"?, "audience"?, "topic"?, "kind"?}]}. The last user's turn before the last answer is the
    question; its passages stand in the answer's turn. Nothing is taken without consent to training and a review.

    Raises:
        InputError: a file that is not usable (file, line and field are named), nothing to take, or a share outside 0 to 0.95.
    """
    if not 0 <= replay <= 0.95:
        raise InputError(f"replay is {replay}", expected="0 to 0.95, the share of old examples", remedy="Try 0.5")
    if replay and old is None:
        raise InputError(
            "a share of old data was asked for, but no old data was named", remedy="Name it, or set replay to 0"
        )
    path = Path(export)
    if not path.is_file():
        raise InputError(f"{path} is not there", remedy="Export reviewed conversations first")
    left: Counter[str] = Counter()
    taken: list[Example] = []
    found = 0
    lines = 0
    for number, row in json_lines(path):
        lines += 1
        example, why, spans = _example(row, f"{path}, line {number}")
        found += spans
        if example is None:
            left[why] += 1
        else:
            taken.append(example)
    if not lines:
        raise InputError(f"{path} holds no conversation", expected="one JSON object a line", remedy="Check the export")
    fresh, fell = clean.unique(taken)
    left["asked twice"] += fell["exact"] + fell["near"]
    again = _replayed(fresh, old, replay, seed)
    write_examples(Path(out), [*fresh, *again])
    return Collected(tuple(fresh), len(again), found, {why: count for why, count in sorted(left.items()) if count})


def _example(row: dict[str, Any], where: str) -> tuple[Example | None, str, int]:
    """The example of a conversation, or why there is none, and the identifiers that were found."""
    if not isinstance(row.get("conversation"), str) or not row["conversation"]:
        raise _fault(where, "conversation", "its id")
    consent, review = row.get("consent"), row.get("review")
    if not isinstance(consent, dict) or consent.get("training") is not True or not _day(consent.get("on")):
        return None, "no consent to training", 0
    if not isinstance(review, dict) or not str(review.get("by") or "").strip():
        return None, "no review", 0
    if review.get("verdict") not in _VERDICTS:
        return None, "not approved by the review", 0
    turns = row.get("turns")
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and isinstance(turn.get("text"), str) for turn in turns
    ):
        raise _fault(where, "turns", "a list of objects with role and text")
    last = next((i for i in range(len(turns) - 1, 0, -1) if turns[i].get("role") == "assistant"), None)
    asked = next((i for i in range((last or 0) - 1, -1, -1) if turns[i].get("role") == "user"), None)
    if last is None or asked is None:
        return None, "no question with an answer", 0
    answer = review.get("answer") if review["verdict"] == "corrected" else turns[last]["text"]
    if not isinstance(answer, str) or not answer.strip():
        return None, "corrected without the corrected answer", 0
    reply = turns[last]
    passages = reply.get("passages", [])
    if not isinstance(passages, list) or not all(
        isinstance(each, dict) and all(isinstance(each.get(field), str) for field in ("id", "title", "heading", "text"))
        for each in passages
    ):
        raise _fault(where, f"turns[{last + 1}].passages", "objects with id, title, heading and text")
    question = turns[asked]["text"]
    language = reply.get("language") or detect(question, None)
    language = "zh" if language == "zh" else "en"
    audience = "clinician" if reply.get("audience") == "clinician" else "patient"
    example = Example(
        id=f"collected-{row['conversation']}", kind=_kind(answer, language), language=language, audience=audience,  # type: ignore[arg-type]
        topic=str(reply.get("topic") or "collected"), question=question,
        passages=tuple(Shown(each["id"], each["title"], each["heading"], each["text"]) for each in passages),
        answer=answer.strip(), origin="loaded:collected", licence="consented conversation",
    )  # fmt: skip
    safe, found = clean.redacted(example)
    if why := form.fault(safe):
        return None, f"its answer has not the form of an answer: {re.sub(r': .*', '', why)}", found
    return safe, "", found


def _kind(answer: str, language: str) -> str:
    spoken: Language = "zh" if language == "zh" else "en"
    if answer.strip() == prompts(spoken)["not_found"]:
        return "not_found"
    if answer.startswith(declined(spoken)):
        return "refusal"
    return "intake" if re.search(r"[?？]$", answer.strip()) else "grounded"


def _replayed(fresh: Sequence[Example], old: str | Path | None, share: float, seed: int) -> list[Example]:
    if not fresh or old is None or not share:
        return []
    before = read_examples(old)
    wanted = min(len(before), round(len(fresh) * share / (1 - share)))
    return [replace(example, split="train") for example in random.Random(seed).sample(before, wanted)]


def _day(value: object) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _fault(where: str, field: str, expected: str) -> InputError:
    return InputError(f"{where}: field {field} is not usable", expected=expected, remedy="Correct or remove the line")
