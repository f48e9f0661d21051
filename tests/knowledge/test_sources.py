"""Sources: the JSONL format keeps every row, and says which line is wrong."""

from __future__ import annotations

import json

import pytest

from knowledge.build import passages_of
from knowledge.errors import InputError
from knowledge.sources import open_source


def _write(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows) + "\n")
    return f"jsonl:{path}"


def test_no_row_is_dropped_and_ids_stay_as_they_are(tmp_path):
    rows = [
        {"id": "a/1 b", "title": "T", "text": "Some text.", "url": "https://x.org", "source": "X", "published": "2020-05-01"},
        {"id": 7, "text": "Numbers are ids too."},
        {"id": "a/1 b", "title": "T", "text": "Some text."},
        {"id": "title-only", "title": "Only a title", "text": ""},
        {"id": "zh", "text": "感冒多喝水，多休息。"},
    ]
    spec = _write(tmp_path / "rows.jsonl", [*rows, ""])
    documents = list(open_source(spec))
    assert [document.id for document in documents] == ["a/1 b", "7", "a/1 b", "title-only", "zh"]
    assert [document.language for document in documents] == ["en", "en", "en", "en", "zh"]
    assert documents[0].sources[0].organisation == "X" and documents[0].sources[0].year == 2020
    assert {passage.document for passage in passages_of([spec])} == {"a/1 b", "7", "title-only", "zh"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("not json", "line 2 is not JSON"),
        ({"text": "no id"}, "line 2 has no id"),
        ({"id": "x", "text": ["a", "list"]}, "line 2: text is not a string"),
        ({"id": "x"}, "line 2 .* neither title nor text"),
        ("[1, 2]", "line 2 has no id"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path, row, said):
    spec = _write(tmp_path / "rows.jsonl", [{"id": "ok", "text": "fine"}, row])
    with pytest.raises(InputError, match=said):
        list(open_source(spec))


@pytest.mark.parametrize(("spec", "said"), [("nothing", "No source is called"), ("jsonl", "needs a path"), ("jsonl:/no/such", "not a file")])
def test_an_unknown_source_says_what_there_is(spec, said):
    with pytest.raises(InputError, match=said):
        list(open_source(spec))
