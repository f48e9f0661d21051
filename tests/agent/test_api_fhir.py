"""A patient's bundle as context: what enters, what never does, what is refused with its path; and what goes back as FHIR."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest
from fhir.resources.R4B.composition import Composition
from fhir.resources.R4B.riskassessment import RiskAssessment

from agent.fhir import bundle as bundles
from agent.fhir import record as records
from agent.fhir.types import BundleFault
from knowledge.places import duties

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOINC = "http://loinc.org"


def ago(now=NOW, **much):
    return (now - timedelta(**much)).isoformat()


def named(kind, name, **more):
    subject = "patient" if kind == "AllergyIntolerance" else "subject"
    code = "medicationCodeableConcept" if kind.startswith("Medication") else "code"
    status = {"status": "active", "intent": "order"} if kind == "MedicationRequest" else {"status": "active"} if kind == "MedicationStatement" else {}
    return {"resourceType": kind, **status, subject: {"reference": "Patient/p1"}, code: {"text": name}, **more}


def seen(code, when, **value):
    return {"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p1"}, "effectiveDateTime": when,
            "code": {"coding": [{"system": LOINC, "code": code}]}, **value}  # fmt: skip


def measured(code, value, unit, when=None):
    return seen(code, when or ago(hours=1), valueQuantity={"value": value, "code": unit, "system": "http://unitsofmeasure.org"})


def bundle(*resources, born="1959-04-02", sex="female", **patient):
    person = {"resourceType": "Patient", "id": "p1", "gender": sex, "birthDate": born, **patient}
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in (person, *resources)]}


def told(*resources, language="en", **person):
    record = records.read(bundles.checked(bundle(*resources, **person)), now=NOW, language=language)
    return records.sentence(record, language), record


def full(now):
    """What a record told at `now` may hold; the server reads it by the clock."""
    return (
        named("Condition", "Asthma"),
        named("Condition", "Pneumonia", onsetDateTime=ago(now, days=3)),
        named("MedicationStatement", "warfarin"),
        named("MedicationRequest", "metformin"),
        named("AllergyIntolerance", "penicillin"),
        measured("8310-5", 38.5, "Cel", ago(now, hours=1)),
        measured("29463-7", 70, "kg", ago(now, days=90)),
        seen("85354-9", ago(now, hours=2), component=[
            {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 120}},
            {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 80}}]),
    )  # fmt: skip


FULL = full(NOW)


def test_what_a_bundle_tells_is_one_sentence_after_another():
    text, record = told(*FULL)
    assert text == (
        "From the record: 67-year-old female. Now: Pneumonia. History of Asthma. Takes warfarin, metformin. Allergic to penicillin. "
        "Temperature 38.5 °C, Weight 70 kg, Blood pressure 120/80."
    )
    assert record.left_out == ()
    assert told(*FULL, language="zh")[0] == (
        "病历记载：67岁，女。现患Pneumonia。既往病史：Asthma。在用药：warfarin、metformin。对penicillin过敏。体温38.5℃，体重70公斤，血压120/80。"
    )


def test_it_becomes_the_conversations_facts(served):
    with served.client() as client:
        answer = client.post("/api/v1/fhir/ask", json={"bundle": bundle(*full(datetime.now(UTC))), "text": "Can I take ibuprofen with what I take?"}).json()
    facts = answer["facts"]
    assert (facts["sex"], facts["weight_kg"], facts["temperature_c"]) == ("female", 70, 38.5) and int(facts["age_years"]) >= 66
    assert "asthma" in facts["conditions"] and any("warfarin" in name for name in facts["medicines"])
    assert any(rule.startswith("warfarin") for rule in answer["rules"])
    assert answer["context"]["text"].startswith("From the record:")


@pytest.mark.parametrize(
    ("born", "sex", "start"),
    [
        ("1920-01-01", "male", "90-year-old male."), ("2026-10-01", "male", "7 weeks old male."), ("2025-11-01", "female", "12 months old female."),
        ("2000", "other", "26-year-old person."), ("2000-05", "unknown", "26-year-old person."), (None, "female", "Adult or child female."),
        ("2030-01-01", "female", "Adult or child female."),
    ],
)  # fmt: skip
def test_an_age_is_told_as_it_may_be(born, sex, start):
    person = {"born": born, "sex": sex}
    text, _ = told(**person) if born else (records.sentence(records.read([("x", {"resourceType": "Patient", "gender": sex})], now=NOW, language="en"), "en"), None)
    assert text.removeprefix("From the record: ") == start


def test_pregnancy_weeks_and_their_end():
    yes = {"valueCodeableConcept": {"coding": [{"code": "77386006"}]}}
    assert "Pregnant." in told(seen("82810-3", ago(days=30), **yes))[0]
    assert "Pregnant, 20 weeks." in told(seen("82810-3", ago(days=3), **yes), measured("18185-9", 20, "wk"))[0]
    assert "regnant" not in told(seen("82810-3", ago(weeks=60), **yes))[0]
    no = {"valueCodeableConcept": {"coding": [{"code": "60001007"}]}}
    assert "Not pregnant." in told(seen("82810-3", ago(days=3), **no))[0]


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (named("Condition", "Stroke", verificationStatus={"coding": [{"code": "refuted"}]}), "refuted"),
        (named("Condition", "Stroke", verificationStatus={"coding": [{"code": "entered-in-error"}]}), "error"),
        (named("MedicationRequest", "warfarin", status="stopped"), "not taken"),
        (named("MedicationStatement", "warfarin", status="completed"), "not taken"),
        (named("AllergyIntolerance", "nuts", clinicalStatus={"coding": [{"code": "resolved"}]}), "over"),
        (measured("8310-5", 40, "Cel", ago(days=2)), "too old"),
        (seen("8310-5", "2026", valueQuantity={"value": 40, "code": "Cel"}), "too old"),
        ({key: value for key, value in measured("8310-5", 40, "Cel").items() if key != "effectiveDateTime"}, "when"),
        (measured("8310-5", 40, "K"), "no text or value"),
        (measured("2345-7", 5, "mmol/L"), "not read"),
        ({**named("MedicationStatement", "x"), "medicationCodeableConcept": {"coding": [{"code": "1"}]}}, "no text or value"),
    ],
)  # fmt: skip
def test_what_says_nothing_of_now_is_left_out_and_why(resource, why):
    text, record = told(resource)
    assert text == "From the record: 67-year-old female."
    (left,) = record.left_out
    assert left.path == "Bundle.entry[1].resource" and why in left.why


def test_fahrenheit_contained_medicines_and_no_allergies():
    contained = {**named("MedicationRequest", ""), "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "sertraline"}}],
                 "medicationReference": {"reference": "#m"}}  # fmt: skip
    del contained["medicationCodeableConcept"]
    none = named("AllergyIntolerance", "", code={"coding": [{"code": "716186003", "display": "No known allergy"}]})
    text, _ = told(contained, none, measured("8310-5", 101.3, "[degF]"))
    assert "Takes sertraline." in text and "No known allergies." in text and "Temperature 38.5 °C" in text


def test_names_and_identifiers_never_enter(served):
    person = {"name": [{"text": "Jonathan Applewhite"}], "identifier": [{"value": "MRN-5550134"}], "telecom": [{"value": "415-555-0134"}],
              "address": [{"text": "12 Rosebud Lane"}], "contact": [{"name": {"text": "Ruth Applewhite"}}]}  # fmt: skip
    notes = {"note": [{"text": "Mr Applewhite, 415-555-0134"}], "recorder": {"display": "Dr Mary Quill"}}
    said = named("Condition", "asthma, told by Jonathan Applewhite", **notes)
    with served.client() as client:
        shown = client.post("/api/v1/fhir/context", json={"bundle": bundle(said, **person)})
    assert "asthma" in shown.json()["text"]
    assert not [word for word in ("Applewhite", "MRN", "555", "Rosebud", "Quill", "Ruth") if word in shown.text]


def _changed(change):
    made = copy.deepcopy(bundle(*FULL))
    change(made)
    return made


@pytest.mark.parametrize(
    ("made", "path"),
    [
        ({}, "Bundle"),
        ({"resourceType": "Patient"}, "Bundle"),
        ({"resourceType": "Bundle"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "nonsense"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "collection"}, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "collection", "entry": {}}, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [1]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {}}]}, "Bundle.entry[0].resource"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{}] * 2001}, "Bundle.entry"),
        (_changed(lambda b: b["entry"].append(b["entry"][0])), "Bundle.entry"),
        (_changed(lambda b: b["entry"][0]["resource"].update(birthDate="1960-13-45")), "Bundle.entry[0].resource.birthDate"),
        (_changed(lambda b: b["entry"][0]["resource"].update(gendre="x")), "Bundle.entry[0].resource.gendre"),
        (_changed(lambda b: b["entry"][1]["resource"].pop("subject")), "Bundle.entry[1].resource.subject"),
        (_changed(lambda b: b["entry"][6]["resource"]["valueQuantity"].update(value="hot")), "Bundle.entry[6].resource.valueQuantity.value"),
        (_changed(lambda b: b["entry"][1]["resource"]["subject"].update(reference="Patient/p2")), "Bundle.entry[1].resource.subject"),
        (_changed(lambda b: b["entry"][1]["resource"].update(contained=[{"resourceType": "Nope"}])), "Bundle.entry[1].resource"),
    ],
)  # fmt: skip
def test_a_bundle_that_is_none_is_an_operation_outcome_that_names_the_path(served, made, path):
    with pytest.raises(BundleFault) as fault:
        bundles.checked(made)
    assert path in [where for where, _ in fault.value.issues]
    with served.client() as client:
        response = client.post("/api/v1/fhir/context", json={"bundle": made})
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    assert response.status_code == 422 and response.headers["content-type"] == "application/fhir+json"
    outcome = OperationOutcome.model_validate(response.json())
    assert path in [issue.expression[0] for issue in outcome.issue] and all(issue.diagnostics for issue in outcome.issue)
    assert "hot" not in response.text and "1960-13" not in response.text, "what was given is not repeated"


@pytest.mark.parametrize(
    ("more", "heard"),
    [
        ({}, "History of Stroke"), ({"onsetDateTime": "2018"}, "History of Stroke"), ({"onsetDateTime": "2026-11"}, "Now: Stroke"),
        ({"onsetPeriod": {"start": "2026-11-20"}}, "Now: Stroke"), ({"onsetDateTime": "2026-11-20", "abatementDateTime": "2026-11-21"}, "History of Stroke"),
        ({"recordedDate": "2026-11-21"}, "History of Stroke"),
        ({"onsetDateTime": "2026-11-20", "clinicalStatus": {"coding": [{"code": "resolved"}]}}, "History of Stroke"),
    ],
)  # fmt: skip
def test_a_condition_is_one_of_now_only_where_it_began_lately(more, heard):
    assert heard in told(named("Condition", "Stroke", **more))[0]


def test_what_else_a_server_put_in_need_not_be_perfect():
    made = bundle(named("Condition", "Asthma"), {"resourceType": "Encounter", "status": 7}, {"resourceType": "MadeUp"})
    assert [each["resourceType"] for _, each in bundles.checked(made)] == ["Patient", "Condition"]


@pytest.mark.parametrize("reference", ["Patient/p1", "https://fhir.example/r4/Patient/p1", "urn:uuid:0b1"])
def test_one_patient_may_be_named_in_several_ways(reference):
    made = bundle(named("Condition", "Asthma", subject={"reference": reference}))
    made["entry"][0]["fullUrl"] = "urn:uuid:0b1"
    assert len(bundles.checked(made)) == 2


@pytest.mark.parametrize(
    ("text", "language", "level"),
    [("My chest feels crushing and I am sweating", None, "emergency"), ("我嗓子疼两天了", None, "unclear"), ("", None, "unclear"), ("I feel unwell", "en", "unclear")],
)
def test_the_urgency_is_a_valid_risk_assessment_with_its_rules(served, text, language, level):
    with served.client() as client:
        response = client.post("/api/v1/fhir/triage", json={"text": text, "country": "GB", "language": language})
        row = client.post("/api/v1/triage", json={"text": text, "language": language}).json()
    risk = RiskAssessment.model_validate(response.json())
    assert response.headers["content-type"] == "application/fhir+json"
    assert risk.prediction[0].qualitativeRisk.coding[0].code == row["level"] and (not text or row["level"] == level)
    assert [reason.coding[0].code for reason in risk.reasonCode or ()] == row["rules"]
    assert risk.note[0].text == duties.label(row["language"]) and risk.meta.security[0].code == "AIAST"
    assert risk.subject.reference == "#subject" and risk.contained[0].get_resource_type() == "Patient"
    if level == "emergency":
        assert "999" in risk.prediction[0].outcome.text and risk.mitigation


def test_a_record_weighs_in_the_urgency(served):
    text = "I have a headache and see spots"
    pregnant = seen("82810-3", datetime.now(UTC).isoformat(), valueCodeableConcept={"coding": [{"code": "77386006"}]})
    weeks = measured("18185-9", 32, "wk", datetime.now(UTC).isoformat())
    with served.client() as client:
        risk = client.post("/api/v1/fhir/triage", json={"text": text, "bundle": bundle(pregnant, weeks, born="1995-01-01")}).json()
    assert risk["prediction"][0]["qualitativeRisk"]["coding"][0]["code"] == "emergency" and risk["contained"][0]["gender"] == "female"


@pytest.mark.parametrize("messages", [["I've had a sore throat for two days, I take warfarin", "no fever"], ["我嗓子疼两天了，有哮喘"]])
def test_the_summary_is_a_valid_composition(served, messages):
    body = {"messages": [{"role": "user", "content": text} for text in messages], "bundle": bundle(*full(datetime.now(UTC)))}
    with served.client() as client:
        response = client.post("/api/v1/fhir/summary", json=body)
        bare = client.post("/api/v1/fhir/summary", json={"messages": body["messages"]})
    page = Composition.model_validate(response.json())
    assert page.status == "preliminary" and page.type.coding[0].code == "60591-5" and page.meta.security[0].code == "AIAST"
    words = " ".join(section.text.div for section in page.section)
    assert "penicillin" in words and "penicillin" not in bare.text
    assert page.section[-1].title == duties.label("zh" if page.language == "zh-CN" else "en")
    assert all(section.text.div.startswith('<div xmlns="http://www.w3.org/1999/xhtml">') for section in page.section)


def test_words_in_a_composition_are_text(served):
    with served.client() as client:
        response = client.post("/api/v1/fhir/summary", json={"messages": [{"role": "user", "content": "<script>alert(1)</script> my throat is sore & red"}]})
    assert response.status_code == 200 and "<script>" not in response.text


def test_a_summary_of_nothing_is_refused_as_an_outcome(served):
    with served.client() as client:
        response = client.post("/api/v1/fhir/summary", json={"messages": [{"role": "assistant", "content": "hello"}]})
    assert response.status_code == 400 and response.json()["resourceType"] == "OperationOutcome"
