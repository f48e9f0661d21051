"""Sign in, sign out, another password: pages without scripts. Each form is checked for where it came from and for its own token."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from agent.accounts.login import change_password, sign_in
from agent.accounts.passwords import LEAST, MOST, password_fault
from agent.accounts.people import by_id
from agent.accounts.sessions import end, who_holds
from agent.accounts.types import Who
from agent.app.signin.elsewhere import places
from agent.app.signin.elsewhere import router as elsewhere
from agent.app.signin.forms import form_fits, form_token
from agent.app.signin.look import policy
from agent.app.signin.pages import Wrong, notice_html, password_html, sign_in_html, signed_in_html
from agent.app.signin.places import known, landing
from agent.app.signin.told import Told
from agent.app.staff.origin import from_our_page
from agent.app.staff.types import Page
from agent.app.staff.who import COOKIE, token_of
from agent.database import Database
from agent.messages import say
from agent.types import Language
from knowledge.errors import AccessError, InputError, TooManyTries

router = APIRouter(include_in_schema=False, route_class=Told)
router.include_router(elsewhere)
FORM = "anamnesis_form"
"""A cookie of before the session, which the form's token is bound to."""


@router.get("/sign-in")
@router.get("/zh/sign-in")
def ask(request: Request) -> Response:
    """The form, or who is signed in already."""
    language, db = language_of(request), db_of(request)
    next_ = known(request.query_params.get("next", ""), pages_of(request))
    token = token_of(request)
    who = who_holds(db, token)
    if who.must_change:
        return _go(_with("/password", language, next_))
    if who.account:
        account = by_id(db, who.account)
        return _page(signed_in_html(
            language, who=account.name, role=who.role, token=form_token(db, "sign-out", token),
            next_=landing(who, next_, pages_of(request), language), has_password=account.has_password,
        ))  # fmt: skip
    done = say(language, "signin_out_done") if "out" in request.query_params else ""
    return _form(request, language, next_, done=done)


@router.post("/sign-in")
@router.post("/zh/sign-in")
async def enter(request: Request) -> Response:
    """Name and password: a new session, whose token is in a cookie that no script reads."""
    language, given = language_of(request), await _given(request)
    return await run_in_threadpool(_enter, request, language, given)


@router.post("/sign-out")
async def leave(request: Request) -> Response:
    """The session ends."""
    given = await _given(request)
    return await run_in_threadpool(_leave, request, given)


@router.get("/password")
@router.get("/zh/password")
def ask_password(request: Request) -> Response:
    """The form for another password."""
    language, db = language_of(request), db_of(request)
    next_ = known(request.query_params.get("next", ""), pages_of(request))
    who = who_holds(db, token_of(request))
    if not who.account:
        return _go(_with("/sign-in", language, next_))
    return _password(request, language, who, next_)


@router.post("/password")
@router.post("/zh/password")
async def change(request: Request) -> Response:
    """Another password: every session of the account ends, and one begins."""
    language, given = language_of(request), await _given(request)
    return await run_in_threadpool(_change, request, language, given)


def begun(request: Request, token: str, to: str) -> Response:
    """Go on with a new session; the one that the request came with ends."""
    before = token_of(request)
    if before:
        end(db_of(request), before)
    response = _go(to)
    _set(request, response, COOKIE, token)
    response.delete_cookie(FORM, path="/", httponly=True, samesite="lax")
    return response


def failed(request: Request, language: Language, next_: str, wrong: Wrong, *, status: int = 403) -> Response:
    """The form again, with what was wrong."""
    return _form(request, language, next_, wrong=wrong, status=status)


def _enter(request: Request, language: Language, given: dict[str, str]) -> Response:
    db, pages = db_of(request), pages_of(request)
    next_, name = known(given.get("next", ""), pages), given.get("name", "")
    if not _trusted(request, given, "sign-in", request.cookies.get(FORM, "")):
        stale = Wrong(say(language, "signin_stale"), say(language, "signin_stale_remedy"))
        return _form(request, language, next_, wrong=stale, status=403, name=name)
    try:
        token, _ = sign_in(db, name, given.get("password", ""), address=address_of(request))
    except TooManyTries as fault:
        return _form(request, language, next_, wrong=waits(language, fault), status=429, name=name, wait=fault.wait)
    except AccessError:
        wrong = Wrong(
            say(language, "signin_wrong"), say(language, "signin_wrong_remedy"), (("name", ""), ("password", ""))
        )
        return _form(request, language, next_, wrong=wrong, status=403, name=name)
    who = who_holds(db, token)
    to = _with("/password", language, next_) if who.must_change else landing(who, next_, pages, language)
    return begun(request, token, to)


