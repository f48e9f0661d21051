"""Whom a message is about: what turns to another person, and what only speaks of one."""

from __future__ import annotations

from datetime import date

import pytest

from agent.findings import find
from agent.language import detect
from agent.person import SELF, told_of, turned_to
from agent.privacy import redact_once

TURNS = [
    (SELF, "What about my son? He has had a fever since last night.", "child"),
    (SELF, "my daughter has a rash on her tummy now", "child"),
    (SELF, "Thanks. Now my husband has chest pain when he walks.", "partner"),
    (SELF, "Another question: my mum has a cough that won't go.", "parent"),
    (SELF, "By the way, my grandma fell this morning and her hip hurts.", "grandparent"),
    (SELF, "ok thanks. my friend is having a panic attack", "other"),
    (SELF, "How about my dad? His ankle is swollen.", "parent"),
    (SELF, "A different question about my sister, she is dizzy.", "sibling"),
    (SELF, "my son also has a rash", "child"),
    ("child", "my wife has a headache and is vomiting", "partner"),
    ("child", "Now for me: I have a sore throat.", SELF),
    ("child", "and what about me, I have a sore throat too", SELF),
    ("child", "As for myself, I also have a fever.", SELF),
    ("parent", "This one is about my brother, he has a stiff neck.", "sibling"),
    ("partner", "Also, my 3 year old has an earache.", "child"),
    (SELF, "另外，我儿子发烧38.5度", "child"),
    (SELF, "还有我妈妈，最近老是咳嗽", "parent"),
    (SELF, "那我爸爸呢？他胸口疼", "parent"),
    (SELF, "我女儿身上起了疹子", "child"),
    (SELF, "顺便问一下，我奶奶摔了一跤，腿疼", "grandparent"),
    (SELF, "我朋友今天头晕", "other"),
    ("child", "我老婆头痛，还吐了", "partner"),
    ("child", "那我自己呢，我喉咙也痛", SELF),
    ("child", "现在是我自己，发烧了", SELF),
    ("parent", "换个问题，我弟弟肚子疼", "sibling"),
]
STAYS = [
    (SELF, "my husband thinks it is nothing, but my chest hurts"),
    (SELF, "my son had it last week and I caught it"),
    (SELF, "my son had a cold last week and now I have it"),
    (SELF, "My wife says I should see a doctor about my cough."),
    (SELF, "my mum gave me ibuprofen for the headache"),
    (SELF, "my husband had a stroke last year, could this be one?"),
    (SELF, "My father died of a heart attack at 50."),
    (SELF, "It started after I kissed my girlfriend, who has a cold."),
    (SELF, "my wife is here with me and my chest still hurts"),
    (SELF, "my husband has called the ambulance, still chest pain"),
    (SELF, "My sister told me that ginger helps against vomiting."),
    (SELF, "My mother is a nurse and she is worried about my rash."),
    (SELF, "My doctor said it is a virus."),
    (SELF, "now I feel dizzy and sick as well"),
    (SELF, "And how long should I wait with the fever?"),
    (SELF, "My baby is moving less than yesterday and I have a headache."),
    (SELF, "my dog bit me yesterday"),
    ("child", "I gave him calpol an hour ago"),
    ("child", "my daughter is still coughing and now has a fever"),
    ("child", "What about my son's fever, should I worry?"),
    ("child", "He was vomiting all night, I am exhausted."),
    ("child", "I am worried about him, he has a rash."),
    ("parent", "She is on warfarin and her knee is swollen."),
    ("partner", "now my husband has a fever too"),
    ("", "my son has a fever"),
    (SELF, "我老公觉得没事，可是我还是头痛"),
    (SELF, "我妈说喝姜汤就好，我发烧两天了"),
    (SELF, "我儿子上周发烧，我被传染了，现在咳嗽"),
    (SELF, "我爸有高血压，我会不会也有"),
    (SELF, "我朋友让我吃布洛芬，头痛好一点"),
    (SELF, "我宝宝胎动少了，还有点出血"),
    (SELF, "现在我头更痛了"),
    ("child", "我给他吃了退烧药"),
    ("child", "孩子现在还在咳嗽"),
    ("child", "我儿子现在退烧了，但是还在吐"),
    ("parent", "她还头晕"),
]


def _read(text):
    safe = redact_once(text, date(2026, 11, 22))
    return safe.text, find(safe, detect(safe.text, None))


@pytest.mark.parametrize(("current", "text", "who"), TURNS)
def test_a_message_that_turns_to_another_person(current, text, who):
    said, findings = _read(text)
    assert turned_to(said, current, findings) == who


@pytest.mark.parametrize(("current", "text"), STAYS)
def test_a_message_that_goes_on_with_the_same_person(current, text):
    said, findings = _read(text)
    assert turned_to(said, current, findings) == ""


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("my son has a fever", "child"),
        ("baby has a fever", "child"),
        ("3 year old with fever", "child"),
        ("Dad has chest pain", "parent"),
        ("Wife 34, headache and vomiting", "partner"),
        ("宝宝发烧", "child"),
        ("我妈妈头晕", "parent"),
        ("老公胸口痛", "partner"),
        ("I have a headache", SELF),
        ("头痛两天了", SELF),
        ("my husband thinks it's nothing but I have a rash", SELF),
        ("My mum is worried: my 2 year old has a fever", "child"),
        ("He's been vomiting since last night", ""),
        ("what is shingles?", ""),
    ],
)
def test_whom_a_first_message_tells_of(text, who):
    assert told_of(*_read(text)) == who


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Dad has chest pain", "my dad is sweating too, with pain in the arm"),
        ("baby has a fever", "my baby is vomiting now"),
        ("He's been vomiting since last night", "my son has a rash as well"),
        ("3 year old with fever", "my daughter is vomiting now"),
        ("宝宝发烧", "我宝宝现在还吐了"),
        ("老公胸口痛", "我老公还出冷汗"),
    ],
)
def test_the_person_of_a_first_message_is_known_again_in_the_next(first, second):
    said, findings = _read(second)
    assert turned_to(said, told_of(*_read(first)), findings) == ""
