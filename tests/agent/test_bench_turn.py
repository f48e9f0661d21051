"""The red-team box: a turn with all its stages is the turn that is served, and nothing that was typed is in it or is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.accounts.types import Who
from agent.api.metrics import Metrics
from agent.api.tracing import Traces
from agent.api.turns import Asked, Finished, Turns
from agent.app.bench import cases
from agent.app.bench.show_trace import STAGES, trace_html
from agent.app.bench.trace import trace
from agent.app.bench.turn import Question, earlier_of, run
from agent.app.bench.watch import Watched, watching
from agent.app.staff.types import House
from agent.database import open_ground
from agent.types import ChatRequest, Piece
from evals import owncases
from evals.casebank import triage_cases
from knowledge.errors import InputError

WHO = Who("e", "evaluator")
PHONE, NAME = "020 7946 0958", "Margaret Holloway"
CHEST = f"My dad has crushing chest pain and is sweating. I am {NAME}, call me on {PHONE}"
COLD = f"Runny nose and sore throat for two days, do I need antibiotics? I am {NAME}, call me on {PHONE}"


class Written:
    """A model that writes one sentence that a passage bears out and one that none does."""

    name, weights, adapter, context, concurrency = "written", "w", "", 4096, 1

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        return "\n".join(f"<{message['role']}>{message['content']}" for message in messages)

    def tokens(self, text: str) -> list[int]:
        return list(range(len(text) // 4))

    def stream(self, request: ChatRequest, *, cancel: Any = None) -> Iterator[Piece]:
        yield Piece("Antibiotics do not help colds, because viruses cause colds [1]. ")
        yield Piece("Take 900 mg of amoxicillin every hour [1].")
        yield Piece("", finish="stop", prompt_tokens=10, completion_tokens=20)

    def close(self) -> None:
        return None


@pytest.fixture(scope="module")
def house(api_agent: Any, tmp_path_factory: Any) -> House:
    settings = replace(api_agent.settings, home=tmp_path_factory.mktemp("box"))
    agent, db, metrics = replace(api_agent, settings=settings), open_ground(settings), Metrics()
    return House(lambda: agent, lambda: True, settings, db, Turns(lambda: agent, db, metrics, Traces()), metrics)


def traced(house: House, message: str, **given: Any) -> dict[str, Any]:
    return trace(run(house, Question(message, **given), WHO, metrics=Metrics()), weights={})


def served(house: House, message: str) -> Finished:
    for event in house.turns.run(Asked(message=message), WHO, threading.Event()):
        if isinstance(event, Finished):
            return event
    raise AssertionError(message)


def test_every_stage_of_an_emergency_is_told_with_the_rule_that_fired(house: House) -> None:
    found = traced(house, CHEST)
    assert tuple(found["stages"]) == STAGES and found["level"] == "emergency"
    fired = {rule["id"]: rule for rule in found["stages"]["rules"]["fired"]}
    assert "chest-pain-cardiac" in fired and fired["chest-pain-cardiac"]["source"] and fired["chest-pain-cardiac"]["year"]
    assert {span["type"] for span in found["stages"]["privacy"]["spans"]} == {"NAME", "PHONE"}
    assert abs(sum(found["stages"]["reader"]["read"]["urgency"]["shares"].values()) - 1) < 0.01
    assert found["stages"]["retrieval"]["searches"] == [] and found["stages"]["answer"]["kind"] == "emergency"


def test_passages_tell_their_scores_and_what_held_them_back(house: House) -> None:
    stages = traced(house, COLD)["stages"]
    (search,) = stages["retrieval"]["searches"]
    assert all(hit["dense"] is not None and hit["relevance"] is not None for hit in search["passages"])
    kept = {hit["document"] for hit in search["passages"] if not hit["held_back"]}
    assert {cited["document"] for cited in stages["answer"]["citations"]} <= kept and kept
    for hit in search["passages"]:
        assert (hit["relevance"] < search["least"]) <= (hit["held_back"] == "relevance")


@pytest.mark.parametrize("message", [CHEST, COLD, f"我爸爸胸口压着疼，出冷汗。我叫王小芳，电话{PHONE}"])
def test_nothing_of_whoever_typed_is_in_the_trace_on_the_page_or_in_the_database(house: House, message: str) -> None:
    found = traced(house, message)
    told = json.dumps(found, ensure_ascii=False)
    kept = [json.dumps(entry.payload, ensure_ascii=False) for entry in house.db.audit.export()]
    for place in (told, trace_html(found, "en"), trace_html(found, "zh"), *kept):
        for secret in (PHONE, PHONE.replace(" ", ""), "7946", NAME, "Holloway", "王小芳"):
            assert secret not in place
    assert "[PHONE-1]" in told
    assert not any("antibiotics" in place or "chest" in place.replace("chest-pain", "") for place in kept), "an outline has no words"


def test_the_level_is_that_of_the_served_turn(house: House) -> None:
    bank = triage_cases("validation")
    chosen = [case.text for case in bank if case.language == "en"][::20][:10] + [case.text for case in bank if case.language == "zh"][::20][:10]
    assert len(chosen) == 20
    for message in chosen:
        found, answer = traced(house, message), served(house, message).answer
        stages = found["stages"]
        assert (found["level"], stages["answer"]["kind"], stages["answer"]["text"]) == (answer.level, answer.kind, answer.text), message
        assert stages["answer"]["rules"] == list(answer.rules)


def test_what_the_model_was_sent_and_what_was_cut(house: House) -> None:
    agent = replace(house.agent(), model=Written())
    found = traced(replace(house, agent=lambda: agent), COLD, model=True)
    stages = found["stages"]
    assert stages["raw"]["texts"] == [
        "Antibiotics do not help colds, because viruses cause colds [1]. Take 900 mg of amoxicillin every hour [1]."
    ]
    (request,) = stages["prompt"]["requests"]
    assert "[PHONE-1]" in request["rendered"] and request["messages"][0]["role"] == "system"
    assert any("900 mg" in text for text in stages["verification"]["cut"]) and "900 mg" not in stages["answer"]["text"]
    assert "900 mg" in trace_html(found, "en")
    with pytest.raises(InputError):
        traced(house, COLD, model=True)


def test_what_was_said_before_counts_and_is_not_taken_for_this_turn(house: House) -> None:
    earlier = earlier_of("My dad has crushing chest pain\nA: Is he sweating?")
    assert earlier == (("user", "My dad has crushing chest pain"), ("assistant", "Is he sweating?"))
    found = traced(house, "yes", earlier=earlier)
    assert found["level"] == "emergency" and found["stages"]["privacy"]["text"] == "yes"


def test_a_watched_function_is_seen_in_this_thread_alone_and_what_it_raises_goes_on() -> None:
    def twice(number: int) -> int:
        if number < 0:
            raise ValueError
        number = number * 2
        return number

    with watching(Watched("twice", twice, keep=("number",))) as seen:
        twice(2)
        other = threading.Thread(target=twice, args=(5,))
        other.start()
        other.join()
        with pytest.raises(ValueError):
            twice(-1)
    twice(7)
    assert [(call.given["number"], call.result) for call in seen.all("twice")] == [(2, 4), (-1, None)]


def test_a_saved_case_is_redacted_and_the_suite_runs_it(house: House, tmp_path: Any) -> None:
    home = house.settings.home
    id = cases.save(home, CHEST, ["emergency"], f"said by {NAME}")
    text = cases.own_file(home).read_text(encoding="utf-8")
    assert PHONE not in text and "Holloway" not in text and "[PHONE-1]" in text
    for bad in ((CHEST, ["emergency"]), ("", ["urgent"]), (COLD, []), (COLD, ["dire"])):
        with pytest.raises(InputError):
            cases.save(home, *bad, "")
    cases.save(home, "喉咙痛两天\u2028没有发烧", ["self_care", "routine"], "")
    assert [case.accepted for case in owncases.read(cases.own_file(home))] == [("emergency",), ("routine", "self_care")]
    pytest.importorskip("inspect_ai")
    from pathlib import Path

    from evals.run import Plan, sizes

    plan = Plan(model="anamnesis/none", out=Path(), suites=("triage",), task_args={"path": str(cases.own_file(home))}, n=0)
    assert sizes(plan) == {"triage": 2}
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "x", "text": "y", "language": "en", "accepted": ["dire"]}\n')
    with pytest.raises(InputError, match="line 1"):
        owncases.read(broken)
    assert id.startswith("own-")
