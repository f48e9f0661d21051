"""Training at toy size, for real: what is learned, that packs change nothing, that a killed run goes on, and what bad input says."""

# ruff: noqa: E402 - without torch everything below is skipped

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

for _needed in ("torch", "transformers", "trl", "peft", "bitsandbytes", "datasets"):
    pytest.importorskip(_needed, reason=f"{_needed} is not installed (the finetune extra)")

import torch

from agent import models
from agent.prompts import prompts_hash
from finetune import base, collate, dry, memory, prefix, train, train_loop
from finetune import recipe as recipes
from finetune.data import build
from finetune.examples import Example, Shown, prompt, write_examples
from knowledge.errors import AnamnesisError, ConfigError, EngineError, InputError, StoreError, WeightsError
from tests.finetune.tiny_adapters import tiny_base

REPOSITORY = Path(__file__).parents[2]
SENTENCES = (
    "Drink small sips of water often.", "Rest until you feel better.", "Keep the room cool and airy.",
    "Wash your hands with soap.", "See a pharmacist if it lasts.", "Sleep with your head raised.",
)  # fmt: skip


RULES = "Answer from the passages, each sentence with its key."


def _examples(count: int, *, split: str = "train", language: str = "en", served: bool = False) -> list[Example]:
    """Passages that say one thing each, and answers that repeat it with its key; a short chat, or with `served` our own prompt."""
    found = []
    for number in range(count):
        shown = tuple(Shown(f"p{i}", "Care", "", SENTENCES[(number + i) % len(SENTENCES)]) for i in range(2))
        answer = shown[number % 2].text.rstrip(".") + f" [{number % 2 + 1}]."
        kind, answer = ("not_found", "NOT FOUND") if number % 5 == 4 else ("grounded", answer)
        question = f"What helps{' a little' * (number % 3)}?"
        told = " ".join(f"[{key}] {one.text}" for key, one in enumerate(shown, 1))
        chat = () if served else (("system", RULES), ("user", f"{told} {question}"), ("assistant", answer))
        found.append(Example(f"{split}-{number}", kind, language, "patient", "care", question, shown, answer, "written", "Apache-2.0", split, chat))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Two tiny models and a folder of data."""
    folder = tmp_path_factory.mktemp("training")
    for kind in ("llama", "qwen2"):
        tiny_base(folder / kind, kind)
    write_examples(folder / "data" / "train.jsonl", _examples(24))
    write_examples(folder / "data" / "validation.jsonl", _examples(6, split="validation"))
    return folder


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def _recipe(place: Path, **changes) -> recipes.Recipe:
    """A recipe of seconds over a tiny model; `changes` by section."""
    row = {
        "name": "tiny", "what": "a test",
        "base": {"model": str(place / "llama"), "licence": "Apache-2.0", "quantization": "none", "dtype": "float32", "attention": "sdpa"},
        "adapter": {"method": "lora", "rank": 4, "alpha": 8, "dropout": 0.1, "targets": ["q_proj", "v_proj", "down_proj"]},
        "data": {"kinds": {"grounded": 1, "not_found": 1}, "languages": {"en": 1}, "examples": 0, "validation_examples": 6,
                 "max_length": 400, "packing": "prefix", "pack_length": 400},
        "training": {"rate": 5e-3, "schedule": "cosine", "warmup": 0.1, "decay": 0.01, "clip": 1.0, "batch": 1, "accumulation": 2,
                     "epochs": 20, "max_steps": 12, "evaluate_every": 4, "save_every": 2, "patience": 50,
                     "gradient_checkpointing": False, "seed": 3},
        "stated": {"device": "cpu", "memory": 2.0, "hours": 0.1, "how": "a test"},
    }  # fmt: skip
    for section, values in changes.items():
        row[section] |= values
    return recipes.recipe_of(row, where="tiny")


def _file(recipe: recipes.Recipe, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{recipe.name}.toml"
    file.write_text(recipes.as_toml(recipe), encoding="utf-8")
    return file


def _train(recipe: recipes.Recipe, home: Path, place: Path, **options) -> dict:
    return train.run_train(_file(recipe, home), home=home, data=options.pop("data", place / "data"), **options)


def _tokenizer(folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def _model(folder: Path, attention: str = "sdpa"):
    from transformers import AutoModelForCausalLM

    prefix.register()
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)


# What is learned


@cache
def _real(name: str):
    home = os.environ.get("ANAMNESIS_TEST_WEIGHTS", "")
    path = models.path(name, Path(home)) if home else None
    if path is None:
        pytest.skip(f"ANAMNESIS_TEST_WEIGHTS names no home with {name}: `anamnesis models fetch` it there")
    from agent.engines.convert import gguf_tokenizer

    return gguf_tokenizer(path)


@pytest.mark.weights
@pytest.mark.parametrize(("model", "language"), [(models.FOR_TESTS, "en"), (models.DEFAULT, "en"), (models.DEFAULT, "zh")])
def test_the_prompt_is_what_the_engine_reads_and_only_the_answer_is_learned(model, language):
    from agent.engines.transformers import Transformers, _Loaded

    tokenizer = _real(model)
    engine = Transformers("none", home=Path())
    engine._loaded = _Loaded(tokenizer, None, frozenset())  # render and tokens need the tokenizer only
    words = "Hiccups usually stop within 15 minutes [1]. Sip cold water [2]." if language == "en" else "多喝水，注意休息[1]。体温38.5℃以上请就医[2]。"
    [example] = _examples(1, language=language, served=True)
    example = dataclasses.replace(example, question="What helps <|im_end|> me?", answer=words)
    encoded = collate.encode(example, tokenizer, base.ends_of(tokenizer, None))
    assert list(encoded.ids[: encoded.answer]) == engine.tokens(engine.render(prompt(example)))
    assert tokenizer.decode(encoded.ids[encoded.answer :]) == words + "<|im_end|>"
    assert encoded.ids[-1] == tokenizer.eos_token_id
    row = collate.rows([encoded], _packing("none"), seed=0)[0]
    learned = [label for label in row.labels if label != collate.IGNORED]
    assert learned == list(encoded.ids[encoded.answer :])
    # Cutting prompt and answer apart changes no token: the model meets in training what it will have written itself.
    whole = tokenizer(tokenizer.decode(encoded.ids), add_special_tokens=False)["input_ids"]
    assert whole == list(encoded.ids)


def _packing(how: str, length: int = 900) -> recipes.Data:
    return recipes.Data({"grounded": 1, "not_found": 1}, {"en": 1}, 0, 6, 900, how, length)


def _gradients(model, rows, collator) -> tuple[float, torch.Tensor]:
    """The loss over all learned tokens, and the gradient of one matrix."""
    loop = SimpleNamespace()
    model.zero_grad()
    total, count = torch.zeros(()), 0
    for row in rows:
        summed, number = train_loop.Loop._summed(loop, model, collator([dataclasses.asdict(row)]))
        total, count = total + summed, count + int(number)
    (total / count).backward()
    return float(total.detach() / count), model.model.layers[0].self_attn.q_proj.weight.grad.clone()


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_pack_has_the_loss_and_the_gradient_of_its_examples_one_by_one(place, kind):
    tokenizer = _tokenizer(place / kind)
    encoded = [collate.encode(one, tokenizer, frozenset({tokenizer.eos_token_id})) for one in _examples(9)]
    alone, packed = (collate.rows(encoded, _packing(how), seed=0) for how in ("none", "prefix"))
    assert len(alone) == 9 and len(packed) < 9
    assert sum(row.examples for row in packed) == 9
    assert all(sum(row.spans) == len(row.input_ids) and row.spans[0] > 50 for row in packed)
    assert sum(row.tokens for row in packed) == sum(len(row.input_ids) for row in alone)
    assert sum(len(row.input_ids) for row in packed) < 0.75 * sum(row.tokens for row in packed)
    loss, gradient = _gradients(_model(place / kind), alone, collate.Collator(0, False))
    packed_loss, packed_gradient = _gradients(_model(place / kind, prefix.NAME), packed, collate.Collator(0, True))
    assert packed_loss == pytest.approx(loss, abs=1e-5)
    assert torch.allclose(packed_gradient, gradient, atol=1e-6)


def test_an_example_of_a_pack_does_not_see_another(place):
    """Other words in the first example change nothing for the second."""
    tokenizer, model = _tokenizer(place / "llama"), _model(place / "llama", prefix.NAME)
    encoded = [collate.encode(one, tokenizer, frozenset({tokenizer.eos_token_id})) for one in _examples(2)]
    [row] = collate.rows(encoded, _packing("prefix"), seed=0)
    shared, first, second = row.spans
    other = list(row.input_ids)
    other[shared + 5 : shared + first] = [9] * (first - 5)
    with torch.no_grad():
        given = {"position_ids": torch.tensor([row.position_ids]), "spans": tuple(row.spans)}
        one, two = (model(input_ids=torch.tensor([ids]), **given).logits[0] for ids in (row.input_ids, other))
    assert torch.equal(one[-second:], two[-second:])
    assert not torch.allclose(one[shared + 5 : shared + first], two[shared + 5 : shared + first])


def test_padding_changes_no_loss(place):
    tokenizer, model = _tokenizer(place / "llama"), _model(place / "llama")
    encoded = [collate.encode(one, tokenizer, frozenset({tokenizer.eos_token_id})) for one in _examples(5)]
    alone, collator = collate.rows(encoded, _packing("none"), seed=0), collate.Collator(0, False)
    assert len({len(row.input_ids) for row in alone}) > 1
    together = train_loop.Loop._summed(SimpleNamespace(), model, collator([dataclasses.asdict(row) for row in alone]))[0]
    apart = sum(float(train_loop.Loop._summed(SimpleNamespace(), model, collator([dataclasses.asdict(row)]))[0].detach()) for row in alone)
    assert float(together.detach()) == pytest.approx(apart, rel=1e-5)


def test_trl_packs_do_not_leak_on_a_processor(place, tmp_path):
    """TRL lays examples end to end with positions that begin anew; transformers makes the mask from them with torch's attention."""
    losses = {}
    for how in ("none", "trl", "prefix"):
        made = _train(_recipe(place, data={"packing": how}, training={"max_steps": 1, "evaluate_every": 2}), tmp_path / how, place)
        losses[how] = made["losses"][0][2]  # of the untrained model
    assert losses["trl"] == pytest.approx(losses["none"], abs=1e-5)
    assert losses["prefix"] == pytest.approx(losses["none"], abs=1e-5)


