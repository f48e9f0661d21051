"""Who proves identities for us: the OpenID providers of `oidc.toml`, beside its rules. Data; the protocol is elsewhere."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from knowledge.errors import ConfigError

FILE = "oidc.toml"
_EXPECTED = (
    'tables [[provider]] with issuer = "https://...", client_id and label; client_secret_env and scopes if needed'
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One OpenID provider.

    `client_secret_env` names the environment variable that holds the secret; without one the client is a public one, and PKCE
    alone protects the code. `label` and `label_zh` are what people know it by.
    """

    issuer: str
    client_id: str
    label: str
    label_zh: str = ""
    client_secret_env: str = ""
    scopes: tuple[str, ...] = ("openid",)

    def secret(self) -> str:
        """The client's secret, "" for a public client.

        Raises:
            ConfigError: the variable it names is not set.
        """
        if not self.client_secret_env:
            return ""
        found = os.environ.get(self.client_secret_env, "")
        if not found:
            raise ConfigError(
                f"{self.client_secret_env}, which {FILE} names for {self.issuer}, is not set",
                remedy="Set it, or leave client_secret_env out for a public client",
            )
        return found


@dataclass(frozen=True, slots=True)
class SignOns:
    """What `oidc.toml` says of signing in elsewhere. `here` is this server's own address as browsers know it, "" to take theirs."""

    providers: tuple[Provider, ...] = ()
    here: str = ""


def load_providers(home: Path) -> SignOns:
    """The providers of this installation, none where there is no file.

    Raises:
        ConfigError: a provider that is none, or `here` is no address.
    """
    file = home / FILE
    if not file.is_file():
        return SignOns()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{file} cannot be read: {fault}", expected=_EXPECTED) from fault
    here = data.get("here", "")
    if here and not (isinstance(here, str) and secure(here) and urlsplit(here).path in ("", "/")):
        raise ConfigError(
            f"{file} has a `here` that is none", expected='such as here = "https://anamnesis.hospital.example"'
        )
    found = tuple(_provider(row, number, file) for number, row in enumerate(data.get("provider", []), 1))
    return SignOns(found, here.rstrip("/"))


def secure(address: str) -> bool:
    """Whether an address is https, or http on this machine itself: there nobody listens in between."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _provider(row: Any, number: int, file: Path) -> Provider:
    wrong = ConfigError(f"Provider {number} of {file} is none", expected=_EXPECTED)
    names = {field.name for field in fields(Provider)}
    if not isinstance(row, dict) or set(row) - names:
        raise wrong
    scopes = row.get("scopes", ["openid"])
    given = {"label_zh": "", "client_secret_env": ""} | {name: value for name, value in row.items() if name != "scopes"}
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    if set(texts) != names - {"scopes"}:
        raise wrong
    if not isinstance(scopes, list) or not all(isinstance(each, str) and each.split() == [each] for each in scopes):
        raise wrong
    if not texts["client_id"] or not texts["label"] or not secure(texts["issuer"]) or urlsplit(texts["issuer"]).query:
        raise wrong
    # Without this scope it is another protocol, which proves no identity.
    return Provider(**texts, scopes=tuple(dict.fromkeys(("openid", *scopes))))
