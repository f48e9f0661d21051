"""Every string shown to a person; no other module holds one. `en.toml` and `zh.toml`, and a page's own in `AREA.en.toml`."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from agent.types import Language
from knowledge.errors import ConfigError


@lru_cache(maxsize=4)
def messages(language: Language) -> dict[str, str]:
    """Message id to text. Both languages hold the same ids with the same fields in braces (a test holds it).

    Raises:
        ConfigError: two files hold the same id.
    """
    here = Path(__file__).parent
    found: dict[str, str] = {}
    for file in (here / f"{language}.toml", *sorted(here.glob(f"*.{language}.toml"))):
        given = tomllib.loads(file.read_text(encoding="utf-8"))
        if twice := sorted(found.keys() & given.keys()):
            raise ConfigError(f"{file.name} says again: {', '.join(twice)}", expected="each message id in one file")
        found |= {name: str(text) for name, text in given.items()}
    return found


def say(language: Language, name: str, **fields: object) -> str:
    """One message with its fields filled in."""
    return messages(language)[name].format(**fields)