def test_what_the_model_may_not_learn_from_a_template():
    """A template that rewrites the answer, or ends a turn with what no engine stops at, is refused."""
    tokenizer = dry._bytes("llama")
    [example] = _examples(1)
    with pytest.raises(EngineError, match="ends a turn with token"):
        collate.encode(example, tokenizer, frozenset({99}))
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] | upper }}<|im_end|>{% endfor %}"
    with pytest.raises(EngineError, match="differently with its answer and without"):
        collate.encode(example, tokenizer, frozenset({0}))


def test_the_mix_takes_kinds_and_languages_by_weight():
    examples = _examples(50)
    data = dataclasses.replace(_packing("none"), kinds={"grounded": 0.5, "not_found": 3})
    taken = collate.chosen(examples, data, seed=0, most=0)
    assert [one.kind for one in taken].count("not_found") == 30
    assert 10 <= [one.kind for one in taken].count("grounded") <= 30
    assert taken == collate.chosen(examples, data, seed=0, most=0) != collate.chosen(examples, data, seed=1, most=0)
    assert len(collate.chosen(examples, data, seed=0, most=7)) == 7
    with pytest.raises(InputError, match="none of 50 examples is of a kind and a language that the recipe takes"):
        collate.chosen(examples, dataclasses.replace(data, languages={"zh": 1}), seed=0, most=0)


