"""New cases reach the train split only whole, new, and away from what measures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from finetune import cases
from finetune.data.decontaminate import eval_sets
from knowledge.errors import InputError

HELD = "My brother keeps a rope in the boot of his car and will not say what it is for."


def _case(number: int, text: str, **given: object) -> dict[str, object]:
    row = {
        "id": f"xt-{number}", "group": f"xt-g{number // 2}", "language": "en", "expect": "met", "kind": "worry", "person": "first",
        "style": ["plain"], "text": text, "why": "a test",
    }  # fmt: skip
    return {**row, **given}


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    folder.mkdir()
    line = json.dumps(_case(0, "An old line about a cough.", group="xold")) + "\n"
    (folder / "train.jsonl").write_text(line)
    (folder / "splits.json").write_text(json.dumps({"train": {"lines": 1, "sha256": ""}, "test": {"lines": 9}}))
    held = tmp_path / "held"
    held.mkdir()
    (held / "test.jsonl").write_text(json.dumps({"text": HELD}) + "\n")
    return folder


def _add(bank: Path, *rows: dict[str, object]) -> str:
    path = bank.parent / "new.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return cases.add([path], eval_sets([("held", bank.parent / "held")]), bank=bank)


def test_clean_groups_are_added_and_the_digest_follows(bank: Path) -> None:
    told = _add(bank, _case(2, "I can't stop worrying about my cat."), _case(3, "我老担心我的猫。", language="zh"))
    data = (bank / "train.jsonl").read_bytes()
    splits = json.loads((bank / "splits.json").read_text())
    assert "2 messages of 1 groups added (met 2)" in told
    assert splits == {"train": {"lines": 3, "sha256": hashlib.sha256(data).hexdigest()}, "test": {"lines": 9}}
    assert "我老担心" in data.decode()


def test_a_group_near_an_eval_set_falls_whole(bank: Path) -> None:
    near = HELD.replace("brother", "cousin").replace("boot", "trunk")
    told = _add(bank, _case(2, near), _case(3, "他车里的绳子不知道干嘛用的。", language="zh"), _case(4, "Is a cough with a cold bad?"))
    assert "1 messages of 1 groups added" in told and "1 groups near an eval set" in told
    assert "绳子" not in (bank / "train.jsonl").read_text()


def test_what_is_there_already_is_not_added_twice(bank: Path) -> None:
    row = _case(2, "Is hiccup for a day odd?")
    assert "1 messages" in _add(bank, row)
    again = _add(bank, row, _case(4, "is HICCUP for a day odd"))
    assert "0 messages" in again and "2 messages already there" in again


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"expect": "refused"}, "expect is 'refused'"),
        ({"kind": "plan"}, "kind is 'plan'"),
        ({"language": "fr"}, "language is 'fr'"),
        ({"text": " "}, "text is ' '"),
        ({"group": "crisisa-g003"}, None),
    ],
)
def test_a_line_that_is_no_case_is_named_and_nothing_is_written(bank: Path, given: dict[str, object], named: str | None) -> None:
    before = (bank / "train.jsonl").read_bytes()
    if named is None:
        held = next(f"g{number}" for number in range(100) if cases.split_of(f"g{number}") == "test")
        given, named = {"group": held}, f"group is '{held}'"
    with pytest.raises(InputError, match=r"new\.jsonl, line 2") as fault:
        _add(bank, _case(2, "A clean line."), _case(4, "Another.", **given) if "text" not in given else _case(4, " "))
    assert named in str(fault.value)
    assert (bank / "train.jsonl").read_bytes() == before


def test_a_line_that_is_not_json_or_lacks_a_field_is_named() -> None:
    with pytest.raises(InputError, match=r"b\.jsonl, line 7 is not JSON"):
        cases.checked("{", "b.jsonl, line 7")
    with pytest.raises(InputError, match="lacks group, language"):
        cases.checked('{"id": "x"}', "b.jsonl, line 7")


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "eval_sets", lambda folders: [])
    (tmp_path / "bad.jsonl").write_text("[]\n")
    assert cases.main([str(tmp_path / "bad.jsonl")]) == 1
    assert "lacks id" in capsys.readouterr().err
