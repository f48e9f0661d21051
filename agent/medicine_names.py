"""Which medicines a text names, by any of their names, and the families they belong to (knowledge/rules/medicine_groups.toml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import knowledge.rules
from agent.types import Language
from knowledge.terms import Concept, load_terms

_RULES = Path(knowledge.rules.__file__).parent
GROUPS, ALLERGIES = _RULES / "medicine_groups.toml", _RULES / "allergies.toml"


# Words between two names that relate them. "Or with", "and with" and "and about" go on with the list before them.
_LIST = re.compile(r"^\W*(?:and|or|nor)\s+(?:with|about|if you take)\b", re.I)
_AND = re.compile(r"^\W*(?:and|plus|&)(?![\w])|^\s*&", re.I)
_LINK = re.compile(
    r"\b(?:with|without|alongside|before|after|while|when|if|on|to|unless|contain\w*|stop\w*|rais\w*|lower\w*|lessen\w*|harm\w*"
    r"|affect\w*|chang\w*|mak\w*|push\w*|react\w*|interact\w*|clash\w*|weaken\w*|hours?)\b",
    re.I,
)
# Another clause is begun: what follows is not said of what stands before.
_BREAK = re.compile(
    r"\b(?:but|who|which|than|if you can(?:not|'t)|instead|not for|while others)\b|[;.]|, (?:and )?(?:it|they|you) (?:can|may)\b",
    re.I,
)
_LINK_ZH = re.compile(
    r"[时后前再加含配]|期间|的人|^[，,]\s*我?(?:还|也)?(?:能|可以)|同时|但[和与跟同]|不要|不能|不宜|^[类药等汁素]*[^，。]{0,12}(?:会|可能|影响|让)[^，。]*$"
)
_BREAK_ZH = re.compile("但(?![和与跟同])|不如|而|比|[；。]")
_AND_ZH = re.compile("^[类药等汁]*[和与跟同及]")
_TOGETHER = {
    "en": re.compile(
        r"\b(?:together|at the same time|both|each other|mix(?:es|ed|ing)?|combin\w*|interact\w*|react with|clash|add up)\b",
        re.I,
    ),
    "zh": re.compile("一起|同时|一块|叠|合用|同服|同吃|混|并用|同用|冲突|相互作用|反应"),
}
_ON = re.compile(r"[\W等类药汁的或及]*(?:(?:and|or|other|an?|the|such as|like)\W*)*", re.I)
_CALLED = re.compile(r"\s*(?:(?:painkillers?|medicines?|tablets?|pills?)\s+)?(?:,?\s*called\s+(?:an?\s+)?)?", re.I)
_OTHER = re.compile(r"\b(?:an)?other\s+$|\bsimilar\s+$|(?:其他|其它|别的|同类)$", re.I)
# A reaction that is named after a medicine is not that medicine.
_REACTION = re.compile("双硫仑样")


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine, a family of them, or something eaten or drunk beside them.

    `id` is the concept's English name, or "@" and the family's name. `groups` are ids of the families it belongs to,
    wider ones too, and of the medicines that a mixture holds.
    """

    id: str
    groups: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    substance: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A medicine's name in a text; `start` and `end` in code points.

    `narrowed`: the name of a family that stands beside the one that is meant ("the antibiotic linezolid").
    """

    start: int
    end: int
    text: str
    medicine: Medicine
    narrowed: bool = False


@lru_cache(maxsize=8192)
def named(text: str, *, asking: bool = False) -> tuple[Named, ...]:
    """The medicines that a text names, in its order; the longest name counts where two overlap.

    `asking`: also as a question names them ("can I drink on metronidazole" means alcohol).
    """
    found = [
        Named(match.start(), match.end(), match.group(), _family(group))
        for pattern, group in _words(asking)
        for match in pattern.finditer(text)
    ]
    found += [
        Named(mention.start, mention.end, mention.text, medicine_of(mention.concept))
        for mention in load_terms().find(text)
        if mention.concept is not None and mention.concept.kind == "medicines"
    ]
    kept: list[Named] = []
    for each in sorted(found, key=lambda name: (name.start - name.end, name.start)):
        if all(each.end <= other.start or each.start >= other.end for other in kept):
            kept.append(each)
    kept = sorted((name for name in kept if not _REACTION.match(text, name.start)), key=lambda name: name.start)
    return tuple(replace(name, narrowed=_narrowed(text, kept, place)) for place, name in enumerate(kept))


def stands_for(one: Named, asked: Medicine) -> bool:
    """Whether what a text says of `one` is said of `asked`: the same, its family, what it holds, or one of the asked family."""
    medicine = one.medicine
    return medicine.id == asked.id or asked.id in medicine.groups or (medicine.id in asked.groups and not one.narrowed)


def linked(text: str, one: Medicine, other: Medicine, *, language: Language) -> bool:
    """Whether a sentence puts two medicines in relation, and does not only name both in a list.

    Between the two, exactly one stretch of words may relate ("with", "before you take", "can stop"); where there is
    only an "and", the sentence must say "together", "both" or the like.
    """
    names = named(text)
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            pair = (first, names[j])
            # "Antibiotics" beside one antibiotic is no second medicine, "other antibiotics" is.
            if any(
                stands_for(name, one) and stands_for(name, other) and not _OTHER.search(text[: name.start])
                for name in pair
            ):
                continue
            if any(stands_for(pair[k], one) and stands_for(pair[1 - k], other) for k in (0, 1)):
                gaps = [_gap(text[names[k].end : names[k + 1].start], language) for k in range(i, j)]
                if "break" in gaps:
                    continue
                if gaps.count("link") == 1:
                    return True
                if "link" not in gaps and gaps.count("and") == 1 and _joined(text, names[j:], language):
                    return True
                if len(names) == 2 and _TOGETHER[language].search(text):
                    return True
    return False


def _joined(text: str, names: Sequence[Named], language: Language) -> bool:
    """Whether "together" is said of the first of these names and what stands before it, not of one that comes later."""
    for cue in _TOGETHER[language].finditer(text):
        between = [name for name in names if name.end <= cue.start()]
        gaps = [text[one.end : other.start] for one, other in pairwise(between)]
        if all(_ON.fullmatch(gap) for gap in gaps):
            return True
    return False


def apart(text: str, one: Medicine, *, language: Language) -> bool:
    """Whether a sentence relates a medicine to no other that it names."""
    names = named(text)
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            if stands_for(first, one) != stands_for(names[j], one):
                gaps = [_gap(text[names[k].end : names[k + 1].start], language) for k in range(i, j)]
                if "link" in gaps:
                    return False
    return True


def _gap(between: str, language: Language) -> str:
    """What stands between two names: "link" relates them, "and" joins them, "list" goes on with a list, "break" ends it."""
    if language == "zh":
        if _BREAK_ZH.search(between):
            return "break"
        return "link" if _LINK_ZH.search(between) else "and" if _AND_ZH.match(between) else "list"
    if _BREAK.search(between):
        return "break"
    if _LIST.match(between):
        return "list"
    return "link" if _LINK.search(between) else "and" if _AND.match(between) else "list"


def _narrowed(text: str, names: Sequence[Named], place: int) -> bool:
    name = names[place]
    if not name.medicine.id.startswith("@") or name.medicine.substance:
        return False
    after = names[place + 1] if place + 1 < len(names) else None
    if after is not None and _CALLED.fullmatch(text[name.end : after.start]):
        return True
    before = names[place - 1] if place else None
    return before is not None and text[before.end : name.start] == "的" and text[: before.start].endswith("含")


def names_of(medicine: Medicine, language: Language) -> tuple[str, ...]:
    """Every name of a medicine in a language; a family's are its words."""
    if medicine.id.startswith("@"):
        words: tuple[str, ...] = tuple(_groups()[medicine.id[1:]][language])
        return words
    return load_terms().by_name[medicine.id].names(language)


