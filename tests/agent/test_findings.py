"""Negation, time, experiencer, figures of speech, typos, scripts, and odd texts."""

from __future__ import annotations

import time

import pytest

from agent.findings import find
from agent.types import Finding, SafeText


def _one(text: str, name: str) -> Finding:
    found = [finding for finding in find(SafeText(text), "en") if finding.id == name]
    assert found, f"{name} not found in {text!r}"
    return found[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("no chest pain today", "chest_pain"),
        ("denies fever, cough, vomiting", "vomiting"),
        ("No fever, stiff neck, vomiting, or rash.", "stiff_neck"),
        ("I have a cough but no fever", "fever"),
        ("without any vomiting", "vomiting"),
        ("my arm is not weak", "one_side_weak"),
        ("没有发烧、头痛、呕吐", "vomiting"),
        ("不发烧，咳嗽三天", "fever"),
        ("否认胸痛，呕吐", "vomiting"),
        ("胸痛没有", "chest_pain"),
        ("無發燒", "fever"),
    ],
)
def test_denied(text: str, name: str) -> None:
    finding = _one(text, name)
    assert finding.negated and not finding.present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("no fever, throat hurts", "sore_throat"),
        ("the chest pain is not going away", "chest_pain"),
        ("not just a cough", "cough"),
        ("I can't breathe", "breath_severe"),
        ("no appetite and my stomach hurts", "abdominal_pain"),
        ("I don't know why I keep vomiting", "vomiting"),
        ("no fever but vomiting", "vomiting"),
        ("呼吸不了", "breath_severe"),
        ("没有发烧，但是胸痛", "chest_pain"),
        ("不咳嗽，头痛", "headache"),
        ("发烧一直没退", "fever"),
        ("不知道为什么胸口疼", "chest_pain"),
    ],
)
def test_not_denied(text: str, name: str) -> None:
    assert _one(text, name).present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I had a stroke in 2011", "stroke_word"),
        ("had seizures as a child", "seizure"),
        ("chest pain ten years ago", "chest_pain"),
        ("十年前中风过", "stroke_word"),
        ("小时候抽搐过", "seizure"),
        ("去年胸痛过", "chest_pain"),
    ],
)
def test_past(text: str, name: str) -> None:
    assert _one(text, name).time == "past"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("what are the signs of a stroke", "stroke_word"),
        ("how do I know if it is appendicitis?", "appendicitis_word"),
        ("if I had chest pain would I know?", "chest_pain"),
        ("can anxiety cause palpitations?", "palpitations"),
        ("nearly had a heart attack when I saw the bill", "heart_attack_claim"),
        ("worried about getting a stroke", "stroke_word"),
        ("心梗有什么症状", "heart_attack_claim"),
        ("如果胸痛怎么办", "chest_pain"),
        ("怎么预防中风", "stroke_word"),
    ],
)
def test_asked_or_imagined(text: str, name: str) -> None:
    assert _one(text, name).time == "hypothetical"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("how do I know if my chest pain is serious", "chest_pain"),
        ("is my headache dangerous, it came on suddenly", "headache"),
        ("I have had vomiting since Monday, what should I do?", "vomiting"),
        ("胸痛半小时了怎么办", "chest_pain"),
    ],
)
def test_a_question_about_oneself_is_real(text: str, name: str) -> None:
    assert _one(text, name).present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("没有呼吸困难", "not_breathing"),
        ("没有呼吸困难", "short_of_breath"),
        ("没有心跳过速", "not_breathing"),
        ("没有意识模糊", "unresponsive"),
        ("没有反应迟钝", "drowsy"),
        ("没有尿频", "low_urine"),
        ("没有尿床", "low_urine"),
        ("没有尿不出来", "urinary_retention"),
        ("没有突然剧烈头痛", "headache_thunderclap"),
        ("没有突然剧痛", "severe"),
        ("The headache does not wake me", "unresponsive"),
        ("Not hard to wake", "drowsy"),
        ("I do not have pain when I pee", "low_urine"),
        ("I haven't noticed any blood in my urine", "blood_in_urine"),
        ("I do not have to sleep sitting up", "orthopnoea"),
        ("I do not drink heavily", "drinks_heavily"),
        ("I do not drink alcohol", "eats_less"),
        ("不喝酒", "drink_stopped"),
        ("No tearing pain", "dehydrated"),
        ("The baby is not moving less", "fetal_movement_reduced"),
        ("No reduced movements", "fetal_movement_reduced"),
        ("胎动没有减少", "fetal_movement_reduced"),
        ("No one-sided pain", "one_sided_pelvic"),
        ("Not refusing feeds", "poor_feeding"),
        ("The stool is not like red jelly", "jelly_stool"),
        ("大便不像果酱", "jelly_stool"),
        ("右下腹不痛", "right_lower_pain"),
        ("酮体不高", "ketones"),
        ("Ketones are not high", "ketones"),
        ("I do not have right-sided weakness", "one_side_weak"),
        ("体重没有下降", "weight_loss"),
        ("没有过量服药", "overdose"),
        ("I have not taken an overdose", "overdose"),
        ("I have not taken paracetamol every two hours", "sys_dose_crammed"),
        ("没有去过非洲", "tropical_travel"),
        ("I have not been to Africa", "tropical_travel"),
        ("没有用卫生棉条", "tampon_in"),
        ("不用卫生棉条", "tampon_in"),
        ("没有用抗凝药", "anticoagulants"),
        ("没有吃抗凝药", "anticoagulants"),
        ("I am not taking any blood thinners", "anticoagulants"),
        ("I have not eaten wild mushrooms", "poison"),
        ("我没吃野蘑菇", "sys_wild_mushroom"),
        ("I did not stop my antidepressant", "medicine_stopped"),
        ("胰岛素没停", "medicine_stopped"),
        ("没有停了胰岛素", "medicine_stopped"),
        ("没有停药", "doses_missed"),
        ("没有突然停药", "stopped_unnamed"),
        ("I have not missed any doses of my insulin", "doses_missed"),
    ],
)
def test_a_denial_in_words_that_elsewhere_are_a_complaint(text: str, name: str) -> None:
    found = [finding for finding in find(SafeText(text), "en") if finding.id == name]
    assert found and all(finding.negated for finding in found)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("他没有呼吸了", "not_breathing"),
        ("孩子没有呼吸，脸发青", "not_breathing"),
        ("没有意识，叫不醒", "unresponsive"),
        ("宝宝一天没有尿了", "low_urine"),
        ("他一天都没有尿不出来", "urinary_retention"),
        ("之前都没有突然头痛得厉害", "headache_thunderclap"),
        ("She is hard to wake", "drowsy"),
        ("I can not wake him", "cant_rouse"),
        ("shouting does not wake her", "unresponsive"),
        ("Baby is moving less today", "fetal_movement_reduced"),
        ("She is refusing feeds", "poor_feeding"),
        ("My baby is not drinking", "poor_feeding"),
        ("No tears when crying", "dehydrated"),
        ("三天不喝酒了手抖", "alcohol_stopped"),
        ("I have never had a headache like this", "headache_worst_ever"),
        ("I don't have pain relief, my chest hurts badly", "chest_pain"),
        ("I have not eaten since I had the wild mushrooms and I am vomiting", "poison"),
        ("I have not taken my warfarin for two days", "anticoagulants"),
        ("I did not stop my insulin", "insulin"),
        ("忘了取出卫生棉条，发烧", "tampon_in"),
        ("I want to sleep and never wake up", "suicidal"),
        ("头非常疼", "headache"),
        ("我差不多三天头疼", "headache"),
        ("从非洲回来发烧", "fever"),
        ("胸口时不时疼", "chest_pain"),
    ],
)
def test_a_lack_a_change_and_a_word_with_a_negation_in_it_are_no_denial(text: str, name: str) -> None:
    assert any(finding.present for finding in find(SafeText(text), "en") if finding.id == name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("有点头痛", "headache"),
        ("嘴唇有点肿", "allergy_swelling"),
        ("小便颜色深，像浓茶", "dark_urine"),
        ("月经量有点多", "vaginal_bleeding"),
        ("有环形红斑", "tick_bullseye"),
        ("突然停药", "stopped_unnamed"),
        ("停药了", "stopped_unnamed"),
        ("I stopped my medication suddenly", "stopped_unnamed"),
        ("喷了急救吸入器没有用", "inhaler_failing"),
        ("不知道吃了多少安眠药", "overdose"),
        ("布洛芬吃多了", "overdose"),
        ("I burned my whole arm", "burn_severe"),
        ("I burned both my arms", "burn_severe"),
    ],
)
def test_said_another_way(text: str, name: str) -> None:
    assert _one(text, name).present


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("宝宝对乙酰氨基酚吃多少？", "overdose"),
        ("布洛芬吃多少", "overdose"),
        ("I burned my arm on a pan", "burn_severe"),
        ("The bleeding has stopped", "vaginal_bleeding"),
        ("I do not have to sleep sitting up", "suicidal"),
        ("吸入器没有用过", "inhaler_failing"),
        ("感冒好了，停药了", "stopped_unnamed"),
        ("停药了多久可以怀孕", "stopped_unnamed"),
    ],
)
def test_not_read_into_a_text(text: str, name: str) -> None:
    assert not [finding for finding in find(SafeText(text), "en") if finding.id == name]


