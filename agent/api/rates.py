"""How many requests a key and an address may make, counted in this process's memory over a window that slides."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from math import ceil
from time import time
from typing import TYPE_CHECKING

from agent.config import Settings
from knowledge.errors import ConfigError, TooManyTries

if TYPE_CHECKING:
    from limits import RateLimitItem


class Rates:
    """The limits that the settings name. Any thread may ask.

    Raises:
        ConfigError: a rate that is none.
    """

    def __init__(self, settings: Settings) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._key = _rate("api_rate", settings.api_rate)
        self._address = _rate("api_address_rate", settings.api_address_rate)

    def admit_address(self, address: str) -> None:
        """Count a request from an address; an IPv6 network of /64 counts as one. Raises TooManyTries."""
        self._admit(self._address, "address", _network(address))

    def admit_key(self, prefix: str) -> None:
        """Count a request of the key that begins so. Raises TooManyTries."""
        self._admit(self._key, "key", prefix)

    def _admit(self, rate: RateLimitItem, kind: str, who: str) -> None:
        if self._limiter.hit(rate, kind, who):
            return
        wait = max(1, ceil(self._limiter.get_window_stats(rate, kind, who).reset_time - time()))
        raise TooManyTries("Too many requests", expected=f"at most {rate}", remedy=f"Try again in {wait} s", wait=wait)


def _rate(setting: str, text: str) -> RateLimitItem:
    from limits import parse

    try:
        return parse(text)
    except ValueError as fault:
        raise ConfigError(f"{setting} is {text!r}", expected="such as 600/minute or 20/second") from fault


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{known}/64", strict=False)) if known.version == 6 else str(known)
