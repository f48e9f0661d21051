"""What stands around the chat: the consent screen, the bar with leaving, data and settings, and how this chat is kept."""

from __future__ import annotations

from urllib.parse import urlsplit

from agent.accounts.types import Who
from agent.app.markup import blocks, lang, link, plain, said, web_address
from agent.app.patient.consent import HEALTH, Form, offered, words
from agent.config import Settings
from agent.messages import say
from agent.records.keeping import why
from agent.records.retention import Retention
from agent.records.types import Mode
from agent.types import Language
from knowledge.places import Place, duties, emergency_line, place

_SETTINGS = (
    ("text", ("normal", "large", "larger")),
    ("look", ("system", "light", "dark")),
    ("motion", ("system", "less")),
)


def consent_html(
    language: Language, country: str, settings: Settings, keeps: Retention, *, who: Who, form: Form | None = None, told: str = "",
    fault: str = "",
) -> str:  # fmt: skip
    """The screen before the first message. `told` is what led here (withdrawn, refused, forgotten); `fault` is what is missing."""
    account, form = bool(who.account), form or Form()
    days = keeps.of("anonymous", country)
    kept = say(language, "patient_consent_kept_account" if account else "patient_consent_kept_visitor", days=days)
    call = say(language, "patient_consent_call", call=emergency_line(country, language))
    preview = say(language, "research_preview")
    notice = f"{say(language, 'notice')}\n\n{preview}"
    parts = (
        f'<h2 id="consent-title" tabindex="-1">{said(language, "patient_consent_title")}</h2>',
        f'<div class="told" role="status">{blocks(told)}</div>' if told else "",
        f'<div class="call">{blocks(call)}</div>',
        _section(language, "patient_consent_what", blocks(notice, small=(preview,))),
        _section(language, "patient_consent_done", blocks(_done(language, settings))),
        _section(
            language, "patient_consent_kept",
            blocks("\n\n".join((kept, say(language, "patient_consent_kept_never"), say(language, "patient_consent_back")))),
        ),
        f'<p class="fault" role="alert" id="consent-fault">{plain(fault)}</p>' if fault else "",
        _agreed(language, country, keeps, who, form, fault),
        _age(language, country, form, fault),
        f'<div class="forms"><button type="button" class="agree" data-act="agree">'
        f"{said(language, 'patient_consent_button')}</button>"
        f'<button type="button" data-act="refuse">{said(language, "patient_consent_no")}</button></div>',
    )  # fmt: skip
    return (
        f'<section class="consent" lang="{lang(language)}" aria-labelledby="consent-title">{"".join(parts)}</section>'
    )


def bar_html(language: Language, settings: Settings) -> str:
    """Leaving at once, my data, withdrawing, and the settings; it stays in sight."""
    groups = "".join(
        f"<fieldset><legend>{said(language, f'patient_settings_{name}')}</legend>"
        + "".join(
            f'<label class="tick"><input type="radio" name="{name}" value="{value}"{" checked" if value == values[0] else ""}>'
            f"<span>{said(language, f'patient_settings_{name}_{value}')}</span></label>"
            for value in values
        )
        + "</fieldset>"
        for name, values in _SETTINGS
    )
    about = said(language, "patient_leave_about")
    return (
        f'<nav class="bar" lang="{lang(language)}" aria-label="{said(language, "patient_bar_label")}">'
        f'<a class="skip" href="#message">{said(language, "patient_skip")}</a>'
        f'<a class="leave" rel="noreferrer" href="{web_address(settings.exit_page)}" title="{about}">'
        f"{said(language, 'patient_leave')}</a>"
        f'<button type="button" data-act="data">{said(language, "patient_data")}</button>'
        f'<button type="button" class="withdraw" data-act="data" data-then="sure-withdraw" '
        f'aria-label="{said(language, "patient_withdraw_name")}">{said(language, "patient_withdraw")}</button>'
        f'<details class="settings"><summary>{said(language, "patient_settings")}</summary><div class="panel">{groups}'
        f'<p class="small">{said(language, "patient_settings_where")}</p><p class="small">{about}</p></div></details></nav>'
    )  # fmt: skip