def test_a_text_that_is_all_denial_takes_linear_time_too() -> None:
    for text in ("没有呼吸困难" * 16_000, "do not have to " * 6_000, "不" * 100_000, "not hard " * 11_000):
        started = time.process_time()
        find(SafeText(text), "en")
        assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nobody here has a headache", "headache"),
        ("she has never had a seizure", "seizure"),
        ("I have not been sick at all", "vomiting"),
        ("asymptomatic: no chest pain", "chest_pain"),
        ("他说话喘气都正常", "short_of_breath"),
        ("没吃什么药 不咳嗽 没有胸痛", "chest_pain"),
        ("家里没人头疼", "headache"),
    ],
)
def test_denied_of_everybody_or_found_sound(text: str, name: str) -> None:
    assert _one(text, name).negated


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("he fainted and is fine", "faint"),
        ("is my chest pain normal", "chest_pain"),
        ("没抽烟 胸口疼", "chest_pain"),
        ("晕倒后没事", "faint"),
        ("胸口疼应该没事", "chest_pain"),
        ("nobody is helping, I have chest pain", "chest_pain"),
        ("没人管，胸口疼", "chest_pain"),
    ],
)
def test_fine_after_an_event_denies_nothing(text: str, name: str) -> None:
    assert not _one(text, name).negated


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("In 2013 I had crushing chest pain and lost my speech. Nothing since.", "speech_trouble"),
        ("He had a fit two years ago, foaming at the mouth. Never again.", "seizure"),
        ("2015年有一次胸口压着疼，人都昏过去了，后来一直没事。", "faint"),
        ("我妈2017年中风，嘴歪、说不出话，之后再没犯过", "face_droop"),
    ],
)
def test_an_old_event_with_nothing_since_is_past_throughout(text: str, name: str) -> None:
    assert _one(text, name).time == "past"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I had a stroke in 2013, fine ever since, but now my speech is slurred", "speech_trouble"),
        ("Heart attack in 2016, nothing since until tonight, crushing chest pain", "chest_pain"),
        ("2015年心梗，后来一直没事，今天胸口压着疼", "chest_pain"),
    ],
)
def test_an_old_event_hides_nothing_of_today(text: str, name: str) -> None:
    assert any(f.present for f in find(SafeText(text), "en") if f.id == name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I am writing a novel where the villain has a seizure", "seizure"),
        ("For my biology homework: the man collapses. Nobody is ill. Then he turns blue and stops breathing", "faint"),
        ("The leaflet says it can cause seizures and fainting", "seizure"),
        ("what if a guest faints and has chest pain", "chest_pain"),
        ("will I bleed to death", "bleeding"),
        ("just in case somebody has a seizure on the plane", "seizure"),
        ("说明书上写着抽搐、昏迷", "faint"),
        ("在写小说，主角中风，说不出话", "speech_trouble"),
        ("假如有人昏迷了怎么办", "faint"),
        ("会不会流血不止", "bleeding"),
    ],
)
def test_a_story_a_leaflet_and_a_dread_are_not_real(text: str, name: str) -> None:
    assert not any(f.present for f in find(SafeText(text), "en") if f.id == name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What does a stroke look like? My mum has slurred speech", "speech_trouble"),
        ("I was watching a film when I got crushing chest pain", "chest_pain"),
        ("I read the leaflet. My lips are swelling and I can't breathe", "breath_severe"),
        ("My son is choking and can't breathe, what does the first aid course teach", "breath_severe"),
        ("Nobody is ill in my story, but I have chest pain", "chest_pain"),
        ("My girl's school play was on and she collapsed", "faint"),
        ("看了说明书，我喘不上气", "breath_severe"),
        ("看电影的时候胸口疼", "chest_pain"),
        ("爷爷看新闻的时候揉着胸口说闷", "chest_pain"),
        ("孩子写作业时突然抽搐", "seizure"),
        ("我写小说的，现在突然胸口疼", "chest_pain"),
    ],
)
def test_a_story_hides_nothing_of_somebodys_body(text: str, name: str) -> None:
    assert any(f.present for f in find(SafeText(text), "en") if f.id == name)


