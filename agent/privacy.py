"""The privacy stage: raw text in, `SafeText` out. Nothing else in the project makes a SafeText.

Finding is `agent.identifiers`; this module acts on what was found. No raw text is stored: the map from identifier to
placeholder lives in the Redactor of one conversation and ends with it.
"""

from __future__ import annotations

import re
from datetime import date

from agent.identifiers import Identifier, find
from agent.identifiers.chinese_people import parts as chinese_parts
from agent.identifiers.evidence import evidence
from agent.identifiers.lexicon import lexicon
from agent.types import SafeText, Span
from retrieval.embedders.recent import Recent

_OURS = Recent(most=4096)
_LITERAL = re.compile(r"\[([A-Z_]{2,16})-(\d{1,4})(?: [+-]?\d{1,6}d)?\]")
_NAME_PART = re.compile(r"[^\W\d_]{3,}(?:['’\-][^\W\d_]+)*")


class Redactor:
    """One a conversation. The same identifier gets the same placeholder: `[NAME-1]`, `[PHONE-1]`, `[DATE-1 -12d]`.

    A part of a name seen earlier ("Johnson" after "Mary Johnson", 小芹 after 许小芹) gets the placeholder of the whole.
    Ages above 89 are told as 90 (45 CFR 164.514): they have no placeholder, for triage reads them.
    """

    def __init__(self, today: date, *, rules_only: bool = False) -> None:
        """`rules_only`: for texts made of redacted ones, which the encoder has read before."""
        self._today, self._rules_only = today, rules_only
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._parts: dict[str, int] = {}
        self._chinese: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._numbers)} identifiers)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A Redactor holds identifiers and is never serialised.")

    @property
    def known(self) -> tuple[int, int, int]:
        """How many identifiers it knows. While this stays, a text that it redacted before comes out the same again."""
        return len(self._numbers), len(self._parts), len(self._chinese)

    def redact(self, text: str) -> SafeText:
        """Identifiers become placeholders; ages, durations, doses, vitals and ordinary words stay as they are."""
        # A person can type a placeholder: later numbers start past it, so that two people never share one.
        for type_, number in _LITERAL.findall(text):
            self._last[type_] = max(self._last.get(type_, 0), int(number))
        if _OURS.noted(text):
            return SafeText(text)
        found = find(text, today=self._today, rules_only=self._rules_only)
        for item in found:
            if item.type != "AGE":
                self._number(item)
        found = self._with_parts(text, self._again(text, found))
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
            for piece in {part, *part.split("-")}:
                if len(piece) >= 3:
                    self._parts.setdefault(piece, known)
        for part in chinese_parts(item.key) if item.type == "NAME" else ():
            self._chinese.setdefault(part, known)
            self._numbers.setdefault(("NAME", part), known)
        return known

    def _again(self, text: str, found: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        """Chinese names that were told before, and given names out of them, where nothing else says that they are names."""
        known = [part for part in sorted(self._chinese, key=len, reverse=True) if part in text]
        if not known:
            return found
        taken = bytearray(len(text))
        for item in found:
            taken[item.start : item.end] = b"\x01" * (item.end - item.start)
        extra = [
            Identifier("NAME", match.start(), match.end(), 50, match[0])
            for match in re.finditer("|".join(map(re.escape, known)), text)
            if not any(taken[match.start() : match.end()])
        ]
        return tuple(sorted((*found, *extra), key=lambda item: item.start))

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
                and (match[0][0].isupper() or low in lexicon().given or not evidence().ordinary(low))
                and match.start() >= at
                and (coming is None or match.start() + len(low) <= coming.start)
            ):
                if _eponym(text, match.start() + len(low), low):
                    continue
                at = match.start() + len(low)
                extra.append(Identifier("NAME", match.start(), at, 50, low))
        return tuple(sorted((*found, *extra), key=lambda item: item.start))

    def _placeholder(self, item: Identifier) -> str:
        if item.type == "AGE":
            # The key is the age as it may be told; triage reads it where it stands.
            return item.key
        offset = "" if item.offset is None else f" {item.offset:+d}d" if item.offset else " 0d"
        return f"[{item.type}-{self._number(item)}{offset}]"


def vouch(text: str) -> None:
    """Know a text again that this process made of redacted ones and of words of the library: a client that tells a conversation
    anew sends it back. Nothing is looked for in it then, so that its sources keep their addresses. Kept is a digest under a key of
    this process, nothing of the text."""
    _OURS.note(text)


def redact_once(text: str, today: date) -> SafeText:
    """One text, a conversation of its own (`anamnesis redact`)."""
    return Redactor(today).redact(text)


def redact_again(text: str, today: date) -> SafeText:
    """A text made of redacted ones, or of words of ours: the rules alone look at it."""
    return Redactor(today, rules_only=True).redact(text)


def _eponym(text: str, end: int, low: str) -> bool:
    """ "Jack Parkinson" was named earlier; "Parkinson's disease" is not he."""
    if low in lexicon().eponyms or low in lexicon().not_names:
        return True
    following = re.match(r"(?:['’]s)?[ -](\w+)", text[end : end + 30])
    return following is not None and following[1].lower() in lexicon().eponym_heads
