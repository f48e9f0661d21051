"""Suites run: chosen, sized by the budget, resumed where they were stopped."""

from __future__ import annotations

import contextlib
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.catalogue import SUITES, Suite, find_suite
from knowledge.errors import ConfigError, InputError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

BUDGET = Path(__file__).parent / "budget.toml"
PROFILES = ("quick", "full", "model", "release")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: which suites, on what, how many samples. `out` is the run's folder; a run in the same folder goes on.

    `profile` empty: "full" for our agent without a model, else "model". `n` overrides the budget. `judge` grades the suites that
    need one; without it they are left out. `roles`: the models of other roles that suites have (`Suite.roles`), by name.
    """

    model: str
    out: Path
    suites: tuple[str, ...] = ()
    profile: str = ""
    n: int | None = None
    seed: int | None = None
    language: str = ""
    judge: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    model_args: Mapping[str, Any] = field(default_factory=dict)
    task_args: Mapping[str, Any] = field(default_factory=dict)


def run(plan: Plan, *, display: str = "plain") -> list[EvalLog]:
    """Run what is not done yet of a plan, and return every log of it. Progress goes to standard error.

    Raises:
        InputError: an unknown suite, one that this subject cannot take, or an argument or a role that no suite of the plan takes.
        ConfigError: an unknown profile.
        KeyboardInterrupt: it was stopped; what is done is kept.
    """
    from inspect_ai import eval_set

    import evals.subjects.providers  # noqa: F401  # registers our model providers

    # Inspect takes an endpoint's address apart from the other arguments of a model.
    model_args = dict(plan.model_args)
    base_url = model_args.pop("base_url", None)
    chosen = chosen_suites(plan)
    _check_arguments(plan, chosen)
    roles = roles_of(plan, chosen)
    tasks = [task_of(suite, plan) for suite in chosen]
    plan.out.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(sys.stderr):
        _, logs = eval_set(
            tasks,
            log_dir=str(plan.out),
            model=plan.model,
            model_args=model_args,
            model_base_url=base_url,
            model_roles=dict(roles) or None,
            display=display,  # type: ignore[arg-type]
            retry_attempts=0,
            retry_immediate=False,
            max_tasks=1,
            # A seeded draw of a suite of another size is another run of it, and may lie beside the first.
            log_dir_allow_dirty=True,
            # A sample that breaks stops nothing; its log is not done, so that a run in the same folder asks it again.
            fail_on_error=True,
            continue_on_fail=True,
            log_realtime=False,
            seed=seed_of(plan),
        )
    # Inspect keeps ctrl-C to itself, and comes back as if all were done.
    if len(logs) < len(tasks) or any(log.status == "cancelled" for log in logs):
        raise KeyboardInterrupt
    # What stands in the log's folder, whole: eval_set gives back headers alone.
    from inspect_ai.log import read_eval_log

    order = [suite.name for suite in chosen]
    found = [read_eval_log(log.location) for log in logs]
    return sorted(found, key=lambda log: order.index((log.eval.metadata or {})["suite"]))


def sizes(plan: Plan) -> dict[str, int]:
    """Suite to how many samples a plan gives it; nothing is asked. Raises as `run` does."""
    chosen = chosen_suites(plan)
    _check_arguments(plan, chosen)
    roles_of(plan, chosen)
    return {suite.name: len(task_of(suite, plan).dataset) for suite in chosen}


def chosen_suites(plan: Plan) -> list[Suite]:
    """The suites of a plan, in the catalogue's order; all that fit the subject where none is named."""
    ours = plan.model.startswith("anamnesis/")
    if plan.suites:
        named = [find_suite(name) for name in plan.suites]
        for suite in named:
            if suite.on == "agent" and not ours:
                raise InputError(f"The suite {suite.name} looks into our agent", expected="--model anamnesis/...")
            if suite.judge and not plan.judge:
                raise InputError(f"The suite {suite.name} needs a judge", remedy="Name one with --judge")
        return [suite for suite in SUITES if suite in named]
    sized = budget(profile_of(plan))
    return [
        suite
        for suite in SUITES
        if suite.name in sized and (ours or suite.on == "any") and (plan.judge or not suite.judge)
    ]


def roles_of(plan: Plan, chosen: Sequence[Suite]) -> dict[str, str]:
    """The models of a plan's roles, the judge among them. Raises InputError for a role that none of the suites has."""
    if "grader" in plan.roles:
        raise InputError("The grader is not named as a role", remedy="Name it with --judge")
    taken = sorted({role for suite in chosen for role in suite.roles})
    if unknown := [name for name in plan.roles if name not in taken]:
        raise InputError(
            f"No suite of this run has the role {', '.join(unknown)}", expected=f"one of {', '.join(taken) or 'none'}"
        )
    return {**({"grader": plan.judge} if plan.judge else {}), **plan.roles}


def arguments_of(suite: Suite) -> dict[str, str]:
    """The arguments of its own that a suite takes, with their types; not those that every suite has."""
    given = signature(_function(suite)).parameters.values()
    return {each.name: str(each.annotation) for each in given if each.name not in ("n", "seed", "language")}


def task_of(suite: Suite, plan: Plan) -> Task:
    """The Inspect task of a suite, with the samples that the plan gives it, and those of the plan's arguments that it takes."""
    takes = arguments_of(suite)
    size = plan.n if plan.n is not None else budget(profile_of(plan)).get(suite.name, 0)
    own = _budget()["arguments"].get(profile_of(plan), {}).get(suite.name, {})
    named = {name: _as(takes[name], name, value) for name, value in plan.task_args.items() if name in takes}
    given = {"n": size, "seed": seed_of(plan), "language": plan.language, **own, **named}
    task: Task = _function(suite)(**given)
    return task


def profile_of(plan: Plan) -> str:
    """The budget's profile of a plan."""
    if plan.profile and plan.profile not in PROFILES:
        raise ConfigError(f"There is no profile {plan.profile!r}", expected=f"one of {', '.join(PROFILES)}")
    return plan.profile or ("full" if plan.model == "anamnesis/none" else "model")


def seed_of(plan: Plan) -> int:
    """The seed that draws the samples."""
    return plan.seed if plan.seed is not None else int(_budget()["seed"])


def budget(profile: str) -> dict[str, int]:
    """Suite to number of samples (0: all) of a profile."""
    return {name: int(size) for name, size in _budget()[profile].items()}


def fresh(folder: Path, names: Sequence[str]) -> Path:
    """A folder for a run of that name under `folder`, of its own: a run of yesterday's agent is not gone on with unasked."""
    when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return folder / "-".join((when, *(name.replace("/", "_") for name in names)))


def _check_arguments(plan: Plan, chosen: Sequence[Suite]) -> None:
    taken = {name for suite in chosen for name in arguments_of(suite)}
    if unknown := [name for name in plan.task_args if name not in taken]:
        raise InputError(
            f"No suite of this run takes {', '.join(unknown)}", expected=f"one of {', '.join(sorted(taken)) or 'none'}"
        )


def _function(suite: Suite) -> Callable[..., Any]:
    module, _, name = suite.task.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def _as(kind: str, name: str, value: Any) -> Any:
    """An argument as its suite takes it: the command line knows words only."""
    if kind != "int" or isinstance(value, int):
        return value
    if not str(value).lstrip("-").isdecimal():
        raise InputError(f"{name} is {value!r}", expected="a whole number")
    return int(value)


@lru_cache(maxsize=1)
def _budget() -> dict[str, Any]:
    return tomllib.loads(BUDGET.read_text(encoding="utf-8"))
