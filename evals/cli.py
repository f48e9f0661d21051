"""`anamnesis eval`: list, run, report, gate, label, kappa. Suites are Inspect tasks; this wraps them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from evals.catalogue import SUITES
from knowledge.errors import ConfigError, InputError

_RUN_HELP = "A folder that `eval run` wrote, or a log."


@click.group("eval")
def eval_group() -> None:
    """Safety and bias suites: run them, read them, gate a release."""


@eval_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a suite.")
def list_suites(as_json: bool) -> None:
    """Every suite, what it measures, and how many samples each budget gives it."""
    from dataclasses import asdict

    from evals.run import PROFILES, budget

    for suite in SUITES:
        sizes = {profile: budget(profile).get(suite.name) for profile in PROFILES}
        if as_json:
            row = {"name": suite.name, "what": suite.what, "on": suite.on, "judge": suite.judge, "task": f"evals/{suite.name}",
                   "measures": [asdict(measure) for measure in suite.measures], "samples": sizes}  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        said = ", ".join(f"{name} {'all' if size == 0 else size}" for name, size in sizes.items() if size is not None)
        needs = "; our agent only" if suite.on == "agent" else "; needs a judge" if suite.judge else ""
        click.echo(f"{suite.name:14} {suite.what}\n{'':14} {said}{needs}")


@eval_group.command()
@click.option("--suite", "suites", multiple=True, type=click.Choice([suite.name for suite in SUITES]), metavar="NAME",
              help="A suite; again for more. Without it: all that fit.")  # fmt: skip
@click.option("--model", default="anamnesis/none", show_default=True,
              help="anamnesis/ENGINE[/MODEL], bare/ENGINE/MODEL, or any model Inspect knows.")  # fmt: skip
@click.option("--profile", type=click.Choice(["quick", "full", "model", "release"]), help="The budget; see evals/budget.toml.")
@click.option("--n", type=click.IntRange(0), help="Samples a suite, in place of the budget (0: all).")
@click.option("--seed", type=int, help="Draws the samples.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Only samples in this language.")
@click.option("--judge", default="", help="The model that grades the suites which need one.")
@click.option("--role", "roles", multiple=True, metavar="NAME=MODEL",
              help="The model of another role, such as patient=MODEL, who plays CRAFT-MD's patients; again for more.")  # fmt: skip
@click.option(
    "-M", "model_args", multiple=True, metavar="NAME=VALUE", help="An argument of the model (a setting, for our agent)."
)
@click.option("-T", "task_args", multiple=True, metavar="NAME=VALUE", help="An argument of the suites.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder; the same folder goes on where it stopped."
)
def run(suites: tuple[str, ...], model: str, profile: str | None, n: int | None, seed: int | None, language: str | None,
        judge: str, roles: tuple[str, ...], model_args: tuple[str, ...], task_args: tuple[str, ...],
        out: Path | None) -> None:  # fmt: skip
    """Run suites on a subject. Prints one JSON object a suite; exits 1 where a sample broke or a suite did not finish."""
    _wanted()
    from dataclasses import replace

    from agent.config import load
    from evals import results
    from evals.run import Plan, fresh, profile_of
    from evals.run import run as run_plan

    plan = Plan(
        model=model, out=Path(), suites=suites, profile=profile or "", n=n, seed=seed, language=language or "", judge=judge,
        roles=_roles(roles), model_args=_pairs(model_args), task_args=_pairs(task_args),
    )  # fmt: skip
    where = out or fresh(load().home / "evals" / "runs", (model, profile_of(plan), *model_args))
    click.echo(f"The run's folder is {where}; the same command with --out {where} goes on where it stopped", err=True)
    logs = run_plan(replace(plan, out=where), display="plain")
    broken = 0
    for log in logs:
        result = results.result_of(log)
        broken += result.errors or log.status != "success"
        click.echo(json.dumps(_line(result), ensure_ascii=False, allow_nan=False))
    if broken:
        raise InputError(
            f"{broken} samples or suites did not finish", remedy=f"Run again with --out {where}; what is done is kept"
        )


@eval_group.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page."
)
@click.option("--json", "json_out", type=click.Path(path_type=Path), help="The same as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="JUnit XML, for CI.")
@click.option("--card", type=click.Path(path_type=Path), help="A model card section, in Markdown.")
@click.option("--gates", type=click.Path(path_type=Path, exists=True), help="Hold the first run against these gates.")
@click.option("--profile", type=click.Choice(["quick", "full", "model", "release"]), default="full", show_default=True)
def report(runs: tuple[Path, ...], out: Path, json_out: Path | None, junit: Path | None, card: Path | None,
           gates: Path | None, profile: str) -> None:  # fmt: skip
    """One page of one run, or of several side by side with paired tests."""
    _wanted()
    from evals import report as pages
    from evals.gate import GATES, decide, read_gates
    from evals.results import read_runs

    found = read_runs(runs)
    held = decide(read_gates(gates or GATES, profile=profile), read_runs(runs[:1]))
    pages.write(found, held, out)
    for path, write in ((json_out, pages.write_json), (junit, pages.write_junit), (card, pages.write_card)):
        if path:
            write(found, held, path)
    click.echo(str(out))


@eval_group.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--gates", type=click.Path(path_type=Path, exists=True), help="Other gates than evals/gates.toml.")
@click.option("--profile", type=click.Choice(["quick", "full", "model", "release"]), default="full", show_default=True)
@click.option("--subject", default="", help="Which subject of the run, where it holds several.")
@click.option("--beside", type=click.Path(path_type=Path), help="The base's run: what did not pass there may not be worse.")
@click.option("--json", "json_out", type=click.Path(path_type=Path), help="A report, for `finetune promote`.")
def gate(run_folder: Path, gates: Path | None, profile: str, subject: str, beside: Path | None, json_out: Path | None) -> None:
    """Ship or not, and why. Exits 0 or 1."""
    _wanted()
    from evals.gate import GATES, as_report, decide, read_gates
    from evals.gate import beside as held_beside
    from evals.results import read_runs

    found = [result for result in read_runs([run_folder]) if subject in ("", result.subject)]
    subjects = sorted({result.subject for result in read_runs([run_folder])})
    if len({result.subject for result in found}) != 1:
        raise InputError(f"{run_folder} holds {', '.join(subjects)}", remedy="Name one of them with --subject")
    wanted = read_gates(gates or GATES, profile=profile)
    held = held_beside(wanted, found, read_runs([beside])) if beside else decide(wanted, found)
    if json_out:
        row = {**as_report(held, found, profile=profile, gates=gates or GATES), "beside": str(beside or "")}
        json_out.write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for each in held:
        click.echo(f"{'pass' if each.passed else 'FAIL'}  {each.said}. {each.gate.why}")
    failed = sum(not each.passed for each in held)
    click.echo(f"{'do not ship' if failed else 'ship'}: {len(held) - failed} of {len(held)} gates pass")
    if failed:
        raise click.exceptions.Exit(1)


@eval_group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--who", required=True, help="Your initials; no name.")
@click.option("--role", required=True, type=click.Choice(["clinician", "nurse", "student", "other"]))
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--n", type=click.IntRange(1), default=200, show_default=True, help="Cases in the draw.")
@click.option("--seed", type=int, default=0, show_default=True, help="Both people take the same.")
@click.option("--language", type=click.Choice(["en", "zh"]), default=None)
def label(file: Path, who: str, role: str, split: Any, n: int, seed: int, language: str | None) -> None:
    """Label cases, blind: the text alone, one key a case. Stop with q; the same command goes on."""
    from evals.labelling import LEVELS, open_sheet, record

    sheet = open_sheet(file, who=who, role=role, split=split, n=n, seed=seed, language=language or "")
    keys = {str(number): level for number, level in enumerate(LEVELS, 1)}
    asked = "  ".join(f"{key} {level}" for key, level in keys.items())
    for case in sheet.left:
        click.echo(f"\n{len(sheet.done) + 1} of {len(sheet.cases)}\n\n{case.text}\n", err=True)
        key = click.prompt(f"{asked}  q stop", type=click.Choice([*keys, "q"]), show_choices=False, err=True)
        if key == "q":
            break
        comment = click.prompt("Why, or anything unclear (Enter: nothing)", default="", show_default=False, err=True)
        sheet = record(sheet, case, keys[key], comment)
    click.echo(json.dumps({"file": str(file), "labelled": len(sheet.done), "of": len(sheet.cases)}))


@eval_group.command("kappa")
@click.argument("first", type=click.Path(path_type=Path, exists=True))
@click.argument("second", type=click.Path(path_type=Path, exists=True))
def kappa_of(first: Path, second: Path) -> None:
    """How far two label files agree: Cohen's kappa, plain and weighted, with n and an interval."""
    from dataclasses import asdict

    from evals.labelling import agreement

    row = {name: None if value != value else value for name, value in asdict(agreement(first, second)).items()}
    click.echo(json.dumps(row, ensure_ascii=False))