def name_of(medicine: Medicine, typed: str, language: Language) -> str:
    """What to call it: food and drink by its first word, a family as it was typed, a medicine by its own name."""
    if medicine.substance and medicine.id.startswith("@"):
        return names_of(medicine, language)[0]
    if medicine.id.startswith("@"):
        return typed
    concept = load_terms().by_name[medicine.id]
    return concept.zh or concept.en if language == "zh" else concept.en


def is_other_name(medicine: Medicine, typed: str, language: Language) -> bool:
    """Whether what was typed is a brand or another name, so that it is worth saying what it is."""
    if medicine.id.startswith("@"):
        return False
    name = name_of(medicine, typed, language).lower()
    return typed.lower() not in name and name not in typed.lower()


@dataclass(frozen=True, slots=True)
class AllergyFamily:
    """A family of knowledge/rules/allergies.toml, with who says so."""

    name: str
    organisation: str
    url: str


def allergy_family(medicine: Medicine) -> AllergyFamily | None:
    """The family by which somebody may be allergic to a medicine, if it is of one."""
    names = [name for of in (medicine.id, *medicine.groups) for name in _every_name(Medicine(of))]
    for family, words in _allergies():
        if any(words.search(name) for name in names):
            return family
    return None


def _every_name(medicine: Medicine) -> tuple[str, ...]:
    return (*names_of(medicine, "en"), *names_of(medicine, "zh"))


