"""A card says everything or is not written: no field has a default, and what is missing is listed at once."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from agent.active import adapter_digest
from finetune.card import TOLD, energy, run_card
from finetune.cli import finetune_group
from knowledge.errors import InputError
from tests.finetune.tiny_adapters import record, written_adapter

HUMAN = {name: ["en", "none: \"quoted\" # no comment"] if name in ("languages", "limits", "risks") else f"our {name}" for name in TOLD} | {"licence": "Apache-2.0"}
POWER = {"watts": 65.0, "grid": 0.2, "grid_source": "a page of the grid's operator, 2026"}


def _cell(value, n=20):
    return {"n": n, "clusters": n, "value": value, "low": 0.5, "high": 1.0}


@pytest.fixture
def adapter(tmp_path):
    folder = written_adapter(tmp_path / "a", model="smollm2-135m", sha256="5" * 64, tokenizer="6" * 64)
    (folder / "card.toml").write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in HUMAN.items()))
    (folder / "recipe.toml").write_text('name = "tiny"\nrank = 4\n')
    table = {
        "format": "anamnesis.comparison/1", "digest": adapter_digest(folder), "examples": {"sha256": "7" * 64, "n": 20, "topics": 9},
        "variants": {"base": "x", "merged": "y"}, "measures": {"form": {"what": "right form", "better": "high", "rate": True}, "asks": {"what": "asks", "better": "high", "rate": True}},
        "groups": {"all": {"form": {"base": _cell(0.6), "merged": _cell(0.9)}, "asks": {"base": _cell(0, 0), "merged": _cell(0, 0)}}},
        "paired": {"merged": {"against": "base", "measures": {"form": {"verdict": "better"}}}},
    }  # fmt: skip
    (tmp_path / "table.json").write_text(json.dumps(table))
    return folder


def _write(adapter, **changed):
    return run_card(adapter, **{"comparison": adapter.parent / "table.json", **POWER, **changed})


def test_a_card_names_base_data_recipe_numbers_limits_and_cost(adapter):
    row = _write(adapter)
    held = json.loads((adapter / "card.json").read_text())
    assert held["digest"] == adapter_digest(adapter) == row["digest"] and held["base"]["sha256"] == "5" * 64
    assert held["energy"]["kwh"] == round(65 * 1.5 / 3_600_000, 6) and held["losses"] == {"first": [1, 2.0, 2.1], "last": [2, 1.0, 1.5]}
    page = (adapter / "card.md").read_text()
    for said in ("5" * 64, "0" * 64, "7" * 64, "20 examples in 9 topics", "0.9 (0.5-1), 20", "our intended_use", "our contact", "65 W, 0.2 kg a kWh",
                 "better beyond chance: form", 'rank = 4', "peak memory 0.0 GB", "a page of the grid's operator"):  # fmt: skip
        assert said in page
    assert "asks" not in page.split("| measure |")[1].split("\n\n")[0]  # what applied to nothing is no row


def test_the_metadata_is_yaml_that_a_hub_reads(adapter):
    _write(adapter)
    _, head, _ = (adapter / "card.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "apache-2.0", "base_model": "smollm2-135m", "base_model_relation": "adapter", "library_name": "peft", "pipeline_tag": "text-generation",
        "language": HUMAN["languages"], "tags": ["medical", "question-answering", "lora"],
    }  # fmt: skip


def test_all_that_is_missing_is_listed_and_nothing_is_written(adapter):
    record(adapter, model="smollm2-135m", sha256="", tokenizer="6" * 64, hardware="", data=[{"path": "t", "sha256": "", "examples": 3, "licence": ""}])
    lines = (adapter / "card.toml").read_text().splitlines()
    (adapter / "card.toml").write_text("\n".join(line for line in lines if not line.startswith(("limits", "licence"))) + '\nlimits = []\n')
    (adapter / "recipe.toml").unlink()
    with pytest.raises(InputError) as fault:
        _write(adapter, watts=None, grid=None, grid_source="")
    for name in ("card.toml: licence", "card.toml: limits", "training.json: hardware", "base.sha256", "data 1.sha256", "data 1.licence", "--watts", "--grid ",
                 "--grid-source", "recipe.toml beside"):  # fmt: skip
        assert name in str(fault.value), name
    assert "10 fields are missing" in str(fault.value) and "none has a default" in str(fault.value)
    assert not (adapter / "card.json").exists() and not (adapter / "card.md").exists()


@pytest.mark.parametrize("name", TOLD)
def test_no_field_of_a_person_has_a_default(adapter, name):
    lines = (adapter / "card.toml").read_text().splitlines()
    (adapter / "card.toml").write_text("\n".join(line for line in lines if not line.startswith(f"{name} =")))
    with pytest.raises(InputError, match=rf"1 fields are missing: card.toml: {name} \("):
        _write(adapter)


@pytest.mark.parametrize(("text", "why"), [
    ("licence = 1", "licence is of another form"), ("limits = 'none'", "limits is of another form"), ("licens = 'x'", "has licens"), ("=", "is not TOML"),
])  # fmt: skip
def test_a_card_toml_of_another_form_is_refused(adapter, text, why):
    (adapter / "card.toml").write_text(text)
    with pytest.raises(InputError, match=why):
        _write(adapter)


def test_numbers_of_another_adapter_or_of_no_comparison_are_refused(adapter):
    (adapter / "adapter_model.safetensors").write_bytes(b"trained again")
    with pytest.raises(InputError, match="was measured on the adapter"):
        _write(adapter)
    (adapter.parent / "table.json").write_text("{}")
    with pytest.raises(InputError, match="is no comparison"):
        _write(adapter)
    with pytest.raises(InputError, match="finetune evaluate"):
        _write(adapter, comparison=adapter / "nothing.json")


def test_energy_is_power_times_time_times_the_factor():
    assert energy(7200, watts=100, grid=0.5) == {"kwh": 0.2, "kg_co2e": 0.1}


@pytest.mark.parametrize("given", [{"watts": 0.0}, {"watts": -1.0}, {"grid": -0.1}])
def test_power_and_factor_must_be_numbers_that_can_be(adapter, given):
    with pytest.raises(InputError, match="power above 0"):
        _write(adapter, **given)


def test_the_command_writes_it(adapter):
    words = ["card", str(adapter), "--comparison", str(adapter.parent / "table.json"), "--watts", "65", "--grid", "0", "--grid-source", "own panels"]
    done = CliRunner().invoke(finetune_group, words, catch_exceptions=False)
    assert done.exit_code == 0 and json.loads(done.stdout)["card"] == str(adapter / "card.md")
