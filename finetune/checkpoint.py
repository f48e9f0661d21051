"""What a stopped training goes on from: the state of its parts, kept with the recipe that it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def key(recipe: Mapping[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """The recipe with a digest of the texts that train: what was learned from others is nothing to go on from."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return {**recipe, "texts": found.hexdigest()[:16]}


def keep(path: Path, done: int, recipe: dict[str, Any], parts: dict[str, Any]) -> None:
    """Write the parts' state after `done` epochs or steps."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"done": done, "recipe": recipe, **{name: part.state_dict() for name, part in parts.items()}}, path)


def resume(path: Path, recipe: dict[str, Any], parts: dict[str, Any]) -> int:
    """How many epochs or steps were done, the parts as they were then; 0 where nothing of this recipe was kept."""
    import torch

    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["recipe"] != recipe:
        return 0
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["done"])
