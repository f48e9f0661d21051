"""Rows of the contract, one function each: what `triage`, `redact` and `search` say, in the terminal and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from agent.language import detect
from agent.privacy import Redactor
from agent.refine import refine
from agent.triage import triage
from agent.types import Language, SafeText, Triage
from retrieval.types import Embedder, SearchResult


def redact_row(text: str) -> dict[str, Any]:
    """`text` with identifiers replaced, and where they stood."""
    safe = Redactor(date.today()).redact(text)
    return {
        "text": safe.text,
        "spans": [{"type": span.type, "start": span.start, "end": span.end} for span in safe.spans],
    }


def triage_row(text: str, *, embedder: Embedder, language: Language | None = None) -> dict[str, Any]:
    """The urgency of `text`, the rules that fired, and why."""
    found, spoken = weigh((Redactor(date.today()).redact(text),), embedder=embedder, language=language)
    return {
        "level": found.level,
        "rules": [rule.id for rule in found.rules],
        "reason": found.reason or found.question,
        "language": spoken,
    }


def weigh(
    texts: Sequence[SafeText], *, embedder: Embedder, language: Language | None = None
) -> tuple[Triage, Language]:
    """The urgency of what was said, oldest first, and the language of the last unless one is given."""
    spoken = language or detect(texts[-1].text, None)
    return refine(triage(texts, spoken), texts, spoken, embedder), spoken


def search_rows(found: SearchResult) -> list[dict[str, Any]]:
    """Hits, best first."""
    return [
        {
            "id": hit.passage.id,
            "score": round(hit.score, 6),
            "document": hit.passage.document,
            "title": hit.passage.title,
            "source": hit.passage.sources[0].organisation if hit.passage.sources else "",
            "url": (hit.passage.sources[0].url if hit.passage.sources else "") or hit.passage.url,
            "text": hit.passage.text,
        }
        for hit in found.hits
    ]
