"""The ways of running an adapted model that are compared: each opens an engine on the base, with the adapter or without."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.active import EXPORTED, GGUF
from agent.types import ChatModel
from finetune.adapter import Adapter, Base
from finetune.export import export_gguf, export_merged
from knowledge.errors import InputError


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of running the model. `against`: which variant shows what the adapter did to it."""

    name: str
    what: str
    against: str
    open: Callable[[Adapter, Base, Path, Path, int], ChatModel]


def _torch(
    adapter: Adapter, base: Base, home: Path, threads: int, *, source: Path, worn: bool, full: bool
) -> ChatModel:
    from agent.engines.transformers import Transformers

    return Transformers(
        source, home=home, name=base.model, weights=base.sha256, adapter_path=adapter.folder if worn else None,
        adapter=adapter.digest if worn else "", precision="full" if full else "nf4", threads=threads or None,
    )  # fmt: skip


def _base(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    return _torch(adapter, base, home, threads, source=base.folder, worn=False, full=True)


def _nf4(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    return _torch(adapter, base, home, threads, source=base.folder, worn=False, full=False)


def _nf4_worn(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    return _torch(adapter, base, home, threads, source=base.folder, worn=True, full=False)


def _merged(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    made = out / "merged"
    if not made.is_dir():
        export_merged(adapter, base, made)
    return _torch(adapter, base, home, threads, source=made, worn=False, full=True)


def _llama(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    return _llamacpp(base, threads)


def _llama_worn(adapter: Adapter, base: Base, home: Path, out: Path, threads: int) -> ChatModel:
    file, note = adapter.folder / GGUF, adapter.folder / EXPORTED
    if not (file.is_file() and note.is_file() and json.loads(note.read_text())["from"] == adapter.digest):
        file = out / GGUF
        export_gguf(adapter, base, file)
    return _llamacpp(base, threads, file, adapter.digest)


def _llamacpp(base: Base, threads: int, file: Path | None = None, digest: str = "") -> ChatModel:
    from agent.engines.llamacpp import LlamaCpp

    if base.gguf is None:
        raise InputError(f"{base.model} is no GGUF file", remedy="Leave the llama.cpp variants out with --variants")
    # No cache: a run that was stopped and goes on must write what an unbroken one would have written.
    return LlamaCpp(
        base.gguf, name=base.model, weights=base.sha256, context=4096, threads=threads or None, adapter_path=file,
        adapter=digest, prefix_cache=False,
    )  # fmt: skip


VARIANTS: tuple[Variant, ...] = (
    Variant("base", "the base in full precision", "", _base),
    Variant("nf4", "the base in 4-bit NF4", "", _nf4),
    Variant("nf4+adapter", "the base in 4-bit NF4 with the adapter", "nf4", _nf4_worn),
    Variant("merged", "the adapter merged into the base, half precision", "base", _merged),
    Variant("llamacpp", "llama.cpp on the base's GGUF file", "", _llama),
    Variant("llamacpp+adapter", "llama.cpp with the adapter as GGUF", "llamacpp", _llama_worn),
)
