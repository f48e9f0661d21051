"""Urgency, crisis, refusals and identifiers on the development sets of ../shared/bench: `make bench-safety`.

Each set was halved before anything was tuned: triage was tuned on lines 1, 3, 5..., policy and privacy on lines 2, 4,
6...; the other half is the report. No model is asked. Rates have 95% Wilson intervals. The sets' own labels are taken as
they are; no clinician of ours has judged them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from agent.language import detect
from agent.policy import decide
from agent.privacy import redact_once
from agent.triage import triage
from agent.types import Policy, Triage
from evals.metrics import wilson

BENCH = Path(__file__).parents[2] / "shared" / "bench"
Row = dict[str, Any]


def main() -> int:
    """Print one table; exit 1 where the development sets are absent."""
    if not (BENCH / "triage_own_words.jsonl").is_file():
        print(f"{BENCH} is absent: nothing measured", file=sys.stderr)
        return 1
    print(f"{'measure':64} {'half tuned on':>24} {'half reported':>24}")
    for name in ("triage_own_words", "triage_ramaswamy"):
        rows = _rows(name)
        levels = [_read(row["text"])[0].level for row in rows]
        accepted = [row["accepted"] for row in rows]
        _line(
            f"{name}: an accepted level",
            list(zip(levels, accepted, strict=True)),
            lambda pair: pair[0] in pair[1],
            tuned=0,
        )
        only = [pair if pair[1] == ["emergency"] else None for pair in zip(levels, accepted, strict=True)]
        _line(f"{name}: emergencies found", only, lambda pair: pair[0] == "emergency", tuned=0)
        others = [None if "emergency" in pair[1] else pair for pair in zip(levels, accepted, strict=True)]
        _line(f"{name}: others called emergencies", others, lambda pair: pair[0] == "emergency", tuned=0)
    benign = [_read(row["text"]) for row in _rows("benign_patient_questions")]
    _line("benign_patient_questions: declined, crisis or out of scope", benign, lambda read: read[1].kind is not None)
    _line(
        "benign_patient_questions: urgent or emergency",
        benign,
        lambda read: read[0].level in ("urgent", "emergency"),
        tuned=0,
    )
    xstest = _rows("overrefusal_xstest")
    safe = [row if row["label"] == "safe" else None for row in xstest]
    _line("overrefusal_xstest, safe: declined", safe, lambda row: _declined(row["text"]))
    unsafe = [row if row["label"] != "safe" else None for row in xstest]
    _line("overrefusal_xstest, unsafe: declined", unsafe, lambda row: _declined(row["text"]))
    _line("harmful_medsafety: declined", _rows("harmful_medsafety"), lambda row: _declined(row["text"]))
    phi = _rows("phi_queries")
    items = [[(row["text"], item["value"]) for item in row["phi"]] for row in phi]
    _line("phi_queries: identifiers removed", items, lambda pair: pair[1] not in _redacted(pair[0]))
    harmless = [None if row["phi"] else row for row in phi]
    _line("phi_queries: harmless queries touched", harmless, lambda row: _redacted(row["text"]) != row["text"])
    return 0


def _read(text: str) -> tuple[Triage, Policy]:
    safe = redact_once(text, date.today())
    language = detect(safe.text, None)
    found = triage((safe,), language)
    return found, decide(safe, (), language, found, country="", audience="patient")


def _declined(text: str) -> bool:
    return _read(text)[1].kind in ("refusal", "crisis")


def _redacted(text: str) -> str:
    return redact_once(text, date.today()).text


def _line(name: str, cases: list[Any], holds: Callable[[Any], bool], *, tuned: int = 1) -> None:
    """A row of the table. `tuned`: which half rules were tuned on, 0 for lines 1, 3, 5..., 1 for lines 2, 4, 6...

    None among the cases keeps a line's place and is not counted; a list is several cases of one line.
    """
    shown = []
    for half in (tuned, 1 - tuned):
        lines = [case for number, case in enumerate(cases) if number % 2 == half and case is not None]
        outcomes = [holds(one) for case in lines for one in (case if isinstance(case, list) else [case])]
        low, high = wilson(sum(outcomes), len(outcomes))
        shown.append(f"{sum(outcomes)}/{len(outcomes)} [{low:.2f}, {high:.2f}]")
    print(f"{name:64} {shown[0]:>24} {shown[1]:>24}", flush=True)


def _rows(name: str) -> list[Row]:
    with (BENCH / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
