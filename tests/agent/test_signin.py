"""Signing in, out and another password, and the guard in front of the pages of those who sign in: a served application, over HTTP."""

# No `from __future__ import annotations`: Gradio reads the real annotation of a handler.
import json
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from agent.accounts import passwords, people, sessions
from agent.accounts.first import ensure_operator
from agent.accounts.passwords import Strength
from agent.app.staff.who import COOKIE
from agent.config import load
from agent.database import open_ground, utc_now
from agent.messages import say
from tests.agent.api_served import _free_port

WEAK = Strength(passes=1, memory=8, lanes=1)
GOOD, OTHER = "eleven quiet lamps beside a fence", "seven grey parcels by the river"


def _build(house: Any, language: Any) -> Any:
    import gradio as gr

    from agent.app.staff.frame import frame
    from agent.app.staff.who import who_asks

    def go(words: str, request: gr.Request) -> str:
        return f"{who_asks(request).role} said {words}"

    with gr.Blocks() as demo:
        frame(house, DESK, language)
        box, button, shown = gr.Textbox(label="words"), gr.Button("Go"), gr.HTML()
        button.click(go, box, shown, api_visibility="private")
    return demo


def _broken(house: Any, language: Any) -> Any:
    raise RuntimeError("Jane Doe's page")


def _page(path: str, action: str, build: Any, upload: int = 0) -> Any:
    from agent.app.staff.types import Page

    return Page(path, action, "app_title", build, upload)


DESK: Any = None


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[Any]:
    """A server with three pages and an account of each role; `later` moves its clock."""
    global DESK
    pytest.importorskip("gradio")
    from agent.api.application import create_app
    from agent.api.serve import Server

    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_hasher", lambda strength, real=passwords._hasher: real(WEAK))
    folder = tmp_path_factory.mktemp("doors")
    settings = replace(load(home=folder, engine="none"), port=_free_port())
    clock = SimpleNamespace(later=timedelta())
    db = open_ground(settings, clock=lambda: utc_now() + clock.later)
    DESK = _page("/desk", "review", _build)
    pages = (DESK, _page("/bench", "run_evals", _build, upload=1000), _page("/operate", "manage_accounts", _broken))

    def agent() -> Any:
        raise AssertionError("no page needs the agent")

    app = create_app(agent, settings, db=db, pages=pages)
    server = Server(app, host="127.0.0.1", port=settings.port)
    server.start()
    for role in ("patient", "clinician", "evaluator", "operator"):
        people.add(db, f"the.{role}", role, GOOD, by="test")
    try:
        yield SimpleNamespace(db=db, url=f"http://127.0.0.1:{settings.port}", app=app, clock=clock)
    finally:
        server.close()
        db.engine.dispose()
        patch.undo()


@pytest.fixture
def browser(house) -> Iterator[httpx.Client]:
    """What keeps cookies as a browser does, and goes nowhere by itself."""
    with httpx.Client(base_url=house.url, trust_env=False, timeout=60) as client:
        yield client


