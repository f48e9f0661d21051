"""What a short reply means: read with the question before it, and only where its own words say no more than yes, no or a number."""

from __future__ import annotations

import re
from datetime import date

import pytest

from agent import intake
from agent.facts import read_facts
from agent.findings import find
from agent.privacy import redact_once
from agent.replies import empty, in_context, written_out
from agent.types import Message

RULES = {rule.id: rule for rule in intake.rules()}
FLOPPY, NECK, AGE, TEMPERATURE = "child-floppy-drowsy", "child-neck-soft-spot", "child-age", "child-temperature"


def _asked(language, *ids):
    return "\n".join(f"- {RULES[name].text[language]}" for name in ids)


def _added(reply, language, *ids):
    """What a reply to these questions was found to mean, in lines."""
    written = written_out(reply, _asked(language, *ids), language)
    assert written.startswith(reply), "what was said stays in front"
    return tuple(written.removeprefix(reply).split("\n")[1:])


def _meant(language, **answers):
    return tuple(getattr(RULES[name.replace("_", "-")], answer)[language] for name, answer in answers.items())


@pytest.mark.parametrize(
    ("language", "reply", "answer"),
    [
        ("en", "yes", "yes"),
        ("en", "Yes.", "yes"),
        ("en", "yeah he is", "yes"),
        ("en", "Yep!", "yes"),
        ("en", "she is", "yes"),
        ("en", "yes, since this morning", "yes"),
        ("zh", "有", "yes"),
        ("zh", "是的。", "yes"),
        ("zh", "嗯", "yes"),
        ("zh", "有一点", "yes"),
        ("zh", "有，昨天开始的", "yes"),
        ("en", "no", "no"),
        ("en", "NO.", "no"),
        ("en", "nope", "no"),
        ("en", "No, nothing like that.", "no"),
        ("en", "not that I know of", "no"),
        ("en", "he isn't", "no"),
        ("en", "I don’t think so", "no"),
        ("en", "no, she is playing and eating well", "no"),
        ("zh", "没有", "no"),
        ("zh", "没有。", "no"),
        ("zh", "没有这些。", "no"),
        ("zh", "不是", "no"),
        ("zh", "没有啊，一切正常", "no"),
    ],
)
def test_a_bare_yes_or_no_is_written_out_as_the_question_gives_it(language, reply, answer):
    assert _added(reply, language, FLOPPY) == (getattr(RULES[FLOPPY], answer)[language],)


@pytest.mark.parametrize(
    ("language", "reply", "floppy", "neck"),
    [
        ("en", "no to both", "no", "no"),
        ("en", "neither", "no", "no"),
        ("en", "none of those", "no", "no"),
        ("en", "both", "yes", "yes"),
        ("en", "yes, no", "yes", "no"),
        ("en", "no and yes", "no", "yes"),
        ("en", "No.\nYes.", "no", "yes"),
        ("en", "1. no 2. yes", "no", "yes"),
        ("zh", "都没有", "no", "no"),
        ("zh", "以上都没有", "no", "no"),
        ("zh", "有，没有", "yes", "no"),
        ("zh", "没有；有", "no", "yes"),
    ],
)
def test_two_questions_are_answered_in_their_order_or_together(language, reply, floppy, neck):
    assert _added(reply, language, FLOPPY, NECK) == _meant(language, child_floppy_drowsy=floppy, child_neck_soft_spot=neck)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_yes_to_two_questions_may_mean_either_so_the_worse_reading_holds(language):
    reply = {"en": "yes", "zh": "有"}[language]
    assert _added(reply, language, FLOPPY, NECK) == _meant(language, child_floppy_drowsy="yes", child_neck_soft_spot="yes")


@pytest.mark.parametrize(
    ("language", "reply"),
    [
        ("en", "I don't know"),
        ("en", "I don’t know"),
        ("en", "not sure"),
        ("en", "I'm not sure"),
        ("en", "no idea"),
        ("en", "can't say"),
        ("en", "haven't checked"),
        ("zh", "不知道"),
        ("zh", "不清楚"),
        ("zh", "不确定"),
        ("zh", "没注意"),
    ],
)
def test_who_does_not_know_denies_nothing(language, reply):
    assert _added(reply, language, FLOPPY, NECK) == ()
    assert empty(reply)


