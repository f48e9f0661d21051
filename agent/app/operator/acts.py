"""What an operator may do here: each act is asked first in words that say what will happen, then done once and recorded.

An act's `ask` looks whether it can be done and gives the fields of the question; its `do` looks again whether whoever asks may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.accounts import keys as api_keys
from agent.accounts import people
from agent.accounts.passwords import random_password
from agent.accounts.permissions import require, table
from agent.accounts.types import ROLES, Account, Role, Who
from agent.app.operator import holdings
from agent.app.staff.types import House
from agent.records.erasure import erase_account, erase_conversation
from agent.records.retention import due, purge
from knowledge.errors import InputError

Given = Mapping[str, Any]
Fields = dict[str, object]
_LABEL = 64


class Cannot(InputError):
    """An act that cannot be done. `message` is the id of the words for a page, `fields` what goes into them."""

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(f"It cannot be done: {message}")
        self.message, self.fields = message, fields


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: fields for the words that tell it, and a `secret` that is shown this once."""

    fields: Fields
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """`action` of permissions.toml. `ask` and `do` raise Cannot, InputError, WeightsError, StoreError, ConfigError."""

    action: str
    ask: Callable[[House, Given], Fields]
    do: Callable[[House, Who, Given], Done]


def ask(house: House, who: Who, name: str, given: Given) -> Fields:
    """What will happen, as fields of the question `operator_ask_NAME`; nothing is done.

    Raises:
        AccessError: who may not; recorded.
        Cannot: it cannot be done, and why. Or as `Act`.
    """
    act = ACTS[name]
    require(house.db, who, act.action)
    return act.ask(house, given)


def do(house: House, who: Who, name: str, given: Given) -> Done:
    """Do it, and give the fields of `operator_did_NAME`. Raises as `ask`."""
    act = ACTS[name]
    require(house.db, who, act.action)
    act.ask(house, given)
    return act.do(house, who, given)


def verify(house: House, who: Who) -> tuple[Any, str, int]:
    """The audit chain walked: the outcome, what is wrong in a word, and at which record.

    Raises:
        AccessError: who may not; recorded.
        StoreError: the database cannot be read.
    """
    require(house.db, who, "verify_audit")
    outcome = house.db.audit.verify()
    house.metrics.verified(whole=not outcome.fault)
    return outcome, *holdings.fault_at(outcome)


# Models.


def _ask_roll_back(house: House, given: Given) -> Fields:
    active = holdings.promoted(house)
    if active is None:
        raise Cannot("operator_no_adapter")
    return {"now": active[0], "then": active[1] or "-"}


def _roll_back(house: House, who: Who, given: Given) -> Done:
    try:
        from finetune.registry import run_rollback
    except ImportError as fault:
        raise Cannot("operator_no_finetune") from fault
    before = holdings.promoted(house)
    # In one transaction: what is rolled back is recorded, and what fails is not.
    with house.db.writing() as connection:
        done = run_rollback(home=house.settings.home)
        record = {"did": "rolled_back", "from": done["was"], "to": done.get("active") or "", "by": who.account}
        house.db.audit.append_in(connection, "operated", record, conversation="")
    return Done({"now": before[0] if before else "", "then": done.get("active") or "-"})


# What is kept.


def _ask_purge(house: House, given: Given) -> Fields:
    return {"conversations": due(house.db, house.db.clock())}


def _purge(house: House, who: Who, given: Given) -> Done:
    done = purge(house.db, house.db.clock())
    told: Fields = {"conversations": done.conversations, "records": done.records, "sessions": done.sessions}
    house.db.audit.append("operated", {"did": "purged", "by": who.account, **told}, conversation="")
    return Done(told)


def _ask_erase(house: House, given: Given) -> Fields:
    subject = _text(given, "subject")
    if not subject:
        raise Cannot("operator_no_subject")
    return {"subject": subject}


def _erase(house: House, who: Who, given: Given) -> Done:
    subject = _text(given, "subject")
    try:
        done = erase_conversation(house.db, subject)
    except InputError as fault:
        raise Cannot("operator_no_conversation", subject=subject) from fault
    record = {"did": "erased", "conversation": subject, "by": who.account}
    house.db.audit.append("operated", record, conversation="")
    return Done({"subject": subject, "records": done.records})


# Accounts.


def _ask_add(house: House, given: Given) -> Fields:
    name, role = people.fold(_text(given, "name")), _role(given)
    if not name:
        raise Cannot("operator_no_name")
    if any(account.name == name for account in people.listed(house.db)):
        raise Cannot("operator_name_taken", who=name)
    return {"who": name, "role": role}


def _add(house: House, who: Who, given: Given) -> Done:
    password = random_password()
    account = people.add(house.db, _text(given, "name"), _role(given), password, by=who.account, must_change=True)
    return Done({"who": account.name, "role": account.role}, password)


