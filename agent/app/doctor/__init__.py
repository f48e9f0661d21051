"""The doctor's desk: guideline search, questions, two guidelines side by side, calculators, a clinic's own documents."""

from __future__ import annotations

from agent.app.doctor.page import build
from agent.app.staff.types import Page

MOST_BYTES = 40 * 1024 * 1024
"""Of one file that is sent: a scanned guideline of some hundred pages is smaller."""

PAGE = Page("/desk", "add_documents", "doctor_title", build, upload=MOST_BYTES)
