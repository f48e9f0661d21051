"""The bar at the top of every page of those who sign in: the product, the pages they may open, who they are, sign out, language.

In a page's `build`, as the first thing within its Blocks; the rest of the look (theme, staff.css) comes with mounting:

    with gr.Blocks(analytics_enabled=False, title=say(language, PAGE.title)) as demo:
        frame(house, PAGE, language)
        ...
    demo.queue(...) is not needed.
"""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
from typing import TYPE_CHECKING, Any

from agent.accounts.people import by_id
from agent.accounts.permissions import may
from agent.accounts.types import VISITOR, Who
from agent.app.signin.forms import form_token
from agent.app.staff.html import Html, esc, join, tag
from agent.app.staff.pages import pages
from agent.app.staff.types import House, Page
from agent.app.staff.who import token_of, who_asks
from agent.database import Database
from agent.messages import say
from agent.types import Language
from knowledge.errors import AnamnesisError

if TYPE_CHECKING:
    import gradio as gr


def frame(house: House, page: Page, language: Language) -> "gr.HTML":
    """The bar, within the Blocks that are being made. It is filled when somebody opens the page."""
    import gradio as gr
    from gradio.context import Context

    demo = Context.root_block
    if demo is None:
        raise RuntimeError("frame() belongs within `with gr.Blocks() as demo:`")

    def fill(request: gr.Request) -> str:
        return bar(house.db, page, language, who_asks(request), token_of(request))

    shown = gr.HTML(bar(house.db, page, language, VISITOR, ""), elem_id="st-bar", padding=False)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    demo.load(fill, None, shown, **quiet)
    return shown


def bar(db: Database, page: Page, language: Language, who: Who, token: str) -> Html:
    """The bar as one account sees it; with nobody's, only product and language."""
    other: Language = "en" if language == "zh" else "zh"
    links = [_link(each, language, here=each.path == page.path) for each in pages() if may(who, each.action)]
    parts = [
        tag("a", say(language, "app_title"), href="/", class_="st-product"),
        tag("nav", join(links), aria_label=say(language, "staff_pages")) if links else Html(""),
    ]
    switch = tag(
        "a", say(other, "staff_this_language"), href=f"{page.at(other)}/", lang=_lang(other), hreflang=_lang(other)
    )
    last = [switch]
    if who.account:
        role = say(language, f"staff_role_{who.role}")
        last = [tag("span", say(language, "staff_signed_in", who=_name(db, who), role=role), class_="st-who"), switch,
                _sign_out(db, language, token)]  # fmt: skip
    parts.append(tag("div", join(last), class_="st-self"))
    heading = tag("h1", say(language, page.title))
    return join((tag("header", join(parts), class_="st-bar", lang=_lang(language)), heading))


def _link(page: Page, language: Language, *, here: bool) -> Html:
    return tag("a", say(language, page.title), href=f"{page.at(language)}/", aria_current="page" if here else None)


def _sign_out(db: Database, language: Language, token: str) -> Html:
    hidden = (
        Html(f'<input type="hidden" name="form" value="{esc(form_token(db, "sign-out", token))}">'),
        Html(f'<input type="hidden" name="language" value="{esc(language)}">'),
        tag("button", say(language, "staff_sign_out"), type="submit"),
    )
    return tag("form", join(hidden), method="post", action="/sign-out")


def _name(db: Database, who: Who) -> str:
    try:
        return by_id(db, who.account).name
    except AnamnesisError:
        # Removed a moment ago: the next request is refused.
        return ""


def _lang(language: Language) -> str:
    return "zh-CN" if language == "zh" else "en"
