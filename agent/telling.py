"""What a long story tells of health: its sentences with symptoms, illnesses and medicines, and those beside them.

The learned reader learned from messages of a few sentences. In a page of everyday life around an emergency it saw the page: of the
validation split's 168 emergencies, told between two long paragraphs, it read 115 as one, and 89 of 236 others too.
What is left here is read as 163 and 47 (`python -m finetune.reader_report`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from agent.findings import find
from agent.privacy import redact_again
from agent.types import Finding, Language
from knowledge.rules import load_lexicon

LONG, MOST = 600, 400
"""Characters from which a text is a story, and of it that are kept; a Chinese one counts twice. Chosen on the validation split."""
_SYMPTOM, _KNOWN, _OTHER, _BESIDE = 3.0, 1.0, 0.2, 0.5
"""What a symptom counts for its sentence, an illness or a medicine, any other finding; and a neighbour's count."""
_TELLS = 1.0
_CUT = re.compile(r"(?<=[.!?])(?!\d)\s*|(?<=[。！？\n])\s*")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KINDS = ("disease", "condition", "medicine")


def telling(text: str, language: Language) -> str:
    """A redacted text itself where it is short; of a story the sentences that tell most, in their order; where none does, its
    beginning."""
    if _size(text) <= LONG:
        return text
    safe = redact_again(text, date.today())
    text = safe.text
    spans = _sentences(text)
    counts = _counts(spans, find(safe, language))
    near = [
        count
        + _BESIDE
        * max(counts[max(place - 1, 0)] if place else 0.0, counts[place + 1] if place + 1 < len(counts) else 0.0)
        for place, count in enumerate(counts)
    ]
    kept: list[int] = []
    used = 0
    for place in sorted(range(len(spans)), key=lambda place: -near[place]):
        size = _size(text[slice(*spans[place])])
        if near[place] < _TELLS:
            break
        if used + size <= MOST:
            kept.append(place)
            used += size
    return " ".join(text[slice(*spans[place])].strip() for place in sorted(kept)) or text[:LONG]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(_HAN.findall(text))


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end; what is one long sentence is cut at its commas."""
    cuts = [0, *(match.end() for match in _CUT.finditer(text)), len(text)]
    spans = []
    for start, end in pairwise(cuts):
        if _size(text[start:end]) > MOST:
            inner = [start, *(start + match.end() for match in re.finditer(r"[,;，；]\s*", text[start:end])), end]
        else:
            inner = [start, end]
        spans += [(a, b) for a, b in pairwise(inner) if text[a:b].strip()]
    return spans


def _counts(spans: Sequence[tuple[int, int]], findings: Sequence[Finding]) -> list[float]:
    specs = load_lexicon().findings
    counts = []
    for start, end in spans:
        names = {finding.id for finding in findings if start <= finding.start < end}
        counts.append(sum(
            _SYMPTOM if specs[name].level else _KNOWN if specs[name].kind in _KINDS else _OTHER for name in names
        ))  # fmt: skip
    return counts
