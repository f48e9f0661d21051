"""Inspect's logs counted: rates with n, intervals and what was unscored, breakdowns, comparisons, the worst failures."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from evals.catalogue import Suite, find_suite
from evals.metrics import clustered, mean_interval
from evals.types import Comparison, Measure, Scored, Verdict
from knowledge.errors import InputError

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

_WORST = 12
_Failed: TypeAlias = "tuple[EvalSample, Scored, tuple[Measure, ...]]"
_LEVELS = ("emergency", "urgent", "routine", "self_care", "unclear")


@dataclass(frozen=True, slots=True)
class Rate:
    """A measure over some samples. `value` NaN and n 0 where it applied to none; the interval heeds clusters.

    `share`: the value is a share of the samples, else a mean.
    """

    measure: str
    what: str
    better: str
    n: int
    clusters: int
    value: float
    low: float
    high: float
    share: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """One sample that went wrong: which measures, why, and everything that was said."""

    id: str
    measures: tuple[str, ...]
    note: str
    why: str
    facets: Mapping[str, str]
    messages: tuple[Mapping[str, str], ...]
    shown: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One suite on one subject. `asked` samples, of which `scored` were; `unscored` by reason; `errors` broke.

    `confusion`: (accepted first, shown) to count, where there are levels. `chances`: what the subject held to be likely beside what
    was so. `settings`: model, its arguments, task arguments, packages, commit, our agent's own digests (`made_by`). `data`:
    SHA-256 of all that was asked and is accepted. `run`: which of the runs that were read it is of.
    """

    suite: str
    subject: str
    asked: int
    scored: int
    unscored: Mapping[str, int]
    errors: int
    rates: tuple[Rate, ...]
    facets: Mapping[str, Mapping[str, tuple[Rate, ...]]]
    comparisons: tuple[Comparison, ...]
    confusion: Mapping[str, Mapping[str, int]]
    chances: tuple[tuple[float, float], ...]
    failures: tuple[Failure, ...]
    failed: int
    settings: Mapping[str, Any]
    seconds: float
    log: str
    samples: tuple[Scored, ...] = ()
    data: str = ""
    run: str = ""

    @property
    def headline(self) -> Rate:
        """The suite's first measure."""
        return self.rates[0]


def read_runs(paths: Iterable[Path]) -> list[Result]:
    """The results of every log in these folders (or of these log files), in the order named; one a suite and subject in each, the
    newest where there are two.

    Raises:
        InputError: there is no log, or a log is of no suite of ours.
    """
    from inspect_ai.log import list_eval_logs, read_eval_log

    files: list[tuple[str, str]] = []
    named = list(dict.fromkeys(path.resolve() for path in paths))
    short = Counter(path.stem if path.is_file() else path.name for path in named)
    for path in named:
        if not path.exists():
            raise InputError(f"There is no run {path}", remedy="Run `anamnesis eval run` first, or name its folder")
        run = path.stem if path.is_file() else path.name
        # A log says to the second when it was begun; of two of one second the later written counts.
        logs = [str(path)] if path.is_file() else [
            log.name for log in sorted(list_eval_logs(str(path)), key=lambda log: log.mtime or 0)
        ]  # fmt: skip
        files += [(run if short[run] == 1 else str(path), log) for log in logs]
    if not files:
        raise InputError("There is no log in what was named", expected="a folder that `anamnesis eval run` wrote")
    found: dict[tuple[str, str, str], tuple[str, Result]] = {}
    for run, file in files:
        log = read_eval_log(file)
        if (log.eval.metadata or {}).get("suite") is None:
            raise InputError(f"{file} is the log of another task", expected="a suite of `anamnesis eval list`")
        result, when = result_of(log), log.eval.created
        key = run, result.suite, result.subject
        if key not in found or when >= found[key][0]:
            found[key] = when, replace(result, run=run)
    runs = list(dict.fromkeys(run for run, _ in files))
    order = _names()
    return sorted(
        (result for _, result in found.values()),
        key=lambda each: (runs.index(each.run), order.index(each.suite), each.subject),
    )


