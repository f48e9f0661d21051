"""Marks of a ranking of sentences, by hand, and which examples are ranked."""

from __future__ import annotations

import json

import pytest

from evals.bench_sentences import _rows, main, ranked

PASSAGE = {"id": "1", "title": "Cold", "heading": "Help", "text": "- Rest at home and drink. - A cold is caused by a virus. - Honey may ease a cough."}


def _example(**given):
    return {"kind": "grounded", "origin": "written", "topic": "cold", "language": "en", "question": "What eases a cough?",
            "passages": [{**PASSAGE, "text": PASSAGE["text"].replace(" - ", "\n- ")}], "answer": "Honey may ease a cough [1].", **given}  # fmt: skip


def test_marks_by_hand():
    assert ranked([0.3, 0.2, 0.1], [True, False, True]) == {"precision": pytest.approx((1 + 2 / 3) / 2), "four": 1.0, "first": 1.0}
    last = ranked([5, 4, 3, 2, 1], [False, False, False, False, True])
    assert last == {"precision": pytest.approx(0.2), "four": 0.0, "first": 0.0}


def test_only_examples_with_right_and_wrong_sentences_are_ranked(tmp_path):
    file = tmp_path / "test.jsonl"
    rows = [_example(), _example(kind="not_found"), _example(answer="Nothing of it [1]."), _example(passages=[])]
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    (found,) = _rows(file)
    assert [one.text for one in found["candidates"]] == ["- Rest at home and drink.", "- A cold is caused by a virus.", "- Honey may ease a cough."]
    assert found["right"] == [False, False, True]


def test_without_examples_it_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    assert main([]) == 1 and "anamnesis finetune data" in capsys.readouterr().err


def test_both_systems_are_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    folder = tmp_path / "finetune" / "data"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        rows = [_example(), _example(origin="library", topic="flu")]
        (folder / f"{split}.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    assert main(["1"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "n    1" in line]
    assert [line.split("n    1")[0].strip() for line in lines] == [
        "tuned on, by hand", "tuned on, by hand", "test, by hand", "test, by hand", "test, from the library", "test, from the library",
    ]  # fmt: skip