@lru_cache(maxsize=1)
def _allergies() -> tuple[tuple[AllergyFamily, re.Pattern[str]], ...]:
    with ALLERGIES.open("rb") as stream:
        data = tomllib.load(stream)
    found = []
    for name, row in data.items():
        latin = "|".join(re.escape(word) for word in (*row["en"], *row["with"]))
        words = re.compile(rf"\b(?:{latin})s?\b|{'|'.join(map(re.escape, row['zh']))}", re.I)
        found.append((AllergyFamily(name, row["source"]["organisation"], row["source"]["url"]), words))
    return tuple(found)


@lru_cache(maxsize=4096)
def medicine_of(concept: Concept) -> Medicine:
    """A concept of the terminology as a medicine; one that names a family is that family."""
    for name, group in _groups().items():
        if concept.en in group.get("generic", ()):
            return _family(name)
    holds = frozenset(_data()["mixtures"].get(concept.en, ()))
    within = set(holds)
    for name, group in _groups().items():
        members = group.get("members", ())
        if not holds.isdisjoint(members) or concept.en in members or set(concept.broader) & set(group.get("of", ())):
            within |= _wider(name)
    return Medicine(concept.en, frozenset(within), holds or frozenset((concept.en,)), _is_substance(within))


def _family(name: str) -> Medicine:
    return Medicine(
        f"@{name}", frozenset(_wider(name)) - {f"@{name}"}, substance=bool(_groups()[name].get("substance"))
    )


def _wider(name: str) -> set[str]:
    found = {f"@{name}"}
    for wider in _groups()[name].get("within", ()):
        found |= _wider(wider)
    return found


def _is_substance(groups: set[str]) -> bool:
    return any(_groups()[group[1:]].get("substance") for group in groups if group.startswith("@"))


def _groups() -> Mapping[str, dict[str, Any]]:
    return {name: group for name, group in _data().items() if name != "mixtures"}


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, Any]]:
    with GROUPS.open("rb") as stream:
        return tomllib.load(stream)


@lru_cache(maxsize=2)
def _words(asking: bool) -> tuple[tuple[re.Pattern[str], str], ...]:
    patterns = []
    for name, group in _groups().items():
        english = [re.escape(word) for word in sorted(group["en"], key=len, reverse=True)]
        latin = "|".join([*english, *(group.get("asked", ()) if asking else ())])
        patterns.append((re.compile(rf"(?<![\w-])(?:{latin})s?(?![\w-])", re.I), name))
        if group["zh"]:
            chinese = "|".join(re.escape(word) for word in sorted(group["zh"], key=len, reverse=True))
            patterns.append((re.compile(chinese, re.I), name))
    return tuple(patterns)
