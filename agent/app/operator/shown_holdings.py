"""What the installation holds, as HTML: models and adapters, master keys, what is past its time, the audit chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.app.operator import holdings
from agent.app.operator.words import hashed, size, trouble, yes_no
from agent.app.staff.html import Html, badge, card, code, facts, fault, join, muted, table, tag
from agent.app.staff.types import House
from agent.audit import Verification
from agent.messages import say
from agent.records.retention import due
from agent.types import Language
from knowledge.errors import AnamnesisError


def models(house: House, language: Language) -> Html:
    """What serves, the catalogue, the adapters and what was promoted and rolled back."""
    return join((_serving(house, language), _catalogue(house, language), _adapters(house, language)))


def record(house: House, language: Language) -> Html:
    """Master keys by id, and what is past its time."""
    try:
        past = due(house.db, house.db.clock())
        kept = muted(say(language, "operator_due", conversations=past))
    except AnamnesisError as error:
        kept = trouble(error, language)
    return join((_keys(house, language), card(say(language, "operator_retention"), kept)))


def verified(outcome: Verification, word: str, at: int, language: Language) -> Html:
    """What walking the audit chain found."""
    pairs = [
        (say(language, "operator_entries"), f"{outcome.entries:,}"), (say(language, "operator_erased"), f"{outcome.erased:,}"),
        (say(language, "operator_head"), hashed(outcome.head)),
    ]  # fmt: skip
    if not word:
        return join((badge(say(language, "operator_whole"), "good"), facts(pairs)))
    said = say(language, f"operator_fault_{word}", record=at)
    return join((fault(said, remedy=say(language, "operator_fault_remedy")), facts(pairs)))


def _serving(house: House, language: Language) -> Html:
    now = holdings.serving(house)
    if now is None:
        return card(say(language, "operator_serving"), muted(say(language, "operator_not_open")), tone="warn")
    nothing = say(language, "operator_none")
    pairs: list[tuple[object, object]] = [
        (say(language, "operator_engine"), tag("code", now.engine)), (say(language, "operator_model"), now.model or nothing),
        (say(language, "operator_weights_hash"), hashed(now.weights) if now.weights else nothing),
        (say(language, "operator_adapter"), hashed(now.adapter) if now.adapter else nothing),
        (say(language, "operator_settings_hash"), tag("code", now.settings)),
        (say(language, "operator_corpus"), tag("code", now.corpus)),
    ]  # fmt: skip
    return card(say(language, "operator_serving"), facts(pairs))


def _catalogue(house: House, language: Language) -> Html:
    rows = [
        (
            tag("code", model.id), size(model.size), model.licence, hashed(model.sha256),
            yes_no(model.here, language),
            badge(say(language, "operator_serves"), "good") if model.serves else "",
        )
        for model in holdings.catalogue(house)
    ]  # fmt: skip
    columns = ("id", "size", "licence", "hash", "here", "state")
    return card(
        say(language, "operator_models"), table([say(language, f"operator_model_{name}") for name in columns], rows)
    )


def _adapters(house: House, language: Language) -> Html:
    known = holdings.adapters(house)
    if known is None:
        return card(say(language, "operator_adapters"), muted(say(language, "operator_no_finetune")))
    rows = [
        (
            row["name"], hashed(str(row["digest"])), row.get("base") or "", yes_no(row.get("carded"), language),
            badge(say(language, "operator_active"), "good") if row.get("active") else "",
        )
        for row in known
    ]  # fmt: skip
    headings = [say(language, f"operator_adapter_{name}") for name in ("name", "hash", "base", "card", "state")]
    parts = [table(headings, rows, empty=say(language, "operator_no_adapters"))]
    if past := holdings.history(house):
        parts.append(_history(past, language))
    parts.append(muted(say(language, "operator_promote")))
    parts.append(code("anamnesis finetune promote NAME --gate GATE.json"))
    return card(say(language, "operator_adapters"), join(parts))


def _history(rows: Iterable[Mapping[str, Any]], language: Language) -> Html:
    made = [
        (
            str(row.get("at", ""))[:19].replace("T", " "),
            say(language, "operator_did_promote" if row.get("action") == "promote" else "operator_was_rolled_back"),
            row.get("name") or say(language, "operator_none"),
        )
        for row in rows
    ]
    headings = [say(language, f"operator_history_{name}") for name in ("at", "what", "name")]
    return table(headings, made, caption=say(language, "operator_history"))


def _keys(house: House, language: Language) -> Html:
    try:
        rows = holdings.keys(house.db)
    except AnamnesisError as error:
        return card(say(language, "operator_keys"), trouble(error, language), tone="bad")
    made = [
        (
            tag("code", key.id),
            badge(say(language, "operator_key_seals"), "good") if key.active else say(language, "operator_key_old"),
            f"{key.conversations:,}", key.since[:10] or say(language, "operator_unknown"),
        )
        for key in rows
    ]  # fmt: skip
    headings = [say(language, f"operator_master_{name}") for name in ("id", "state", "conversations", "since")]
    body = join((table(headings, made), muted(say(language, "operator_rotate")), code("anamnesis db rotate-key")))
    return card(say(language, "operator_keys"), body)
