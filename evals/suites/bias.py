"""Bias: counterfactual pairs over who tells it, how it is written, and how it shows in a group; Q-Pain, EquityMedQA."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample

from evals.biasbank import Told, tellings
from evals.sources import equitymedqa, qpain
from evals.sources.rows import digest
from evals.suites.common import drawn, sample, suite_task
from knowledge.errors import InputError

_PUBLIC = ("qpain", "equitymedqa")


@task
def bias(
    n: int = 0, seed: int = 0, language: str = "", dimension: str = "", source: str = "own", path: str = ""
) -> Task:
    """`source` "own": our bank. `dimension`: of it only that one (and the plain tellings it is compared with).

    "qpain", "equitymedqa": read at `path`, a file in the public layout or a folder of them. A draw keeps a vignette with all its
    tellings, and questions with those they are paired with, together.

    Raises:
        InputError: an unknown source, a public one without a path, or one with a `dimension`.
    """
    if source != "own":
        return _public(source, path, dimension, n=n, seed=seed, language=language)
    chosen = [told for told in tellings() if not dimension or told.dimension in ("", dimension)]
    if dimension:
        held = {told.cluster for told in chosen if told.dimension}
        chosen = [told for told in chosen if told.cluster in held]
    held_to = _drawn([told for told in chosen if not language or told.language == language], n=n, seed=seed)
    return suite_task("bias", [_sample(told) for told in held_to], form="triage")


def _public(source: str, path: str, dimension: str, *, n: int, seed: int, language: str) -> Task:
    if source not in _PUBLIC:
        raise InputError(f"There is no source {source!r}", expected=f"one of own, {', '.join(_PUBLIC)}")
    if not path:
        raise InputError(f"The source {source!r} needs a path", expected="path=FILE, or a folder of its files")
    if dimension:
        raise InputError(f"The source {source!r} takes no dimension", expected="a dimension of our own bank alone")
    file = Path(path)
    not_measured: dict[str, Any] = {}
    if source == "qpain":
        vignettes = qpain.load(file)
        samples, left_out, form = _vignettes(vignettes.vignettes), vignettes.left_out, "prescribe"
    else:
        questions = equitymedqa.load(file)
        samples, left_out, form = _questions(questions), questions.left_out, "triage"
        not_measured = {"biased by the authors' rubric": "no_rubric_judge"}
    made = suite_task("bias", drawn(samples, n=n, seed=seed, language=language), form=form)
    made.metadata = {
        **(made.metadata or {}), "source": source, "data": digest(file), "left_out": dict(left_out),
        "not_measured": not_measured,
    }  # fmt: skip
    return made


def _vignettes(vignettes: Sequence[qpain.Vignette]) -> list[Sample]:
    """Each vignette plainly, and of each race and gender: compared with the plain telling, with the white person of the
    same gender, and with the man of the same race."""
    found = []
    for vignette in vignettes:
        for race, gender in [("", ""), *((race, gender) for race in qpain.RACES for gender in qpain.GENDERS)]:
            beside = []
            if race not in ("", "White"):
                beside.append(["race", f"{race.lower()} beside white", _qpain_id(vignette, "White", gender)])
            if gender == "woman":
                beside.append(["gender", "woman beside man", _qpain_id(vignette, race, "man")])
            found.append(
                sample(
                    _qpain_id(vignette, race, gender),
                    qpain.told(vignette, race, gender),
                    case={
                        "source": "qpain", "answer": vignette.answer, "dose": vignette.dose,
                        "dimension": "race_and_gender" if race else "", "variant": f"{race.lower()} {gender}".strip(),
                        "beside": beside,
                    },
                    language="en",
                    cluster=vignette.id,
                    facets={
                        "source": "qpain", "context": vignette.context, "authors": vignette.answer,
                        "race": race.lower() or "not said", "gender": gender or "not said",
                    },
                    ask={"audience": "clinician", "intake": False},
                )
            )  # fmt: skip
    return found


def _qpain_id(vignette: qpain.Vignette, race: str, gender: str) -> str:
    return f"{vignette.id}-{race.lower() or 'plain'}{f'-{gender}' if gender else ''}"


def _questions(loaded: equitymedqa.Loaded) -> list[Sample]:
    beside: dict[str, list[list[str]]] = defaultdict(list)
    paired = set()
    for pair in loaded.pairs:
        beside[pair.second].append(["counterfactual", pair.set, pair.first])
        paired |= {pair.first, pair.second}
    return [
        sample(
            each.id,
            each.text,
            case={"source": "equitymedqa", "text": each.text, "set": each.set, "beside": beside[each.id]},
            language="en",
            cluster=each.cluster,
            facets={"source": "equitymedqa", "set": each.set, "kind": "of a pair" if each.id in paired else "single"},
            ask={"intake": False},
        )
        for each in loaded.questions
    ]


def _drawn(tellings: Sequence[Told], *, n: int, seed: int) -> list[Told]:
    """The first `n` tellings (0: all): of each complaint the plain one and one of each dimension, complaint after complaint in a
    seeded order; after the last complaint a second of each dimension, and so on.

    A complaint told in fifty ways says less than ten told in five: pairs of one complaint move together. The same seed gives the
    same tellings, and a larger `n` only adds to a smaller one.
    """
    if not n or n >= len(tellings):
        return list(tellings)
    source = random.Random(seed)
    clusters: dict[str, dict[str, list[Told]]] = defaultdict(lambda: defaultdict(list))
    for told in tellings:
        clusters[told.cluster][told.dimension].append(told)
    order = sorted(clusters)
    source.shuffle(order)
    for name in order:
        for held in clusters[name].values():
            source.shuffle(held)
    most = max(len(held) for dimensions in clusters.values() for held in dimensions.values())
    # The plain telling stands first of its complaint, so that no variant is drawn without it.
    rows = (
        held[turn] for turn in range(most) for name in order for held in clusters[name].values() if turn < len(held)
    )
    return list(islice(rows, n))


def _sample(told: Told) -> Sample:
    return sample(
        told.id,
        told.text,
        case={
            "accepted": list(told.accepted), "pain": told.pain, "dimension": told.dimension, "variant": told.variant,
            "relevant": list(told.relevant), "why": told.why,
        },
        language=told.language,
        cluster=told.cluster,
        facets={"dimension": told.dimension or "plain", "variant": told.variant or "plain", "system": told.system},
    )  # fmt: skip
