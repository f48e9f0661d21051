"""`anamnesis calculate`: list the calculators, work one out from name=value, or read a note; JSON out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from agent.batch import run_each
from knowledge.errors import InputError

if TYPE_CHECKING:
    from agent.calculators.types import Partial, Result
    from agent.types import Language


@click.command()
@click.argument("name", metavar="[CALCULATOR]", required=False)
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--text", help="A note or a question: the calculators it names, from what it gives.")
@click.option("--batch", "source", metavar="IN", help='JSON lines {"id","text"} or {"id","calculator","values"}.')
@click.option("--out", "target", metavar="OUT", default="-", show_default=True, help="Where the result lines go.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Else it is read from the text; English for values.")
def calculate(
    name: str | None, values: tuple[str, ...], text: str | None, source: str | None, target: str, language: str | None
) -> None:
    """Without arguments the list; with a CALCULATOR and its values the result, such as
    `anamnesis calculate cockcroft-gault age=72 sex=male "weight=80 kg" "creatinine=1.2 mg/dL"`."""
    if sum(each is not None for each in (name, text, source)) > 1:
        raise click.UsageError("Give a CALCULATOR, --text or --batch, one of them.")
    spoken: Language | None = "zh" if language == "zh" else "en" if language else None
    today = date.today()
    if name is not None:
        _one(name, _pairs(values), spoken or "en", today)
        return
    if text is None and source is None:
        _list(spoken or "en")
        return
    run_each(
        lambda row: _row(row, spoken, today),
        text,
        source,
        target,
        identity=f"calculate {language} {today} {_version()}",
        text_fields=("text", "values"),
    )


def _one(name: str, values: Mapping[str, str], language: Language, today: date) -> None:
    from agent.calculators.run import calculate as work_out

    click.echo(json.dumps(_as_row(work_out(name, values, today=today), language), ensure_ascii=False))


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in values]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise click.UsageError(f"{wrong[0]!r} is no NAME=VALUE, such as age=72.")
    return {name.strip(): value for name, _, value in pairs}


def _list(language: Language) -> None:
    from agent.calculators.faults import in_language, needs
    from agent.calculators.load import calculators

    for one in calculators().values():
        inputs = [
            {"name": each.name, "required": each.required and not each.default, "is": needs(each, language)}
            for each in one.inputs
        ]
        row = {"id": one.id, "title": in_language(one.title, language), "specialty": one.specialty, "inputs": inputs,
               "source": one.source.organisation, "year": one.source.year, "jurisdiction": one.source.jurisdiction}  # fmt: skip
        click.echo(json.dumps(row, ensure_ascii=False))


def _row(row: dict[str, Any], language: Language | None, today: date) -> dict[str, Any]:
    """One line: with "values" a single result or an error, with "text" what the calculators it names come to."""
    from agent.calculators.naming import named
    from agent.calculators.reading import read
    from agent.calculators.run import assess
    from agent.calculators.run import calculate as work_out
    from agent.language import detect
    from agent.privacy import Redactor

    if "values" in row:
        if not isinstance(row["values"], dict) or not isinstance(row.get("calculator"), str):
            raise InputError("A line with values needs a calculator", expected='{"id","calculator","values":{...}}')
        return {"id": row["id"], **_as_row(work_out(row["calculator"], row["values"], today=today), language or "en")}
    safe = Redactor(today).redact(row["text"]).text
    spoken = language or detect(safe, None)
    found = [_as_row(assess(each, read(each, safe, spoken), today=today), spoken) for each in named(safe, spoken)]
    if not found:
        raise InputError(
            "The text names no calculator that is here",
            expected="a name such as CURB-65, BMI or 预产期",
            remedy="`anamnesis calculate` lists them",
        )
    return {"id": row["id"], "calculators": found}


def _as_row(outcome: Result | Partial, language: Language) -> dict[str, Any]:
    from agent.calculators.load import calculator
    from agent.calculators.show import show
    from agent.calculators.types import Result

    one = calculator(outcome.calculator)
    shared = {
        "inputs": {name: each.isoformat() if isinstance(each, date) else each for name, each in outcome.inputs.items()},
        "points": {point.item: [point.low, point.high] for point in outcome.points},
        "bands": dict(outcome.bands),
        "flags": list(outcome.flags),
        "source": {"organisation": one.source.organisation, "year": one.source.year, "url": one.source.url,
                   "jurisdiction": one.source.jurisdiction},
        "text": "\n".join(show(outcome, language)),
    }  # fmt: skip
    if isinstance(outcome, Result):
        return {"calculator": one.id, "done": True, "value": outcome.value, "unit": outcome.unit,
                "also": dict(outcome.also or {}), "working": list(outcome.working), **shared}  # fmt: skip
    problems = [{"input": each.input, "problem": each.code, "given": each.given} for each in outcome.problems]
    between = None if outcome.low is None else [outcome.low, outcome.high]
    return {"calculator": one.id, "done": False, "missing": list(outcome.missing), "problems": problems,
            "between": between, **shared}  # fmt: skip


def _version() -> str:
    """A stamp of the data, so that a stopped batch is not resumed with other calculators."""
    import hashlib

    from agent.calculators.load import calculators

    return hashlib.sha256(repr(tuple(calculators().values())).encode()).hexdigest()[:12]
