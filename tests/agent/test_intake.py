"""What is asked back: the table of questions, and which of them a conversation leads to."""

from __future__ import annotations

import re
from datetime import date
from functools import cache, partial
from importlib.resources import files

import pytest

from agent import intake
from agent.intake import MOST_A_TURN, MOST_TURNS, asked_in, asks_something, questions_for, skips
from agent.privacy import redact_once
from agent.triage import triage
from agent.types import LEVELS, ConversationState, Triage
from knowledge.rules import load_lexicon, load_triage

LANGUAGES = ("en", "zh")
TOPICS = frozenset([
    "age", "sex", "pregnancy", "pregnancy_weeks", "after_birth", "duration", "onset", "course", "severity",
    "location", "radiation", "character", "triggers", "relief", "temperature", "breathing", "consciousness",
    "speech_face_limb", "neck_light", "rash", "bleeding", "bleeding_amount", "vomiting", "vomit_content",
    "stool", "urine", "drinking", "weight_loss", "lump", "swelling", "pain_elsewhere", "injury", "head_injury",
    "walking", "vision", "hearing", "numbness", "bladder_bowel", "palpitations", "chest_pain", "fainting",
    "cough", "sputum", "blood_thinner", "immune", "medicines", "missed_medicine", "amount_taken", "allergy",
    "conditions", "surgery", "travel", "contact", "vaccination", "bite_or_wound", "period", "sex_exposure",
    "alcohol_drugs", "sleep_mood", "self_harm", "self_or_other_safety", "work", "previous_episode", "readings",
    "tried",
])  # fmt: skip
# Rows whose "no" cannot be read as a denial of their "yes" (id, language), each with the reason. None is known.
NO_DENIAL: frozenset[tuple[str, str]] = frozenset()
# Rows that none of their openings in a language leads to, since these tell of a sign that their yes tells of too.
UNASKED = {"urine-blood": {"en"}}
FEVER = {"en": "My 4 month old son has a fever, he is feeding well.", "zh": "4个月的宝宝发烧，吃奶好。"}


@cache
def _safe(text):
    return redact_once(text, date(2026, 11, 22))


def _rank(found):
    return LEVELS.index(found.level) if found.level in LEVELS else -1


@cache
def _openings():
    """The openings in the comments above each row: id to (language, messages)."""
    text = (files("knowledge") / "rules" / "intake.toml").read_text(encoding="utf-8")
    found, above = {}, []
    for line in text.splitlines():
        if match := re.match(r"# (en|zh)> (.+)", line):
            above.append((match[1], tuple(_safe(part.strip()) for part in match[2].split(" | "))))
        elif match := re.match(r'id = "(.+)"', line):
            found[match[1]], above = tuple(above), []
    return found


@cache
def _turns(said, language):
    """The rules' triage of messages, turn by turn."""
    before = _turns(said[:-1], language) if len(said) > 1 else None
    return triage(said, language, previous=before)


def _replied(said, language, reply):
    return triage((*said, _safe(reply)), language, previous=_turns(said, language))


def _questions(said, language, state=None, judge=None):
    found, judge = _turns(said, language), judge or partial(triage, language=language)
    return questions_for(found, state or ConversationState(id="test"), said, language, judge=judge)


def _grave(_):
    """A judge to whom every yes would be an emergency: all that may be asked is worth asking."""
    return Triage(level="emergency")


def test_ids_are_unique_and_every_row_has_openings_in_both_languages():
    ids = [rule.id for rule in intake.rules()]
    assert len(ids) == len(set(ids)) and set(ids) == set(_openings())
    assert all({language for language, _ in openings} == set(LANGUAGES) for openings in _openings().values())


@pytest.mark.parametrize("rule", intake.rules(), ids=lambda rule: rule.id)
def test_a_row_is_whole(rule):
    known = load_lexicon().findings
    assert rule.about <= set(known) and rule.unless <= set(known)
    assert rule.topics and set(rule.topics) <= TOPICS
    assert rule.about or any(rule.words.values()) or rule.needs, "something decides when it is asked"
    for language in LANGUAGES:
        assert re.search("[?？]", rule.text[language])
        assert bool(rule.yes[language]) == bool(rule.no[language])
        assert rule.yes[language] or rule.tries[language], "a reply to try"


