"""The privacy stage: raw text in, `SafeText` out. Nothing else in the project makes a SafeText.

Finding is `agent.identifiers`; this module acts on what was found. No raw text is stored: the map from identifier to
placeholder lives in the Redactor of one conversation and ends with it.
"""

from __future__ import annotations

import re
from datetime import date

from agent.identifiers import Identifier, find
from agent.identifiers.lexicon import lexicon
from agent.types import SafeText, Span

_LITERAL = re.compile(r"\[([A-Z_]{2,16})-(\d{1,4})(?: [+-]?\d{1,6}d)?\]")
_NAME_PART = re.compile(r"[^\W\d_]{3,}(?:['’\-][^\W\d_]+)*")


class Redactor:
    """One a conversation. The same identifier gets the same placeholder: `[NAME-1]`, `[PHONE-1]`, `[DATE-1 -12d]`.

    A part of a name seen earlier ("Johnson" after "Mary Johnson") gets the placeholder of the whole.
    """

    def __init__(self, today: date) -> None:
        self._today = today
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._parts: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._numbers)} identifiers)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Redactor holds identifiers and is never serialised.")

    def redact(self, text: str) -> SafeText:
        """Identifiers become placeholders; ages, durations, doses, vitals and ordinary words stay as they are."""
        # A person can type a placeholder: later numbers start past it, so that two people never share one.
        for type_, number in _LITERAL.findall(text):
            self._last[type_] = max(self._last.get(type_, 0), int(number))
        found = find(text, today=self._today)
        for item in found:
            self._number(item)
        found = self._with_parts(text, found)
        pieces, at = [], 0
        for item in found:
            pieces += [text[at : item.start], self._placeholder(item)]
            at = item.end
        pieces.append(text[at:])
        return SafeText("".join(pieces), tuple(Span(item.type, item.start, item.end) for item in found))

    def _number(self, item: Identifier) -> int:
        key = (item.type, item.key)
        if key in self._numbers:
            return self._numbers[key]
        parts = item.key.split() if item.type == "NAME" else []
        known = self._parts.get(parts[0]) if len(parts) == 1 else None
        if known is None:
            known = self._last[item.type] = self._last.get(item.type, 0) + 1
        self._numbers[key] = known
        for part in parts if len(parts) > 1 else ():
            if len(part) >= 3:
                self._parts.setdefault(part, known)
        return known

    def _with_parts(self, text: str, found: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        if not self._parts:
            return found
        extra, at = [], 0
        starts = iter((*found, None))
        coming = next(starts)
        for match in _NAME_PART.finditer(text):
            while coming is not None and coming.end <= match.start():
                coming = next(starts)
            low = match[0].lower().removesuffix("'s").removesuffix("’s")
            if (
                low in self._parts
                and (match[0][0].isupper() or low in lexicon().given)
                and match.start() >= at
                and (coming is None or match.start() + len(low) <= coming.start)
            ):
                if _eponym(text, match.start() + len(low), low):
                    continue
                at = match.start() + len(low)
                extra.append(Identifier("NAME", match.start(), at, 50, low))
        return tuple(sorted((*found, *extra), key=lambda item: item.start))

    def _placeholder(self, item: Identifier) -> str:
        offset = "" if item.offset is None else f" {item.offset:+d}d" if item.offset else " 0d"
        return f"[{item.type}-{self._number(item)}{offset}]"


def redact_once(text: str, today: date) -> SafeText:
    """One text, a conversation of its own (`anamnesis redact`)."""
    return Redactor(today).redact(text)


def _eponym(text: str, end: int, low: str) -> bool:
    """ "Jack Parkinson" was named earlier; "Parkinson's disease" is not he."""
    if low in lexicon().eponyms or low in lexicon().not_names:
        return True
    following = re.match(r"(?:['’]s)?[ -](\w+)", text[end : end + 30])
    return following is not None and following[1].lower() in lexicon().eponym_heads
