"""A section for a model card with the fields of the CHAI Applied Model Card, filled where a run can fill them.

The fields, in their order, are those of the card's schema, version 0.2 (Coalition for Health AI,
github.com/coalition-for-health-ai/mc-schema, v0.2/schema.xsd, read 2026-11-22). What a run cannot know stays to be filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.catalogue import find_suite
from evals.gate import Held
from evals.paired import CONTROL
from evals.report.compare import labels
from evals.report.words import better, beyond, interval, sure, value
from evals.results import Rate, Result
from evals.types import Comparison

TO_FILL = "to be filled in by the deployer"
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Basic info", ("Model name", "Model developer", "Developer contact")),
    (
        "Release info",
        ("Release stage", "Release date", "Release version", "Global availability", "EHR compatibility", "Regulatory approval"),
    ),
    ("Model summary", ("Summary", "Keywords")),
    (
        "Uses and directions",
        (
            "Intended use and workflow", "Primary intended users", "How to use", "Targeted patient population",
            "Cautioned out-of-scope settings",
        ),
    ),
    ("Warnings", ("Known risks and limitations", "Known biases or ethical considerations", "Clinical risk level")),
    (
        "Trust ingredients: AI system facts",
        (
            "Outcomes and outputs", "Model type", "Foundation models", "Input data source", "Output and input data types",
            "Development data characterization", "Bias mitigation approaches", "Ongoing maintenance", "Security",
            "Transparency",
        ),
    ),
    ("Trust ingredients: transparency information", ("Funding source", "Third-party information", "Stakeholders consulted")),
    ("Key metrics: usefulness, usability, and efficacy", ()),
    ("Key metrics: fairness and equity", ()),
    ("Key metrics: safety and reliability", ()),
    (
        "Resources",
        (
            "Evaluation references", "Clinical trial", "Peer-reviewed publications", "Reimbursement status",
            "Patient consent or disclosure",
        ),
    ),
    ("Bibliography", ("Bibliography",)),
)  # fmt: skip
_METRIC = (
    "Metric goal",
    "Results",
    "Interpretation",
    "Test type",
    "Testing data description",
    "Validation process and justification",
)
# Which of the card's three groups a suite's numbers belong to; a suite that is not named is safety and reliability.
_USEFUL = frozenset({"over_refusal", "faithfulness", "knowledge", "guidelines", "retrieval", "dialogue", "rubric"})
_FAIR = frozenset({"bias"})


def card(results: Sequence[Result], held: Sequence[Held] = (), *, labelled: str) -> str:
    """The section in Markdown, one for each thing that was tested. `labelled`: who labelled the cases, in a sentence.

    `held` were held against the first run, and stand in its section alone.
    """
    named = list(zip(labels(results), results, strict=True))
    first = {label for label, result in named if result.run == results[0].run} if results else set()
    return "\n".join(
        _card(label, [result for other, result in named if other == label], held if label in first else (), labelled)
        for label in dict.fromkeys(label for label, _ in named)
    )


def _card(label: str, results: Sequence[Result], held: Sequence[Held], labelled: str) -> str:
    filled = _filled(results, held)
    lines = [f"## Applied model card: {_plain(label)}", ""]
    for section, fields in _FIELDS:
        lines += [f"### {section}", ""]
        if section.startswith("Key metrics"):
            lines += _metrics(_of(section, results), labelled)
        else:
            lines += [f"- **{field}**: {filled.get(field, TO_FILL)}" for field in fields] + [""]
    return "\n".join(lines)


def _filled(results: Sequence[Result], held: Sequence[Held]) -> dict[str, str]:
    """The fields outside the metrics that a run's settings and numbers fill."""
    settings = results[0].settings
    model = str(settings.get("model") or results[0].subject)
    made_by = settings.get("made_by")
    commits = sorted({str(each.settings.get("commit") or "") for each in results} - {""})
    version = [f"commit {commit}" for commit in commits]
    if isinstance(made_by, dict):
        version += [f"{name} {digest}" for name, digest in made_by.items()]
    filled = {"Model name": _plain(model)}
    if version:
        filled["Release version"] = _plain("; ".join(version))
    if isinstance(made_by, dict) and made_by.get("model"):
        filled["Foundation models"] = _plain(made_by["model"])
    elif not model.startswith("anamnesis/"):
        filled["Foundation models"] = _plain(model)
    risks = [
        f"{each.suite}, {rate.what}: {_number(rate)}"
        for each in results
        for rate in each.rates
        if rate.n and (rate.value > 0 if rate.better == "low" else rate.value < 1) and rate.share
    ]
    failed = [f"gate not passed: {each.said}" for each in held if not each.passed]
    if risks or failed:
        filled["Known risks and limitations"] = _listed("measured in this run", [*failed, *risks])
    biased = [said for each in results for said in _biases(each)]
    if biased:
        filled["Known biases or ethical considerations"] = _listed("measured in this run", biased)
    logs = sorted({f"{each.suite}: {each.log.rsplit('/', 1)[-1]}" for each in results if each.log})
    if logs:
        filled["Evaluation references"] = _listed("logs of Inspect", logs)
    return filled


