"""Accounts: make, find, list, change and remove them. What ends somebody's rights ends their sessions in the same transaction."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any, cast

from agent.accounts.passwords import DEFAULT, Strength, check_password, hash_password
from agent.accounts.types import ROLES, Account, Role
from agent.database import Database
from knowledge.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NAME = re.compile(r"[\w.@+-]{3,64}")
_LONGEST = 256
_COLUMNS = "id, name, role, password IS NOT NULL AS has_password, must_change, made, changed"


def fold(name: str) -> str:
    """A name as it is stored and compared; "" where it can be nobody's."""
    folded = unicodedata.normalize("NFKC", name[:_LONGEST]).strip().casefold()
    return folded if _NAME.fullmatch(folded) else ""


def add(
    db: Database, name: str, role: Role, password: str | None, *, by: str, must_change: bool = False,
    strength: Strength = DEFAULT,
) -> Account:  # fmt: skip
    """A new account; without a password for who signs in elsewhere. `by` is the account that makes it, or where it was made.

    Raises:
        InputError: the name is taken or none, no such role, or what is no password.
    """
    folded = fold(name)
    if not folded:
        raise InputError(
            "That is no account name", expected="3 to 64 letters, digits and . @ + - _; it need not be a real name"
        )
    _check_role(role)
    hashed = None
    if password is not None:
        check_password(password, name=folded)
        hashed = hash_password(password, strength=strength)
    with db.writing() as connection:
        if _row(connection, "name", folded) is not None:
            raise InputError("An account of that name exists", remedy="Choose another name")
        return insert_in(db, connection, folded, role, hashed, by=by, must_change=must_change)


def insert_in(
    db: Database,
    connection: Connection,
    name: str,
    role: Role,
    hashed: str | None,
    *,
    by: str,
    must_change: bool = False,
) -> Account:
    """The row of a new account, within a transaction."""
    from sqlalchemy import text

    id_, now = secrets.token_hex(16), db.now()
    connection.execute(
        text("INSERT INTO accounts (id, name, role, password, must_change, made, changed) "
             "VALUES (:id, :name, :role, :password, :must, :now, :now)"),
        {"id": id_, "name": name, "role": role, "password": hashed, "must": int(must_change), "now": now},
    )  # fmt: skip
    db.audit.append_in(connection, "account", {"did": "added", "account": id_, "role": role, "by": by}, conversation="")
    return Account(id_, name, role, hashed is not None, must_change, now, now)


def listed(db: Database) -> tuple[Account, ...]:
    """Every account, by name."""
    from sqlalchemy import text

    with db.reading() as connection:
        return tuple(
            _account(row) for row in connection.execute(text(f"SELECT {_COLUMNS} FROM accounts ORDER BY name"))
        )


def named(db: Database, name: str) -> Account:
    """The account of a name.

    Raises:
        InputError: there is none.
    """
    with db.reading() as connection:
        return _needed(connection, "name", fold(name))


def by_id(db: Database, id_: str) -> Account:
    """The account of an id.

    Raises:
        InputError: there is none.
    """
    with db.reading() as connection:
        return _needed(connection, "id", id_)


def set_password(
    db: Database, account: str, password: str, *, by: str, must_change: bool = False, strength: Strength = DEFAULT
) -> None:
    """A new password; every session of the account ends.

    Raises:
        InputError: there is no such account, or what is no password.
    """
    from sqlalchemy import text

    check_password(password, name=by_id(db, account).name)
    hashed = hash_password(password, strength=strength)
    with db.writing() as connection:
        _needed(connection, "id", account)
        connection.execute(
            text("UPDATE accounts SET password = :p, must_change = :m, changed = :now WHERE id = :id"),
            {"p": hashed, "m": int(must_change), "now": db.now(), "id": account},
        )
        end_sessions(connection, account)
        db.audit.append_in(connection, "account", {"did": "password", "account": account, "by": by}, conversation="")


def set_role(db: Database, account: str, role: Role, *, by: str) -> None:
    """Another role; every session ends, and its keys may do no more than the new role may.

    Raises:
        InputError: no such account or role, or it is the last operator.
    """
    with db.writing() as connection:
        change_role_in(db, connection, account, role, by=by)


def change_role_in(db: Database, connection: Connection, account: str, role: Role, *, by: str) -> None:
    """The same within a transaction."""
    from sqlalchemy import text

    _check_role(role)
    before = _needed(connection, "id", account)
    if before.role == role:
        return
    _keep_one_operator(connection, before)
    connection.execute(
        text("UPDATE accounts SET role = :role, changed = :now WHERE id = :id"),
        {"role": role, "now": db.now(), "id": account},
    )
    end_sessions(connection, account)
    record = {"did": "role", "account": account, "from": before.role, "role": role, "by": by}
    db.audit.append_in(connection, "account", record, conversation="")


def remove_in(db: Database, connection: Connection, account: str, *, by: str) -> None:
    """Remove an account with its sessions, keys and identities, within a transaction.

    What is kept of its conversations is `agent.records.erasure`'s: it calls this.

    Raises:
        InputError: there is no such account, or it is the last operator.
    """
    from sqlalchemy import text

    before = _needed(connection, "id", account)
    _keep_one_operator(connection, before)
    connection.execute(text("DELETE FROM accounts WHERE id = :id"), {"id": account})
    record = {"did": "removed", "account": account, "role": before.role, "by": by}
    db.audit.append_in(connection, "account", record, conversation="")


def end_sessions(connection: Connection, account: str) -> int:
    """End every session of an account, within a transaction; how many."""
    from sqlalchemy import text

    return connection.execute(text("DELETE FROM sessions WHERE account = :a"), {"a": account}).rowcount


def _keep_one_operator(connection: Connection, account: Account) -> None:
    from sqlalchemy import text

    if account.role != "operator":
        return
    others = connection.execute(
        text("SELECT COUNT(*) FROM accounts WHERE role = 'operator' AND id <> :id"), {"id": account.id}
    ).scalar_one()
    if not others:
        raise InputError(
            "That is the last operator, and nobody could manage accounts", remedy="Make another operator first"
        )


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InputError(f"{role!r} is no role", expected=f"one of {', '.join(ROLES)}")


def _needed(connection: Connection, column: str, value: str) -> Account:
    row = _row(connection, column, value)
    if row is None:
        raise InputError("There is no such account", remedy="`anamnesis accounts list` shows who there is")
    return _account(row)


def _row(connection: Connection, column: str, value: str) -> Any:
    from sqlalchemy import text

    return connection.execute(text(f"SELECT {_COLUMNS} FROM accounts WHERE {column} = :v"), {"v": value}).first()


def _account(row: Any) -> Account:
    return Account(
        row.id, row.name, cast(Role, row.role), bool(row.has_password), bool(row.must_change), row.made, row.changed
    )
