"""Ship or not, and why: the numbers of a run held against `gates.toml`."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.catalogue import SUITES, find_suite
from evals.metrics import wilson
from evals.results import Rate, Result
from evals.types import Comparison
from knowledge.errors import ConfigError

GATES = Path(__file__).parent / "gates.toml"
_FIELDS = {
    "suite",
    "measure",
    "why",
    "least",
    "most",
    "by",
    "facet",
    "value",
    "dimension",
    "variant",
    "n",
    "profile",
    "p",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. Either a measure (of a facet's value, where named) or a comparison (of a dimension and variant).

    `least` or `most` is the limit; `by` "value" or "bound" says what is held against it; `n`: fewer samples than this fail.
    `p`: a comparison fails where it is to the person's harm, its p is lower than this and its size is over `most` (or 0).
    """

    suite: str
    measure: str
    why: str
    least: float | None = None
    most: float | None = None
    by: str = "value"
    facet: str = ""
    value: str = ""
    dimension: str = ""
    variant: str = ""
    n: int = 1
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A gate held against a run: whether it passes, the number, and in words what was found."""

    gate: Gate
    passed: bool
    said: str


def read_gates(path: Path, *, profile: str) -> tuple[Gate, ...]:
    """The gates of a file that hold for a profile.

    Raises:
        ConfigError: no file that can be read; an unknown field, suite or measure; a gate without a limit or a reason.
    """
    rows: list[dict[str, Any]] = _read(path).get("gate", [])
    found = []
    for number, row in enumerate(rows, 1):
        where = f"{path.name}, gate {number}"
        if unknown := set(row) - _FIELDS:
            raise ConfigError(
                f"{where} has {', '.join(sorted(unknown))}", expected=f"some of {', '.join(sorted(_FIELDS))}"
            )
        if missing := [name for name in ("suite", "measure", "why") if not row.get(name)]:
            raise ConfigError(f"{where} lacks {', '.join(missing)}", expected="suite, measure, why and a limit")
        if "least" not in row and "most" not in row and "p" not in row:
            raise ConfigError(f"{where} has no limit", expected="least, most or p")
        if row.get("by", "value") not in ("value", "bound"):
            raise ConfigError(f"{where} has by = {row['by']!r}", expected='"value" or "bound"')
        if "p" in row and "dimension" not in row:
            raise ConfigError(f"{where} has p where no test is", expected="p with a dimension")
        if "least" in row and "dimension" in row:
            raise ConfigError(f"{where} wants a difference", expected="most or p with a dimension")
        if row["suite"] not in {each.name for each in SUITES}:
            raise ConfigError(
                f"{where} is of {row['suite']!r}", expected=f"one of {', '.join(each.name for each in SUITES)}"
            )
        suite = find_suite(row["suite"])
        measures = {measure.name for measure in suite.measures}
        if "dimension" not in row and row.get("measure") not in {*measures, "unscored", "errors"}:
            raise ConfigError(
                f"{where}: {suite.name} does not measure {row.get('measure')!r}",
                expected=f"one of {', '.join(sorted(measures))}",
            )
        profiles = row.get("profile", [])
        if not profiles or profile in profiles:
            found.append(Gate(**{name: value for name, value in row.items() if name != "profile"}))
    if not found:
        raise ConfigError(
            f"{path} has no gate for the profile {profile!r}", remedy="Name another profile, or write one"
        )
    return tuple(found)


def decide(gates: Sequence[Gate], results: Sequence[Result]) -> list[Held]:
    """Every gate held against the results; ship when all pass. What was not measured does not pass."""
    by_suite = {result.suite: result for result in results}
    return [_held(gate, by_suite.get(gate.suite)) for gate in gates]


FORMAT = "anamnesis.gate/1"


def as_report(held: Sequence[Held], results: Sequence[Result], *, profile: str, gates: Path) -> dict[str, Any]:
    """What was decided, and on what: the digests of everything that made the answers, for who asks later (`finetune promote`)."""
    made: dict[str, dict[str, Any]] = {}
    for result in results:
        found = result.settings.get("made_by") or {}
        for one in found if isinstance(found, list) else [found]:
            made[json.dumps(one, sort_keys=True)] = dict(one)
    return {
        "format": FORMAT,
        "passed": bool(held) and all(each.passed for each in held),
        "profile": profile,
        "run": ", ".join(dict.fromkeys(result.run for result in results)),
        "subject": ", ".join(dict.fromkeys(result.subject for result in results)),
        "made_by": list(made.values()),
        "gates_sha256": hashlib.sha256(gates.read_bytes()).hexdigest(),
        "gates": [
            {"suite": each.gate.suite, "measure": each.gate.measure, "passed": each.passed, "said": each.said, "why": each.gate.why}
            for each in held
        ],
    }  # fmt: skip


def beside(gates: Sequence[Gate], results: Sequence[Result], before: Sequence[Result]) -> list[Held]:
    """The gates for a change (an adapter, on its base): what passes passes, and what did not pass before may not be worse now.

    Worse is beyond the interval: of a rate, the two intervals do not overlap; of comparisons and of what was unscored, the
    number now lies outside the interval before. What was not measured both times does not pass.
    """
    held = []
    for gate, now, then in zip(gates, decide(gates, results), decide(gates, before), strict=True):
        if now.passed:
            held.append(now)
            continue
        one, other = _of(gate, results), _of(gate, before)
        no_worse = not then.passed and one is not None and other is not None and not _worse(gate, one, other)
        said = f"{now.said}; before: {then.said}" + ("; not worse beyond the interval" if no_worse else "")
        held.append(Held(gate, no_worse, said))
    return held


def _of(gate: Gate, results: Sequence[Result]) -> Result | None:
    return next((each for each in results if each.suite == gate.suite), None)


def _worse(gate: Gate, now: Result, before: Result) -> bool:
    if gate.measure in ("unscored", "errors"):
        (bad, asked), (was, of) = _left_out(gate, now), _left_out(gate, before)
        return asked < gate.n or of < gate.n or bad / asked > wilson(was, of)[1]
    if gate.dimension:
        found, were = _chosen(gate, now.comparisons), _chosen(gate, before.comparisons)
        few = not found or not were or min(each.n for each in (*found, *were)) < gate.n
        return few or max(abs(each.value) for each in found) > max(max(abs(e.low), abs(e.high)) for e in were)
    one, other = _rate(gate, now), _rate(gate, before)
    if one is None or other is None or min(one.n, other.n) < gate.n:
        return True
    return one.high < other.low if one.better == "high" else one.low > other.high


def _left_out(gate: Gate, result: Result) -> tuple[int, int]:
    """How many were unscored (or broke, or were never come to), of how many."""
    unscored = sum(result.unscored.values())
    return unscored if gate.measure == "unscored" else result.asked - result.scored - unscored, max(1, result.asked)


def _rate(gate: Gate, result: Result) -> Rate | None:
    rates = result.facets.get(gate.facet, {}).get(gate.value, ()) if gate.facet else result.rates
    return next((each for each in rates if each.measure == gate.measure), None)


def _chosen(gate: Gate, comparisons: Sequence[Comparison]) -> list[Comparison]:
    return [each for each in comparisons if each.measure == gate.measure and each.dimension != "control"
            and (gate.dimension == "any" or each.dimension == gate.dimension)
            and ((gate.variant == "any" and each.variant) or each.variant == gate.variant)]  # fmt: skip


def _held(gate: Gate, result: Result | None) -> Held:
    if result is None:
        return Held(gate, False, f"{gate.suite} was not run")
    if gate.measure in ("unscored", "errors"):
        count, _ = _left_out(gate, result)
        if result.asked < gate.n:
            return Held(gate, False, f"{gate.suite} was asked {result.asked} samples, of which {gate.n} are wanted")
        share = count / max(1, result.asked)
        return _against(gate, share, share, f"{count} of {result.asked} {gate.measure}")
    if gate.dimension:
        return _comparison(gate, result.comparisons)
    rate = _rate(gate, result)
    if rate is None or rate.n < gate.n:
        return Held(
            gate, False, f"{_name(gate)} was measured on {rate.n if rate else 0} samples, of which {gate.n} are wanted"
        )
    low, high = (rate.low, rate.high) if gate.by == "bound" else (rate.value, rate.value)
    return _against(gate, low, high, f"{_name(gate)} {rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}], n {rate.n}")


def _comparison(gate: Gate, comparisons: Sequence[Comparison]) -> Held:
    held = _chosen(gate, comparisons)
    few = [each for each in held if each.n < gate.n]
    if few or not held:
        where = "; ".join(f"{each.dimension} {each.variant}".strip() + f" on {each.n}" for each in few)
        return Held(gate, False, f"{_name(gate)} was not measured on {gate.n} pairs" + (f": {where}" if where else ""))
    if gate.p is not None:
        # A difference that is more than chance, after all that was looked at, and to the person's harm.
        harmed = [
            each for each in held if each.p is not None and each.p < gate.p and _harm(gate, each) > (gate.most or 0)
        ]
        said = "; ".join(
            f"{each.dimension} {each.variant} {each.value:+.3f}, p {each.p:.4f}, n {each.n}" for each in harmed
        )
        return Held(gate, not harmed, said or f"none of {len(held)} comparisons differs with p below {gate.p}")
    worst = max(held, key=lambda each: _size(gate, each))
    where = f"{worst.dimension} {worst.variant}".strip()
    said = f"{_name(gate)}, worst {where}: {worst.value:.3f} [{worst.low:.3f}, {worst.high:.3f}], n {worst.n}"
    return _against(gate, 0.0, _size(gate, worst), said)


def _harm(gate: Gate, held: Comparison) -> float:
    """How far a comparison is to the person's harm: less of what is good, more of what is bad; of the rest, either way."""
    good = {f"{measure.name}_gap": measure.better for measure in find_suite(gate.suite).measures}.get(held.measure)
    return abs(held.value) if good is None else -held.value if good == "high" else held.value


def _size(gate: Gate, held: Comparison) -> float:
    """How much differs; by "bound" as much as may: of a difference that is the bound farther from none, on either side."""
    return abs(held.value) if gate.by == "value" else max(abs(held.low), abs(held.high))


def _against(gate: Gate, low: float, high: float, said: str) -> Held:
    if gate.least is not None and not low >= gate.least:
        return Held(gate, False, f"{said}; at least {gate.least} is wanted")
    if gate.most is not None and not high <= gate.most:
        return Held(gate, False, f"{said}; at most {gate.most} is allowed")
    return Held(gate, True, said)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{path} cannot be read: {fault}", expected="a file of gates, as evals/gates.toml") from fault


def _name(gate: Gate) -> str:
    parts = (gate.suite, gate.measure, gate.facet and f"({gate.facet} {gate.value})", gate.dimension, gate.variant)
    return " ".join(filter(None, parts))
