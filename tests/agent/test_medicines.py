"""What may be taken together, in pregnancy, while breastfeeding or with an allergy, on the real library: only a page's own sentence
warns or allows, and silence is said to be silence."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import knowledge
from agent.build import build_agent
from agent.config import load
from agent.medicine_names import GROUPS, linked, named
from agent.medicines import WORDS, check, heard, lines
from agent.types import Facts
from knowledge.terms import load_terms

WARNED, ALLOWED, UNKNOWN, NONE = "warned", "allowed", "unknown", None


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none")).index


def _language(text):
    return "zh" if re.search("[一-鿿]", text) else "en"


def _check(index, question, facts=Facts(), **before):  # noqa: B008 - frozen
    return check(question, facts, index, _language(question), **before)


def _every(checked):
    return (checked, *checked.also, *checked.left)


PAIRS = [
    # Sentences that name both and speak of a third, of an illness, or of breastfeeding.
    ("Can I take codeine with tramadol?", UNKNOWN),
    ("Can I take paracetamol with naproxen?", UNKNOWN),
    ("阿莫西林和甲硝唑能一起吃吗", UNKNOWN),
    ("奥美拉唑和酒能一起吗", UNKNOWN),
    ("Can I take atorvastatin with the contraceptive pill?", ALLOWED),
    ("Can I take metformin with insulin?", ALLOWED),
    ("Can I take ibuprofen with sertraline?", WARNED),
    ("Is it safe to mix Advil and Zoloft?", WARNED),
    ("can I drink on metronidazole", WARNED),
    ("Can I take naproxen if I'm on warfarin?", WARNED),
    ("can i take viagra with my GTN spray", WARNED),
    ("Can I take ibuprofen while on lithium?", WARNED),
    ("Can I take St John's wort with warfarin?", WARNED),
    ("Is it ok to take tramadol with sumatriptan?", WARNED),
    ("Can I have codeine with alcohol?", WARNED),
    ("Can I take diazepam with oxycodone?", WARNED),
    ("Can I take pregabalin and morphine together?", WARNED),
    ("Can I take clarithromycin with atorvastatin?", WARNED),
    ("Can I take simvastatin with grapefruit juice?", WARNED),
    ("Can I take doxycycline with iron tablets?", WARNED),
    ("Can I take ciprofloxacin with Tums?", WARNED),
    ("Can I take ciprofloxacin with tizanidine?", WARNED),
    ("Can I take trimethoprim with methotrexate?", WARNED),
    ("Can I take trimethoprim with ramipril?", WARNED),
    ("Can I take metronidazole with warfarin?", WARNED),
    ("Can I take fluconazole with simvastatin?", WARNED),
    ("Can I take omeprazole with clopidogrel?", WARNED),
    ("Can I take omeprazole and digoxin together?", WARNED),
    ("Can I take ibuprofen and prednisolone together?", WARNED),
    ("Can I take duloxetine with naproxen?", WARNED),
    ("Can I take ciprofloxacin with duloxetine?", WARNED),
    ("Can I take Sudafed with phenelzine?", WARNED),
    ("Can I take dextromethorphan with fluoxetine?", WARNED),
    ("Can I take levothyroxine with calcium tablets?", WARNED),
    ("Can I take colchicine with clarithromycin?", WARNED),
    ("Can I take colchicine with atorvastatin?", WARNED),
    ("Can I take Tylenol with NyQuil?", WARNED),
    ("Can I take paracetamol with alcohol?", WARNED),
    ("Can I drink alcohol with cetirizine?", WARNED),
    ("Can I take diphenhydramine with wine?", WARNED),
    ("Can I take amoxicillin with the pill?", WARNED),
    ("Can I take lisinopril with potassium supplements?", WARNED),
    ("Can I take furosemide with ibuprofen?", WARNED),
    ("I take warfarin. Is it ok to have ginkgo?", WARNED),
    ("Can I take apixaban with aspirin?", WARNED),
    ("Can I drink grapefruit juice with clopidogrel?", WARNED),
    ("Is it safe to take carbamazepine with the pill?", WARNED),
    ("Can I take tamsulosin with Viagra?", WARNED),
    ("Can I take cefalexin with metformin?", WARNED),
    ("Can I take co-codamol with paracetamol?", WARNED),
    ("Can I take Advil with ibuprofen?", WARNED),
    ("Can I take ibuprofen and paracetamol together?", ALLOWED),
    ("can i take nurofen with panadol", ALLOWED),
    ("吃了头孢能喝酒吗", WARNED),
    ("布洛芬和阿司匹林能一起吃吗", WARNED),
    ("安眠药能和酒一起吃吗", WARNED),
    ("舍曲林和布洛芬能一起吃吗", WARNED),
    ("阿托伐他汀和克拉霉素可以一起吃吗", WARNED),
    ("阿托伐他汀和西柚能一起吃吗", WARNED),
    ("吃华法林能吃阿奇霉素吗", WARNED),
    ("右美沙芬和MAOI能一起吃吗", WARNED),
    ("曲马多和舍曲林可以同时吃吗", WARNED),
    ("扑尔敏和酒能一起吗", WARNED),
    ("甲硝唑期间能喝酒吗", WARNED),
    ("吃依那普利和利尿剂，能吃布洛芬吗", WARNED),
    ("氯雷他定和感冒药能一起吃吗", WARNED),
    ("二甲双胍和胰岛素能一起用吗", WARNED),
    ("佐匹克隆和可待因能一起吃吗", WARNED),
    ("利福平和避孕药能一起吃吗", WARNED),
    ("泰诺和对乙酰氨基酚能一起吃吗", WARNED),
    ("感冒药能和酒一起吃吗", WARNED),
    ("芬必得和抗凝药能一起吃吗", WARNED),
    ("Can I take loratadine with metformin?", UNKNOWN),
    ("Can I take amlodipine with levothyroxine?", UNKNOWN),
    ("Can I take lansoprazole with vitamin D?", UNKNOWN),
    ("Can I take melatonin with metformin?", UNKNOWN),
    ("Can I take montelukast with cetirizine?", UNKNOWN),
    ("Can I take semaglutide with sertraline?", UNKNOWN),
    ("Can I take aciclovir with lisinopril?", UNKNOWN),
    ("Can I take nitrofurantoin with sertraline?", UNKNOWN),
    ("Can I take gabapentin with amlodipine?", UNKNOWN),
    ("Can I take senna with paracetamol?", UNKNOWN),
    ("Can I take fexofenadine with atorvastatin?", UNKNOWN),
    ("Can I take propranolol with loratadine?", UNKNOWN),
    ("Can I take metformin with fish oil?", UNKNOWN),
    ("Can I take paracetamol with losartan?", UNKNOWN),
    ("Can I take amoxicillin with cetirizine?", UNKNOWN),
    ("Can I take Viagra with wine?", UNKNOWN),
    ("Can I take loperamide with omeprazole?", UNKNOWN),
    ("Can I take mebendazole with ibuprofen?", UNKNOWN),
    ("Can I take finasteride with ibuprofen?", UNKNOWN),
    ("Can I take bisoprolol with paracetamol?", UNKNOWN),
    ("Can I take allopurinol with paracetamol?", UNKNOWN),
    ("Can I take paracetamol with amitriptyline?", UNKNOWN),
    ("Can I take levetiracetam with paracetamol?", UNKNOWN),
    ("Can I take amoxicillin with ibuprofen?", UNKNOWN),
    ("Can I take doxycycline with omeprazole?", UNKNOWN),
    ("阿莫西林和布洛芬能一起吃吗", UNKNOWN),
    ("氨氯地平和二甲双胍能一起吃吗", UNKNOWN),
    ("奥美拉唑和氯雷他定能一起吃吗", UNKNOWN),
    ("布洛芬和对乙酰氨基酚能一起吃吗", UNKNOWN),
    ("奥司他韦和布洛芬能一起吃吗", UNKNOWN),
    ("连花清瘟和布洛芬能一起吃吗", UNKNOWN),
    ("阿奇霉素和氨溴索能一起吃吗", UNKNOWN),
    ("舍曲林和二甲双胍能一起吃吗", UNKNOWN),
    ("蒙脱石散和益生菌能一起吃吗", UNKNOWN),
    ("my mum is on rivaroxaban, can she take voltaren for her knee?", WARNED),
    ("i'm on citalopram is it ok to take st johns wort", WARNED),
    ("Can I take zopiclone after a glass of wine?", WARNED),
    ("Is it safe to take co-codamol and diazepam at the same time?", WARNED),
    ("how long after metronidazole can I drink", WARNED),
    ("Can I take Gaviscon with my levothyroxine?", WARNED),
    ("doxycycline and milk ok?", WARNED),
    ("can i have grapefruit with amlodipine", WARNED),
    ("Can I take erythromycin with simvastatin?", WARNED),
    ("I'm taking Lipitor, can I have clarithromycin?", WARNED),
    ("can you mix xanax and alcohol", WARNED),
    ("Can I take spironolactone with trimethoprim?", WARNED),
    ("I take methotrexate, can I have ibuprofen?", WARNED),
    ("Can I take sumatriptan with sertraline?", WARNED),
    ("Can I take Paxlovid with colchicine?", WARNED),
    ("Can I take meloxicam with aspirin?", WARNED),
    ("Can I take ibuprofin with sertaline?", WARNED),
    ("Can I take ondansetron with sumatriptan?", WARNED),
    ("Can I take losartan and ibuprofen together?", WARNED),
    ("cold and flu tablets with paracetamol, ok?", WARNED),
    ("can i drink while taking isotretinoin", WARNED),
    ("can I drink alcohol on baclofen?", WARNED),
    ("帕罗西汀可以和曲马多一起吃吗", WARNED),
    ("吃降压药可以吃布洛芬吗", WARNED),
    ("白加黑和必理通能一起吃吗", WARNED),
    ("头孢克肟吃完几天能喝酒", WARNED),
    ("西柚汁和瑞舒伐他汀可以一起吗", WARNED),
    ("激素药和布洛芬能一起吃吗", WARNED),
    ("can I take vitamin C with ibuprofen", UNKNOWN),
    ("Can I take Mounjaro with ibuprofen?", UNKNOWN),
    ("Can I take cetirizine with montelukast?", UNKNOWN),
    ("Can I use clotrimazole cream with metformin?", UNKNOWN),
    ("Can I take paracetamol with amoxicillin?", UNKNOWN),
    ("is it ok to take ibuprofen with coffee", UNKNOWN),
    ("Can I take omeprazole with paracetamol?", UNKNOWN),
    ("Can I take lamotrigine with ibuprofen?", UNKNOWN),
    ("Can I take buspirone with loratadine?", UNKNOWN),
    ("can i take magnesium with sertraline", UNKNOWN),
    ("Can I take amlodipine with paracetamol?", UNKNOWN),
    ("Can I take hydroxyzine with metformin?", UNKNOWN),
    ("can i take tamsulosin with omeprazole", UNKNOWN),
    ("Can I take folic acid with paracetamol?", UNKNOWN),
    ("氯雷他定和奥司他韦能一起吃吗", UNKNOWN),
    ("维生素C和阿莫西林能一起吃吗", UNKNOWN),
    ("双黄连和阿莫西林能一起吃吗", UNKNOWN),
    ("二甲双胍和维生素C能同时吃吗", UNKNOWN),
]
ELSE = [
    "which is better for fever, ibuprofen or paracetamol?",
    "Can I take ibuprofen or paracetamol for a headache?",
    "What is the difference between naproxen and ibuprofen?",
    "布洛芬和对乙酰氨基酚哪个退烧好",
    "How much ibuprofen can I take with food?",
    "what are the side effects of sertraline",
    "Should I take cetirizine instead of loratadine?",
    "头孢和阿莫西林有什么区别",
    "Is Advil the same as ibuprofen?",
    "My chest hurts and I take ramipril",
    "can I take ibuprofen for back pain",
    "I take metformin and lisinopril and feel dizzy",
    "I took ibuprofen and my stomach hurts",
    "Is ibuprofen an NSAID?",
    "Does warfarin thin the blood?",
    "Can paracetamol and ibuprofen be bought without prescription?",
    "how do antibiotics and antivirals differ",
    "my father takes warfarin and digoxin and has a nosebleed",
    "布洛芬是激素吗",
    "我发烧了吃布洛芬还是对乙酰氨基酚",
    "is alcohol bad for you",
    "can I stop sertraline and start fluoxetine",
    "Can I get addicted to codeine and tramadol?",
    "should I get the flu jab if I take methotrexate",
    "I'm not allergic to penicillin, my throat hurts",
    "Can I take a pregnancy test while I have a cold?",
    "does the pill stop me getting pregnant",
    "I'm pregnant and my back hurts",
    "what antibiotics for a chest infection, penicillin allergy?",
    "抗过敏药吃多久",
]
STATES = [
    ("Can I take ibuprofen when pregnant?", WARNED),
    ("Is Accutane safe in pregnancy?", WARNED),
    ("Can I take paracetamol in pregnancy?", WARNED),
    ("I'm 30 weeks pregnant, can I take naproxen?", WARNED),
    ("Can I take sertraline while pregnant?", WARNED),
    ("Can I take warfarin when trying for a baby?", WARNED),
    ("is lisinopril safe in pregnancy", WARNED),
    ("can I take codeine while breastfeeding", WARNED),
    ("Can I take Sudafed while breastfeeding?", WARNED),
    ("can i take cetirizine while breastfeeding", WARNED),
    ("Can I take paracetamol while breastfeeding?", WARNED),
    ("is atorvastatin ok when breastfeeding", WARNED),
    ("can I take loperamide when pregnant", WARNED),
    ("Can I take hydralazine when pregnant?", UNKNOWN),
    ("Can I take montelukast when pregnant?", WARNED),
    ("is mebeverine safe while breastfeeding", UNKNOWN),
    ("孕妇能吃布洛芬吗", WARNED),
    ("哺乳期能吃阿司匹林吗", WARNED),
    ("怀孕可以吃奥美拉唑吗", WARNED),
    ("喂奶能吃感冒药吗", WARNED),
    ("孕妇能吃多潘立酮吗", UNKNOWN),
    ("孕妇能吃蒙脱石散吗", WARNED),
    ("备孕能吃二甲双胍吗", WARNED),
]
ALLERGIES = [
    ("I'm allergic to penicillin, can I take cephalexin?", WARNED),
    ("I'm allergic to penicillin. Is Augmentin ok?", WARNED),
    ("I have an aspirin allergy, can I take ibuprofen?", WARNED),
    ("allergic to sulfa, can I take Bactrim?", WARNED),
    ("对青霉素过敏能吃头孢吗", WARNED),
    ("我阿司匹林过敏，能吃布洛芬吗", WARNED),
    ("I'm allergic to penicillin, can I take azithromycin?", UNKNOWN),
    ("I am allergic to codeine, can I take paracetamol?", UNKNOWN),
    ("青霉素过敏可以吃阿奇霉素吗", UNKNOWN),
]


@pytest.mark.parametrize(("question", "verdict"), [*PAIRS, *STATES, *ALLERGIES])
def test_the_verdict_is_what_the_pages_say_and_each_quote_stands_in_its_passage(index, question, verdict):
    checked = _check(index, question)
    assert checked is not None and checked.verdict == verdict
    for each in _every(checked):
        assert all(quote.text in quote.passage.text for quote in each.findings)
        assert all(quote.passage.language == _language(question) for quote in each.findings)
        assert each.findings or each.reason or each.verdict == UNKNOWN or each.kind == "allergy", (
            "a verdict rests on something"
        )
    shown = lines(checked, _language(question))
    assert all(line.text in line.passage.text for line in shown if line.passage)
    assert shown[0].text or shown[1].text


@pytest.mark.parametrize("question", ELSE)
def test_a_question_that_asks_something_else_is_left_alone(index, question):
    assert _check(index, question) is None


@pytest.mark.parametrize(
    ("sentence", "one", "other", "related"),
    [
        (
            "Do not take clarithromycin with colchicine, and ask before fluconazole.",
            "clarithromycin",
            "colchicine",
            True,
        ),
        (
            "Do not take clarithromycin with colchicine, and ask before fluconazole.",
            "clarithromycin",
            "fluconazole",
            False,
        ),
        ("NSAIDs such as ibuprofen and naproxen bleed more with a blood thinner.", "ibuprofen", "warfarin", True),
        ("NSAIDs such as ibuprofen and naproxen bleed more with a blood thinner.", "ibuprofen", "naproxen", False),
        (
            "Ask before omeprazole if you take digoxin for the heart, or diazepam for anxiety.",
            "digoxin",
            "diazepam",
            False,
        ),
        ("Do not take a decongestant with an antidepressant called an MAOI.", "pseudoephedrine", "sertraline", False),
        ("Do not take a decongestant with an antidepressant called an MAOI.", "pseudoephedrine", "phenelzine", True),
        ("Take ibuprofen and paracetamol at the same time.", "ibuprofen", "paracetamol", True),
        ("Ibuprofen and paracetamol ease pain.", "ibuprofen", "paracetamol", False),
        ("Doctors use ibuprofen, but paracetamol if you have weak kidneys.", "ibuprofen", "paracetamol", False),
        ("安眠药和可待因、吗啡等阿片类药一起吃，可能致命。", "可待因", "吗啡", False),
        ("安眠药和可待因、吗啡等阿片类药一起吃，可能致命。", "唑吡坦", "吗啡", True),
        ("对乙酰氨基酚吃过量会严重伤肝，布洛芬可能伤胃。", "对乙酰氨基酚", "布洛芬", False),
    ],
)
def test_a_sentence_relates_two_medicines_or_only_lists_them(sentence, one, other, related):
    first, second = (named(name)[0].medicine for name in (one, other))
    for pair in ((first, second), (second, first)):
        assert linked(sentence, *pair, language=_language(sentence)) is related


def test_pages_that_disagree_are_both_shown_and_the_stricter_leads(index):
    checked = _check(index, "Can I take amoxicillin with the pill?")
    stances = [quote.stance for quote in checked.findings]
    assert stances[0] != "allowed" and stances[-1] == "allowed"
    assert any("do not all say the same" in line.text for line in lines(checked, "en"))


def test_silence_is_said_plainly_and_a_missing_page_is_named(index):
    text = "\n".join(line.text for line in lines(_check(index, "Can I take hydralazine with cetirizine?"), "en"))
    assert "do not say whether" in text and "does not mean that it is safe" in text and "no page on hydralazine" in text
    text = "\n".join(line.text for line in lines(_check(index, "奥司他韦和布洛芬能一起吃吗"), "zh"))
    assert "没有说不等于安全" in text and "没有关于" not in text


def test_a_brand_is_said_by_its_name_and_two_brands_of_one_medicine_add_up(index):
    told = lines(_check(index, "Is it safe to mix Advil and Zoloft?"), "en")
    assert [line.text for line in told[:2]] == ["Advil is ibuprofen.", "Zoloft is sertraline."]
    doubled = _check(index, "Can I take Advil with Nurofen?")
    assert doubled.verdict == WARNED and doubled.reason == ("ibuprofen",)
    assert _check(index, "泰诺和对乙酰氨基酚能一起吃吗").reason == ("对乙酰氨基酚",)


def test_a_misspelt_name_is_read_as_what_it_must_mean(index):
    assert [each.name for each in _check(index, "Can I take ibuprofin with sertaline?").subjects] == [
        "ibuprofen",
        "sertraline",
    ]


def test_more_than_two_medicines_are_all_paired_the_warned_first_and_three_shown(index):
    checked = _check(index, "I'm on warfarin, lisinopril, metformin and loratadine. Can I take naproxen?")
    every = _every(checked)
    assert len(every) == 4 and len((checked, *checked.also)) == 3 and len(checked.left) == 1
    assert all(each.subjects[0].name == "naproxen" for each in every), "what is taken already is not paired with itself"
    verdicts = [each.verdict for each in every]
    assert verdicts == sorted(verdicts, key=[WARNED, UNKNOWN, ALLOWED].index)
    assert "left out 1 more" in lines(checked, "en")[-1].text


def test_what_was_said_to_be_taken_earlier_is_paired_with_what_is_asked_now(index):
    before = heard(["I take warfarin and amlodipine", "is ginkgo ok?"], "en")
    assert before.taken == ("warfarin", "amlodipine") and before.asked == ("ginkgo",)
    checked = _check(index, "Can I take ibuprofen?", state_medicines=before.taken)
    assert [each.name for each in checked.subjects] == ["ibuprofen", "warfarin"] and checked.verdict == WARNED
    assert _check(index, "Can I take ibuprofen?") is None
    assert _check(index, "Can I take ibuprofen?", state_medicines=("anticoagulants",)).verdict == WARNED, (
        "ids of findings will do"
    )


def test_a_second_turn_asks_of_the_medicine_before(index):
    checked = _check(index, "and if she is allergic to penicillin?", asked=("amoxicillin",))
    assert (checked.kind, checked.verdict) == ("allergy", WARNED)
    checked = _check(index, "and if I'm pregnant?", asked=("naproxen",))
    assert (checked.kind, checked.verdict) == ("pregnancy", WARNED)
    told = heard(["I'm allergic to penicillin"], "en")
    assert _check(index, "Can I take Keflex?", allergies=told.allergies).verdict == WARNED


def test_an_allergy_without_a_page_rests_on_the_rule_and_names_its_source(index):
    checked = _check(index, "I'm allergic to penicillin, can I take cefdinir?")
    assert checked.verdict == WARNED and "dailymed" in checked.reason[1]
    assert any("dailymed" in line.text for line in lines(checked, "en"))


def test_a_known_pregnancy_is_looked_at_unasked_and_the_week_is_pointed_to(index):
    checked = _check(index, "Can I take naproxen?", Facts(pregnant=True, pregnancy_weeks=30))
    assert (checked.kind, checked.verdict) == ("pregnancy", WARNED)
    assert any("week" in line.text.lower() for line in lines(checked, "en") if line.passage is None)


def test_an_adults_answer_is_not_a_childs(index):
    adult, child = (
        "Can I take ibuprofen and paracetamol together?",
        "Can my child take ibuprofen and paracetamol together?",
    )
    assert _check(index, adult).verdict == ALLOWED
    assert _check(index, child, Facts(age_years=4, subject="other")).verdict == WARNED


def test_every_family_is_of_the_terminology_and_stands_in_the_page_that_attests_it():
    with GROUPS.open("rb") as stream:
        groups = tomllib.load(stream)
    mixtures, terms = groups.pop("mixtures"), load_terms()
    classes = {name for concept in terms.concepts for name in concept.broader}
    library = Path(knowledge.__file__).parent / "library"
    for name, group in groups.items():
        assert {*group.get("members", ()), *group.get("generic", ())} <= set(terms.by_name), name
        assert set(group.get("of", ())) <= classes and set(group.get("within", ())) <= set(groups), name
        page = (library / "en" / f"{group['page']}.md").read_text(encoding="utf-8").lower()
        assert any(word.lower() in page for word in group["en"]), f"{group['page']} does not name {name}"
    assert all(set(held) | {name} <= set(terms.by_name) for name, held in mixtures.items())


def test_every_row_of_words_is_a_pattern_in_both_languages():
    with WORDS.open("rb") as stream:
        rows = tomllib.load(stream)
    for row in rows.values():
        assert set(row) == {"en", "zh"} and all(re.compile("|".join(row[language])) for language in row)
