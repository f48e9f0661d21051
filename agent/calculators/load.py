"""The calculators' data, read once: TOML in, frozen values out. A file that breaks its form is refused by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from agent.calculators.types import (
    Band,
    Calculator,
    Choice,
    Condition,
    Example,
    Flag,
    Input,
    Item,
    Quantity,
    Rule,
    Scale,
    Source,
    Unit,
    Words,
)  # fmt: skip
from knowledge.errors import InputError, KnowledgeError

_HERE = Path(__file__).parent
_NO_CALCULATORS = ("inputs", "words")
_BOUNDS = ("at_least", "above", "at_most", "below")
_LOWEST = float("-inf")


@cache
def calculators() -> Mapping[str, Calculator]:
    """Every calculator by id, in the order of the files.

    Raises:
        KnowledgeError: a file has an unknown key, names an input that is not there, or has a part twice.
    """
    shared = _toml("inputs")
    found: dict[str, Calculator] = {}
    for file in sorted(_HERE.glob("*.toml")):
        if file.stem in _NO_CALCULATORS:
            continue
        for row in _toml(file.stem)["calculator"]:
            try:
                one = _calculator(row, file.stem, shared["input"])
            except (KeyError, TypeError, ValueError) as fault:
                raise KnowledgeError(
                    f"{file.name}: {row.get('id', 'a calculator')} cannot be read ({fault!r})",
                    expected="the keys of agent/calculators/types.py",
                ) from fault
            if one.id in found:
                raise KnowledgeError(f"{file.name}: {one.id} is there twice", expected="one calculator for an id")
            found[one.id] = one
    return found


def calculator(name: str) -> Calculator:
    """One calculator by its id.

    Raises:
        InputError: there is none.
    """
    one = calculators().get(name.lower())
    if one is None:
        near = get_close_matches(name.lower(), calculators(), cutoff=0.5)
        raise InputError(
            f"No calculator is called {name!r}",
            expected=f"one of {', '.join(near or calculators())}",
            remedy="`anamnesis calculate` lists them",
        )
    return one


@cache
def spellings() -> Mapping[str, str]:
    """How units are written, in lower case without spaces, to the name that is shown."""
    table: dict[str, str] = {}
    for name, written in _toml("inputs")["spelling"].items():
        table |= {each: name for each in (*written, name.lower().replace(" ", ""))}
    return table


@cache
def phrases() -> Mapping[str, Words]:
    """The sentences around a result, by id."""
    return {name: _words(pair) for name, pair in _toml("words").items()}


def _toml(name: str) -> dict[str, Any]:
    with (_HERE / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def _calculator(row: Mapping[str, Any], specialty: str, shared: Mapping[str, Any]) -> Calculator:
    row = dict(row)
    inputs = tuple(_input(entry, shared) for entry in row.pop("inputs"))
    labels = {each.name: each.label for each in inputs}
    known = Calculator(
        id=row.pop("id"),
        specialty=specialty,
        title=_words(row.pop("title")),
        names=tuple(row.pop("names")),
        unit=row.pop("unit", ""),
        digits=row.pop("digits", 0),
        inputs=inputs,
        limits=tuple(_words(each) for each in row.pop("limits")),
        source=Source(**row.pop("source")),
        shown=_words(row.pop("shown")),
        formula=row.pop("formula", ""),
        items=tuple(_item(each, labels) for each in row.pop("items", ())),
        scales=tuple(_scale(each) for each in row.pop("scale", ())),
        flags=tuple(_flag(each) for each in row.pop("flags", ())),
        also=tuple(Quantity(label=_words(each.pop("label")), **each) for each in map(dict, row.pop("also", ()))),
        examples=tuple(_example(each) for each in row.pop("example")),
        asks=tuple(row.pop("asks", ())),
        reads=tuple(row.pop("reads", ())),
    )
    named = {each.input for each in _conditions(known)}
    if row or named - set(labels) or len(labels) < len(inputs) or bool(known.formula) == bool(known.items):
        raise ValueError(f"unknown keys {sorted(row)}, unknown inputs {sorted(named - set(labels))}")
    return known


def _conditions(one: Calculator) -> list[Condition]:
    rules = [rule for item in one.items for rule in item.rules]
    groups = [*(rule.conditions for rule in rules), *(scale.when for scale in one.scales), *(f.when for f in one.flags)]
    return [condition for group in groups for condition in group]


def _words(pair: Mapping[str, str]) -> Words:
    return Words(**pair)


def _input(entry: str | Mapping[str, Any], shared: Mapping[str, Any]) -> Input:
    """An input by the name of a shared one, with changes, or one of its own."""
    if isinstance(entry, str):
        row = {"name": entry, **shared[entry]}
    else:
        use = entry.get("use")
        row = {**({"name": use, **shared[use]} if use else {}), **entry}
        row.pop("use", None)
    choices = row.pop("choices", {})
    rest: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    label, units, tags = rest.pop("label"), rest.pop("units", ()), rest.pop("tags", {})
    return Input(
        label=_words(label),
        units=tuple(Unit(name, *map(_number, numbers)) for name, *numbers in units),
        choices=tuple(
            Choice(name, _words({"en": each["en"], "zh": each["zh"]}), tuple(each.get("patterns", ())))
            for name, each in choices.items()
        ),
        tags=tuple(tags.items()),
        **rest,
    )


def _number(value: float | str) -> float:
    """A factor, or one written as a fraction ("1/88.4") so that the number people know stands in the file."""
    if isinstance(value, str):
        above, below = value.split("/")
        return float(above) / float(below)
    return float(value)


def _item(row: Mapping[str, Any], labels: Mapping[str, Words]) -> Item:
    """A score's line. Short forms: `yes` (points of a yes), `is` with points, `choices`, and `steps` on a number."""
    name = row["id"]
    label = _words(row["label"]) if "label" in row else labels[name]
    if "yes" in row:
        rules = [Rule(row["yes"], (Condition(name, equals="yes"),))]
        if "no" in row:
            rules.append(Rule(row["no"], (Condition(name, equals="no"),)))
    elif "choices" in row:
        rules = [Rule(points, (Condition(name, equals=choice),)) for choice, points in row["choices"].items()]
    elif "steps" in row:
        rules = [
            Rule(step["points"], (Condition(row.get("on", name), **{k: step[k] for k in _BOUNDS if k in step}),))
            for step in row["steps"]
        ]
    else:
        rules = [
            Rule(
                rule["points"], tuple(Condition(**each) for each in rule.get("any", rule.get("all", ()))), "all" in rule
            )
            for rule in row["rules"]
        ]
    return Item(name, label, tuple(rules))


def _scale(row: Mapping[str, Any]) -> Scale:
    bands = []
    for each in row["bands"]:
        meaning = Words(each["en"], each["zh"])
        low = each.get("from", each.get("above", _LOWEST))
        bands.append(Band(each["id"], meaning, float(low), "above" in each))
    order = [(band.low, band.above) for band in bands]
    if order != sorted(set(order)) or order[0][0] != _LOWEST or any(low == _LOWEST for low, _ in order[1:]):
        raise ValueError(f"bands of {row['id']} are out of order")
    return Scale(
        row["id"],
        _words(row["label"]),
        tuple(bands),
        tuple(Condition(**each) for each in row.get("when", ())),
        Source(**row["source"]) if "source" in row else None,
        row.get("of", ""),
    )


def _flag(row: Mapping[str, Any]) -> Flag:
    return Flag(
        row["id"],
        Words(row["en"], row["zh"]),
        tuple(Condition(**c) for c in row.get("when", ())),
        row.get("item_points"),
    )


def _example(row: Mapping[str, Any]) -> Example:
    row = dict(row)
    inputs = {name: str(value) for name, value in row.pop("inputs").items()}
    return Example(inputs=inputs, bands=tuple(row.pop("bands", ())), **row)
