"""Many at once: nothing of one conversation in another, nothing left over, and a client that goes away ends its turn."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from agent.engines.scripted import ScriptedModel
from tests.agent.api_served import serving

AT_ONCE = 20
# A word of each person's own, which is no identifier.
EATEN = ["trifle", "lasagne", "custard", "porridge", "bagel", "samosa", "falafel", "risotto", "gnocchi", "paella", "crumpet", "pretzel", "biryani", "moussaka", "ravioli", "strudel", "waffle", "dumpling", "kebab", "quiche"]
COLD = "I've had a runny nose and a sore throat for two days, I'm 30, no fever. Do I need antibiotics?"
ASKED = [
    ("How long does shingles last?", "answer"), ("Can a cold cause a fever?", "answer"), ("I feel unwell", "clarify"),
    ("my dad has crushing chest pain and is sweating", "emergency"), ("我嗓子疼两天了，要吃抗生素吗？", "answer"),
    ("I want to kill myself", "crisis"), ("Who won the election?", "out_of_scope"), ("What is asthma?", "answer"),
]  # fmt: skip


def until(done, seconds=20):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


class Endless(ScriptedModel):
    """Writes until it is cancelled."""

    def __init__(self):
        super().__init__([])
        self.began, self.ended = threading.Event(), threading.Event()

    def stream(self, request, *, cancel=None):
        from agent.types import Piece

        self.began.set()
        while not (cancel is not None and cancel.is_set()):
            time.sleep(0.02)
            yield Piece("word ")
        self.ended.set()
        yield Piece("", "cancelled", 1, 1)


def test_twenty_streams_at_once_say_what_each_says_alone(served):
    client = served.openai()
    questions = [ASKED[number % len(ASKED)] for number in range(AT_ONCE)]
    together = threading.Barrier(AT_ONCE)

    def ask(text, *, wait=True):
        if wait:
            together.wait(timeout=60)
        talk = [{"role": "user", "content": text}]
        chunks = list(client.chat.completions.create(model="anamnesis", messages=talk, stream=True))
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return said, chunks[-1].model_extra["anamnesis"]

    alone = {text: ask(text, wait=False) for text, _ in ASKED}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(ask, [text for text, _ in questions]))
    for (text, kind), (said, own) in zip(questions, found, strict=True):
        assert own["kind"] == kind and said == alone[text][0], text
    assert len({own["conversation"] for _, own in found}) == AT_ONCE
    assert served.app.state.services.turns.writing == 0
    assert served.db.audit.verify().fault == ""


def test_conversations_kept_side_by_side_hold_each_its_own(served):
    people = [(word, served.key(keeps=True)) for word in EATEN]

    def talk(person):
        word, key = person
        with served.client(key) as client:
            first = client.post("/api/v1/ask", json={"text": f"I ate a {word} and have a cold", "store": True}).json()
            client.post("/api/v1/ask", json={"text": f"still the {word}", "conversation": first["conversation"]}).raise_for_status()
            return client.get("/api/v1/export").text

    assert len(people) == AT_ONCE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        exports = list(pool.map(talk, people))
    for (word, _), export in zip(people, exports, strict=True):
        assert export.count(word) >= 2
        assert not [other for other, _ in people if other != word and other in export]
    assert served.db.audit.verify().fault == ""


def test_two_turns_of_one_conversation_do_not_run_at_once(api_agent, tmp_path):
    model = Endless()
    with serving(api_agent, tmp_path, model=model) as served:
        key = served.key(keeps=True)
        with served.client(key) as client:
            kept = client.post("/api/v1/ask", json={"text": "I feel unwell", "store": True}).json()
            assert kept["kind"] == "clarify" and kept["kept"]
            name = {"conversation": kept["conversation"], "intake": False}
            body = {"model": "anamnesis", "stream": True, "messages": [{"role": "user", "content": COLD}], "anamnesis": name}
            with served.client(key) as first, first.stream("POST", "/v1/chat/completions", json=body):
                assert model.began.wait(timeout=30)
                assert client.post("/v1/chat/completions", json=body).status_code == 409
            assert until(lambda: not served.app.state.services.turns._taken)
            # The one that was left is gone; the next may speak.
            again = client.post("/api/v1/ask", json={"text": "my dad has crushing chest pain", "conversation": kept["conversation"]})
            assert again.json()["kind"] == "emergency"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_its_turn(api_agent, tmp_path, stream):
    model = Endless()
    with serving(api_agent, tmp_path, model=model) as served:
        turns, metrics = served.app.state.services.turns, served.app.state.services.metrics
        body = {"model": "anamnesis", "stream": stream, "messages": [{"role": "user", "content": COLD}]}
        if stream:
            with served.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
                next(response.iter_lines())
                assert model.began.wait(timeout=30)
        else:
            with pytest.raises(httpx.ReadTimeout), served.client() as client:
                client.post("/v1/chat/completions", json=body, timeout=5)
        assert model.ended.wait(timeout=20), "nobody reads any more, and the model still writes"
        assert until(lambda: turns._running == 0 and turns.writing == 0 and not turns._cancels)
        assert until(lambda: "anamnesis_turns_cancelled_total 1.0" in metrics.page(None, queued=0).decode())


def test_where_everything_is_busy_that_is_said_and_an_emergency_number_with_it(api_agent, tmp_path):
    model = Endless()
    with serving(api_agent, tmp_path, model=model, turns=1) as served:
        body = {"model": "anamnesis", "stream": True, "messages": [{"role": "user", "content": COLD}]}
        with served.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.status_code == 200 and model.began.wait(timeout=30)
            with served.client() as other:
                busy = other.post("/v1/chat/completions", json=body)
                assert busy.status_code == 503 and busy.headers["retry-after"] and "emergency number" in busy.json()["error"]["message"]
                assert other.post("/api/v1/triage", json={"text": "my chest hurts"}).status_code == 200


def test_the_server_ends_while_a_turn_is_at_work(api_agent, tmp_path):
    model = Endless()
    began = 0.0
    with serving(api_agent, tmp_path, model=model) as served:
        body = {"model": "anamnesis", "stream": True, "messages": [{"role": "user", "content": COLD}]}
        thread = threading.Thread(target=lambda: suppressed_stream(served, body), daemon=True)
        thread.start()
        assert model.began.wait(timeout=30)
        began = time.monotonic()
    assert model.ended.wait(timeout=5) and time.monotonic() - began < 10


def suppressed_stream(served, body):
    with suppress(httpx.HTTPError), served.client() as client:
        client.post("/v1/chat/completions", json=body)


def test_nothing_grows_with_the_turns_that_are_over(served):
    turns = served.app.state.services.turns
    with served.client() as client:
        for _ in range(5):
            client.post("/api/v1/ask", json={"text": "a cold"}).raise_for_status()
        until(lambda: turns._running == 0)
        gc.collect()
        threads = threading.active_count()
        for _ in range(15):
            client.post("/api/v1/ask", json={"text": "a cold"}).raise_for_status()
    assert until(lambda: turns._running == 0) and not turns._cancels and not turns._taken
    assert until(lambda: threading.active_count() <= threads + 2)
