"""Engines: everything that can stand behind `ChatModel`, found by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent import active, models
from agent.types import ChatModel
from knowledge.errors import ConfigError, WeightsError


@dataclass(frozen=True, slots=True)
class Settings:
    """What an engine is opened with. `model` is a catalogue id, a path, or a hub or endpoint's name, as it can."""

    model: str
    home: Path
    adapter: str = ""
    base_url: str = ""
    key_env: str = ""
    context: int = 8192
    threads: int | None = None
    concurrency: int | None = None
    prefix_cache: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """A name, what it is for, and the function that opens it."""

    name: str
    what: str
    open: Callable[[Settings], ChatModel]


def open_engine(
    name: str,
    *,
    model: str,
    home: Path,
    adapter: str = "",
    base_url: str = "",
    key_env: str = "",
    context: int = 8192,
    threads: int | None = None,
    concurrency: int | None = None,
    prefix_cache: bool = True,
) -> ChatModel:
    """A model behind the engine called `name`; weights are read on first use.

    `adapter` is a path, or what `agent.active.chosen` made of the setting. Raises ConfigError for a name or setting that
    cannot be used, WeightsError when weights are not there, or an adapter is not one for them.
    """
    settings = Settings(model, home, adapter, base_url, key_env, context, threads, concurrency, prefix_cache)
    for engine in ENGINES:
        if engine.name == name:
            return engine.open(settings)
    raise ConfigError(f"no engine is called {name!r}", expected=f"one of {', '.join(e.name for e in ENGINES)}")


def _open_llamacpp(settings: Settings) -> ChatModel:
    from agent.engines.llamacpp import LlamaCpp

    path, weights, name, most = _gguf(settings)
    worn = active.worn(settings.adapter, engine="llamacpp", home=settings.home, weights=weights, name=name)
    return LlamaCpp(
        path,
        name=name,
        weights=weights,
        context=min(settings.context, most),
        threads=settings.threads,
        concurrency=settings.concurrency or 1,
        adapter_path=worn.path,
        adapter=worn.digest,
        prefix_cache=settings.prefix_cache,
    )


def _open_openai(settings: Settings) -> ChatModel:
    from agent.engines.openai import OpenAI

    if not settings.base_url:
        raise ConfigError("the openai engine has no base URL", remedy="Set one, such as http://127.0.0.1:8000/v1")
    return OpenAI(
        base_url=settings.base_url,
        model=settings.adapter or settings.model,  # vLLM and its like serve an adapter as a model of its own name
        key_env=settings.key_env,
        adapter=settings.adapter,
        context=settings.context,
        concurrency=settings.concurrency or 4,
    )


def _open_transformers(settings: Settings) -> ChatModel:
    from agent.engines.transformers import Transformers

    known = any(card.id == settings.model for card in models.catalogue())
    if known or settings.model.endswith(".gguf"):
        path, weights, name, most = _gguf(settings)
        source: str | Path = path
    else:
        folder = Path(settings.model)
        weights = folder_digest(folder) if folder.is_dir() else ""  # a hub's revision is known once it is loaded
        source, name, most = settings.model, folder.name, settings.context
    worn = active.worn(
        settings.adapter, engine="transformers", home=settings.home, weights=weights, name=name,
        tokenizer=Path(source) / "tokenizer.json",
    )  # fmt: skip
    return Transformers(
        source,
        home=settings.home,
        name=name,
        weights=weights,
        context=min(settings.context, most),
        adapter_path=worn.path,
        adapter=worn.digest,
        threads=settings.threads,
    )


ENGINES: tuple[Engine, ...] = (
    Engine("llamacpp", "GGUF weights on the processor; needs nothing else", _open_llamacpp),
    Engine("openai", "any chat-completions endpoint: vLLM, llama.cpp's server, a hosted model", _open_openai),
    Engine("transformers", "4-bit NF4 on one GPU, or on the processor for tests", _open_transformers),
)


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a folder's files: which adapter this is. Raises WeightsError when empty."""
    whole = hashlib.sha256()
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise WeightsError(f"there is no adapter in {folder}", expected="a folder saved by PEFT")
    for file in files:
        whole.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()


def _gguf(settings: Settings) -> tuple[Path, str, str, int]:
    """Path, digest, name and longest context of a GGUF file, from the catalogue or given as a path."""
    given = Path(settings.model)
    if given.suffix == ".gguf":
        if not given.is_file():
            raise WeightsError(f"there is no file {given}", remedy="Check the model setting")
        return given, models.digest(given, settings.home), given.stem, settings.context
    card = models.find(settings.model)
    path = models.path(card.id, settings.home)
    if path is None:
        raise WeightsError(
            f"the weights of {card.id} are not in {settings.home / 'models'}, or changed since they were verified",
            remedy=f"Run `anamnesis models fetch {card.id}`",
        )
    return path, card.sha256, card.name, card.context