def mode_html(language: Language, words: str) -> str:
    """The line that says how this chat is kept."""
    return f'<div class="mode" role="status" lang="{lang(language)}">{blocks(words)}</div>'


def mode_words(
    language: Language, keeps: Retention, mode: Mode, *, rule: str = "", country: str = "", read: bool = False
) -> str:
    """How a chat is kept. `rule`: that by which nothing of it is kept; `read`: a clinician may read it."""
    if rule:
        return say(language, "patient_mode_rule", why=_why(rule, language)).strip()
    if mode == "private":
        return say(language, "patient_mode_private")
    kept = say(language, f"patient_mode_{mode}", days=keeps.of(mode, country))
    return f"{kept} {say(language, 'patient_mode_review')}" if read else kept


def _why(rule: str, language: Language) -> str:
    # That of a crisis says no more than the line itself does.
    return "" if rule == "crisis" else why(rule, language)


def _section(language: Language, name: str, inside: str) -> str:
    return f"<h3>{said(language, name)}</h3>{inside}"


def _done(language: Language, settings: Settings) -> str:
    host = urlsplit(settings.base_url).hostname or "" if settings.engine == "openai" else ""
    if host in ("", "localhost", "127.0.0.1", "::1"):
        return say(language, "patient_consent_done_here")
    return say(language, "patient_consent_done_elsewhere", host=host)


def _agreed(language: Language, country: str, keeps: Retention, who: Who, form: Form, fault: str) -> str:
    here = place(country)
    wrong = ' aria-invalid="true" aria-describedby="consent-fault"' if fault and HEALTH not in form.kinds else ""
    needed = f"{plain(words(HEALTH, language))} {said(language, 'patient_consent_needed')}"
    chosen = "".join(
        _tick(kind, plain(words(kind, language)), form, more=_more(kind, language, country, keeps, who))
        for kind in offered(who)
    )
    return (
        f"<fieldset><legend>{said(language, 'patient_consent_agree')}</legend>"
        f"{_tick(HEALTH, needed, form, attributes=f' required{wrong}')}{_law(here, language)}"
        f"<p>{said(language, 'patient_consent_choose')}</p>{chosen}</fieldset>"
    )


def _more(kind: str, language: Language, country: str, keeps: Retention, who: Who) -> str:
    if kind == "review" and who.account:
        return ""
    days = keeps.of("account" if who.account else "anonymous", country)
    return said(language, f"patient_consent_more_{kind}", days=days)


def _tick(name: str, text: str, form: Form, *, attributes: str = "", more: str = "") -> str:
    ticked = " checked" if name in form.kinds or getattr(form, name, False) else ""
    detail = f'<span class="small">{more}</span>' if more else ""
    return (
        f'<label class="tick {name}"><input type="checkbox" name="{name}" autocomplete="off"{ticked}{attributes}>'
        f"<span>{text}{f' {detail}' if detail else ''}</span></label>"
    )


def _age(language: Language, country: str, form: Form, fault: str) -> str:
    age = duties.guardian_age(country)
    wrong = ' aria-invalid="true" aria-describedby="consent-fault"' if fault and HEALTH in form.kinds else ""
    return (
        f"<fieldset><legend>{said(language, 'patient_consent_age')}</legend>"
        f"{_tick('under', said(language, 'patient_consent_under', age=age), form)}"
        f"{_tick('guardian', said(language, 'patient_consent_guardian'), form, attributes=wrong)}</fieldset>"
    )


def _law(here: Place | None, language: Language) -> str:
    """What the law of the place says of consent, children and the label, each with where it is read."""
    asked = [
        each for kind in ("consent", "guardian", "label") for each in duties.duties(here.code if here else "", kind)
    ]
    if here is None or not asked:
        return ""
    rows = "".join(
        f"<li>{plain(each.says[language])} {link(each.sources[0].url, each.sources[0].organisation)}</li>"
        for each in asked
    )
    heading = said(language, "patient_consent_law", place=here.name[language])
    return f'<details class="law"><summary>{heading}</summary><ul>{rows}</ul></details>'
