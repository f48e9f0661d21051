"""OpenID Connect against a provider that signs with real keys, both served on loopback; and what must not let anybody in."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from agent.accounts import people, providers
from agent.app.signin import protocol
from agent.app.staff.who import COOKIE
from agent.config import load
from agent.database import open_ground
from agent.messages import say
from knowledge.errors import ConfigError
from tests.agent.api_served import _free_port

CLIENT, SECRET = "anamnesis", "a secret: with/marks"


class Provider:
    """An OpenID provider that knows one person and asks nothing. `twist` changes the claims, `sign` the way they are signed."""

    def __init__(self, port: int, registered: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        self.issuer, self.registered = f"http://127.0.0.1:{port}", registered
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.codes: dict[str, dict[str, str]] = {}
        self.reset()

    def reset(self) -> None:
        self.twist: Any = lambda claims: claims
        self.sign: Any = lambda claims: self.signed(claims)
        self.says: dict[str, Any] = {}
        self.tell: dict[str, str] = {}

    def signed(self, claims: dict[str, Any], *, key: Any = None, algorithm: str = "RS256", kid: str = "one") -> str:
        import jwt

        return jwt.encode(claims, key or self.rsa, algorithm=algorithm, headers={"kid": kid})

    def discovery(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks"} | self.says  # fmt: skip

    def jwks(self) -> dict[str, Any]:
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        keys = ((RSAAlgorithm, self.rsa, "one"), (ECAlgorithm, self.ec, "two"))
        return {"keys": [{**json.loads(kind.to_jwk(key.public_key())), "kid": kid, "use": "sig"} for kind, key, kid in keys]}

    def authorize(self, query: dict[str, str]) -> str | None:
        asked = query.get("response_type") == "code" and query.get("client_id") == CLIENT and query.get("code_challenge_method") == "S256"
        if not asked or query["redirect_uri"] != self.registered or "openid" not in query["scope"].split():
            return None
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{self.registered}?{urlencode({'code': code, 'state': query['state']} | self.tell)}"

    def token(self, authorization: str, given: dict[str, str]) -> dict[str, str] | None:
        pair = base64.b64encode(f"{CLIENT}:a%20secret%3A%20with%2Fmarks".encode()).decode()
        asked = self.codes.pop(given.get("code", ""), None)
        if asked is None or authorization != f"Basic {pair}" or given["redirect_uri"] != self.registered:
            return None
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if challenge != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "u-7", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
                  "groups": ["physicians"], "name": "Gwendolyn Johnson", "email": "gwendolyn@hospital.example"}  # fmt: skip
        return {"id_token": self.sign(self.twist(claims)), "access_token": "never-kept", "token_type": "Bearer"}

    def app(self) -> Any:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import JSONResponse, RedirectResponse, Response
        from starlette.routing import Route

        async def token(request: Request) -> Response:
            given = dict(parse_qsl((await request.body()).decode()))
            found = self.token(request.headers.get("authorization", ""), given)
            return JSONResponse(found) if found else JSONResponse({"error": "invalid_grant"}, 400)

        def authorize(request: Request) -> Response:
            to = self.authorize(dict(request.query_params))
            return RedirectResponse(to, 303) if to else JSONResponse({"error": "invalid_request"}, 400)

        return Starlette(routes=[
            Route("/.well-known/openid-configuration", lambda request: JSONResponse(self.discovery())),
            Route("/jwks", lambda request: JSONResponse(self.jwks())), Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
        ])  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[Any]:
    """Our server and the provider."""
    pytest.importorskip("jwt")
    from agent.api.application import create_app
    from agent.api.serve import Server

    folder, port, theirs = tmp_path_factory.mktemp("oidc"), _free_port(), _free_port()
    url = f"http://127.0.0.1:{port}"
    provider = Provider(theirs, f"{url}/sign-in/back")
    (folder / providers.FILE).write_text(
        f'[[provider]]\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\nclient_secret_env = "TEST_OIDC_SECRET"\n'
        'label = "St. Elsewhere"\nlabel_zh = "圣某医院"\nscopes = ["groups"]\n'
        f'[[rule]]\nissuer = "{provider.issuer}"\nclaim = "groups"\nvalue = "physicians"\nrole = "clinician"\n',
        encoding="utf-8",
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("TEST_OIDC_SECRET", SECRET)
    settings = replace(load(home=folder, engine="none"), port=port)
    db = open_ground(settings)
    app = create_app(lambda: None, settings, db=db, pages=())  # type: ignore[arg-type, return-value]
    servers = [Server(app, host="127.0.0.1", port=port), Server(provider.app(), host="127.0.0.1", port=theirs)]
    for server in servers:
        server.start()
    try:
        yield SimpleNamespace(db=db, url=url, provider=provider, app=app, folder=folder)
    finally:
        for server in servers:
            server.close()
        db.engine.dispose()
        patch.undo()


@pytest.fixture
def browser(world) -> Iterator[httpx.Client]:
    world.provider.reset()
    world.app.state.issuers = protocol.Issuers()
    with httpx.Client(base_url=world.url, trust_env=False, timeout=60) as client:
        yield client


def _out(browser: httpx.Client, **query: str) -> str:
    """To the provider and to the address that it sends the browser back to."""
    away = browser.get("/sign-in/with/1", params=query)
    assert away.status_code == 303, away.text
    there = browser.get(away.headers["location"])
    return str(there.headers["location"])


def _everything(world: Any) -> str:
    from sqlalchemy import inspect, text

    with world.db.reading() as connection:
        tables = inspect(connection).get_table_names()
        return "".join(str(row) for name in tables for row in connection.execute(text(f'SELECT * FROM "{name}"')))


def test_who_the_provider_proves_and_a_rule_names_is_in_and_nothing_of_them_is_kept(world, browser):
    page = browser.get("/zh/sign-in?next=/").text
    assert say("zh", "signin_with", label="圣某医院") in page and "/zh/sign-in/with/1?next=%2F" in page
    away = browser.get("/zh/sign-in/with/1?next=/")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["scope"] == ["openid groups"] and asked["ui_locales"] == ["zh-CN"] and asked["redirect_uri"] == [f"{world.url}/sign-in/back"]
    done = browser.get(browser.get(away.headers["location"]).headers["location"])
    assert done.status_code == 303 and done.headers["location"] == "/" and COOKIE in browser.cookies
    (account,) = people.listed(world.db)
    assert account.role == "clinician" and account.name.startswith("oidc-") and not account.has_password
    kept = _everything(world)
    assert "u-7" in kept and not any(word in kept for word in ("Gwendolyn", "gwendolyn", "never-kept", "eyJ"))
    assert say("en", "password_elsewhere") in browser.get("/password").text
    assert browser.get(_out(browser, next="https://evil.example/")).headers["location"] == "/"


def test_a_key_for_elliptic_curves_and_one_that_is_new_are_taken(world, browser):
    provider = world.provider
    provider.sign = lambda claims: provider.signed(claims, key=provider.ec, algorithm="ES256", kid="two")
    assert browser.get(_out(browser)).status_code == 303 and COOKIE in browser.cookies
    two = [{"aud": [CLIENT, "another"], "azp": CLIENT}, {"aud": [CLIENT]}]
    for given in two:
        provider.twist = lambda claims, given=given: claims | given
        browser.cookies.clear()
        assert browser.get(_out(browser)).status_code == 303 and COOKIE in browser.cookies


def _none(provider: Provider, claims: dict[str, Any]) -> str:
    import jwt

    return jwt.encode(claims, None, algorithm="none")


def _shared(provider: Provider, claims: dict[str, Any]) -> str:
    """Signed with the client's secret, and with the public key as if that were one."""
    import jwt

    return jwt.encode(claims, SECRET * 2, algorithm="HS256", headers={"kid": "one"})


