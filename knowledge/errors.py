"""The one family of exceptions. Each message names what was wrong, what was expected and what to do next."""

from __future__ import annotations


class AnamnesisError(Exception):
    """Something a person can act on.

    `wrong` says what was found, `expected` what should have been there, `remedy` what to do next. `retry` tells
    a caller whether the same call may succeed later without anybody changing anything.
    """

    retry = False

    def __init__(self, wrong: str, *, expected: str = "", remedy: str = "") -> None:
        self.wrong, self.expected, self.remedy = wrong, expected, remedy
        parts = [wrong.rstrip(".") + "."]
        if expected:
            parts.append(f"Expected {expected.rstrip('.')}.")
        if remedy:
            parts.append(remedy.rstrip(".") + ".")
        super().__init__(" ".join(parts))


class InputError(AnamnesisError):
    """What the caller gave cannot be used (text, file, row, option)."""


class KnowledgeError(AnamnesisError):
    """A topic, rule or document breaks its format."""


class IndexFault(AnamnesisError):
    """An index is missing, damaged, half-written, or made for another corpus or embedder."""


class WeightsError(AnamnesisError):
    """Model weights are missing, truncated, or not the pinned file."""


class EngineError(AnamnesisError):
    """A model could not be loaded or could not answer."""


class EngineBusy(EngineError):
    """The endpoint was overloaded or timed out; the same call may succeed later."""

    retry = True


class StoreError(AnamnesisError):
    """The database could not be read or written."""


class AccessError(AnamnesisError):
    """Who asks may not do this, or is not who they say."""


class TooManyTries(AccessError):
    """Too many tries for now; the same call may succeed after `wait` seconds."""

    retry = True

    def __init__(self, wrong: str, *, expected: str = "", remedy: str = "", wait: int = 0) -> None:
        super().__init__(wrong, expected=expected, remedy=remedy)
        self.wait = wait


class ConfigError(AnamnesisError):
    """A setting has a value that cannot be used."""
