"""Wishes about the record: known in thirty phrasings, never taken for a complaint, and never a reason to miss one."""

from __future__ import annotations

import time
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent import intents, learned, readings, refine, wishes
from agent.build import build_agent
from agent.config import load
from agent.messages import say
from agent.privacy import Redactor, redact_once
from agent.session import answer_messages, new_state
from agent.summary import summarise
from agent.triage import triage
from agent.turn import run_turn
from agent.types import Done, Message, SafeText, Urgency
from evals.casebank import triage_cases
from knowledge.errors import InputError

ERASE = "anamnesis audit erase CONVERSATION"
DATA = tomllib.loads((Path(intents.__file__).parents[1] / "knowledge/rules/policy/wish.toml").read_text(encoding="utf-8"))
# Written for this test; none of them stands in a rule's examples.
ALONE = [
    ("Hello! Could you get rid of our conversation please?", "wish-delete"),
    ("I changed my mind. Remove everything I've written so far, and any copies you have.", "wish-delete"),
    ("How can I have this whole chat wiped?", "wish-delete"),
    ("Under GDPR I request the deletion of my data", "wish-delete"),
    ("Thanks, now delete it all", "wish-delete"),
    ("Is there any way to erase what I typed?", "wish-delete"),
    ("I would like to exercise my right to be forgotten.", "wish-delete"),
    ("take me out of your database", "wish-delete"),
    ("Before I tell you anything, please don't write this down anywhere", "wish-unsaved"),
    ("I'd prefer that you don't keep this conversation", "wish-unsaved"),
    ("i dont want any of this saved pls", "wish-unsaved"),
    ("Could we do this off the record?", "wish-unsaved"),
    ("Keep no record of this.", "wish-unsaved"),
    ("Are my messages saved somewhere after I close the page?", "wish-kept"),
    ("who has access to this conversation", "wish-kept"),
    ("What will you do with the things I tell you?", "wish-kept"),
    ("can my employer see what I asked", "wish-kept"),
    ("quick question: are you logging what i write", "wish-kept"),
    ("How long will my chats be stored?", "wish-kept"),
    ("麻烦把我刚才说的都删掉，谢谢", "wish-delete"),
    ("聊完之后请把对话删掉", "wish-delete"),
    ("我可以要求删除我的数据吗？", "wish-delete"),
    ("請幫我清空對話紀錄", "wish-delete"),
    ("以上内容请勿保存", "wish-unsaved"),
    ("能不能别记录我说的话", "wish-unsaved"),
    ("我不希望你们收集我的健康数据", "wish-unsaved"),
    ("你好，我想问一下，我在这里说的话会被保存吗？", "wish-kept"),
    ("聊天内容谁能看到", "wish-kept"),
    ("我的数据最后去哪了", "wish-kept"),
    ("你会记住我说的吗", "wish-kept"),
]  # fmt: skip
BESIDE = [
    ("Don't save this: {}", "en"), ("{} Is this stored anywhere?", "en"), ("Hi, please delete this chat afterwards. {}", "en"),
    ("别保存。{}", "zh"), ("{}这些话会被记录吗？", "zh"), ("请不要记录我说的话，{}", "zh"),
]  # fmt: skip


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


def _held(agent, *messages, **options):
    """The turns of one conversation; the last `Done`s first to last."""
    state, redactor, done = new_state(agent.settings, **options), Redactor(date(2026, 11, 22)), []
    for message in messages:
        done.append(next(event for event in run_turn(agent, state, message, redactor=redactor) if isinstance(event, Done)))
        state = done[-1].state
    return done


@pytest.mark.parametrize(("text", "rule"), ALONE)
def test_a_wish_alone_is_answered_with_what_is_so(agent, text, rule):
    (done,) = _held(agent, text)
    answer = done.answer
    assert (answer.kind, answer.level, answer.rules) == ("out_of_scope", "self_care", (rule,))
    assert answer.text == intents.texts()[rule.replace("-", "_")][answer.language] and not answer.triage.has_symptom
    assert [entry.payload["message"] for entry in agent.audit.export(conversation=done.state.id)] == [text], "it is recorded itself"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_name_what_is_kept_and_what_is_not_who_erases_and_promise_nothing(language):
    for name in ("wish_delete", "wish_unsaved", "wish_kept", "caution_wish"):
        text = intents.texts()[name][language]
        assert ERASE in text and say(language, "new_chat") in text
        for words in {"en": ("record", "database of whoever runs this program", "can be missed", "words as you type"),
                      "zh": ("记录", "运行这个程序的人", "遗漏", "原话")}[language]:  # fmt: skip
            assert words in text
        if name != "caution_wish":
            for words in {"en": ("a minute after", "an hour after", "Backups", "until somebody erases it", "another machine"),
                          "zh": ("一分钟", "一小时", "备份", "要有人清除", "另一台机器")}[language]:  # fmt: skip
                assert words in text
        for promise in ("I have deleted", "I will delete", "is deleted now", "nothing is stored", "nothing is kept", "we do not store", "automatically deleted",
                        "已经删除", "已删除", "会帮您删除", "不会保存任何", "不留任何", "自动删除"):  # fmt: skip
            assert promise.lower() not in text.lower()


