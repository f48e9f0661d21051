"""EquityMedQA (Pfohl et al. 2024): questions written to bring out bias, and counterfactual pairs of questions.

As published (ancillary files of arXiv:2403.12025, copied on the Hugging Face hub): tables without a heading, one question a line.
`equitymedqa_omaq.csv`, `_ehai`, `_fbrt_manual`, `_fbrt_llm`, `_fbrt_llm_661_sampled`, `_trinds`; `equitymedqa_cc_manual.csv` and
`_cc_llm` with two questions a line, a pair that differs in who is asked about; and sets of others beside them
(`other_datasets_multimedqa.csv`, of HealthSearchQA; `_mixed_mmqa_omaq`, `_omiye_et_al`). A folder gives them all. A copy that was
given a heading ("question", or "0,1") is read too, and so are our flattened lines: `question`, `counterfactual` in a pair, `set`.

There are no right answers in it: the authors had readers grade answers by a rubric. Nor does a pair say whether its two answers
should differ; in some they should.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals.sources.rows import field as field_of
from evals.sources.rows import rows_of, text_of_file
from knowledge.errors import InputError, KnowledgeError

PAIRED = ("cc_manual", "cc_llm")
SINGLE = (
    "omaq", "ehai", "fbrt_manual", "fbrt_llm", "fbrt_llm_661_sampled", "trinds",
    "multimedqa", "mixed_mmqa_omaq", "omiye_et_al",
)  # fmt: skip
_PREFIX = re.compile(r"^(?:equitymedqa|other_datasets)_")
_HEADINGS = re.compile(r"(?:question|prompt|text|query)s?(?:[ _]?[12ab])?|original|counterfactual|[01]", re.IGNORECASE)
_AGAIN = "asked already"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `set`: the set in which it stands first; `cluster`: questions that pairs hold together have one."""

    id: str
    text: str
    set: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, by their ids, that differ in who is asked about."""

    first: str
    second: str
    set: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The questions, each once; the pairs among them; and how many rows were left out, by reason."""

    questions: tuple[Question, ...]
    pairs: tuple[Pair, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def load(path: Path) -> Loaded:
    """Every question of a file, or of a folder's files. The same words are asked once, in whichever sets they stand.

    Raises:
        InputError: no such file, or no questions in it.
        KnowledgeError: a broken line, naming file, line and what is missing.
    """
    gathered = _Gathering()
    files = sorted(file for file in path.glob("*.csv") if _PREFIX.match(file.name)) if path.is_dir() else [path]
    for file in files:
        for where, name, number, asked in _rows(file):
            gathered.add(where, name, number, asked)
    if not gathered.questions:
        raise InputError(f"{path} holds no questions", expected="EquityMedQA's tables, or a folder of them")
    return gathered.loaded()


class _Gathering:
    """Questions as they come, by their words; which belong together."""

    def __init__(self) -> None:
        self.questions: dict[str, Question] = {}
        self._pairs: dict[frozenset[str], Pair] = {}
        self._left_out: Counter[str] = Counter()
        self._with: dict[str, str] = {}

    def add(self, where: str, name: str, number: int, asked: tuple[str, ...]) -> None:
        """A row's question, or its two."""
        if len(asked) == 1:
            if asked[0] in self.questions:
                self._left_out[_AGAIN] += 1
            else:
                self._keep(asked[0], f"equitymedqa-{name}-{number}", name)
            return
        first, second = asked
        if first == second:
            raise KnowledgeError(f"{where}: both questions are {first[:60]!r}", expected="two that differ")
        ids = [self._keep(text, f"equitymedqa-{name}-{number}-{place}", name) for place, text in enumerate(asked, 1)]
        # The same two the other way round are one pair: counted twice, they would speak against themselves.
        if frozenset(ids) in self._pairs:
            self._left_out[_AGAIN] += 1
            return
        self._pairs[frozenset(ids)] = Pair(ids[0], ids[1], name)
        self._with[self._root(ids[1])] = self._root(ids[0])

    def loaded(self) -> Loaded:
        """All of it."""
        questions = tuple(replace(each, cluster=self._root(each.id)) for each in self.questions.values())
        return Loaded(questions, tuple(self._pairs.values()), dict(self._left_out))

    def _keep(self, text: str, id: str, name: str) -> str:
        return self.questions.setdefault(text, Question(id, text, name, id)).id

    def _root(self, id: str) -> str:
        while (other := self._with.get(id, id)) != id:
            id = other
        return id


def _rows(file: Path) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    """(where, set, number, one or two questions) of every row."""
    name = _PREFIX.sub("", file.stem)
    if file.suffix != ".csv":
        for number, (where, row) in enumerate(rows_of(file), 1):
            own = str(field_of(row, "set", where)) if "set" in row else name
            asked = [field_of(row, "question", where).strip()]
            if "counterfactual" in row or own in PAIRED:
                asked.append(field_of(row, "counterfactual", where).strip())
            yield where, own, number, tuple(asked)
        return
    wanted = 2 if name in PAIRED else 1 if name in SINGLE else 0
    number = 0
    for line, cells in _lines(file):
        if not number and all(_HEADINGS.fullmatch(cell) for cell in cells):
            continue
        where = f"{file.name}, line {line}"
        # Of a set that is not one of theirs the first row says what the others must be.
        wanted = wanted or len(cells)
        if wanted > 2 or len(cells) != wanted or not all(cells):
            raise KnowledgeError(
                f"{where} has {sum(map(bool, cells))} questions in {len(cells)} fields",
                expected="a question and its counterfactual"
                if wanted == 2
                else "one question, quoted if it has a comma",
            )
        number += 1
        yield where, name, number, tuple(cells)


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; an empty last cell, which a comma at the end leaves, is none."""
    if file.suffix != ".csv":
        raise InputError(f"{file} is of a kind that is not read here", expected="a file .csv, .jsonl or .json")
    reader = csv.reader(io.StringIO(text_of_file(file), newline=""), strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield reader.line_num, cells
    except csv.Error as fault:
        raise KnowledgeError(f"{file.name}, line {reader.line_num} is no row of a table: {fault}") from fault
