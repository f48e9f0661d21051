"""Runs of the evaluator's page: real suites in real processes, begun, stopped, resumed, reported, held against the gate."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from agent.app.bench import drift, reports
from agent.app.bench.plan import Choice, as_row, check, from_row, settings_of
from agent.app.bench.runs import Busy, Run, Runs
from agent.app.bench.show_drift import drift_html
from agent.app.bench.show_reports import gate_html, report_html
from agent.app.bench.show_runs import runs_html
from agent.build import library_index
from knowledge.errors import InputError

LONG = Choice(suites=("triage",), profile="quick", n=24)
SHORT = replace(LONG, n=2, seed=11)


@pytest.fixture(scope="module")
def runs(api_agent: Any, tmp_path_factory: Any) -> Iterator[Runs]:
    """A home with the library's index, which else each process would make."""
    home = Path(tmp_path_factory.mktemp("bench"))
    shutil.copytree(library_index(api_agent.settings.home), library_index(home))
    found = Runs(home)
    yield found
    for run in found.listed():
        if run.state in ("running", "stopping"):
            found.stop(run.id)
            found.stop(run.id)


@pytest.fixture(scope="module")
def ran(runs: Runs) -> dict[str, Any]:
    """What was seen of three runs: one stopped and resumed, one of the same cases, one of others."""
    first = runs.begin(LONG, {"triage": 24})
    seen: dict[str, Any] = {"begun": first}
    with pytest.raises(Busy):
        runs.begin(SHORT, {"triage": 2})
    seen["working"] = until(lambda: _one(runs, first.id), lambda run: 0 < run.done["triage"] < 24 or run.state != "running")
    seen["stopping"] = runs.stop(first.id)
    # What a server would know that was started meanwhile.
    seen["stopped"] = until(lambda: Runs(runs.home).find(first.id), lambda run: run.state != "stopping")
    runs.resume(first.id)
    seen["finished"] = over(runs, first.id)
    seen["again"] = over(runs, runs.begin(LONG, {"triage": 24}).id)
    seen["other"] = over(runs, runs.begin(SHORT, {"triage": 2}).id)
    return seen


