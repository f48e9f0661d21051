"""A model may ask one thing at the end of its answer, and may decline; neither is shown as it comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from agent import asking, intake
from agent.build import build_agent
from agent.config import load
from agent.engines.scripted import ScriptedModel
from agent.generate import says_declined
from agent.history import replayed
from agent.messages import say
from agent.privacy import Redactor
from agent.prompts import prompts
from agent.session import new_state
from agent.turn import run_turn
from agent.types import Done, Message
from knowledge.types import Passage

COUGH = Passage(id="p", document="cough", title="Cough", heading="When to be seen", language="en", sources=(),
                text="See a doctor if a cough lasts more than 3 weeks. Ibuprofen does not suit people with asthma.")  # fmt: skip
KESOU = replace(COUGH, title="咳嗽", heading="什么时候看医生", language="zh", text="咳嗽超过3周应当看医生。哮喘患者不宜服用布洛芬。")


@pytest.mark.parametrize(("question", "put"), [
    ("How long have you had the cough?", True),
    ("Do you have asthma?", True),
    ("Has it lasted more than 3 weeks?", True),
    ("Do you take ibuprofen?", True),
    ("Are you pregnant?", True),
    ("Do you take any medicines, or have an allergy?", True),
    ("Has it lasted more than 6 weeks?", False),  # a number nobody said
    ("Do you take warfarin?", False),  # a medicine nobody named
    ("Could it be lung cancer, do you have that?", False),  # nobody spoke of it
    ("Did you know that cough syrup is useless?", False),
    ("Have you tried honey?", False),
    ("Why not rest a little?", False),
    ("Would you like to know more?", False),
    ("What is your name?", False),
    ("Is there anything else?", False),
    ("How long have you had the cough [1]?", False),
    ("How long have you had the cough, " + "and the cough, " * 12 + "and so on?", False),
    ("你咳嗽多久了？", True),
    ("有没有哮喘？", True),
    ("有没有怀孕或药物过敏？", True),
    ("有没有服用华法林？", False),
    ("咳嗽超过8周了吗？", False),
    ("你知道止咳药没用吗？", False),
    ("还有什么问题可以帮您吗？", False),
])  # fmt: skip
def test_a_question_may_be_put_when_it_asks_a_fact_and_brings_nothing_new(question, put):
    language = "zh" if question.endswith("？") else "en"
    told = {"words": ("I cough",), "passages": [KESOU if language == "zh" else COUGH], "language": language}
    assert asking.is_question(question)
    assert asking.may_be_put(question, asks=(), **told) is put


def test_what_the_person_said_may_be_asked_about_and_our_own_questions_come_first():
    told = {"passages": [COUGH], "language": "en"}
    assert asking.may_be_put("Do you take warfarin?", words=("I take warfarin",), asks=(), **told)
    assert asking.may_be_put("How long have you had the cough?", words=(), asks=("Is there blood in what you cough up?",), **told)
    assert not asking.may_be_put("How long have you had the cough?", words=(), asks=("How long have you had the cough for?",), **told)
    assert not asking.may_be_put("How long have you had the cough?", words=(), asks=("Any fever?", "Are you short of breath?"), **told)


def test_a_sentence_that_asks_is_known_behind_quotes_and_keys():
    assert asking.is_question("Is it so [1]?") and asking.is_question("是吗？”") and not asking.is_question("It is so [1].")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_phrase_for_declining_is_one_constant(language):
    phrase = prompts(language)["declined"]
    assert says_declined(f"{phrase}. A pharmacist can help.", language) and not says_declined("I can help.", language)
    assert phrase.lower() not in prompts(language)["not_found"].lower()


# In the turn, on the real library.


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


HONEY = "Does honey help a cough?"


def _done(base, reply, message=HONEY, state=None, **options):
    agent = replace(base, model=ScriptedModel([reply]))
    state = state or new_state(agent.settings)
    event = list(run_turn(agent, state, message, redactor=Redactor(date(2026, 11, 22)), **options))[-1]
    assert isinstance(event, Done)
    return event


@pytest.fixture(scope="module")
def supported(base):
    """A sentence that the page bears out, as the sources' own words give it."""
    return _done(base, "").answer.citations[0].quote


def test_a_question_stands_after_the_answer_under_our_lead_and_is_no_claim(base, supported):
    asked = "How long have you had the cough?"
    answer = _done(base, f"{supported} [1] {asked}").answer
    assert answer.kind == "answer" and not [claim for claim in answer.claims if asked in claim.text]
    assert f"{say('en', 'also_ask')}\n\n- {asked}" in answer.text and answer.text.count(asked) == 1


@pytest.mark.parametrize("reply", [
    "{0} [1] Have you tried honey from Mars?",
    "How long have you had the cough? {0} [1]",
    "How long have you had the cough?",
])  # fmt: skip
def test_a_question_in_another_place_or_without_an_answer_is_not_asked(base, supported, reply):
    answer = _done(base, reply.format(supported)).answer
    assert "?" not in answer.text.replace(HONEY, "") or say("en", "also_ask") not in answer.text
    assert "from Mars" not in answer.text and "How long have you had" not in answer.text


def test_nothing_is_asked_where_asking_is_off_or_used_up(base, supported):
    reply = f"{supported} [1] How long have you had the cough?"
    assert "How long" not in _done(base, reply, intake=False).answer.text
    tired = replace(new_state(base.settings), intake_turns=intake.MOST_TURNS)
    assert "How long" not in _done(base, reply, state=tired).answer.text


def test_a_models_questions_are_counted_from_the_messages_alone(base, supported):
    lead = say("en", "also_ask")
    said = tuple(Message("assistant", f"Rest. [1]\n\n{lead}\n\n- How long is it?", kind="answer") for _ in range(3))
    state = new_state(base.settings)
    assert asking.left(replace(state, messages=said[:2]), "en") and not asking.left(replace(state, messages=said), "en")
    done = _done(base, f"{supported} [1] How long have you had the cough?")
    again = replayed(new_state(base.settings), [(m.role, m.text) for m in done.state.messages], Redactor(date(2026, 11, 22)), base.embedder)
    assert (again.intake_turns, again.asked) == (done.state.intake_turns, done.state.asked)


@pytest.mark.parametrize(("language", "message"), [("en", HONEY), ("zh", "蜂蜜能止咳吗？")])
def test_a_model_that_declines_is_answered_for_in_reviewed_words(monkeypatch, base, language, message):
    monkeypatch.setattr("agent.readings.doubted", lambda given: True)
    phrase = prompts(language)["declined"]
    done = _done(base, f"{phrase}. You are a bad person [1].", message)
    assert done.answer.kind == "refusal" and say(language, "model_refused") in done.answer.text
    assert "bad person" not in done.answer.text and phrase not in done.answer.text
    assert not done.answer.citations and done.answer.claims == ()


def test_what_reads_as_harmless_is_not_declined_by_a_model(base):
    answer = _done(base, "I CANNOT HELP WITH THAT.", HONEY).answer
    assert answer.kind == "answer" and answer.citations and say("en", "model_refused") not in answer.text


def test_nobody_with_a_symptom_is_turned_away_by_a_model(base):
    answer = _done(base, "I CANNOT HELP WITH THAT.", "I have had a cough for 3 days. Is honey good for it?").answer
    assert answer.kind == "answer" and answer.citations and say("en", "model_refused") not in answer.text


def test_a_phrase_of_declining_behind_an_answer_takes_nothing_back(base, supported):
    answer = _done(base, f"{supported} [1] I CANNOT HELP WITH THAT.").answer
    assert answer.kind == "answer" and answer.citations and "CANNOT" not in answer.text
