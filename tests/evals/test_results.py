"""Inspect's logs counted: rates with their n, what was unscored and what broke, facets, failures; never a NaN in JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval as evaluate
from inspect_ai.log import EvalLog

from evals.casebank import triage_cases
from evals.metrics import clustered, wilson
from evals.results import as_json, plain, read_runs, result_of
from evals.suites.common import sample, suite_task
from evals.suites.triage import triage
from knowledge.errors import InputError

CASES = {case.text: case for case in triage_cases("validation")}


def _right(text: str) -> str:
    return f"Urgency: {CASES[text].accepted[0]}\nSee somebody."


def _log(folder: Path, model: Any, task: Any) -> EvalLog:
    (log,) = evaluate(task, model=model, log_dir=str(folder), display="none", log_realtime=False)
    return log


def _six(answers: list[tuple[str, list[str], str]]) -> Any:
    """A task of hand-made samples: (text, accepted, cluster); the text is what the subject will say."""
    made = [
        sample(
            f"s{number}",
            text,
            case={"accepted": accepted, "why": f"because {number}"},
            language="en" if number % 2 else "zh",
            cluster=cluster,
        )
        for number, (text, accepted, cluster) in enumerate(answers)
    ]
    return suite_task("triage", made)


HAND = [
    ("Urgency: emergency", ["emergency"], "a"),
    ("Urgency: emergency", ["emergency"], "a"),
    ("Urgency: routine", ["emergency"], "b"),
    ("Urgency: urgent", ["urgent"], "c"),
    ("Urgency: emergency", ["urgent"], "d"),
    ("I would rather not say.", ["urgent"], "e"),
    ("", ["urgent"], "f"),
]


def test_rates_are_counted_by_hand_with_unscored_ones_apart(tmp_path: Path, scripted: Any) -> None:
    result = result_of(_log(tmp_path, scripted(lambda text: text), _six(HAND)))
    assert (result.asked, result.scored, result.errors) == (7, 5, 0)
    assert dict(result.unscored) == {"invalid_response_format": 1, "no_response": 1}
    rates = {rate.measure: rate for rate in result.rates}
    assert (rates["accepted"].value, rates["accepted"].n, rates["accepted"].clusters) == (0.6, 5, 4)
    assert (rates["accepted"].low, rates["accepted"].high) == clustered([1, 1, 0, 1, 0], ["a", "a", "b", "c", "d"])
    assert (rates["emergency_found"].value, rates["emergency_found"].n) == (2 / 3, 3)
    assert (rates["false_alarm"].value, rates["false_alarm"].n) == (0.5, 2)
    assert (rates["false_alarm"].low, rates["false_alarm"].high) == wilson(1, 2)
    assert rates["words_agree"].n == 0 and math.isnan(rates["words_agree"].value), (
        "a subject without a field has none to agree with"
    )
    assert result.confusion["emergency"]["routine"] == 1 and result.confusion["urgent"]["emergency"] == 1
    assert result.headline.measure == "accepted" and result.suite == "triage"


def test_facets_break_the_same_samples_down(tmp_path: Path, scripted: Any) -> None:
    result = result_of(_log(tmp_path, scripted(lambda text: text), _six(HAND)))
    by_language = {
        name: next(rate for rate in rates if rate.measure == "accepted")
        for name, rates in result.facets["language"].items()
    }
    assert sum(rate.n for rate in by_language.values()) == 5
    assert by_language["en"].value == 1.0 and by_language["zh"].value == pytest.approx(1 / 3)


def test_a_failure_keeps_the_whole_turn_and_the_gravest_come_first(tmp_path: Path, scripted: Any) -> None:
    result = result_of(_log(tmp_path, scripted(lambda text: text), _six(HAND)))
    assert result.failed == 2 and {failure.id for failure in result.failures} == {"s2", "s4"}
    missed = next(failure for failure in result.failures if failure.id == "s2")
    assert (
        "emergency_found" in missed.measures and missed.why == "because 2" and "routine, where emergency" in missed.note
    )
    assert [message["role"] for message in missed.messages] == ["user", "assistant"] and missed.shown[0][
        "text"
    ] == "Urgency: routine"


def test_a_sample_that_raises_is_an_error_counted_and_not_a_zero(tmp_path: Path, scripted: Any) -> None:
    def broken(text: str) -> str:
        if text == HAND[0][0]:
            raise RuntimeError("the subject broke")
        return text

    answers = [HAND[0], HAND[2], HAND[3]]
    result = result_of(_log(tmp_path, scripted(broken), _six(answers)))
    assert (result.asked, result.scored, result.errors) == (3, 2, 1)
    assert next(rate for rate in result.rates if rate.measure == "accepted").n == 2
    assert not any(failure.id == "s0" for failure in result.failures)


def test_a_scorer_that_raises_is_an_error_of_one_sample_too(tmp_path: Path, scripted: Any) -> None:
    task = _six(HAND[:3])
    del task.dataset[1].metadata["case"]["accepted"]
    result = result_of(_log(tmp_path, scripted(lambda text: text), task))
    assert (result.scored, result.errors) == (2, 1)


def test_json_holds_no_nan_and_no_sample(tmp_path: Path, scripted: Any) -> None:
    result = result_of(_log(tmp_path, scripted(lambda text: text), _six(HAND)))
    text = json.dumps(as_json(result), allow_nan=False)
    row = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert "samples" not in row and row["asked"] == 7
    assert row["unscored"] == {"invalid_response_format": 1, "no_response": 1}
    assert next(rate for rate in row["rates"] if rate["measure"] == "words_agree")["value"] is None
    nothing = result_of(_log(tmp_path / "none", scripted(lambda text: ""), _six(HAND)))
    assert nothing.scored == 0 and nothing.headline.n == 0
    json.dumps(as_json(nothing), allow_nan=False)
    assert plain({"a": (math.nan, math.inf, -math.inf, 1.5, True, None)}) == {"a": [None, None, None, 1.5, True, None]}


def test_the_same_seed_gives_the_same_samples_and_numbers_and_a_larger_n_only_adds(
    tmp_path: Path, scripted: Any
) -> None:
    runs = [result_of(_log(tmp_path / str(place), scripted(_right), triage(split="validation", n=n, seed=seed)))
            for place, (n, seed) in enumerate(((12, 5), (12, 5), (24, 5), (12, 6)))]  # fmt: skip
    ids = [[each.id for each in run.samples] for run in runs]
    assert sorted(ids[0]) == sorted(ids[1]) and runs[0].data == runs[1].data
    # NaN is not equal to itself; what is written down is.
    assert as_json(runs[0])["rates"] == as_json(runs[1])["rates"]
    assert set(ids[0]) < set(ids[2]) and set(ids[3]) != set(ids[0]) and runs[3].data != runs[0].data
    assert runs[0].headline.value == 1.0
    clusters = {each.cluster for each in runs[0].samples}
    assert set(ids[0]) == {case.id for case in CASES.values() if case.scenario in clusters}, "clusters are drawn whole"


def test_runs_are_read_from_folders_and_the_newest_of_two_counts(tmp_path: Path, scripted: Any) -> None:
    _log(tmp_path / "a", scripted(lambda text: "Urgency: self_care"), _six(HAND))
    _log(tmp_path / "a", scripted(lambda text: text), _six(HAND))
    _log(tmp_path / "b", scripted(lambda text: text), _six(HAND[:3]))
    found = read_runs([tmp_path / "a", tmp_path / "b"])
    assert [(result.run, result.asked) for result in found] == [("a", 7), ("b", 3)]
    assert found[0].headline.value == 0.6, "the newer"
    one = next((tmp_path / "b").glob("*.eval"))
    assert read_runs([one])[0].asked == 3


def test_what_is_no_run_is_said(tmp_path: Path, scripted: Any) -> None:
    with pytest.raises(InputError, match="There is no run"):
        read_runs([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no log"):
        read_runs([tmp_path / "empty"])
    other = _six(HAND[:1])
    other.metadata = {}
    _log(tmp_path / "other", scripted(lambda text: text), other)
    with pytest.raises(InputError, match="another task"):
        read_runs([tmp_path / "other"])


def test_settings_say_what_is_needed_to_run_it_again(tmp_path: Path, scripted: Any) -> None:
    result = result_of(_log(tmp_path, scripted(_right), triage(split="validation", n=8, seed=5)))
    assert result.settings["model"] == "mockllm/model" == result.subject
    assert (result.settings["task_args"]["n"], result.settings["task_args"]["seed"]) == (8, 5)
    assert result.settings["packages"]["inspect_ai"] and result.settings["status"] == "success"
