"""Other names of what a question names: "MI" also searches for "heart attack", "Eliquis" for "apixaban"."""

from __future__ import annotations

from knowledge.terms import load_terms

# More names than this of one thing add words that are common to many pages.
_MOST = 6


def other_names(text: str, language: str = "") -> tuple[str, ...]:
    """Names in `language` (both where it is empty) of the concepts that a text settles, without those it uses itself.

    A name that stays ambiguous is not expanded.
    """
    found: dict[str, None] = {}
    lower = text.lower()
    for mention in load_terms().find(text):
        concept = mention.concept
        if concept is None:
            continue
        names = [name for code in ("en", "zh") if language in ("", code) for name in concept.names(code)]
        found.update(dict.fromkeys([name for name in names if name.lower() not in lower][:_MOST]))
    return tuple(found)
