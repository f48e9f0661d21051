"""Whether a question names what a passage is about."""

from __future__ import annotations

import re
from collections.abc import Collection

from knowledge.terms import forms, load_terms
from knowledge.types import Passage
from retrieval.tokenize import tokens

_PHRASES = re.compile(r"[,，、;；()（）/]|\band\b|\bor\b|和|与")


def named_in(text: str, passage: Passage) -> float:
    """0 to 1: the best share of words of a name of the passage's subject that a text says.

    Names are the title's parts and the synonyms; a passage without synonyms (another's document) is named by its title
    and heading. A name of one word must be said as that word ("boils" is not said by "boiling"). 0 where no name has a
    word.
    """
    said, words = set(tokens(text)), {form for word in re.findall(r"[\w'-]+", text.lower()) for form in forms(word)}
    names = (passage.title, *(passage.synonyms or (passage.heading,)))
    best = 0.0
    for name in (part for each in names for part in _PHRASES.split(each)):
        phrase = set(tokens(name))
        if len(phrase) == 1 and name.isascii():
            best = max(best, float(any(form in words for form in forms(name))) if name.split() else 0.0)
        elif phrase:
            best = max(best, len(phrase & said) / len(phrase))
    return best


def names_said(text: str) -> frozenset[str]:
    """Every name, as `forms` gives it, of the things that a text names and that are settled; parts of the body are none."""
    return frozenset(
        form
        for mention in load_terms().find(text)
        if mention.concept is not None and mention.concept.kind != "body"
        for name in (*mention.concept.english, *mention.concept.abbreviations, *mention.concept.chinese)
        for form in forms(name)
    )


def goes_by(passage: Passage, names: Collection[str]) -> bool:
    """Whether a passage's subject goes by one of these names: its title, a part of it, or a synonym."""
    own = (passage.title, *_PHRASES.split(passage.title), *passage.synonyms)
    return any(form in names for name in own for form in forms(name))
