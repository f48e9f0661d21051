"""What every route works with, and who asks: a key's account within its scopes and its rate."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from agent.accounts.keys import who_bears
from agent.accounts.permissions import may, require
from agent.accounts.types import VISITOR, Who
from agent.api.faults import NoKey
from agent.api.metrics import Metrics
from agent.api.rates import Rates
from agent.api.turns import Turns
from agent.build import Agent
from agent.config import Settings
from agent.database import Database

_BEARER = HTTPBearer(
    auto_error=False, description="An API key: `anamnesis accounts keys add NAME --for WORDS --scope chat`"
)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one application. `opener` gives the agent, waiting until it is ready; `ready` says whether it is."""

    opener: Callable[[], Agent]
    ready: Callable[[], bool]
    settings: Settings
    db: Database
    turns: Turns
    metrics: Metrics
    rates: Rates


def services(request: Request) -> Services:
    """The services of the application that a request came to."""
    found: Services = request.app.state.services
    return found


House = Annotated[Services, Depends(services)]


class Needs:
    """A route's condition: whoever asks may do `action`, and asks not too often."""

    def __init__(self, action: str, *, on_loopback: bool = False) -> None:
        self._action, self._on_loopback = action, on_loopback

    def __call__(
        self,
        request: Request,
        house: House,
        given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Who:
        """Who asks.

        Raises:
            NoKey: no key came where one is needed, or none that is one.
            TooManyTries: too many requests of this key or address.
            AccessError: the key may not; recorded.
        """
        house.rates.admit_address(request.client.host if request.client else "")
        if given is None:
            if self._on_loopback and from_loopback(request):
                return VISITOR
            if not (house.settings.api_visitors and may(VISITOR, self._action)):
                raise NoKey(
                    "No API key came", expected="Authorization: Bearer KEY", remedy="Ask the operator for a key"
                )
            return VISITOR
        who = who_bears(house.db, given.credentials)
        if who is VISITOR:
            raise NoKey("That is no API key, or it has ended", expected="Authorization: Bearer KEY",
                        remedy="Ask the operator for a key")  # fmt: skip
        house.rates.admit_key(given.credentials[:16])
        require(house.db, who, self._action)
        request.scope["role"] = who.role
        return who


def from_loopback(request: Request) -> bool:
    """Whether a request comes from this machine itself: not through a proxy, nor from a page that only names it so."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    return _is_loopback(request.client.host) and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
