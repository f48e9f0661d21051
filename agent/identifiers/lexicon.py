"""The word lists of `knowledge/rules/privacy`, read once."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import knowledge

_FOLDER = Path(knowledge.__file__).parent / "rules" / "privacy"


@dataclass(frozen=True)
class Lexicon:
    """Lower-case word sets; Chinese sets hold characters or words as written."""

    given: frozenset[str]
    given_words: frozenset[str]
    surnames: frozenset[str]
    pinyin: frozenset[str]
    syllables: frozenset[str]
    not_names: frozenset[str]
    eponym_heads: frozenset[str]
    eponyms: frozenset[str]
    brands: frozenset[str]
    letter_heads: frozenset[str]
    generic_facility: frozenset[str]
    cities: frozenset[str]
    institutions: frozenset[str]
    facility: frozenset[str]
    street: frozenset[str]
    us_states: frozenset[str]
    standard_heads: frozenset[str]
    zh_surnames: frozenset[str]
    zh_surnames_weak: frozenset[str]
    zh_compound_surnames: frozenset[str]
    zh_facility: frozenset[str]
    zh_organisation: frozenset[str]
    zh_generic: frozenset[str]
    zh_not_homes: frozenset[str]
    zh_provinces: frozenset[str]
    titles: frozenset[str]
    relations: frozenset[str]
    particles: frozenset[str]
    cue_words: frozenset[str]
    place_titles: frozenset[str]
    leading: frozenset[str]
    vague_facility: frozenset[str]
    common_proper: frozenset[str]
    countries: frozenset[str]
    zh_relations: frozenset[str]
    zh_titles: frozenset[str]
    short_institutions: frozenset[str]
    zh_words: frozenset[str]
    zh_broken: frozenset[str]
    zh_glue: frozenset[str]
    zh_keep: frozenset[str]
    no_persons: frozenset[str]
    no_names: frozenset[str]
    zh_name_cues: dict[str, frozenset[str]]


_PHRASES = ("cities", "institutions", "facility")
_CHARACTERS = ("zh_surnames", "zh_surnames_weak", "zh_glue", "never", "abroad", "common")


@functools.cache
def lexicon() -> Lexicon:
    """All lists, about 6 ms the first time. Raises OSError or tomllib.TOMLDecodeError where a list is damaged."""
    sets: dict[str, frozenset[str]] = {}
    tables: dict[str, dict[str, frozenset[str]]] = {}
    for name in ("names", "words", "places", "cues"):
        for key, text in tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")).items():
            if isinstance(text, dict):
                tables[key] = {
                    name: frozenset(part) - frozenset(" \n") if name in _CHARACTERS else frozenset(part.split())
                    for name, part in text.items()
                }
            elif key in _PHRASES:
                sets[key] = frozenset(part.strip() for part in re.split(r"[|\n]", text) if part.strip())
            elif key in _CHARACTERS:
                sets[key] = frozenset(text) - frozenset(" \n")
            else:
                sets[key] = frozenset(text.split())
    return Lexicon(**sets, zh_name_cues=tables["zh_name_cues"])
