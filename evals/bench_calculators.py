"""Our calculators beside those of the open-medicine package, on the same inputs. `python -m evals.bench_calculators`.

Inputs are drawn at random (seeded) over each input's plausible range and given to both; cases/calculator_peers.toml says how
one's inputs become the other's. Where they differ the first such case is printed, then our worked examples with what the
package makes of them, and who is right by the source, which was judged by hand.
"""

from __future__ import annotations

import random
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.calculators.load import calculator, calculators
from agent.calculators.run import calculate
from agent.calculators.types import Calculator, Input, Value

PEERS = Path(__file__).parent / "cases" / "calculator_peers.toml"
_EACH = 500
_TODAY = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Peer:
    """A calculator that both have; the fields are those of the file."""

    ours: str
    theirs: str
    give: Mapping[str, Any]
    tolerance: float = 0.0
    also: str = ""
    decision: bool = False
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One set of inputs, and what the two made of it."""

    inputs: Mapping[str, str]
    mine: float
    other: float
    same: bool


def main() -> int:
    """Print agreement for each calculator both have, then every disagreement. Exit 1 where one has no verdict."""
    peers = [Peer(**row) for row in tomllib.loads(PEERS.read_text(encoding="utf-8"))["peer"]]
    notes: list[str] = []
    agreed = unjudged = 0
    print(f"{'calculator':22} {'same':>11}  in open-medicine")
    for peer in peers:
        cases = [compare(peer, inputs) for inputs in _drawn(calculator(peer.ours))]
        differing = [case for case in cases if not case.same]
        agreed += not differing
        unjudged += bool(differing and not peer.verdict)
        print(f"{peer.ours:22} {len(cases) - len(differing):>5}/{len(cases):<5}  {peer.theirs}")
        if differing:
            case = differing[0]
            notes.append(f"\n{peer.ours}: ours {case.mine:g}, theirs {case.other:g}, for {_listed(case.inputs)}")
            notes += _beside(peer)
        if differing or peer.verdict:
            notes.append(
                f"{'  ' if differing else f'{chr(10)}{peer.ours}: '}{peer.verdict or 'Nobody has judged this.'}"
            )
    alone = sorted(set(calculators()) - {peer.ours for peer in peers})
    print(f"\n{agreed} of {len(peers)} agree on all of {_EACH} cases each. Only ours: {', '.join(alone)}.")
    print("\n".join(notes))
    return 1 if unjudged else 0


def compare(peer: Peer, inputs: Mapping[str, str]) -> Case:
    """Both on the same inputs; the same within the tolerance, which is what the two round."""
    result = calculate(peer.ours, inputs, today=_TODAY)
    mine = float((result.also or {})[peer.also] if peer.also else result.value)
    other = _theirs(peer, result.inputs)
    same = (mine > 0) == (other > 0) if peer.decision else abs(mine - other) <= peer.tolerance + 1e-9
    return Case(inputs, mine, other, same)


def _beside(peer: Peer) -> Iterator[str]:
    for example in calculator(peer.ours).examples:
        case = compare(peer, example.inputs)
        yield f"  worked example: {case.mine:g}, theirs {case.other:g}, for {_listed(example.inputs)} [{example.where}]"


def _theirs(peer: Peer, inputs: Mapping[str, Value]) -> float:
    module = import_module(f"open_medicine.mcp.calculators.{peer.theirs}")
    work_out = next(vars(module)[name] for name in vars(module) if name.startswith("calculate_"))
    parameters = next(vars(module)[name] for name in vars(module) if name.endswith("Params"))
    given = {name: _given(how, inputs) for name, how in peer.give.items()}
    return float(work_out(parameters(**given)).value)


def _given(how: Any, inputs: Mapping[str, Any]) -> Any:
    """One of their parameters from our inputs, as the head of the file explains."""
    if isinstance(how, str):
        return inputs[how] == "yes"
    if "value" in how:
        return how["value"]
    if "any" in how:
        return any(_given(each, inputs) for each in how["any"])
    value = inputs.get(how["from"], 0.0)
    if "is" in how:
        return value == how["is"]
    if "map" in how:
        return how["map"][value]
    if "steps" in how:
        return next(name for least, name in how["steps"] if value >= least)
    if "at_least" in how:
        return value >= how["at_least"]
    if "above" in how:
        return value > how["above"]
    if "below" in how:
        return value < how["below"]
    return int(value) if how.get("whole") else value * how.get("times", 1)


def _drawn(one: Calculator) -> Iterator[dict[str, str]]:
    """Seeded inputs over the plausible ranges, more of them near the low end, where most cut-offs are."""
    chance = random.Random(one.id)
    for _ in range(_EACH):
        values = {each.name: _some(each, chance) for each in one.inputs}
        if "diastolic" in values:
            values |= {"systolic": str(chance.randint(70, 220)), "diastolic": str(chance.randint(30, 69))}
        if "ethanol" in values and chance.random() < 0.5:
            values["ethanol"] = "0 mg/dL"
        yield values


def _some(each: Input, chance: random.Random) -> str:
    if each.kind == "yes_no":
        return chance.choice(["yes", "no"])
    if each.kind == "choice":
        return chance.choice(each.choices).id
    value = each.low + (each.high - each.low) * chance.random() ** 3
    whole = each.low >= 10 or each.name in ("age", "breaths", "pulse", "gcs")
    number = f"{max(value, each.low):.0f}" if whole else f"{value:.4f}"
    return f"{number} {each.units[0].name}".removesuffix(" 1")


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main())
