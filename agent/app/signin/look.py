"""What the pages without scripts share: the shell, the style, and headers that let nothing else run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from agent.app.staff.html import Html, esc, join, tag
from agent.messages import say
from agent.types import Language


def shell(title: str, body: object, language: Language, *, other: str = "", wrong: bool = False) -> str:
    """A whole page. `other`: where the same one is in the other language; none leaves the switch out.

    `wrong`: a form came back; the title says so first, since that is what a screen reader reads first.
    """
    spoken: Language = "en" if language == "zh" else "zh"
    links = [tag("a", say(language, "app_title"), href="/")]
    if other:
        links.append(
            tag("a", say(spoken, "staff_this_language"), href=other, lang=_code(spoken), hreflang=_code(spoken))
        )
    name = f"{say(language, 'signin_fault_prefix') if wrong else ''}{title} - {say(language, 'app_title')}"
    return (
        f'<!doctype html><html lang="{_code(language)}"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{esc(name)}</title><style>{_style()}</style></head>'
        f"<body>{tag('header', join(links))}<main>{join((tag('h1', title), esc(body)))}</main></body></html>"
    )


def hidden(name: str, value: str) -> Html:
    """A field that nobody sees."""
    return Html(f'<input type="hidden" name="{esc(name)}" value="{esc(value)}">')


@cache
def policy() -> str:
    """The pages' Content-Security-Policy: their own style and nothing else; forms only to this server."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def look_headers() -> list[tuple[bytes, bytes]]:
    """The headers of such a page, for who answers without the API's own."""
    given = {
        "cache-control": "no-store", "content-security-policy": policy(), "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()", "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff", "x-frame-options": "DENY",
    }  # fmt: skip
    return [(name.encode(), value.encode()) for name, value in given.items()]


@cache
def _style() -> str:
    return files("agent.app.signin").joinpath("look.css").read_text(encoding="utf-8")


def _code(language: Language) -> str:
    return "zh-CN" if language == "zh" else "en"
