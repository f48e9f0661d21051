"""May they: one table of roles, scopes and actions (`permissions.toml`), one function that answers, one that insists."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NoReturn

from agent.accounts.throttle import VISITORS, admit
from agent.accounts.types import ROLES, Who
from agent.database import Database
from knowledge.errors import AccessError, ConfigError, InputError, TooManyTries

_FILE = Path(__file__).parent / "permissions.toml"


@dataclass(frozen=True, slots=True)
class Table:
    """`roles` and `scopes` to actions; `sessions`: role to (idle, latest) time to live."""

    actions: dict[str, str]
    roles: dict[str, frozenset[str]]
    scopes: dict[str, frozenset[str]]
    sessions: dict[str, tuple[timedelta, timedelta]]


def may(who: Who, action: str) -> bool:
    """Whether `who` may do it. What the table does not say may not be done, and nothing before a given password was changed.

    Raises:
        InputError: no such action is in the table: a fault of the program, never a no.
    """
    rules = table()
    if action not in rules.actions:
        raise InputError(f"{action!r} is no action", expected=f"one of {', '.join(rules.actions)}")
    if who.must_change or action not in rules.roles.get(who.role, frozenset()):
        return False
    return who.scopes is None or any(action in rules.scopes.get(scope, frozenset()) for scope in who.scopes)


def require(db: Database, who: Who, action: str, *, about: str = "") -> None:
    """Let pass who may; a denial is recorded. `about` is an id, never words.

    Raises:
        AccessError: they may not.
        StoreError: the denial could not be recorded; it is one all the same.
    """
    if not may(who, action):
        deny(db, who, action, about=about)


def deny(db: Database, who: Who, action: str, *, about: str = "") -> NoReturn:
    """Record a denial and raise it; of visitors' not every one is recorded.

    Raises:
        AccessError: always.
    """
    record = {"action": action, "account": who.account, "role": who.role, "about": about}
    if who.account or _counted(db, action):
        db.audit.append("denied", record, conversation="")
    if who.must_change:
        raise AccessError("The password that was given to this account has to be changed first", remedy="Change it")
    raise AccessError(
        f"A {who.role} may not {table().actions[action]}",
        remedy="Sign in with an account that may, or ask the operator" if who.role == "visitor" else "Ask the operator",
    )


def _counted(db: Database, action: str) -> bool:
    """Whether a visitor's denial is recorded: the first ones are, then one in a quarter of an hour for each action.

    Nobody knows who a visitor is, anybody can be one, and a record cannot be deleted.
    """
    try:
        admit(db, f"denied {action}", "visitor", VISITORS)
    except TooManyTries:
        return False
    return True


@cache
def table() -> Table:
    """The table, checked.

    Raises:
        ConfigError: it names an action, role or scope that does not exist.
    """
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = Table(
        actions=data["actions"],
        roles={role: frozenset(actions) for role, actions in data["roles"].items()},
        scopes={scope: frozenset(actions) for scope, actions in data["scopes"].items()},
        sessions={
            role: (timedelta(minutes=row["idle_minutes"]), timedelta(hours=row["hours"]))
            for role, row in data["sessions"].items()
        },
    )
    named = frozenset[str]().union(*found.roles.values(), *found.scopes.values())
    if unknown := sorted(named - set(found.actions)):
        raise ConfigError(f"{_FILE.name} allows {', '.join(unknown)}", expected="actions of its own [actions]")
    if set(found.roles) != {"visitor", *ROLES} or set(found.sessions) != set(ROLES):
        raise ConfigError(f"{_FILE.name} names other roles than there are", expected=f"visitor, {', '.join(ROLES)}")
    return found
