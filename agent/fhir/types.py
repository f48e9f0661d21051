"""Values of the FHIR package, and its one fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.errors import InputError


class BundleFault(InputError):
    """A bundle that cannot be used; `issues` are (FHIRPath, what is wrong there) and quote nothing of it."""

    def __init__(self, issues: Sequence[tuple[str, str]]) -> None:
        super().__init__("The bundle cannot be used", remedy="Mend what the issues name")
        self.issues = tuple(issues)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that did not enter, by its path, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a bundle tells of a person, as lists of names; raw, so it goes through the redactor before anything reads it.

    `history`: conditions that are long known or over; `now`: those that began within a month; `readings`: measurements of the
    last day, written out. Nothing that names a person or a place is in it: no name, address, identifier, contact or note.
    """

    age_years: float | None = None
    sex: str = ""
    pregnant: bool | None = None
    weeks: int | None = None
    history: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()
    no_allergies: bool = False
    readings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