# The whole of a run


def test_it_learns_and_writes_what_others_read(place, tmp_path):
    made = _train(_recipe(place, training={"max_steps": 30, "evaluate_every": 10}), tmp_path, place)
    folder = tmp_path / "adapters" / "tiny"
    assert sorted(file.name for file in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors", "recipe.toml", "training.json"]
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["format"] == "anamnesis.adapter/1" and record["prompts"] == prompts_hash() and record["stopped"] == "finished"
    assert record["base"]["model"] == str(place / "llama") and len(record["base"]["sha256"]) == 64 and len(record["tokenizer"]) == 64
    assert [one["path"] for one in record["data"]] == ["train.jsonl", "validation.jsonl"]
    assert (record["data"][0]["examples"], record["data"][0]["licence"]) == (24, "Apache-2.0")
    assert record["steps"] == 30 and record["tokens"] > 0 and record["peak_memory"] > 10_000_000
    steps, trained, held = zip(*record["losses"], strict=True)
    assert steps == (0, 10, 20, 30) and trained[0] is None
    assert held[-1] < 0.75 * held[0]  # it learned
    assert record["best_step"] == min(record["losses"], key=lambda row: row[2])[0]
    assert recipes.read_recipe(folder / "recipe.toml").name == "tiny"
    assert str(place) not in (folder / "adapter_config.json").read_text(encoding="utf-8")  # a folder here says nothing elsewhere
    assert made["folder"] == str(folder)
    # Loaded again, it has the validation loss that was written down.
    from peft import PeftModel

    worn = PeftModel.from_pretrained(_model(place / "llama"), str(folder)).eval()
    tokenizer = _tokenizer(place / "llama")
    encoded = [collate.encode(one, tokenizer, frozenset({tokenizer.eos_token_id})) for one in _examples(6, split="validation")]
    total, count = 0.0, 0
    with torch.no_grad():
        for row in collate.rows(encoded, _packing("none"), seed=0):
            summed, number = train_loop.Loop._summed(SimpleNamespace(), worn, collate.Collator(0, False)([dataclasses.asdict(row)]))
            total, count = total + float(summed), count + int(number)
    assert total / count == pytest.approx(min(held), abs=1e-5)


def test_a_killed_run_goes_on_to_the_same_losses(place, tmp_path):
    recipe = _recipe(place, training={"max_steps": 40, "evaluate_every": 8, "save_every": 4})
    unbroken = _train(recipe, tmp_path / "unbroken", place)
    home = tmp_path / "killed"
    command = [sys.executable, "-m", "finetune.train", str(_file(recipe, home)), "--data", str(place / "data"), "--threads", "1"]
    told = {**os.environ, "ANAMNESIS_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(command, env=told, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    marks = home / "finetune" / "runs"
    until = time.monotonic() + 300
    while child.poll() is None and not list(marks.glob("*/checkpoint-8/whole.json")) and time.monotonic() < until:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    said = child.communicate()[1]
    assert child.returncode == -signal.SIGKILL, said
    assert not (home / "adapters" / "tiny").exists()
    [folder] = marks.iterdir()
    unfinished = folder / "checkpoint-999"  # as a kill leaves one
    unfinished.mkdir()
    resumed = _train(recipe, home, place)
    assert not unfinished.exists()
    assert resumed["run"] == str(folder)
    assert [row[0] for row in resumed["losses"]] == [0, 8, 16, 24, 32, 40]
    for one, other in zip(resumed["losses"], unbroken["losses"], strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    first, second = (_weights(where / "adapters" / "tiny") for where in (home, tmp_path / "unbroken"))
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in second)


def _weights(folder: Path) -> dict:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def test_a_stopped_adalora_goes_on_with_its_ranks(place, tmp_path, monkeypatch):
    """What PEFT's allocator has seen of each weight is in no checkpoint of the Trainer's; without it the ranks fall elsewhere."""
    recipe = _recipe(place, adapter={"method": "adalora", "final_rank": 2}, training={"max_steps": 20, "evaluate_every": 4})
    unbroken = _train(recipe, tmp_path / "unbroken", place)

    class Stopped(Exception):
        pass

    def stop(self, args, state, control, **_):
        if state.global_step == 11:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(train_loop._Steps, "on_step_begin", stop)
        with pytest.raises(Stopped):
            _train(recipe, tmp_path / "stopped", place)
    resumed = _train(recipe, tmp_path / "stopped", place)
    for one, other in zip(resumed["losses"], unbroken["losses"], strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    kept = json.loads((tmp_path / "stopped" / "adapters" / "tiny" / "adapter_config.json").read_text(encoding="utf-8"))["rank_pattern"]
    whole = json.loads((tmp_path / "unbroken" / "adapters" / "tiny" / "adapter_config.json").read_text(encoding="utf-8"))["rank_pattern"]
    assert kept == whole
    assert sum(sum(one) for one in kept.values()) <= 2 * len(kept)  # the budget it was to fall to


def test_it_stops_when_validation_gets_no_better(place, tmp_path, monkeypatch):
    summed = train_loop.Loop._summed

    def told(self, model, inputs):
        """A validation loss that is lowest after step 6."""
        if self.model.training:
            return summed(self, model, inputs)
        return torch.tensor(1.0 + abs(self.state.global_step - 6)), torch.tensor(1)

    monkeypatch.setattr(train_loop.Loop, "_summed", told)
    made = _train(_recipe(place, training={"max_steps": 60, "evaluate_every": 2, "patience": 2}), tmp_path, place)
    assert (made["stopped"], made["steps"], made["best_step"]) == ("early", 10, 6)
    assert [row[2] for row in made["losses"]] == [7.0, 5.0, 3.0, 1.0, 3.0, 5.0]
    kept = json.loads((Path(made["run"]) / "best" / "whole.json").read_text(encoding="utf-8"))
    assert kept["step"] == 6


def test_training_goes_on_from_an_adapter_of_the_same_base_only(place, tmp_path):
    first = _train(_recipe(place), tmp_path, place)
    start = Path(first["folder"])
    second = _train(_recipe(place), tmp_path, place, start=start, name="second")
    best = min(row[2] for row in first["losses"])
    assert second["losses"][0][2] == pytest.approx(best, abs=1e-5) and second["continued"]
    other = _recipe(place, base={"model": str(place / "qwen2")})
    with pytest.raises(InputError, match=r"was made for another base .*/llama, .*Expected one made for .*/qwen2"):
        _train(other, tmp_path, place, start=start)
    record = json.loads((start / "training.json").read_text(encoding="utf-8"))
    (start / "training.json").write_text(json.dumps(record | {"tokenizer": "0" * 64}), encoding="utf-8")
    with pytest.raises(InputError, match="was made for another tokenizer"):
        _train(_recipe(place), tmp_path, place, start=start)
    with pytest.raises(InputError, match=r"has no training.json"):
        _train(_recipe(place), tmp_path, place, start=tmp_path)


@pytest.mark.parametrize("method", ["lora", "dora", "adalora"])
@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_every_method_changes_its_weights(place, tmp_path, method, quantization):
    final = 2 if method == "adalora" else 0
    base_kind = {"quantization": quantization, "dtype": "bfloat16" if quantization == "nf4" else "float32"}
    made = _train(_recipe(place, base=base_kind, adapter={"method": method, "final_rank": final}), tmp_path, place)
    weights = _weights(Path(made["folder"]))
    assert any("lora_A" in name for name in weights)
    assert any("lora_magnitude_vector" in name for name in weights) == (method == "dora")
    assert any("lora_E" in name for name in weights) == (method == "adalora")
    moved = "lora_E" if method == "adalora" else "lora_B"  # these begin as zeros
    assert all(bool((value != 0).any()) for name, value in weights.items() if moved in name)
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert made["losses"][-1][2] < made["losses"][0][2]


def test_measuring_leaves_a_four_bit_base_as_it_was(place, tmp_path):
    """bitsandbytes repacks 4-bit layers that it meets in evaluation mode on some processors, with coarser scales."""
    changes = {"base": {"quantization": "nf4", "dtype": "bfloat16"}, "adapter": {"dropout": 0.0}}  # reading data draws a number too
    recipe = _recipe(place, **changes, training={"max_steps": 6, "evaluate_every": 6})
    often = _recipe(place, **changes, training={"max_steps": 6, "evaluate_every": 1, "save_every": 1})
    rarely, oftener = _train(recipe, tmp_path / "a", place), _train(often, tmp_path / "b", place)
    assert rarely["losses"][-1][2] == pytest.approx(oftener["losses"][-1][2], abs=1e-6)


@pytest.mark.parametrize(("native", "dtype", "said"), [(False, "bfloat16", True), (True, "bfloat16", False), (False, "float32", False)])
def test_a_type_that_the_processor_only_acts_out_is_said_before_hours_are_lost(monkeypatch, place, native, dtype, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("agent.engines.transformers.multiplies_halves", lambda: native)
    told = train.slow(_recipe(place, base={"quantization": "nf4", "dtype": dtype}))
    assert ('dtype = "float32"' in told) == said and bool(told) == said


@pytest.mark.parametrize("name", recipes.names())
def test_the_dry_run_of_every_recipe(name, tmp_path):
    out = tmp_path / "adapter"
    made = train.run_train(name, home=tmp_path, out=out, dry_run=True)
    recipe = recipes.read_recipe(name)
    assert "stand-in" in made["dry_run"] and recipe.base.model in made["dry_run"]
    assert ("Gemma3" if "gemma" in name else "Qwen2" if "qwen" in name else "Llama") in made["dry_run"]
    config = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["peft_type"] == ("ADALORA" if recipe.adapter.method == "adalora" else "LORA")
    assert config.get("use_dora", False) == (recipe.adapter.method == "dora")
    assert sorted(config["target_modules"]) == sorted(recipe.adapter.targets)
    assert all(math.isfinite(row[2]) for row in made["losses"])


def test_tensorboard_keeps_the_curve_in_the_run(place, tmp_path):
    pytest.importorskip("tensorboard")
    made = _train(_recipe(place, training={"max_steps": 2, "evaluate_every": 2}), tmp_path, place, track=["tensorboard"])
    assert list(Path(made["run"]).rglob("events.out.tfevents.*"))


def test_nothing_leaves_the_machine(place, tmp_path):
    given = train_loop._arguments(_recipe(place), tmp_path, (), fresh=True)
    assert given.report_to == [] and not given.push_to_hub
    assert given.trackio_static_space_id is False and given.trackio_space_id is None


# Bad input


def test_data_that_cannot_be_used(place, tmp_path):
    with pytest.raises(InputError, match=r"train.jsonl is not there.*anamnesis finetune data"):
        _train(_recipe(place), tmp_path, place, data=tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "train.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"train.jsonl holds no example"):
        _train(_recipe(place), tmp_path, place, data=empty)
    with pytest.raises(InputError, match=r"none of 24 examples has 64 tokens or fewer; the shortest has \d+. Raise data.max_length"):
        _train(_recipe(place, data={"max_length": 64}), tmp_path, place)
    with pytest.raises(InputError, match="fewer than one batch of 100"):
        _train(_recipe(place, training={"batch": 100}, data={"packing": "none"}), tmp_path, place)


def test_a_model_that_is_not_there(place, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"nobody/nothing is neither in the catalogue nor a folder.*--dry-run"):
        _train(_recipe(place, base={"model": "nobody/nothing"}), tmp_path, place)
    with pytest.raises(WeightsError, match=r"the weights of smollm2-135m are not in .*anamnesis models fetch smollm2-135m"):
        _train(_recipe(place, base={"model": "smollm2-135m"}), tmp_path, place)


def test_too_little_memory_is_said_before_loading(place, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 100_000_000)
    monkeypatch.setattr(base, "load_model", lambda *_: pytest.fail("weights were read"))
    with pytest.raises(ConfigError, match=r"tiny needs about \d+\.\d GiB \(weights .*and 0\.1 GiB is free"):
        _train(_recipe(place), tmp_path, place)


def test_memory_grows_with_what_is_kept(place):
    config = base.load_config(base.Found(str(place / "llama"), "", "", "", ""))
    plain = memory.estimate(config, _recipe(place))
    assert memory.estimate(config, _recipe(place, training={"gradient_checkpointing": True})).activations < plain.activations
    assert memory.estimate(config, _recipe(place, data={"pack_length": 800})).activations == pytest.approx(2 * plain.activations, rel=0.01)
    assert memory.estimate(config, _recipe(place, base={"quantization": "nf4"})).weights < plain.weights
    # 2 layers of rank 4; q: 64 -> 64, v: 64 -> 32, and down.
    assert plain.parameters == 2 * 4 * (64 + 64 + 64 + 32 + config.intermediate_size + 64)


def test_memory_available_is_never_more_than_the_machine_has():
    import psutil

    assert 0 < memory.available("cpu") <= psutil.virtual_memory().total


def test_a_window_shorter_than_a_pack_is_refused(place):
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(sliding_window=1024))
    with pytest.raises(ConfigError, match="looks back 1024 tokens only"):
        train._check_window(config, _recipe(place, data={"max_length": 2048, "pack_length": 4096}))
    assert train._check_window(config, _recipe(place)) is None
    assert train._check_window(config, _recipe(place, data={"packing": "none", "max_length": 2048})) is None


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_numbers_that_run_away_stop_it_and_the_last_good_adapter_stays(place, tmp_path, monkeypatch, where):
    whole = train_loop.Loop.training_step

    def broken(self, model, inputs, *given, **named):
        loss = whole(self, model, inputs, *given, **named)
        if self.state.global_step == 9:
            value = next(one for one in self.model.parameters() if one.grad is not None)
            value.grad[0] = math.inf
        return loss

    if where == "gradient":
        monkeypatch.setattr(train_loop.Loop, "training_step", broken)
    else:
        summed = train_loop.Loop._summed

        def nothing(self, model, inputs):
            total, count = summed(self, model, inputs)
            return (total * math.nan if self.model.training and self.state.global_step == 9 else total), count

        monkeypatch.setattr(train_loop.Loop, "_summed", nothing)
    with pytest.raises(EngineError, match=r"training stopped: .* at step 10.*last good adapter is in .*tiny.*Lower training.rate"):
        _train(_recipe(place), tmp_path, place)
    record = json.loads((tmp_path / "adapters" / "tiny" / "training.json").read_text(encoding="utf-8"))
    assert record["stopped"] == "nan" and record["best_step"] == 8
    assert all(bool(torch.isfinite(value).all()) for value in _weights(tmp_path / "adapters" / "tiny").values())


def test_a_full_disk_leaves_the_older_checkpoint(place, tmp_path, monkeypatch):
    saved = torch.save
    recipe = _recipe(place)

    def full(thing, where, *given, **named):
        if "checkpoint-6" in str(where):
            raise OSError(errno.ENOSPC, "No space left on device")
        return saved(thing, where, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(StoreError, match=r"the disk is full: .*checkpoint-6.*the one before is untouched.*goes on from there"):
            _train(recipe, tmp_path, place)
    [folder] = (tmp_path / "finetune" / "runs").iterdir()
    assert train_loop.last_checkpoint(folder).name == "checkpoint-4"
    assert not (folder / "checkpoint-6").exists()
    assert _train(recipe, tmp_path, place)["stopped"] == "finished"


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file data/0"), True),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (RuntimeError("shapes differ"), False),
    ],
)
def test_a_full_disk_is_known_by_every_librarys_name(error, full):
    assert train_loop.is_full(error) is full


def test_two_at_once_in_one_run(place, tmp_path):
    from filelock import FileLock

    made = _train(_recipe(place, training={"max_steps": 2, "evaluate_every": 2}), tmp_path, place)
    with FileLock(Path(made["run"]) / ".lock"), pytest.raises(ConfigError, match="another process trains in"):
        _train(_recipe(place, training={"max_steps": 2, "evaluate_every": 2}), tmp_path, place)


def test_the_command_says_what_is_wrong_and_nothing_else(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    assert train.main(["nothing"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and "there is no recipe nothing" in shown.err and "Traceback" not in shown.err


def test_every_error_is_of_the_one_family():
    for error in (train_loop.stopped(train_loop.NotFinite("x"), None), train_loop.disk_full(Path("a"), OSError("b"))):
        assert isinstance(error, AnamnesisError) and error.remedy


@pytest.mark.gpu
def test_on_a_gpu(place, tmp_path):
    """NF4 on the device, half-precision products, the GPU's own peak."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")
    made = _train(_recipe(place, base={"quantization": "nf4", "dtype": "bfloat16"}), tmp_path, place)
    assert made["losses"][-1][2] < made["losses"][0][2]
    assert made["peak_memory"] == torch.cuda.max_memory_allocated()


# Pictures, launches, the bench


def test_a_curve_is_drawn_from_what_was_recorded(place, tmp_path):
    pytest.importorskip("matplotlib")
    from finetune import curves

    record = {"name": "tiny", "losses": [[0, None, 3.0], [5, 2.5, 2.0], [10, 1.5, 2.2]], "best_step": 5}
    (tmp_path / "training.json").write_text(json.dumps(record), encoding="utf-8")
    one = curves.curve(tmp_path)
    assert (one.steps, one.train, one.validation, one.best) == ((0, 5, 10), (None, 2.5, 1.5), (3.0, 2.0, 2.2), 5)
    out = tmp_path / "picture.png"
    curves.draw([one, one], out)
    assert out.read_bytes().startswith(b"\x89PNG") and not list(tmp_path.glob("*.part"))
    with pytest.raises(InputError, match="there is no"):
        curves.curve(tmp_path / "nowhere")
    (tmp_path / "training.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="holds no losses"):
        curves.curve(tmp_path)


@pytest.mark.parametrize("file", sorted((REPOSITORY / "finetune" / "accelerate").glob("*.yaml")), ids=lambda file: file.stem)
def test_accelerate_reads_its_configurations(file):
    from accelerate.commands.config.config_args import load_config_from_file

    read = load_config_from_file(str(file))
    assert read.num_processes == 2 and not read.debug
    if file.stem == "fsdp_qlora":
        # FSDP2's own names differ; state dicts must be whole for an adapter to be saved.
        assert read.fsdp_config["fsdp_state_dict_type"] == "FULL_STATE_DICT" and not read.fsdp_config["fsdp_use_orig_params"]


def test_sharding_keeps_four_bit_values_in_the_type_of_the_rest(monkeypatch):
    from agent.engines.transformers import nf4

    assert not base.sharded()
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert base.sharded()
    made = nf4(torch.bfloat16, storage=torch.bfloat16)
    assert made.bnb_4bit_quant_storage is torch.bfloat16 and made.bnb_4bit_use_double_quant and made.bnb_4bit_quant_type == "nf4"
    assert nf4(torch.bfloat16).bnb_4bit_quant_storage is torch.uint8


def test_the_bench_measures_both_sides(place, tmp_path, capsys, monkeypatch):
    from finetune import bench_finetune

    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    file = _file(_recipe(place), tmp_path)
    for side in bench_finetune.SIDES:
        asked = ["--recipe", str(file), "--data", str(place / "data"), "--examples", "16", "--side", side]
        assert bench_finetune.main(asked) == 0
    ours, plain = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (ours["side"], plain["side"]) == bench_finetune.SIDES
    assert ours["tokens"] == plain["tokens"] > 0 and ours["examples"] == 16
    assert min(ours["tokens_per_second"], plain["tokens_per_second"], ours["peak_memory"]) > 0
    assert ours["loss"] == pytest.approx(plain["loss"], abs=0.5)  # other batches of the same untrained model


def test_data_that_is_not_what_was_built_is_refused(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(place / "data", folder)
    files = {name: {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()} for name in ("train.jsonl", "validation.jsonl")}
    manifest = {"format": build.FORMAT, "prompts": "of another day", "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="other prompts"):
        train.run_train("smollm2-cpu", home=tmp_path, data=folder)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"prompts": prompts_hash()}))
    (folder / "train.jsonl").write_text("")
    with pytest.raises(InputError, match="not the file that was built"):
        train.run_train("smollm2-cpu", home=tmp_path, data=folder)


def test_the_home_without_a_finished_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="build was not finished"):
        train.run_train("smollm2-cpu", home=tmp_path)
