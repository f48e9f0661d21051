"""Whether a request that changes something comes from a page of ours: browsers send a cookie along from other places too."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_OURS = ("same-origin", "none")


def from_our_page(headers: Mapping[str, str]) -> bool:
    """What the browser says: by Sec-Fetch-Site, and by Origin against Host. A program that says neither carries no one's cookie.

    SameSite=Lax keeps other sites out; a page on another port of this host is the same site, and is kept out here.
    """
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if site and site not in _OURS:
        return False
    # A page that sends no referrer says "null" of itself, as a sandboxed one does; which of them, only Sec-Fetch-Site tells.
    if origin == "null":
        return site in _OURS
    return not origin or _host(origin) == headers.get("host", "").lower()


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower() or "none"
    except ValueError:
        return "none"
