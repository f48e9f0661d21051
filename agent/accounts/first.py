"""The first start: one operator account, with a random password that is said once and has to be changed."""

from __future__ import annotations

from collections.abc import Callable

from agent.accounts.passwords import DEFAULT, Strength, hash_password, random_password
from agent.accounts.people import insert_in
from agent.accounts.types import Account
from agent.database import Database

NAME = "operator"


def ensure_operator(db: Database, say: Callable[[str], object], *, strength: Strength = DEFAULT) -> Account | None:
    """Make the operator where there is no account at all; `say` gets the one line that holds the password.

    None where there are accounts. Of several processes that start together one makes it.

    Raises:
        StoreError: the database cannot be read or written.
    """
    from sqlalchemy import text

    with db.reading() as connection:
        if connection.execute(text("SELECT 1 FROM accounts LIMIT 1")).first() is not None:
            return None
    password = random_password()
    hashed = hash_password(password, strength=strength)
    with db.writing() as connection:
        if connection.execute(text("SELECT 1 FROM accounts LIMIT 1")).first() is not None:
            return None
        made = insert_in(db, connection, NAME, "operator", hashed, by="first start", must_change=True)
    say(
        f"First start: sign in as {NAME!r} with the password {password} and change it. It is shown this once; "
        f"`anamnesis accounts password {NAME}` sets another."
    )
    return made
