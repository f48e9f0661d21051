"""Batches: order kept, bad lines in their place, stopped runs resumed."""

from __future__ import annotations

import json

import pytest

from agent.batch import run_batch
from knowledge.errors import InputError


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _upper(row):
    return {"id": row["id"], "text": row["text"].upper()}


def test_every_line_has_its_result_in_its_place(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text(
        '{"id": 1, "text": "a"}\nnot json\n\n{"id": "x"}\n{"text": "no id"}\n{"id": 2, "text": 5}\n[1]\n{"id": 3, "text": "咳"}\n',
        encoding="utf-8",
    )
    assert run_batch(str(source), str(target), _upper, identity="t") == 5
    rows = _lines(target)
    assert [row["id"] for row in rows] == [1, None, "x", None, 2, None, 3]
    assert rows[0] == {"id": 1, "text": "A"} and rows[6]["text"] == "咳"
    assert all(set(row["error"]) == {"type", "message"} for row in rows if "error" in row)
    assert "Line 2 is not JSON" in rows[1]["error"]["message"]
    assert not list(tmp_path.glob("*.part*"))


def test_an_error_of_the_work_stands_in_its_place_and_the_run_goes_on(tmp_path):
    def work(row):
        if row["id"] == 2:
            raise InputError("bad", remedy="mend")
        return row

    source = tmp_path / "in"
    source.write_text("".join(json.dumps({"id": i, "text": "x"}) + "\n" for i in (1, 2, 3)))
    assert run_batch(str(source), str(tmp_path / "out"), work, identity="t") == 1
    rows = _lines(tmp_path / "out")
    assert rows[1]["error"] == {"type": "InputError", "message": "bad. mend."} and rows[2]["id"] == 3


def test_a_stopped_run_goes_on_where_it_was_and_another_input_begins_again(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text("".join(json.dumps({"id": i, "text": "x"}) + "\n" for i in range(5)))
    done = []

    def work(row):
        if row["id"] == 3 and len(done) == 3:
            done.append("stop")
            raise KeyboardInterrupt
        done.append(row["id"])
        return {"id": row["id"]}

    with pytest.raises(KeyboardInterrupt):
        run_batch(str(source), str(target), work, identity="t")
    assert not target.exists(), "nothing half-written under the final name"
    run_batch(str(source), str(target), work, identity="t")
    assert done == [0, 1, 2, "stop", 3, 4]
    assert [row["id"] for row in _lines(target)] == [0, 1, 2, 3, 4]
    run_batch(str(source), str(target), work, identity="another")
    assert len(_lines(target)) == 5


def test_input_that_cannot_be_read_and_output_that_cannot_be_written_are_said(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        run_batch(str(tmp_path / "none"), str(tmp_path / "out"), _upper, identity="t")
    source = tmp_path / "in"
    source.write_text('{"id": 1, "text": "a"}\n')
    with pytest.raises(InputError, match="cannot be written"):
        run_batch(str(source), str(tmp_path / "no" / "folder"), _upper, identity="t")


def test_lone_surrogates_and_binary_are_answered_in_their_place(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b'{"id": 1, "text": "a\\ud800b"}\n\xff\xfe\x00binary\n')
    assert run_batch(str(source), str(target), _upper, identity="t") == 1
    rows = _lines(target)
    assert rows[0]["text"] == "A\ud800B" and "error" in rows[1]
