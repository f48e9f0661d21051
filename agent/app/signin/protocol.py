"""OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636): ask, redeem the code, verify the ID token.

Only the ID token is read, and of it what the rules need; no access token is kept and no other address is asked about the person.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from agent.accounts.providers import Provider, is_loopback, secure
from knowledge.errors import AccessError, AnamnesisError

ALGORITHMS = ("RS256", "ES256")
_TIMEOUT_S = 10.0
_MOST_BYTES = 1_000_000
_KNOWN_S = 3600.0
_AGAIN_S = 60.0
"""For an unknown key they are asked for anew at most this often: made-up keys shall not have us ask for ever."""
_LEEWAY_S = 60


class ProviderFault(AnamnesisError):
    """The provider cannot be reached, or answers what the protocol does not allow."""

    retry = True


class NotProved(AccessError):
    """What came back does not prove an identity to us."""


@dataclass(slots=True)
class Issuer:
    """What a provider says of itself. `keys` by key id; `asked` is when they were asked for, monotonic."""

    authorize: str
    token: str
    jwks: str
    basic: bool
    keys: dict[str, Any] = field(default_factory=dict)
    asked: float = 0.0
    known: float = 0.0


class Issuers:
    """Discovery documents and keys, kept for an hour."""

    def __init__(self) -> None:
        self._found: dict[str, Issuer] = {}
        self._lock = threading.Lock()

    def of(self, provider: Provider) -> Issuer:
        """What the provider says of itself (OpenID Connect Discovery 1.0).

        Raises:
            ProviderFault: it cannot be reached, is of another issuer, or names addresses that are not https.
        """
        with self._lock:
            found = self._found.get(provider.issuer)
            if found is None or time.monotonic() - found.known > _KNOWN_S:
                found = self._found[provider.issuer] = _discovered(provider)
            return found

    def key(self, provider: Provider, id_: str, algorithm: str) -> Any:
        """The public key that a token says it was signed with.

        Raises:
            NotProved: the provider has no such key.
            ProviderFault: its keys cannot be read.
        """
        issuer = self.of(provider)
        with self._lock:
            old = not issuer.asked or time.monotonic() - issuer.asked > _AGAIN_S
            if old and _fitting(issuer, id_, algorithm) is None:
                issuer.keys, issuer.asked = _keys(issuer.jwks), time.monotonic()
            found = _fitting(issuer, id_, algorithm)
        if found is None:
            raise NotProved("The token is signed with a key that its issuer does not have")
        return found


def authorization(
    issuer: Issuer, provider: Provider, *, back: str, state: str, nonce: str, verifier: str, language: str
) -> str:
    """Where the browser is sent to sign in; it comes back to `back`."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = urlencode({
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": back, "scope": " ".join(provider.scopes),
        "state": state, "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256", "ui_locales": language,
    })  # fmt: skip
    return f"{issuer.authorize}{'&' if urlsplit(issuer.authorize).query else '?'}{query}"


def redeem(issuer: Issuer, provider: Provider, *, code: str, back: str, verifier: str) -> str:
    """The ID token for a code.

    Raises:
        NotProved: the provider does not take the code.
        ProviderFault: it cannot be reached, or gives no token.
        ConfigError: the client's secret is not set.
    """
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    secret, headers = provider.secret(), {}
    if secret and issuer.basic:
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        given |= {"client_id": provider.client_id} | ({"client_secret": secret} if secret else {})
    status, body = _fetch("POST", issuer.token, data=given, headers=headers)
    if 400 <= status < 500:
        raise NotProved("The provider did not take the code")
    token = body.get("id_token") if status == 200 else None
    if not isinstance(token, str):
        raise ProviderFault("The provider gave no ID token", expected="an id_token beside the access token")
    return token


def verified(issuers: Issuers, provider: Provider, token: str, *, nonce: str) -> Mapping[str, Any]:
    """The claims of an ID token: its signature, issuer, audience, times and nonce are right (OpenID Connect Core, 3.1.3.7).

    Raises:
        NotProved: one of them is not.
        ProviderFault: the issuer's keys cannot be read.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as fault:
        raise NotProved("That is no ID token") from fault
    algorithm = str(header.get("alg", ""))
    if algorithm not in ALGORITHMS:
        # "none" and keys that are only a shared secret among them: those anybody could make.
        raise NotProved("The token is signed in a way that is not taken", expected=" or ".join(ALGORITHMS))
    key = issuers.key(provider, str(header.get("kid", "")), algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=provider.client_id, issuer=provider.issuer, leeway=_LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )  # fmt: skip
    except jwt.PyJWTError as fault:
        raise NotProved(f"The ID token is not right ({type(fault).__name__})") from fault
    if claims.get("nonce") != nonce:
        raise NotProved("The ID token answers another question")
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise NotProved("The ID token was given to another client")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise NotProved("The ID token names nobody")
    return claims


def _discovered(provider: Provider) -> Issuer:
    status, said = _fetch("GET", provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if status != 200 or said.get("issuer") != provider.issuer:
        raise ProviderFault(
            f"{provider.issuer} has no discovery document of its own", expected="one that names that issuer"
        )
    ends = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    # An address that only this machine reaches is taken only from a provider on this machine.
    local = is_loopback(urlsplit(provider.issuer).hostname or "")
    if not all(isinstance(end, str) and secure(end) and (local or end.startswith("https://")) for end in ends):
        raise ProviderFault(f"{provider.issuer} names addresses that cannot be used", expected="https")
    ways = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    authorize, token, jwks = map(str, ends)
    return Issuer(authorize, token, jwks, "client_secret_basic" in ways, known=time.monotonic())


def _keys(address: str) -> dict[str, Any]:
    import jwt

    status, said = _fetch("GET", address)
    if status != 200 or not isinstance(said.get("keys"), list):
        raise ProviderFault("The provider's keys cannot be read")
    found: dict[str, Any] = {}
    for number, row in enumerate(said["keys"]):
        try:
            key = jwt.PyJWK.from_dict(row)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue
        if key.public_key_use in (None, "sig"):
            found[key.key_id or f" {number}"] = key
    return found


def _fitting(issuer: Issuer, id_: str, algorithm: str) -> Any:
    """The key of an id, and of the kind that the algorithm needs; without an id the only one there is."""
    kind = "RSA" if algorithm.startswith("RS") else "EC"
    named = [key for name, key in issuer.keys.items() if (not id_ or name == id_) and key.key_type == kind]
    return named[0] if len(named) == 1 else None


def _fetch(method: str, address: str, **given: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer; no redirect is followed."""
    import httpx

    # A proxy of the environment would be asked for this machine too.
    trusting = not is_loopback(urlsplit(address).hostname or "")
    body = bytearray()
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_S, trust_env=trusting, follow_redirects=False) as client,
            client.stream(method, address, **given) as answer,
        ):
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise ProviderFault("The provider's answer is too large")
            status = answer.status_code
    except httpx.HTTPError as fault:
        raise ProviderFault(
            f"The provider cannot be reached ({type(fault).__name__})", remedy="Try again later"
        ) from fault
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    return status, said if isinstance(said, dict) else {}