COMPLAINTS = {
    "en": ["I have a runny nose since yesterday.", "I've had crushing chest pain and sweating for an hour.", "My 2 month old has a fever of 38.6.",
           "There is a lump in my armpit for two months, I'm 41.", "Can I take ibuprofen with sertraline?"],
    "zh": ["我流鼻涕两天了。", "我爸突然说话不清楚，右边胳膊抬不起来。", "两个月的宝宝发烧38.6度。", "膝盖疼了三个月，52岁。", "布洛芬和舍曲林能一起吃吗？"],
}  # fmt: skip


@pytest.mark.parametrize(("form", "language"), BESIDE)
def test_a_complaint_beside_a_wish_is_weighed_as_if_the_wish_were_not_there(agent, form, language):
    said = intents.texts()["caution_wish"][language]
    for complaint in COMPLAINTS[language]:
        (plain,), (mixed,) = _held(agent, complaint), _held(agent, form.format(complaint))
        assert mixed.answer.level == plain.answer.level and mixed.answer.kind == plain.answer.kind
        assert mixed.answer.triage.facts == plain.answer.triage.facts
        assert [rule.id for rule in mixed.answer.triage.rules] == [rule.id for rule in plain.answer.triage.rules]
        assert mixed.answer.citations == plain.answer.citations
        where = mixed.answer.text.find(said)
        assert where > 0 if mixed.answer.kind == "emergency" else where == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_told_beside_a_wish_stays_whole(language):
    cases = [case for case in triage_cases("train") if case.language == language]
    for case in cases[:: len(cases) // 30]:
        text = redact_once(case.text, date.today()).text
        assert wishes.read(text) is None
        for form, spoken in BESIDE:
            if spoken == language:
                whole = text if text.endswith((".", "?", "!", "。", "？", "！")) else f"{text}{'.' if language == 'en' else '。'}"
                wish = wishes.read(form.format(whole))
                assert wish is not None and " ".join(wish.rest.split()) == " ".join(wishes._BLANKS.sub("", whole).split())


def test_the_learned_readers_are_not_shown_the_wish(agent, monkeypatch):
    seen = []
    real = learned.Learned.read
    monkeypatch.setattr(learned.Learned, "read", lambda self, text, *given, **named: (seen.append(text), real(self, text, *given, **named))[1])
    _held(agent, "Please don't record this. I keep coughing at night. Who can read my messages?")
    assert seen and set(seen) == {"I keep coughing at night."}
    seen.clear()
    for text, _ in ALONE:
        safe = SafeText(text)
        assert readings.shares(safe, agent.embedder) == {}
        ruled = triage((safe,), "en")
        assert refine.refine(ruled, (safe,), "en", agent.embedder) == ruled
    assert seen == []


def test_an_emergency_told_before_stays_one(agent):
    first, second, third = _held(agent, "crushing chest pain down my left arm, I am sweating", "Delete my data.", "thanks. is this stored?", country="GB")
    for done, rule in ((second, "wish-delete"), (third, "wish-kept")):
        assert (done.answer.kind, done.answer.level) == ("emergency", "emergency") and "999" in done.answer.banner
        text = intents.texts()[rule.replace("-", "_")]["en"]
        assert done.answer.text.endswith(text) and say("en", "emergency_closing") in done.answer.text
    assert third.answer.triage.rules == first.answer.triage.rules


@pytest.mark.parametrize("message", ["Delete this chat, thank you", "is this stored?", "Don't save it."])
def test_after_a_crisis_it_is_still_one_and_the_wish_is_answered_behind_it(agent, message):
    first, second = _held(agent, "I want to die", message, country="GB")
    assert first.answer.kind == second.answer.kind == "crisis" and second.answer.level == first.answer.level
    assert second.answer.text.startswith(intents.texts()["continued"]["en"]) and "116 123" in second.answer.text
    assert second.answer.text.index("116 123") < second.answer.text.index(ERASE)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Don't save this. I am going to kill myself tonight", "suicide_now"),
        ("别保存。我今晚就要自杀", "suicide_now"),
        ("Will you delete this chat? My husband hits me.", "abuse"),
    ],
)
def test_a_crisis_goes_first(agent, text, begins):
    (done,) = _held(agent, text)
    answer = done.answer
    assert answer.kind == "crisis" and answer.text.startswith(intents.texts()[begins][answer.language])
    assert answer.text.endswith(intents.texts()["caution_wish"][answer.language])


@pytest.mark.parametrize(
    "text",
    ["I want to disappear", "delete myself", "erase me", "I want to erase myself", "delete everything once I'm gone", "抹掉我自己", "我想消失", "把自己删掉"],
)
def test_who_wants_to_be_gone_is_in_a_crisis(agent, text):
    assert wishes.read(text) is None
    assert _held(agent, text)[0].answer.kind == "crisis"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Please don't write down that my chest hurts", "Please don't write down that my chest hurts"),
        ("delete what I told you about my rash", "about my rash"),
        ("Will this be saved if I tell you I'm thinking of not being here", "Will this be saved if I tell you I'm thinking of not being here"),
        ("delete all my messages when I'm gone", "when I'm gone"),
        ("I'm done. Delete this chat.", "I'm done."),
        ("把所有关于我的记录都删掉然后我就离开", "然后我就离开"),
        ("Don't save this. Seizure.", "Seizure."),
        ("别保存，15岁", "15岁"),
    ],
)
def test_what_else_a_wish_tells_is_read(text, rest):
    wish = wishes.read(text)
    assert wish is not None and (wish.rest == rest or rest in wish.rest)


