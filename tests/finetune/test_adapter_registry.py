"""What may serve, what may not and why; and that what was promoted is what is loaded."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner

from agent import models
from agent.active import adapter_digest, read_active, worn
from agent.config import load
from finetune import registry
from finetune.cli import finetune_group
from knowledge.errors import ConfigError, InputError, StoreError, WeightsError
from knowledge.store import sha256
from tests.finetune.tiny_adapters import written_adapter

BASE = models.find(models.FOR_TESTS)
TOLD = {"home": None, "weights": BASE.sha256, "name": BASE.name}


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def _adapter(home, name="tiny", *, weights=b"weights", carded=True, exported=True, **more):
    folder = written_adapter(home / "adapters" / name, model=BASE.id, sha256=BASE.sha256, weights=weights, name=name, **more)
    digest = adapter_digest(folder)
    if carded:
        (folder / "card.json").write_text(json.dumps({"digest": digest}))
    if exported:
        (folder / "adapter.gguf").write_bytes(b"GGUF" + weights)
        (folder / "export.json").write_text(json.dumps({"from": digest, "sha256": sha256(folder / "adapter.gguf")}))
    return folder


def _gate(folder, **changed):
    file = folder.parent / f"{folder.name}-gate.json"
    file.write_text(json.dumps({
        "format": "anamnesis.gate/1", "passed": True, "profile": "full", "run": "r", "subject": "anamnesis/llamacpp", "beside": "",
        "made_by": [{"model": BASE.name, "weights": BASE.sha256, "adapter": adapter_digest(folder), "settings": "x"}],
        "gates": [{"suite": "triage", "measure": "m", "passed": True, "said": "triage m 1.0", "why": "w"}], **changed,
    }))  # fmt: skip
    return file


def _settings(home, **given):
    return load(home=home, model=BASE.id, **given)


def test_a_promoted_adapter_serves_its_base_and_changes_the_settings(home):
    folder = _adapter(home)
    before = _settings(home)
    row = registry.run_promote(folder, gate=_gate(folder), home=home)
    after = _settings(home)
    assert after.adapter == f"active:{adapter_digest(folder)}" and after.hash() != before.hash()
    assert row["gate"]["gates"] == 1 and row["previous"] == [] and set(row["engines"]) == {"llamacpp", "transformers"}
    found = worn(after.adapter, engine="llamacpp", **{**TOLD, "home": home})
    assert found.path.read_bytes() == b"GGUFweights" and found.digest == adapter_digest(folder)
    assert worn(after.adapter, engine="transformers", **{**TOLD, "home": home}).path == found.path.parent
    # The hash is of the adapter, not of where it lies.
    assert replace(after, home=home / "elsewhere").hash() == after.hash()


@pytest.mark.parametrize("given", [{"model": models.DEFAULT}, {"engine": "none"}, {"adapter": "none"}])
def test_it_serves_nothing_else(home, given):
    folder = _adapter(home)
    registry.run_promote(folder, gate=_gate(folder), home=home)
    assert load(**{"home": home, "model": BASE.id, **given}).adapter == ""
    assert load(home=home, model=BASE.id, adapter=str(folder)).adapter == str(folder)


@pytest.mark.parametrize(("changed", "why"), [
    ({"passed": False, "gates": [{"passed": False, "said": "triage emergency_found 0.9; at least 0.95 is wanted"}]}, "0.95 is wanted"),
    ({"gates": []}, "no gate"),
    ({"profile": "quick"}, "the profile 'quick'"),
    ({"made_by": [{"weights": BASE.sha256}]}, "made on no adapter"),
    ({"made_by": []}, "nothing that names an adapter"),
    ({"made_by": [{"weights": BASE.sha256, "adapter": "b" * 64}]}, "made on bbbbbbbbbbbb, this adapter is"),
    ({"format": "x"}, "no gate report"),
])  # fmt: skip
def test_no_adapter_is_promoted_without_a_passing_report_of_its_own(home, changed, why):
    folder = _adapter(home)
    with pytest.raises(InputError, match=why):
        registry.run_promote(folder, gate=_gate(folder, **changed), home=home)
    assert read_active(home) is None and not (home / "adapters" / "promoted").exists()


def test_a_report_on_other_weights_or_on_two_adapters_is_refused(home):
    folder = _adapter(home)
    own = {"weights": BASE.sha256, "adapter": adapter_digest(folder)}
    with pytest.raises(InputError, match="made on the weights cccccccccccc"):
        registry.run_promote(folder, gate=_gate(folder, made_by=[{**own, "weights": "c" * 64}]), home=home)
    with pytest.raises(InputError, match="made on no adapter, "):
        registry.run_promote(folder, gate=_gate(folder, made_by=[own, {"weights": BASE.sha256}]), home=home)


@pytest.mark.parametrize(("given", "why"), [
    ({"carded": False}, "no card"),
    ({"prompts": "0123456789abcdef"}, "trained with the prompts 0123456789abcdef"),
    ({"stopped": "nan"}, "not finite"),
])  # fmt: skip
def test_what_else_keeps_an_adapter_from_serving(home, given, why):
    folder = _adapter(home, **given)
    with pytest.raises(InputError, match=why):
        registry.run_promote(folder, gate=_gate(folder), home=home)


def test_a_card_of_earlier_weights_does_not_count(home):
    folder = _adapter(home)
    (folder / "adapter_model.safetensors").write_bytes(b"trained again")
    with pytest.raises(InputError, match="no card that was made for it"):
        registry.run_promote(folder, gate=_gate(folder), home=home)


def test_a_stale_export_is_refused(home):
    folder = _adapter(home)
    (folder / "adapter.gguf").write_bytes(b"GGUF of something else")
    with pytest.raises(WeightsError, match="not made from the weights beside it"):
        registry.run_promote(folder, gate=_gate(folder), home=home)
    assert read_active(home) is None


def test_rolling_back_goes_one_step_each_time_and_history_is_kept(home):
    first, second = _adapter(home, "first"), _adapter(home, "second", weights=b"others")
    for folder in (first, second):
        registry.run_promote(folder, gate=_gate(folder), home=home)
    assert registry.run_rollback(home=home) == {"active": "first", "digest": adapter_digest(first), "was": "second"}
    assert worn(_settings(home).adapter, engine="llamacpp", **{**TOLD, "home": home}).path.read_bytes() == b"GGUFweights"
    assert registry.run_rollback(home=home) == {"active": None, "was": "first"}
    assert _settings(home).adapter == ""
    with pytest.raises(InputError, match="nothing to roll back"):
        registry.run_rollback(home=home)
    lines = [json.loads(line) for line in (home / "adapters" / "history.jsonl").read_text().splitlines()]
    assert [(line["action"], line["name"]) for line in lines] == [
        ("promote", "first"), ("promote", "second"), ("rollback", "first"), ("rollback", ""),
    ]  # fmt: skip


def test_training_again_under_one_name_changes_nothing_that_serves(home):
    folder = _adapter(home)
    registry.run_promote(folder, gate=_gate(folder), home=home)
    _adapter(home, weights=b"trained again")
    assert worn(_settings(home).adapter, engine="llamacpp", **{**TOLD, "home": home}).path.read_bytes() == b"GGUFweights"


@pytest.mark.parametrize("name", ["adapter.gguf", "adapter_model.safetensors", "training.json"])
def test_a_tampered_file_is_refused_before_it_is_loaded(home, name):
    folder = _adapter(home)
    registry.run_promote(folder, gate=_gate(folder), home=home)
    file = home / "adapters" / "promoted" / adapter_digest(folder)[:16] / name
    held = file.read_bytes()
    file.write_bytes(held[:-1] + b"x")
    with pytest.raises(WeightsError, match=f"{name} is not what was promoted"):
        worn(_settings(home).adapter, engine="llamacpp", **{**TOLD, "home": home})
    file.unlink()
    with pytest.raises(WeightsError, match="is not what was promoted"):
        worn(_settings(home).adapter, engine="llamacpp", **{**TOLD, "home": home})


def test_a_rollback_to_a_tampered_adapter_changes_nothing(home):
    first, second = _adapter(home, "first"), _adapter(home, "second", weights=b"others")
    for folder in (first, second):
        registry.run_promote(folder, gate=_gate(folder), home=home)
    (home / "adapters" / "promoted" / adapter_digest(first)[:16] / "adapter.gguf").write_bytes(b"?")
    with pytest.raises(WeightsError, match="is not what was promoted as first"):
        registry.run_rollback(home=home)
    assert read_active(home).name == "second"


def test_another_base_is_refused_before_anything_is_loaded(home):
    folder = _adapter(home)
    registry.run_promote(folder, gate=_gate(folder), home=home)
    for adapter in (_settings(home).adapter, str(folder), str(folder / "adapter.gguf")):
        with pytest.raises(WeightsError, match=rf"trained on {BASE.id} \(SHA-256 {BASE.sha256[:12]}\), not on Other"):
            worn(adapter, engine="llamacpp", home=home, weights="d" * 64, name="Other")


def test_another_tokenizer_is_refused_before_anything_is_loaded(tmp_path):
    folder = written_adapter(tmp_path / "a", model="x", sha256="", tokenizer="1" * 64)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match="trained with another tokenizer"):
        worn(str(folder), engine="transformers", home=tmp_path, weights="", name="x", tokenizer=tmp_path / "tokenizer.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "x"}', '{"format": "anamnesis.active/1", "name": "n"}'])
def test_a_damaged_manifest_stops_the_start_and_says_what_to_do(home, text):
    home.mkdir()
    (home / "adapter.json").write_text(text)
    with pytest.raises(ConfigError, match=r"adapter.json.*rollback"):
        _settings(home)
    assert _settings(home, adapter="none").adapter == ""


def test_settings_of_an_adapter_that_no_longer_serves_are_refused(home):
    folder = _adapter(home)
    registry.run_promote(folder, gate=_gate(folder), home=home)
    settings = _settings(home)
    registry.run_rollback(home=home)
    with pytest.raises(ConfigError, match="no longer the active one"):
        worn(settings.adapter, engine="llamacpp", **{**TOLD, "home": home})


def test_a_full_disk_leaves_what_serves(home, monkeypatch):
    first, second = _adapter(home, "first"), _adapter(home, "second", weights=b"others")
    registry.run_promote(first, gate=_gate(first), home=home)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("shutil.copyfile", "os.fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(name, full)
            with pytest.raises(StoreError, match="No space left on device"):
                registry.run_promote(second, gate=_gate(second), home=home)
        assert read_active(home).name == "first"
        assert not [each for each in os.listdir(home / "adapters" / "promoted") if each.startswith(".")]


def test_the_command_line_lists_promotes_and_rolls_back(home, monkeypatch):
    folder = _adapter(home)
    monkeypatch.setenv("ANAMNESIS_HOME", str(home))

    def run(*words):
        done = CliRunner().invoke(finetune_group, words, catch_exceptions=False)
        assert done.exit_code == 0
        return [json.loads(line) for line in done.stdout.splitlines()]

    (row,) = run("list")
    assert (row["name"], row["active"], row["carded"], row["gguf"]) == ("tiny", False, True, True)
    (row,) = run("promote", "tiny", "--gate", str(_gate(folder)))
    assert row["active"] == "tiny" and row["base"] == BASE.id
    assert run("list")[0]["active"] is True
    assert run("rollback") == [{"active": None, "was": "tiny"}]