def result_of(log: EvalLog) -> Result:
    """The result of one log."""
    suite = find_suite((log.eval.metadata or {})["suite"])
    done = [(sample, scored_of(sample)) for sample in log.samples or [] if sample.error is None]
    samples = [scored for _, scored in done]
    held = [each for each in samples if not each.verdict.unscored]
    failed = [(sample, each, wrong) for sample, each in done if (wrong := _wrong(suite, each.verdict))]
    compare = _function(suite.paired)
    return Result(
        suite=suite.name,
        subject=subject_of(log),
        asked=log.eval.dataset.samples or len(log.samples or []),
        scored=len(held),
        # A plain dict: `asdict` makes a Counter of the pairs of a Counter.
        unscored=dict(Counter(each.verdict.unscored for each in samples if each.verdict.unscored)),
        errors=sum(sample.error is not None for sample in log.samples or []),
        rates=tuple(rate_of(measure, held) for measure in suite.measures),
        facets=_facets(suite, held),
        comparisons=tuple(compare(samples)) if compare else (),
        confusion=_confusion(held),
        chances=tuple(
            (float(chance), float(so)) for each in held for chance, so in each.verdict.facts.get("chances", ())
        ),
        failures=tuple(_failure(sample, each, wrong) for sample, each, wrong in _worst(failed)),
        failed=len(failed),
        settings={**settings_of(log), **_made_by(log)},
        seconds=_seconds(log),
        log=log.location,
        samples=tuple(samples),
        data=_digest([digest_of(sample) for sample in sorted(log.samples or [], key=lambda each: str(each.id))]),
    )


def scored_of(sample: EvalSample) -> Scored:
    """A sample of a log with its verdict."""
    case = dict(sample.metadata.get("case", {}))
    scores = list((sample.scores or {}).values())
    if not scores:
        verdict = Verdict(unscored="not_scored")
    else:
        score = scores[0]
        facts = dict((score.metadata or {}).get("facts", {}))
        note = score.explanation or ""
        if isinstance(score.value, Mapping):
            values = {
                name: float(value)
                for name, value in score.value.items()
                if isinstance(value, int | float) and _number(value)
            }
            verdict = Verdict(values=values, note=note, facts=facts)
        else:
            verdict = Verdict(unscored=str(score.reason or "unscored"), note=note, facts=facts)
    facets = dict(sample.metadata.get("facets", {}))
    cluster = sample.metadata.get("cluster", str(sample.id))
    return Scored(str(sample.id), cluster, case, facets, verdict, digest_of(sample))


def digest_of(sample: EvalSample) -> str:
    """SHA-256 of a sample's id, of all that is asked in it, and of what its scorer accepts."""
    asked = sample.input if isinstance(sample.input, str) else [[each.role, each.text] for each in sample.input]
    told = {name: sample.metadata.get(name) for name in ("case", "turns", "ask")}
    return _digest([str(sample.id), asked, told])


def rate_of(measure: Measure, samples: Sequence[Scored]) -> Rate:
    """A measure over the samples it applies to, with an interval that heeds their clusters."""
    held = [
        (each.verdict.values[measure.name], each.cluster) for each in samples if measure.name in each.verdict.values
    ]
    values, clusters = [value for value, _ in held], [cluster for _, cluster in held]
    if not values:
        return Rate(measure.name, measure.what, measure.better, 0, 0, math.nan, math.nan, math.nan, measure.rate)
    low, high = (clustered if measure.rate else mean_interval)(values, clusters)
    mean = sum(values) / len(values)
    return Rate(
        measure.name, measure.what, measure.better, len(values), len(set(clusters)), mean, low, high, measure.rate
    )


def subject_of(log: EvalLog) -> str:
    """What was tested: the model's name, with the arguments that change what it is."""
    told = {**log.eval.model_args, "base_url": log.eval.model_base_url}
    given = {name: value for name, value in sorted(told.items()) if value not in ("", None)}
    said = ",".join(f"{name}={value}" for name, value in given.items())
    return f"{log.eval.model}({said})" if said else str(log.eval.model)