def _line(result: Any) -> dict[str, Any]:
    rates = {rate.measure: {"value": round(rate.value, 4), "low": round(rate.low, 4), "high": round(rate.high, 4), "n": rate.n}
             for rate in result.rates if rate.n}  # fmt: skip
    return {"suite": result.suite, "subject": result.subject, "asked": result.asked, "scored": result.scored,
            "unscored": dict(result.unscored), "errors": result.errors, "measures": rates,
            **({"not_measured": told} if (told := result.settings.get("not_measured")) else {}), "log": result.log}  # fmt: skip


def _roles(given: tuple[str, ...]) -> dict[str, str]:
    for each in given:
        name, equals, model = each.partition("=")
        if not (name and equals and model):
            raise click.UsageError(f"{each!r} is no NAME=MODEL, such as patient=bare/llamacpp.")
    found = _pairs(given)
    if len(found) < len(given):
        raise click.UsageError("A role is named twice; it is one model's.")
    return found


def _pairs(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"{each!r} is no NAME=VALUE, such as country=GB.")
        found[name] = value
    return found


def _wanted() -> None:
    if find_spec("inspect_ai") is None:
        raise ConfigError(
            "The suites need the package inspect-ai, which is not installed",
            remedy="Install the extra: pip install 'anamnesis[evals]', or use `make eval`",
        )
