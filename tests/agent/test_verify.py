"""Claims against spans: what is kept, and what one number, one "not" or one drug must cut."""

from __future__ import annotations

import pytest

from agent.agree import quantities
from agent.verify import check, split_keys
from knowledge.types import Passage

COLD = Passage(
    id="c", document="cold", title="Common cold", heading="How long does it last?", language="en", sources=(),
    text="A cold usually gets better within 1 to 2 weeks. Antibiotics do not help a cold, because a virus causes it.",
)  # fmt: skip
DOSE = Passage(
    id="p", document="paracetamol", title="Paracetamol", heading="How much can I take?", language="en", sources=(),
    synonyms=("acetaminophen", "Tylenol"),
    text="An adult can take one or two 500 mg tablets of paracetamol up to 4 times in 24 hours. "
    "Leave at least 4 hours between doses. Do not take more than 8 tablets in 24 hours.",
)  # fmt: skip
GANMAO = Passage(
    id="g", document="ganmao", title="普通感冒", heading="要吃抗生素吗？", language="zh", sources=(),
    text="感冒由病毒引起，抗生素对感冒没有用。感冒一般持续7到10天。发热超过3天要去医院。",
)  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "passage", "language"),
    [
        ("Antibiotics do not help a cold.", COLD, "en"),
        ("A cold usually gets better in one to two weeks.", COLD, "en"),
        ("Antibiotics don't help because a cold is caused by a virus.", COLD, "en"),
        ("Adults can take one or two 500 mg tablets up to four times in 24 hours.", DOSE, "en"),
        ("Do not take more than 8 tablets of paracetamol in 24 hours.", DOSE, "en"),
        ("抗生素对感冒没有用。", GANMAO, "zh"),
        ("感冒一般持续7到10天。", GANMAO, "zh"),
    ],
)
def test_a_claim_that_a_span_holds_is_kept_with_an_exact_quote(claim, passage, language):
    verdict = check(claim, [passage], language, least=0.5)
    assert verdict.supported, verdict.why
    assert verdict.quote and verdict.quote in passage.text


@pytest.mark.parametrize(
    ("claim", "passage", "language", "why"),
    [
        ("Antibiotics help a cold.", COLD, "en", "negated"),
        ("A cold usually gets better within 3 weeks.", COLD, "en", "number"),
        ("A cold usually gets better within 1 to 2 days.", COLD, "en", "number"),
        ("An adult can take one or two 650 mg tablets up to 4 times in 24 hours.", DOSE, "en", "number"),
        ("An adult can take one or two 500 mg tablets up to six times in 24 hours.", DOSE, "en", "number"),
        ("Take more than 8 tablets in 24 hours.", DOSE, "en", "negated"),
        ("A cold is dangerous for the kidneys and the liver.", COLD, "en", "bears it out"),
        ("抗生素对感冒很有帮助。", GANMAO, "zh", ""),
        ("抗生素对感冒有用。", GANMAO, "zh", ""),
        ("感冒一般持续3到5天。", GANMAO, "zh", "number"),
        ("感冒会引起肾结石。", GANMAO, "zh", "bears it out"),
        ("", COLD, "en", "nothing that could be checked"),
        ("The the of.", COLD, "en", "nothing that could be checked"),
    ],
)
def test_a_claim_that_no_span_holds_is_cut_and_says_why(claim, passage, language, why):
    verdict = check(claim, [passage], language, least=0.5)
    assert not verdict.supported
    assert why in verdict.why


def test_the_medicine_that_was_asked_about_cannot_borrow_another_ones_passage():
    claim = "An adult can take one or two 500 mg tablets of naproxen up to 4 times in 24 hours."
    question = "How much naproxen can I take?"
    assert "does not speak of naproxen" in check(claim, [DOSE], "en", least=0.5, question=question).why
    brand = "An adult can take one or two 500 mg Tylenol tablets up to 4 times in 24 hours."
    assert check(brand, [DOSE], "en", least=0.5, question="How much Tylenol can I take?").supported


def test_the_right_passage_is_found_among_several():
    verdict = check("Leave at least 4 hours between doses.", [COLD, GANMAO, DOSE], "en", least=0.5)
    assert verdict.supported and verdict.passage == 2


