"""Consents: what was agreed to, in which words, when, where and by whom; withdrawn as easily, with what follows from it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from agent.accounts.permissions import deny, require
from agent.accounts.types import Who
from agent.database import Database
from agent.records.erasure import erase_in, scrubbed
from agent.records.keeping import policy
from agent.records.types import Consent
from knowledge.errors import InputError
from knowledge.places import duties, place

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = "id, subject, kind, version, country, guardian, given, withdrawn"


def give_consent(
    db: Database, who: Who, kind: str, *, conversation: str = "", country: str = "", age: float | None = None,
    guardian: bool = False,
) -> Consent:  # fmt: skip
    """Write that `who` agrees to `kind`: for an account, or for a conversation that a visitor's page holds.

    `age` is that of the person whom it is about, where it was told. `guardian`: a parent or guardian agrees for a child. The
    words are those of now (`knowledge.places.duties.consent_version`). Given again, the earlier one is withdrawn.

    Raises:
        AccessError: who may not, or the conversation is not theirs; recorded.
        InputError: there is no such consent, or a child's is not a guardian's.
        StoreError: it was not written, so there is none.
    """
    from sqlalchemy import text

    subject = _subject(db, who, conversation)
    _check_kind(kind)
    if age is not None and age < duties.guardian_age(country) and not guardian:
        raise InputError(
            f"Below {duties.guardian_age(country)} a parent or guardian has to agree",
            remedy="Ask them to do it with you",
        )
    known = place(country)
    code = known.code if known is not None else ""
    made = Consent(secrets.token_hex(16), subject, kind, duties.consent_version(), code, guardian, db.now())
    with db.writing() as connection:
        _end(connection, subject, kind, db.now())
        connection.execute(
            text("INSERT INTO consents (id, subject, kind, version, country, guardian, given) "
                 "VALUES (:id, :subject, :kind, :version, :country, :guardian, :given)"),
            {"id": made.id, "subject": subject, "kind": kind, "version": made.version, "country": code,
             "guardian": int(guardian), "given": made.given},
        )  # fmt: skip
        record = {
            "did": "given",
            "subject": subject,
            "kind": kind,
            "version": made.version,
            "country": code,
            "guardian": guardian,
        }
        db.audit.append_in(connection, "consent", record, conversation="")
    return made


def withdraw_consent(db: Database, who: Who, kind: str, *, conversation: str = "") -> bool:
    """Withdraw a consent; whether there was one. What was kept under it is erased where `keeping.toml` says so.

    Raises:
        AccessError: as `give_consent`.
        InputError: there is no such consent.
        StoreError: it was not written; or all is done and bytes may be left in a file, which is named.
    """
    from sqlalchemy import text

    subject = _subject(db, who, conversation)
    _check_kind(kind)
    erases = bool(policy().consents[kind].get("erase"))
    with db.writing(keys=False) as connection:
        ended = _end(connection, subject, kind, db.now())
        if ended:
            record = {"did": "withdrawn", "subject": subject, "kind": kind}
            db.audit.append_in(connection, "consent", record, conversation="")
        if ended and erases:
            ids = [subject]
            if who.account:
                mine = text("SELECT id FROM conversations WHERE account = :a "
                            "UNION SELECT conversation FROM held WHERE account = :a ORDER BY 1")  # fmt: skip
                ids = list(connection.execute(mine, {"a": who.account}).scalars())
            erase_in(db, connection, ids, reason="withdrawn")
    if ended and erases:
        scrubbed(db)
    return bool(ended)


def consents_of(db: Database, who: Who, *, conversation: str = "") -> tuple[Consent, ...]:
    """Every consent of an account, or of a visitor's conversation, the standing and the withdrawn, oldest first."""
    return read_consents(db, _subject(db, who, conversation))


def read_consents(db: Database, subject: str) -> tuple[Consent, ...]:
    """The same without asking who reads; for what asked before."""
    from sqlalchemy import text

    with db.reading() as connection:
        rows = connection.execute(
            text(f"SELECT {_COLUMNS} FROM consents WHERE subject = :s ORDER BY given, withdrawn IS NULL, id"),
            {"s": subject},
        ).all()
    return tuple(_consent(row) for row in rows)


def stands(db: Database, who: Who, kind: str, *, conversation: str = "") -> bool:
    """Whether a consent stands, to the words of now: who agreed to others is asked again."""
    _check_kind(kind)
    version = duties.consent_version()
    return any(
        each.kind == kind and not each.withdrawn and each.version == version
        for each in consents_of(db, who, conversation=conversation)
    )


def sweep_in(connection: Connection, cut: str) -> int:
    """Delete consents given or withdrawn before `cut` that are of no account, kept conversation or waiting answer; how many.

    A visitor may agree and never ask: no conversation's end reaches that.
    """
    from sqlalchemy import text

    return connection.execute(
        text("DELETE FROM consents WHERE COALESCE(withdrawn, given) < :cut "
             "AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = consents.subject) "
             "AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = consents.subject) "
             "AND NOT EXISTS (SELECT 1 FROM held h WHERE h.conversation = consents.subject)"),
        {"cut": cut},
    ).rowcount  # fmt: skip


def _subject(db: Database, who: Who, conversation: str) -> str:
    require(db, who, "give_consent", about=conversation)
    if who.account:
        return who.account
    if conversation not in who.holds:
        deny(db, who, "give_consent", about=conversation)
    return conversation


def _check_kind(kind: str) -> None:
    if kind not in policy().consents:
        raise InputError(f"{kind!r} is nothing to agree to", expected=f"one of {', '.join(policy().consents)}")


def _end(connection: Connection, subject: str, kind: str, now: str) -> int:
    from sqlalchemy import text

    return connection.execute(
        text("UPDATE consents SET withdrawn = :now WHERE subject = :s AND kind = :k AND withdrawn IS NULL"),
        {"now": now, "s": subject, "k": kind},
    ).rowcount


def _consent(row: Any) -> Consent:
    return Consent(
        row.id, row.subject, row.kind, row.version, row.country, bool(row.guardian), row.given, row.withdrawn or ""
    )
