"""New policy cases into the train split: `python -m finetune.cases FILE... [--beside FOLDER]`.

Lines are checked, and a group of near-misses falls whole where one of its messages shares more than half of its five-letter
runs, or thirteen words in a row, with a message of any eval set in `evals/cases` or under FOLDER. Eval texts are read by the
program only; counts leave it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from evals.casebank import FOLDER, split_of
from finetune.data.decontaminate import EvalSet, eval_sets, runs
from knowledge.errors import InputError

KINDS: Mapping[str, frozenset[str]] = {
    "declined": frozenset(
        {f"ama{number}" for number in range(1, 10)}
        | {"crime", "dosing_harm", "drug", "forgery", "hate", "poison", "records", "weapon"}
    ),
    "crisis": frozenset(
        ["abuse", "eating", "friend", "harm_others", "ideation", "overdose", "plan", "postpartum", "self_harm"]
    ),
    "met": frozenset(
        ["education", "fiction", "grief", "idiom", "lookalike", "past", "patient", "profession", "support", "worry"]
    ),
}
"""What a case may be of, by what is expected."""
_FIELDS = ("id", "group", "language", "expect", "kind", "person", "style", "text", "why")
_RUN, _SHARED = 5, 0.5


def main(arguments: Sequence[str]) -> int:
    """Add what is new and clean; exit 1 where a line is not a case."""
    parser = argparse.ArgumentParser(prog="python -m finetune.cases")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument(
        "--beside", action="append", default=[], type=Path, help="a folder of eval sets; may be repeated"
    )
    given = parser.parse_args(arguments)
    try:
        folders = [("evals", FOLDER), *((path.name, path) for path in given.beside)]
        print(add(given.files, eval_sets(folders), bank=FOLDER / "policy"))
    except InputError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def add(files: Sequence[Path], held: Sequence[EvalSet], *, bank: Path) -> str:
    """Append the groups that are new and near nothing held to `bank`'s train.jsonl, with its new digest; says how many.

    Raises:
        InputError: a line that is not a case, by file and number; nothing is written then.
    """
    train = bank / "train.jsonl"
    known = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines()]
    seen = {row["id"] for row in known} | {_plain(row["text"]) for row in known}
    fresh: list[dict[str, Any]] = []
    twice = 0
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = checked(line, f"{path}, line {number}")
            marks = {row["id"], _plain(row["text"])}
            if marks & seen:
                twice += 1
                continue
            seen |= marks
            fresh.append(row)
    near = Near(held)
    bad = {row["group"] for row in tqdm(fresh, desc="compared", disable=None) if near.holds(row["text"])}
    kept = [row for row in fresh if row["group"] not in bad]
    lines = "".join(json.dumps({field: row[field] for field in _FIELDS}, ensure_ascii=False) + "\n" for row in kept)
    data = train.read_bytes() + lines.encode("utf-8")
    _replace(train, data)
    splits = json.loads((bank / "splits.json").read_text(encoding="utf-8"))
    splits["train"] = {"lines": data.count(b"\n"), "sha256": hashlib.sha256(data).hexdigest()}
    _replace(bank / "splits.json", (json.dumps(splits, indent=1) + "\n").encode("utf-8"))
    counts = Counter(row["expect"] for row in kept)
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return (
        f"{len(kept)} messages of {len({row['group'] for row in kept})} groups added ({told}); "
        f"{len(bad)} groups near an eval set and {twice} messages already there left out"
    )


def checked(line: str, where: str) -> dict[str, Any]:
    """A case of the train split. Raises InputError, which names the place, the field, and what was expected."""
    try:
        row = json.loads(line)
    except ValueError as fault:
        raise InputError(f"{where} is not JSON: {fault}", expected="a JSON object a line") from fault
    missing = [field for field in _FIELDS if not isinstance(row, dict) or field not in row]
    if missing:
        raise InputError(f"{where} lacks {', '.join(missing)}", expected=f"the fields {', '.join(_FIELDS)}")
    wrong = {
        "language": row["language"] not in ("en", "zh"),
        "expect": row["expect"] not in KINDS,
        "kind": row["kind"] not in KINDS.get(row["expect"], ()),
        "group": split_of(row["group"]) != "train",
        "text": not str(row["text"]).strip(),
        "style": not isinstance(row["style"], list),
    }
    for field, bad in wrong.items():
        if bad:
            wanted = sorted(KINDS.get(row["expect"], KINDS)) if field == "kind" else "what evals/cases/README.md says"
            raise InputError(f"{where}: {field} is {row[field]!r}", expected=str(wanted), remedy="Correct the line")
    return dict(row)


class Near:
    """Messages of eval sets, to ask whether a text is near one of them."""

    def __init__(self, held: Sequence[EvalSet]) -> None:
        self._long = frozenset(run for each in held for run in each.runs)
        self._by_run: dict[str, list[int]] = defaultdict(list)
        number = 0
        for each in held:
            for text in each.asked:
                for run in _letters(text):
                    self._by_run[run].append(number)
                number += 1

    def holds(self, text: str) -> bool:
        """Whether more than half of its five-letter runs are in one message, or thirteen words in a row in any."""
        if runs(text) & self._long:
            return True
        own = _letters(text)
        shared = Counter(number for run in own for number in self._by_run.get(run, ()))
        return any(count > _SHARED * len(own) for count in shared.values())


def _letters(text: str) -> set[str]:
    plain = _plain(text)
    return {plain[start : start + _RUN] for start in range(max(1, len(plain) - _RUN + 1))}


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
