"""The chat's server in this process with a scripted turn: what Gradio keeps, logs and lets run side by side."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import replace

import pytest

from agent.accounts import people
from agent.accounts.sessions import begin_in, who_holds
from agent.accounts.types import Who
from agent.api import serve
from agent.api import turns as turns_module
from agent.api.application import create_app
from agent.app import handlers, web
from agent.app.conversations import CLOSED_S
from agent.app.desk import Desk
from agent.app.staff.who import COOKIE
from agent.audit import AuditLog
from agent.build import Agent
from agent.config import Settings
from agent.database import open_ground
from agent.messages import say
from agent.records.conversations import mine
from agent.types import Answer, Done, Message, Sentence, Status, Triage, Urgency

SECRET = "My name is Mary Johnson, mail mary@example.org"
HOME = Triage("self_care", has_symptom=True)
EMERGENCY = Triage("emergency", where="ambulance", has_symptom=True)


class Server:
    """A page's requests, as a browser makes them."""

    def __init__(self, url: str, demo, desk: Desk, now: list[float]) -> None:
        import httpx

        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.demo, self.desk, self.now = demo, desk, now
        config = self.client.get("/config").json()
        functions, named = config["dependencies"], {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        self.ask_index = next(f["id"] for f in functions if any(t[1] == "submit" for t in f["targets"]))
        self.act_index = next(f["id"] for f in functions if [named["act"], "click"] in f["targets"])
        self.token_at = functions[self.act_index]["outputs"].index(named["token"])

    def agree(self, session: str, *kinds: str) -> str:
        """The token of a conversation in which what is needed was agreed to, and `kinds`."""
        given = json.dumps({"act": "agree", "health": True} | {kind: True for kind in kinds})
        last = json.loads(self.call(session, self.act_index, [given, "", "en", "GB"])[-1])
        return str(last["output"]["data"][self.token_at])

    def ask(self, session: str, text: str, *, token: str | None = None) -> list[str]:
        """Every message of the stream, up to the end; without a token the consent is given first."""
        token = self.agree(session) if token is None else token
        return self.call(session, self.ask_index, [text, token, "en", "GB", "patient"])

    def call(self, session: str, index: int, data: list[str]) -> list[str]:
        body = {"data": data, "fn_index": index, "session_hash": session}
        self.client.post("/gradio_api/queue/join", json=body).raise_for_status()
        seen = []
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    seen.append(line[5:])
                    if json.loads(line[5:])["msg"] in ("process_completed", "close_stream"):
                        break
        return seen


@pytest.fixture(scope="module")
def server(free_port, tmp_path_factory):
    pytest.importorskip("gradio")
    settings, now = Settings(home=tmp_path_factory.mktemp("home"), port=free_port), [0.0]
    db = open_ground(settings)
    agent = Agent(settings, "abc", None, None, AuditLog(db.engine, db.vault))
    desk = Desk(lambda: agent, clock=lambda: now[0])
    demo = web.build_app(lambda: agent, settings, desk=desk)
    served = serve.Server(create_app(lambda: agent, settings, chat=demo, db=db), host="127.0.0.1", port=settings.port)
    served.start()
    yield Server(f"http://127.0.0.1:{settings.port}", demo, desk, now)
    served.close()


@pytest.fixture
def session() -> str:
    return uuid.uuid4().hex


def run_as(monkeypatch, script):
    def run(agent, state, message, *, redactor, intake=None, cancel=None):
        yield from script(state, message, redactor, cancel)

    monkeypatch.setattr(turns_module, "run_turn", run)


def done(state, message, redactor, triage=HOME):
    answer = Answer("answer", triage.level, "Rest.", "en", triage, banner="**Home**")
    return Done(answer, replace(state, messages=(*state.messages, Message("user", redactor.redact(message).text))))


def test_gradio_forgets_a_page_when_we_do_and_logs_none_of_it(server, session, monkeypatch, capfd, caplog):
    def script(state, message, redactor, cancel):
        yield Status(say("en", "status_urgency"))
        yield Urgency(HOME, "**Home**")
        yield Sentence("Rest.")
        yield done(state, message, redactor)

    run_as(monkeypatch, script)
    seen = "".join(server.ask(session, SECRET))
    assert "Rest." in seen and "mary@example.org" in seen  # the person's own bubble, on their own page
    assert "Mary" in str(server.demo.state_holder.session_data[session].config_values)
    server.desk.open.close_session(session)
    server.now[0] += CLOSED_S + 1
    server.desk.sweep()
    assert session not in server.demo.state_holder.session_data
    said = "".join(capfd.readouterr()) + caplog.text
    assert "Mary" not in said and "mary@" not in said


@pytest.mark.parametrize("broken", ["turn", "view"])
def test_a_fault_shows_no_traceback_and_logs_no_words(server, session, monkeypatch, capfd, caplog, broken):
    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        raise RuntimeError(message)

    run_as(monkeypatch, script)
    if broken == "view":
        real = handlers.view.turn_html

        def turn_html(turn):
            if turn.said:
                raise RuntimeError(turn.said)
            return real(turn)

        monkeypatch.setattr(handlers.view, "turn_html", turn_html)
    seen = server.ask(session, SECRET)
    shown = json.dumps(seen)
    assert "Something went wrong on our side" in shown and "999" in shown
    assert "Traceback" not in shown and "RuntimeError" not in shown
    said = "".join(capfd.readouterr()) + caplog.text
    assert "RuntimeError" in caplog.text and "Mary" not in said and "mary@" not in said


def test_an_emergency_does_not_wait_for_another_persons_answer(server, monkeypatch):
    release, writing = threading.Event(), threading.Event()

    def script(state, message, redactor, cancel):
        if "chest" not in message:
            yield Status(say("en", "status_writing"))
            writing.set()
            assert release.wait(timeout=20)
            yield done(state, message, redactor)
            return
        yield Urgency(EMERGENCY, "**Call 999**")
        yield done(state, message, redactor, EMERGENCY)

    run_as(monkeypatch, script)
    slow: list[list[str]] = []
    threads = [threading.Thread(target=lambda: slow.append(server.ask(uuid.uuid4().hex, "a cold"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert writing.wait(timeout=10)
    assert 'role=\\\\\\"alert' in json.dumps(server.ask(uuid.uuid4().hex, "my chest hurts")) and not slow
    release.set()
    for thread in threads:
        thread.join(timeout=20)
    assert len(slow) == 3


def test_a_page_that_is_closed_midway_leaves_nothing_running(server, session, monkeypatch):
    stopped = threading.Event()

    def script(state, message, redactor, cancel):
        yield Urgency(HOME, "**Home**")
        assert cancel.wait(timeout=20)
        stopped.set()
        yield done(state, message, redactor)

    run_as(monkeypatch, script)
    client, token = server.client, server.agree(session)
    with client.stream("GET", f"/gradio_api/heartbeat/{session}") as heart:
        beats = heart.iter_lines()  # kept: httpx hangs up when nobody holds it
        assert "ALIVE" in next(beats)
        body = {"data": ["a cold", token, "en", "", "patient"], "fn_index": server.ask_index, "session_hash": session}
        client.post("/gradio_api/queue/join", json=body).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
            next(line for line in lines.iter_lines() if "Home" in line)
    assert stopped.wait(timeout=20), "nobody reads any more, and the model still writes"
    (held,) = (held for held in server.desk.open.all() if held.session == session)
    until = time.monotonic() + 10
    while held.lock.locked() and time.monotonic() < until:
        time.sleep(0.05)
    assert not held.lock.locked() and held.closed
    assert held.state.messages[0].text == "a cold"


def test_a_page_whose_conversation_was_forgotten_is_told_and_agrees_anew(server, session, monkeypatch):
    run_as(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    assert say("en", "app_forgotten")[:40] in json.dumps(server.ask(session, "hello", token="gone"))
    assert say("en", "app_forgotten")[:40] not in json.dumps(server.ask(uuid.uuid4().hex, "hello"))


def test_without_a_consent_the_server_takes_no_message(server, session, monkeypatch):
    run_as(monkeypatch, lambda *told: pytest.fail("a message was read that nobody agreed to"))
    seen = json.dumps(server.ask(session, SECRET, token=""))
    assert say("en", "patient_consent_title") in seen and "999" in seen and "mary@" not in seen
    assert not [held for held in server.desk.open.all() if held.session == session]


def test_a_page_that_is_left_tells_its_token_and_is_gone(server, session, monkeypatch):
    run_as(monkeypatch, lambda state, message, redactor, cancel: iter([done(state, message, redactor)]))
    token = server.agree(session, "review")
    server.ask(session, SECRET, token=token)
    held = server.desk.open.find(token)
    owner = Who(holds=frozenset({held.state.id}))
    assert mine(server.desk.db, owner) and session in server.demo.state_holder.session_data
    assert server.client.post("/leave", content="nobody's token" * 100).status_code == 204
    assert server.client.get("/leave").status_code == 405 and server.desk.open.find(token) is held
    assert server.client.post("/leave", content=token).status_code == 204
    assert server.desk.open.find(token) is None and not mine(server.desk.db, owner)
    assert session not in server.demo.state_holder.session_data
    assert server.client.post("/leave", content=token).status_code == 204


def test_leaving_signs_out_too(server):
    account = people.add(server.desk.db, "ann", "patient", "a long enough secret", by="test")
    with server.desk.db.writing() as connection:
        opened, _ = begin_in(server.desk.db, connection, account.id, "patient")
    gone = server.client.post("/leave", content="", cookies={COOKIE: opened})
    assert gone.status_code == 204 and f'{COOKIE}=""' in gone.headers["set-cookie"]
    assert not who_holds(server.desk.db, opened).account


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/info"), ("GET", "/gradio_api/openapi.json"), ("GET", "/docs"), ("GET", "/monitoring"),
        ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/deep_link?session_hash=x"), ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/file=/etc/hostname"), ("POST", "/gradio_api/call/ask"), ("POST", "/gradio_api/run/predict"),
    ],
)  # fmt: skip
def test_nothing_but_the_chat_answers(server, method, path):
    assert server.client.request(method, path).status_code == 404


def test_the_page_names_no_other_host_to_load_from(server):
    import re

    page = server.client.get("/").text + server.client.get("/theme.css").text
    loads = re.findall(
        r"(?:src|href)=[\"'](https?://[^\"']+)|url\([\"']?(https?://[^\"')]+)|@import[^;]*(https?://[^;]+)", page
    )
    hosts = {part.split("/")[2] for found in loads for part in found if part}
    assert hosts <= {f"127.0.0.1:{server.client.base_url.port}"}
    config = server.client.get("/config").json()
    assert config["analytics_enabled"] is False and config["run_history"] is False and not config["footer_links"]
