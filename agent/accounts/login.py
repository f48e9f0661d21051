"""Signing in with a name and a password: the same work and the same words whether the name is known or not; and changing it."""

from __future__ import annotations

from typing import NoReturn

from agent.accounts.passwords import DEFAULT, MOST, Strength, check_password, hash_password, verify_password
from agent.accounts.people import by_id, end_sessions, fold
from agent.accounts.sessions import begin_in
from agent.accounts.throttle import ADDRESS, NAME, admit, forgive, take_back
from agent.accounts.types import Session
from agent.database import Database
from knowledge.errors import AccessError, InputError


def sign_in(
    db: Database, name: str, password: str, *, address: str = "", strength: Strength = DEFAULT
) -> tuple[str, Session]:
    """A new session and its token, which is shown to nobody else.

    `address` is whence the try came; it is counted under a keyed hash and not kept.

    Raises:
        TooManyTries: too soon after others of this name or address.
        AccessError: name and password do not belong together, whichever of them is wrong. Recorded, without either.
    """
    from sqlalchemy import text

    # First the shape and the keys: the throttle below is keyed.
    with db.reading() as connection:
        row = connection.execute(text("SELECT id, password FROM accounts WHERE name = :n"), {"n": fold(name)}).first()
    account = row.id if row is not None else ""
    key = admit(db, "sign_in", fold(name) or name[:MOST], NAME, account=account)
    whence = admit(db, "sign_in from one address", address, ADDRESS) if address else ""
    stored = row.password if row is not None and row.password else ""
    verdict = verify_password(stored, password, strength=strength)
    if not verdict.right:
        _refuse(db, account)
    forgive(db, key)
    if whence:
        take_back(db, whence, ADDRESS)
    with db.writing() as connection:
        # The account as it is now: while the password was checked it may have been removed, or given another one.
        now = connection.execute(text("SELECT role, password FROM accounts WHERE id = :id"), {"id": account}).first()
        if now is not None and now.password == stored:
            if verdict.rehashed:
                connection.execute(
                    text("UPDATE accounts SET password = :p WHERE id = :id"), {"p": verdict.rehashed, "id": account}
                )
            begun = begin_in(db, connection, account, now.role)
            db.audit.append_in(connection, "signed_in", {"account": account, "role": now.role}, conversation="")
            return begun
    _refuse(db, account)


def change_password(
    db: Database, account: str, current: str, new: str, *, address: str = "", strength: Strength = DEFAULT
) -> tuple[str, Session]:
    """The account's own new password: all its sessions end, and a new one begins, whose token comes back.

    The old one is asked for, and tries of it are counted with those of signing in: who sits at a page that was left open may
    not guess it there either.

    Raises:
        TooManyTries: too soon after other tries.
        AccessError: the old password is wrong, recorded; or the account signs in elsewhere and has none.
        InputError: the new one may be no password, or is the old one.
    """
    from sqlalchemy import text

    name = by_id(db, account).name
    check_password(new, name=name)
    key = admit(db, "sign_in", name, NAME, account=account)
    whence = admit(db, "sign_in from one address", address, ADDRESS) if address else ""
    with db.reading() as connection:
        row = connection.execute(text("SELECT password FROM accounts WHERE id = :id"), {"id": account}).first()
    stored = row.password if row is not None and row.password else ""
    if not verify_password(stored, current, strength=strength).right:
        _refuse(db, account)
    forgive(db, key)
    if whence:
        take_back(db, whence, ADDRESS)
    if verify_password(stored, new, strength=strength).right:
        raise InputError("The new password is the old one", remedy="Choose another")
    hashed = hash_password(new, strength=strength)
    with db.writing() as connection:
        now = connection.execute(text("SELECT role, password FROM accounts WHERE id = :id"), {"id": account}).first()
        if now is not None and now.password == stored:
            connection.execute(
                text("UPDATE accounts SET password = :p, must_change = 0, changed = :now WHERE id = :id"),
                {"p": hashed, "now": db.now(), "id": account},
            )
            end_sessions(connection, account)
            record = {"did": "password", "account": account, "by": account}
            db.audit.append_in(connection, "account", record, conversation="")
            return begin_in(db, connection, account, now.role)
    _refuse(db, account)


def _refuse(db: Database, account: str) -> NoReturn:
    db.audit.append("denied", {"action": "sign_in", "account": account, "why": "name or password"}, conversation="")
    raise AccessError("Name and password do not belong together", remedy="Try again, or ask the operator for a new one")