def test_every_row_names_a_source_with_its_year():
    import tomllib

    rows = tomllib.loads((files("knowledge") / "rules" / "intake.toml").read_text(encoding="utf-8"))["ask"]
    assert [row["id"] for row in rows if not re.search(r"\b(?:19|20)\d\d\b", row.get("source", ""))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_question_stands_in_another_so_that_a_reply_is_read_with_its_own(language):
    texts = [rule.text[language] for rule in intake.rules()] + [each.ask[language] for each in load_triage().questions.values()]
    assert [(one, other) for one in texts for other in texts if one in other and texts.index(one) != texts.index(other)] == []


@pytest.mark.parametrize("rule", intake.rules(), ids=lambda rule: rule.id)
def test_a_yes_raises_the_level_of_its_openings_and_a_no_does_not(rule):
    for language, said in _openings()[rule.id]:
        now = _turns(said, language)
        opening = said[0].text
        assert now.level != "emergency", opening
        raised = max(_rank(_replied(said, language, reply)) for reply in intake._tries(rule, language))
        assert rule.always or raised > _rank(now), opening
        if rule.no[language] and (rule.id, language) not in NO_DENIAL:
            assert _replied(said, language, rule.no[language]).level == now.level, opening


@pytest.mark.parametrize("rule", intake.rules(), ids=lambda rule: rule.id)
def test_a_question_may_be_asked_of_one_of_its_openings(rule):
    may = set()
    for language, said in _openings()[rule.id]:
        now = _turns(said, language)
        present = {finding.id for finding in now.findings if finding.present}
        spoken = {finding.id: finding.present for finding in now.findings if finding.experiencer == "patient"}
        if intake._may_ask(rule, now, present, spoken, "\n".join(text.text for text in said), language):
            may.add(language)
    assert may | UNASKED.get(rule.id, set()) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_asked_in_the_words_of_their_rows_and_found_again_in_an_answer(language):
    asked = _questions((_safe(FEVER[language]),), language)
    text = "\n".join(f"- {ask.text}" for ask in asked)
    assert [rule.id for rule in asked_in(text, language)] == [ask.id for ask in asked] and asked
    assert asked_in(FEVER[language], language) == ()


@pytest.mark.parametrize(
    ("language", "said"),
    [opening for openings in list(_openings().values())[::30] for opening in openings],
    ids=lambda value: value if isinstance(value, str) else value[0].text,
)
def test_at_most_two_are_asked_on_topics_of_their_own(language, said):
    asked = _questions(said, language)
    assert len(asked) <= MOST_A_TURN
    topics = [topic for ask in asked for topic in ask.topics]
    assert len(topics) == len(set(topics))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_asked_twice_nor_after_three_turns(language):
    said, seen = (_safe(FEVER[language]),), []
    for turn in range(MOST_TURNS):
        asked = _questions(said, language, ConversationState(id="test", asked=tuple(seen), intake_turns=turn), _grave)
        assert asked and not {ask.id for ask in asked} & set(seen)
        seen += [ask.id for ask in asked]
    state = ConversationState(id="test", asked=tuple(seen), intake_turns=MOST_TURNS)
    assert _questions(said, language, state, _grave) == ()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Dad has crushing chest pain going down his left arm, he is grey and sweating"),
        ("en", "my baby is 3 weeks old and has a temperature of 38.6"),
        ("zh", "我爸突然说话不清楚，右边胳膊抬不起来"),
        ("zh", "宝宝3周大，发烧38.6度"),
    ],
)
def test_of_an_emergency_nothing_is_asked(language, text):
    said = (_safe(text),)
    assert _turns(said, language).level == "emergency" and _questions(said, language) == ()


@pytest.mark.parametrize(
    ("language", "opening", "asked", "told"),
    [
        ("en", "My 4 year old has a fever of 38.9 and is tired.", "child-neck-soft-spot", "No stiff neck, no fontanelle bulging."),
        ("en", "My 5 month old baby has a fever.", "child-temperature", "It is 38.4."),
        ("en", "My baby has a fever and a runny nose.", "child-age", "She is 2 years old."),
        ("en", "My 84 year old mother has a cough and is tired.", "elder-confused", "She is not confused."),
        ("zh", "4岁孩子发烧38.9度，流鼻涕。", "child-neck-soft-spot", "脖子没有发硬，囟门没有鼓起来。"),
        ("zh", "5个月宝宝发烧。", "child-temperature", "38.4度。"),
        ("zh", "宝宝发烧，流鼻涕。", "child-age", "2岁。"),
        ("zh", "84岁的奶奶咳嗽，没力气。", "elder-confused", "没有糊涂。"),
    ],
)
def test_what_was_said_or_denied_is_not_asked(language, opening, asked, told):
    def may(said):
        state = ConversationState(id="test")
        while found := {ask.id for ask in _questions(said, language, state, _grave)} - set(state.asked):
            if asked in found:
                return True
            state = ConversationState(id="test", asked=(*state.asked, *found))
        return False

    assert may((_safe(opening),))
    assert not may((_safe(opening), _safe(told)))


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "skip"), ("en", "Skip."), ("en", "I don't know"), ("en", "no idea"), ("en", "not sure"), ("en", "I'd rather not say"),
        ("en", "just tell me what to do"), ("en", "stop asking questions"), ("en", "answer me now"),
        ("zh", "跳过"), ("zh", "不知道"), ("zh", "不清楚"), ("zh", "不想说"), ("zh", "别问了"), ("zh", "直接告诉我"), ("zh", "不要再问了，快告诉我"),
    ],
)  # fmt: skip
def test_who_declines_is_not_asked(language, message):
    assert skips(message, language)


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "no"), ("en", "He skipped dinner and has a fever"), ("en", "it passed yesterday"), ("en", "39.4"),
        ("zh", "没有"), ("zh", "他不想吃东西"), ("zh", "三岁"), ("zh", "昨天开始发烧"),
    ],
)  # fmt: skip
def test_a_reply_is_no_refusal(language, message):
    assert not skips(message, language)


@pytest.mark.parametrize(
    ("language", "message", "asks"),
    [
        ("en", "Can I give ibuprofen?", True), ("en", "how long does it last", True), ("en", "I want to know about side effects", True),
        ("en", "I have a headache.", False), ("en", "I have a headache. What should I do?", False), ("en", "is this serious?", False),
        ("zh", "可以吃布洛芬吗", True), ("zh", "要多久才好", True), ("zh", "我头痛", False), ("zh", "我头痛怎么办", False), ("zh", "头痛，严重吗？", False),
    ],
)  # fmt: skip
def test_what_to_do_about_it_is_no_question_of_its_own(language, message, asks):
    assert asks_something(message, language) is asks
