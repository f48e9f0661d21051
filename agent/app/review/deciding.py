"""What a clinician types beside a review, redacted before anything of it is stored; what was taken out; what a fault is called."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import date

from agent.app.markup import blocks
from agent.app.staff.html import Html, card, fault, join, tag
from agent.messages import say
from agent.privacy import Redactor
from agent.records.review import Decided
from agent.types import Language, SafeText
from knowledge.errors import AccessError, InputError

log = logging.getLogger("anamnesis.review")


@dataclass(frozen=True, slots=True)
class Typed:
    """The corrected answer and the comment as they may be stored; `raw` is a hash of what was typed, `taken` what was taken out."""

    corrected: SafeText
    comment: SafeText
    raw: str
    taken: tuple[str, ...]


def typed(corrected: str, comment: str) -> Typed:
    """What was typed, redacted: both by one redactor, so that the same person is the same placeholder in both."""
    redactor = Redactor(date.today())
    first, second = redactor.redact(corrected), redactor.redact(comment)
    kinds = dict.fromkeys(span.type for safe in (first, second) for span in safe.spans)
    return Typed(first, second, digest(f"{corrected}\x00{comment}"), tuple(kinds))


def digest(text: str) -> str:
    """A text's hash: enough to see that it was changed, and no word of it."""
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest()


def preview_html(found: Typed, language: Language) -> Html:
    """What will be stored, and what was taken out of it."""
    head = (
        say(language, "review_preview_taken", kinds=say(language, "comma").join(found.taken))
        if found.taken
        else say(language, "review_preview_clean")
    )
    parts = [tag("p", tag("strong", head), role="status")]
    for name, safe in (("review_decide_corrected", found.corrected), ("review_decide_comment", found.comment)):
        if safe.text.strip():
            parts.append(join((tag("h3", say(language, name)), Html(blocks(safe.text)))))
    return card(say(language, "review_preview_heading"), join(parts), tone="warn" if found.taken else "plain")


def told_html(text: str) -> Html:
    """What came of a decision; a screen reader says it."""
    return tag("p", text, class_="rv-told", role="status")


def fault_html(error: Exception, language: Language) -> Html:
    """What went wrong, in words; the log has the kind of fault, never its text."""
    match error:
        case Decided():
            return fault(say(language, "review_done_before"))
        case AccessError():
            return fault(say(language, "review_refused"))
        case InputError():
            return fault(say(language, "review_done_gone"))
    log.error("The review page failed: %s", type(error).__name__)
    return fault(say(language, "review_fault", fault=type(error).__name__))
