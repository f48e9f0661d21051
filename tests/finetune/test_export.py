"""An adapter does the same in every form it is exported to, and what cannot be exported says why."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from agent import models
from agent.active import adapter_digest, worn
from finetune import export, parity
from finetune.adapter import Base, base_of, named, read_adapter, write_json
from knowledge.errors import ConfigError, InputError, StoreError, WeightsError
from knowledge.store import sha256
from tests.finetune.tiny_adapters import tiny_adapter, tiny_base, tiny_gguf, written_adapter

KINDS = ("llama", "qwen2")


def _need_torch():
    for name in ("torch", "transformers", "peft", "gguf"):
        pytest.importorskip(name, reason=f"{name} is not installed (the finetune extra)")


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    _need_torch()
    folder = tmp_path_factory.mktemp("bases")
    return {kind: tiny_base(folder / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def ggufs(bases):
    return {kind: tiny_gguf(base, base.parent / f"{kind}.gguf") for kind, base in bases.items()}


def _adapter(folder, base, **options):
    adapter = read_adapter(tiny_adapter(folder, base, **options))
    return adapter, base_of(adapter, folder.parent)


def _texts(n: int = 4, *, seed: int = 0, vocabulary: int = 258):
    dice = np.random.default_rng(seed)
    return [tuple(dice.integers(3, vocabulary, size).tolist() for size in (24, 8)) for _ in range(n)]


def _llama(file: Path, adapter: Path | None = None):
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    with parity._llama(file, adapter, _texts(), 1) as engine:
        return parity.llama_choices(engine, _texts())


def _routes(adapter, base):
    """What the adapter does, and does not, on the full weights."""
    import torch

    model = export.attached(adapter, base, dtype=torch.float32)
    with_it = parity.torch_choices(model, _texts())
    with model.disable_adapter():
        return parity.torch_choices(model, _texts()), with_it


@pytest.mark.parametrize("kind", KINDS)
def test_the_tiny_models_are_the_same_to_llamacpp(bases, ggufs, kind):
    """Without this the next tests would say nothing."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(bases[kind]).eval()
    row = parity.compare(_llama(ggufs[kind]), parity.torch_choices(model, _texts()))
    assert row.n > 10 and row.same == 1.0 and abs(row.kl) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"rank_pattern": {"v_proj": 2}}, {"method": "adalora"},
                                     {"target_modules": ["gate_proj", "up_proj", "down_proj", "q_proj"]}],
                         ids=["lora", "rslora", "ranks", "adalora", "mlp"])  # fmt: skip
def test_a_lora_does_the_same_in_llamacpp(bases, ggufs, kind, options, tmp_path):
    adapter, base = _adapter(tmp_path / "a", bases[kind], **options)
    export.export_gguf(adapter, base, tmp_path / "a.gguf")
    bare, with_it = _routes(adapter, base)
    assert parity.compare(with_it, bare).kl > 0.05  # it does something
    theirs = _llama(ggufs[kind]), _llama(ggufs[kind], tmp_path / "a.gguf")
    row = parity._with_effect(with_it, bare, theirs[1], theirs[0])
    assert row.effect > 0.999 and row.widest < 0.01 and abs(row.kl) < 1e-3
    assert parity.passes(row)


def test_a_wrong_order_of_rows_is_found(bases, ggufs, tmp_path, monkeypatch):
    """The check of the exported adapter must fail where queries and keys are written in transformers' order."""
    adapter, base = _adapter(tmp_path / "a", bases["llama"], target_modules=["q_proj", "k_proj"], strength=0.4)
    bare, with_it = _routes(adapter, base)
    monkeypatch.setattr(export, "interleaved", lambda rows, heads: rows)
    export.export_gguf(adapter, base, tmp_path / "a.gguf")
    theirs = _llama(ggufs["llama"]), _llama(ggufs["llama"], tmp_path / "a.gguf")
    broken = parity._with_effect(with_it, bare, theirs[1], theirs[0])
    assert broken.effect < 0.8 and not parity.passes(broken)


