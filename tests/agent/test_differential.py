"""The differential: its table against the library and the lexicon, how shares and denials become lists, and who sees them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from agent import differential as module
from agent.build import build_agent
from agent.config import load
from agent.differential import NONE, PATH, Classifier, conditions, differential, merged
from agent.language import detect
from agent.messages import say
from agent.privacy import Redactor, redact_once
from agent.session import new_state
from agent.triage import triage
from agent.turn import run_turn
from agent.types import Done
from knowledge.build import EMBEDDED, documents_of
from knowledge.errors import ConfigError
from knowledge.rules import load_lexicon, load_triage
from retrieval.embedders import e5file, encoder


@pytest.fixture(scope="module")
def pages():
    return {document.id: document for document in documents_of(EMBEDDED)}


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return build_agent(load(home=tmp_path_factory.mktemp("home"), engine="none"))


def _triaged(text):
    safe = redact_once(text, date(2026, 11, 22))
    return triage((safe,), detect(safe.text, None))


def _shares(**given):
    """Shares by condition (underscores for hyphens); the rest goes evenly to the others."""
    named = {name.replace("_", "-"): share for name, share in given.items()}
    names = [*conditions(), NONE]
    rest = (1 - sum(named.values())) / (len(names) - len(named))
    return {name: named.get(name, rest) for name in names}


def test_every_condition_is_a_page_of_the_library_with_its_title(pages):
    kinds = [pages[name].kind for name in conditions()]
    assert kinds.count("condition") >= 60
    for name, row in conditions().items():
        assert pages[name].title.startswith(row.names["en"])
        assert re.search("[\u4e00-\u9fff]", row.names["zh"])
        assert not row.page or pages[row.page].language == "zh"


def test_what_must_not_be_missed_says_so_in_its_pages_own_words_and_names_a_red_flag(pages):
    grave = [row for row in conditions().values() if row.danger]
    known = {rule.id for rule in load_triage().rules}
    assert len(grave) >= 30
    for row in grave:
        page = pages[row.id]
        assert any(row.why in section.text for section in page.sections), row.id
        assert set(page.red_flags) & known, row.id


def test_what_a_condition_needs_is_a_finding_of_the_lexicon():
    findings = load_lexicon().findings
    needed = {name for row in conditions().values() for name in row.needs}
    assert needed and needed <= set(findings)


def test_lists_are_ordered_by_likelihood_and_by_danger():
    found = differential(
        _shares(migraine=0.5, meningitis=0.1, stroke=0.2, shingles=0.15), _triaged("My head hurts."), unsure=0.2, danger=0.05
    )
    assert found.likely == ("migraine", "stroke", "shingles", "meningitis")
    assert found.dangerous == ("stroke", "meningitis", "shingles")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("I feel rough and feverish, but I have no cough.", "common-cold"),
        ("I have a cough with phlegm.", "pneumonia"),
        ("发烧39度两天，流鼻涕，没有咳嗽。", "common-cold"),
    ],
)
def test_a_condition_whose_defining_finding_is_denied_is_not_first(text, first):
    found = differential(_shares(pneumonia=0.6, common_cold=0.2), _triaged(text), unsure=0.2, danger=0.05)
    assert found.likely[0] == first
    assert "pneumonia" in found.likely and found.dangerous == ("pneumonia",)


def test_where_it_is_unsure_only_what_is_dangerous_is_left():
    found = differential(_shares(migraine=0.2, meningitis=0.1), _triaged("My head hurts."), unsure=0.4, danger=0.05)
    assert found.unsure and found.likely == () and found.dangerous == ("meningitis",)


def test_a_text_that_triage_calls_unclear_is_not_ranked():
    told = replace(_triaged("Just feels a bit off and tired."), level="unclear")
    found = differential(_shares(migraine=0.9), told, unsure=0.2, danger=0.05)
    assert found.unsure and found.likely == ()


def test_a_text_of_none_of_them_gives_no_list():
    assert differential(_shares(none=0.6, migraine=0.3), _triaged("Can I drive?"), unsure=0.2, danger=0.05) is None


def test_a_rule_that_fired_lowers_the_bar_for_what_its_page_names():
    told = _triaged("I have a severe headache, a stiff neck and a fever of 39.")
    fired = frozenset(rule.id for rule in told.rules)
    shares = _shares(migraine=0.6, meningitis=0.03)
    assert fired
    assert differential(shares, told, unsure=0.2, danger=0.05, flags={}).dangerous == ()
    assert differential(shares, told, unsure=0.2, danger=0.05, flags={"meningitis": fired}).dangerous == ("meningitis",)


def test_no_pair_moves_nothing_and_a_pair_moves_its_matrix_alone():
    _, base = encoder.taught()
    name = next(name.removesuffix(".w") for name in base if name.endswith(".q.w"))
    assert merged({}, 2.0) == base
    rng = np.random.default_rng(0)
    up, down = rng.normal(0, 0.02, (384, 4)), rng.normal(0, 0.05, (4, 384))
    moved = merged({name: (up, down)}, 2.0)
    assert {key for key in base if moved[key] != base[key]} == {f"{name}.w"}
    wanted = e5file.dequantise(base[f"{name}.w"]) + 2.0 * (up @ down).reshape(-1)
    assert np.abs(e5file.dequantise(moved[f"{name}.w"]) - wanted).max() < 0.05


def test_damaged_weights_are_said_to_be(tmp_path):
    path = tmp_path / "conditions.npz"
    path.write_bytes(PATH.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"finetune\.conditions"):
        Classifier(path)


def test_what_ships_is_small_knows_its_labels_and_reads_both_languages():
    assert PATH.stat().st_size < 6_000_000
    reader = module.classifier()
    assert reader.labels == (*conditions(), NONE)
    for text, label in (
        ("It burns when I pee, I need to go all the time, and my pee is cloudy and smells.", "urinary-tract-infection"),
        ("大脚趾半夜突然又红又肿，疼得被子都碰不得。", "gout"),
        ("How do I renew my prescription?", NONE),
    ):
        shares = reader.shares(text)
        assert max(shares, key=shares.get) == label
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


_TOLD = (
    "I am 34. For two days it burns when I pee, I need to go all the time and it is cloudy, no fever. What should I do?",
    "我34岁，小便刺痛两天，老想上厕所，没有发烧。怎么办？",
)


def _answer(agent, text, audience):
    state = new_state(agent.settings, audience=audience)
    events = run_turn(agent, state, text, redactor=Redactor(date(2026, 11, 22)), intake=False)
    return next(event.answer for event in events if isinstance(event, Done))


@pytest.mark.parametrize("text", _TOLD)
def test_a_clinician_sees_it_with_evidence_and_without_percentages(agent, text):
    answer = _answer(agent, text, "clinician")
    heading = say(answer.language, "differential_heading")
    assert answer.kind == "answer" and heading in answer.text
    shown = answer.text.split(heading)[1]
    assert conditions()["urinary-tract-infection"].names[answer.language] in shown
    assert "%" not in shown and re.search(r"\[\d+\]", shown)
    by_key = {citation.key: citation for citation in answer.citations}
    named = [claim for claim in answer.claims if re.match(r"\d+\. ", claim.text)]
    assert named and all(claim.supported and claim.quote in by_key[claim.key].text for claim in named)


@pytest.mark.parametrize("text", _TOLD)
def test_a_patient_sees_no_such_list(agent, text):
    answer = _answer(agent, text, "patient")
    assert answer.text
    for name in ("differential_heading", "differential_about", "differential_unsure", "differential_danger_heading"):
        assert say(answer.language, name) not in answer.text
    assert not [claim for claim in answer.claims if re.match(r"\d+\. ", claim.text)]
