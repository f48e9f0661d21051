"""The words of medicine that the whole agent shares: lay, clinical, brand, abbreviation, English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from knowledge.errors import KnowledgeError

DATA = Path(__file__).parent / "data"
ATTESTED = Path(__file__).parent / "attested.tsv"
CUES = Path(__file__).parent / "ambiguous.toml"
# Abbreviations that are English words in small letters ("aids", "all"); written by `make terms`.
WORDS = Path(__file__).parent / "words.txt"
COLUMNS = ("en", "lay", "clinical", "abbreviations", "zh", "zh_lay", "zh_clinical", "broader", "icd10")
# Longer names are no name anybody types.
_MOST_WORDS, _MOST_CHARACTERS = 7, 14
# How far around an ambiguous name its cues are looked for, in characters.
_AROUND = 300
_ENGLISH = re.compile(r"[A-Za-z0-9]+(?:[-'’][A-Za-z0-9]+)*")
_CHINESE = re.compile(r"[㐀-鿿][㐀-鿿A-Za-z0-9β]*")


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing and its names. `en` identifies it; `kind` is the file it stands in; `broader` its class or body system.

    `sources` name what attests the English name (and the Chinese one: those that end in "-zh"), see README.md.
    """

    en: str
    kind: str
    lay: tuple[str, ...] = ()
    clinical: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    zh: str = ""
    zh_lay: tuple[str, ...] = ()
    zh_clinical: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    icd10: str = ""
    sources: tuple[str, ...] = ()

    @property
    def english(self) -> tuple[str, ...]:
        """Every English name but the abbreviations, the preferred one first."""
        return (self.en, *self.lay, *self.clinical)

    @property
    def chinese(self) -> tuple[str, ...]:
        """Every Chinese name, the preferred one first."""
        return tuple(filter(None, (self.zh, *self.zh_lay, *self.zh_clinical)))

    def names(self, language: str) -> tuple[str, ...]:
        """Every name in a language."""
        return self.chinese if language == "zh" else (*self.english, *self.abbreviations)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name found in a text: `start` and `end` in code points. More than one concept: the name is ambiguous here."""

    start: int
    end: int
    text: str
    concepts: tuple[Concept, ...]

    @property
    def concept(self) -> Concept | None:
        """The one concept that is meant, where that is settled."""
        return self.concepts[0] if len(self.concepts) == 1 else None


class Terminology:
    """All concepts, found by any of their names."""

    def __init__(self, concepts: Iterable[Concept], cues: Mapping[str, Mapping[str, re.Pattern[str]]]) -> None:
        self.concepts = tuple(concepts)
        self._cues = cues

    def __len__(self) -> int:
        return len(self.concepts)

    @cached_property
    def by_name(self) -> dict[str, Concept]:
        """Concepts by their preferred English name."""
        return {concept.en: concept for concept in self.concepts}

    @cached_property
    def _names(self) -> dict[str, tuple[Concept, ...]]:
        found: dict[str, dict[str, Concept]] = {}
        for concept in self.concepts:
            for name in concept.english:
                for form in () if _is_short(name) else forms(name):
                    found.setdefault(form, {})[concept.en] = concept
            for name in concept.chinese:
                found.setdefault(name.lower(), {})[concept.en] = concept
        return {name: tuple(concepts.values()) for name, concepts in found.items()}

    @cached_property
    def _abbreviations(self) -> dict[str, tuple[Concept, ...]]:
        found: dict[str, dict[str, Concept]] = {}
        for concept in self.concepts:
            for name in (*concept.abbreviations, *filter(_is_short, concept.english)):
                found.setdefault(name, {})[concept.en] = concept
        for name, readings in self._cues.items():
            found.setdefault(name, {}).update({en: self.by_name[en] for en in readings if en in self.by_name})
        return {name: tuple(concepts.values()) for name, concepts in found.items()}

    def find(self, text: str) -> tuple[Mention, ...]:
        """Every name in a text, longest first where they overlap, in the order of the text.

        An abbreviation counts in capitals, or in small letters where it is no English word ("uti", not "ms" or "aids").
        A name of several concepts is settled by the words around it, or left open.
        """
        mentions = sorted((*self._english(text), *self._chinese(text)), key=lambda mention: mention.start)
        return tuple(self._settled(text, mention) for mention in mentions)

    def of_class(self, broader: str) -> tuple[Concept, ...]:
        """The concepts of a class ("anticoagulant") or body system."""
        return tuple(concept for concept in self.concepts if broader in concept.broader)

    def _english(self, text: str) -> Iterator[Mention]:
        words = list(_ENGLISH.finditer(text))
        at = 0
        while at < len(words):
            for size in range(min(_MOST_WORDS, len(words) - at), 0, -1):
                last = words[at + size - 1]
                if "\n" in text[words[at].start() : last.end()]:
                    continue
                concepts = self._lookup([word.group(0) for word in words[at : at + size]])
                if concepts:
                    span = text[words[at].start() : last.end()]
                    yield Mention(words[at].start(), last.end(), span, concepts)
                    at += size
                    break
            else:
                at += 1

    def _lookup(self, words: list[str]) -> tuple[Concept, ...]:
        joined = " ".join(words)
        if len(words) == 1:
            found = self._abbreviations.get(joined, ())
            if not found and joined.islower() and len(joined) > 2 and joined not in _words():
                found = self._abbreviations.get(joined.upper(), ())
            if found:
                return found
        for form in forms(joined):
            if form in self._names:
                return self._names[form]
        return ()

    def _chinese(self, text: str) -> Iterator[Mention]:
        for run in _CHINESE.finditer(text):
            body, at = run.group(0).lower(), 0
            while at < len(body):
                for size in range(min(_MOST_CHARACTERS, len(body) - at), 1, -1):
                    concepts = self._names.get(body[at : at + size], ())
                    if concepts:
                        start = run.start() + at
                        yield Mention(start, start + size, text[start : start + size], concepts)
                        at += size
                        break
                else:
                    at += 1

    def _settled(self, text: str, mention: Mention) -> Mention:
        if len(mention.concepts) == 1:
            return mention
        cues = self._cues.get(mention.text.upper(), {})
        around = f"{text[max(0, mention.start - _AROUND) : mention.start]} {text[mention.end : mention.end + _AROUND]}"
        scores = {c.en: len(set(cues[c.en].findall(around))) if c.en in cues else 0 for c in mention.concepts}
        best = max(scores.values())
        kept = tuple(concept for concept in mention.concepts if scores[concept.en] == best)
        settled = kept if best and len(kept) == 1 else mention.concepts
        return Mention(mention.start, mention.end, mention.text, settled)


@lru_cache(maxsize=1)
def load_terms() -> Terminology:
    """The terminology that ships.

    Raises:
        KnowledgeError: a row does not have its columns, or a name identifies two concepts.
    """
    attested = _attested()
    concepts: dict[str, Concept] = {}
    for path in sorted(DATA.glob("*.tsv")):
        for concept in read_terms(path):
            if concept.en in concepts:
                raise KnowledgeError(f"{path}: {concept.en!r} stands in {concepts[concept.en].kind} too")
            concepts[concept.en] = replace(concept, sources=attested.get(concept.en, ()))
    return Terminology(concepts.values(), _cues())


def read_terms(path: Path) -> Iterator[Concept]:
    """The concepts of one file.

    Raises:
        KnowledgeError: the header or a row does not have the columns.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            cells = line.rstrip("\n").split("\t")
            if number == 1:
                if tuple(cells) != COLUMNS:
                    raise KnowledgeError(f"{path}: the header is {cells}", expected="\t".join(COLUMNS))
                continue
            if len(cells) != len(COLUMNS) or not cells[0]:
                raise KnowledgeError(f"{path}, line {number} has {len(cells)} cells", expected=str(len(COLUMNS)))
            row = dict(zip(COLUMNS, cells, strict=True))
            yield Concept(
                en=row["en"],
                kind=path.stem,
                lay=_values(row["lay"]),
                clinical=_values(row["clinical"]),
                abbreviations=_values(row["abbreviations"]),
                zh=row["zh"],
                zh_lay=_values(row["zh_lay"]),
                zh_clinical=_values(row["zh_clinical"]),
                broader=_values(row["broader"]),
                icd10=row["icd10"],
            )