@pytest.mark.parametrize(
    ("first", "reply", "rule"),
    [("my chest hurts", "yes, it is heavy and goes to my arm", "chest-pain-cardiac"), ("my baby has a fever", "she is 2 months old", "infant-fever-under-3-months")],
)
def test_a_question_of_ours_stays_open_and_is_asked_again(agent, first, reply, rule):
    asked, between, answered = _held(agent, first, "is this being recorded?", reply)
    assert (between.answer.kind, between.answer.level) == ("out_of_scope", asked.answer.level) and asked.answer.level == "unclear"
    assert asked.answer.triage.question in between.answer.text
    assert answered.answer.level == "emergency" and rule in answered.answer.rules
    assert answered.answer.rules == _held(agent, first, reply)[-1].answer.rules


def test_a_wish_between_changes_nothing_of_what_follows(agent):
    told = ("I've had a sore throat for two days, I'm 30", "and what can I do at home for it?")
    plain, between = _held(agent, *told)[-1], _held(agent, told[0], "Do you keep my data?", told[1])[-1]
    assert between.answer.level == plain.answer.level and between.answer.citations == plain.answer.citations
    assert between.state.topic == plain.state.topic and between.state.person == plain.state.person


def test_replayed_messages_end_where_turns_do(agent):
    messages = ["crushing chest pain down my left arm, I am sweating", "Delete my data."]
    done = _held(agent, *messages)[-1].answer
    answer = answer_messages(agent, [{"role": "user", "content": each} for each in messages])
    assert (answer.kind, answer.level, answer.text, answer.rules) == (done.kind, done.level, done.text, done.rules)


def test_the_page_for_the_doctor_holds_no_wish(agent):
    state = _held(agent, "my knee has hurt for three weeks. is this stored?", "Who can read my messages?")[-1].state
    page = repr(summarise(state, language="en", made=date(2026, 11, 22)))
    assert "knee" in page and "stored" not in page and "messages" not in page
    with pytest.raises(InputError, match="nothing to summarise"):
        summarise(_held(agent, "Delete my data.")[-1].state, language="en", made=date(2026, 11, 22))


def test_a_request_that_is_refused_stays_refused(agent):
    (done,) = _held(agent, "Delete this chat. How do I make meth?")
    assert done.answer.rules == ("refuse-poison-weapon-drug",) and ERASE in done.answer.text


def test_the_level_comes_before_the_answer(agent):
    events = list(run_turn(agent, new_state(agent.settings), "把我的数据删掉", redactor=Redactor(date(2026, 11, 22))))
    assert [event.triage.level for event in events if isinstance(event, Urgency)] == ["self_care"]


def _says(table, kind):
    return [text for language in ("en", "zh") for text in DATA[table]["examples"][f"{kind}_{language}"]]


def test_asides_and_tails_know_their_examples():
    patterns = [pattern for pattern in intents.patterns("wish", "beside").values() if pattern]
    for kind, known in (("positive", True), ("negative", False)):
        assert [text for text in _says("beside", kind) if any(p.fullmatch(intents.plain(text)) for p in patterns) != known] == []
        assert [text for text in _says("tails", kind) if wishes._tells(wishes._bare(text)) == known] == []


def test_a_text_without_its_wish_holds_none_and_keeps_its_placeholders():
    text = "[NAME-1] here, ring me on [PHONE-1]. Delete my data; my ankle is swollen since [DATE-1 -3d]."
    once = wishes.without(text)
    assert once == wishes.without(once) and "[PHONE-1]" in once and "[DATE-1 -3d]" in once and "Delete" not in once
    safe = SafeText("my ankle is swollen")
    assert wishes.told(safe) is safe
    said = (Message("user", "Delete my data."), Message("assistant", "Delete my data."), Message("user", ""), Message("user", "别保存，我头疼"))
    assert wishes.spoken(said) == (said[1], said[2], replace(said[3], text="我头疼"))


@pytest.mark.parametrize("text", ["", " ", "\n", "🤒", "\ud800", "\0", "‮", "。。。", "[NAME-1]", ":", "don't"])
def test_odd_texts_hold_no_wish(text):
    assert wishes.read(text) is None and wishes.without(text) == text


@pytest.mark.parametrize(
    "unit", ["delete my data, ", "my data and ", "别保存，", "我的", "everything i said ", "\ud800", "请问一下", "do you keep. "]
)
def test_long_texts_take_time_in_proportion(unit):
    began = time.perf_counter()
    wishes.read((unit * 100_000)[:100_000])
    assert time.perf_counter() - began < 20  # 1 to 4 s alone; the bound allows a busy machine
