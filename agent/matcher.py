"""Phrase patterns over tokens, thousands at once, in time that grows with the text and not with the patterns.

A pattern is a sequence of elements separated by spaces, matched within one clause on stems:
`chest`             a word (Chinese: a run of characters)
`pass_out|faint`    alternatives; `_` joins the words of one
`<pain>`            a word class, also as an alternative
`my?`               optional
`..` or `..6`       a gap of up to 5 words (Chinese: 6 characters), or as many as said
`A & B`, `A &9 B`   both sides in either order with such a gap between
`#` `#9`            a number in digits; one of at least 9, below 1,000
`A / B`             either of two whole patterns
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from agent.tokens import Token, stem
from knowledge.errors import KnowledgeError

_GAP_EN, _GAP_ZH = 5, 6
_NUMBER = "#"
_PHRASE = re.compile(r"\d+(?:[.,:/]\d+)*|[a-z\u00c0-\u024f]+(?:'[a-z]+)*|[\u3400-\u9fff]")
"""What `agent.tokens` makes of a pattern's plain letters; a fuller reading would only cost time at the start."""
_COUNT = re.compile(r"#\d*")
_MANY = 1000
"""A count of tablets stays below this; above it a number is a dose in milligrams or a year."""
_LONGEST = 24
_MISSPELT_FROM = 7
"""Shortest word whose spelling is guessed: below it, one letter's difference is often another word."""

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern matched: tokens `first` to `last` (exclusive); `inside` are the tokens its gaps skipped."""

    id: str
    first: int
    last: int
    inside: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pattern:
    id: str
    sets: tuple[int, ...]
    gaps: tuple[int, ...]
    needs: frozenset[int]


class Matcher:
    """Compiled patterns. `patterns` maps an id to its patterns, `words` a class to its members. A character alone is not matched
    inside one of the `compounds`: in 糖尿病 there is no 尿."""

    def __init__(
        self,
        patterns: Mapping[str, Iterable[str]],
        *,
        words: Mapping[str, Iterable[str]],
        spelling: Mapping[str, str] | None = None,
        compounds: Iterable[str] = (),
    ) -> None:
        self._words = {name: tuple(items) for name, items in words.items()}
        self._compounds: dict[str, list[str]] = {}
        for compound in compounds:
            self._compounds.setdefault(compound[0], []).append(compound)
        self._sets: dict[frozenset[Phrase], int] = {}
        self._plain: dict[str, Phrase] = {}
        self._elements: dict[str, frozenset[Phrase]] = {}
        self._spelling = {wrong: stem(right) for wrong, right in (spelling or {}).items()}
        compiled = [
            _Pattern(name, sets, gaps, frozenset(sets))
            for name, texts in patterns.items()
            for text in (part for whole in texts for part in whole.split(" / "))
            for sets, gaps in self._compile(text)
        ]
        # Each is looked at where the rarest of its sets is found.
        often = Counter(number for pattern in compiled for number in set(pattern.sets))
        self._rarest: dict[int, list[_Pattern]] = {}
        for pattern in compiled:
            self._rarest.setdefault(min(pattern.sets, key=often.__getitem__), []).append(pattern)
        phrases: dict[Phrase, list[int]] = {}
        for members, number in self._sets.items():
            for phrase in members:
                phrases.setdefault(phrase, []).append(number)
        self._starts: dict[str, list[tuple[Phrase, tuple[int, ...]]]] = {}
        # The shortest first, and always in one order: what a set of phrases gives depends on the hash seed.
        for phrase, numbers in sorted(phrases.items(), key=lambda row: (len(row[0]), row[0])):
            self._starts.setdefault(phrase[0], []).append((phrase[1:], tuple(numbers)))
        self._counts = [
            (int(first[1:]) if first[1:] else None, numbers)
            for first in [word for word in self._starts if word.startswith(_NUMBER)]
            for _, numbers in self._starts.pop(first)
        ]
        self._vocabulary = {word for phrase in phrases for word in phrase}
        self._deletes: dict[str, str] | None = None

    def _phrases(self, element: str, seen: tuple[str, ...] = ()) -> frozenset[Phrase]:
        known = self._elements.get(element)
        if known is not None:
            return known
        found: set[Phrase] = set()
        for part in element.split("|"):
            if part[0] == _NUMBER and _COUNT.fullmatch(part):
                found.add((part,))
            elif part.startswith("<") and part.endswith(">"):
                name = part[1:-1]
                if name not in self._words or name in seen:
                    raise KnowledgeError(f"Pattern names word class {name!r}", expected="a defined class")
                for member in self._words[name]:
                    found |= self._phrases(member, (*seen, name))
            else:
                phrase = self._plain.get(part)
                if phrase is None:
                    phrase = self._plain[part] = tuple(stem(word) for word in _PHRASE.findall(part.lower()))
                if not phrase:
                    raise KnowledgeError(f"Pattern element {element!r} has no words", remedy="Mend the pattern")
                found.add(phrase)
        result = frozenset(found)
        self._elements[element] = result
        return result

    def _compile(self, text: str) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        default = _GAP_EN if text.isascii() else _GAP_ZH
        items = text.split()
        for place, item in enumerate(items):
            if item.startswith("&"):
                gap = f"..{item[1:] or default}"
                left, right = items[:place], items[place + 1 :]
                return self._sequence([*left, gap, *right], default) + self._sequence([*right, gap, *left], default)
        return self._sequence(items, default)

    def _sequence(self, items: Sequence[str], default: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        choices = [(True, False) if item.endswith("?") else (True,) for item in items]
        compiled = []
        for chosen in product(*choices):
            sets: list[int] = []
            gaps: list[int] = []
            gap = 0
            for item, used in zip(items, chosen, strict=True):
                if not used:
                    continue
                if ".." in item[1:] and not item.startswith(".."):
                    raise KnowledgeError(
                        f"Pattern {' '.join(items)!r} has a gap joined to a word", remedy="Add a space"
                    )
                if item.startswith(".."):
                    if not sets:
                        raise KnowledgeError(
                            f"Pattern {' '.join(items)!r} can begin with a gap",
                            expected="a first element that must be there",
                            remedy="Name what may be missing as an alternative",
                        )
                    gap = int(item[2:] or default)
                    continue
                members = self._phrases(item.removesuffix("?"))
                sets.append(self._sets.setdefault(members, len(self._sets)))
                gaps.append(gap)
                gap = 0
            if not sets:
                raise KnowledgeError(f"Pattern {' '.join(items)!r} has no word that must be there")
            compiled.append((tuple(sets), tuple(gaps)))
        return compiled

    def match(self, tokens: Sequence[Token]) -> list[Match]:
        """Every match, in no order that matters; at most one for each pattern and starting place."""
        stems = [self._known(token) for token in tokens]
        inside = self._inside(stems)
        spans: dict[int, list[tuple[int, int]]] = {}
        for place, word in enumerate(stems):
            for rest, numbers in self._starts.get(word, ()):
                if not rest and place in inside:
                    continue
                end = place + 1 + len(rest)
                if rest and tuple(stems[place + 1 : end]) != rest:
                    continue
                if rest and tokens[place].clause != tokens[end - 1].clause:
                    continue
                for number in numbers:
                    spans.setdefault(number, []).append((place, end))
            if word[0].isdigit():
                for least, numbers in self._counts:
                    if least is None or least <= _counted(word) < _MANY:
                        for number in numbers:
                            spans.setdefault(number, []).append((place, place + 1))
        found: list[Match] = []
        for number in list(spans):
            for pattern in self._rarest.get(number, ()):
                if spans.keys() >= pattern.needs:
                    found += self._join(pattern, spans, tokens)
        return found

    def _inside(self, stems: Sequence[str]) -> set[int]:
        """Where the characters of compounds stand."""
        return {
            place + offset
            for place, first in enumerate(stems)
            for compound in self._compounds.get(first, ())
            if "".join(stems[place : place + len(compound)]) == compound
            for offset in range(len(compound))
        }

    def _join(
        self, pattern: _Pattern, spans: Mapping[int, list[tuple[int, int]]], tokens: Sequence[Token]
    ) -> list[Match]:
        found = []
        for first, end in spans[pattern.sets[0]]:
            inside: tuple[int, ...] = ()
            last = end
            for number, gap in zip(pattern.sets[1:], pattern.gaps[1:], strict=True):
                options = spans[number]
                at = bisect_left(options, (last, 0))
                if at == len(options):
                    break
                start = options[at][0]
                if start > last + gap or tokens[start].clause != tokens[first].clause:
                    break
                while at + 1 < len(options) and options[at + 1][0] == start:
                    at += 1
                inside += tuple(range(last, start))
                last = options[at][1]
            else:
                found.append(Match(pattern.id, first, last, inside))
        return found

    def _known(self, token: Token) -> str:
        word = token.stem
        if word in self._vocabulary or len(token.raw) < 3 or not token.raw.isascii():
            return word
        fixed = self._spelling.get(token.raw)
        if fixed is None and _MISSPELT_FROM <= len(token.raw) <= _LONGEST and token.raw.isalpha():
            fixed = self._guess(token.raw)
        return fixed or word

    def _guess(self, raw: str) -> str:
        """The vocabulary word that `raw` is with one letter doubled, dropped, added or swapped; else its stem."""
        if self._deletes is None:
            self._deletes = {}
            for known in sorted(self._vocabulary):
                if len(known) >= _MISSPELT_FROM - 1 and known.isascii() and known.isalpha():
                    for cut in range(1, len(known)):
                        self._deletes.setdefault(known[:cut] + known[cut + 1 :], known)
        word = stem(raw)
        for cut in range(1, len(word)):
            shorter = word[:cut] + word[cut + 1 :]
            if shorter in self._vocabulary and len(shorter) >= _MISSPELT_FROM - 1:
                return shorter
            known = self._deletes.get(shorter, "")
            if len(known) == len(word) >= _MISSPELT_FROM + 1 and known[:cut] == word[:cut]:
                return known  # one letter is another
            if cut + 1 < len(word):
                swapped = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
                if swapped in self._vocabulary and len(swapped) >= _MISSPELT_FROM - 1:
                    return swapped
        return self._deletes.get(word, word)


def _counted(word: str) -> float:
    """A number in digits, decimals too ("37.6"); -1 for a date, a time or what is longer."""
    whole, _, tenths = word.partition(".")
    return float(word) if len(whole) < 4 and whole.isdecimal() and (not tenths or tenths.isdecimal()) else -1
