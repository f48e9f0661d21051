"""What a conversation gave, as FHIR R4: its summary a Composition, its triage a RiskAssessment; checked before they leave.

They name nobody: the subject is a contained Patient of whom only the sex is said. Whoever stores them sets the reference.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from agent import compose
from agent.messages import say
from agent.summary import Part, Summary
from agent.types import Language, Triage
from knowledge.errors import AnamnesisError
from knowledge.places import duties

LEVELS = "urn:anamnesis:level"
RULES = "urn:anamnesis:rule"
_AUTHOR = {"display": "Anamnesis (a program, no clinician)"}
# Security label of HL7 v3: made by software, not asserted by a person.
_MADE_BY_SOFTWARE = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}


def composition(summary: Summary, *, language: Language, sex: str = "") -> dict[str, Any]:
    """The one-page summary as a Composition, a section for each part of it.

    Raises:
        AnamnesisError: it is no valid R4, which is a fault of this program.
    """
    made = summary.made if isinstance(summary.made, datetime) else datetime.now(UTC)
    label = duties.label(language)
    resource = {
        "resourceType": "Composition",
        "meta": {"security": [_MADE_BY_SOFTWARE]},
        "language": {"en": "en", "zh": "zh-CN"}[language],
        "contained": [_nobody(sex)],
        "status": "preliminary",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": "#subject"},
        "date": (made if made.tzinfo else made.astimezone()).isoformat(timespec="seconds"),
        "author": [_AUTHOR],
        "title": say(language, "summary_title"),
        "section": [*(_section(part, language) for part in summary.parts), _plain_section(label, label)],
    }
    return _valid(resource)


def risk_assessment(triage: Triage, *, language: Language, country: str = "") -> dict[str, Any]:
    """The urgency as a RiskAssessment: the level, by when to be seen, and each rule that decided, with its source.

    Raises:
        AnamnesisError: it is no valid R4, which is a fault of this program.
    """
    now = datetime.now(UTC)
    level = {"coding": [{"system": LEVELS, "code": triage.level}],
             "text": compose.banner(triage, language=language, country=country)}  # fmt: skip
    prediction: dict[str, Any] = {"outcome": {"text": level["text"]}, "qualitativeRisk": level}
    if triage.reason or triage.question:
        prediction["rationale"] = triage.reason or triage.question
    if triage.hours is not None:
        until = now + timedelta(hours=triage.hours)
        prediction["whenPeriod"] = {"start": _second(now), "end": _second(until)}
    advice = "\n\n".join(
        dict.fromkeys(rule.advice for rule in triage.rules if rule.advice and rule.level == triage.level)
    )
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "meta": {"security": [_MADE_BY_SOFTWARE]},
        "language": {"en": "en", "zh": "zh-CN"}[language],
        "contained": [_nobody(triage.facts.sex)],
        "status": "preliminary",
        "method": {"text": "Anamnesis: rules, then a learned reader that may only raise what they say"},
        "code": {"text": say(language, "summary_urgency")},
        "subject": {"reference": "#subject"},
        "occurrenceDateTime": _second(now),
        "performer": _AUTHOR,
        "reasonCode": [
            {"coding": [{"system": RULES, "code": rule.id}],
             "text": f"{rule.reason} ({rule.source}{f', {rule.year}' if rule.year else ''}. {rule.url})"}
            for rule in triage.rules
        ],
        "prediction": [prediction],
        "mitigation": advice,
        "note": [{"text": duties.label(language)}],
    }  # fmt: skip
    return _valid({name: value for name, value in resource.items() if value})


def _nobody(sex: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "subject", **({"gender": sex} if sex in ("female", "male") else {})}


def _section(part: Part, language: Language) -> dict[str, Any]:
    items = "".join(f"<li>{escape(item.text)}{_link(item.url)}</li>" for item in part.items)
    return _section_of(say(language, f"summary_{part.name}"), f"<ul>{items}</ul>")


def _plain_section(title: str, text: str) -> dict[str, Any]:
    return _section_of(title, f"<p>{escape(text)}</p>")


def _section_of(title: str, inside: str) -> dict[str, Any]:
    return {
        "title": title,
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'},
    }


def _link(url: str) -> str:
    return f' <a href="{escape(url)}">{escape(url)}</a>' if url.startswith(("https://", "http://")) else ""


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _valid(resource: dict[str, Any]) -> dict[str, Any]:
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as fault:
        places = ", ".join(".".join(map(str, each["loc"])) for each in fault.errors(include_input=False)[:5])
        raise AnamnesisError(
            f"A {resource['resourceType']} came out wrong at {places}", remedy="Report this"
        ) from fault
    return resource
