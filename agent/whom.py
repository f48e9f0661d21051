"""Is a sentence about the person it would be said to? An adult's dose is not said of a child, nor a baby's signs of an adult."""

from __future__ import annotations

import re

from agent.types import Facts, Language

# Adults' doses begin at 12 or 16 by label; between the two ages nothing is left out.
_CHILD_BELOW, _GROWN_FROM = 12, 16
_ADULT = {"en": re.compile(r"\badults?\b", re.I), "zh": re.compile(r"成人|成年人|大人")}
_CHILD = {
    "en": re.compile(r"\b(?:bab(?:y|ies)|infants?|newborns?|child|children|toddlers?|teenagers?)\b", re.I),
    "zh": re.compile(r"婴儿|婴幼儿|宝宝|孩子|儿童|新生儿|青少年"),
}
# A sign that also speaks to the reader ("harming yourself or your baby") is everybody's.
_READER = {
    "en": re.compile(r"\b(?:you|your|yourself|pregnan\w*|birth|breastfe\w*|everyone)\b", re.I),
    "zh": re.compile(r"您|你|自己|孕|产后|哺乳"),
}


def fits(text: str, facts: Facts, language: Language) -> bool:
    """Whether a sentence may be said of this person. True where the age was not said: nothing is left out by guess."""
    if facts.age_years is None:
        return True
    if facts.age_years < _CHILD_BELOW:
        return not _ADULT[language].search(text) or bool(_CHILD[language].search(text))
    if facts.age_years >= _GROWN_FROM:
        only_child = _CHILD[language].search(text) and not _READER[language].search(text)
        return not only_child or bool(_ADULT[language].search(text))
    return True
