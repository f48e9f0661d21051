"""What is kept of whoever has the page: shown, and taken away as a file for programs or for reading, labelled as a program's."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agent.accounts.types import Who
from agent.app.conversations import Conversation
from agent.app.markup import blocks, lang, plain, said
from agent.app.patient.consent import HEALTH, offered, owner_of, standing, words
from agent.database import Database
from agent.messages import say
from agent.records.consent import consents_of
from agent.records.conversations import mine, turns_of
from agent.records.export import export_own
from agent.records.types import Kept
from agent.types import ConversationState, Language
from knowledge.places import duties

_PROVIDER = "Anamnesis"
_MOST = 400
"""Characters of a message or an answer as it is shown here; the file has all of it."""
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:1rem auto;padding:0 1rem;color:#1b2430;background:#fff}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    "blockquote{margin:.5rem 0;padding:.3rem .8rem;border-left:4px solid #64748b}"
)


def data_html(
    db: Database, who: Who, held: Conversation | None, language: Language, *, mode: str, hint: str = "", asks: str = ""
) -> str:
    """The panel. `mode` says how this chat is kept; `asks`: which confirmation is open; `hint`: what was done just now.

    Raises:
        StoreError: it cannot be read.
    """
    kinds = standing(db, who, held)
    parts = (
        f'<div class="top"><h2 id="data-title" tabindex="-1">{said(language, "patient_data_title")}</h2>'
        f'<button type="button" class="close" data-act="close">{said(language, "patient_data_close")}</button></div>',
        f'<p class="hint" role="status">{plain(hint)}</p>',
        f"<h3>{said(language, 'patient_data_this')}</h3>{_this(db, who, held, language, mode)}",
        _account(db, who, language) if who.account else "",
        f"<h3>{said(language, 'patient_data_consents')}</h3>{_consents(db, who, held, kinds, language, asks)}",
        f"<h3>{said(language, 'patient_data_export')}</h3><p>{said(language, 'patient_data_export_about')}</p>"
        f'<div class="forms">{_button("json", "patient_data_json", language)}'
        f"{_button('html', 'patient_data_html', language)}</div>",
        f"<h3>{said(language, 'patient_data_erase')}</h3>{_erase(who, held, language)}",
    )
    return f'<section class="data" lang="{lang(language)}" aria-labelledby="data-title">{"".join(parts)}</section>'


def gathered(db: Database, who: Who, held: Conversation | None) -> dict[str, Any]:
    """Everything as one JSON value: what is kept, and this chat as the page holds it. That it was taken is recorded.

    Raises:
        AccessError, StoreError: as `export_own`.
    """
    owner = who if who.account or held is None else owner_of(db, who, held)
    found = export_own(db, owner) | {
        "ai_generated": True,
        "provider": _PROVIDER,
        "content_number": secrets.token_hex(12),
    }
    if held is not None:
        found["this_page"] = {
            "conversation": held.state.id,
            "mode": held.mode,
            "messages": [
                {"role": each.role, "text": each.text, "ai_generated": each.role == "assistant"}
                for each in held.state.messages
            ],
            "consents": [] if who.account else [asdict(each) for each in _given(db, who, held)],
            "records": _records(db, held.state.id),
        }
    return found


def as_json(found: dict[str, Any]) -> bytes:
    """The file for programs."""
    return json.dumps(found, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def as_html(found: dict[str, Any], language: Language) -> bytes:
    """The file for reading: no script, and its label stands in the text and in the metadata."""
    label, number = duties.label(language), plain(str(found["content_number"]))
    title = said(language, "patient_export_title")
    account = found.get("account")
    whose = (
        say(language, "patient_export_account", account=account["name"])
        if account
        else say(language, "patient_export_nobody")
    )
    page = found.get("this_page") or {}
    nothing = f"<p>{said(language, 'patient_export_nothing')}</p>"
    kept = "".join(_kept_talk(each, language) for each in found["conversations"])
    records = "".join(f"<pre>{plain(json.dumps(each, ensure_ascii=False))}</pre>" for each in page.get("records", ()))
    body = (
        f'<p class="label"><strong>{plain(label)}</strong></p><p>{said(language, "patient_export_made", date=_day(found["made"]))} '
        f"{plain(whose)}</p>",
        f"<h2>{said(language, 'patient_export_page')}</h2>{_talk(page.get('messages', ()), language)}",
        f"<h2>{said(language, 'patient_export_kept')}</h2>{kept or nothing}",
        f"<h2>{said(language, 'patient_data_consents')}</h2>",
        _consent_list([*found["consents"], *page.get("consents", ())], language),
        f"<h2>{said(language, 'patient_export_records')}</h2>{records or nothing}",
    )
    return (
        f'<!doctype html><html lang="{lang(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="ai-generated" content="true">'
        f'<meta name="generator" content="{_PROVIDER} (AI)"><meta name="provider" content="{_PROVIDER}">'
        f'<meta name="content-number" content="{number}"><meta name="description" content="{plain(label)}">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>{''.join(body)}</main></body></html>"
    ).encode("utf-8", "replace")


def _this(db: Database, who: Who, held: Conversation | None, language: Language, mode: str) -> str:
    if held is None:
        return f"<p>{said(language, 'patient_data_none_yet')}</p>"
    owner = owner_of(db, who, held)
    kept = {each.id for each in mine(db, owner)}
    turns = len(turns_of(db, owner, held.state.id)) if held.state.id in kept else 0
    records = len(_records(db, held.state.id))
    disk = (
        said(language, "patient_data_disk", turns=turns, records=records)
        if turns
        else said(language, "patient_data_disk_none", records=records)
    )
    memory = said(language, "patient_data_memory", count=len(held.state.messages))
    return (
        f"{blocks(mode)}<p>{disk}</p><details><summary>{memory}</summary>{_told(held.state, language)}</details>"
        if held.state.messages
        else f"{blocks(mode)}<p>{disk}</p>"
    )


def _told(state: ConversationState, language: Language) -> str:
    return "".join(
        _line("answer" if each.role == "assistant" else "you", each.text, language) for each in state.messages
    )


def _line(whose: str, text: str, language: Language) -> str:
    shown = text if len(text) <= _MOST else f"{text[:_MOST]} …"
    return f"<blockquote>{said(language, f'patient_data_{whose}', text=shown)}</blockquote>"


def _account(db: Database, who: Who, language: Language) -> str:
    rows = "".join(_conversation(db, who, each, language) for each in mine(db, who))
    none = f"<p>{said(language, 'patient_data_account_none')}</p>"
    return f"<h3>{said(language, 'patient_data_account')}</h3>{rows or none}"


def _conversation(db: Database, who: Who, kept: Kept, language: Language) -> str:
    turns = turns_of(db, who, kept.id)
    heading = said(language, "patient_data_conversation", date=_day(kept.last), count=len(turns))
    said_so = "".join(_line("you", each.said, language) + _line("answer", each.answer.text, language) for each in turns)
    sure = _sure(f"erase-{kept.id}", "patient_data_erase_one", "patient_data_sure_one", f"erase:{kept.id}", language)
    return f"<details><summary>{heading}</summary>{said_so}{sure}</details>"


def _consents(
    db: Database, who: Who, held: Conversation | None, kinds: frozenset[str], language: Language, asks: str
) -> str:
    if held is None and not who.account:
        return f"<p>{said(language, 'patient_data_none_yet')}</p>"
    days = {each.kind: _day(each.given) for each in _given(db, who, held) if not each.withdrawn}
    rows = []
    # A visitor's to be answered is known to the page, also where a crisis left no record of it.
    agreed = kinds | ({HEALTH} if held is not None and held.agreed else frozenset())
    for kind in (HEALTH, *offered(who)):
        stands = kind in agreed
        day = days.get(kind, "")
        given = say(language, "patient_data_given", date=day) if day else say(language, "patient_data_given_here")
        state = plain(given) if stands else said(language, "patient_data_not_given")
        if stands:
            act = _sure(
                "sure-withdraw" if kind == HEALTH else f"sure-{kind}", "patient_data_take_back", _loses(kind, who),
                f"withdraw:{kind}", language, opened=asks == kind,
            )  # fmt: skip
        else:
            act = "" if kind == HEALTH else _button(f"give:{kind}", "patient_data_agree", language)
        rows.append(f"<li><p>{plain(words(kind, language))} <strong>{state}</strong></p>{act}</li>")
    return f'<ul class="agreed">{"".join(rows)}</ul>'


def _loses(kind: str, who: Who) -> str:
    if kind == HEALTH:
        return "patient_data_sure_withdraw_account" if who.account else "patient_data_sure_withdraw"
    if kind == "keep":
        return "patient_data_sure_keep"
    return "patient_data_sure_review"


def _erase(who: Who, held: Conversation | None, language: Language) -> str:
    made = ""
    if held is not None:
        made += _sure("sure-erase", "patient_data_erase_this", "patient_data_sure_this", "erase", language)
    if who.account:
        made += _sure("sure-all", "patient_data_erase_all", "patient_data_sure_all", "erase-all", language)
    return made or f"<p>{said(language, 'patient_data_none_yet')}</p>"


def _sure(name: str, button: str, about: str, act: str, language: Language, *, opened: bool = False) -> str:
    """A button that says what follows before anything is done."""
    return (
        f'<div class="sure"><button type="button" data-sure-for="{plain(name)}" aria-expanded="{"true" if opened else "false"}" '
        f'aria-controls="{plain(name)}">{said(language, button)}</button>'
        f'<div id="{plain(name)}" class="asks"{"" if opened else " hidden"}><p>{said(language, about)}</p>'
        f'<button type="button" class="yes" data-act="{plain(act)}">{said(language, "patient_data_yes")}</button>'
        f'<button type="button" data-sure-for="{plain(name)}">{said(language, "patient_data_no")}</button></div></div>'
    )


def _button(act: str, name: str, language: Language) -> str:
    return f'<button type="button" data-act="{act}">{said(language, name)}</button>'


def _given(db: Database, who: Who, held: Conversation | None) -> Sequence[Any]:
    if who.account:
        return consents_of(db, who)
    if held is None:
        return ()
    return consents_of(db, Who(holds=frozenset({held.state.id})), conversation=held.state.id)


def _records(db: Database, conversation: str) -> list[dict[str, Any]]:
    """What the audit chain says of a conversation; what is erased is blank."""
    return [
        {"number": each.number, "at": each.at, "kind": each.kind, "says": each.payload}
        for each in db.audit.export(conversation=conversation)
        if each.payload is not None
    ]


def _talk(messages: Sequence[dict[str, Any]], language: Language) -> str:
    rows = "".join(
        f'<blockquote data-ai-generated="{"true" if each["ai_generated"] else "false"}">'
        f"{said(language, 'patient_data_answer' if each['ai_generated'] else 'patient_data_you', text=each['text'])}</blockquote>"
        for each in messages
    )
    return rows or f"<p>{said(language, 'patient_export_nothing')}</p>"


def _kept_talk(conversation: dict[str, Any], language: Language) -> str:
    turns = conversation["turns"]
    heading = said(language, "patient_data_conversation", date=_day(conversation["last"]), count=len(turns))
    messages = [
        message
        for turn in turns
        for message in (
            {"text": turn["said"], "ai_generated": False},
            {
                "text": "\n\n".join(filter(None, (turn["answer"]["banner"], turn["answer"]["text"]))),
                "ai_generated": True,
            },
        )
    ]
    consents = _consent_list(conversation["consents"], language) if conversation["consents"] else ""
    return f"<h3>{heading}</h3>{_talk(messages, language)}{consents}"


def _consent_list(consents: Sequence[dict[str, Any]], language: Language) -> str:
    rows = "".join(
        f"<li>{plain(words(each['kind'], language))} {plain(each['given'])}"
        f"{' – ' + plain(each['withdrawn']) if each['withdrawn'] else ''} ({plain(each['version'])})</li>"
        for each in consents
    )
    return f"<ul>{rows}</ul>" if rows else f"<p>{said(language, 'patient_export_nothing')}</p>"


def _day(stamp: str) -> str:
    return stamp[:10]