def _attested() -> dict[str, tuple[str, ...]]:
    if not ATTESTED.is_file():
        return {}
    with ATTESTED.open(encoding="utf-8") as lines:
        rows = (line.rstrip("\n").partition("\t") for line in lines)
        return {name: _values(sources) for name, _, sources in rows}


def _cues() -> dict[str, dict[str, re.Pattern[str]]]:
    import tomllib

    if not CUES.is_file():
        return {}
    with CUES.open("rb") as stream:
        data = tomllib.load(stream)
    return {
        name: {concept: re.compile("|".join(map(_cue, words)), re.I) for concept, words in readings.items()}
        for name, readings in data.items()
    }


def _cue(word: str) -> str:
    return rf"\b{re.escape(word)}" if word.isascii() else re.escape(word)


def _is_short(name: str) -> bool:
    """Whether a name is written in capitals alone, and so is found in capitals ("AIDS", not "it aids me")."""
    return name.isupper() and len(name) <= 6


def _values(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip()))


def forms(name: str) -> tuple[str, ...]:
    """A name as it is looked up: small letters, one kind of dash, singular where a plain plural was written."""
    plain = " ".join(name.lower().replace("’", "'").replace("-", " ").split())
    forms = [plain]
    if plain.isascii() and len(plain) > 4 and plain.endswith("s") and not plain.endswith(("ss", "is", "us")):
        forms.append(plain[:-1])
        if plain.endswith("es"):
            forms.append(plain[:-2])
    if "'s" in plain:
        forms.append(plain.replace("'s", ""))
    return tuple(forms)


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    return frozenset(WORDS.read_text(encoding="utf-8").split()) if WORDS.is_file() else frozenset()
