"""API keys: shown once, found by their prefix, stored as a hash; named, scoped, ending, and revocable."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import Any, cast

from agent.accounts.permissions import table
from agent.accounts.types import VISITOR, ApiKey, Issued, Role, Who
from agent.database import Database, stamp
from knowledge.errors import InputError

_HEAD = "ana"
_KEY = re.compile(rf"{_HEAD}_([0-9a-f]{{12}})_([\w-]{{43}})", re.ASCII)
_NAME = re.compile(r"[^\W\d_][\w .@+-]{0,63}")
MOST_DAYS, DAYS = 366, 90
_COLUMNS = "id, prefix, account, name, scopes, made, ends, revoked, used"


def issue(db: Database, account: str, *, name: str, scopes: tuple[str, ...], by: str, days: int = DAYS) -> Issued:
    """A new key of an account; its secret is in what comes back and nowhere else.

    Raises:
        InputError: no such account or scope, no scope, no name, or days out of range.
    """
    from sqlalchemy import text

    known = table().scopes
    if not scopes or set(scopes) - set(known):
        raise InputError("A key needs scopes that there are", expected=f"some of {', '.join(known)}")
    if not _NAME.fullmatch(name):
        raise InputError("A key needs a name", expected="1 to 64 letters, digits and spaces that say what it is for")
    if not 1 <= days <= MOST_DAYS:
        raise InputError(f"A key cannot live {days} days", expected=f"1 to {MOST_DAYS}")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    now = db.clock()
    row = {
        "id": secrets.token_hex(16), "prefix": prefix, "digest": _digest(secret), "account": account, "name": name,
        "scopes": " ".join(sorted(set(scopes))), "made": stamp(now), "ends": stamp(now + timedelta(days=days)),
    }  # fmt: skip
    with db.writing() as connection:
        if connection.execute(text("SELECT 1 FROM accounts WHERE id = :a"), {"a": account}).first() is None:
            raise InputError("There is no such account", remedy="`anamnesis accounts list` shows who there is")
        connection.execute(
            text("INSERT INTO api_keys (id, prefix, digest, account, name, scopes, made, ends) "
                 "VALUES (:id, :prefix, :digest, :account, :name, :scopes, :made, :ends)"),
            row,
        )  # fmt: skip
        record = {
            "did": "issued",
            "key": row["id"],
            "account": account,
            "scopes": row["scopes"],
            "ends": row["ends"],
            "by": by,
        }
        db.audit.append_in(connection, "api_key", record, conversation="")
    key = ApiKey(row["id"], prefix, account, name, tuple(row["scopes"].split()), row["made"], row["ends"], "", "")
    return Issued(f"{_HEAD}_{prefix}_{secret}", key)


def who_bears(db: Database, given: str) -> Who:
    """Whose key it is, within its scopes; a visitor where it is none, has ended, or was revoked."""
    from sqlalchemy import text

    match = _KEY.fullmatch(given)
    if match is None:
        return VISITOR
    with db.reading() as connection:
        row = connection.execute(
            text("SELECT k.id, k.digest, k.scopes, k.ends, k.revoked, k.used, a.id AS account, a.role "
                 "FROM api_keys k JOIN accounts a ON a.id = k.account WHERE k.prefix = :p"),
            {"p": match[1]},
        ).first()  # fmt: skip
    now = db.now()
    if row is None or not hmac.compare_digest(row.digest, _digest(match[2])) or row.revoked or row.ends <= now:
        return VISITOR
    if (row.used or "")[:10] != now[:10]:
        # The day is enough to see which keys nobody uses any more.
        with db.writing() as connection:
            connection.execute(text("UPDATE api_keys SET used = :u WHERE id = :id"), {"u": now[:10], "id": row.id})
    return Who(account=row.account, role=cast(Role, row.role), scopes=frozenset(row.scopes.split()))


def keys_of(db: Database, account: str = "") -> tuple[ApiKey, ...]:
    """The keys of an account, or all, by when they were made; without what makes them keys."""
    from sqlalchemy import text

    where = " WHERE account = :a" if account else ""
    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT {_COLUMNS} FROM api_keys{where} ORDER BY made, id"), {"a": account} if account else {}
        )
        return tuple(_key(row) for row in rows)


def revoke(db: Database, prefix: str, *, by: str) -> None:
    """End a key at once.

    Raises:
        InputError: no key begins so, or it was revoked before.
    """
    from sqlalchemy import text

    with db.writing() as connection:
        row = connection.execute(
            text("SELECT id, account FROM api_keys WHERE prefix = :p AND revoked IS NULL"), {"p": prefix}
        ).first()
        if row is None:
            raise InputError("No key that can be revoked begins so", remedy="`anamnesis accounts keys list` shows them")
        connection.execute(text("UPDATE api_keys SET revoked = :now WHERE id = :id"), {"now": db.now(), "id": row.id})
        record = {"did": "revoked", "key": row.id, "account": row.account, "by": by}
        db.audit.append_in(connection, "api_key", record, conversation="")


def _key(row: Any) -> ApiKey:
    return ApiKey(
        row.id, row.prefix, row.account, row.name, tuple(row.scopes.split()), row.made, row.ends, row.revoked or "",
        row.used or "",
    )  # fmt: skip


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
