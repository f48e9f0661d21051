"""One review as HTML: what was said, what was answered, why, and what supports it. Pure; its texts were redacted before."""

from __future__ import annotations

from collections.abc import Sequence

from agent.app.markup import blocks, marked
from agent.app.review.listing import level_badge, level_word, reason_word
from agent.app.staff.html import Html, badge, card, facts, join, link, muted, table, tag
from agent.messages import say
from agent.records.interim import clock
from agent.records.types import KeptTurn, Review
from agent.types import Answer, Citation, Language

_SPEAKERS = {"user": "review_said", "assistant": "review_answered"}


def review_html(found: Review, turns: Sequence[KeptTurn], language: Language) -> Html:
    """What is known of the review and, where words may be read, the conversation with the turn in question last."""
    heading = say(
        language,
        "review_opened_heading",
        reason=reason_word(found.reason, language),
        level=level_word(found.level, language),
    )
    head = card(heading, join((_facts(found, turns, language), muted(_recorded(turns, language)))))
    if not turns:
        return head
    *earlier, turn = turns
    parts = [head, _before(earlier, turn, language), _turn(found, turn, language), _decided(found, language)]
    return join(parts)


def _recorded(turns: Sequence[KeptTurn], language: Language) -> str:
    return say(language, "review_opened_recorded" if turns else "review_opened_empty")


def _facts(found: Review, turns: Sequence[KeptTurn], language: Language) -> Html:
    pairs: list[tuple[object, object]] = [
        ("status", say(language, f"review_status_{found.status}")),
        ("level", level_badge(found.level, language)),
        ("added", _moment(found.added)),
        ("rules", ", ".join(found.rules) or "-"),
    ]
    if found.raised:
        pairs.append(("raised", level_badge(found.raised, language)))
    if found.decided:
        pairs.append(("decided", _moment(found.decided)))
    if turns:
        turn = turns[-1]
        pairs.append(("model", turn.answer.model or say(language, "review_no_model")))
        if turn.thumb:
            thumb = say(language, "review_thumb_up" if turn.thumb > 0 else "review_thumb_down")
            pairs.append(("thumb", f"{thumb}: {turn.thumb_reason}" if turn.thumb_reason else thumb))
    return facts((say(language, f"review_fact_{name}"), value) for name, value in pairs)


def _before(earlier: Sequence[KeptTurn], turn: KeptTurn, language: Language) -> Html:
    said = [
        *((_SPEAKERS[each.role], each.text) for each in turn.earlier),
        *(pair for each in earlier for pair in (("review_said", each.said), ("review_answered", _words(each.answer)))),
    ]
    if not said:
        return Html("")
    parts = (join((tag("h3", say(language, who)), Html(blocks(text)))) for who, text in said)
    summary = tag("summary", say(language, "review_earlier"))
    return tag("details", join((summary, *parts)), class_="st-card rv-earlier")


def _turn(found: Review, turn: KeptTurn, language: Language) -> Html:
    answer = turn.answer
    waits = found.reason == "held" and found.status == "waiting"
    spoken = "zh-Hans" if answer.language == "zh" else "en"
    said = card(say(language, "review_said"), tag("div", Html(blocks(turn.said)), lang=spoken))
    given = card(
        say(language, "review_answered_held" if waits else "review_answered"),
        tag("div", Html(blocks(_words(answer))), lang=spoken), tone="warn" if waits else "plain",
    )  # fmt: skip
    return join((said, given, *(part(answer, language) for part in (_findings, _rules, _claims, _passages))))


def _words(answer: Answer) -> str:
    return "\n\n".join(part for part in (answer.banner, answer.text) if part)


def _findings(answer: Answer, language: Language) -> Html:
    marks = []
    for each in answer.triage.findings:
        known = (("denied", each.negated), ("other", each.experiencer == "other"), (each.time, each.time != "now"))
        notes = ", ".join(say(language, f"review_finding_{word}") for word, holds in known if holds)
        marks.append(badge(f"{each.id} “{each.text}”" + (f" ({notes})" if notes else "")))
    if not marks:
        return Html("")
    return card(say(language, "review_findings_heading"), tag("p", join(marks, " ")))


def _rules(answer: Answer, language: Language) -> Html:
    headings = [say(language, f"review_rule_{name}") for name in ("id", "reason", "source")]
    rows = [
        (
            tag("span", join((each.id, level_badge(each.level, language)), " ")),
            each.reason,
            link(f"{each.source} ({each.year or say(language, 'review_rule_undated')})", each.url),
        )
        for each in answer.triage.rules
    ]
    return card(say(language, "review_rules_heading"), table(headings, rows, empty=say(language, "review_rules_none")))


def _claims(answer: Answer, language: Language) -> Html:
    headings = [say(language, name) for name in ("review_claim", "review_verdict", "review_span")]
    rows = [
        (
            each.text,
            badge(say(language, "review_supported", key=each.key), "good")
            if each.supported
            else badge(say(language, "review_cut", why=each.why), "bad"),
            each.quote,
        )
        for each in answer.claims
    ]
    return card(
        say(language, "review_claims_heading"), table(headings, rows, empty=say(language, "review_claims_none"))
    )


def _passages(answer: Answer, language: Language) -> Html:
    heading = say(language, "review_passages_heading")
    if not answer.citations:
        return card(heading, muted(say(language, "review_passages_none")))
    return card(heading, join(_passage(each, answer) for each in answer.citations))


def _passage(cited: Citation, answer: Answer) -> Html:
    quotes = (cited.quote, *(claim.quote for claim in answer.claims if claim.key == cited.key))
    source = join((cited.source, link(cited.url, cited.url), cited.published), " · ")
    summary = tag("summary", f"[{cited.key}] {cited.title}")
    quoted = tag("blockquote", Html(marked(cited.text, quotes)))
    return tag("details", join((summary, tag("p", source, class_="st-muted"), quoted)))


def _decided(found: Review, language: Language) -> Html:
    pairs = [("review_decide_corrected", found.corrected), ("review_decide_comment", found.comment)]
    told = [join((tag("h3", say(language, name)), Html(blocks(words)))) for name, words in pairs if words]
    return card(say(language, "review_decide_heading"), join(told)) if told else Html("")


def _moment(at: str) -> str:
    return f"{at[:10]} {clock(at)}"