def _form(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to an address."""
    (form,) = re.findall(rf'<form method="post" action="{action}"[^>]*>(.*?)</form>', page)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def _sign_in(client: httpx.Client, name: str, password: str = GOOD, *, at: str = "/sign-in", next_: str = "", **headers: str) -> httpx.Response:
    page = client.get(at, params={"next": next_} if next_ else {})
    fields = _form(page.text, at) | {"name": name, "password": password}
    return client.post(at, data=fields, headers=headers)


def _audit(db: Any, kind: str) -> list[dict[str, Any]]:
    from sqlalchemy import text

    with db.reading() as connection:
        rows = connection.execute(text("SELECT payload FROM audit WHERE kind = :k ORDER BY number"), {"k": kind}).scalars()
        return [json.loads(row) for row in rows]


def test_a_clinician_comes_in_by_the_form_and_the_page_works(house, browser):
    away = browser.get("/desk/")
    assert away.status_code == 303 and away.headers["location"] == "/sign-in?next=%2Fdesk"
    page = browser.get(away.headers["location"])
    assert page.status_code == 200 and "<script" not in page.text and 'autocomplete="current-password"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"] and page.headers["cache-control"] == "no-store"
    done = _sign_in(browser, " The.Clinician ", next_="/desk")
    assert done.status_code == 303 and done.headers["location"] == "/desk/"
    cookie = next(each for each in done.headers.get_list("set-cookie") if each.startswith(COOKIE))
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and "Path=/" in cookie and "secure" not in cookie.lower()
    desk = browser.get("/desk/")
    assert desk.status_code == 200 and desk.headers["cache-control"] == "no-store" and "frame-ancestors" in desk.headers["content-security-policy"]
    assert browser.get("/zh/desk/").status_code == 200
    for base in ("/desk", "/zh/desk"):
        assert _call(browser, base, "hello") == "clinician said hello"
    bar = _call(browser, "/desk", load=True)
    assert "the.clinician (clinician)" in bar and 'href="/zh/desk/"' in bar and "/bench" not in bar
    gone = browser.post("/sign-out", data=_form(bar, "/sign-out"))
    assert gone.status_code == 303 and gone.headers["location"] == "/sign-in?out=1"
    assert say("en", "signin_out_done") in browser.get(gone.headers["location"]).text
    assert browser.get("/desk/").status_code == 303 and browser.get("/desk/config").status_code == 401


def _call(client: httpx.Client, base: str, *data: str, load: bool = False) -> str:
    """One event of a page, through Gradio's queue, as the page does it."""
    config = client.get(f"{base}/config").json()
    number = next(each["id"] for each in config["dependencies"] if (each["targets"][0][1] == "load") == load)
    session = f"s{number}{base.count('/')}"
    body = {"data": list(data), "fn_index": number, "session_hash": session}
    client.post(f"{base}/gradio_api/queue/join", json=body, headers={"sec-fetch-site": "same-origin"}).raise_for_status()
    with client.stream("GET", f"{base}/gradio_api/queue/data", params={"session_hash": session}) as lines:
        for line in lines.iter_lines():
            if "process_completed" in line:
                found: str = json.loads(line.removeprefix("data:"))["output"]["data"][0]
                return found
    raise AssertionError("the event did not end")


def test_each_role_has_its_pages_and_a_denial_is_recorded_once(house, browser):
    before = len(_audit(house.db, "denied"))
    assert _sign_in(browser, "the.evaluator", next_="/desk").headers["location"] == "/desk/"
    for _ in range(3):
        refused = browser.get("/desk/")
        assert refused.status_code == 403 and "the.evaluator (evaluator)" in refused.text and 'href="/bench/"' in refused.text
        assert browser.get("/desk/config").status_code == 403
        assert browser.post("/desk/gradio_api/queue/join", json={}).status_code == 403
        assert browser.get("/zh/desk/gradio_api/heartbeat/x").status_code == 403
    denied = _audit(house.db, "denied")[before:]
    assert [(row["action"], row["role"]) for row in denied] == [("review", "evaluator")]
    assert browser.get("/bench/").status_code == 200
    with httpx.Client(base_url=house.url, trust_env=False) as visitor:
        for _ in range(3):
            assert visitor.get("/desk/").status_code == 303 and visitor.get("/desk/config").status_code == 401
    assert len(_audit(house.db, "denied")) == before + 1, "who is not signed in leaves nothing in the chain"


@pytest.mark.parametrize("path", [
    "/desk/gradio_api/info", "/desk/gradio_api/file=/etc/passwd", "/desk/gradio_api/upload", "/desk/gradio_api/proxy=http://x",
    "/desk/login", "/desk/gradio_api/openapi.json", "/desk/gradio_api/run/predict", "/desk/gradio_api/call/x", "/bench/../desk/gradio_api/info",
])  # fmt: skip
def test_what_a_page_does_not_need_is_not_there(browser, path):
    _sign_in(browser, "the.clinician")
    assert browser.get(path).status_code == 404 and browser.post(path, content=b"{}").status_code == 404


def test_a_file_may_be_sent_only_where_a_page_takes_one_and_not_too_large(browser):
    def send(size: int, base: str = "/bench") -> int:
        return browser.post(f"{base}/gradio_api/upload", files={"files": ("a.txt", b"x" * size)}).status_code

    assert send(10) == 401
    _sign_in(browser, "the.evaluator")
    assert send(10) == 200 and send(70_000) == 413 and send(10, "/desk") == 404


def test_another_page_of_this_host_sends_nothing_in_our_name(house, browser):
    _sign_in(browser, "the.clinician")
    body = {"data": ["x"], "fn_index": 1, "session_hash": "a"}
    for headers in ({"origin": "http://127.0.0.1:9"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        assert browser.post("/desk/gradio_api/queue/join", json=body, headers=headers).status_code == 403
    ours = {"origin": "null", "sec-fetch-site": "same-origin"}
    assert browser.post("/desk/gradio_api/queue/join", json=body, headers=ours).status_code == 200
    assert browser.get("/sign-in").headers["referrer-policy"] == browser.get("/desk/").headers["referrer-policy"] == "same-origin"
    with httpx.Client(base_url=house.url, trust_env=False) as other:
        fields = _form(other.get("/sign-in").text, "/sign-in") | {"name": "the.clinician", "password": GOOD}
        assert other.post("/sign-in", data=fields, headers={"origin": "https://evil.example"}).status_code == 403
        taken = {"form": fields["form"]}
        other.cookies.clear()
        assert other.post("/sign-in", data=fields).status_code == 403, "a token is good for the browser that was given it"
        assert COOKIE not in other.cookies
    bar = _call(browser, "/desk", load=True)
    assert browser.post("/sign-out", data=taken).status_code == 403 and browser.get("/desk/").status_code == 200
    assert browser.post("/password", data={**taken, "current": GOOD, "new": OTHER, "again": OTHER}).status_code == 403
    assert browser.post("/sign-out", data=_form(bar, "/sign-out"), headers={"origin": house.url}).status_code == 303


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/desk@evil.example", "/\\evil.example", "/unknown", "javascript:1", "/desk/../x"])
def test_nobody_is_sent_elsewhere_after_signing_in(browser, next_):
    assert _sign_in(browser, "the.evaluator", next_=next_).headers["location"] == "/bench/"


def test_the_same_words_for_an_unknown_name_and_a_wrong_password_and_then_a_wait(house, browser):
    people.add(house.db, "slow.one", "clinician", GOOD, by="test")
    wrong, unknown = _sign_in(browser, "slow.one", "wrong"), _sign_in(browser, "nobody.here", "wrong")
    assert wrong.status_code == unknown.status_code == 403
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", unknown.text) and say("en", "signin_wrong") in wrong.text
    assert '<title>Error: ' in wrong.text and 'aria-describedby="fault"' in wrong.text and 'value="slow.one"' in wrong.text
    assert '"wrong"' not in wrong.text, "no password comes back"
    for _ in range(5):
        _sign_in(browser, "slow.one", "wrong")
    waits = _sign_in(browser, "slow.one")
    assert waits.status_code == 429 and int(waits.headers["retry-after"]) >= 1 and say("en", "signin_wait") in waits.text
    assert say("zh", "signin_wait") in _sign_in(browser, "slow.one", at="/zh/sign-in").text
    hostile = _sign_in(browser, '"><script>alert(1)</script>')
    assert "<script" not in hostile.text


def test_a_given_password_has_to_be_changed_before_anything_opens(house, browser):
    people.add(house.db, "new.one", "clinician", GOOD, by="test", must_change=True)
    done = _sign_in(browser, "new.one", next_="/desk", at="/zh/sign-in")
    assert done.headers["location"] == "/zh/password?next=%2Fdesk%2F"
    assert browser.get("/desk/").headers["location"] == "/password?next=%2Fdesk"
    assert browser.get("/desk/config").status_code == 403
    old = browser.cookies[COOKIE]
    page = browser.get("/zh/password?next=/desk")
    assert say("zh", "password_forced") in page.text and 'autocomplete="new-password"' in page.text

    def change(current: str, new: str, again: str) -> httpx.Response:
        return browser.post("/zh/password", data=_form(page.text, "/zh/password") | {"current": current, "new": new, "again": again})

    for given, id_, status in (((GOOD, "short", "short"), "password_short", 400), ((GOOD, OTHER, "x"), "password_differs", 400),
                               (("no", OTHER, OTHER), "password_wrong", 403), ((GOOD, GOOD, GOOD), "password_same", 400)):  # fmt: skip
        wrong = change(*given)
        assert wrong.status_code == status and say("zh", id_, least=passwords.LEAST) in wrong.text and "aria-invalid" in wrong.text
        assert GOOD not in wrong.text and OTHER not in wrong.text
    done = change(GOOD, OTHER, OTHER)
    assert done.status_code == 303 and done.headers["location"] == "/desk/" and browser.cookies[COOKIE] != old
    assert browser.get("/desk/").status_code == 200
    assert not sessions.who_holds(house.db, old).account, "the session of before has ended"


def test_a_session_ends_by_itself_and_at_once_when_the_role_changes(house, browser):
    people.add(house.db, "moved.one", "clinician", GOOD, by="test")
    _sign_in(browser, "moved.one")
    assert browser.get("/desk/config").status_code == 200
    people.set_role(house.db, people.named(house.db, "moved.one").id, "evaluator", by="test")
    assert browser.get("/desk/config").status_code == 401
    _sign_in(browser, "moved.one")
    assert browser.get("/bench/config").status_code == 200
    house.clock.later = timedelta(minutes=31)
    try:
        assert browser.get("/bench/config").status_code == 401
    finally:
        house.clock.later = timedelta()


def test_a_page_that_asks_by_itself_keeps_no_session_alive(house, browser):
    _sign_in(browser, "the.clinician")
    alone = {"x-anamnesis-unattended": "1"}
    try:
        house.clock.later = timedelta(minutes=20)
        assert browser.get("/desk/config", headers=alone).status_code == 200
        house.clock.later = timedelta(minutes=29)
        assert browser.get("/desk/config").status_code == 200, "a hand: from here the idle time counts anew"
        house.clock.later = timedelta(minutes=50)
        assert browser.get("/desk/config", headers=alone).status_code == 200
        house.clock.later = timedelta(minutes=60)
        assert browser.get("/desk/config", headers=alone).status_code == 401
    finally:
        house.clock.later = timedelta()


def test_a_page_that_cannot_be_made_says_so_and_nothing_of_why(browser):
    _sign_in(browser, "the.operator")
    broken = browser.get("/operate/")
    assert broken.status_code == 500 and say("en", "staff_broken_title") in broken.text and "Jane" not in broken.text


def test_a_cookie_alone_opens_nothing_of_the_api(house, browser):
    _sign_in(browser, "the.operator")
    paths = house.app.openapi()["paths"]
    assert len(paths) > 8
    for path, methods in paths.items():
        if path.startswith(("/v1", "/api/v1")):
            for method in methods:
                answer = browser.request(method, re.sub(r"\{\w+\}", "x", path), json={} if method == "post" else None)
                assert answer.status_code == 401, f"{method} {path}"
    assert not any("sign" in path or "password" in path for path in paths)


def test_who_is_signed_in_is_shown_and_may_go_on(browser):
    _sign_in(browser, "the.patient")
    page = browser.get("/sign-in")
    assert "the.patient (patient)" in page.text and 'href="/"' in page.text and 'href="/password"' in page.text
    assert browser.post("/sign-out", data=_form(page.text, "/sign-out")).status_code == 303


def test_the_first_operator_comes_in_with_the_password_that_was_said(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", lambda strength, real=passwords._hasher: real(WEAK))
    db, said = open_ground(load(home=tmp_path, engine="none")), []
    threads = [threading.Thread(target=ensure_operator, args=(db, said.append)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1 and people.named(db, "operator").must_change


def test_a_proxy_that_is_named_is_believed_and_no_other(house, browser):
    from agent.api.serve import Server

    port = _free_port()
    behind = Server(house.app, host="127.0.0.1", port=port, forwarded="127.0.0.1")
    behind.start()
    said = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7", "origin": house.url}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            client.headers["host"] = house.url.removeprefix("http://")
            secure = client.get("/sign-in", headers=said)
            fields = _form(secure.text, "/sign-in") | {"name": "the.patient", "password": GOOD}
            # The client here speaks http and would keep a cookie for https to itself.
            bound = secure.headers["set-cookie"].partition(";")[0]
            done = client.post("/sign-in", data=fields, headers=said | {"cookie": bound})
    finally:
        behind.close()
    assert done.status_code == 303 and all("secure" in each.lower() for each in done.headers.get_list("set-cookie") if COOKIE in each)
    assert "secure" not in browser.get("/sign-in", headers=said).headers["set-cookie"].lower()


def test_many_who_sign_in_well_from_one_address_are_not_made_to_wait(house, browser):
    from agent.accounts.login import sign_in
    from agent.accounts.throttle import ADDRESS
    from knowledge.errors import AccessError, TooManyTries

    for _ in range(ADDRESS.free + 5):
        sign_in(house.db, "the.patient", GOOD, address="198.51.100.9")
    for number in range(ADDRESS.free):
        with pytest.raises(AccessError, match="do not belong"):
            sign_in(house.db, f"guess.{number}", "x", address="198.51.100.9")
    # Now the guesses count, and a good one in between does not wash them away.
    with pytest.raises(AccessError, match="do not belong"):
        sign_in(house.db, "guess.last", "x", address="198.51.100.9")
    with pytest.raises(TooManyTries):
        sign_in(house.db, "the.patient", GOOD, address="198.51.100.9")


def test_denials_of_visitors_do_not_fill_the_chain_and_those_of_accounts_are_all_there(house):
    from agent.accounts.permissions import deny
    from agent.accounts.throttle import VISITORS
    from agent.accounts.types import VISITOR, Who
    from knowledge.errors import AccessError

    def denied(who: Any, times: int) -> int:
        before = len(_audit(house.db, "denied"))
        for _ in range(times):
            with pytest.raises(AccessError):
                deny(house.db, who, "read_conversation")
        return len(_audit(house.db, "denied")) - before

    assert denied(VISITOR, 3) == 3
    assert denied(VISITOR, VISITORS.free + 40) < VISITORS.free + 10
    assert denied(Who(account="a", role="evaluator"), 30) == 30


def test_what_is_past_its_time_goes_once_a_day(tmp_path):
    from agent.api.daily import Daily

    clock = SimpleNamespace(now=utc_now())
    db = open_ground(load(home=tmp_path, engine="none"), clock=lambda: clock.now)
    account = people.add(db, "the.patient", "patient", None, by="test")
    with db.writing() as connection:
        sessions.begin_in(db, connection, account.id, "patient")
    clock.now += timedelta(hours=25)
    daily, done = Daily(db), []
    threads = [threading.Thread(target=lambda: done.append(Daily(db).once())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True] and sessions.end_all(db, account.id) == 0
    assert not daily.once()
    clock.now += timedelta(hours=24)
    assert daily.once()
    (tmp_path / "retention.toml").write_text("[anonymous]\ndefault = 0")
    clock.now += timedelta(hours=24)
    told = _Told()
    logging.getLogger("anamnesis.daily").addHandler(told)
    failing = Daily(db, first=0)
    failing.start()
    try:
        assert told.came.wait(60) and "The daily work failed: ConfigError" in told.said
    finally:
        failing.close()
        logging.getLogger("anamnesis.daily").removeHandler(told)


def test_a_changed_record_is_found_by_the_day_and_told_to_log_and_numbers(tmp_path):
    from agent.api.daily import Daily
    from agent.api.metrics import Metrics

    clock = SimpleNamespace(now=utc_now())
    db = open_ground(load(home=tmp_path, engine="none"), clock=lambda: clock.now)
    db.audit.append("turn", {"kind": "answer"}, conversation="one")
    metrics, told = Metrics(), _Told()
    daily = Daily(db, metrics=metrics)
    assert daily.once()
    assert b'audit_verified_timestamp_seconds{outcome="whole"}' in metrics.page(None, queued=0)
    with db.writing() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET payload = '{}' WHERE payload IS NOT NULL")
    clock.now += timedelta(hours=25)
    logging.getLogger("anamnesis.daily").addHandler(told)
    try:
        assert daily.once()
    finally:
        logging.getLogger("anamnesis.daily").removeHandler(told)
    page = metrics.page(None, queued=0)
    assert b'audit_verified_timestamp_seconds{outcome="broken"}' in page and b'{outcome="whole"}' not in page
    assert told.said.startswith("The audit chain is broken: the content of record")


class _Told(logging.Handler):
    """Waits for a line of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.said = threading.Event(), ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = record.getMessage()
        self.came.set()
