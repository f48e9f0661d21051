"""`anamnesis accounts`: make, list, change and remove accounts and their API keys. Whoever may run it may do all of it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from agent.accounts.types import ROLES, Account, ApiKey
from agent.config import load
from agent.database import Database, open_ground

_BY = "command line"
_STDIN = click.option(
    "--stdin", is_flag=True, help="Read the password's line from standard input, else it is asked for."
)
_RANDOM = click.option(
    "--random", "made", is_flag=True, help="Make one, show it once, and have it changed at first use."
)


@click.group()
def accounts() -> None:
    """Who may sign in, and as what. A password is never an argument: shells keep those."""


@accounts.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@_RANDOM
@_STDIN
def add(name: str, role: Any, made: bool, stdin: bool) -> None:
    """An account called NAME, which need not be a real name."""
    from agent.accounts.people import add as add_account

    db, password = _open(), _password(made, stdin)
    account = add_account(db, name, role, password, by=_BY, must_change=made)
    _shown_once(made, password)
    _emit(_account(account))


@accounts.command("list")
def list_accounts() -> None:
    """Every account, one JSON object a line; no passwords."""
    from agent.accounts.people import listed

    for account in listed(_open()):
        _emit(_account(account))


@accounts.command()
@click.argument("name")
@_RANDOM
@_STDIN
def password(name: str, made: bool, stdin: bool) -> None:
    """Another password for NAME; its sessions end."""
    from agent.accounts.people import named, set_password

    db = _open()
    account = named(db, name)
    chosen = _password(made, stdin)
    set_password(db, account.id, chosen, by=_BY, must_change=made)
    _shown_once(made, chosen)
    _emit(_account(named(db, name)))


@accounts.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=click.Choice(ROLES))
def role(name: str, new_role: Any) -> None:
    """Another role for NAME; its sessions end."""
    from agent.accounts.people import named, set_role

    db = _open()
    set_role(db, named(db, name).id, new_role, by=_BY)
    _emit(_account(named(db, name)))


@accounts.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove NAME and erase all that is kept of its conversations."""
    from agent.accounts.people import named
    from agent.records.erasure import erase_account

    db = _open()
    account = named(db, name)
    if not yes:
        click.confirm(f"Remove {account.name} ({account.role}) and erase what is kept of it?", abort=True, err=True)
    done = erase_account(db, account.id, reason="asked", by=_BY)
    _emit({"account": account.id, "conversations": done.conversations, "records": done.records})


@accounts.group()
def keys() -> None:
    """API keys: shown once, ending, revocable."""


@keys.command("add")
@click.argument("name")
@click.option("--for", "purpose", required=True, metavar="WORDS", help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="Again for more; see docs/accounts.md.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it lives.")
def add_key(name: str, purpose: str, scopes: tuple[str, ...], days: int) -> None:
    """A key for NAME. The key goes to standard error, this once; what is kept of it to standard output."""
    from agent.accounts.keys import issue
    from agent.accounts.people import named

    db = _open()
    issued = issue(db, named(db, name).id, name=purpose, scopes=scopes, by=_BY, days=days)
    click.echo(f"The key, shown this once: {issued.secret}", err=True)
    _emit(_key(issued.key))


@keys.command("list")
@click.option("--of", "name", default="", help="Only of this account.")
def list_keys(name: str) -> None:
    """Keys, one JSON object a line."""
    from agent.accounts.keys import keys_of
    from agent.accounts.people import named

    db = _open()
    for key in keys_of(db, named(db, name).id if name else ""):
        _emit(_key(key))


@keys.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """End the key that begins with PREFIX at once."""
    from agent.accounts.keys import revoke as revoke_key

    revoke_key(_open(), prefix, by=_BY)
    _emit({"prefix": prefix, "revoked": True})


def _open() -> Database:
    return open_ground(load())


def _password(made: bool, stdin: bool) -> str:
    if made and stdin:
        raise click.UsageError("Give --random or --stdin, one of them.")
    if made:
        from agent.accounts.passwords import random_password

        return random_password()
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _shown_once(made: bool, secret: str) -> None:
    if made:
        click.echo(f"The password, shown this once: {secret}", err=True)


def _account(account: Account) -> dict[str, Any]:
    return {"id": account.id, "name": account.name, "role": account.role, "password": account.has_password,
            "must_change": account.must_change, "made": account.made, "changed": account.changed}  # fmt: skip


def _key(key: ApiKey) -> dict[str, Any]:
    return {"prefix": key.prefix, "account": key.account, "for": key.name, "scopes": list(key.scopes), "made": key.made,
            "ends": key.ends, "revoked": key.revoked, "used": key.used}  # fmt: skip


def _emit(row: dict[str, Any]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))
