"""Bytes to text: the encoding a file declares, else the one its bytes fit."""

from __future__ import annotations

import codecs
import re

# What browsers take these names for (WHATWG Encoding Standard): pages declare the smaller set and use the larger.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252"}
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.I)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decode(data: bytes, *, markup: bool = False) -> str:
    """The text; `markup` looks for a declaration in the first 4,096 bytes. What fits nothing comes with marks (U+FFFD)."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, "replace")
    declared = (_XML.search(data[:4096]) or _META.search(data[:4096])) if markup else None
    names = ([_known(declared.group(1).decode("ascii"))] if declared else []) + ["utf-8", _guess(data)]
    for name in filter(None, names):
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    return data.decode(next(filter(None, names)), "replace")


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    return _LARGER.get(name.lower(), _LARGER.get(found, found))


def _guess(data: bytes) -> str:
    """The encoding of undeclared bytes that are not UTF-8; Windows' Western one where nothing tells."""
    from charset_normalizer import from_bytes

    best = from_bytes(
        data[: 64 * 1024],
        cp_isolation=["gb18030", "big5", "cp1252", "utf_16_le", "utf_16_be", "shift_jis", "euc_kr", "cp1251"],
    ).best()
    return best.encoding if best else "cp1252"