def _leave(request: Request, given: dict[str, str]) -> Response:
    db, token = db_of(request), token_of(request)
    language: Language = "zh" if given.get("language") == "zh" else "en"
    if who_holds(db, token).account and not _trusted(request, given, "sign-out", token):
        body = f"{say(language, 'signin_stale')} {say(language, 'password_nothing')}"
        return _page(notice_html(language, say(language, "signin_already_title"), body), status=403)
    if token:
        end(db, token)
    response = _go(_with("/sign-in", language, "", out="1"))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def _change(request: Request, language: Language, given: dict[str, str]) -> Response:
    db, token = db_of(request), token_of(request)
    next_ = known(given.get("next", ""), pages_of(request))
    who = who_holds(db, token)
    if not who.account:
        return _go(_with("/sign-in", language, next_))
    if not _trusted(request, given, "password", token):
        stale = Wrong(say(language, "signin_stale"), say(language, "signin_stale_remedy"))
        return _password(request, language, who, next_, wrong=stale, status=403)
    new = given.get("new", "")
    if wrong := _wrong_password(language, new, given.get("again", ""), by_id(db, who.account).name):
        return _password(request, language, who, next_, wrong=wrong, status=400)
    try:
        begins, _ = change_password(db, who.account, given.get("current", ""), new, address=address_of(request))
    except TooManyTries as fault:
        return _password(request, language, who, next_, wrong=waits(language, fault), status=429, wait=fault.wait)
    except AccessError:
        wrong = _nothing(language, "current", say(language, "password_wrong"))
        return _password(request, language, who, next_, wrong=wrong, status=403)
    except InputError:
        wrong = _nothing(language, "new", say(language, "password_same"))
        return _password(request, language, who, next_, wrong=wrong, status=400)
    return begun(request, begins, landing_of(request, begins, next_, language))


def _wrong_password(language: Language, new: str, again: str, name: str) -> Wrong | None:
    if fault := password_fault(new, name=name):
        return _nothing(language, "new", say(language, f"password_{fault}", least=LEAST, most=MOST))
    if new != again:
        return _nothing(language, "again", say(language, "password_differs"))
    return None


def _nothing(language: Language, field: str, said: str) -> Wrong:
    return Wrong(say(language, "password_nothing"), said, ((field, said),))


def waits(language: Language, fault: TooManyTries) -> Wrong:
    """That it was too soon, and how long to wait."""
    minutes = fault.wait >= 120
    wait = say(
        language, "signin_minutes" if minutes else "signin_seconds", n=-(-fault.wait // 60) if minutes else fault.wait
    )
    return Wrong(say(language, "signin_wait"), say(language, "signin_wait_remedy", wait=wait))


def _form(
    request: Request, language: Language, next_: str, *, wrong: Wrong | None = None, status: int = 200, name: str = "",
    done: str = "", wait: int = 0,
) -> Response:  # fmt: skip
    bound = request.cookies.get(FORM, "") or secrets.token_urlsafe(32)
    page = sign_in_html(
        language, token=form_token(db_of(request), "sign-in", bound), next_=next_, name=name, wrong=wrong, done=done,
        elsewhere=places(db_of(request), language, next_),
    )  # fmt: skip
    response = _page(page, status=status, wait=wait)
    _set(request, response, FORM, bound)
    return response


def _password(
    request: Request,
    language: Language,
    who: Who,
    next_: str,
    *,
    wrong: Wrong | None = None,
    status: int = 200,
    wait: int = 0,
) -> Response:
    db, token = db_of(request), token_of(request)
    account = by_id(db, who.account)
    if not account.has_password:
        return _page(notice_html(language, say(language, "password_title"), say(language, "password_elsewhere")))
    page = password_html(
        language, token=form_token(db, "password", token), out=form_token(db, "sign-out", token), next_=next_,
        who=account.name, forced=who.must_change, wrong=wrong,
    )  # fmt: skip
    return _page(page, status=status, wait=wait)


async def _given(request: Request) -> dict[str, str]:
    """The form's fields; nothing where the body is no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError):
        return {}


def _trusted(request: Request, given: dict[str, str], form: str, bound: str) -> bool:
    return from_our_page(request.headers) and form_fits(db_of(request), form, bound, given.get("form", ""))


def _page(body: str, *, status: int = 200, wait: int = 0) -> Response:
    # With no referrer at all the browser would not say whence a form comes.
    headers = {"Content-Security-Policy": policy(), "Referrer-Policy": "same-origin"}
    return HTMLResponse(body, status, headers | ({"Retry-After": str(wait)} if wait else {}))


def _go(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303)


def _set(request: Request, response: Response, name: str, value: str) -> None:
    # Without an age: it ends with the browser, and its session here by its own time.
    response.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")


def _with(path: str, language: Language, next_: str, **more: str) -> str:
    query = urlencode(({"next": next_} if next_ else {}) | more)
    return (f"/zh{path}" if language == "zh" else path) + (f"?{query}" if query else "")


def landing_of(request: Request, token: str, next_: str, language: Language) -> str:
    """Where to go on with a session that has just begun."""
    return landing(who_holds(db_of(request), token), next_, pages_of(request), language)


def language_of(request: Request) -> Language:
    """The language of the page that was asked for, by its address."""
    return "zh" if request.url.path.startswith("/zh/") else "en"


def address_of(request: Request) -> str:
    """Whence a request came; a trusted proxy's word where the settings name one."""
    return request.client.host if request.client else ""


def db_of(request: Request) -> Database:
    """The application's database."""
    found: Any = request.app.state.services.db
    db: Database = found
    return db


def pages_of(request: Request) -> tuple[Page, ...]:
    """The pages of those who sign in."""
    found: tuple[Page, ...] = request.app.state.staff.pages
    return found