def settings_of(log: EvalLog) -> dict[str, Any]:
    """What a reader needs to run it again: model and arguments, the suite's arguments, judge and other roles, versions, commit."""
    revision = log.eval.revision
    roles = log.eval.model_roles or {}
    return {
        "model": log.eval.model,
        "model_args": dict(log.eval.model_args),
        "base_url": log.eval.model_base_url or "",
        "task_args": dict(log.eval.task_args),
        "judge": {name: asdict_of(role) for name, role in roles.items() if name == "grader"},
        "roles": {name: asdict_of(role) for name, role in roles.items() if name != "grader"},
        "generation": log.plan.config.model_dump(exclude_none=True),
        "packages": dict(log.eval.packages),
        "commit": revision.commit + ("+changes" if revision.dirty else "") if revision else "",
        "created": log.eval.created,
        "status": log.status,
        **{name: value for name, value in (log.eval.metadata or {}).items() if name not in ("suite", "measures")},
    }


def asdict_of(value: Any) -> Any:
    """A value of Inspect's as plain data."""
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else str(value)


def as_json(result: Result) -> dict[str, Any]:
    """A result as JSON can hold it: NaN as null, samples left in the log."""
    row = asdict(result)
    row.pop("samples")
    return {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN as null, tuples as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    return value


def _facets(suite: Suite, samples: Sequence[Scored]) -> dict[str, dict[str, tuple[Rate, ...]]]:
    groups: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    for each in samples:
        for name, value in each.facets.items():
            groups[name][value].append(each)
    return {
        name: {
            value: tuple(rate_of(measure, held) for measure in suite.measures) for value, held in sorted(values.items())
        }
        for name, values in groups.items()
        if len(values) > 1
    }


def _confusion(samples: Sequence[Scored]) -> dict[str, dict[str, int]]:
    counted = Counter(
        (each.verdict.facts["accepted"][0], each.verdict.facts["level"])
        for each in samples
        if each.verdict.facts.get("level") and each.verdict.facts.get("accepted")
    )
    return {
        accepted: {level: counted[accepted, level] for level in _LEVELS} for accepted in _LEVELS if any(
            counted[accepted, level] for level in _LEVELS
        )
    }  # fmt: skip


def _wrong(suite: Suite, verdict: Verdict) -> tuple[Measure, ...]:
    """The measures in which a sample went wrong; of a measure that is no rate, those in the worse half."""
    found = []
    for measure in suite.measures:
        value = verdict.values.get(measure.name)
        if value is not None and ((value < 0.5) if measure.better == "high" else (value >= 0.5)):
            found.append(measure)
    return tuple(found)


def _worst(failed: Sequence[_Failed]) -> list[_Failed]:
    """The gravest; of equally grave ones, one of each scenario before a second of any, so that twins do not fill the list."""
    met: Counter[tuple[int, str]] = Counter()
    ranked = []
    for one in sorted(failed, key=lambda one: one[1].id):
        grave = max(measure.grave for measure in one[2])
        met[grave, one[1].cluster] += 1
        ranked.append((-grave, met[grave, one[1].cluster], one[1].id, one))
    return [one for *_, one in sorted(ranked, key=lambda each: each[:3])[:_WORST]]


def _made_by(log: EvalLog) -> dict[str, Any]:
    """The digests that our agent showed with its answers, one object where all were made by the same."""
    shown = (shown for sample in log.samples or [] for shown in sample.store.get("shown", ()))
    found = {json.dumps(made, sort_keys=True): made for each in shown if (made := each.get("made_by"))}
    return {"made_by": next(iter(found.values())) if len(found) == 1 else list(found.values())} if found else {}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()


def _failure(sample: EvalSample, scored: Scored, wrong: Sequence[Measure]) -> Failure:
    said = tuple({"role": message.role, "text": message.text} for message in sample.messages)
    return Failure(
        id=scored.id,
        measures=tuple(measure.name for measure in wrong),
        note=scored.verdict.note,
        why=str(scored.case.get("why", "")),
        facets=scored.facets,
        messages=said,
        shown=tuple(sample.store.get("shown", ())),
    )


def _seconds(log: EvalLog) -> float:
    """By the clock on the wall: samples that wait for one another would each count the waiting."""
    if not log.stats.started_at or not log.stats.completed_at:
        return math.nan
    begun, done = (datetime.fromisoformat(at) for at in (log.stats.started_at, log.stats.completed_at))
    return (done - begun).total_seconds()


def _number(value: float) -> bool:
    return not math.isnan(value)


def _function(name: str) -> Any:
    if not name:
        return None
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


def _names() -> list[str]:
    from evals.catalogue import SUITES

    return [suite.name for suite in SUITES]
