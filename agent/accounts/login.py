"""Signing in with a name and a password: the same work and the same words whether the name is known or not."""

from __future__ import annotations

from typing import NoReturn

from agent.accounts.passwords import DEFAULT, MOST, Strength, verify_password
from agent.accounts.people import fold
from agent.accounts.sessions import begin_in
from agent.accounts.throttle import ADDRESS, NAME, admit, forgive
from agent.accounts.types import Session
from agent.database import Database
from knowledge.errors import AccessError


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
    if address:
        admit(db, "sign_in from one address", address, ADDRESS)
    stored = row.password if row is not None and row.password else ""
    verdict = verify_password(stored, password, strength=strength)
    if not verdict.right:
        _refuse(db, account)
    forgive(db, key)
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


def _refuse(db: Database, account: str) -> NoReturn:
    db.audit.append("denied", {"action": "sign_in", "account": account, "why": "name or password"}, conversation="")
    raise AccessError("Name and password do not belong together", remedy="Try again, or ask the operator for a new one")
