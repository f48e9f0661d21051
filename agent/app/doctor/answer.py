"""An answer as a clinician reads it: urgency, text, each claim with its verdict and span, the passages with the spans marked."""

from __future__ import annotations

from agent.app.doctor.common import lang
from agent.app.doctor.passages import cited_html
from agent.app.markup import blocks, plain
from agent.app.staff.html import Html, Tone, badge, join, muted, table, tag
from agent.app.view import Turn, tone
from agent.messages import say
from agent.types import Claim, Language

_TONES: dict[str, Tone] = {"emergency": "bad", "crisis": "bad", "urgent": "warn", "unclear": "warn", "routine": "plain",
                           "self_care": "good", "question": "plain"}  # fmt: skip


def answer_html(turn: Turn, language: Language) -> Html:
    """The turn as far as it has come."""
    keys = {
        each.key: f'<a class="dd-key" href="#{_anchor(each.key)}">[{plain(each.key)}]</a>' for each in turn.citations
    }
    parts: list[Html] = []
    if turn.banner:
        loud = tone(turn) in ("emergency", "crisis")
        parts.append(tag("aside", Html(blocks(turn.banner)), class_=f"st-card st-{_TONES[tone(turn)]}",
                         role="alert" if loud else "status"))  # fmt: skip
    if turn.text:
        parts.append(
            tag("section", Html(blocks(turn.text, keys)), class_="st-card st-plain dd-answer", lang=lang(turn.language))
        )
    if turn.status:
        parts.append(tag("p", turn.status, class_="st-muted", role="status"))
    if turn.answer is None:
        return tag("div", join(parts), aria_busy="true")
    parts += [_claims(turn, language), _sources(turn, language), _how(turn, language)]
    return tag("div", join(parts), aria_busy="false")


def _claims(turn: Turn, language: Language) -> Html:
    if not turn.claims:
        return Html("")
    heads = [say(language, f"doctor_{name}") for name in ("claim", "verdict", "key", "span")]
    heading = tag("h2", say(language, "doctor_claims"))
    cut = sum(not claim.supported for claim in turn.claims)
    about = muted(say(language, "doctor_claims_about", count=len(turn.claims), cut=cut))
    listed = table(heads, (_claim(claim, language) for claim in turn.claims))
    return tag("div", join((heading, about, listed)), class_="dd-tight")


def _claim(claim: Claim, language: Language) -> list[object]:
    verdict = badge(say(language, "doctor_supported"), "good") if claim.supported else _cut(claim, language)
    key = tag("a", f"[{claim.key}]", href=f"#{_anchor(claim.key)}") if claim.key else say(language, "doctor_none")
    return [claim.text, verdict, key, tag("q", claim.quote) if claim.quote else say(language, "doctor_none")]


def _cut(claim: Claim, language: Language) -> Html:
    # Why it was cut is worked out in English words, which name what the passage does not hold.
    why = tag("span", claim.why, lang="en", class_="st-muted") if claim.why else ""
    return join((badge(say(language, "doctor_cut"), "bad"), why), " ")


def _sources(turn: Turn, language: Language) -> Html:
    if not turn.citations:
        return Html("")
    shown = [
        cited_html(each, (each.quote, *(claim.quote for claim in turn.claims if claim.key == each.key)), language,
                   anchor=_anchor(each.key))
        for each in turn.citations
    ]  # fmt: skip
    return join((tag("h2", say(language, "doctor_passages")), *shown))


def _how(turn: Turn, language: Language) -> Html:
    """Which rules fired, which model wrote, under which settings, how long it took."""
    answer = turn.answer
    if answer is None:
        return Html("")
    seconds = sum(took for stage, took in answer.timings.items() if stage != "first_sentence")
    lines = [say(language, "how_rules", rules=say(language, "comma").join(answer.rules))] if answer.rules else []
    lines.append(say(language, "how_model", model=answer.model) if answer.model else say(language, "how_no_model"))
    lines.append(say(language, "how_settings", settings=answer.settings))
    lines.append(say(language, "doctor_took", seconds=f"{seconds:.1f}"))
    return tag("details", join((tag("summary", say(language, "how_heading")), Html(blocks("\n".join(lines))))))


def _anchor(key: str) -> str:
    return f"dd-source-{plain(key)}"
