"""Which adapter serves: the manifest that promotion wrote, and what an adapter must be before an engine reads it.

An adapter is known by a digest of its weights and their configuration (`adapter_digest`), whatever form an engine reads it
in. `settings` writes the active one as `active:DIGEST`, so that the settings hash is of the adapter and not of a path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import ConfigError, WeightsError
from knowledge.store import sha256

MANIFEST = "adapter.json"
FORMAT = "anamnesis.active/1"
NONE = "none"
"""The setting that switches the active adapter off."""
RECORD, EXPORTED, GGUF = "training.json", "export.json", "adapter.gguf"
WEIGHTS = ("adapter_config.json", "adapter_model.safetensors")
_ACTIVE = "active:"
_REMEDY = "Run `anamnesis finetune rollback`, promote an adapter again, or set adapter to none"


@dataclass(frozen=True, slots=True)
class Active:
    """The promoted adapter. `base` is {"model", "file", "sha256"}; `engines` name to a path below `home`; `sha256` path to hash."""

    name: str
    digest: str
    base: Mapping[str, str]
    engines: Mapping[str, str]
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Worn:
    """What an engine loads on top of its weights: a path (None: nothing), and the digest that is logged."""

    path: Path | None = None
    digest: str = ""


def read_active(home: Path) -> Active | None:
    """The active adapter, None where none was promoted.

    Raises:
        ConfigError: the manifest cannot be read.
    """
    file = home / MANIFEST
    if not file.is_file():
        return None
    row = _json(file)
    names = ("name", "digest", "base", "engines", "sha256")
    missing = [name for name in names if not row.get(name)]
    if row.get("format") != FORMAT or missing:
        raise ConfigError(
            f"{file} is not the manifest of an adapter" + (f": it lacks {', '.join(missing)}" if missing else ""),
            expected=f"the format {FORMAT}",
            remedy=_REMEDY,
        )
    return Active(**{name: row[name] for name in names})


def chosen(adapter: str, *, engine: str, model: str, home: Path) -> str:
    """The adapter setting as it will be used: what was set, or the active adapter where its base is what serves."""
    if adapter == NONE:
        return ""
    if adapter or engine in ("none", "openai"):
        return adapter
    active = read_active(home)
    if active is None or engine not in active.engines or active.base.get("model") != model:
        return ""
    return _ACTIVE + active.digest


def worn(adapter: str, *, engine: str, home: Path, weights: str, name: str, tokenizer: Path | None = None) -> Worn:
    """The adapter that a setting names, verified before anything is loaded.

    `adapter`: empty, `active:DIGEST`, a folder that `finetune train` wrote, or what the engine itself reads. `weights` is the
    digest of the base it will be put on, `name` what to call that base, `tokenizer` the base's tokenizer.json where it is a file.

    Raises:
        WeightsError: no such adapter, one that was made for another base or tokenizer, or a file that changed since.
        ConfigError: the active manifest names another adapter than the setting.
    """
    if adapter in ("", NONE):
        return Worn()
    if adapter.startswith(_ACTIVE):
        return _promoted(adapter.removeprefix(_ACTIVE), engine=engine, home=home, weights=weights, name=name)
    given = Path(adapter)
    folder = given.parent if given.name == GGUF else given
    if not (folder / RECORD).is_file():
        return _foreign(given, engine)
    record = record_of(folder)
    matches(record, weights=weights, name=name, tokenizer=tokenizer)
    digest = adapter_digest(folder)
    if engine != "llamacpp":
        return Worn(folder, digest)
    file = folder / GGUF
    made = _json(folder / EXPORTED) if (folder / EXPORTED).is_file() else {}
    if not file.is_file() or not made:
        raise WeightsError(
            f"there is no adapter {file} for llama.cpp",
            remedy=f"Run `anamnesis finetune export {folder} --to gguf`",
        )
    if made.get("from") != digest or made.get("sha256") != sha256(file):
        raise WeightsError(
            f"{file} was not made from the weights beside it, or changed since",
            remedy=f"Run `anamnesis finetune export {folder} --to gguf` again",
        )
    return Worn(file, digest)


def matches(record: Mapping[str, Any], *, weights: str, name: str, tokenizer: Path | None = None) -> None:
    """Hold an adapter's record against the base it is to be put on.

    Raises:
        WeightsError: it was trained on other weights, or on another tokenizer.
    """
    base = record.get("base", {})
    wanted = str(base.get("sha256", ""))
    if wanted and weights and wanted != weights:
        raise WeightsError(
            f"the adapter {record.get('name')} was trained on {base.get('model')} (SHA-256 {wanted[:12]}), "
            f"not on {name} (SHA-256 {weights[:12]})",
            expected="the very weights it was trained on",
            remedy=f"Use the model {base.get('model')}, or an adapter made for {name}",
        )
    known = str(record.get("tokenizer", ""))
    if tokenizer is not None and tokenizer.is_file() and known and sha256(tokenizer) != known:
        raise WeightsError(
            f"the adapter {record.get('name')} was trained with another tokenizer than {tokenizer}",
            expected=f"a tokenizer.json with the SHA-256 {known}",
            remedy=f"Use {base.get('model')} with its own tokenizer",
        )


def adapter_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of an adapter's configuration and weights: which adapter this is.

    Raises:
        WeightsError: one of the two is not there.
    """
    whole = hashlib.sha256()
    for name in WEIGHTS:
        file = folder / name
        if not file.is_file():
            raise WeightsError(f"there is no adapter in {folder}: {name} is missing", expected=" and ".join(WEIGHTS))
        whole.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()


