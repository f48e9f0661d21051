"""FHIR R4 definitions (Questionnaire, PlanDefinition, ActivityDefinition, Library) as JSON; anything personal is refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import InputError
from knowledge.sources.dates import read_date
from knowledge.sources.language import code_of
from knowledge.sources.notes import plain
from knowledge.sources.prose import Sections, squeeze
from knowledge.sources.reading import OnFault, reported
from knowledge.sources.safe_json import events, records
from knowledge.sources.streams import MIB, Bounded, opened
from knowledge.types import Document, Source

_READ = frozenset({"Questionnaire", "PlanDefinition", "ActivityDefinition", "Library"})
# Types that define something and can be about nobody. A type that is not named here may be about a person, so a file
# that holds one is refused whole: a list of what is personal would let through what it forgot.
_IMPERSONAL = _READ | {
    "ActorDefinition", "ArtifactAssessment", "Bundle", "CapabilityStatement", "ChargeItemDefinition",
    "Citation", "CodeSystem", "CompartmentDefinition", "ConceptMap", "EffectEvidenceSynthesis",
    "EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "GraphDefinition",
    "ImplementationGuide", "Measure", "MedicationKnowledge", "MessageDefinition", "NamingSystem",
    "ObservationDefinition", "OperationDefinition", "OperationOutcome", "Organization", "Requirements",
    "ResearchDefinition", "ResearchElementDefinition", "RiskEvidenceSynthesis", "SearchParameter",
    "SpecimenDefinition", "StructureDefinition", "StructureMap", "SubscriptionTopic", "Substance",
    "SubstanceDefinition", "SubstanceSpecification", "TerminologyCapabilities", "TestScript", "ValueSet",
}  # fmt: skip
# A reference to a person, whatever key it stands under.
_PERSON = re.compile(r"(?:^|/)(?:Patient|RelatedPerson|Person)/")
_QUALITY = ("cqf-qualityOfEvidence", "cqf-strengthOfRecommendation")
_MAX_ATTACHMENT = MIB


def read_fhir(path: Path, *, on_fault: OnFault, name: str = "") -> Iterator[Document]:
    """One Document a definition: id `fhir:URL|version`, items and actions as text under their groups' headings.

    The whole file is looked through first: where any resource in it may be about a person, nothing of it is read, and
    the report names the type alone. Questionnaires are for both audiences (patients answer them), the rest for clinicians.
    """
    name = name or path.name
    with reported(name, on_fault):
        with opened(path, whole=True) as stream:
            places = _refuse_people(stream)
        with opened(path) as stream:
            for outer in records(stream, places):
                stream.mark()
                for resource in _opened(outer):
                    with reported(f"{name}, {resource['resourceType']}", on_fault):
                        yield _document(resource, name)


def _refuse_people(stream: Bounded) -> tuple[str, ...]:
    """Where the definitions stand in the file, once it is seen to be about nobody.

    Raises:
        InputError: it may be about a person, is broken, or holds no resource.
    """
    kinds: set[str] = set()
    for place, event, value in events(stream):
        if event != "string":
            continue
        if place.rpartition(".")[2] == "resourceType":
            if value not in _IMPERSONAL:
                # An unknown word may be anything at all, a name too: only what looks like a type is repeated.
                told = value if value.isascii() and value.isalpha() and len(value) < 40 else "an unknown type"
                raise InputError(
                    f"holds a resource that may be about a person ({told}); nothing of it was read",
                    remedy="Export only definitions: Questionnaire, PlanDefinition, ActivityDefinition, Library",
                )
            kinds |= {value if place == "resourceType" else ""}
        elif place.endswith(".reference") and _PERSON.search(value):
            raise InputError(
                "points at a person's record; nothing of it was read", remedy="Export definitions without a subject"
            )
    if not kinds:
        raise InputError("holds no FHIR resource", remedy="Give a Bundle or a single definition, as JSON")
    return ("entry.item.resource",) if kinds <= {"Bundle", ""} else ("", "item")


def _opened(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if resource.get("resourceType") == "Bundle":
        for entry in _objects(resource.get("entry")):
            if isinstance(entry.get("resource"), dict):
                yield from _opened(entry["resource"])
    elif resource.get("resourceType") in _READ:
        yield resource


def _document(resource: dict[str, Any], name: str) -> Document:
    kind = resource["resourceType"]
    url, version = _string(resource, "url"), _string(resource, "version")
    own_id = _string(resource, "id") or name
    identity = f"fhir:{url or f'{kind}/{own_id}'}"
    title = _string(resource, "title") or _string(resource, "name") or identity
    status = _string(resource, "status")
    published = next(
        filter(None, (read_date(_string(resource, key)) for key in ("approvalDate", "date", "lastReviewDate"))), ""
    )
    licence = _string(resource, "copyright")
    jurisdiction = tuple(filter(None, (_place(item) for item in _objects(resource.get("jurisdiction")))))
    own = Source(
        id="definition",
        organisation=_string(resource, "publisher"),
        title=title,
        year=int(published[:4]) if published else None,
        url=url,
        jurisdiction=jurisdiction[0] if jurisdiction else "",
        licence=licence,
    )
    artifacts = _objects(resource.get("relatedArtifact")) + [
        artifact for action in _actions(resource) for artifact in _objects(action.get("documentation"))
    ]
    cited = tuple(_citation(artifact, number) for number, artifact in enumerate(artifacts, 1) if _is_citation(artifact))
    sections = _sections(resource).build("definition", *(source.id for source in cited))
    if not sections:
        raise InputError("has no text", remedy="Leave it out")
    successor = [_name_of(artifact) for artifact in artifacts if artifact.get("type") == "successor"]
    retired = ["retired by its publisher"] if status == "retired" else []
    return Document(
        id=f"{identity}|{version}" if version else identity,
        title=f"{title} (draft)" if status == "draft" else title,
        language=code_of(_string(resource, "language"), " ".join(section.text for section in sections)),
        sections=sections,
        sources=(own, *cited),
        url=url,
        kind=kind.lower(),
        audience="both" if kind == "Questionnaire" else "clinician",
        jurisdiction=jurisdiction,
        published=published,
        review_by=read_date(_string(resource.get("effectivePeriod"), "end")),
        supersedes=tuple(
            f"fhir:{target}"
            for artifact in artifacts
            if artifact.get("type") == "predecessor" and (target := _string(artifact, "resource"))
        ),
        superseded_by="; ".join(successor + retired),
        evidence_grade="; ".join(dict.fromkeys(_grades(resource))),
        licence=licence,
    )


def _sections(resource: dict[str, Any]) -> Sections:
    out = Sections()
    for key, heading in (("description", ""), ("purpose", "Purpose"), ("usage", "Usage")):
        out.heading(1, heading)
        out.add(plain(_string(resource, key)))
    contexts = [text for item in _objects(resource.get("useContext")) if (text := _context(item))]
    out.heading(1, "For")
    out.add("\n".join(contexts))
    out.heading(1, "")
    for goal in _objects(resource.get("goal")):
        out.heading(1, "Goals")
        out.add(_concept(goal.get("description")))
    out.heading(1, "")
    _items(_objects(resource.get("item")), out, 1)
    _steps(_objects(resource.get("action")), out, 1)
    out.heading(1, "")
    for dosage in _objects(resource.get("dosage")):
        out.heading(1, "Dosage")
        out.add(_string(dosage, "text"))
    for content in _objects(resource.get("content")):
        out.heading(1, _string(content, "title"))
        out.add(_attachment(content))
    return out


def _items(items: list[dict[str, Any]], out: Sections, level: int) -> None:
    """Questions with their answers; a group, or a question with questions under it, is their heading."""
    for item in items:
        text = " ".join(filter(None, (_string(item, "prefix"), _string(item, "text"))))
        inner = _objects(item.get("item"))
        if inner:
            out.heading(level, text)
        if text and not (inner and item.get("type") == "group"):
            answers = [_answer(option) for option in _objects(item.get("answerOption"))]
            given = ", ".join(filter(None, answers))
            out.add(f"- {text} ({given})" if given else f"- {text}")
        if inner:
            _items(inner, out, level + 1)
            out.heading(level, "")


def _steps(actions: list[dict[str, Any]], out: Sections, level: int) -> None:
    for action in actions:
        title = " ".join(filter(None, (_string(action, "prefix"), _string(action, "title"))))
        out.heading(level, title)
        words = dict.fromkeys(plain(_string(action, key)) for key in ("description", "textEquivalent"))
        out.add("\n".join(filter(None, words)) or title)
        for condition in _objects(action.get("condition")):
            if told := _string(condition.get("expression"), "description"):
                out.add(f"- When: {told}")
        _steps(_objects(action.get("action")), out, level + 1)
        out.heading(level, "")


def _actions(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = _objects(resource.get("action"))
    while waiting:
        action = waiting.pop(0)
        yield action
        waiting += _objects(action.get("action"))


def _grades(resource: dict[str, Any]) -> Iterator[str]:
    for holder in (resource, *_actions(resource)):
        for extension in _objects(holder.get("extension")):
            if _string(extension, "url").rpartition("/")[2] in _QUALITY:
                yield _concept(extension.get("valueCodeableConcept"))


def _is_citation(artifact: dict[str, Any]) -> bool:
    return artifact.get("type") in ("citation", "documentation", "justification") and bool(_name_of(artifact))


def _citation(artifact: dict[str, Any], number: int) -> Source:
    document = artifact.get("document")
    url = _string(artifact, "url") or _string(document, "url") or _string(artifact, "resource")
    told = plain(_string(artifact, "citation"))
    year = read_date(told)[:4]
    return Source(
        id=f"related-{number}",
        organisation="",
        title=_name_of(artifact),
        year=int(year) if year else None,
        url=url,
    )


def _name_of(artifact: dict[str, Any]) -> str:
    return plain(_string(artifact, "citation")) or next(
        filter(None, (_string(artifact, key) for key in ("display", "label", "resource", "url"))), ""
    )


def _place(concept: dict[str, Any]) -> str:
    """The country's code; `INT` for the world (001 in the UN's numbers)."""
    codes = [_string(coding, "code") for coding in _objects(concept.get("coding"))]
    return next(("INT" if code == "001" else code for code in codes if code), _string(concept, "text"))


def _context(item: dict[str, Any]) -> str:
    code = item.get("code")
    about = (_string(code, "display") or _string(code, "code")).capitalize()
    value = _concept(item.get("valueCodeableConcept")) or _string(item.get("valueReference"), "display")
    limits = item.get("valueRange")
    if not value and isinstance(limits, dict):
        value = " to ".join(filter(None, (_quantity(limits.get("low")), _quantity(limits.get("high")))))
    return f"{about}: {value}" if value else ""


def _answer(option: dict[str, Any]) -> str:
    value = next((value for key, value in option.items() if key.startswith("value")), "")
    if isinstance(value, dict):
        return _string(value, "display") or _string(value, "code")
    return squeeze(str(value))


def _attachment(content: dict[str, Any]) -> str:
    kind = _string(content, "contentType").partition(";")[0]
    data = content.get("data")
    if kind not in ("text/plain", "text/markdown") or not isinstance(data, str) or len(data) > _MAX_ATTACHMENT * 4 // 3:
        return ""
    try:
        return plain(base64.b64decode(data, validate=True).decode("utf-8"))
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _quantity(value: Any) -> str:
    if not isinstance(value, dict) or value.get("value") is None:
        return ""
    number = value["value"]
    shown = f"{number:g}" if isinstance(number, int | float) else str(number)
    return f"{shown} {_string(value, 'unit')}".strip()


def _concept(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    displays = (_string(coding, "display") or _string(coding, "code") for coding in _objects(value.get("coding")))
    return _string(value, "text") or next(filter(None, displays), "")


def _string(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found.strip() if isinstance(found, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
