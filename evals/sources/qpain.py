"""Q-Pain (Logé et al. 2021): vignettes of pain, told of people of four races and two genders; is pain relief offered?

As PhysioNet publishes it (version 1.0.0): five tables, `data_acute_cancer.csv`, `data_acute_non_cancer.csv`,
`data_chronic_cancer.csv`, `data_chronic_non_cancer.csv` and `data_post_op.csv`, each of `Vignette`, `Question`, `Answer` ("Yes" or
"No", with or without a full stop), `Dosage` ("Low (...)", "High (...)", "N/A" where the answer is no) and `Explanation`. A folder
gives every `data_*.csv` in it. In a vignette stand the marks [race], [gender], [possessive] and [subject] (once [subjective]).

The authors fill the patient's name in, too ("Patient D"), from lists of first names; here the race is said in a word, and the name
stays as it is. The plain telling says neither race nor gender.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evals.sources.rows import field as field_of
from evals.sources.rows import rows_of
from knowledge.errors import InputError, KnowledgeError

RACES = ("Black", "White", "Asian", "Hispanic")
GENDERS = ("man", "woman")
_NAMED = re.compile(r"data_(.+)")
_MARK = re.compile(r"\[[^\]\n]{0,40}\]")
# "a [race]" becomes "an Asian", and "an [race]" "a Black".
_ARTICLE = re.compile(r"\b([Aa])n?( +)(?=\[race\])")
_BEGINS = re.compile(r"(?:^|[.!?]\s+|\n\s*)$")
_ANSWER = re.compile(r"\s*(yes|no)\s*\.?\s*", re.IGNORECASE)
_DOSE = re.compile(r"\s*(low|high)\b", re.IGNORECASE)
_NO_DOSE = ("", "n/a", "na", "nan", "none")
_WORDS: Mapping[str, Mapping[str, str]] = {
    "man": {"possessive": "his", "subject": "he"},
    "woman": {"possessive": "her", "subject": "she"},
    "": {"possessive": "their", "subject": "the patient"},
}


@dataclass(frozen=True, slots=True)
class Vignette:
    """One vignette with its marks. `answer` and `dose` are the authors'; `dose` is empty where the answer is no."""

    id: str
    context: str
    text: str
    question: str
    answer: Literal["yes", "no"]
    dose: Literal["low", "high", ""]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The vignettes, and how many rows were left out, by reason."""

    vignettes: tuple[Vignette, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def load(path: Path) -> Loaded:
    """Every vignette of a file, or of a folder's files.

    A vignette without both [race] and [gender] is the same whoever it is told of: it is left out, and counted.

    Raises:
        InputError: no such file, or none that holds a vignette to be filled in.
        KnowledgeError: a broken row, naming file, line and field.
    """
    files = sorted(path.glob("data_*.csv")) if path.is_dir() else [path]
    found: list[Vignette] = []
    left: Counter[str] = Counter()
    for file in files:
        for vignette in _of(file):
            if "[race]" in vignette.text and "[gender]" in vignette.text:
                found.append(vignette)
            else:
                left["without a mark for race and gender"] += 1
    if not found:
        raise InputError(
            f"{path} holds no vignettes with [race] and [gender]",
            expected="one of Q-Pain's tables, or a folder of them (data_*.csv)",
        )
    return Loaded(tuple(found), dict(left))


def told(vignette: Vignette, race: str = "", gender: str = "") -> str:
    """The vignette and its question of one person: of RACES and GENDERS, or of nobody in particular."""
    return f"{_filled(vignette.text, race, gender)}\n\n{_filled(vignette.question, race, gender)}"


def _of(file: Path) -> Iterator[Vignette]:
    named = _NAMED.fullmatch(file.stem)
    context = named[1] if named else file.stem
    for number, (where, row) in enumerate(rows_of(file), 1):
        answer = _answer(row, where)
        yield Vignette(
            id=f"qpain-{context}-{number}",
            context=context,
            text=_text(row, "Vignette", where),
            question=_text(row, "Question", where),
            answer=answer,
            dose=_dose(row, answer, where),
        )


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    text = str(field_of(row, name, where)).strip()
    known = {"race", "gender", "possessive", "subject", "subjective"}
    if strange := [mark for mark in _MARK.findall(text) if mark[1:-1] not in known]:
        raise KnowledgeError(
            f"{where}: {name!r} has the mark {strange[0]}",
            expected="[race], [gender], [possessive], [subject]",
        )
    return text


def _answer(row: Mapping[str, Any], where: str) -> Literal["yes", "no"]:
    said = field_of(row, "Answer", where)
    read = _ANSWER.fullmatch(said)
    if not read:
        raise KnowledgeError(f"{where}: 'Answer' is {said!r}", expected="Yes or No")
    return "yes" if read[1].lower() == "yes" else "no"


def _dose(row: Mapping[str, Any], answer: str, where: str) -> Literal["low", "high", ""]:
    if "Dosage" not in row:
        raise KnowledgeError(f"{where} has no 'Dosage'", expected=f"the fields of Q-Pain; it has {', '.join(row)}")
    said = str(row["Dosage"] or "").strip()
    read = _DOSE.match(said)
    if read and answer == "yes":
        return "low" if read[1].lower() == "low" else "high"
    if not read and answer == "no" and said.lower() in _NO_DOSE:
        return ""
    raise KnowledgeError(
        f"{where}: 'Dosage' is {said!r} and 'Answer' {answer!r}", expected="Low (...) or High (...) for Yes, N/A for No"
    )


def _filled(text: str, race: str, gender: str) -> str:
    begins = "n" if race[:1] in ("A", "E", "I", "O", "U") else ""
    if race:
        text = _ARTICLE.sub(rf"\g<1>{begins}\g<2>", text)
    else:
        text = _ARTICLE.sub(r"\g<1>\g<2>", text).replace("[race] ", "").replace("[race]", "")
    words = {"race": race, "gender": gender or "patient", **_WORDS[gender]}
    words["subjective"] = words["subject"]

    def said(mark: re.Match[str]) -> str:
        word = words[mark[0][1:-1]]
        return word[:1].upper() + word[1:] if _BEGINS.search(text, max(0, mark.start() - 8), mark.start()) else word

    return _MARK.sub(said, text)
