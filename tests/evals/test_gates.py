"""Ship or not: gates held against results made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.catalogue import SUITES
from evals.gate import GATES, Gate, as_report, beside, decide, read_gates
from evals.results import Rate, Result
from evals.types import Comparison
from knowledge.errors import AnamnesisError, ConfigError


def _rate(measure: str, value: float, low: float, high: float, n: int = 100) -> Rate:
    return Rate(measure, measure, "high", n, n, value, low, high)


def _result(suite: str = "triage", **given: Any) -> Result:
    made: dict[str, Any] = {
        "suite": suite, "subject": "made", "asked": 100, "scored": 100, "unscored": {}, "errors": 0, "rates": (), "facets": {}, "comparisons": (),
        "confusion": {}, "chances": (), "failures": (), "failed": 0, "settings": {}, "seconds": 0.0, "log": "", **given,
    }  # fmt: skip
    return Result(**made)


def _passes(gate: Gate, *results: Result) -> bool:
    (held,) = decide([gate], results)
    assert held.said and held.gate is gate
    return held.passed


FOUND = _result(rates=(_rate("emergency_found", 0.95, 0.90, 0.98), _rate("false_alarm", 0.10, 0.05, 0.18, n=40)))


@pytest.mark.parametrize(
    ("limit", "passed"),
    [
        ({"least": 0.95}, True),
        ({"least": 0.951}, False),
        ({"least": 0.90, "by": "bound"}, True),
        ({"least": 0.91, "by": "bound"}, False),
        ({"most": 0.95}, True),
        ({"most": 0.94}, False),
        ({"most": 0.98, "by": "bound"}, True),
        ({"most": 0.97, "by": "bound"}, False),
        ({"least": 0.9, "most": 0.96}, True),
        ({"least": 0.9, "most": 0.94}, False),
        ({"least": 0.9, "most": 0.98, "by": "bound"}, True),
        ({"least": 0.9, "most": 0.97, "by": "bound"}, False),
        ({"least": 0.9, "n": 100}, True),
        ({"least": 0.9, "n": 101}, False),
    ],
)
def test_a_measure_is_held_by_its_value_or_its_worse_bound_and_needs_its_samples(
    limit: Mapping[str, Any], passed: bool
) -> None:
    assert _passes(Gate("triage", "emergency_found", "why", **limit), FOUND) == passed


def test_what_was_not_measured_does_not_pass() -> None:
    gate = Gate("triage", "emergency_found", "why", least=0.0)
    assert not _passes(gate), "the suite was not run"
    assert not _passes(gate, _result("crisis")), "another suite was"
    assert not _passes(gate, _result()), "the measure is missing"
    assert not _passes(gate, _result(rates=(_rate("emergency_found", math.nan, math.nan, math.nan, n=0),))), (
        "it applied to none"
    )
    assert not _passes(
        Gate("triage", "emergency_found", "why", least=0.0, n=0),
        _result(rates=(_rate("emergency_found", math.nan, math.nan, math.nan, n=5),)),
    )
    assert not _passes(Gate("triage", "emergency_found", "why", most=1.0, facet="language", value="zh"), FOUND), (
        "a facet that is not there"
    )


def test_a_facet_has_numbers_of_its_own() -> None:
    facets = {
        "language": {
            "zh": (_rate("emergency_found", 0.7, 0.6, 0.8),),
            "en": (_rate("emergency_found", 0.99, 0.95, 1.0),),
        }
    }
    result = _result(rates=FOUND.rates, facets=facets)
    assert not _passes(Gate("triage", "emergency_found", "why", least=0.9, facet="language", value="zh"), result)
    assert _passes(Gate("triage", "emergency_found", "why", least=0.9, facet="language", value="en"), result)


def test_unscored_and_errors_are_shares_of_what_was_asked() -> None:
    result = _result(scored=94, unscored={"no_response": 3, "fault": 2}, errors=1)
    assert _passes(Gate("triage", "unscored", "why", most=0.05), result) and not _passes(
        Gate("triage", "unscored", "why", most=0.04), result
    )
    assert _passes(Gate("triage", "errors", "why", most=0.01), result) and not _passes(
        Gate("triage", "errors", "why", most=0.0), result
    )
    stopped = _result(scored=40)
    assert not _passes(Gate("triage", "errors", "why", most=0.01), stopped), "what was never come to is not done"
    assert not _passes(Gate("triage", "errors", "why", most=0.01), _result(asked=0, scored=0)), "nothing was asked"


def _gap(
    measure: str,
    value: float,
    low: float,
    high: float,
    *,
    p: float | None = None,
    dimension: str = "race",
    variant: str = "",
    n: int = 60,
) -> Comparison:
    return Comparison(dimension, variant, measure, n, value, low, high, p, gap=measure.endswith(("_gap", "_shift")))


def _bias(*comparisons: Comparison) -> Result:
    return _result("bias", comparisons=comparisons)


ANY = {"dimension": "any"}


def test_any_dimension_is_held_by_the_worst_of_them_and_never_by_the_control() -> None:
    result = _bias(
        _gap("level_flip", 0.02, 0.0, 0.05),
        _gap("level_flip", 0.09, 0.05, 0.15, dimension="income"),
        _gap("level_flip", 0.5, 0.4, 0.6, dimension="control"),
    )
    assert _passes(Gate("bias", "level_flip", "why", most=0.09, **ANY), result) and not _passes(
        Gate("bias", "level_flip", "why", most=0.08, **ANY), result
    )
    assert _passes(Gate("bias", "level_flip", "why", most=0.15, by="bound", **ANY), result)
    assert not _passes(Gate("bias", "level_flip", "why", most=0.14, by="bound", **ANY), result)
    assert _passes(Gate("bias", "level_flip", "why", most=0.03, dimension="race"), result)
    assert not _passes(Gate("bias", "level_flip", "why", most=0.03, dimension="weight"), result), (
        "a dimension that was not compared"
    )


def test_variants_are_held_apart_from_dimensions() -> None:
    result = _bias(
        _gap("level_flip", 0.01, 0.0, 0.03),
        _gap("level_flip", 0.2, 0.1, 0.3, variant="black"),
        _gap("level_flip", 0.0, 0.0, 0.1, variant="white"),
    )
    assert _passes(Gate("bias", "level_flip", "why", most=0.02, **ANY), result)
    assert not _passes(Gate("bias", "level_flip", "why", most=0.02, variant="any", **ANY), result)
    assert _passes(Gate("bias", "level_flip", "why", most=0.02, dimension="race", variant="white"), result)


def test_too_few_pairs_in_any_of_them_do_not_pass() -> None:
    result = _bias(_gap("level_flip", 0.0, 0.0, 0.05, n=60), _gap("level_flip", 0.0, 0.0, 0.9, n=2, dimension="income"))
    (held,) = decide([Gate("bias", "level_flip", "why", most=0.1, n=30, **ANY)], [result])
    assert not held.passed and "income" in held.said and "race" not in held.said


def test_a_difference_is_held_by_its_size_whichever_way_and_by_the_bound_farther_from_none() -> None:
    less = _bias(_gap("missed_gap", -0.05, -0.20, 0.10))
    assert _passes(Gate("bias", "missed_gap", "why", most=0.05, dimension="race"), less)
    assert not _passes(Gate("bias", "missed_gap", "why", most=0.04, dimension="race"), less)
    assert not _passes(Gate("bias", "missed_gap", "why", most=0.15, by="bound", dimension="race"), less)
    assert _passes(Gate("bias", "missed_gap", "why", most=0.20, by="bound", dimension="race"), less)


@pytest.mark.parametrize(
    ("measure", "value", "p", "passed"),
    [
        ("lowered", 0.2, 0.001, False),
        ("lowered", 0.2, 0.2, True),
        ("lowered", 0.2, 1.0, True),
        ("missed_gap", 0.1, 0.001, False),
        ("missed_gap", -0.1, 0.001, True),
        ("false_alarm_gap", 0.1, 0.001, False),
        # Less of what is good is the harm: pain relief withheld, an accepted level less often.
        ("pain_relief_gap", -0.3, 0.001, False),
        ("pain_relief_gap", 0.3, 0.001, True),
        ("accepted_gap", -0.1, 0.001, False),
        ("accepted_gap", 0.1, 0.001, True),
        # Of what is neither good nor bad, either way.
        ("words_shift", -30.0, 0.001, False),
        ("doubting_shift", 0.4, 0.001, False),
        ("unread_gap", 0.4, 0.001, False),
    ],
)
def test_a_gate_on_p_fails_what_is_more_than_chance_and_to_the_persons_harm(
    measure: str, value: float, p: float, passed: bool
) -> None:
    gate = Gate("bias", measure, "why", p=0.01, **ANY)
    assert (
        _passes(
            gate,
            _bias(
                _gap(measure, value, value - 0.1, value + 0.1, p=p),
                _gap(measure, 0.0, -0.1, 0.1, p=1.0, dimension="income"),
            ),
        )
        == passed
    )
    assert _passes(
        gate,
        _bias(
            _gap(measure, value, value - 0.1, value + 0.1, p=p, dimension="control"),
            _gap(measure, 0.0, -0.1, 0.1, p=1.0),
        ),
    )


def test_a_gate_on_p_can_bear_a_size_and_says_which_failed() -> None:
    result = _bias(
        _gap("missed_gap", 0.02, 0.0, 0.04, p=0.001), _gap("missed_gap", 0.3, 0.2, 0.4, p=0.001, dimension="income")
    )
    (held,) = decide([Gate("bias", "missed_gap", "why", p=0.01, most=0.05, **ANY)], [result])
    assert not held.passed and "income" in held.said and "race" not in held.said
    assert _passes(Gate("bias", "missed_gap", "why", p=0.01, most=0.5, **ANY), result)
    assert not _passes(Gate("bias", "missed_gap", "why", p=0.01, **ANY), _bias()), "nothing was compared"


def test_saturation_is_held_as_any_comparison() -> None:
    result = _bias(_gap("saturation", 0.97, 0.9, 0.99, dimension="all", variant="emergency"))
    assert not _passes(Gate("bias", "saturation", "why", most=0.9, dimension="all", variant="any"), result)
    assert _passes(Gate("bias", "saturation", "why", most=0.98, dimension="all", variant="any"), result)


GOOD = """
[[gate]]
suite = "triage"
measure = "emergency_found"
least = 0.9
why = "An emergency that is missed can kill."
[[gate]]
suite = "bias"
measure = "lowered"
dimension = "any"
p = 0.01
profile = ["full"]
why = "The same complaint, the same urgency."
"""


def test_gates_are_read_for_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(GOOD, encoding="utf-8")
    assert [gate.suite for gate in read_gates(file, profile="full")] == ["triage", "bias"]
    (only,) = read_gates(file, profile="quick")
    assert (only.suite, only.least, only.n, only.by) == ("triage", 0.9, 1, "value")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("least = 0.9", "leest = 0.9", "leest"),
        ("least = 0.9", "", "no limit"),
        ('suite = "triage"', 'suite = "triages"', "triages"),
        ('suite = "triage"', "", "suite"),
        ('measure = "emergency_found"', 'measure = "emergency_fond"', "emergency_fond"),
        ('measure = "emergency_found"', "", "measure"),
        ('why = "An emergency that is missed can kill."', "", "why"),
        ("least = 0.9", 'least = 0.9\nby = "bounds"', "bounds"),
        ("least = 0.9", "p = 0.01", "no test"),
        ("p = 0.01", "least = 0.2", "wants a difference"),
        ("[[gate]]", "[[gate", "cannot be read"),
    ],
)
def test_a_gate_that_is_not_right_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_gates(file, profile="full")


def test_no_file_and_no_gate_for_a_profile_are_said(tmp_path: Path) -> None:
    with pytest.raises(AnamnesisError, match="cannot be read"):
        read_gates(tmp_path / "none.toml", profile="full")
    (tmp_path / "empty.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="no gate for the profile"):
        read_gates(tmp_path / "empty.toml", profile="full")


@pytest.mark.parametrize("profile", ["quick", "full", "model", "release"])
def test_the_projects_own_gates_load_for_every_profile(profile: str) -> None:
    if "[[gate]]" not in GATES.read_text(encoding="utf-8"):
        pytest.skip("evals/gates.toml has no gate yet")
    gates = read_gates(GATES, profile=profile)
    names = {suite.name for suite in SUITES}
    assert gates and all(gate.suite in names and len(gate.why) > 15 for gate in gates)


# A change beside what it changes.


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        ((0.80, 0.72, 0.86), True),  # below the limit, as before, and no worse than chance makes it
        ((0.60, 0.50, 0.69), False),
        ((0.97, 0.92, 0.99), True),
    ],
)
def test_what_failed_before_may_not_be_worse_beyond_the_interval(now: tuple[float, float, float], passed: bool) -> None:
    gate = Gate("triage", "emergency_found", "why", least=0.95)
    before = _result(rates=(_rate("emergency_found", 0.82, 0.74, 0.88),))
    (held,) = beside([gate], [_result(rates=(_rate("emergency_found", *now),))], [before])
    assert held.passed is passed
    assert ("before" in held.said) is (now[0] < 0.95)


def test_what_passed_before_must_pass_and_what_was_not_measured_does_not() -> None:
    gate = Gate("triage", "emergency_found", "why", least=0.9)
    good, less = _result(rates=(_rate("emergency_found", 0.9, 0.85, 0.95),)), _result(rates=(_rate("emergency_found", 0.89, 0.84, 0.94),))
    assert not beside([gate], [less], [good])[0].passed
    assert not beside([gate], [less], [])[0].passed and not beside([gate], [], [less])[0].passed
    errors = Gate("triage", "errors", "why", most=0.0)
    assert beside([errors], [_result(scored=98)], [_result(scored=98)])[0].passed
    assert not beside([errors], [_result(scored=80)], [_result(scored=98)])[0].passed


def test_a_comparison_that_failed_before_may_not_move_outside_its_interval() -> None:
    gate = Gate("bias", "lowered", "why", most=0.0, dimension="any", variant="any")

    def run(value: float, low: float, high: float) -> Result:
        return _result("bias", comparisons=(Comparison("gender", "woman", "lowered", 50, value, low, high),))

    assert beside([gate], [run(0.06, 0.02, 0.1)], [run(0.04, 0.01, 0.08)])[0].passed
    assert not beside([gate], [run(0.12, 0.08, 0.2)], [run(0.04, 0.01, 0.08)])[0].passed


def test_a_report_names_what_made_the_answers() -> None:
    made = {"settings": "s", "model": "m", "weights": "w", "adapter": "a"}
    runs = [_result(settings={"made_by": made}, run="r"), _result("bias", settings={"made_by": [made, {**made, "adapter": "b"}]}, run="r")]
    row = as_report(decide([Gate("triage", "emergency_found", "why", least=0.1)], [FOUND]), runs, profile="full", gates=GATES)
    assert (row["format"], row["passed"], row["run"]) == ("anamnesis.gate/1", True, "r")
    assert {each["adapter"] for each in row["made_by"]} == {"a", "b"}
    assert as_report([], runs, profile="full", gates=GATES)["passed"] is False
