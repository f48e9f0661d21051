"""Where somebody may be sent after signing in: addresses of ours, known one by one."""

from __future__ import annotations

from collections.abc import Iterable

from agent.accounts.permissions import may
from agent.accounts.types import Who
from agent.app.staff.types import Page
from agent.types import Language


def known(next_: str, pages: Iterable[Page]) -> str:
    """The address, where it is one of ours; "" where it is not: nobody is sent elsewhere from here."""
    ours = {page.at(language) for page in pages for language in _LANGUAGES}
    trimmed = next_.rstrip("/")
    return f"{trimmed}/" if trimmed in ours else "/" if next_ == "/" else ""


def landing(who: Who, next_: str, pages: Iterable[Page], language: Language) -> str:
    """Where to go on: what was asked for, else the first page that this account may open, else the chat."""
    pages = tuple(pages)
    asked = known(next_, pages)
    mine = (f"{page.at(language)}/" for page in pages if may(who, page.action))
    return asked or next(mine, "/")


_LANGUAGES: tuple[Language, ...] = ("en", "zh")
