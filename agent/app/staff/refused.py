"""What somebody reads whose account may not open a page, or where a page could not be opened."""

from __future__ import annotations

from agent.accounts.people import by_id
from agent.accounts.permissions import may
from agent.accounts.types import Who
from agent.app.signin.forms import form_token
from agent.app.signin.look import hidden, shell
from agent.app.staff.html import join, link, tag
from agent.app.staff.pages import pages
from agent.database import Database
from agent.messages import say
from agent.types import Language


def refused_html(db: Database, who: Who, token: str, language: Language) -> str:
    """That this account may not open the page, and what it may."""
    role = say(language, f"staff_role_{who.role}")
    mine = [link(say(language, page.title), f"{page.at(language)}/") for page in pages() if may(who, page.action)]
    mine.append(link(say(language, "staff_refused_chat"), "/"))
    out = (
        hidden("form", form_token(db, "sign-out", token)), hidden("language", language),
        tag("button", say(language, "staff_sign_out"), type="submit"),
    )  # fmt: skip
    body = (
        tag("p", say(language, "staff_refused", who=by_id(db, who.account).name, role=role)),
        tag("p", say(language, "staff_refused_remedy")),
        tag("p", say(language, "staff_refused_pages")),
        tag("ul", join(tag("li", each) for each in mine)),
        tag("form", join(out), method="post", action="/sign-out"),
    )
    return shell(say(language, "staff_refused_title"), join(body), language)


def broken_html(language: Language) -> str:
    """That a page could not be opened, through no fault of who asked."""
    return shell(say(language, "staff_broken_title"), tag("p", say(language, "staff_broken")), language)