def test_a_death_long_ago_is_nobodys_symptom_and_ends_with_the_living() -> None:
    assert _one("my gran died, she had chest pain first", "chest_pain").experiencer == "other"
    assert _one("我奶奶三年前没的，当时说不出话", "speech_trouble").experiencer == "other"
    assert _one("my dad died of a heart attack and I have chest pain", "chest_pain").present


def test_a_space_between_chinese_words_parts_clauses() -> None:
    assert not _one("没有发烧 胸口疼", "chest_pain").negated
    assert _one("没 有 发 烧", "fever").negated


def test_family_history_is_somebody_else_and_a_sick_relative_is_the_patient() -> None:
    assert _one("my father had a stroke at 60", "stroke_word").experiencer == "other"
    assert _one("family history of stroke", "stroke_word").experiencer == "other"
    assert _one("我爸以前得过中风", "stroke_word").experiencer == "other"
    assert _one("my dad has chest pain now", "chest_pain").experiencer == "patient"
    assert _one("我爸现在胸痛", "chest_pain").experiencer == "patient"
    assert _one("my dog is vomiting", "vomiting").experiencer == "other"


def test_resolved_is_marked_and_still_present() -> None:
    finding = _one("my right arm went numb for ten minutes, gone now", "one_side_numb")
    assert finding.resolved and finding.present
    assert not _one("my eyes have gone yellow", "jaundice").resolved
    assert not _one("the pain is not gone, chest still hurts", "chest_pain").resolved


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("diarrhoea since monday", "diarrhea"),
        ("vommiting all night", "vomiting"),
        ("my stomache hurts", "abdominal_pain"),
        ("bad palpatations", "palpitations"),
        ("he is unconcious", "unresponsive"),
        ("I can’t breathe", "breath_severe"),
        ("CHEST PAIN", "chest_pain"),
        ("喘不過氣", "breath_severe"),
        ("發 燒", "fever"),
        ("我有COPD，喘", "copd"),
        ("[NAME-1] has a fever since [DATE-1 -3d]", "fever"),
    ],
)
def test_spelling_script_and_mixture(text: str, name: str) -> None:
    assert _one(text, name).present


