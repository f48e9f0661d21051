"""Accounts and API keys as tables; no secret is in either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.accounts.types import Account, ApiKey
from agent.app.operator.words import role_words
from agent.app.staff.html import Html, badge, table, tag
from agent.messages import say
from agent.types import Language


def accounts(rows: Iterable[Account], language: Language) -> Html:
    """Who may sign in."""
    made = [
        (
            account.name, badge(role_words(account.role, language)),
            say(language, _password_state(account)), account.made[:10], tag("code", account.id),
        )
        for account in rows
    ]  # fmt: skip
    names = ("name", "role", "password", "made", "id")
    return table([say(language, f"operator_account_{name}") for name in names], made)


def api_keys(rows: Iterable[ApiKey], names: Mapping[str, str], now: str, language: Language) -> Html:
    """Keys without what makes them keys."""
    made = [
        (
            tag("code", key.prefix), names.get(key.account, key.account), key.name, ", ".join(key.scopes),
            key.ends[:10], key.used or say(language, "operator_never"), _key_state(key, now, language),
        )
        for key in rows
    ]  # fmt: skip
    columns = ("prefix", "account", "purpose", "scopes_of", "ends", "used", "state")
    headings = [say(language, f"operator_key_{name}") for name in columns]
    return table(headings, made, empty=say(language, "operator_no_keys"))


def _password_state(account: Account) -> str:
    if not account.has_password:
        return "operator_password_elsewhere"
    return "operator_password_given" if account.must_change else "operator_password_own"


def _key_state(key: ApiKey, now: str, language: Language) -> Html:
    if key.revoked:
        return badge(say(language, "operator_key_revoked"))
    if key.ends <= now:
        return badge(say(language, "operator_key_ended"))
    return badge(say(language, "operator_key_works"), "good")
