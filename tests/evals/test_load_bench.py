"""The load test's own parts: what its model writes and how fast it says that it does, and what is made of turns and memory."""

from __future__ import annotations

import json
import random

import pytest

from evals import bench_load, bench_load_ends

PROMPT = """Passages:
<<<
[2] Colds — How long?
A cold lasts about a week. Rest, and drink enough! See a doctor after 10 days. And more.
>>>
Question: How long does a cold last?"""


def test_the_model_says_the_first_passages_sentences_with_their_key():
    said = "".join(bench_load_ends.written(f"Passages:\n<<<\n[1] An example\nNot this.\n>>>\n{PROMPT}"))
    assert said == "A cold lasts about a week [2]. Rest, and drink enough [2]! See a doctor after 10 days [2]."
    assert "".join(bench_load_ends.written("<<<\n>>>\nQuestion: x")) == "NOT FOUND"
    assert len(bench_load_ends.written("<<<\n[1] 感冒\n感冒通常一周左右会好。多休息。\n>>>")) > 5


def test_the_model_counts_its_tokens_and_its_own_seconds():
    client = pytest.importorskip("starlette.testclient").TestClient(bench_load_ends.model_app())
    text = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "<<<\n[1] A\nRest.\n>>>"}]}).text
    rows = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert rows[-1]["usage"]["completion_tokens"] == len(rows) - 2 == 2
    assert client.get("/spent").json() == {"calls": 1, "seconds": pytest.approx(2 / 30)}


def test_our_overhead_is_the_turn_without_the_model_and_a_faulty_turn_is_in_no_percentile():
    turns = [bench_load.Turn(2.5, 0.1, tokens=60, kind="answer", minute=3), bench_load.Turn(0.2, 0.1, kind="emergency"), bench_load.Turn(9.0, fault="cut off")]
    options = bench_load._options(["--seconds", "100"])
    memory = [(0.0, 100.0, 60.0), (20.0, 200.0, 90.0), (60.0, 202.0, 91.0), (100.0, 204.0, 92.0)]
    report = bench_load._report(turns, memory, options)
    assert report["faults"] == {"cut off": 1} and report["overhead_ms"]["n"] == 2
    assert report["overhead_p95_ms_each_minute"] == {0: 200.0, 3: 500.0}
    assert report["overhead_ms_with_model"]["p50"] == 500.0 and report["overhead_ms_without_model"]["p50"] == 200.0
    # The warm-up, in which memory rises, is left out of the slope: 4 MB in 80 s after it.
    assert report["memory_mb"]["slope_a_minute_after_warm_up"] == 3.0 and report["memory_mb"]["least"] == 100.0
    assert report["memory_mb"]["own_slope_a_minute_after_warm_up"] == 1.5 and report["memory_mb"]["own_end"] == 92.0


def test_hardly_any_conversation_says_what_another_said():
    told = [bench_load._told(random.Random(number)) for number in range(300)]
    assert all(len(each) == 4 and "{" not in "".join(each) for each in told)
    assert len({each[0] for each in told}) > 270
    assert any(not each[0].isascii() for each in told) and any(each[0].isascii() for each in told)


def test_an_answer_is_written_where_the_endpoint_cannot_count_tokens(monkeypatch):
    from agent.engines.openai import OpenAI
    from agent.generate import fit
    from knowledge.errors import EngineBusy, EngineError
    from knowledge.types import Passage

    model = OpenAI(base_url="http://127.0.0.1:9/v1", model="scripted")
    passages = [Passage(**{**{name: "" for name in Passage.__dataclass_fields__}, "text": "word " * 40}) for _ in range(3)]
    for fault, kept in ((EngineError("it does not count tokens"), 1), (EngineBusy("it is not there"), None)):
        def tokens(text, fault=fault):
            raise fault

        monkeypatch.setattr(model, "tokens", tokens)
        if kept is None:
            with pytest.raises(EngineBusy):
                fit(passages, "q", model=model, budget=150)
        else:
            assert len(fit(passages, "q", model=model, budget=150)) == kept
