"""The process beside the server: `run FOLDER`, `count`, `digest FOLDER...`, `eval ...`. Started by `aside` alone."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_NICE = 10
"""Behind the serving agent, which has 0: a turn goes first wherever both want the processor."""


def main(words: list[str]) -> None:
    """One piece of work. Ends the process."""
    os.nice(_NICE)
    # Whoever starts a server in the background of a shell has it ignore ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kind, rest = words[0], words[1:]
    if kind == "run":
        _run(Path(rest[0]))
    elif kind == "count":
        _command(_count)
    elif kind == "digest":
        _command(lambda: _digest([Path(each) for each in rest]))
    else:
        _eval(rest)


def _run(folder: Path) -> None:
    """Run a plan, writing down each sample as it is done, and how it ended."""
    from agent import cli
    from agent.app.bench.runs import DONE, ENDED, OWN, plan_of
    from agent.app.bench.written import write_json

    choice, _ = plan_of(folder)
    leave = cli._leave

    def ended(code: int) -> None:
        write_json(folder / OWN / ENDED, {"code": code})
        leave(code)

    cli._leave = ended
    _write_down(folder / OWN / DONE)
    _eval(["run", *choice.words(folder)])


def _write_down(file: Path) -> None:
    """Have Inspect tell of each sample that is done, whatever was made of it, and of each suite that is."""
    from inspect_ai.hooks import Hooks, SampleEnd, TaskEnd, TaskStart, hooks

    suites: dict[str, str] = {}

    def write(row: dict[str, Any]) -> None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")

    @hooks(name="anamnesis-bench", description="writes down which samples are done")
    class Done(Hooks):
        async def on_task_start(self, data: TaskStart) -> None:
            suites[data.eval_id] = str((data.spec.metadata or {}).get("suite", ""))

        async def on_sample_end(self, data: SampleEnd) -> None:
            if data.sample.error is None:
                write({"suite": suites.get(data.eval_id, ""), "id": str(data.sample.id)})

        async def on_task_end(self, data: TaskEnd) -> None:
            if data.log.status == "success":
                write({"suite": suites.get(data.eval_id, ""), "over": True})


def _count() -> None:
    """How many samples the plan on standard input has: suite to number, as JSON."""
    from agent.app.bench.plan import from_row
    from evals.run import Plan, sizes

    choice = from_row(json.load(sys.stdin))
    plan = Plan(
        model=choice.subject, out=Path(), suites=choice.suites, profile=choice.profile, n=choice.n, seed=choice.seed,
        language=choice.language, judge=choice.judge, task_args=choice.task_args,
    )  # fmt: skip
    sys.stdout.write(json.dumps(sizes(plan)) + "\n")


def _digest(folders: list[Path]) -> None:
    """The measures of runs, small enough to read them all at once; a run that cannot be read says why."""
    from agent.app.bench.drift import write_digest

    for folder in folders:
        write_digest(folder)


def _command(work: Any) -> None:
    from knowledge.errors import AnamnesisError

    try:
        work()
    except AnamnesisError as fault:
        sys.stderr.write(f"anamnesis: {fault}\n")
        raise SystemExit(1) from fault


def _eval(words: list[str]) -> None:
    from agent import cli

    sys.argv = ["anamnesis", "eval", *words]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
