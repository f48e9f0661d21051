"""A recipe: everything that decides a training, read from `recipes/NAME.toml`, validated, and saved beside the adapter.

No field has a default but those that say so here; a field that is not known, is missing or has a value that cannot be used is
named with what is allowed. `as_toml` writes the recipe as it was run, which `read_recipe` reads back to the same value.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from finetune.examples import KINDS, LANGUAGES
from knowledge.errors import ConfigError

FOLDER = Path(__file__).parent / "recipes"
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def _one_of(*allowed: str) -> Any:
    return field(metadata={"one_of": allowed})


def _between(least: float, most: float) -> Any:
    return field(metadata={"least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Base:
    """What is trained on. `model` is an id of `agent/models.toml`, a folder, or a hub's name at `revision`.

    `shape` is the model's configuration as its publisher states it, for what is done before weights are there: the dry run
    and the estimate of memory. Empty for a model of the catalogue.
    """

    model: str
    licence: str
    quantization: str = _one_of("nf4", "none")
    dtype: str = _one_of("bfloat16", "float16", "float32")
    attention: str = _one_of("sdpa", "eager", "flash_attention_2")
    revision: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adapter:
    """How the weights may change. `final_rank` is AdaLoRA's average after pruning, and 0 for the others."""

    method: str = _one_of("lora", "dora", "adalora")
    rank: int = _between(1, 512)
    alpha: int = _between(1, 1024)
    dropout: float = _between(0, 0.5)
    targets: tuple[str, ...] = _one_of(*_TARGETS)
    final_rank: int = 0


@dataclass(frozen=True, slots=True)
class Data:
    """What is learned from: how often an example of a kind or a language is taken (1: once; 0.5: every other; 2: twice).

    `packing`: "prefix" puts several examples after the beginning that they share, "trl" is TRL's own packing, "none" pads
    batches of like length. Lengths are in tokens; `examples` 0 takes all there are.
    """

    kinds: Mapping[str, float]
    languages: Mapping[str, float]
    examples: int = _between(0, 10_000_000)
    validation_examples: int = _between(1, 100_000)
    max_length: int = _between(64, 131_072)
    packing: str = _one_of("prefix", "trl", "none")
    pack_length: int = _between(64, 131_072)


