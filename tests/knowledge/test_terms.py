"""The terminology: enough concepts, each attested, both languages found in running text, ambiguous names left open."""

from __future__ import annotations

import re
import time

import pytest

from knowledge.errors import KnowledgeError
from knowledge.terms import COLUMNS, Concept, Terminology, load_terms, read_terms


@pytest.fixture(scope="module")
def terms():
    return load_terms()


def test_there_are_three_thousand_concepts_and_half_are_bilingual(terms):
    assert len(terms) >= 3000
    assert sum(bool(concept.zh) for concept in terms.concepts) >= 1500


def test_what_attests_a_name_is_noted_for_most(terms):
    english = [c for c in terms.concepts if any(not source.endswith("-zh") for source in c.sources)]
    both = [c for c in english if c.zh and any(source.endswith("-zh") for source in c.sources)]
    assert len(english) >= 3000, len(english)
    assert len(both) >= 800, len(both)


def test_rows_are_clean(terms):
    for concept in terms.concepts:
        assert concept.en == concept.en.strip() and not re.search(r"[㐀-鿿]", "".join(concept.english)), concept
        assert all(re.search(r"[㐀-鿿]", name) or name.isascii() for name in concept.chinese), concept
        assert len({name.lower() for name in concept.english}) == len(concept.english), concept


@pytest.mark.parametrize(
    ("text", "word", "concept"),
    [
        ("my dad had a heart attack last year", "heart attack", "heart attack"),
        ("pt with STEMI, aspirin given", "STEMI", "ST-elevation myocardial infarction"),
        ("爸爸去年心梗过", "心梗", "heart attack"),
        ("考虑急性心肌梗死", "急性心肌梗死", "heart attack"),
        ("can I take tylenol", "tylenol", "paracetamol"),
        ("扑热息痛能吃吗", "扑热息痛", "paracetamol"),
        ("i think i have a uti", "uti", "urinary tract infection"),
        ("my Eliquis ran out", "Eliquis", "apixaban"),
    ],
)
def test_names_are_found_in_running_text(terms, text, word, concept):
    found = {mention.text: mention.concept.en for mention in terms.find(text) if mention.concept}
    assert found.get(word) == concept


def test_an_ambiguous_abbreviation_stays_open_until_the_words_around_settle_it(terms):
    (open_one,) = [mention for mention in terms.find("what is PID") if mention.text == "PID"]
    assert open_one.concept is None and len(open_one.concepts) > 1
    (settled,) = [m for m in terms.find("treating chlamydia will treat the PID as well?") if m.text == "PID"]
    assert settled.concept and settled.concept.en == "pelvic inflammatory disease"


def test_a_word_is_no_abbreviation(terms):
    assert not [mention for mention in terms.find("it all aids me to ask the man in the pub") if mention.concept and mention.text.islower() and len(mention.text) <= 4]


def test_a_hundred_thousand_characters_are_read_in_seconds(terms):
    terms.find("warm up")
    began = time.perf_counter()
    terms.find("心肌梗死 and heart attack, then MI " * 3000)
    assert time.perf_counter() - began < 8


def test_overlaps_give_the_longest_name():
    pain = Concept("pain", "symptoms")
    chest = Concept("chest pain", "symptoms", zh="胸痛")
    ache = Concept("ache of the chest wall", "symptoms", zh="胸痛症")
    terms = Terminology([pain, chest, ache], {})
    assert [mention.text for mention in terms.find("chest pain or pain, 胸痛症")] == ["chest pain", "pain", "胸痛症"]


def test_a_broken_row_names_its_line(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("\t".join(COLUMNS) + "\nfever\tonly two\n")
    with pytest.raises(KnowledgeError, match="line 2 has 2 cells"):
        list(read_terms(path))
