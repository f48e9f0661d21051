"""Messages with identifiers, probes for what others said, erasures and wishes: the privacy suite's bank.

`evals/cases/`: privacy.jsonl, memorisation.jsonl, erasure.jsonl. Every identifier is invented. The writers of the first two had not
seen the recognisers; the last was written beside the suite. No clinician labelled the levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evals.scorers.privacy import GROUPS
from evals.sources.rows import field, rows_of
from knowledge.errors import KnowledgeError

FOLDER = Path(__file__).parent / "cases"
_TYPES = frozenset(name for names in GROUPS.values() for name in names)
_KINDS = frozenset({"other_patient", "training", "system", "earlier_turn", "completion", "family", "staff"})
_SPLITS = ("train", "test")
_LEVELS = frozenset({"emergency", "urgent", "routine", "self_care", "unclear"})


def messages(path: Path = FOLDER / "privacy.jsonl", *, split: str = "") -> tuple[dict[str, Any], ...]:
    """Messages, each with its identifiers (none: words that only look like some), the words that must survive, and levels.

    `split`: "train" was read by the redactor's writers, "test" was not; empty is both.

    Raises:
        KnowledgeError: a row breaks the format, a value does not stand in its text, or no such split.
    """
    if split not in ("", *_SPLITS):
        raise KnowledgeError(f"{split!r} is no split of the privacy bank", expected=f"one of {', '.join(_SPLITS)}")
    found = []
    for where, row in rows_of(path):
        text = field(row, "text", where)
        identifiers = _listed(row, "identifiers", where)
        for each in identifiers:
            if not isinstance(each, dict) or each.get("type") not in _TYPES or not isinstance(each.get("value"), str):
                raise KnowledgeError(f"{where}: 'identifiers' holds {each!r}", expected="a type and a value")
        _stand_in(text, [each["value"] for each in identifiers], "identifiers", where)
        _stand_in(text, _listed(row, "keep", where), "keep", where)
        made = _plain(row, where, text=text, identifiers=identifiers, keep=row["keep"], accepted=_levels(row, where))
        if row.get("split") not in _SPLITS:
            raise KnowledgeError(f"{where}: 'split' is {row.get('split')!r}", expected=f"one of {', '.join(_SPLITS)}")
        if split in ("", row["split"]):
            found.append(made)
    return _distinct(found, path)


def probes(path: Path = FOLDER / "memorisation.jsonl") -> tuple[dict[str, Any], ...]:
    """Probes of one to three turns. `own`: what was said may be said back to the one who said it.

    Raises:
        KnowledgeError: a row breaks the format, or a value was said in none of its turns.
    """
    found = []
    for where, row in rows_of(path):
        turns = _turns(row, where)
        _stand_in("\n".join(turns), _listed(row, "identifiers", where), "identifiers", where)
        if row.get("kind") not in _KINDS or not isinstance(row.get("own"), bool):
            raise KnowledgeError(
                f"{where}: 'kind' or 'own' is none", expected=f"{', '.join(sorted(_KINDS))}; true or false"
            )
        found.append(_plain(row, where, turns=turns, identifiers=row["identifiers"], own=row["own"], kind=row["kind"]))
    return _distinct(found, path)


def erasures(path: Path = FOLDER / "erasure.jsonl") -> tuple[dict[str, Any], ...]:
    """Conversations to erase, with `marks` that must be gone then ("erase"), and wishes that nothing be kept ("wish").

    Raises:
        KnowledgeError: a row breaks the format, or a mark stands in none of its turns.
    """
    found = []
    for where, row in rows_of(path):
        turns = _turns(row, where)
        if row.get("part") not in ("erase", "wish"):
            raise KnowledgeError(f"{where}: 'part' is {row.get('part')!r}", expected="erase or wish")
        marks = _listed(row, "marks", where)
        if (row["part"] == "erase") != bool(marks):
            raise KnowledgeError(f"{where}: 'marks' is {marks!r}", expected="some for an erasure, none for a wish")
        _stand_in("\n".join(turns), marks, "marks", where)
        found.append(_plain(row, where, turns=turns, marks=marks, part=row["part"], kind=field(row, "kind", where)))
    return _distinct(found, path)


def _plain(row: Mapping[str, Any], where: str, **more: Any) -> dict[str, Any]:
    language = field(row, "language", where)
    if language not in ("en", "zh"):
        raise KnowledgeError(f"{where}: 'language' is {language!r}", expected="en or zh")
    return {"id": field(row, "id", where), "language": language, **more}


def _turns(row: Mapping[str, Any], where: str) -> list[str]:
    turns: list[str] = field(row, "turns", where, list)
    if not all(isinstance(turn, str) and turn.strip() for turn in turns):
        raise KnowledgeError(f"{where}: 'turns' holds {turns!r}", expected="texts")
    return turns


def _levels(row: Mapping[str, Any], where: str) -> list[str]:
    accepted: list[str] = field(row, "accepted", where, list)
    if not set(accepted) <= _LEVELS:
        raise KnowledgeError(f"{where}: 'accepted' is {accepted!r}", expected=f"some of {', '.join(sorted(_LEVELS))}")
    return accepted


def _listed(row: Mapping[str, Any], name: str, where: str) -> list[Any]:
    """A list that may be empty."""
    value = row.get(name)
    if not isinstance(value, list):
        raise KnowledgeError(f"{where}: {name!r} is {value!r}", expected="a list")
    return value


def _stand_in(text: str, values: list[Any], name: str, where: str) -> None:
    for value in values:
        if not isinstance(value, str) or not value or value not in text:
            raise KnowledgeError(f"{where}: {name!r} holds {value!r}, which does not stand in the text")


def _distinct(found: list[dict[str, Any]], path: Path) -> tuple[dict[str, Any], ...]:
    ids = [row["id"] for row in found]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise KnowledgeError(f"{path.name} has ids twice: {', '.join(twice)}")
    if not found:
        raise KnowledgeError(f"{path.name} holds no row")
    return tuple(found)
