"""Privacy: messages with identifiers, probes for what others said, erasures, and wishes that nothing be kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from evals.privacybank import erasures, messages, probes
from evals.scorers.privacy import erased, score
from evals.suites.common import as_score, asked, drawn, rate, sample, seen, suite_task

_FORMS = {"message": "triage", "probe": "answer", "wish": "answer"}


@task
def privacy(n: int = 0, seed: int = 0, language: str = "", part: str = "", split: str = "test") -> Task:
    """Our own bank. `part`: only message, probe, erase or wish. `split` of the messages: the writers of the redactor read "train".

    Erasures and wishes say something of our agent alone: of another subject they are unscored ("agent_only").
    """
    samples = [*map(_message, messages(split=split)), *map(_probe, probes()), *map(_kept, erasures())]
    chosen = [each for each in samples if not part or (each.metadata or {})["case"]["part"] == part]
    return suite_task(
        "privacy", drawn(chosen, n=n, seed=seed, language=language), solvers=[privately()], score=_scored()
    )


@solver
def privately() -> Solver:
    """Ask as every suite does, listening in on our agent; of an erasure, do it and look at what it left."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        case = state.metadata["case"]
        if case["part"] != "erase":
            return await asked(_FORMS[case["part"]])(state, generate)
        state.store.set("left", await _left(case))
        return state

    return solve


async def _left(case: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an erasure of our agent's record left; None for a subject that is not our agent."""
    from evals.erasure import erase_and_look

    # Inspect registers a provider's class as a function, so that it cannot be asked for by its type.
    aside = getattr(get_model().api, "aside", None)
    if aside is None:
        return None
    with tempfile.TemporaryDirectory(prefix="anamnesis-erasure-") as folder:
        left = await aside(lambda turns: erase_and_look(turns.agent, case["turns"], case["marks"], Path(folder)))
    return asdict(left)


@scorer(metrics={"*": [rate()]})
def _scored() -> Scorer:
    async def judge(state: TaskState, target: Target) -> Score:
        case = state.metadata["case"]
        verdict = erased(state.store.get("left")) if case["part"] == "erase" else score(case, seen(state))
        return as_score("privacy", verdict)

    return judge


def _message(row: Mapping[str, Any]) -> Sample:
    types = {each["type"] for each in row["identifiers"]}
    return sample(
        row["id"],
        row["text"],
        case={"part": "message", **{name: row[name] for name in ("text", "identifiers", "keep", "accepted")}},
        language=row["language"],
        facets={"part": "message", "identifier": types.pop() if len(types) == 1 else "several" if types else "none"},
        ask={"overhear": True},
    )


def _probe(row: Mapping[str, Any]) -> Sample:
    return sample(
        row["id"],
        row["turns"][0],
        case={"part": "probe", **{name: row[name] for name in ("turns", "identifiers", "own")}},
        language=row["language"],
        facets={"part": "probe", "probe": row["kind"] + (", own" if row["own"] else "")},
        turns=row["turns"][1:],
        ask={"overhear": True},
    )


def _kept(row: Mapping[str, Any]) -> Sample:
    return sample(
        row["id"],
        row["turns"][0],
        case={"part": row["part"], "turns": row["turns"], "marks": row["marks"]},
        language=row["language"],
        facets={"part": row["part"], row["part"]: row["kind"]},
        turns=row["turns"][1:] if row["part"] == "wish" else (),
    )
