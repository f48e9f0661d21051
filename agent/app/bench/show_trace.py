"""A turn's trace as HTML: a box a stage, in the order of the turn. All text is escaped and stands in its own language."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.app.bench.common import lang
from agent.app.staff.html import Html, Tone, badge, code, esc, facts, join, link, muted, table, tag
from agent.messages import say
from agent.types import Language

Row = Mapping[str, Any]
_LEVELS: dict[str, Tone] = {"emergency": "bad", "urgent": "warn", "unclear": "warn"}
STAGES = (
    "privacy", "language", "findings", "rules", "reader", "policy", "intake", "retrieval", "prompt", "raw", "verification",
    "answer", "audit", "timings",
)  # fmt: skip
_OPEN = frozenset({"privacy", "rules", "retrieval", "answer"})


def trace_html(trace: Row, language: Language) -> Html:
    """The whole trace, with a link that takes it away as JSON."""
    told = json.dumps(trace, ensure_ascii=False, indent=1)
    data = base64.b64encode(told.encode("utf-8", "replace")).decode()
    name = f"anamnesis-turn-{trace['made'].replace(':', '')}.json"
    away = tag("a", say(language, "bench_trace_json"), href=f"data:application/json;base64,{data}", download=name)
    stages = trace["stages"]
    spoken = stages["language"]["language"]
    engine = tag("span", say(language, "bench_trace_engine", engine=trace["engine"]))
    said = join((_level(trace["level"], language), engine, tag("code", trace["settings"]), away), " · ")
    head = tag("p", said, class_="bn-links")
    boxes = (
        _box(place, name, _SHOWN[name](stages[name], language, spoken), language)
        for place, name in enumerate(STAGES, 1)
    )  # fmt: skip
    return join((head, *boxes))


def _box(place: int, name: str, body: Html, language: Language) -> Html:
    title = tag("summary", tag("h3", f"{place}. {say(language, f'bench_stage_{name}')}"))
    return tag("details", join((title, body)), class_=f"st-card bn-stage bn-{name}", open=name in _OPEN)


def _privacy(stage: Row, language: Language, spoken: str) -> Html:
    if not stage:
        return _none(language)
    spans = [(span["type"], f"{span['start']}–{span['end']}") for span in stage["spans"]]
    headings = (say(language, "bench_span_type"), say(language, "bench_span_place"))
    found = table(headings, spans, empty=say(language, "bench_no_spans"))
    return join((_words(stage["text"], spoken), found, muted(say(language, "bench_after_privacy"))))


def _language(stage: Row, language: Language, spoken: str) -> Html:
    return tag("p", "English" if stage["language"] == "en" else "中文")


def _findings(stage: Row, language: Language, spoken: str) -> Html:
    rows = [
        (tag("code", each["id"]), _said(each["words"], spoken),
         say(language, "bench_denied" if each["negated"] else "bench_affirmed"), say(language, f"bench_who_{each['experiencer']}"),
         say(language, f"bench_time_{each['time']}") + (say(language, "bench_over") if each["resolved"] else ""))
        for each in stage["findings"]
    ]  # fmt: skip
    headings = [say(language, f"bench_finding_{name}") for name in ("id", "words", "negation", "who", "time")]
    known = [(name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
             for name, value in stage["facts"].items() if value not in (None, "", (), [], False)]  # fmt: skip
    return join(
        (
            table(headings, rows, empty=say(language, "bench_no_findings")),
            tag("h4", say(language, "bench_facts")),
            facts(known),
        )
    )


def _rules(stage: Row, language: Language, spoken: str) -> Html:
    if not stage:
        return _none(language)
    rows = [
        (tag("code", rule["id"]), _level(rule["level"], language), _said(rule["reason"], spoken),
         join((link(rule["source"], rule["url"]), f" {rule['year'] or ''}")))
        for rule in stage["fired"]
    ]  # fmt: skip
    headings = [say(language, f"bench_rule_{name}") for name in ("id", "level", "reason", "source")]
    pairs = [(say(language, "bench_rules_level"), _level(stage["level"], language)),
             (say(language, "bench_floor"), _level(stage["floor"], language))]  # fmt: skip
    if stage["question"]:
        pairs.append((say(language, "bench_question"), _said(stage["question"], spoken)))
    return join((facts(pairs), table(headings, rows, empty=say(language, "bench_no_rules"))))


def _reader(stage: Row, language: Language, spoken: str) -> Html:
    parts: list[Html] = []
    for task, read in stage["read"].items():
        shares = [(name, f"{share:.3f}") for name, share in read["shares"].items()]
        near = [
            (tag("code", each["id"]), each["label"], f"{each['likeness']:.3f}", _said(each["text"], spoken))
            for each in read["nearest"]
        ]
        headings = [say(language, f"bench_near_{name}") for name in ("id", "label", "likeness", "text")]
        parts += [tag("h4", say(language, f"bench_reader_{task}")), facts(shares)]
        if near:
            parts.append(table(headings, near, caption=say(language, "bench_near_looked_up")))
    if not parts:
        return _none(language)
    said = "bench_reader_changed" if stage["changed"] else "bench_reader_left"
    parts.append(
        tag("p", say(language, said, before=_name(stage["before"], language), after=_name(stage["level"], language)))
    )
    return join(parts)


def _policy(stage: Row, language: Language, spoken: str) -> Html:
    if not stage:
        return _none(language)
    pairs = [(say(language, "bench_policy_kind"), stage["kind"] or say(language, "bench_policy_on")),
             (say(language, "bench_policy_rule"), tag("code", stage["rule"]))]  # fmt: skip
    for name in ("text", "caution", "aside"):
        if stage[name]:
            pairs.append((say(language, f"bench_policy_{name}"), _words(stage[name], spoken)))
    return facts(pairs)


def _intake(stage: Row, language: Language, spoken: str) -> Html:
    if not stage["ran"]:
        return _none(language)
    asked = tag("ul", join(tag("li", _said(each["text"], spoken)) for each in stage["asked"])) if stage["asked"] else ""
    considered = join((tag("code", each) for each in stage["considered"]), " ") or say(language, "bench_none")
    return facts([(say(language, "bench_intake_considered"), considered),
                  (say(language, "bench_intake_asked"), asked or say(language, "bench_none"))])  # fmt: skip


def _retrieval(stage: Row, language: Language, spoken: str) -> Html:
    if not stage["searches"]:
        return _none(language)
    parts: list[Html] = []
    headings = [
        say(language, f"bench_hit_{name}") for name in ("passage", "bm25", "dense", "fused", "relevance", "kept")
    ]
    for each in stage["searches"]:
        rows = [
            (join((tag("strong", _said(f"{hit['title']}: {hit['heading']}".rstrip(": "), spoken)), tag("details", join((
                tag("summary", tag("code", hit["document"])), _words(hit["text"], spoken))))), " "),
             *(_score(hit[name]) for name in ("bm25", "dense", "fused", "relevance")), _held(hit, each["least"], language))
            for hit in each["passages"]
        ]  # fmt: skip
        read_as = ", ".join(f"{typed} → {meant}" for typed, meant in each["read_as"].items())
        whom = each["filters"]["audience"] or "–"
        among = say(language, "bench_searched_said", count=each["searched"], audience=whom)
        pairs = [(say(language, "bench_query"), _said(each["query"], spoken)), (say(language, "bench_searched"), among)]
        if read_as:
            pairs.append((say(language, "bench_read_as"), read_as))
        parts += [facts(pairs), table(headings, rows, empty=say(language, "bench_no_passages"))]
    return join(parts)


def _held(hit: Row, least: float | None, language: Language) -> Html:
    if not hit["held_back"]:
        return badge(say(language, "bench_kept"), "good")
    return join((badge(say(language, "bench_held"), "warn"),
                 tag("span", say(language, f"bench_held_{hit['held_back']}", least=_score(least)))), " ")  # fmt: skip


def _prompt(stage: Row, language: Language, spoken: str) -> Html:
    if not stage["requests"]:
        return muted(say(language, "bench_no_model"))
    return join(code(each["rendered"]) for each in stage["requests"])


def _raw(stage: Row, language: Language, spoken: str) -> Html:
    if not stage["texts"]:
        return muted(say(language, "bench_no_model"))
    return join(code(text) for text in stage["texts"])


def _verification(stage: Row, language: Language, spoken: str) -> Html:
    def verdict(each: Row) -> Html:
        return badge(
            say(language, "bench_supported" if each["supported"] else "bench_cut"),
            "good" if each["supported"] else "bad",
        )

    parts: list[Html] = []
    if stage["checked"]:
        rows = [
            (verdict(each), _said(each["claim"], spoken), _score(each["score"]), _said(each["quote"], spoken),
             _said(each["why"], "en"))
            for each in stage["checked"]
        ]  # fmt: skip
        headings = [say(language, f"bench_check_{name}") for name in ("verdict", "claim", "score", "quote", "why")]
        parts.append(table(headings, rows, caption=say(language, "bench_checked")))
    rows = [
        (verdict(each), _said(each["text"], spoken), esc(f"[{each['key']}]" if each["key"] else ""), _said(each["quote"], spoken),
         _said(each["why"], "en"))
        for each in stage["claims"]
    ]  # fmt: skip
    headings = [say(language, f"bench_check_{name}") for name in ("verdict", "claim", "key", "quote", "why")]
    parts.append(table(headings, rows, caption=say(language, "bench_claims"), empty=say(language, "bench_no_claims")))
    return join(parts)


def _answer(stage: Row, language: Language, spoken: str) -> Html:
    cited = [(f"[{each['key']}]", _said(each["title"], spoken), link(each["source"] or each["url"], each["url"]), each["published"])
             for each in stage["citations"]]  # fmt: skip
    headings = [say(language, f"bench_cited_{name}") for name in ("key", "title", "source", "published")]
    rules = join((tag("code", rule) for rule in stage["rules"]), " ") or "–"
    pairs = [
        (say(language, "bench_kind"), tag("code", stage["kind"])),
        (say(language, "bench_level"), _level(stage["level"], language)),
        (say(language, "bench_rules_all"), rules),
    ]
    parts = [facts(pairs), _words("\n\n".join(filter(None, (stage["banner"], stage["text"]))), spoken)]
    if cited:
        parts.append(table(headings, cited))
    return join(parts)


def _audit(stage: Row, language: Language, spoken: str) -> Html:
    return join((
        muted(say(language, "bench_audit_about")), code(_json(stage["written"])), tag("h4", say(language, "bench_audit_whole")),
        code(_json(stage["kept_would_be"])),
    ))  # fmt: skip


def _timings(stage: Row, language: Language, spoken: str) -> Html:
    return join(
        (
            facts((name, f"{seconds * 1000:.1f} ms") for name, seconds in stage.items()),
            muted(say(language, "bench_timed")),
        )
    )


_SHOWN: dict[str, Callable[[Any, Language, str], Html]] = {
    "privacy": _privacy, "language": _language, "findings": _findings, "rules": _rules, "reader": _reader, "policy": _policy,
    "intake": _intake, "retrieval": _retrieval, "prompt": _prompt, "raw": _raw, "verification": _verification, "answer": _answer,
    "audit": _audit, "timings": _timings,
}  # fmt: skip


def _none(language: Language) -> Html:
    return muted(say(language, "bench_not_reached"))


def _name(level: str, language: Language) -> str:
    return say(language, f"bench_level_{level}") if level else "–"


def _level(level: str, language: Language) -> Html:
    return badge(_name(level, language), _LEVELS.get(level, "plain"))


def _words(text: str, spoken: str) -> Html:
    return tag("pre", text, class_="st-code", lang=lang(spoken), tabindex="0")


def _said(text: object, spoken: str) -> Html:
    return tag("span", text, lang=lang(spoken))


def _score(value: float | None) -> Html:
    return esc("–" if value is None else f"{value:.3f}")


def _json(rows: Iterable[Any]) -> str:
    return json.dumps(list(rows), ensure_ascii=False, indent=1)
