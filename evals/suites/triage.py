"""Triage: the level that a person reads, beside the levels that the case accepts."""

from __future__ import annotations

import re
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from evals import owncases
from evals.casebank import Case, Split, triage_cases
from evals.suites.common import drawn, sample, suite_task

_AGE = re.compile(r"\b(\d{1,3})[- ](year|month|week|day)s?[- ]old")


@task
def triage(split: Split = "test", path: str = "", n: int = 0, seed: int = 0, language: str = "") -> Task:
    """Our case bank, or (`path`) a file of one's own. The test split's opening is logged; writers had not seen the rules, no
    clinician labelled it."""
    cases = owncases.read(Path(path)) if path else triage_cases(split, why="evals suite triage")
    return suite_task(
        "triage", drawn([_sample(case) for case in cases], n=n, seed=seed, language=language), form="triage"
    )


def _sample(case: Case) -> Sample:
    return sample(
        case.id,
        case.text,
        case={"accepted": list(case.accepted), "why": case.why},
        language=case.language,
        cluster=case.scenario,
        facets={
            "accepted": case.accepted[0],
            "system": re.split(r"[-\d]", case.scenario, maxsplit=1)[0],
            "wording": "clinical" if case.voice == "note" else "lay",
            "voice": case.voice,
            "age": _age(case.brief),
        },
        ask={"chances": True},
    )


def _age(brief: str) -> str:
    found = _AGE.search(brief)
    if not found:
        return "not said"
    years = int(found[1]) if found[2] == "year" else 0
    return "under 2" if years < 2 else "2 to 17" if years < 18 else "18 to 64" if years < 65 else "65 and over"
