"""Text to HTML: everything is escaped, then the little markdown of our own messages (bold, bullets, keys, web links)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape

from agent.messages import say
from agent.types import Language

# Control characters draw nothing and NUL breaks pages; lone surrogates cannot be sent as UTF-8 at all.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# A bracket belongs to an address where it closes there too, as in a DOI: https://doi.org/10.1016/S0140-6736(74)91639-0.
_WEB = r"https?://(?:[^\s<>\"'`（）()\[\]【】，。；！？、“”]|\([^\s<>\"'`()]*\))+"
_INLINE = re.compile(rf"\*\*(?P<bold>[^*\n]+)\*\*|\[(?P<key>\d{{1,3}})\]|(?P<web>{_WEB})")


def plain(text: str) -> str:
    """`text` escaped, without what cannot be shown; `\\r\\n` and `\\r` are line breaks."""
    return escape(_UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")), quote=True)


def said(language: Language, name: str, **fields: object) -> str:
    """One of our messages, escaped."""
    return plain(say(language, name, **fields))


def lang(language: Language) -> str:
    """The language as HTML names it."""
    return "zh-Hans" if language == "zh" else "en"


def web_address(url: str) -> str:
    """`url` escaped for an attribute when it is http or https with a host; else empty."""
    return plain(url) if re.fullmatch(r"https?://[^\s\x00-\x20\"'<>`\\]+", url, re.I) else ""


def link(url: str, text: str, *, css: str = "") -> str:
    """A link that opens beside the chat and tells the page nothing; only the words where `url` is no web address."""
    address = web_address(url)
    if not address:
        return plain(text)
    name = f' class="{css}"' if css else ""
    return f'<a{name} href="{address}" target="_blank" rel="noopener noreferrer">{plain(text)}</a>'


def inline(text: str, keys: Mapping[str, str] | None = None) -> str:
    """One line: bold, web addresses as links, and `[key]` as the HTML that `keys` gives for it."""
    made, at = [], 0
    for match in _INLINE.finditer(text):
        made.append(plain(text[at : match.start()]))
        at = match.end()
        if match["bold"] is not None:
            made.append(f"<strong>{inline(match['bold'], keys)}</strong>")
        elif match["key"] is not None:
            made.append((keys or {}).get(match["key"], plain(match[0])))
        else:
            url = match["web"].rstrip(".,;:!?")
            at = match.start() + len(url)
            made.append(link(url, url))
    return "".join([*made, plain(text[at:])])


def blocks(text: str, keys: Mapping[str, str] | None = None, *, small: Iterable[str] = ()) -> str:
    """Paragraphs at blank lines, `- ` lines as a list; paragraphs found in `small` get the class of that name."""
    fine_print = frozenset(small)
    made: list[str] = []
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r", "")):
        css = ' class="small"' if paragraph in fine_print else ""
        lines: list[str] = []
        items: list[str] = []
        for line in paragraph.split("\n"):
            if line.startswith("- "):
                if lines:
                    made.append(f"<p{css}>{'<br>'.join(lines)}</p>")
                    lines = []
                items.append(f"<li>{inline(line[2:], keys)}</li>")
            elif line.strip():
                if items:
                    made.append(f"<ul>{''.join(items)}</ul>")
                    items = []
                lines.append(inline(line, keys))
        if lines:
            made.append(f"<p{css}>{'<br>'.join(lines)}</p>")
        if items:
            made.append(f"<ul>{''.join(items)}</ul>")
    return "".join(made)


def marked(text: str, quotes: Iterable[str]) -> str:
    """A passage with its quoted spans in `<mark>`; a quote that is not in it is left out."""
    spans = sorted((start, start + len(quote)) for quote in quotes if quote and (start := text.find(quote)) >= 0)
    made, at = [], 0
    for start, end in spans:
        if start < at:
            start = at
        if end > start:
            made += [plain(text[at:start]), f"<mark>{plain(text[start:end])}</mark>"]
            at = end
    return "".join([*made, plain(text[at:])])