def _ask_role(house: House, given: Given) -> Fields:
    account, role = _account(house, given), _role(given)
    if account.role == role:
        raise Cannot("operator_same_role", who=account.name, role=role)
    _another_operator(house, account)
    return {"who": account.name, "was": account.role, "role": role}


def _set_role(house: House, who: Who, given: Given) -> Done:
    account = _account(house, given)
    people.set_role(house.db, account.id, _role(given), by=who.account)
    return Done({"who": account.name, "role": _role(given)})


def _ask_named(house: House, given: Given) -> Fields:
    account = _account(house, given)
    return {"who": account.name, "role": account.role}


def _password(house: House, who: Who, given: Given) -> Done:
    account, password = _account(house, given), random_password()
    people.set_password(house.db, account.id, password, by=who.account, must_change=True)
    return Done({"who": account.name}, password)


def _end_sessions(house: House, who: Who, given: Given) -> Done:
    account = _account(house, given)
    with house.db.writing() as connection:
        ended = people.end_sessions(connection, account.id)
        record = {"did": "ended_sessions", "account": account.id, "sessions": ended, "by": who.account}
        house.db.audit.append_in(connection, "operated", record, conversation="")
    return Done({"who": account.name, "sessions": ended})


def _ask_remove(house: House, given: Given) -> Fields:
    account = _account(house, given)
    _another_operator(house, account)
    return {"who": account.name, "role": account.role}


def _remove(house: House, who: Who, given: Given) -> Done:
    account = _account(house, given)
    done = erase_account(house.db, account.id, by=who.account)
    return Done({"who": account.name, "conversations": done.conversations, "records": done.records})


# API keys.


def _ask_issue(house: House, given: Given) -> Fields:
    account, purpose, days = _account(house, given), _text(given, "purpose"), _days(given)
    scopes = _scopes(given)
    if not purpose or len(purpose) > _LABEL:
        raise Cannot("operator_no_purpose")
    if not scopes:
        raise Cannot("operator_no_scope")
    if not 1 <= days <= api_keys.MOST_DAYS:
        raise Cannot("operator_no_days", most=api_keys.MOST_DAYS)
    return {"who": account.name, "purpose": purpose, "scopes": ", ".join(scopes), "days": days}


def _issue(house: House, who: Who, given: Given) -> Done:
    account = _account(house, given)
    issued = api_keys.issue(
        house.db, account.id, name=_text(given, "purpose"), scopes=_scopes(given), by=who.account, days=_days(given)
    )
    return Done({"who": account.name, "prefix": issued.key.prefix, "ends": issued.key.ends[:10]}, issued.secret)


def _ask_revoke(house: House, given: Given) -> Fields:
    prefix = _text(given, "prefix")
    for key in api_keys.keys_of(house.db):
        if key.prefix == prefix and not key.revoked:
            return {"prefix": prefix, "purpose": key.name}
    raise Cannot("operator_no_key")


def _revoke(house: House, who: Who, given: Given) -> Done:
    api_keys.revoke(house.db, _text(given, "prefix"), by=who.account)
    return Done({"prefix": _text(given, "prefix")})


ACTS: Mapping[str, Act] = {
    "roll_back": Act("manage_models", _ask_roll_back, _roll_back),
    "purge": Act("manage_retention", _ask_purge, _purge),
    "erase": Act("manage_retention", _ask_erase, _erase),
    "add": Act("manage_accounts", _ask_add, _add),
    "role": Act("manage_accounts", _ask_role, _set_role),
    "password": Act("manage_accounts", _ask_named, _password),
    "end_sessions": Act("manage_accounts", _ask_named, _end_sessions),
    "remove": Act("manage_accounts", _ask_remove, _remove),
    "issue": Act("manage_accounts", _ask_issue, _issue),
    "revoke": Act("manage_accounts", _ask_revoke, _revoke),
}
"""By the name that their words have in the messages."""


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    return value.strip() if isinstance(value, str) else ""


def _account(house: House, given: Given) -> Account:
    id_ = _text(given, "account")
    found = next((account for account in people.listed(house.db) if account.id == id_), None)
    if found is None:
        raise Cannot("operator_no_account")
    return found


def _role(given: Given) -> Role:
    role = _text(given, "role")
    if role not in ROLES:
        raise Cannot("operator_no_role")
    return role


def _scopes(given: Given) -> tuple[str, ...]:
    chosen = given.get("scopes")
    return tuple(scope for scope in table().scopes if isinstance(chosen, list | tuple) and scope in chosen)


def _days(given: Given) -> int:
    days = given.get("days")
    return int(days) if isinstance(days, int | float) and days == int(days) else 0


def _another_operator(house: House, account: Account) -> None:
    operators = [each for each in people.listed(house.db) if each.role == "operator"]
    if account.role == "operator" and len(operators) < 2:
        raise Cannot("operator_last")
