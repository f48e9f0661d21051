"""The banks: their digests, their splits, and the log of the test split."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from evals import casebank
from evals.casebank import SPLITS, digest, policy_cases, split_of, triage_cases
from knowledge.errors import KnowledgeError


def _lines(bank: str, split: str) -> list[dict[str, object]]:
    text = (casebank.FOLDER / bank / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("bank", ["triage", "policy"])
def test_every_split_is_the_file_whose_digest_was_committed(bank: str) -> None:
    committed = json.loads((casebank.FOLDER / bank / "splits.json").read_text(encoding="utf-8"))
    for split in SPLITS:
        assert digest(bank, split) == committed[split]["sha256"]
        assert len(_lines(bank, split)) == committed[split]["lines"]


def test_no_scenario_and_no_near_miss_crosses_a_split() -> None:
    home = {row["scenario"]: split for split in SPLITS for row in _lines("triage", split)}
    assert len(home) == sum(len(_lines("triage", split)) for split in SPLITS)
    for split in SPLITS:
        for row in _lines("triage", split):
            assert row["near_miss_of"] is None or home[row["near_miss_of"]] == split, row["scenario"]
    groups = {split: {row["group"] for row in _lines("policy", split)} for split in SPLITS}
    assert not groups["train"] & groups["test"] and not groups["validation"] & (groups["test"] | groups["train"])
    assert all(split_of(str(group)) == split for split, names in groups.items() for group in names)


def test_the_bank_is_large_bilingual_and_says_why() -> None:
    rows = [row for split in SPLITS for row in _lines("triage", split)]
    assert sum(len(row["en"]) + len(row["zh"]) for row in rows) >= 2000  # type: ignore[arg-type]
    assert all(row["why"] and row["accepted"] for row in rows)
    held = Counter(
        (language, text["voice"] != "note")
        for row in _lines("triage", "test")
        for language in ("en", "zh")
        for text in row[language]  # type: ignore[attr-defined]
        if row["accepted"] == ["emergency"]
    )
    assert held["en", True] >= 250 and held["zh", True] >= 250


def test_train_cases_are_twins_of_each_other_in_two_languages() -> None:
    cases = triage_cases("train")
    pairs = Counter(case.pair for case in cases)
    assert set(pairs.values()) == {2}
    assert {case.language for case in cases} == {"en", "zh"}
    assert {case.expect for case in policy_cases("train")} == {"crisis", "declined", "met"}


@pytest.mark.parametrize(("split", "least"), [("fresh", 400), ("fresh2", 300), ("fresh3", 200)])
def test_the_fresh_policy_cases_are_whole_apart_and_opened_with_a_reason(
    split: casebank.Split, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(casebank.FOLDER / "policy", tmp_path / "policy")
    monkeypatch.setattr(casebank, "FOLDER", tmp_path)
    with pytest.raises(KnowledgeError, match=f"{split} split was opened without a reason"):
        policy_cases(split)
    log = tmp_path / "policy" / "openings.jsonl"
    log.write_text("", encoding="utf-8")
    fresh = policy_cases(split, why="this test")
    assert json.loads(log.read_text(encoding="utf-8"))["split"] == split
    groups: dict[str, list[str]] = {}
    for case in fresh:
        groups.setdefault(case.group, []).append(case.language)
        assert split_of(case.group) == split and case.expect in ("crisis", "declined", "met")
    assert all(sorted(languages) == ["en", "zh"] for languages in groups.values())
    elsewhere = {case.text for split in ("train", "validation") for case in policy_cases(split)}
    assert len({case.text for case in fresh}) == len(fresh) >= least and not {case.text for case in fresh} & elsewhere
    with pytest.raises(KnowledgeError, match=f"triage has no split '{split}'"):
        shutil.copytree(Path(casebank.__file__).parent / "cases" / "triage", tmp_path / "triage")
        triage_cases(split, why="this test")


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(casebank.FOLDER / "triage", tmp_path / "triage")
    monkeypatch.setattr(casebank, "FOLDER", tmp_path)
    return tmp_path / "triage"


def test_opening_the_test_split_needs_a_reason_and_leaves_a_line(bank: Path) -> None:
    log = bank / "openings.jsonl"
    log.write_text("", encoding="utf-8")
    with pytest.raises(KnowledgeError, match="without a reason"):
        triage_cases("test")
    assert log.read_text(encoding="utf-8") == ""
    assert len(triage_cases("test", why="this test")) == 4 * len(_lines("triage", "test"))
    assert json.loads(log.read_text(encoding="utf-8"))["why"] == "this test"


def test_a_changed_case_is_refused(bank: Path) -> None:
    path = bank / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("emergency", "routine", 1), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="digest"):
        triage_cases("train")
