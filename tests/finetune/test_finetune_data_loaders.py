"""Layouts that people have, and conversations that were reviewed and consented to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finetune.collect import run_collect
from finetune.data.loaders import load
from finetune.examples import Example, Shown, read_examples, write_examples
from knowledge.errors import InputError

ROWS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": "Is it flu?", "input": "I have a cough.", "output": "It may be."},
    "sharegpt": {"conversations": [{"from": "human", "value": "Is it flu?"}, {"from": "gpt", "value": "It may be."}, {"from": "human", "value": "Thanks"}]},
    "medqa": {"question": "Which one?", "options": {"A": "aspirin", "B": "insulin"}, "answer_idx": "B", "answer": "insulin"},
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_layout_is_read(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_text(json.dumps([ROWS[name]] if suffix == ".json" else ROWS[name]))
    [found] = load(name, path, licence="MIT")
    assert found.origin == f"loaded:{name}" and found.licence == "MIT" and found.chat[-1] == ("assistant", found.answer)
    assert found.answer == {"alpaca": "It may be.", "sharegpt": "It may be.", "medqa": "B. insulin"}[name]
    write_examples(tmp_path / "out.jsonl", [found])
    assert read_examples(tmp_path / "out.jsonl") == [found]


@pytest.mark.parametrize(
    ("name", "row", "named"),
    [
        ("alpaca", {"instruction": "x"}, "output"),
        ("alpaca", {"output": "x"}, "instruction"),
        ("sharegpt", {"conversations": []}, "conversations"),
        ("sharegpt", {"conversations": [{"from": "bot", "value": "x"}]}, r"conversations\[1\].from"),
        ("sharegpt", {"conversations": [{"from": "human", "value": "x"}]}, "conversations"),
        ("medqa", {"question": "x", "options": {"A": "1"}}, "options"),
        ("medqa", {"question": "x", "options": {"A": "1", "B": "2"}, "answer_idx": "C"}, "answer_idx"),
    ],
)
def test_a_line_without_the_layouts_fields_is_named(tmp_path: Path, name: str, row: dict[str, Any], named: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(ROWS[name]) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(InputError, match=rf"line 2: field {named}"):
        load(name, path, licence="MIT")


def test_an_unknown_layout_no_licence_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("")
    for name, licence, said in (("csv", "MIT", "no layout"), ("alpaca", " ", "licence was not said"), ("alpaca", "MIT", "holds no example")):
        with pytest.raises(InputError, match=said):
            load(name, path, licence=licence)


PASSAGE = {"id": "p", "title": "Gout", "heading": "What is gout?", "text": "Gout is a kind of arthritis. Gout often starts in the big toe."}


def conversation(**changed: Any) -> dict[str, Any]:
    return {
        "conversation": "c1",
        "consent": {"training": True, "on": "2026-11-01"},
        "review": {"by": "Dr Example", "verdict": "approved"},
        "turns": [
            {"role": "user", "text": "I am Mary Johnson, mary.johnson@example.org. What is gout?"},
            {"role": "assistant", "text": "Gout is a kind of arthritis [1].", "passages": [PASSAGE]},
        ],
    } | changed


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_only_consented_and_reviewed_conversations_are_taken_and_redacted_again(tmp_path: Path) -> None:
    export = written(
        tmp_path / "export.jsonl",
        conversation(),
        conversation(conversation="c2", consent={"training": False, "on": "2026-11-01"}),
        conversation(conversation="c3", consent={"training": True}),
        conversation(conversation="c4", review=None),
        conversation(conversation="c5", review={"by": "Dr Example", "verdict": "rejected"}),
        conversation(conversation="c6", review={"by": "Dr Example", "verdict": "corrected"}),
        conversation(
            conversation="c7", review={"by": "Dr Example", "verdict": "corrected", "answer": "Gout often starts in the big toe [1]."},
            turns=[{"role": "user", "text": "Where does gout start?"}, {"role": "assistant", "text": "In the ear [1].", "passages": [PASSAGE]}],
        ),
        conversation(conversation="c8", turns=[{"role": "user", "text": "Dose?"}, {"role": "assistant", "text": "Take 900 mg [1].", "passages": [PASSAGE]}]),
    )  # fmt: skip
    found = run_collect(export, tmp_path / "new.jsonl", replay=0)
    assert [each.id for each in found.examples] == ["collected-c1", "collected-c7"]
    assert found.examples[1].answer == "Gout often starts in the big toe [1]."
    assert "Johnson" not in found.examples[0].question and "@" not in found.examples[0].question and found.identifiers >= 2
    assert found.left_out == {
        "corrected without the corrected answer": 1, "its answer has not the form of an answer: unsupported": 1,
        "no consent to training": 2, "no review": 1, "not approved by the review": 1,
    }  # fmt: skip
    assert read_examples(tmp_path / "new.jsonl") == list(found.examples)


def test_old_examples_are_mixed_in(tmp_path: Path) -> None:
    shown = (Shown(PASSAGE["id"], PASSAGE["title"], PASSAGE["heading"], PASSAGE["text"]),)
    old = [
        Example(f"o{number}", "grounded", "en", "patient", "gout", f"Old question {number}?", shown, "Gout is a kind of arthritis [1].", "library", "Apache-2.0")
        for number in range(5)
    ]  # fmt: skip
    write_examples(tmp_path / "old.jsonl", old)
    export = written(tmp_path / "export.jsonl", conversation())
    found = run_collect(export, tmp_path / "new.jsonl", old=tmp_path / "old.jsonl", replay=0.75)
    assert found.replayed == 3 and len(read_examples(tmp_path / "new.jsonl")) == 4
    for share, named in ((0.5, None), (1.0, tmp_path / "old.jsonl")):
        with pytest.raises(InputError):
            run_collect(export, tmp_path / "x.jsonl", old=named, replay=share)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no conversation"),
        ("{", "line 1: not JSON"),
        (json.dumps({"consent": {}}), "line 1: field conversation"),
        (json.dumps(conversation(turns="x")), "line 1: field turns"),
    ],
)
def test_an_export_that_is_not_usable_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        run_collect(path, tmp_path / "out.jsonl", replay=0)