def record_of(folder: Path) -> dict[str, Any]:
    """What `finetune train` wrote last into an adapter's folder.

    Raises:
        WeightsError: it is not there, so that the training was not completed, or cannot be read.
    """
    file = folder / RECORD
    if not file.is_file():
        raise WeightsError(
            f"{folder} holds no {RECORD}, so no training was completed there",
            remedy="Run `anamnesis finetune train` again: it goes on where it stopped",
        )
    try:
        return _json(file)
    except ConfigError as fault:
        raise WeightsError(fault.wrong, expected=fault.expected, remedy="Train again, or restore the file") from fault


def _promoted(digest: str, *, engine: str, home: Path, weights: str, name: str) -> Worn:
    active = read_active(home)
    if active is None or active.digest != digest:
        now = active.digest[:12] if active else "none"
        raise ConfigError(
            f"the adapter {digest[:12]} is no longer the active one ({now} is)", remedy="Start again to use it"
        )
    place = active.engines.get(engine)
    if place is None:
        raise WeightsError(f"the adapter {active.name} was not promoted for the engine {engine}", remedy=_REMEDY)
    matches({"name": active.name, "base": active.base}, weights=weights, name=name)
    for path, expected in active.sha256.items():
        file = home / path
        if not file.is_file() or sha256(file) != expected:
            raise WeightsError(
                f"{file} is not what was promoted", expected=f"a file with the SHA-256 {expected}", remedy=_REMEDY
            )
    return Worn(home / place, active.digest)


def _foreign(given: Path, engine: str) -> Worn:
    """An adapter that somebody else made: nothing is known of its base, and the engine itself refuses what does not fit."""
    if engine == "llamacpp":
        if not given.is_file():
            raise WeightsError(f"there is no adapter {given}", expected="a LoRA in one GGUF file")
        return Worn(given, sha256(given))
    from agent.engines import folder_digest

    return Worn(given, folder_digest(given))


def _json(file: Path) -> dict[str, Any]:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{file} cannot be read: {fault}", remedy=_REMEDY) from fault
    if not isinstance(row, dict):
        raise ConfigError(f"{file} holds no object", remedy=_REMEDY)
    return row
