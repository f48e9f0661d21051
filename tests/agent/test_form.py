"""The form of an answer: what is asked first and what beside, its parts in their order, and what later turns change in it.

The learned reader is left out, so that the level is the rules'; what it does is tested in test_refine.py.
"""

from __future__ import annotations

from datetime import date

import pytest

from agent import history, intake
from agent.build import build_agent
from agent.config import load
from agent.messages import say
from agent.privacy import Redactor
from agent.session import new_state
from agent.turn import run_turn
from agent.types import Done


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


@pytest.fixture(autouse=True)
def _rules_alone(monkeypatch):
    monkeypatch.setattr(history, "refine", lambda ruled, *_, **__: ruled)


def _talk(agent, *messages):
    state, redactor, answers = new_state(agent.settings), Redactor(date(2026, 11, 22)), []
    for message in messages:
        done = next(event for event in run_turn(agent, state, message, redactor=redactor) if isinstance(event, Done))
        state = done.state
        answers.append(done.answer)
    return answers


def _asked(answer):
    return intake.asked_in(answer.text, answer.language)


@pytest.mark.parametrize("message", ["I have a headache. Can I take ibuprofen?", "我头痛，可以吃布洛芬吗？"])
def test_a_question_is_answered_and_what_is_missing_is_asked_beside_it(agent, message):
    (answer,) = _talk(agent, message)
    assert answer.kind == "answer" and answer.citations
    assert 1 <= len(_asked(answer)) <= 2
    assert say(answer.language, "also_ask") in answer.text and say(answer.language, "intake_intro") not in answer.text


@pytest.mark.parametrize(
    "message",
    ["I have a headache since yesterday.", "I have had a headache since yesterday, what should I do?", "昨天开始头痛。", "昨天开始头痛，怎么办？"],
)
def test_who_only_tells_what_is_wrong_is_asked_first(agent, message):
    (answer,) = _talk(agent, message)
    assert answer.kind == "clarify" and not answer.citations
    assert answer.text.startswith(say(answer.language, "intake_intro")) and say(answer.language, "intake_outro") in answer.text
    assert 1 <= len(_asked(answer)) <= 2


@pytest.mark.parametrize("messages", [("I have a headache since yesterday.", "skip"), ("昨天开始头痛。", "跳过")])
def test_who_skips_is_answered(agent, messages):
    _, answer = _talk(agent, *messages)
    assert answer.kind == "answer" and answer.citations and not _asked(answer)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("I have a headache. Can I take ibuprofen?", ("quoted_only", "may_be_heading", "do_now_heading", "safety_heading", "also_ask")),
        ("我女儿8岁，流鼻涕，咳嗽。可以喝蜂蜜吗？", ("quoted_only", "may_be_heading", "safety_heading", "also_ask")),
    ],
)
def test_the_parts_stand_in_their_order_each_once(agent, message, parts):
    (answer,) = _talk(agent, message)
    texts = [say(answer.language, part) for part in parts]
    missing = {"en": "I did not look at", "zh": "我还没有考虑"}[answer.language]
    places = [answer.text.find(text) for text in (*texts, missing)]
    assert -1 not in places and places == sorted(places)
    assert all(answer.text.count(text) == 1 for text in texts)


def test_the_signs_for_help_are_given_once_in_a_conversation(agent):
    message = "I have a headache. Can I take ibuprofen?"
    first, second = _talk(agent, message, message)
    heading, above = say("en", "safety_heading"), say("en", "safety_above")
    assert heading in first.text and above not in first.text
    assert above in second.text and heading not in second.text


@pytest.mark.parametrize(
    ("message", "names"),
    [("Can I take ibuprofen with sertraline?", ("Ibuprofen", "sertraline")), ("布洛芬和舍曲林能一起吃吗", ("布洛芬", "舍曲林"))],
)
def test_a_question_on_medicines_goes_to_the_medicines_check(agent, message, names):
    (answer,) = _talk(agent, message)
    first = answer.text.splitlines()[0]
    assert first.startswith("**") and all(name in first for name in names)
    assert answer.kind == "answer" and answer.citations
    assert say(answer.language, "quoted_only") not in answer.text


@pytest.mark.parametrize("message", ["what is the best quantum flux for zorblax syndrome?", "泽布拉克斯综合征的量子疗法是什么？"])
def test_what_is_not_found_is_said(agent, message):
    (answer,) = _talk(agent, message)
    assert answer.kind == "not_found" and not answer.citations
    said = say(answer.language, "not_found", count="\0").split("\0")[1]
    assert said in answer.text and said in answer.not_found


@pytest.mark.parametrize(
    ("first", "second", "truth", "false"),
    [
        ("I have a cold. Antibiotics kill viruses, so which antibiotic helps best?", "But antibiotics kill viruses, so can I take amoxicillin?",
         "antibiotics work only against bacteria", "kill viruses"),
        ("我感冒了，流鼻涕。抗生素能杀死病毒，哪种抗生素最好？", "可是抗生素能杀死病毒，那我吃阿莫西林可以吗？", "只对细菌有用", "杀死病毒"),
    ],
)  # fmt: skip
def test_a_false_premise_that_is_said_again_is_corrected_again(agent, first, second, truth, false):
    for answer in _talk(agent, first, second):
        assert truth in answer.text and false not in answer.text.lower()
        assert answer.text.index(truth) < answer.text.index("[1]"), "the correction comes first"
        assert all(false not in claim.text.lower() for claim in answer.claims if claim.supported)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("My daughter is 8 years old and has a temperature of 38.2. Can she have honey?", "sorry, she is 8 months not 8 years"),
        ("我女儿8岁，发烧38.2度。可以喝蜂蜜吗？", "说错了，她8个月大"),
    ],
)
def test_a_fact_that_is_put_right_changes_the_answer(agent, first, second):
    before, after = _talk(agent, first, second)
    assert before.triage.facts.age_years == 8
    assert after.triage.facts.age_years == pytest.approx(8 / 12, abs=0.01)
    assert after.triage.facts.temperature_c == 38.2, "the rest stays"
    assert after.text != before.text


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("Can my daughter take amoxicillin for an ear infection? She is 5.", "and if she is allergic to penicillin?", ("Amoxicillin", "allergy to penicillin")),
        ("我女儿5岁，中耳炎，可以吃阿莫西林吗？", "如果她对青霉素过敏呢？", ("阿莫西林", "青霉素")),
    ],
)
def test_a_follow_up_leans_on_the_turn_before(agent, first, second, names):
    _, after = _talk(agent, first, second)
    assert after.kind == "answer" and all(name in after.text.splitlines()[0] for name in names)
    assert after.triage.facts.age_years == 5
