"""Values of accounts: frozen, data without behaviour. No secret is in any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["visitor", "patient", "clinician", "evaluator", "operator"]
ROLES: tuple[Role, ...] = ("patient", "clinician", "evaluator", "operator")
"""Roles an account can have; `visitor` is whoever has none."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever asks for something.

    `account` is "" for a visitor. `scopes` limit an API key, None where nothing does. `holds`: conversations that this
    visitor's page proves to be its own.
    """

    account: str = ""
    role: Role = "visitor"
    scopes: frozenset[str] | None = None
    holds: frozenset[str] = frozenset()
    must_change: bool = False


VISITOR = Who()


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `name` is folded; `has_password` is False for one that signs in elsewhere. Times are ISO, UTC."""

    id: str
    name: str
    role: Role
    has_password: bool
    must_change: bool
    made: str
    changed: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was begun. `ends` is the latest it can live; idle time ends it sooner."""

    account: str
    made: str
    ends: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is listed: its prefix finds it, the key itself is nowhere."""

    id: str
    prefix: str
    account: str
    name: str
    scopes: tuple[str, ...]
    made: str
    ends: str
    revoked: str
    used: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A secret that is shown this once, and what it is for."""

    secret: str
    key: ApiKey

    def __repr__(self) -> str:
        return f"Issued({self.key!r})"