def until(look: Callable[[], Run], enough: Callable[[Run], bool], seconds: float = 240) -> Run:
    """The run as soon as it is so; a thread's event waits between two looks."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if enough(run := look()):
            return run
        pause.wait(0.1)
    raise AssertionError(f"{run.state}, {dict(run.done)}, {run.said}")


def over(runs: Runs, id: str) -> Run:
    return until(lambda: runs.find(id), lambda run: run.state not in ("running", "stopping"))


def _one(runs: Runs, id: str) -> Run:
    (run,) = [each for each in runs.listed() if each.id == id]
    return run


def test_a_run_is_seen_at_work_stopped_resumed_and_finished(ran: dict[str, Any]) -> None:
    assert ran["begun"].state == "running" and ran["begun"].choice == LONG
    assert ran["working"].state == "running" and ran["working"].sizes == {"triage": 24}
    assert ran["stopping"].state in ("stopping", "stopped")
    stopped = ran["stopped"]
    assert stopped.state == "stopped" and stopped.left == ("triage",), stopped.said
    assert 0 < stopped.done["triage"] < 24
    finished = ran["finished"]
    assert (finished.state, finished.done, finished.left) == ("finished", {"triage": 24}, ()), finished.said
    assert "24 / 24" in runs_html([finished], "en") and "已完成" in runs_html([finished], "zh")


def test_what_was_done_before_the_stop_is_not_asked_again(ran: dict[str, Any]) -> None:
    rows = [line for line in (ran["finished"].folder / ".bench" / "done.jsonl").read_text().splitlines() if '"id"' in line]
    assert len(rows) == len(set(rows)) == 24


def test_only_what_is_there_is_a_run(runs: Runs, ran: dict[str, Any]) -> None:
    for id in ("", ".", "..", "../../etc", f"{ran['other'].id}/..", str(ran["other"].folder), ".bench"):
        with pytest.raises(InputError):
            runs.find(id)
    with pytest.raises(InputError):
        runs.resume(ran["finished"].id)
    with pytest.raises(InputError):
        runs.stop(ran["finished"].id)


def test_reports_and_the_gate_say_what_the_command_says(runs: Runs, ran: dict[str, Any]) -> None:
    ids = [ran["finished"].id, ran["again"].id]
    made = reports.report(runs, ids, "quick")
    assert "<html" in (made.folder / "report.html").read_text(encoding="utf-8")
    assert all((made.folder / name).stat().st_size for name in reports.FORMS.values())
    paired = {each["measure"]: each for each in made.told["paired"]}
    assert paired["accepted"]["n"] == 24 and paired["accepted"]["value"] == 0, "the same agent on the same cases"
    shown = report_html(made, "en")
    assert f"run={ids[0]}&amp;run={ids[1]}" in shown and "not beyond chance" in shown
    before = (made.folder / "report.html").stat().st_mtime_ns
    assert (reports.report(runs, ids, "quick").folder / "report.html").stat().st_mtime_ns == before, "it is not made twice"
    found = reports.gate(runs, ids[0], "quick")
    assert found["passed"] is False and any("was not run" in each["said"] for each in found["gates"])
    assert "不可发布" in gate_html(found, "zh") and "Do not ship" in gate_html(found, "en")
    for bad in ([], ["../x"], [ids[0]] * 1 + [f"{number}" for number in range(7)]):
        with pytest.raises(InputError):
            reports.report(runs, bad, "quick")


def test_runs_whose_cases_differ_are_not_joined(runs: Runs, ran: dict[str, Any]) -> None:
    found = drift.digests(runs.home, runs.listed())
    assert drift.subjects(found) == [("anamnesis/none", "triage")]
    points = drift.over_time(found, "anamnesis/none", "triage")
    assert [point.run for point in points] == [ran["finished"].id, ran["again"].id, ran["other"].id]
    assert [point.joined for point in points] == [False, True, False]
    assert points[1].changed == () and {"data", "arguments"} <= set(points[2].changed)
    assert points[0].value == points[1].value and points[0].n == 24
    shown = drift_html(points, "anamnesis/none", "triage", "zh")
    # Three intervals, and one line: from the first to the second.
    assert shown.count('class="bar"') == 1 + sum(point.high > point.low for point in points) and "<title" in shown


def test_a_plan_holds_no_key_and_nothing_it_should_not() -> None:
    endpoint = Choice(suites=("triage",), target="endpoint", model="x", base_url="http://127.0.0.1:9/v1")
    words = check(replace(endpoint, key_env="EXAMPLE_API_KEY")).words(Path("RUN"))
    assert "--model=bare/openai/x" in words and "-Mapi_key_env=EXAMPLE_API_KEY" in words
    assert "-Mapi_key_env=" in endpoint.words(Path("RUN")), "no name: no key is sent, not the server's own"
    for key in ("sk-abcdef0123456789", "ANAMNESIS_KEY", "HOME", "ANAMNESIS_VAULT_API_KEY"):
        with pytest.raises(InputError) as fault:
            check(replace(endpoint, key_env=key))
        assert key not in str(fault.value)
    for bad in (
        replace(endpoint, base_url="file:///etc/passwd"), replace(endpoint, base_url="http://a:b@c/v1"), replace(LONG, suites=()),
        replace(LONG, settings={"home": "/"}), replace(LONG, model="--out=/x"), replace(endpoint, suites=("retrieval",)),
        replace(LONG, suites=("rubric",)), replace(LONG, suites=("triage", "harm"), own_cases="own.jsonl"),
    ):
        with pytest.raises(InputError):
            check(bad)
    assert from_row(as_row(LONG)) == LONG
    assert settings_of("country = GB\n\nintake=false") == {"country": "GB", "intake": "false"}
    with pytest.raises(InputError):
        settings_of("country")