@pytest.mark.parametrize(
    ("language", "asked", "reply"),
    [
        ("en", "child-wet-nappies", "no wet nappies"),
        ("en", "child-drinking", "nothing stays down"),
        ("en", "child-limp-fever", "he can't walk"),
        ("en", "elder-breathless", "I can't breathe"),
        ("en", FLOPPY, "he is playing"),
        ("en", FLOPPY, "she is fine"),
        ("en", FLOPPY, "it is getting worse"),
        ("en", FLOPPY, "both legs are swollen"),
        ("en", FLOPPY, "no but her lips look blue"),
        ("en", FLOPPY, "no, but her lips look blue"),
        ("en", FLOPPY, "What is croup?"),
        ("en", FLOPPY, "She has been playing with her toys since breakfast and laughs at the cat."),
        ("zh", "child-wet-nappies", "没尿"),
        ("zh", "child-wet-nappies", "没有尿"),
        ("zh", "child-drinking", "不吃奶"),
        ("zh", "child-drinking", "不肯喝水"),
        ("zh", "child-limp-fever", "不能走路"),
        ("zh", FLOPPY, "没力气"),
        ("zh", FLOPPY, "能喝水"),
        ("zh", FLOPPY, "对青霉素过敏"),
        ("zh", FLOPPY, "有时候咳嗽"),
        ("zh", FLOPPY, "没有，但是嘴唇发紫"),
        ("zh", FLOPPY, "他一直在玩玩具，吃得也很好，笑得很开心。"),
    ],
)
def test_a_reply_with_words_of_its_own_stays_as_it_is_and_is_not_empty(language, asked, reply):
    assert _added(reply, language, asked) == ()
    assert not empty(reply)


@pytest.mark.parametrize(
    ("language", "asked", "reply", "age", "temperature"),
    [
        ("en", (TEMPERATURE,), "39.4", None, 39.4),
        ("en", (TEMPERATURE,), "102.9", None, 39.4),
        ("en", ("burn-age",), "72", 72, None),
        ("en", (AGE,), "3", 3, None),
        ("en", (AGE,), "three", 3, None),
        ("en", (AGE,), "2 months", 2 / 12, None),
        ("en", (AGE,), "six months", 6 / 12, None),
        ("en", (AGE,), "6 wks", 6 * 7 / 365, None),
        ("en", (AGE, TEMPERATURE), "2 months, 39.4", 2 / 12, 39.4),
        ("en", (AGE, TEMPERATURE), "39.4", None, 39.4),
        ("en", (AGE, FLOPPY), "1. 3 months 2. no", 3 / 12, None),
        ("zh", (TEMPERATURE,), "39.4", None, 39.4),
        ("zh", (TEMPERATURE,), "39度4", None, 39.4),
        ("zh", (AGE,), "3", 3, None),
        ("zh", (AGE,), "三岁", 3, None),
        ("zh", (AGE,), "2个月", 2 / 12, None),
        ("zh", ("burn-age",), "72", 72, None),
        ("zh", (AGE, TEMPERATURE), "2个月，39.4", 2 / 12, 39.4),
    ],
)
def test_a_bare_number_reaches_the_facts(language, asked, reply, age, temperature):
    opening = {"en": "the baby has a fever", "zh": "宝宝发烧"}[language]
    texts = [redact_once(text, date(2026, 11, 22)) for text in (opening, written_out(reply, _asked(language, *asked), language))]
    facts = read_facts(texts, language, [finding for text in texts for finding in find(text, language)])
    assert facts.age_years == (None if age is None else pytest.approx(age, abs=0.01))
    assert facts.temperature_c == (None if temperature is None else pytest.approx(temperature, abs=0.06))


@pytest.mark.parametrize(("reply", "language"), [("no", "en"), ("39.4", "en"), ("72", "en"), ("没有", "zh"), ("三岁", "zh")])
@pytest.mark.parametrize("before", ["", "Antibiotics do not help a cold [1].", "抗生素对感冒没有用。"])
def test_where_nothing_was_asked_a_reply_stays_as_it_is(reply, language, before):
    assert written_out(reply, before, language) == reply


@pytest.mark.parametrize("language", ["en", "zh"])
def test_only_the_answer_just_before_is_replied_to(language):
    no = {"en": "no", "zh": "没有"}[language]
    messages = [
        Message("user", {"en": "my baby has a fever", "zh": "宝宝发烧"}[language]),
        Message("assistant", _asked(language, FLOPPY), kind="clarify"),
        Message("user", no),
        Message("assistant", "ok"),
        Message("user", no),
    ]
    assert in_context(messages, language)[1:] == (f"{no}\n{RULES[FLOPPY].no[language]}", no)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_sentence_that_a_reply_is_written_out_as_holds_an_identifier(language):
    for rule in intake.rules():
        for sentence in filter(None, (rule.yes[language], rule.no[language], *rule.tries[language])):
            assert redact_once(sentence, date(2026, 11, 22)).text == sentence, rule.id


def test_an_identifier_in_a_reply_is_not_taken_over_into_what_is_written_out():
    reply = "12345678, john@example.org, 39.4"
    assert not re.search(r"\d{3}|@", "\n".join(_added(reply, "en", AGE, TEMPERATURE)))
