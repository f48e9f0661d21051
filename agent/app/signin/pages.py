"""The pages without scripts: sign in, who is signed in, change the password. Values in, HTML out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from agent.accounts.passwords import LEAST, MOST
from agent.app.signin.look import hidden, shell
from agent.app.staff.html import Html, join, link, tag
from agent.messages import say
from agent.types import Language


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was wrong with a form: words and what to do next; `fields` it is tied to, each with words of its own or ""."""

    said: str
    remedy: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another place to sign in: its label, and the address here that leads there."""

    label: str
    address: str


def sign_in_html(
    language: Language, *, token: str, next_: str, name: str = "", wrong: Wrong | None = None, done: str = "",
    elsewhere: Sequence[Elsewhere] = (),
) -> str:  # fmt: skip
    """The form for name and password, and the other places to sign in. `done`: what was done before, such as signing out."""
    fields = (
        _field("name", say(language, "signin_name"), "username", wrong, language, value=name, plain=True),
        _field("password", say(language, "signin_password"), "current-password", wrong, language),
    )
    form = (hidden("form", token), hidden("next", next_), *fields, _button(say(language, "signin_button")))
    parts = [
        tag("p", done, class_="good", role="status") if done else Html(""),
        _fault(wrong),
        tag("p", say(language, "signin_intro")),
        tag("form", join(form), method="post", action=_at("/sign-in", language), novalidate=True),
    ]
    if elsewhere:
        parts.append(tag("h2", say(language, "signin_other")))
        parts += [
            tag("a", say(language, "signin_with", label=each.label), href=each.address, class_="button")
            for each in elsewhere
        ]
    parts.append(tag("p", link(say(language, "signin_chat"), "/")))
    title = say(language, "signin_title")
    return shell(title, join(parts), language, other=_switch("/sign-in", language, next_), wrong=wrong is not None)


def signed_in_html(language: Language, *, who: str, role: str, token: str, next_: str, has_password: bool) -> str:
    """Who is signed in already: go on, change the password, or sign out."""
    out = (hidden("form", token), hidden("language", language), _button(say(language, "staff_sign_out")))
    named = say(language, f"staff_role_{role}")
    parts = [
        tag("p", say(language, "signin_already", who=who, role=named)),
        tag("a", say(language, "signin_go_on"), href=next_, class_="button"),
        tag("a", say(language, "signin_change"), href=_at("/password", language), class_="button")
        if has_password else Html(""),
        tag("form", join(out), method="post", action="/sign-out"),
    ]  # fmt: skip
    return shell(
        say(language, "signin_already_title"), join(parts), language, other=_switch("/sign-in", language, next_)
    )


def password_html(
    language: Language, *, token: str, out: str, next_: str, who: str, forced: bool, wrong: Wrong | None = None
) -> str:
    """The form for a new password. `forced`: nothing else can be done before. `out` is the token of signing out."""
    title = say(language, "password_forced_title" if forced else "password_title")
    rule = say(language, "password_rule", least=LEAST, most=MOST)
    fields = (
        # Password managers file the new one under this name.
        Html(f'<input type="text" name="name" value="{join([who])}" autocomplete="username" readonly hidden>'),
        _field("current", say(language, "password_current"), "current-password", wrong, language),
        _field("new", say(language, "password_new"), "new-password", wrong, language, hint=rule),
        _field("again", say(language, "password_again"), "new-password", wrong, language),
        tag("p", say(language, "password_ends"), class_="hint"),
    )
    form = (hidden("form", token), hidden("next", next_), *fields, _button(say(language, "password_button")))
    leave = (hidden("form", out), hidden("language", language),
             tag("button", say(language, "staff_sign_out"), type="submit", class_="button"))  # fmt: skip
    parts = (
        _fault(wrong),
        tag("p", say(language, "password_forced")) if forced else Html(""),
        tag("form", join(form), method="post", action=_at("/password", language), novalidate=True),
        tag("form", join(leave), method="post", action="/sign-out"),
    )
    return shell(title, join(parts), language, other=_switch("/password", language, next_), wrong=wrong is not None)


def notice_html(language: Language, title: str, body: str) -> str:
    """A page that only says something, with the way back."""
    parts = (tag("p", body), tag("p", link(say(language, "signin_title"), _at("/sign-in", language))))
    return shell(title, join(parts), language)


def _field(
    id_: str, label: str, complete: str, wrong: Wrong | None, language: Language, *, value: str = "", plain: bool = False,
    hint: str = "",
) -> Html:  # fmt: skip
    fault = dict(wrong.fields).get(id_) if wrong is not None else None
    described = []
    parts = [tag("label", label, for_=id_)]
    if hint:
        described.append(f"{id_}-hint")
        parts.append(tag("p", hint, class_="hint", id=f"{id_}-hint"))
    if fault is not None:
        described.append(f"{id_}-wrong" if fault else "fault")
    given = Html(
        f'<input id="{id_}" name="{id_}" type="{"text" if plain else "password"}" autocomplete="{complete}" required '
        f'maxlength="1000" autocapitalize="none" spellcheck="false" value="{join([value])}"'
        + (f' aria-describedby="{" ".join(described)}"' if described else "")
        + (' aria-invalid="true"' if fault is not None else "")
        + (" autofocus" if fault is not None and wrong is not None and wrong.fields[0][0] == id_ else "")
        + ">"
    )
    parts.append(given)
    if fault:
        parts.append(tag("p", fault, class_="wrong", id=f"{id_}-wrong"))
    return join(parts)


def _fault(wrong: Wrong | None) -> Html:
    if wrong is None:
        return Html("")
    return tag(
        "div",
        join((tag("strong", wrong.said), Html(" "), join([wrong.remedy]))),
        class_="fault",
        id="fault",
        role="alert",
    )


def _button(text: str) -> Html:
    return tag("button", text, type="submit")


def _at(path: str, language: Language) -> str:
    return f"/zh{path}" if language == "zh" else path


def _switch(path: str, language: Language, next_: str) -> str:
    other: Language = "en" if language == "zh" else "zh"
    return f"{_at(path, other)}?{urlencode({'next': next_})}"
