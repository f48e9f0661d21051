"""A form's own token: who sends a form must have been given it, and given it to this browser."""

from __future__ import annotations

import hmac

from agent.database import Database


def form_token(db: Database, form: str, bound: str) -> str:
    """The token of a form, bound to a cookie's value; only this installation can make it.

    Raises:
        StoreError: the database or its master key is not there.
    """
    return keyed(db, f"form {form}", bound)


def form_fits(db: Database, form: str, bound: str, given: str) -> bool:
    """Whether `given` is the token of this form and this cookie; never where there is no cookie."""
    return bool(bound) and hmac.compare_digest(form_token(db, form, bound).encode(), given.encode("utf-8", "replace"))


def keyed(db: Database, purpose: str, text: str) -> str:
    """A keyed hash of a text, 64 hexadecimal digits, also where nothing was ever stored: then the key is made.

    Raises:
        StoreError: the database or its master key is not there.
    """
    db.audit.prepare()
    return db.vault.fingerprint(purpose, text)
