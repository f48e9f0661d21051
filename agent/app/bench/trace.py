"""A watched turn as JSON: stage after stage, each with what was seen of it. Nothing in it is rawer than what the redactor let by.

`looked_up` marks what the turn itself did not need and was looked up afterwards, by the same functions on the same redacted text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from agent.app.bench.turn import Told
from agent.app.bench.watch import Call, Seen
from agent.types import Finding, Policy, Triage
from retrieval.types import Hit

FORMAT = "anamnesis.trace/1"
_MODELS = ("urgency", "policy")
_NEAR = 3
_SHARES = 6
"""Probabilities that are shown of each reader; the others are near nothing."""


def trace(told: Told, *, weights: Mapping[str, str]) -> dict[str, Any]:
    """The trace. `weights`: name, weights and adapter of the model that wrote, empty where none did."""
    answer, seen = told.finished.answer, told.seen
    stages = {
        "privacy": _privacy(seen),
        "language": {"language": answer.language},
        "findings": {"findings": _findings(answer.triage.findings), "facts": asdict(answer.triage.facts)},
        "rules": _rules(seen.first("triage")),
        "reader": _reader(seen),
        "policy": _policy(seen),
        "intake": _intake(seen),
        "retrieval": _retrieval(seen),
        "prompt": _prompt(told),
        "raw": {"texts": list(told.wrote)},
        "verification": _verification(told),
        "answer": {
            "kind": answer.kind, "level": answer.level, "banner": answer.banner, "text": answer.text, "not_found": answer.not_found,
            "rules": list(answer.rules),
            "citations": [
                {"key": cited.key, "document": cited.document, "title": cited.title, "source": cited.source,
                 "published": cited.published, "url": cited.url, "quote": cited.quote}
                for cited in answer.citations
            ],
        },
        "audit": _audit(seen),
        "timings": {name: round(seconds, 4) for name, seconds in answer.timings.items()},
    }  # fmt: skip
    return {
        "format": FORMAT, "made": datetime.now(UTC).isoformat(timespec="seconds"), "settings": answer.settings,
        "engine": told.engine, "model": dict(weights), "level": answer.level, "stages": stages,
    }  # fmt: skip


def _privacy(seen: Seen) -> dict[str, Any]:
    call = seen.first("redact")
    if call is None:
        return {}
    return {"text": call.result.text, "spans": [asdict(span) for span in call.result.spans]}


def _findings(found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "words": each.text, "start": each.start, "end": each.end, "negated": each.negated,
         "experiencer": each.experiencer, "time": each.time, "resolved": each.resolved, "present": each.present}
        for each in found
    ]  # fmt: skip


def _rules(call: Call | None) -> dict[str, Any]:
    """What rules alone said."""
    if call is None or call.result is None:
        return {}
    ruled: Triage = call.result
    return {
        "level": ruled.level, "floor": ruled.floor, "question": ruled.question, "reason": ruled.reason,
        "fired": [
            {"id": rule.id, "level": rule.level, "where": rule.where, "hours": rule.hours, "reason": rule.reason,
             "source": rule.source, "url": rule.url, "year": rule.year}
            for rule in ruled.rules
        ],
    }  # fmt: skip


def _reader(seen: Seen) -> dict[str, Any]:
    """What the learned readers made of the words, and whether the level is theirs."""
    ruled, after = seen.first("triage"), seen.first("refine")
    read: dict[str, Any] = {}
    for call in seen.all("read"):
        task, model = call.given["self"].task, call.given["self"]
        if task in read or task not in _MODELS or call.result is None:
            continue
        shares = dict(sorted(call.result.items(), key=lambda item: -item[1]))
        likeliest = next(iter(shares))
        near = model.nearest(call.given["vector"], likeliest, k=_NEAR)
        read[task] = {
            "text": call.given["text"], "shares": {name: round(share, 4) for name, share in list(shares.items())[:_SHARES]},
            "nearest": [
                {"id": each.id, "text": each.text, "label": each.label, "likeness": round(each.likeness, 4)} for each in near
            ],
            "looked_up": ["nearest"],
        }  # fmt: skip
    levels = [call.result.level if call is not None and call.result is not None else "" for call in (ruled, after)]
    used = [asdict(near) for call in seen.all("nearest") for near in call.result or ()]
    return {
        "read": read,
        "before": levels[0],
        "level": levels[1],
        "changed": levels[0] != levels[1],
        "explained_by": used,
    }


def _policy(seen: Seen) -> dict[str, Any]:
    decided, corrected = seen.first("decide"), seen.first("corrected")
    call = corrected or decided
    if call is None or call.result is None:
        return {}
    found: Policy = call.result
    return {
        "kind": found.kind, "rule": found.rule, "level": found.level, "text": found.text, "caution": found.caution,
        "aside": found.aside, "lines": list(found.lines),
        "corrected": decided is not None and corrected is not None and decided.result != corrected.result,
    }  # fmt: skip


def _intake(seen: Seen) -> dict[str, Any]:
    call = seen.first("asked")
    considered = dict.fromkeys(each.given["rule"].id for each in seen.all("considered"))
    asked = [{"id": ask.id, "text": ask.text} for ask in (call.result or ())] if call is not None else []
    return {"ran": call is not None, "considered": list(considered), "asked": asked}


def _retrieval(seen: Seen) -> dict[str, Any]:
    """The query, and every passage that was found: its scores, and which step held it back."""
    about = seen.first("about")
    searches = []
    bars = seen.all("bearing")
    helps = seen.all("answering")
    scores = {id(call.given["hit"]): call.result for call in seen.all("relevance")}
    for place, call in enumerate(each for each in seen.all("search") if each.result is not None):
        near = bars[place].result if place < len(bars) else ()
        kept = helps[place].result if place < len(helps) else ()
        least = bars[place].given["least"] if place < len(bars) else None
        filters = call.given["filters"]
        searches.append({
            "query": call.given["query"], "read_as": dict(call.result.read_as), "searched": call.result.searched, "least": least,
            "filters": {"language": filters.language, "audience": filters.audience, "prefer": filters.prefer},
            "passages": [_passage(hit, scores.get(id(hit)), _held(hit, near, kept)) for hit in call.result.hits],
        })  # fmt: skip
    return {"query": about.result if about is not None else "", "searches": searches}


def _held(hit: Hit, near: Iterable[Hit], kept: Iterable[Hit]) -> str:
    """Which step held a passage back, "" where none did."""
    if not any(hit is each for each in near):
        return "relevance"
    return "" if any(hit is each for each in kept) else "help"


def _passage(hit: Hit, score: float | None, held: str) -> dict[str, Any]:
    passage = hit.passage
    return {
        "passage": passage.id, "document": passage.document, "title": passage.title, "heading": passage.heading,
        "published": passage.published, "jurisdiction": list(passage.jurisdiction), "superseded_by": passage.superseded_by,
        "fused": _round(hit.score), "bm25": _round(hit.bm25), "dense": _round(hit.dense), "relevance": _round(score),
        "held_back": held, "text": passage.text,
    }  # fmt: skip


def _prompt(told: Told) -> dict[str, Any]:
    fitted = told.seen.first("fit")
    return {
        "passages": [passage.id for passage in (fitted.result or ())] if fitted is not None and told.sent else [],
        "requests": [
            {"messages": [dict(message) for message in messages], "rendered": rendered}
            for messages, rendered in zip(told.sent, told.rendered, strict=True)
        ],
    }


def _verification(told: Told) -> dict[str, Any]:
    """Each sentence that was checked, and each claim of the answer; those without support were cut."""
    checked = [
        {"claim": call.given["claim"], "supported": call.result.supported, "quote": call.result.quote,
         "score": _round(call.result.score), "why": call.result.why}
        for call in told.seen.all("check") if call.result is not None
    ]  # fmt: skip
    claims = [asdict(claim) for claim in told.finished.answer.claims]
    return {"checked": checked, "claims": claims, "cut": [claim["text"] for claim in claims if not claim["supported"]]}


def _audit(seen: Seen) -> dict[str, Any]:
    """What was written, and what would be of a conversation that is kept."""
    whole = [{"kind": call.given["kind"], "payload": dict(call.given["payload"])} for call in seen.all("append")]
    written = [
        {"number": call.result.number, "at": call.result.at, "kind": call.given["kind"], "payload": call.result.payload,
         "digest": call.result.digest, "hash": call.result.hash}
        for call in seen.all("written") if call.result is not None
    ]  # fmt: skip
    return {"written": written, "kept_would_be": whole}


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
