"""Signing in elsewhere: to the provider and back. What has to be remembered in between is in a cookie that only we can make."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.accounts.oidc import enter, load_rules
from agent.accounts.providers import Provider, SignOns, load_providers
from agent.accounts.throttle import ADDRESS, admit, take_back
from agent.app.signin.forms import form_token, keyed
from agent.app.signin.pages import Elsewhere, Wrong
from agent.app.signin.places import known
from agent.app.signin.protocol import Issuers, NotProved, authorization, redeem, verified
from agent.app.signin.told import Told
from agent.database import Database
from agent.messages import say
from agent.types import Language
from knowledge.errors import AccessError, AnamnesisError, ConfigError, TooManyTries

log = logging.getLogger("anamnesis.signin")

router = APIRouter(include_in_schema=False, route_class=Told)
BACK = "/sign-in/back"
COOKIE = "anamnesis_elsewhere"
_LIVES_S = 600
"""How long somebody may take at the provider."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One way to a provider and back. From `secret` come state, nonce and verifier; none of them is the secret."""

    secret: str
    issuer: str
    language: Language
    next: str
    ends: int

    def of(self, db: Database, name: str) -> str:
        """Its state, nonce or verifier: 64 hexadecimal digits."""
        return keyed(db, f"trip {name}", self.secret)


def places(db: Database, language: Language, next_: str) -> list[Elsewhere]:
    """Where else one can sign in; nowhere where the file is wrong, which is logged."""
    try:
        found = load_providers(db.home)
    except ConfigError as fault:
        log.error("Nobody can sign in elsewhere: %s", fault)
        return []
    prefix, query = "/zh" if language == "zh" else "", f"?{urlencode({'next': next_})}" if next_ else ""
    return [
        Elsewhere(_label(each, language), f"{prefix}/sign-in/with/{number}{query}")
        for number, each in enumerate(found.providers, 1)
    ]


