"""Why a value cannot be used, and what is accepted, in either language. The sentences stand in words.toml."""

from __future__ import annotations

from agent.calculators.load import phrases
from agent.calculators.types import Input, Problem, Words
from agent.calculators.values import OR, shown_number
from agent.types import Language


def in_language(words: Words, language: Language) -> str:
    """The words in one language."""
    return words.zh if language == "zh" else words.en


def phrase(name: str, language: Language, **fields: object) -> str:
    """A sentence of words.toml with its fields filled in."""
    return in_language(phrases()[name], language).format(**fields)


def why(problem: Problem, one: Input, language: Language) -> tuple[str, str]:
    """What is wrong with a value, and what is accepted."""
    given = problem.given.replace(OR, phrase("or", language))
    wrong = phrase(f"wrong_{problem.code}", language, label=in_language(one.label, language), given=given)
    return wrong, accepted(one, language)


def needs(one: Input, language: Language) -> str:
    """An input that is missing, with what it may be."""
    return phrase("needs", language, label=in_language(one.label, language), accepted=accepted(one, language))


def unit_word(unit: str, language: Language) -> str:
    """A unit as it is shown: "72 岁"; most are the same in both languages."""
    return phrase(unit, language) if unit in phrases() else unit


def accepted(one: Input, language: Language) -> str:
    """What an input may be: its range with its unit, the other units, its choices."""
    if one.kind == "yes_no":
        return phrase("accepts_yes_no", language)
    if one.kind == "choice":
        answers = phrase("or", language).join(in_language(choice.label, language) for choice in one.choices)
        return phrase("accepts_choice", language, choices=answers)
    if one.kind == "date":
        return phrase("accepts_date", language)
    low, high, unit = shown_number(one.low), shown_number(one.high), unit_word(one.units[0].name, language)
    span = phrase("accepts_number", language, low=low, high=high, unit=unit).strip()
    others = [unit.name for unit in one.units[1:]]
    return span + (phrase("accepts_units", language, units=", ".join(others)) if others else "")