@dataclass(frozen=True, slots=True)
class Training:
    """How it is learned. `batch` is rows a pass (a pack is one row), `accumulation` passes a step, both for each device.

    `warmup` is a share of all steps; `max_steps` 0 leaves the end to `epochs`; `patience` counts evaluations without a better
    validation loss.
    """

    gradient_checkpointing: bool
    rate: float = _between(1e-7, 1e-1)
    schedule: str = _one_of("linear", "cosine", "constant_with_warmup")
    warmup: float = _between(0, 0.5)
    decay: float = _between(0, 1)
    clip: float = _between(0.01, 100)
    batch: int = _between(1, 1024)
    accumulation: int = _between(1, 4096)
    epochs: float = _between(0.01, 1000)
    max_steps: int = _between(0, 10_000_000)
    evaluate_every: int = _between(1, 1_000_000)
    save_every: int = _between(1, 1_000_000)
    patience: int = _between(1, 1000)
    seed: int = _between(0, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Stated:
    """What it needs, and whether that was measured or computed. `memory` in GiB (of the GPU for device "gpu"), `hours` in all."""

    device: str = _one_of("cpu", "gpu")
    memory: float = _between(0.1, 4096)
    hours: float = _between(0.01, 10_000)
    how: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training."""

    name: str
    what: str
    base: Base
    adapter: Adapter
    data: Data
    training: Training
    stated: Stated


def names() -> tuple[str, ...]:
    """The recipes that ship: those with a `base`. The others there belong to other trainings."""
    return tuple(
        sorted(file.stem for file in FOLDER.glob("*.toml") if "base" in tomllib.loads(file.read_text(encoding="utf-8")))
    )


def read_recipe(given: str | Path) -> Recipe:
    """The recipe called so, or in the file. Raises ConfigError, which names file, key, value and what is allowed."""
    file = Path(given) if str(given).endswith(".toml") else FOLDER / f"{given}.toml"
    if not file.is_file():
        raise ConfigError(f"there is no recipe {given}", expected=f"one of {', '.join(names())}, or a .toml file")
    try:
        row = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}", remedy="Correct the file") from error
    return recipe_of(row, where=str(file))


def recipe_of(row: Mapping[str, Any], *, where: str) -> Recipe:
    """The recipe in a table. Raises ConfigError, which names `where`, key, value and what is allowed."""
    recipe: Recipe = _read(Recipe, row, where, "")
    data, adapter, training = recipe.data, recipe.adapter, recipe.training
    _weights(data.kinds, KINDS, where, "data.kinds")
    _weights(data.languages, LANGUAGES, where, "data.languages")
    if data.packing != "none" and data.pack_length < data.max_length:
        raise _fault(where, "data.pack_length", data.pack_length, f"at least data.max_length, {data.max_length}")
    if data.packing == "prefix" and recipe.base.attention != "sdpa":
        raise _fault(where, "base.attention", recipe.base.attention, 'sdpa, where data.packing is "prefix"')
    if data.packing == "prefix" and training.batch != 1:
        raise _fault(where, "training.batch", training.batch, '1 (a pack is a batch), where data.packing is "prefix"')
    if adapter.method == "adalora" and not 0 < adapter.final_rank < adapter.rank:
        raise _fault(where, "adapter.final_rank", adapter.final_rank, f"1 to {adapter.rank - 1}, below adapter.rank")
    if adapter.method != "adalora" and adapter.final_rank:
        raise _fault(where, "adapter.final_rank", adapter.final_rank, "0, unless adapter.method is adalora")
    if training.evaluate_every % training.save_every:
        raise _fault(where, "training.save_every", training.save_every, "a number that divides training.evaluate_every")
    return recipe


def as_toml(recipe: Recipe) -> str:
    """The recipe as a file that `read_recipe` reads back to an equal value."""
    row = asdict(recipe)
    lines = [f"{key} = {_value(value)}" for key, value in row.items() if not isinstance(value, Mapping)]
    for section, table in row.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{section}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def changed(recipe: Recipe, *, max_steps: int | None = None, name: str = "") -> Recipe:
    """The recipe with what the command line overrides."""
    if max_steps is not None:
        recipe = replace(recipe, training=replace(recipe.training, max_steps=max_steps))
    return replace(recipe, name=name) if name else recipe


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _read(kind: Any, row: Any, where: str, prefix: str) -> Any:
    if not isinstance(row, Mapping):
        raise _fault(where, prefix.rstrip("."), row, "a table")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for key in row:
        if key not in known:
            raise _fault(where, prefix + key, row[key], f"one of the keys {', '.join(known)}")
    given = {}
    for name, one in known.items():
        if name in row:
            given[name] = _checked(row[name], hints[name], one.metadata, where, prefix + name)
        elif one.default is MISSING and one.default_factory is MISSING:
            raise ConfigError(
                f"{where}: {prefix}{name} is missing", expected=_allowed(hints[name], one.metadata), remedy="Add it"
            )
    return kind(**given)


def _checked(value: Any, kind: Any, allowed: Mapping[str, Any], where: str, key: str) -> Any:
    if hasattr(kind, "__dataclass_fields__"):
        return _read(kind, value, where, key + ".")
    if get_origin(kind) is tuple:
        right = isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value)
        if not right or not set(value) <= set(allowed.get("one_of", value)):
            raise _fault(where, key, value, _allowed(kind, allowed))
        return tuple(value)
    if get_origin(kind) is not None:
        if not isinstance(value, Mapping):
            raise _fault(where, key, value, "a table")
        return dict(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is str and not value.strip() and "one_of" in allowed):
        raise _fault(where, key, value, _allowed(kind, allowed))
    if "one_of" in allowed and value not in allowed["one_of"]:
        raise _fault(where, key, value, _allowed(kind, allowed))
    if "least" in allowed and not allowed["least"] <= value <= allowed["most"]:  # a NaN is in no range
        raise _fault(where, key, value, _allowed(kind, allowed))
    return value


def _allowed(kind: Any, allowed: Mapping[str, Any]) -> str:
    if "one_of" in allowed:
        listed = ", ".join(allowed["one_of"])
        return f"a list of {listed}" if get_args(kind) else f"one of {listed}"
    if "least" in allowed:
        return f"{'a whole number' if kind is int else 'a number'} from {allowed['least']} to {allowed['most']}"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "a table")


def _weights(given: Mapping[str, Any], allowed: tuple[str, ...], where: str, key: str) -> None:
    for name, weight in given.items():
        if name not in allowed:
            raise _fault(where, f"{key}.{name}", weight, f"one of the keys {', '.join(allowed)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 100:
            raise _fault(where, f"{key}.{name}", weight, "a number from 0 to 100")
    if not any(given.values()):
        raise _fault(where, key, dict(given), f"a weight above 0 for one of {', '.join(allowed)}")


def _fault(where: str, key: str, value: Any, allowed: str) -> ConfigError:
    return ConfigError(f"{where}: {key} is {value!r}", expected=allowed, remedy="Correct the recipe")
