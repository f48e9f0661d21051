"""A bundle checked: R4 by `fhir.resources`, one patient, and everything in it about that patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.fhir.types import BundleFault

READ = (
    "Patient",
    "Condition",
    "MedicationStatement",
    "MedicationRequest",
    "Medication",
    "AllergyIntolerance",
    "Observation",
)
"""The types that are looked at; others are left out."""
MOST_ENTRIES = 2000
_KINDS = frozenset({
    "document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset", "collection",
})  # fmt: skip


def checked(data: Any) -> list[tuple[str, dict[str, Any]]]:
    """The resources that are looked at, each with its path. The patient is the first.

    Raises:
        BundleFault: it is no R4 bundle, holds no patient or several, or something of another's.
    """
    issues = list(_shape(data))
    if issues:
        raise BundleFault(issues)
    entries = data.get("entry", [])
    found = [
        (f"Bundle.entry[{number}].resource", entry["resource"], str(entry.get("fullUrl", "")))
        for number, entry in enumerate(entries)
        if isinstance(entry.get("resource"), dict) and entry["resource"]["resourceType"] in READ
    ]
    # Only what is read is checked to the last field: what else a server put in need not be perfect to be left out.
    issues = [issue for path, resource, _ in found for issue in _valid(path, resource)]
    patients = [each for each in found if each[1]["resourceType"] == "Patient"]
    if len(patients) != 1:
        issues.append(("Bundle.entry", f"There are {len(patients)} patients; expected one"))
    if not issues:
        issues = list(_others(found, patients[0]))
    if issues:
        raise BundleFault(issues)
    rest = [(path, resource) for path, resource, _ in found if resource["resourceType"] != "Patient"]
    return [patients[0][:2], *rest]


def _shape(data: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(data, dict) or data.get("resourceType") != "Bundle":
        yield "Bundle", "This is no Bundle"
        return
    if data.get("type") not in _KINDS:
        yield "Bundle.type", f"Expected one of {', '.join(sorted(_KINDS))}"
    entries = data.get("entry", [])
    if not isinstance(entries, list):
        yield "Bundle.entry", "Expected a list"
        return
    if len(entries) > MOST_ENTRIES:
        yield "Bundle.entry", f"Expected at most {MOST_ENTRIES} entries"
        return
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            yield f"Bundle.entry[{number}]", "Expected an object"
        elif "resource" in entry:
            resource = entry["resource"]
            if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
                yield f"Bundle.entry[{number}].resource", "Expected a resource with its resourceType"


def _valid(path: str, resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as fault:
        for each in fault.errors(include_input=False, include_url=False, include_context=False)[:20]:
            yield path + _path(each["loc"]), _said(str(each["msg"]), each["type"])
    except Exception as fault:
        # A contained resource of a type that does not exist is no ValidationError but whatever it trips over.
        yield path, f"It cannot be read as R4 ({type(fault).__name__})"


def _path(place: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in place[:12])


def _said(message: str, kind: str) -> str:
    """The kind of fault in our words where the library's might quote what was given."""
    known = {"missing": "It is needed", "extra_forbidden": "R4 has no such field"}
    plain = ("Value for the field", "Value error, Date value", "Value error, Decimal value", "Input should be")
    return known.get(kind) or (
        message.removeprefix("Value error, ") if message.startswith(plain) else "It is not as R4 has it"
    )


def _others(
    found: list[tuple[str, dict[str, Any], str]], patient: tuple[str, dict[str, Any], str]
) -> Iterator[tuple[str, str]]:
    """What belongs to another patient. References are compared as they are written, or by their last two parts."""
    _, resource, url = patient
    id_ = resource.get("id", "")
    for path, other, _ in found:
        for field in ("subject", "patient"):
            given = other.get(field)
            reference = str(given.get("reference", "")) if isinstance(given, Mapping) else ""
            if reference and reference != url and not (id_ and f"/{reference}".endswith(f"/Patient/{id_}")):
                yield f"{path}.{field}", "It is about another patient than the bundle's"