def test_rows_are_interleaved_as_llamacpp_does():
    """Two heads of four rows: 0 1 2 3 becomes 0 2 1 3. No torch is needed to know."""
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert export.interleaved(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("method", ["lora", "dora", "adalora"])
def test_merged_weights_answer_as_the_adapter_does(bases, tmp_path, method):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter, base = _adapter(tmp_path / "a", bases["qwen2"], method=method)
    _, with_it = _routes(adapter, base)
    row = export.run_export(tmp_path / "a", form="merged", home=tmp_path, out=tmp_path / "merged")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    same = parity.compare(with_it, parity.torch_choices(model, _texts()))
    assert same.same == 1.0 and abs(same.kl) < 1e-5
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template
    assert json.loads((tmp_path / "merged" / "merged.json").read_text())["digest"] == row["digest"] == adapter.digest
    with pytest.raises(InputError, match="is there already"):
        export.run_export(tmp_path / "a", form="merged", home=tmp_path, out=tmp_path / "merged")


def test_a_peft_copy_is_the_same_adapter(bases, tmp_path):
    adapter, _ = _adapter(tmp_path / "a", bases["llama"])
    row = export.run_export(tmp_path / "a", form="peft", home=tmp_path)
    assert row["path"] == str(tmp_path / "adapters" / "tiny-peft")
    assert adapter_digest(Path(row["path"])) == adapter.digest and row["bytes"] > 1000


def test_what_llamacpp_loads_is_tied_to_the_weights(bases, ggufs, tmp_path):
    """The engine takes an exported adapter by its folder, and refuses one that is stale or was changed."""
    tiny_adapter(tmp_path / "a", bases["llama"], model=str(ggufs["llama"]), sha256=sha256(ggufs["llama"]))
    (tmp_path / "converted").mkdir()
    (tmp_path / "converted" / sha256(ggufs["llama"])).symlink_to(bases["llama"])
    told = {"engine": "llamacpp", "home": tmp_path, "weights": sha256(ggufs["llama"]), "name": "tiny"}
    with pytest.raises(WeightsError, match=r"no adapter .*--to gguf"):
        worn(str(tmp_path / "a"), **told)
    export.run_export(tmp_path / "a", form="gguf", home=tmp_path)
    found = worn(str(tmp_path / "a"), **told)
    assert found.path == tmp_path / "a" / "adapter.gguf" and found.digest == adapter_digest(tmp_path / "a")
    assert worn(str(found.path), **told) == found
    with found.path.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(WeightsError, match="changed since"):
        worn(str(tmp_path / "a"), **told)
    export.run_export(tmp_path / "a", form="gguf", home=tmp_path)
    tiny_adapter(tmp_path / "a", bases["llama"], model=str(ggufs["llama"]), sha256=sha256(ggufs["llama"]), seed=9)
    with pytest.raises(WeightsError, match="not made from the weights beside it"):
        worn(str(tmp_path / "a"), **told)


@pytest.mark.parametrize(("options", "why"), [
    ({"method": "dora"}, "DoRA, which also rescales"),
    ({"target_modules": ["embed_tokens"]}, "it changes embed_tokens"),
    ({"modules_to_save": ["norm"]}, "whole modules"),
    ({"bias": "lora_only"}, "changes biases"),
])  # fmt: skip
def test_what_no_lora_in_gguf_can_hold_is_refused(bases, tmp_path, options, why):
    adapter, base = _adapter(tmp_path / "a", bases["qwen2"], **options)
    with pytest.raises(InputError, match=why) as fault:
        export.export_gguf(adapter, base, tmp_path / "a.gguf")
    assert "--to merged" in str(fault.value) and not (tmp_path / "a.gguf").exists()


def test_an_adapter_of_another_shape_is_refused(bases, ggufs, tmp_path):
    """The record says that it fits; the matrices do not."""
    import torch
    from safetensors.torch import load_file, save_file

    _, base = _adapter(tmp_path / "a", bases["llama"])
    held = load_file(tmp_path / "a" / "adapter_model.safetensors")
    first = next(name for name in held if "lora_B" in name)
    save_file({**held, first: torch.zeros(7, 4)}, tmp_path / "a" / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match="does not fit its base"):
        export.export_gguf(read_adapter(tmp_path / "a"), base, tmp_path / "a.gguf")
    fits = {"blk.0.attn_q.weight.lora_a": np.zeros((4, 64)), "blk.0.attn_q.weight.lora_b": np.zeros((32, 4))}
    with pytest.raises(WeightsError, match=r"blk.0.attn_q.weight of the adapter is \(64, 32\), of .* \(64, 64\)"):
        export._fits(fits, ggufs["llama"])


def test_numbers_that_are_not_finite_are_refused(bases, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    _, base = _adapter(tmp_path / "a", bases["llama"])
    held = load_file(tmp_path / "a" / "adapter_model.safetensors")
    first = next(name for name in held if "lora_B" in name)
    save_file({**held, first: torch.full_like(held[first], float("nan"))}, tmp_path / "a" / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match="not finite"):
        export.export_gguf(read_adapter(tmp_path / "a"), base, tmp_path / "a.gguf")
    with pytest.raises(WeightsError, match="out of the range"):
        export.export_merged(read_adapter(tmp_path / "a"), base, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


# What needs no torch.


def test_a_folder_without_a_record_was_not_trained_to_the_end(tmp_path):
    folder = written_adapter(tmp_path / "a", model="x", sha256="0" * 64)
    (folder / "training.json").unlink()
    with pytest.raises(WeightsError, match="no training was completed"):
        read_adapter(folder)
    with pytest.raises(WeightsError, match="finetune list"):
        named("nobody", tmp_path)


def test_a_base_that_does_not_match_is_refused_before_loading(tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    folder = written_adapter(tmp_path / "a", model=str(other), sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"trained on .*other.gguf \(SHA-256 000000000000\), not on other.gguf"):
        base_of(read_adapter(folder), tmp_path)
    missing = written_adapter(tmp_path / "b", model=models.FOR_TESTS, sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"models fetch {models.FOR_TESTS}"):
        base_of(read_adapter(missing), tmp_path)
    nowhere = written_adapter(tmp_path / "c", model="somebody/gated", sha256="")
    with pytest.raises(WeightsError, match="neither in the catalogue nor a folder"):
        base_of(read_adapter(nowhere), tmp_path)


def test_another_tokenizer_is_refused_before_loading(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "tokenizer.json").write_text("{}")
    folder = written_adapter(tmp_path / "a", model=str(tmp_path / "base"), sha256="", tokenizer="1" * 64)
    with pytest.raises(WeightsError, match="another tokenizer"):
        base_of(read_adapter(folder), tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    write_json(tmp_path / "x.json", {"a": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*unharmed"):
        write_json(tmp_path / "x.json", {"a": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_full_disk_leaves_no_half_export(tmp_path, monkeypatch):
    folder = written_adapter(tmp_path / "a", model="x", sha256="0" * 64)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StoreError, match="No space left"):
        export.run_export(folder, form="peft", home=tmp_path)
    assert not any((tmp_path / "adapters").iterdir())


def test_an_unknown_form_and_a_missing_package_say_what_to_do(tmp_path, monkeypatch):
    folder = written_adapter(tmp_path / "a", model=str(tmp_path), sha256="")
    with pytest.raises(InputError, match="peft, merged, gguf"):
        export.run_export(folder, form="onnx", home=tmp_path)
    monkeypatch.setattr("finetune.adapter.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'anamnesis\[finetune\]'"):
        export.export_gguf(read_adapter(folder), Base("x", tmp_path, None, ""), tmp_path / "a.gguf")


def test_an_effect_is_a_cosine_without_what_all_tokens_share():
    bare = [{1: -1.0, 2: -2.0, 3: -3.0}]
    with_it = [{1: -2.0, 2: -1.0, 3: -3.0}]
    shifted = [{token: p - 0.7 for token, p in with_it[0].items()}]
    assert parity.effect((bare, with_it), (bare, shifted)) == pytest.approx((1.0, 0.0))
    opposite = [{1: 0.0, 2: -3.0, 3: -3.0}]
    assert parity.effect((bare, with_it), (bare, opposite)) == pytest.approx((-1.0, 0.0))
    assert parity.effect((bare, with_it), (bare, bare)) == (0.0, 0.0)
    apart = [{1: -1.5, 2: -1.5, 3: -3.0}]  # half as far as the adapter moves, and it moves on from there
    assert parity.effect((bare, with_it), (apart, [{1: -2.5, 2: -0.5, 3: -3.0}])) == pytest.approx((1.0, 0.5))


def test_the_bound_leaves_room_for_rounding_and_no_more():
    assert parity.passes(parity.Agreement(9, 1.0, 0.1, 0.0, 0.91, 0.0)) and not parity.passes(parity.Agreement(9, 1.0, 0.1, 0.0, 0.89, 0.0))
    assert parity.passes(parity.Agreement(9, 1.0, 0.1, 0.0, 0.75, 0.6)) and not parity.passes(parity.Agreement(9, 1.0, 0.1, 0.0, 0.5, 0.6))
    assert not parity.passes(parity.Agreement(9, 0.9, 0.6, 0.0, 1.0, 0.0))


def test_an_agreement_counts_what_both_tell():
    row = parity.compare([{1: -0.1, 2: -3.0}, {}, {1: -0.5, 2: -0.6}], [{1: -0.2, 2: -2.0}, {1: 0.0}, {1: -0.8, 2: -0.6}])
    assert (row.n, row.same) == (2, 0.5) and row.widest == pytest.approx(0.1)
    with pytest.raises(InputError, match="no position"):
        parity.compare([{}], [{1: 0.0}])


@pytest.mark.weights
def test_a_lora_on_the_shipped_base_does_the_same_in_llamacpp(tmp_path, monkeypatch):
    """4-bit weights that were de-quantised on one side; run with `-s` to read what is only reported."""
    _need_torch()
    for name in ("bitsandbytes", "accelerate", "xllamacpp"):
        pytest.importorskip(name, reason=f"{name} is not installed (the finetune extra)")
    weights = os.environ.get("ANAMNESIS_TEST_WEIGHTS", "")
    card = models.find(models.FOR_TESTS)
    if not weights or models.path(card.id, Path(weights)) is None:
        pytest.skip(f"ANAMNESIS_TEST_WEIGHTS names no home with {card.id}: `anamnesis models fetch` it there")
    from agent.engines.convert import converted
    from finetune.examples import Example, Shown, write_examples

    (tmp_path / "models").symlink_to(Path(weights) / "models")
    if (Path(weights) / "converted" / card.sha256).is_dir():
        (tmp_path / "converted").symlink_to(Path(weights) / "converted")
    base = converted(models.path(card.id, tmp_path), sha256=card.sha256, home=tmp_path)
    tiny_adapter(tmp_path / "a", base, model=card.id, sha256=card.sha256, r=8, lora_alpha=16, strength=0.3, target_modules=["q_proj", "k_proj"])
    shown = (Shown("a", "Hiccups", "How long?", "Hiccups usually stop within a few minutes. Sipping cold water slowly can help."),)
    write_examples(tmp_path / "test.jsonl", [
        Example(str(n), "grounded", "en", "patient", "hiccups", question, shown, "Hiccups usually stop within a few minutes [1].", "written", "Apache-2.0", "test")
        for n, question in enumerate(("Should I worry about hiccups?", "What helps hiccups?"))
    ])  # fmt: skip
    told = {"examples": tmp_path / "test.jsonl", "home": tmp_path, "tokens": 8, "nf4": False}
    row = parity.run_parity(tmp_path / "a", scratch=tmp_path / "good", **told)
    print(json.dumps(row["routes"], indent=1))
    assert row["passed"] and row["prompts"] == 2 and row["routes"]["base"]["kl"] > 0.05
    assert row["routes"]["merged"]["effect"] > 0.99
    monkeypatch.setattr(export, "interleaved", lambda rows, heads: rows)
    broken = parity.run_parity(tmp_path / "a", scratch=tmp_path / "broken", **told)
    print(json.dumps(broken["routes"]["llamacpp+adapter"]))
    assert not broken["passed"] and broken["routes"]["llamacpp+adapter"]["effect"] < row["routes"]["llamacpp+adapter"]["effect"] - 0.05
