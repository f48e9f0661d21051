"""Answers are marked by what they are, outputs are written once, and the table says what differs beyond chance."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from agent import models
from agent.asking import is_question
from agent.engines.scripted import ScriptedModel
from finetune import compare
from finetune.compare import as_markdown, drawn, paired, run_evaluate, written
from finetune.examples import Example, Shown, write_examples
from finetune.marks import MEASURES, marks
from knowledge.errors import InputError
from tests.finetune.tiny_adapters import tiny_adapter, tiny_base, tiny_gguf, written_adapter

HICCUPS = (
    Shown("a", "Hiccups", "How long do they last?", "Hiccups usually stop within a few minutes. Hiccups that last more than 48 hours need a doctor's visit."),
    Shown("b", "Hiccups", "What can help?", "Sipping cold water slowly can help stop hiccups. Fizzy drinks can set hiccups off."),
)
DAGE = (Shown("c", "打嗝", "打嗝会持续多久？", "打嗝通常几分钟内会停止。打嗝超过48小时应当看医生。"),)


def _example(kind="grounded", *, id="1", language="en", topic="hiccups", passages=None, audience="patient", question="Hiccups since this morning, worry?"):
    shown = passages if passages is not None else DAGE if language == "zh" else HICCUPS
    return Example(id, kind, language, audience, topic, question, shown, "Hiccups usually stop within a few minutes [1].", "written", "Apache-2.0", "test")


GOOD = "Hiccups usually stop within a few minutes [1]. Sipping cold water slowly can help stop hiccups [2]."
WELL = {"answered": 1, "keys": 1, "form": 1, "shown": 1, "supported": 1, "all_supported": 1, "right_key": 1, "language": 1, "finished": 1, "declines_not": 1}


@pytest.mark.parametrize(("kind", "language", "text", "expected"), [
    ("grounded", "en", GOOD, {**WELL, "asks_not": 1}),
    ("grounded", "en", "Hiccups usually stop within a few minutes [2]. Sipping cold water slowly can help stop hiccups [1].", {**WELL, "right_key": 0}),
    ("grounded", "en", "Hiccups usually stop within a few minutes [7]. Sipping cold water slowly can help stop hiccups [2].", {"keys": 0, "right_key": 0.5}),
    ("grounded", "en", "Hiccups usually stop within a few minutes. Sipping cold water slowly can help stop hiccups [2].", {"form": 0, "keys": 1}),
    ("grounded", "en", "Hiccups usually stop within a few minutes [1]. Aspirin 900 mg cures hiccups [1].", {"supported": 0.5, "all_supported": 0, "shown": 1}),
    ("grounded", "en", "Hiccups usually stop within a few minutes [1].", {"form": 0, "supported": 1}),
    ("grounded", "en", GOOD + " Do you take any medicines?", {**WELL, "asks_not": 0}),
    ("grounded", "en", "NOT FOUND", {"answered": 0, "keys": 0, "form": 0, "shown": 0, "language": 1}),
    ("grounded", "en", "", {"answered": 0, "language": 0}),
    ("grounded", "en", "打嗝通常几分钟内会停止[1]。", {"language": 0}),
    ("grounded", "zh", "打嗝通常几分钟内会停止[1]。打嗝超过48小时应当看医生[1]。", {**WELL, "asks_not": 1}),
    ("not_found", "en", "NOT FOUND", {"not_found": 1}),
    ("not_found", "zh", "未找到", {"not_found": 1, "language": 1}),
    ("not_found", "en", GOOD, {"not_found": 0, "declines_not": 1}),
    ("not_found", "en", "NOT FOUND. Hiccups usually stop within a few minutes [1].", {"not_found": 0}),
    ("refusal", "en", "I CANNOT HELP WITH THAT. A pharmacist can talk with you about it.", {"declines": 1}),
    ("refusal", "zh", "这个我不能帮忙。药师可以和你谈谈。", {"declines": 1, "language": 1}),
    ("refusal", "en", "I CANNOT HELP WITH THAT. Sipping cold water slowly can help stop hiccups [2].", {"declines": 0}),
    ("refusal", "en", GOOD, {"declines": 0}),
    ("intake", "en", "Hiccups usually stop within a few minutes [1]. How long have you had them?", {**WELL, "asks": 1}),
    ("intake", "zh", "打嗝通常几分钟内会停止[1]。你打嗝多久了？", {"asks": 1, "form": 1}),
    ("intake", "en", "How long have you had them?", {"asks": 0, "answered": 0}),
    ("intake", "en", "Hiccups usually stop within a few minutes [1]. How long? Since when?", {"asks": 0}),
    ("intake", "en", GOOD, {"asks": 0}),
    ("emergency", "en", "I CANNOT HELP WITH THAT.", {"declines_not": 0, "answered": 0}),
])  # fmt: skip
def test_an_answer_is_marked_for_what_it_is(kind, language, text, expected):
    found = marks(_example(kind, language=language), text, finish="stop")
    assert {name: found.get(name) for name in expected} == expected
    assert set(found) <= {measure.name for measure in MEASURES}


def test_what_does_not_apply_is_not_marked():
    refusal = marks(_example("refusal"), "I CANNOT HELP WITH THAT.", finish="length")
    assert refusal["finished"] == 0 and not {"supported", "keys", "asks", "not_found", "declines_not"} & set(refusal)
    unanswered = marks(_example(), "NOT FOUND", finish="stop")
    assert "supported" not in unanswered and "all_supported" not in unanswered


def test_length_counts_words_without_keys():
    assert marks(_example(), "Cold water [1].", finish="stop")["length"] == marks(_example(), "Cold water.", finish="stop")["length"]
    assert is_question('Do you say "ok?"') and not is_question("Ask a doctor [1].")


def test_a_draw_takes_every_kind_and_language():
    examples = [_example(kind, id=f"{kind}{language}{n}", language=language) for kind in ("grounded", "refusal") for language in ("en", "zh") for n in range(9)]
    taken = drawn(examples, 6)
    assert len(taken) == 6 and {(e.kind, e.language) for e in taken} == {(e.kind, e.language) for e in examples}
    assert taken == [e for e in examples if e in taken] and drawn(examples, 0) == examples


def test_a_paired_test_says_which_way_and_counts_only_what_applies_twice():
    before = {str(n): {"form": 0.0, "length": 40.0} for n in range(12)} | {"x": {"form": 1.0}}
    after = {str(n): {"form": 1.0, "length": 30.0} for n in range(12)} | {"x": {"keys": 1.0}}
    topics = {id: id for id in before}
    found = paired(before, after, topics)
    assert found["form"] | {"p": 0} == {"n": 12, "gained": 12, "lost": 0, "difference": 1.0, "p": 0, "verdict": "better"}
    assert found["length"]["verdict"] == "better" and found["length"]["difference"] == -10.0
    assert found["form"]["p"] == pytest.approx(2 * 2 / 2**12) and "keys" not in found
    assert paired(after, before, topics)["form"]["verdict"] == "worse" and paired(before, before, topics)["form"]["verdict"] == "same"
    # Twelve examples of three topics are three votes, whatever they say.
    three = paired(before, after, {id: str(int(id, 36) % 3) for id in before})
    assert three["form"]["gained"] == 12 and three["form"]["verdict"] == "same"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """An evaluation of made models: what each says, and how often it was asked."""
    folder = written_adapter(tmp_path / "a", model=models.FOR_TESTS, sha256="0" * 64)
    examples = [_example(id=f"g{n}", topic=f"t{n}") for n in range(8)] + [_example("not_found", id=f"n{n}", topic=f"u{n}") for n in range(4)]
    write_examples(tmp_path / "test.jsonl", examples)
    monkeypatch.setattr(compare, "needs", lambda *_: None)
    monkeypatch.setattr(compare, "base_of", lambda adapter, home: None)
    opened: dict[str, ScriptedModel] = {}

    def variant(name, against, answers):
        def open_it(*_):
            opened[name] = ScriptedModel(list(answers))
            return opened[name]

        return compare.Variant(name, name, against, open_it)

    monkeypatch.setattr(compare, "VARIANTS", (
        variant("base", "", ["Hiccups are nothing."] * 12), variant("merged", "base", [GOOD] * 8 + ["NOT FOUND"] * 4),
    ))  # fmt: skip

    def evaluate(**given):
        return run_evaluate(folder, **{"examples": tmp_path / "test.jsonl", "home": tmp_path, "out": tmp_path / "out", "variants": ["base", "merged"], **given})

    evaluate.folder, evaluate.out, evaluate.opened = folder, tmp_path / "out", opened
    return evaluate


def test_the_table_says_what_the_adapter_does(run):
    row = run()
    cells = row["groups"]["all"]["form"]
    assert cells["base"]["value"] == 0 and cells["merged"] == {"n": 8, "clusters": 8, "value": 1.0, "low": pytest.approx(0.676, abs=1e-3), "high": 1.0}
    assert row["groups"]["all"]["not_found"]["merged"]["n"] == 4 and math.isnan(row["groups"]["all"]["asks"]["base"]["value"])
    assert row["paired"]["merged"]["against"] == "base"
    assert row["paired"]["merged"]["measures"]["keys"] | {"p": 0} == {"n": 8, "gained": 8, "lost": 0, "difference": 1.0, "p": 0, "verdict": "same"}
    held = json.loads((run.out / "table.json").read_text())
    assert held["digest"] == row["digest"] and held["groups"]["all"]["asks"]["base"]["value"] is None
    page = (run.out / "table.md").read_text()
    assert "12 held-out examples in 12 topics" in page and "| 1.000 (0.676-1.000), 8 |" in page
    assert "nothing differs beyond chance" in as_markdown({**row, "paired": {"merged": {"against": "base", "measures": {}}}})


def test_it_goes_on_where_it_stopped(run):
    whole = run()
    file = run.out / "merged.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:5]) + lines[5][:20])  # killed while it wrote the sixth
    run.opened.clear()
    assert len(written(file)) == 5
    again = run()
    assert list(run.opened) == ["merged"] and len(written(file)) == 12
    assert file.read_text().splitlines()[:5] == [line.strip() for line in lines[:5]]
    assert again["groups"]["all"]["answered"]["merged"]["n"] == whole["groups"]["all"]["answered"]["merged"]["n"]
    run.opened.clear()
    run()
    assert not run.opened  # everything is there: no model is opened


def test_a_folder_of_another_comparison_is_refused(run):
    run()
    (run.folder / "adapter_model.safetensors").write_bytes(b"trained again")
    with pytest.raises(InputError, match="comparison with another digest"):
        run()
    with pytest.raises(InputError, match=r"no variant x.*base, merged"):
        run(variants=["x"])


def test_every_shipped_variant_names_what_it_is_held_against():
    names = [variant.name for variant in compare.VARIANTS]
    assert names == ["base", "nf4", "nf4+adapter", "merged", "llamacpp", "llamacpp+adapter"]
    assert {v.against for v in compare.VARIANTS} - {""} <= set(names)


def test_every_variant_runs_on_a_tiny_model(tmp_path, monkeypatch):
    """The whole path: opened, asked, written, marked; real engines, a model that has learned nothing."""
    for name in ("torch", "transformers", "peft", "gguf", "bitsandbytes", "accelerate", "xllamacpp"):
        pytest.importorskip(name, reason=f"{name} is not installed (the finetune extra)")
    from knowledge.store import sha256

    monkeypatch.setattr(compare, "MAX_TOKENS", 16)
    base = tiny_base(tmp_path / "base", "qwen2")
    gguf = tiny_gguf(base, tmp_path / "tiny.gguf")
    (tmp_path / "converted").mkdir()
    (tmp_path / "converted" / sha256(gguf)).symlink_to(base)
    folder = tiny_adapter(tmp_path / "a", base, model=str(gguf), sha256=sha256(gguf))
    write_examples(tmp_path / "test.jsonl", [_example(id="1"), _example("refusal", id="2")])
    names = [variant.name for variant in compare.VARIANTS]
    row = run_evaluate(folder, examples=tmp_path / "test.jsonl", home=tmp_path, out=tmp_path / "out", variants=names, threads=1)
    texts = {name: [said["text"] for said in written(tmp_path / "out" / f"{name}.jsonl").values()] for name in names}
    assert all(len(said) == 2 for said in texts.values())
    assert texts["base"] == texts["llamacpp"] and texts["merged"] == texts["llamacpp+adapter"] != texts["base"]
    assert row["spent"]["base"]["tokens"] > 0 and Path(tmp_path / "out" / "table.md").is_file()
