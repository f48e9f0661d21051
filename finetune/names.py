"""Evidence of names, learned from lists: `python -m finetune.names --words FILE... --corpus FILE...`; two minutes.

Writes `knowledge/rules/privacy/names.npz`, which `agent.identifiers.evidence` reads. What goes in: given names and surnames of
Faker's locales; words of every day from lists of English words (`wamerican`, `wbritish`), from texts (JSON lines, a `text` each)
and from the terms of `knowledge/terms`; Chinese names and words of jieba's dictionary. What comes out: hashes of the words and of
the names, weights of a logistic regression over pieces of one to four letters (name or word?), and for each Chinese character the
log of how much more often it stands in a given name than in text. Sources and notices: knowledge/rules/privacy/SOURCES.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from agent.identifiers.evidence import PATH, SIZE, hashed, pieces
from agent.identifiers.lexicon import lexicon
from evals.casebank import triage_cases

_LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]{2,}(?:['’\-][A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+)*")
_HAN = re.compile("[\u4e00-\u9fff]")
_TERMS = Path(__file__).parents[1] / "knowledge" / "terms" / "data"
_MODERN = "梓萱涵诺柠睿轩晗妍彤宸奕沐芮昕瑶琪钰淇菲萌语桐泽熙煜皓辰翊珩霖墨苒汐玥苡恬伊艺可心怡悦然逸羽晨佑祺瑞霏岚念知予安乔圆一"
"""Characters of given names since about 2000, which the dictionary's older names lack."""
_SEEN = 4
"""A word written small this often in texts is a word of every day; rarer ones may be names typed in haste."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the held-out accuracy and write the file."""
    parser = argparse.ArgumentParser(prog="python -m finetune.names", description=__doc__.splitlines()[0])
    parser.add_argument("--words", nargs="+", type=Path, required=True, help="lists of English words, one a line")
    parser.add_argument("--corpus", nargs="*", type=Path, default=[], help="JSON lines (.gz) whose strings are read")
    options = parser.parse_args(arguments)
    cases = [case for case in triage_cases("train", why="words of every day") if case.text]
    texts = [case.text for case in cases if case.language == "en"]
    ordinary = _ordinary(options.words, [*texts, *_texts(options.corpus)])
    given, surnames = _names()
    weights, bias, accuracy = _letters((given | surnames) - ordinary, ordinary - given - surnames)
    characters, middle, last = _characters([case.text for case in cases if case.language == "zh"])
    np.savez_compressed(
        PATH, ordinary=_hashes(ordinary), given=_hashes(given), surnames=_hashes(surnames),
        weights=weights.astype(np.float16), bias=np.float32(bias), characters=characters,
        middle=middle.astype(np.float16), last=last.astype(np.float16),
    )  # fmt: skip
    sys.stdout.write(
        f"{len(ordinary)} words, {len(given)} given names, {len(surnames)} surnames, {len(characters)} characters; "
        f"letters alone tell {accuracy:.3f} of names and words held out; {PATH.stat().st_size} bytes\n"
    )
    return 0


def _ordinary(lists: Iterable[Path], texts: Iterable[str]) -> set[str]:
    found = {
        line.removesuffix("'s").lower()
        for path in lists
        for line in path.read_text(encoding="utf-8").split()
        if line[0].islower()
    }
    counts = Counter(word for text in texts for word in _LATIN.findall(text) if word[0].islower())
    found |= {word.lower() for word, number in counts.items() if number >= _SEEN}
    for path in _TERMS.glob("*.tsv"):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            # The English columns: a term, its everyday and its clinical names.
            found |= {word.lower() for cell in line.split("\t")[:3] for word in _LATIN.findall(cell)}
    return found


def _texts(paths: Iterable[Path]) -> Iterable[str]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                yield " ".join(value for value in json.loads(line).values() if isinstance(value, str))


def _names() -> tuple[set[str], set[str]]:
    """Given names and surnames in Latin letters, lower-cased: Faker's of every locale, and the project's own lists."""
    import importlib
    import pkgutil

    from faker.providers import person  # type: ignore[import-not-found,unused-ignore]

    lex = lexicon()
    sets: dict[str, set[str]] = {"first": set(lex.given | lex.given_words), "last": set(lex.surnames)}
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            kind, _, rest = attribute.partition("_")
            values = getattr(provider, attribute)
            if kind in sets and rest.startswith("name") and isinstance(values, (list, tuple, dict)):
                sets[kind] |= {
                    name.lower().replace("’", "'")
                    for value in values
                    if isinstance(value, str)
                    for name in (value, *value.split())
                    if _LATIN.fullmatch(name)
                }
    return sets["first"], sets["last"]


def _letters(names: set[str], words: set[str]) -> tuple[np.ndarray, float, float]:
    """Weights by piece, the bias, and the accuracy on a tenth held out, names and words weighing the same."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = [(word, 1) for word in sorted(names)] + [(word, 0) for word in sorted(words) if len(word) > 2]
    indices: list[int] = []
    starts = [0]
    for word, _ in rows:
        indices += pieces(word)
        starts.append(len(indices))
    matrix = csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(rows), SIZE))
    labels = np.array([label for _, label in rows])
    held = np.random.default_rng(0).random(len(rows)) < 0.1
    model = LogisticRegression(C=0.3, class_weight="balanced", max_iter=300)
    model.fit(matrix[~held], labels[~held])
    right = model.predict(matrix[held]) == labels[held]
    accuracy = float(np.mean([right[labels[held] == label].mean() for label in (0, 1)]))
    return model.coef_[0], float(model.intercept_[0]), accuracy


def _characters(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each character, the log of its share among given names' middle and last characters over its share in text."""
    import jieba
    from faker.providers.person.zh_CN import Provider  # type: ignore[import-not-found,unused-ignore]

    lex = lexicon()
    surnames = lex.zh_surnames | lex.zh_surnames_weak
    middle, last, plain = Counter[str](), Counter[str](), Counter[str]()
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, kind = line.split()
        if kind == "nr" and len(word) == 3 and word[0] in surnames:
            middle[word[1]] += 1
            last[word[2]] += 1
        elif not kind.startswith("nr"):
            plain.update({char: math.sqrt(int(count)) for char in word if _HAN.match(char)})
    for name in Provider.first_names:
        (middle if len(name) == 2 else last)[name[0]] += 20
        last[name[-1]] += 20
    for char in _MODERN:
        middle[char] += 60
        last[char] += 60
    for text in texts:
        plain.update(_HAN.findall(text))
    characters = sorted(set(plain) | set(last) | set(middle))
    logs = []
    for counts in (middle, last):
        total, everything = sum(counts.values()), sum(plain.values())
        logs.append(
            np.array(
                [
                    math.log((counts[char] + 0.5) / total) - math.log((plain[char] + 5) / everything)
                    for char in characters
                ]
            )
        )
    return np.array([ord(char) for char in characters], np.uint16), logs[0], logs[1]


def _hashes(words: Iterable[str]) -> np.ndarray:
    return np.array(sorted({hashed(word) for word in words}), np.uint32)


if __name__ == "__main__":
    sys.exit(main())