@router.get("/sign-in/with/{number}")
@router.get("/zh/sign-in/with/{number}")
def go(request: Request, number: str) -> Response:
    """To the provider."""
    from agent.app.signin import routes

    language, db = routes.language_of(request), routes.db_of(request)
    next_ = known(request.query_params.get("next", ""), routes.pages_of(request))
    provider: Provider | None = None
    try:
        signons = load_providers(db.home)
        provider = (
            signons.providers[int(number) - 1]
            if number.isdecimal() and 0 < int(number) <= len(signons.providers)
            else None
        )
        if provider is None:
            return routes.failed(request, language, next_, _failed(language, None), status=404)
        trip = Trip(secrets.token_urlsafe(32), provider.issuer, language, next_, int(db.clock().timestamp()) + _LIVES_S)
        to = authorization(
            _issuers(request).of(provider), provider, back=_back(request, signons), state=trip.of(db, "state"),
            nonce=trip.of(db, "nonce"), verifier=trip.of(db, "verifier"), language="zh-CN" if language == "zh" else "en",
        )  # fmt: skip
    except AnamnesisError as fault:
        log.error("Signing in elsewhere cannot begin: %s", fault)
        return routes.failed(request, language, next_, _failed(language, provider), status=503)
    response = RedirectResponse(to, 303)
    response.set_cookie(
        COOKIE, _sealed(db, trip), max_age=_LIVES_S, path="/sign-in", httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.get(BACK)
def back(request: Request) -> Response:
    """From the provider: the code is redeemed, the ID token verified, and a session begins if a rule gives a role."""
    from agent.app.signin import routes

    db = routes.db_of(request)
    trip = _opened(db, request.cookies.get(COOKIE, ""))
    if trip is None:
        wrong = Wrong(say("en", "signin_stale"), say("en", "signin_stale_remedy"))
        return _over(routes.failed(request, "en", "", wrong))
    provider: Provider | None = None
    try:
        whence = admit(db, "sign_in from one address", routes.address_of(request), ADDRESS)
        signons = load_providers(db.home)
        provider = next((each for each in signons.providers if each.issuer == trip.issuer), None)
        claims = _claims(request, db, trip, provider, signons)
        token, _ = enter(db, load_rules(db.home), issuer=trip.issuer, subject=claims["sub"], claims=claims)
    except TooManyTries as fault:
        wrong = routes.waits(trip.language, fault)
        return _over(routes.failed(request, trip.language, trip.next, wrong, status=429))
    except NotProved as fault:
        log.warning("An identity was not proved: %s", fault)
        record = {"action": "sign_in", "account": "", "why": "identity not proved"}
        db.audit.append("denied", record, conversation="")
        return _over(routes.failed(request, trip.language, trip.next, _failed(trip.language, provider)))
    except AccessError:
        label = _label(provider, trip.language)
        wrong = Wrong(
            say(trip.language, "signin_elsewhere_no_role", label=label),
            say(trip.language, "signin_elsewhere_no_role_remedy"),
        )
        return _over(routes.failed(request, trip.language, trip.next, wrong))
    except AnamnesisError as fault:
        log.error("Signing in elsewhere failed: %s", fault)
        return _over(routes.failed(request, trip.language, trip.next, _failed(trip.language, provider), status=503))
    take_back(db, whence, ADDRESS)
    return _over(routes.begun(request, token, routes.landing_of(request, token, trip.next, trip.language)))


def _claims(request: Request, db: Database, trip: Trip, provider: Provider | None, signons: SignOns) -> Any:
    given = request.query_params
    if provider is None:
        raise NotProved("The provider is not in the file any more")
    if not hmac.compare_digest(given.get("state", "").encode("utf-8", "replace"), trip.of(db, "state").encode()):
        raise NotProved("The answer belongs to another question")
    # RFC 9207: where it says who answers, it is who was asked.
    if given.get("iss", provider.issuer) != provider.issuer:
        raise NotProved("Another issuer answers")
    if "error" in given or not given.get("code"):
        raise NotProved("The provider did not sign them in")
    issuers = _issuers(request)
    token = redeem(
        issuers.of(provider),
        provider,
        code=given["code"],
        back=_back(request, signons),
        verifier=trip.of(db, "verifier"),
    )
    return verified(issuers, provider, token, nonce=trip.of(db, "nonce"))


def _sealed(db: Database, trip: Trip) -> str:
    row = [trip.secret, trip.issuer, trip.language, trip.next, trip.ends]
    body = base64.urlsafe_b64encode(json.dumps(row).encode()).decode()
    return f"{body}.{form_token(db, 'trip', body)}"


def _opened(db: Database, cookie: str) -> Trip | None:
    body, _, mark = cookie.rpartition(".")
    if not body or not hmac.compare_digest(mark.encode("utf-8", "replace"), form_token(db, "trip", body).encode()):
        return None
    secret, issuer, language, next_, ends = json.loads(base64.urlsafe_b64decode(body))
    trip = Trip(secret, issuer, "zh" if language == "zh" else "en", next_, ends)
    return trip if trip.ends > db.clock().timestamp() else None


def _over(response: Response) -> Response:
    response.delete_cookie(COOKIE, path="/sign-in", httponly=True, samesite="lax")
    return response


def _failed(language: Language, provider: Provider | None) -> Wrong:
    label = _label(provider, language)
    return Wrong(say(language, "signin_elsewhere_failed", label=label), say(language, "signin_elsewhere_remedy"))


def _label(provider: Provider | None, language: Language) -> str:
    if provider is None:
        return say(language, "signin_elsewhere_default")
    return (provider.label_zh or provider.label) if language == "zh" else provider.label


def _back(request: Request, signons: SignOns) -> str:
    return f"{signons.here or str(request.base_url).rstrip('/')}{BACK}"


def _issuers(request: Request) -> Issuers:
    state = request.app.state
    if not hasattr(state, "issuers"):
        state.issuers = Issuers()
    found: Issuers = state.issuers
    return found