def _foreign(provider: Provider, claims: dict[str, Any]) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return provider.signed(claims, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _unknown_key(provider: Provider, claims: dict[str, Any]) -> str:
    return provider.signed(claims, kid="nine")


def _cut(provider: Provider, claims: dict[str, Any]) -> str:
    head, body, _ = provider.signed(claims).split(".")
    return f"{head}.{body}."


def _swapped(provider: Provider, claims: dict[str, Any]) -> str:
    """Another body under a good signature."""
    head, _, mark = provider.signed(claims).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "u-1"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{mark}"


# Times are from now, and the names of the tests must not be: processes that run them side by side compare the names.
LONG_AGO, FAR_AHEAD = -7200, 7200


@pytest.mark.parametrize("twist", [
    {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": [CLIENT, "another"]}, {"azp": "another"}, {"exp": LONG_AGO},
    {"iat": FAR_AHEAD}, {"iss": "https://evil.example"}, {"sub": ""}, {"exp": None}, {"iat": None}, {"aud": None}, {"sub": None},
], ids=str)  # fmt: skip
def test_a_token_with_a_wrong_claim_lets_nobody_in(world, browser, twist):
    twist = {name: value + int(time.time()) if name in ("exp", "iat") and value else value for name, value in twist.items()}
    world.provider.twist = lambda claims: {name: value for name, value in (claims | twist).items() if value is not None}
    _refused(world, browser, _out(browser))


@pytest.mark.parametrize("sign", [_none, _shared, _foreign, _unknown_key, _cut, _swapped, lambda provider, claims: "no token"])
def test_a_token_that_the_issuer_did_not_sign_lets_nobody_in(world, browser, sign):
    world.provider.sign = lambda claims: sign(world.provider, claims)
    _refused(world, browser, _out(browser))


def _refused(world: Any, browser: httpx.Client, to: str) -> None:
    done = browser.get(to)
    assert done.status_code == 403 and COOKIE not in browser.cookies, done.headers
    assert say("en", "signin_elsewhere_failed", label="St. Elsewhere") in done.text and "Gwendolyn" not in done.text
    assert "identity not proved" in _everything(world)


def test_an_answer_to_another_question_lets_nobody_in(world, browser):
    to = _out(browser)
    for change in ({"state": "x"}, {"state": ""}, {"iss": "https://evil.example"}, {"code": "x"}, {"code": ""}, {"error": "access_denied"}):
        query = dict(parse_qsl(urlsplit(to).query)) | change
        _refused(world, browser, f"/sign-in/back?{urlencode(query)}")
        to = _out(browser)
    # Another browser, which did not ask: somebody was sent a link to come in as somebody else.
    with httpx.Client(base_url=world.url, trust_env=False) as other:
        assert other.get(to).status_code == 403 and COOKIE not in other.cookies
        other.cookies.set("anamnesis_elsewhere", "e30=.0", domain="127.0.0.1", path="/sign-in")
        assert other.get(to).status_code == 403 and COOKIE not in other.cookies
    assert browser.get(to).status_code == 303
    assert browser.get(to).status_code == 403, "a code is good once, and so is the cookie"


def test_the_way_back_is_to_this_server_and_the_provider_holds_it_so(world, browser):
    away = browser.get("/sign-in/with/1", headers={"host": "evil.example"})
    assert browser.get(away.headers["location"]).status_code == 400


def test_who_has_no_rule_is_told_so_and_has_no_account(world, browser):
    world.provider.twist = lambda claims: claims | {"sub": "u-8", "groups": ["kitchen"]}
    before = len(people.listed(world.db))
    done = browser.get(_out(browser))
    assert done.status_code == 403 and "nobody has given you a role" in done.text and len(people.listed(world.db)) == before


@pytest.mark.parametrize("says", [
    {"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": "file:///etc/passwd"},
    {"authorization_endpoint": None},
])  # fmt: skip
def test_a_provider_that_says_what_it_may_not_is_not_asked(world, browser, says):
    world.provider.says = says
    away = browser.get("/sign-in/with/1")
    assert away.status_code == 503 and say("en", "signin_elsewhere_failed", label="St. Elsewhere") in away.text
    assert browser.get("/sign-in/with/2").status_code == 404 and browser.get("/sign-in/with/x").status_code == 404


@pytest.mark.parametrize("rows", [
    '[[provider]]\nissuer = "http://plain.example"\nclient_id = "a"\nlabel = "b"', '[[provider]]\nissuer = "https://a.example"\nlabel = "b"',
    '[[provider]]\nissuer = "https://a.example"\nclient_id = "a"\nlabel = "b"\nscopes = "openid"',
    '[[provider]]\nissuer = "https://a.example"\nclient_id = "a"\nlabel = "b"\nclient_secret = "in clear"',
    '[[provider]]\nissuer = "https://u@a.example"\nclient_id = "a"\nlabel = "b"', 'here = "http://plain.example"', "provider = [1]",
])  # fmt: skip
def test_a_provider_that_is_none_is_refused(tmp_path, rows):
    (tmp_path / providers.FILE).write_text(rows)
    with pytest.raises(ConfigError):
        providers.load_providers(tmp_path)


def test_a_secret_is_in_the_environment_and_not_in_the_file(monkeypatch):
    provider = providers.Provider("https://a.example", "id", "label", client_secret_env="TEST_NOT_SET")
    monkeypatch.delenv("TEST_NOT_SET", raising=False)
    with pytest.raises(ConfigError, match="is not set"):
        provider.secret()
