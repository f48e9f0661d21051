"""Of a long story the sentences about health are read, wherever they stand; a short message is read whole."""

from __future__ import annotations

import pytest

from agent.telling import LONG, MOST, telling
from evals import perturb

TOLD = {
    "en": "Since an hour my chest feels crushed and my left arm is heavy. I am sweating and grey.",
    "zh": "一个小时前开始胸口压榨样疼，左胳膊发沉。一直出冷汗，脸色发灰。",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seed", range(4))
def test_an_emergency_between_two_pages_of_everyday_life_is_what_is_left(language, seed):
    story = perturb.lengthened(TOLD[language], language, seed)
    left = telling(story, language)
    assert len(story) > 2 * len(left) and len(left) <= MOST + len(TOLD[language])
    for part in ("crushed", "heavy", "sweating") if language == "en" else ("压榨", "发沉", "冷汗"):
        assert part in left


def test_what_is_short_stays_as_it_is_and_what_tells_nothing_keeps_its_beginning():
    short = "My chest hurts.  It began   today."
    assert telling(short, "en") == short
    dull = "We painted the fence and the gate all afternoon. " * 40
    assert telling(dull, "en") == dull[:LONG]


def test_one_endless_sentence_is_cut_at_its_commas():
    endless = ", ".join(["we went to the market and then the library"] * 30 + ["I have crushing chest pain", "we went home"] + ["and so on"] * 30)
    left = telling(endless, "en")
    assert "crushing chest pain" in left and len(left) <= MOST + 100


def test_order_is_kept():
    story = "I have a fever. " + "The bus was late again and the driver smiled. " * 20 + "Now I cannot breathe well."
    left = telling(story, "en")
    assert left.index("fever") < left.index("breathe")
