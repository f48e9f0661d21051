"""What of identifiers is taken out, and what else: `python -m evals.bench_privacy`. No model is asked.

Messages of our own in which everything that points at a person is marked (`evals/cases/identifiers`): the fresh split, whose writer
had seen nothing of ours and which is opened to report alone. An identifier counts as taken out where every letter and digit of it
is. Twice: by the rules alone, and with the encoder that tags what no rule foresaw. `--curve` shows what each threshold of it would
find and cost on the validation splits, where it is chosen. Rates have 95% Wilson intervals; the messages of one situation in two
languages are counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from unittest.mock import patch

from tqdm import tqdm

from agent import identifiers
from agent.identifiers import Identifier, learned
from evals.casebank import Marked, Split, identifier_cases, policy_cases, triage_cases
from evals.metrics import percentile, wilson

_CURVE = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Found:
    """A message, and what was found in it by the rules alone and by both."""

    case: Marked
    ruled: Sequence[Identifier]
    both: Sequence[Identifier]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench_privacy")
    parser.add_argument("--split", choices=("train", "validation", "fresh"), default="fresh")
    parser.add_argument("--curve", action="store_true", help="thresholds, on the validation split, and stop")
    parser.add_argument("--misses", metavar="OUT", type=Path, help="where each miss goes, a JSON object a line")
    options = parser.parse_args(arguments)
    if options.curve:
        said = [case.text for case in triage_cases("validation")] + [case.text for case in policy_cases("validation")]
        plain = [text for text in said if not identifiers.ruled(text, today=date.today())[0]]
        for least in _CURVE:
            with patch.object(learned, "LEAST", least):
                _brief(f"least probability {least}", _read("validation", "bench_privacy --curve"), plain)
        return 0
    seconds: list[float] = []
    done = _read(options.split, f"bench_privacy --split {options.split}", seconds)
    print(f"Marked messages, {options.split} split{'rules alone':>44} {'with the encoder':>26}")
    for language in ("en", "zh"):
        _table([each for each in done if each.case.language == language], language)
    milliseconds = [1000 * each for each in seconds]
    print(
        f"\nfinding identifiers, ms a message, n {len(milliseconds)}: median {percentile(milliseconds, 0.5):.1f}, "
        f"95th percentile {percentile(milliseconds, 0.95):.1f}"
    )
    if options.misses:
        lines = (
            {"id": each.case.id, "type": kind, "value": each.case.text[start:end], "text": each.case.text}
            for each in done for start, end, kind in each.case.marks if not covered(each.case.text, each.both, start, end)
        )  # fmt: skip
        options.misses.write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
    return 0


def covered(text: str, found: Iterable[Identifier], start: int, end: int) -> bool:
    """Whether every letter and digit between two places is within something found."""
    taken = {at for item in found for at in range(item.start, item.end)}
    return all(at in taken for at in range(start, end) if text[at].isalnum())


def beyond(case: Marked, found: Iterable[Identifier]) -> int:
    """Letters and digits that were taken out though no mark holds them."""
    marked = {at for start, end, _ in case.marks for at in range(start, end)}
    return sum(case.text[at].isalnum() and at not in marked for item in found for at in range(item.start, item.end))


def _read(split: Split, why: str, seconds: list[float] | None = None) -> list[Found]:
    today, done = date.today(), []
    for case in tqdm(identifier_cases(split, why=why), desc=split, disable=None):
        began = time.perf_counter()
        both = identifiers.find(case.text, today=today)
        if seconds is not None:
            seconds.append(time.perf_counter() - began)
        done.append(Found(case, identifiers.ruled(case.text, today=today)[0], both))
    return done


def _table(done: Sequence[Found], language: str) -> None:
    kinds = sorted({kind for each in done for _, _, kind in each.case.marks})
    for kind in (*kinds, "identifiers"):
        marks = [
            (each, start, end) for each in done for start, end, own in each.case.marks if kind in (own, "identifiers")
        ]
        _line(
            f"{language}, {kind}: taken out",
            [covered(each.case.text, each.ruled, start, end) for each, start, end in marks],
            [covered(each.case.text, each.both, start, end) for each, start, end in marks],
        )
    told = [each for each in done if each.case.marks]
    _line(f"{language}, messages with an identifier left", *([_left(each, way) for each in told] for way in (0, 1)))
    none = [each for each in done if not each.case.marks]
    _line(
        f"{language}, messages without one, touched",
        [bool(each.ruled) for each in none],
        [bool(each.both) for each in none],
    )
    letters = sum(sum(map(str.isalnum, each.case.text)) for each in done)
    beside = [sum(beyond(each.case, (each.ruled, each.both)[way]) for each in done) for way in (0, 1)]
    print(f"{f'{language}, other letters and digits taken out, of {letters}':50} {beside[0]:>26} {beside[1]:>26}")


def _left(each: Found, way: int) -> bool:
    found = (each.ruled, each.both)[way]
    return not all(covered(each.case.text, found, start, end) for start, end, _ in each.case.marks)


def _brief(name: str, done: Sequence[Found], plain: Sequence[str]) -> None:
    marks = [covered(each.case.text, each.both, start, end) for each in done for start, end, _ in each.case.marks]
    none = [bool(each.both) for each in done if not each.case.marks]
    other = sum(beyond(each.case, each.both) for each in done)
    touched = [bool(identifiers.find(text, today=date.today())) for text in plain]
    print(
        f"{name}: taken out {_rate(marks)}; messages without one touched {_rate(none)}; other letters and digits {other}; "
        f"complaints and requests in which rules find nothing, touched {_rate(touched)}",
        flush=True,
    )


def _line(name: str, *ways: Sequence[bool]) -> None:
    print(f"{name:50} " + " ".join(f"{_rate(outcomes):>26}" for outcomes in ways), flush=True)


def _rate(outcomes: Sequence[bool]) -> str:
    low, high = wilson(sum(outcomes), len(outcomes))
    return f"{sum(outcomes)}/{len(outcomes)} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
