"""`anamnesis eval run --role NAME=MODEL`: a model of another role (a played patient), passed on, recorded, and refused where nobody
has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from click.testing import CliRunner
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi

from agent.cli import cli as anamnesis
from evals.results import as_json, read_runs
from evals.run import Plan, chosen_suites, roles_of
from knowledge.errors import InputError

CASE = (
    ",case_vignette,choice_1,choice_2,answer,category,dataset,case_id\n"
    '0,"A man has had a sore, red toe since last night. Which is it?",Gout,Bunion,Gout,Rheumatology,made,case_0\n'
)


@modelapi("played")
class Played(ModelAPI):
    """A patient who says one thing, and tells its tokens, or Inspect would fetch a tokenizer to count them."""

    def __init__(self, model_name: str, base_url: str | None = None, api_key: str | None = None,
                 config: GenerateConfig | None = None, **_given: Any) -> None:  # fmt: skip
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())

    async def generate(self, *_given: Any, **_named: Any) -> ModelOutput:
        """The one thing."""
        output = ModelOutput.from_content(self.model_name, f"My toe hurts, says {self.model_name}.")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output


def _run(endpoint: Any, tmp_path: Path, *options: str) -> Any:
    file = tmp_path / "cases.csv"
    file.write_text(CASE, encoding="utf-8")
    return CliRunner().invoke(
        anamnesis,
        ["eval", "run", "--suite", "dialogue", "--model", "bare/openai/x", "-M", f"base_url={endpoint.url}", "-M", "api_key_env=",
         "-T", "source=craftmd", "-T", f"path={file}", "--n", "0", "--out", str(tmp_path / "run"), *options],
    )  # fmt: skip


def test_a_patient_named_on_the_command_line_is_played_and_stands_in_the_settings(endpoint: Any, tmp_path: Path) -> None:
    endpoint.answer = lambda text: "Answer: A" if "Gout" in text else "Final diagnosis: gout"
    done = _run(endpoint, tmp_path, "--role", "patient=played/anna")
    assert done.exit_code == 0, done.output
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["asked"], row["unscored"], row["measures"]["diagnosis"]["value"]) == (1, {}, 1.0)
    assert endpoint.asked[0] == "My toe hurts, says anna."
    (result,) = read_runs([tmp_path / "run"])
    assert result.settings["roles"]["patient"]["model"] == "played/anna" and result.settings["judge"] == {}
    assert json.loads(json.dumps(as_json(result)))["settings"]["roles"]["patient"]["model"] == "played/anna"


def test_another_patient_is_another_run_in_the_same_folder(endpoint: Any, tmp_path: Path) -> None:
    endpoint.answer = lambda text: "Answer: A" if "Gout" in text else "Final diagnosis: gout"
    for name in ("anna", "bert", "bert"):
        assert _run(endpoint, tmp_path, "--role", f"patient=played/{name}").exit_code == 0
    assert [said for said in endpoint.asked if "toe hurts" in said] == [
        "My toe hurts, says anna.",
        "My toe hurts, says bert.",
    ], "what was done is not asked again, and another patient's talk does not count as it"


def test_without_a_patient_the_remedy_is_said(endpoint: Any, tmp_path: Path) -> None:
    done = _run(endpoint, tmp_path)
    assert isinstance(done.exception, InputError) and not endpoint.asked
    (log,) = [read_eval_log(file) for file in list_eval_logs(str(tmp_path / "run"))]
    (sample,) = log.samples or []
    assert sample.error is not None and "--role patient=MODEL" in sample.error.message


@pytest.mark.parametrize(
    ("roles", "judge", "says"),
    [
        ({"pateint": "played/anna"}, "", "has the role pateint"),
        ({"grader": "played/anna"}, "", "is not named as a role"),
        ({"grader": "played/anna"}, "played/bert", "is not named as a role"),
    ],
)
def test_a_role_that_no_suite_has_is_refused(tmp_path: Path, roles: dict[str, str], judge: str, says: str) -> None:
    plan = Plan("anamnesis/none", tmp_path, suites=("dialogue",), roles=roles, judge=judge)
    with pytest.raises(InputError, match=says):
        roles_of(plan, chosen_suites(plan))
    other = Plan("anamnesis/none", tmp_path, suites=("triage",), roles={"patient": "played/anna"})
    with pytest.raises(InputError, match="one of none"):
        roles_of(other, chosen_suites(other))


def test_the_judge_is_a_role_beside_the_others(tmp_path: Path) -> None:
    plan = Plan("anamnesis/none", tmp_path, suites=("dialogue",), roles={"patient": "a/b"}, judge="c/d")
    assert roles_of(plan, chosen_suites(plan)) == {"grader": "c/d", "patient": "a/b"}
    assert roles_of(Plan("anamnesis/none", tmp_path), ()) == {}


@pytest.mark.parametrize("given", [("patient",), ("patient=",), ("=a/b",), ("patient=a/b", "patient=c/d")])
def test_what_is_no_role_and_model_is_wrong_usage(given: tuple[str, ...]) -> None:
    options = [part for each in given for part in ("--role", each)]
    done = CliRunner().invoke(anamnesis, ["eval", "run", *options])
    assert done.exit_code == 2 and not done.stdout and "Error:" in done.stderr, done.output
