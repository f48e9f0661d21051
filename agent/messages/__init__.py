"""Every string shown to a person, one file a language; no other module holds one."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from agent.types import Language


@lru_cache(maxsize=4)
def messages(language: Language) -> dict[str, str]:
    """Message id to text. Both files hold the same ids with the same fields in braces (a test holds it)."""
    with (Path(__file__).parent / f"{language}.toml").open("rb") as file:
        return {name: str(text) for name, text in tomllib.load(file).items()}


def say(language: Language, name: str, **fields: object) -> str:
    """One message with its fields filled in."""
    return messages(language)[name].format(**fields)
