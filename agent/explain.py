"""Medical words in plain ones: what an answer's terms and abbreviations are called by patients, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from agent.types import Language
from knowledge.terms import Concept, load_terms

_MOST = 8


@dataclass(frozen=True, slots=True)
class Explained:
    """A word of the text and what it is also called: `plain` in the text's language, `other` in the other one."""

    word: str
    plain: tuple[str, ...]
    other: str


def explain(text: str, language: Language) -> tuple[Explained, ...]:
    """The clinical words and abbreviations of a text, each once, at most eight; a word with several meanings is left out.

    A word is explained only where a plainer name of the same thing is known and does not stand in the text already.
    """
    found: dict[str, Explained] = {}
    lower = text.lower()
    for mention in load_terms().find(text):
        concept = mention.concept
        if concept is None or concept.en in found or not _is_clinical(mention.text, concept):
            continue
        plain = [name for name in _plain(concept, language) if name.lower() not in lower]
        if plain:
            found[concept.en] = Explained(
                mention.text, tuple(plain[:2]), concept.en if language == "zh" else concept.zh
            )
        if len(found) == _MOST:
            break
    return tuple(found.values())


def _is_clinical(word: str, concept: Concept) -> bool:
    clinical = (*concept.clinical, *concept.abbreviations, *concept.zh_clinical)
    return word.lower() in {name.lower() for name in clinical}


def _plain(concept: Concept, language: Language) -> tuple[str, ...]:
    return (concept.zh, *concept.zh_lay) if language == "zh" else (concept.en, *concept.lay)