def test_places_are_code_points_of_the_text() -> None:
    text = "😷🤒 sadly I have a fever and a cough"
    for finding in find(SafeText(text), "en"):
        assert text[finding.start : finding.end] == finding.text
    assert text[_one(text, "fever").start :].startswith("fever")


@pytest.mark.parametrize(
    "text", ["", "   ", "\n\n", "😀😀", "؟ مرحبا", "\ud800 chest pain \udfff", "\x00\x00", "...", "12 34", "[NAME-1]"]
)
def test_odd_texts_never_raise(text: str) -> None:
    for finding in find(SafeText(text), "zh"):
        assert text[finding.start : finding.end] == finding.text


@pytest.mark.parametrize(
    "text",
    [
        "pain " * 20_000,
        "疼" * 100_000,
        "no " * 33_000,
        "chest pain, " * 8_400,
        "(" * 100_000,
        "a" * 100_000,
        "gone now. " * 10_000,
        "1" * 100_000,
    ],
)
def test_long_texts_take_linear_time(text: str) -> None:
    def seconds(part: str) -> float:
        started = time.process_time()
        find(SafeText(part), "en")
        return time.process_time() - started

    # Four times the text takes four times as long, and not sixteen: a ratio, since the machine may be busy.
    assert seconds(text) < 9 * seconds(text[: len(text) // 4]) + 0.5
