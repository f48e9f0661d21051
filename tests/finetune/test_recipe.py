"""Every recipe that ships can be read and written back; what cannot be used is named with what is allowed. No torch is needed."""

from __future__ import annotations

import copy
import tomllib

import pytest

from finetune import recipe as recipes
from finetune.examples import LANGUAGES
from knowledge.errors import ConfigError


@pytest.fixture
def row() -> dict:
    return tomllib.loads((recipes.FOLDER / "smollm2-cpu.toml").read_text(encoding="utf-8"))


def test_the_recipes_that_ship():
    assert recipes.names() == ("medgemma-gpu", "qwen-7b-gpu", "qwen1.5b-cpu-short", "smollm2-cpu")


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_reads_back_what_it_writes(name, tmp_path):
    recipe = recipes.read_recipe(name)
    assert recipe.name == name
    assert recipe.stated.how  # measured or computed, never left unsaid
    file = tmp_path / "recipe.toml"
    file.write_text(recipes.as_toml(recipe), encoding="utf-8")
    assert recipes.read_recipe(file) == recipe


def test_the_small_model_learns_english_only():
    """It has no Chinese: `agent/models.toml` says so."""
    from agent import models

    recipe = recipes.read_recipe("smollm2-cpu")
    spoken = {language for language, weight in recipe.data.languages.items() if weight}
    assert spoken == set(models.find(recipe.base.model).languages) < set(LANGUAGES)


def test_an_override_is_saved_with_the_recipe(tmp_path):
    changed = recipes.changed(recipes.read_recipe("smollm2-cpu"), max_steps=7, name="other")
    file = tmp_path / "recipe.toml"
    file.write_text(recipes.as_toml(changed), encoding="utf-8")
    read = recipes.read_recipe(file)
    assert (read.name, read.training.max_steps) == ("other", 7)


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("training", "rate", "fast", "training.rate is 'fast'. Expected a number from 1e-07 to 0.1"),
        ("training", "rate", float("nan"), "training.rate is nan. Expected a number from"),
        ("training", "batch", 0, "training.batch is 0. Expected a whole number from 1 to 1024"),
        ("training", "batch", True, "training.batch is True. Expected a whole number"),
        ("training", "schedule", "sideways", "training.schedule is 'sideways'. Expected one of linear, cosine"),
        ("training", "save_every", 7, "training.save_every is 7. Expected a number that divides"),
        ("training", "gradient_checkpointing", "yes", "training.gradient_checkpointing is 'yes'. Expected true or false"),
        ("adapter", "method", "qlora", "adapter.method is 'qlora'. Expected one of lora, dora, adalora"),
        ("adapter", "targets", ["q_proj", "lm_head"], "adapter.targets is ['q_proj', 'lm_head']. Expected a list of q_proj"),
        ("adapter", "targets", [], "adapter.targets is []. Expected a list of"),
        ("adapter", "final_rank", 4, "adapter.final_rank is 4. Expected 0, unless adapter.method is adalora"),
        ("data", "packing", "wrapped", "data.packing is 'wrapped'. Expected one of prefix, trl, none"),
        ("data", "pack_length", 100, "data.pack_length is 100. Expected at least data.max_length"),
        ("data", "kinds", {"jokes": 1}, "data.kinds.jokes is 1. Expected one of the keys grounded"),
        ("data", "kinds", {"grounded": 0}, "data.kinds is {'grounded': 0}. Expected a weight above 0"),
        ("data", "languages", {"en": -1}, "data.languages.en is -1. Expected a number from 0 to 100"),
        ("training", "batch", 2, "training.batch is 2. Expected 1 (a pack is a batch)"),
        ("base", "quantization", "int3", "base.quantization is 'int3'. Expected one of nf4, none"),
        ("base", "attention", "eager", "base.attention is 'eager'. Expected sdpa, where data.packing"),
        ("stated", "device", "tpu", "stated.device is 'tpu'. Expected one of cpu, gpu"),
        ("training", "momentum", 0.9, "training.momentum is 0.9. Expected one of the keys gradient_checkpointing, rate"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(row, section, key, value, told):
    row[section][key] = value
    with pytest.raises(ConfigError) as raised:
        recipes.recipe_of(row, where="a.toml")
    assert str(raised.value).startswith("a.toml: ")
    assert told in str(raised.value)


@pytest.mark.parametrize(("section", "key"), [("training", "rate"), ("base", "model"), ("data", "kinds"), ("stated", "memory")])
def test_a_missing_key_is_named(row, section, key):
    short = copy.deepcopy(row)
    del short[section][key]
    with pytest.raises(ConfigError, match=rf"{section}\.{key} is missing"):
        recipes.recipe_of(short, where="a.toml")


def test_adalora_needs_a_rank_to_fall_to(row):
    row["adapter"] |= {"method": "adalora", "final_rank": 16}
    with pytest.raises(ConfigError, match=r"adapter\.final_rank is 16\. Expected 1 to 15"):
        recipes.recipe_of(row, where="a.toml")


def test_no_such_recipe_and_no_toml(tmp_path):
    with pytest.raises(ConfigError, match=r"no recipe nothing\. Expected one of medgemma-gpu"):
        recipes.read_recipe("nothing")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not TOML"):
        recipes.read_recipe(broken)