@pytest.mark.parametrize(
    ("text", "claim", "keys"),
    [
        ("Colds pass [1].", "Colds pass.", (1,)),
        ("Colds pass.[1][2]", "Colds pass.", (1, 2)),
        ("Colds pass [1, 3].", "Colds pass.", (1, 3)),
        ("感冒会好【1】。", "感冒会好。", (1,)),
        ("In 2020 (about 38.5) it was so.", "In 2020 (about 38.5) it was so.", ()),
        ("No key here.", "No key here.", ()),
    ],
)
def test_keys_are_split_from_the_words(text, claim, keys):
    assert split_keys(text) == (claim, keys)


def test_quantities_compare_across_words_and_units():
    assert quantities("twice a day for two weeks") == quantities("2 a day for 2 weeks")
    assert quantities("4 hours") != quantities("4 days")
    assert quantities("两片，每天三次") == quantities("2片，每天3次")
    assert quantities("1,000 mg") == quantities("1000 mg")
    assert quantities("no numbers") == frozenset()


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("Ibuprofen raises blood pressure in some people.", "Ibuprofen lowers blood pressure in some people."),
        ("Take the tablet before a meal with water.", "Take the tablet after a meal with water."),
        ("Put a warm pack on the sprained ankle.", "Put an ice pack on the sprained ankle."),
        ("Children under 12 can use this spray.", "Children at least 12 can use this spray."),
    ],
)
def test_the_opposite_direction_is_cut(claim, text):
    passage = Passage(id="x", document="x", title="X", heading="", text=text, language="en", sources=())
    verdict = check(claim, [passage], "en", least=0.5)
    assert not verdict.supported
    assert check(text, [passage], "en", least=0.5).supported


def test_a_word_inside_another_is_no_direction():
    text = "Heart disease makes it harder to recover from a shot."
    passage = Passage(id="x", document="x", title="X", heading="", text=text, language="en", sources=())
    assert check("Heart disease makes it harder to recover from a shot.", [passage], "en", least=0.5).supported


def test_a_page_that_calls_its_subject_by_a_negated_name_supports_its_own_sentences():
    page = Passage(
        id="t", document="taidong", title="胎动减少", heading="什么时候叫救护车？", language="zh", sources=(),
        synonyms=("感觉不到胎动",), text="- 感觉不到胎动，又大量出血，请立即拨打急救电话。\n- 胎动停止，马上去产科急诊。",
    )  # fmt: skip
    verdict = check("感觉不到胎动，又大量出血，请立即拨打急救电话。", [page], "zh")
    assert verdict.supported and verdict.quote in page.text and verdict.score == 1.0
    assert not check("感觉不到胎动，又大量出血，不要拨打急救电话。", [page], "zh").supported


@pytest.mark.parametrize(
    ("claim", "text", "language"),
    [
        ("感冒要吃抗生素。", "感冒由病毒引起，抗生素对感冒没有用。", "zh"),
        ("蜂蜜对宝宝是安全的。", "不要给1岁以下的宝宝吃蜂蜜。", "zh"),
        ("Honey is safe for babies.", "Do not give honey to a baby under 1 year.", "en"),
        ("You can break the blisters.", "Never break the blisters, and cover them.", "en"),
    ],
)
def test_what_a_page_forbids_is_not_permitted_in_other_words(claim, text, language):
    page = Passage(id="x", document="x", title="", heading="", language=language, sources=(), text=text)
    verdict = check(claim, [page], language)
    assert not verdict.supported and ("denies" in verdict.why or "negated" in verdict.why)


def test_a_no_before_a_denial_says_nothing_more_but_turns_round_what_is_not_denied():
    assert check("No, antibiotics do not help a cold.", [COLD], "en").supported
    assert check("That is wrong: antibiotics do not help a cold.", [COLD], "en").supported
    assert check("不对，抗生素对感冒没有用。", [GANMAO], "zh").supported
    assert not check("No, a cold gets better within 1 to 2 weeks.", [COLD], "en").supported
    assert not check("No, antibiotics help a cold.", [COLD], "en").supported
