"""The evidence grades a guideline writes beside its recommendations, as it writes them."""

from __future__ import annotations

import re

# Class and level (ACC/AHA, ESC), graded strength (GRADE, KDIGO, IDSA), letters (ADA, BTS, SIGN).
_CERTAINTY = r"(?:very low|low|moderate|high)[- ](?:quality|certainty)(?:(?: of)? evidence)?"
_GRADE = re.compile(
    r"\b(?:COR|Class(?: of Recommendation)?)[ :]*(?:III|II[ab]?|I|1|2[ab]|2|3)(?::? ?(?:No Benefit|Harm))?\b"
    r"|\b(?:LOE|Level(?: of Evidence)?)[ :]*(?:[ABC]-(?:R|NR|LD|EO)|[ABCE]|[1-5][ab]?)\b"
    r"|\bGrade[ :]*(?:[12][ABCD]|[ABCDE](?:[+-])?)\b"
    rf"|\b(?:strong|weak|conditional) recommendation\b(?:[,;] ?{_CERTAINTY})?"
    r"|\((?:strong|weak|conditional)[,;] (?:very low|low|moderate|high)\)"
    r"|\b(?:very low|low|moderate|high)[- ](?:quality|certainty)(?: of)? evidence\b"
    r"|\bNot Graded\b|\bBest Practice Statement\b",
    re.I,
)


def grades(text: str) -> str:
    """The different grades named in a text, in order, joined by "; "; empty when it names none."""
    return "; ".join(dict.fromkeys(" ".join(match.group(0).split()) for match in _GRADE.finditer(text)))
