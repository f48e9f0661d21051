"""FHIR R4: a patient's record as context for a conversation, and what a conversation gave as resources."""
