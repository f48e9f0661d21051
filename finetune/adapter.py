"""An adapter folder as `train` wrote it: its record, its digest, and the base it was trained on, found and verified."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.active import adapter_digest, matches, record_of
from knowledge.errors import ConfigError, StoreError, WeightsError

SHIPPED = Path(__file__).parent / "adapters"


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter. `record` is its training.json, `config` PEFT's own; `digest` is of the weights and that configuration."""

    folder: Path
    name: str
    digest: str
    record: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """`lora`, `dora` or `adalora`."""
        method = str(self.config.get("peft_type", "LORA")).lower()
        return "dora" if method == "lora" and self.config.get("use_dora") else method


@dataclass(frozen=True, slots=True)
class Base:
    """The weights below an adapter: `folder` of safetensors at half precision, and the GGUF file they came from, if any."""

    model: str
    folder: Path
    gguf: Path | None
    sha256: str


def named(adapter: str, home: Path) -> Path:
    """The folder of an adapter that is named by its path, by its name in the home, or by the name of one that ships."""
    for folder in (Path(adapter), home / "adapters" / adapter, SHIPPED / adapter):
        if folder.is_dir():
            return folder
    raise WeightsError(
        f"there is no adapter {adapter}",
        expected=f"a folder, or a name in {home / 'adapters'} or {SHIPPED}",
        remedy="Run `anamnesis finetune list`",
    )


def read_adapter(folder: Path) -> Adapter:
    """The adapter in a folder.

    Raises:
        WeightsError: no training was completed there, or its weights are missing or cut short.
    """
    record = record_of(folder)
    digest = adapter_digest(folder)
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except ValueError as fault:
        raise WeightsError(f"{folder / 'adapter_config.json'} is not JSON: {fault}", remedy="Train again") from fault
    return Adapter(folder, str(record.get("name") or folder.name), digest, record, config)


def base_of(adapter: Adapter, home: Path) -> Base:
    """The base an adapter was trained on, its bytes held against the adapter's record; a GGUF file is converted once.

    Raises:
        WeightsError: it is not there, or it is other weights or another tokenizer than the adapter was trained with.
    """
    from agent import models
    from agent.engines import folder_digest

    told = adapter.record.get("base", {})
    model = str(told.get("model", ""))
    card = next((card for card in models.catalogue() if card.id == model), None)
    gguf = models.path(card.id, home) if card else Path(model) if model.endswith(".gguf") else None
    if card and gguf is None:
        raise WeightsError(
            f"the weights of {model} are not in {home / 'models'}", remedy=f"Run `anamnesis models fetch {model}`"
        )
    if gguf is not None:
        if not gguf.is_file():
            raise WeightsError(f"there is no file {gguf}", remedy="Put the base back where it was")
        sha256 = card.sha256 if card else models.digest(gguf, home)
        matches(adapter.record, weights=sha256, name=gguf.name)
        needs("torch", "transformers", "gguf")
        from agent.engines.convert import converted

        return Base(model, converted(gguf, sha256=sha256, home=home), gguf, sha256)
    folder = Path(model)
    if not folder.is_dir() and (adapter.folder / "recipe.toml").is_file():
        # A hub's name: the very revision that the recipe found.
        from finetune import base
        from finetune.recipe import read_recipe

        found = base.find(read_recipe(adapter.folder / "recipe.toml"), home=home)
        matches(adapter.record, weights=found.sha256, name=model, tokenizer=Path(found.source) / "tokenizer.json")
        return Base(model, Path(found.source), None, found.sha256)
    if not folder.is_dir():
        raise WeightsError(
            f"the base {model or '(none named)'} of {adapter.name} is neither in the catalogue nor a folder",
            remedy="Put the base back where it was, or train again",
        )
    sha256 = folder_digest(folder)
    matches(adapter.record, weights=sha256, name=folder.name, tokenizer=folder / "tokenizer.json")
    return Base(model, folder, None, sha256)


def needs(*packages: str) -> None:
    """Raises ConfigError, with the extra to install, when a package is not there."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"this needs {', '.join(missing)}, which is not installed", remedy="Run `pip install 'anamnesis[finetune]'`"
        )


def write_json(file: Path, row: Any) -> None:
    """Write JSON whole or not at all.

    Raises:
        StoreError: the disk is full, or the folder cannot be written; what was there stays.
    """
    write_text(file, json.dumps(row, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text whole or not at all. Raises StoreError as `write_json` does."""
    fresh = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, file)
    except OSError as fault:
        fresh.unlink(missing_ok=True)
        raise not_written(file, fault) from fault


def not_written(file: Path, fault: OSError) -> StoreError:
    """The error for a file that could not be written: a full disk, mostly."""
    return StoreError(
        f"{file} could not be written: {fault.strerror or fault}",
        expected="room on the disk and the right to write there",
        remedy="Make room and run the same command again; what was there before is unharmed",
    )
