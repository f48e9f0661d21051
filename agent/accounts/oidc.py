"""Identities of other sign-ons: an issuer and a subject, given a role by rules that are data (`oidc.toml` under the home).

The protocol is not here: who calls `enter` has verified the token. What comes in are an issuer, a subject and claims.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from agent.accounts.people import change_role_in, end_sessions, insert_in
from agent.accounts.providers import FILE, secure
from agent.accounts.sessions import begin_in
from agent.accounts.types import ROLES, Role, Session
from agent.database import Database
from knowledge.errors import AccessError, ConfigError

_EXPECTED = 'tables [[rule]] with issuer = "https://...", a role, and a subject or a claim with its value'
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Rule:
    """Whoever this issuer calls `subject`, or in whose `claim` the `value` is, has the role."""

    issuer: str
    role: Role
    subject: str = ""
    claim: str = ""
    value: str = ""


def load_rules(home: Path) -> tuple[Rule, ...]:
    """The rules of this installation, none where there is no file: then nobody can sign in from elsewhere.

    Raises:
        ConfigError: a rule that is none, or that makes operators by anything but their subject.
    """
    file = home / FILE
    if not file.is_file():
        return ()
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8")).get("rule", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{file} cannot be read: {fault}", expected=_EXPECTED) from fault
    return tuple(_rule(row, number, file) for number, row in enumerate(rows, 1))


def role_for(rules: Sequence[Rule], issuer: str, subject: str, claims: Mapping[str, Any]) -> Role | None:
    """The role of the first rule that fits; None where none does: nobody gets a role by default."""
    for rule in rules:
        if rule.issuer == issuer and _fits(rule, subject, claims):
            return rule.role
    return None


def enter(
    db: Database, rules: Sequence[Rule], *, issuer: str, subject: str, claims: Mapping[str, Any]
) -> tuple[str, Session]:
    """A session for an identity that its issuer has proved; its account is made the first time, its role is the rules' each time.

    Neither name nor address of the person is stored.

    Raises:
        AccessError: no rule gives it a role, recorded; sessions it still has end.
        InputError: it is the last operator, whose role the rules would take.
    """
    from sqlalchemy import text

    role = role_for(rules, issuer, subject, claims) if 0 < len(subject) <= _LONGEST else None
    refused = False
    with db.writing() as connection:
        known = connection.execute(
            text("SELECT account FROM identities WHERE issuer = :i AND subject = :s"), {"i": issuer, "s": subject}
        ).scalar()
        if role is None:
            refused = True
            if known:
                end_sessions(connection, known)
            record = {"action": "sign_in", "account": known or "", "why": "no rule for this identity"}
            db.audit.append_in(connection, "denied", record, conversation="")
        else:
            if known is None:
                name = "oidc-" + hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:24]
                known = insert_in(db, connection, name, role, None, by="oidc").id
                connection.execute(
                    text("INSERT INTO identities (issuer, subject, account) VALUES (:i, :s, :a)"),
                    {"i": issuer, "s": subject, "a": known},
                )
            else:
                change_role_in(db, connection, known, role, by="oidc")
            entered = begin_in(db, connection, known, role)
            db.audit.append_in(connection, "signed_in", {"account": known, "role": role}, conversation="")
    if refused:
        raise AccessError(
            "That identity has no role here",
            remedy=f"Ask the operator for a rule in {FILE}",
            expected="a rule that fits it",
        )
    return entered


def _fits(rule: Rule, subject: str, claims: Mapping[str, Any]) -> bool:
    if rule.subject:
        return rule.subject == subject
    given = claims.get(rule.claim)
    return rule.value in given if isinstance(given, list | tuple) else rule.value == given


def _rule(row: Any, number: int, file: Path) -> Rule:
    names = {field.name for field in fields(Rule)}
    texts = isinstance(row, dict) and set(row) <= names and all(isinstance(value, str) for value in row.values())
    if not texts or not secure(str(row.get("issuer", ""))) or row.get("role") not in ROLES:
        raise ConfigError(f"Rule {number} of {file} is none", expected=_EXPECTED)
    rule = Rule(**{**row, "role": cast(Role, row["role"])})
    if bool(rule.subject) == bool(rule.claim and rule.value):
        raise ConfigError(
            f"Rule {number} of {file} names both or neither of a subject and a claim with its value", expected=_EXPECTED
        )
    if rule.role == "operator" and not rule.subject:
        raise ConfigError(
            f"Rule {number} of {file} makes operators of a whole group", expected="a subject for each operator"
        )
    return rule
