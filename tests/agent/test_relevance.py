"""Which pages bear on a question: a page is on the subject by its names or, where none is said, by its words."""

from __future__ import annotations

import pytest

from agent.relevance import bearing, relevance
from knowledge.types import Passage
from retrieval.types import Hit

TEXT = "Taper the opioid by 5 to 20 percent every four weeks. Follow up within one to four weeks after each dosage change."


def _hit(dense: float, *, title: str = "Features and overview", text: str = TEXT) -> Hit:
    passage = Passage(id="1", document="d", title=title, heading="", text=text, language="en", sources=())
    return Hit(passage=passage, score=1.0, dense=dense)


QUESTION = "How often should I follow up after each opioid dosage change?"


def test_a_page_whose_name_says_nothing_bears_on_what_its_words_hold():
    near, far = relevance(QUESTION, _hit(0.86)), relevance(QUESTION, _hit(0.81))
    assert near >= 0.42 > far
    assert bearing(QUESTION, [_hit(0.86)], least=0.42) and not bearing(QUESTION, [_hit(0.81)], least=0.42)


def test_a_page_that_holds_little_of_the_question_does_not():
    assert relevance("How is a verruca frozen off in a child?", _hit(0.86)) < 0.42


@pytest.mark.parametrize("dense", [0.81, 0.86, 0.92])
def test_a_page_whose_name_is_said_is_judged_as_before(dense):
    named = relevance(QUESTION, _hit(dense, title="Opioid taper"))
    assert named > relevance("How is a verruca frozen off in a child?", _hit(dense, title="Opioid taper"))


def test_a_page_about_another_illness_counts_half():
    words = "Follow up after each dosage change in asthma"
    other = _hit(0.88, text="Follow up after each dosage change within four weeks.")
    own = _hit(0.88, text="Follow up after each dosage change within four weeks in asthma.")
    assert relevance(words, other) < 0.42 <= relevance(words, own)