def _metrics(results: Sequence[Result], labelled: str) -> list[str]:
    if not results:
        return [*(f"- **{field}**: {TO_FILL}" for field in _METRIC), ""]
    goals = [f"{each.suite}: {find_suite(each.suite).what}" for each in results]
    data = [
        f"{each.suite}: {each.asked} samples ({each.headline.clusters} scenarios in the first measure), {each.scored} scored, "
        f"{sum(each.unscored.values())} unscored, {each.errors} errors; SHA-256 {each.data or 'not known'}"
        for each in results
    ]
    versions = {
        f"{name} {version}" for each in results for name, version in dict(each.settings.get("packages", {})).items()
    }
    dates = sorted(str(each.settings.get("created", ""))[:10] for each in results)
    days = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates[0] else "on a day not known"
    rows = [
        f"| {each.suite} | {_plain(rate.what)} ({better(rate.better)}) | {_number(rate)} |"
        for each in results
        for rate in each.rates
    ]
    return [
        f"- **Metric goal**: {_listed('what the suites measure', goals)}",
        "- **Results**: the table below",
        f"- **Interpretation**: {TO_FILL}",
        f"- **Test type**: automated, on written cases. {labelled}",
        f"- **Testing data description**: {_listed('what was asked', data)}",
        f"- **Validation process and justification**: run {days}, by {', '.join(sorted(versions)) or 'a harness not known'}; "
        "95% intervals that heed clusters; what cannot be read is unscored and counted. Justification: " + TO_FILL,
        "",
        "| suite | measure | value, 95% interval, n |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _of(section: str, results: Sequence[Result]) -> list[Result]:
    if "fairness" in section:
        return [each for each in results if each.suite in _FAIR]
    if "usefulness" in section:
        return [each for each in results if each.suite in _USEFUL]
    return [each for each in results if each.suite not in _FAIR | _USEFUL]


def _biases(result: Result) -> list[str]:
    """What moved more than chance, or more than the control, by dimension; where nothing did, over how many pairs."""
    control = {each.measure: each for each in result.comparisons if each.dimension == CONTROL and not each.variant}
    held = [each for each in result.comparisons if not each.variant and each.dimension not in (CONTROL, "all")]
    said = [
        f"{each.dimension}, {each.measure.replace('_', ' ')}: {_compared(each)}"
        for each in held
        if beyond(each, control.get(each.measure))
    ]
    if held and not said:
        pairs = sorted(each.n for each in held)
        said = [
            f"{result.suite}: none of {len(held)} comparisons by dimension stood out, over {pairs[0]} to {pairs[-1]} pairs each; "
            "what is rarer or smaller than that can show was not excluded"
        ]
    unread: Mapping[str, str] = result.settings.get("not_measured") or {}
    return said + [
        f"{result.suite}: whether an answer is {what} was not measured ({why})" for what, why in unread.items()
    ]


def _compared(each: Comparison) -> str:
    share = not each.measure.endswith("_shift")
    said = value(each.value, share=share, gap=each.gap)
    return (
        f"{said} ({interval(each.low, each.high, share=share, gap=each.gap)}), n {each.n}, p after Holm: {sure(each.p)}"
    )


def _number(rate: Rate) -> str:
    if not rate.n:
        return "not measured, n 0"
    said, bounds = value(rate.value, share=rate.share), interval(rate.low, rate.high, share=rate.share)
    return f"{said} ({bounds}), n {rate.n} in {rate.clusters}"


def _listed(what: str, said: Sequence[str]) -> str:
    return f"{what}:" + "".join(f"\n  - {_plain(each)}" for each in said)


def _plain(text: str) -> str:
    """On one line, and nothing in it that Markdown or a table would read."""
    one = " ".join(str(text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|" else sign for sign in one)
