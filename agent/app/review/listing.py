"""The lists of the review page as HTML: who waits, the queue, the counts, who is on duty. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.app.staff.html import Html, Tone, badge, card, esc, join, muted, table, tag
from agent.messages import say
from agent.records.duty import QUIET
from agent.records.interim import clock
from agent.records.types import Review, Waiting
from agent.types import Language

_TONES: dict[str, Tone] = {"emergency": "bad", "crisis": "bad", "held": "warn", "urgent": "warn"}


def rows_html(rows: Sequence[Review], language: Language, *, now: datetime, empty: str, most: int = 0) -> Html:
    """Reviews as a table, each with a button that opens it; `most`: how many are shown at most."""
    headings = [
        say(language, f"review_column_{name}")
        for name in ("reason", "level", "language", "since", "rules", "words", "open")
    ]
    listed = table(headings, [_row(row, language, now=now) for row in rows], empty=empty)
    more = muted(say(language, "review_queue_most", count=most)) if most and len(rows) >= most else Html("")
    return join((listed, more))


def waiting_html(rows: Sequence[Review], language: Language, *, now: datetime) -> Html:
    """The people whose answers wait for a clinician, who waits longest first."""
    body = rows_html(rows, language, now=now, empty=say(language, "review_waiting_none"))
    return card(say(language, "review_waiting_heading"), body, tone="warn" if rows else "plain")


def counts_html(found: Waiting, language: Language) -> Html:
    """How many reviews wait, by reason, and since when the oldest does."""
    if not found.count:
        return tag("p", say(language, "review_counts_none"))
    oldest = age(found.oldest_seconds, language)
    whole = tag("span", say(language, "review_counts", count=found.count, oldest=oldest))
    by_reason = (
        badge(f"{reason_word(each, language)}: {count}", _tone(each)) for each, count in sorted(found.by_reason.items())
    )
    return tag("p", join((whole, *by_reason), " "), class_="rv-counts")


def duty_html(language: Language, *, hold: bool, since: str, count: int) -> Html:
    """Whether answers are held here, whether this clinician is on duty (`since`, "" where not), and how many are."""
    parts: list[Html] = []
    if not hold:
        parts.append(tag("p", say(language, "review_duty_off_setting")))
    words = say(language, "review_duty_you_on", since=clock(since)) if since else say(language, "review_duty_you_off")
    parts.append(tag("p", join((tag("strong", words), say(language, "review_duty_others", count=count)), " ")))
    parts.append(muted(say(language, "review_duty_rule", minutes=int(QUIET.total_seconds() // 60))))
    return card(say(language, "review_duty_heading"), join(parts), tone="good" if since else "plain")


def reason_word(reason: str, language: Language) -> str:
    """A reason in words."""
    return say(language, f"review_reason_{reason}")


def level_word(level: str, language: Language) -> str:
    """A level in words."""
    return say(language, f"review_level_{level}")


def level_badge(level: str, language: Language) -> Html:
    """A level in words, in its colours."""
    return badge(level_word(level, language), _tone(level))


def age(seconds: float, language: Language) -> str:
    """How long ago something was, in the unit one would say it in."""
    minutes = int(seconds // 60)
    for name, most, unit in (("minutes", 120, 1), ("hours", 2880, 60)):
        if minutes < most:
            return say(language, f"review_age_{name}", count=minutes // unit)
    return say(language, "review_age_days", count=minutes // 1440)


def _row(row: Review, language: Language, *, now: datetime) -> tuple[object, ...]:
    since = age(max(0.0, (now - datetime.fromisoformat(row.added)).total_seconds()), language)
    reason, level = reason_word(row.reason, language), level_word(row.level, language)
    name = say(language, "review_open_label", reason=reason, level=level, since=since)
    opens = tag(
        "button", say(language, "review_open"), type="button", class_="rv-open", data_id=row.id, aria_label=name
    )
    return (
        badge(reason, _tone(row.reason)), level_badge(row.level, language), say(language, f"review_language_{row.language}"), since,
        esc(", ".join(row.rules)), say(language, "review_words_kept" if row.turn else "review_words_none"), opens,
    )  # fmt: skip


def _tone(name: str) -> Tone:
    return _TONES.get(name, "plain")
