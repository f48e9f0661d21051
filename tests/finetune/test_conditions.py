"""Vignettes of conditions: enough of them, apart by family, told in their own words; the pairs learn what is served."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from agent.differential import NONE, conditions
from finetune import conditions_data as data
from finetune.conditions import labels, surprise, thresholds
from finetune.conditions_report import Ranking, bins, calibration_error, macro_f1, within
from knowledge.errors import InputError


@pytest.fixture(scope="module")
def splits():
    return {split: data.vignettes(split) for split in ("train", "validation", "test", "outside")}


def test_every_condition_has_forty_vignettes_in_each_language(splits):
    counts = Counter((each.label, each.language) for name in ("train", "validation", "test") for each in splits[name])
    short = {(name, language) for name in conditions() for language in ("en", "zh") if counts[name, language] < 40}
    assert len(conditions()) >= 60 and not short


def test_no_family_and_no_text_crosses_from_training(splits):
    train = splits["train"]
    for name in ("validation", "test", "outside"):
        assert not {each.family for each in train} & {each.family for each in splits[name]}
        assert not {each.text for each in train} & {each.text for each in splits[name]}
    kept = [way for both in data.findings().values() for ways in both.values() for way in ways.kept]
    told = [each.text for each in train if each.teller in ("self", "carer", "clinician")]
    assert len(kept) > 500 and not [way for way in kept if len(way) > 20 and any(way in text for text in told)]


def test_nothing_shares_thirteen_words_with_an_evaluation_case(splits):
    cased = data._cased()
    assert len(cased) > 10_000
    assert not [each.text for split in ("train", "validation", "test") for each in splits[split] if data.grams(each.text) & cased]


def test_vignettes_are_the_same_for_the_same_seed_and_others_for_another(splits):
    assert data.vignettes("validation") == splits["validation"]
    assert data.vignettes("validation", seed=1) != splits["validation"]


def test_what_is_told_is_of_the_condition_and_what_is_denied_is_not(splits):
    picture = data.pictures()["appendicitis"]
    assert not set(picture.denied) & {*picture.core, *picture.also}
    for label, row in data.pictures().items():
        assert row.core and not set(row.denied) & {*row.core, *row.also, *row.must}, label
    fevers = [each for each in splits["test"] if each.label == "influenza" and "fever absent" in each.text]
    assert not fevers


def test_the_outside_messages_are_many_and_share_no_run_of_words_with_training(splits):
    outside = splits["outside"]
    assert len(outside) >= 150 and min(Counter(each.language for each in outside).values()) >= 70
    trained = {gram for each in splits["train"] for gram in data.grams(each.text)}
    assert not [each.text for each in outside if data.grams(each.text) & trained]
    assert sum(each.label == NONE for each in outside) >= 15


def test_a_line_without_a_condition_is_named(tmp_path, monkeypatch):
    (tmp_path / "told.tsv").write_text("migraine\tMy head.\nmigrane\tMy head.\n", encoding="utf-8")
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=r"told\.tsv, line 2"):
        list(data._told("told.tsv", "train"))


def test_thresholds_rank_only_where_the_first_three_are_good_enough():
    names = labels()
    right = np.arange(len(names))
    sure = np.full((len(names), len(names)), 0.1 / (len(names) - 1))
    sure[right, right] = 0.9
    chosen = thresholds(sure, right)
    assert chosen["unsure"] == 0.1 and chosen["danger"] == 0.2
    assert surprise(sure, right) == pytest.approx(-np.log(0.9), abs=1e-6)


def test_measures_on_a_ranking_made_by_hand():
    ranking = Ranking("x", [["a", "b"], ["b", "a"], ["c", "b"]])
    right = ["a", "a", "a"]
    assert within(ranking, right, 1).tolist() == [True, False, False]
    assert within(ranking, right, 2).tolist() == [True, True, False]
    assert macro_f1(["a", "b", "c"], right) == pytest.approx(0.5)
    shares = np.array([[0.95, 0.05], [0.95, 0.05]])
    assert bins(shares, np.array([0, 1])) == [(1.0, pytest.approx(0.95), 0.5)]
    assert calibration_error(shares, np.array([0, 1])) == pytest.approx(0.45)


def test_a_pair_is_rounded_in_training_as_it_is_merged_when_served():
    torch = pytest.importorskip("torch")
    from agent.differential import merged
    from finetune.encoder import rounded
    from finetune.lowrank import LowRank, with_tensors
    from retrieval.embedders import e5file, encoder

    _, taught = encoder.taught()
    file = with_tensors(encoder.weights(), taught)
    layer = LowRank(file, 11, rank=4, factor=2.0)
    torch.manual_seed(0)
    torch.nn.init.normal_(layer.up["fo"], std=0.05)
    served = e5file.dequantise(
        merged({"l11.fo": (layer.up["fo"].detach().numpy(), layer.down["fo"].detach().numpy())}, 2.0)["l11.fo.w"]
    )
    with torch.no_grad():
        trained = rounded(layer.values["fo_w"] + 2.0 * layer.up["fo"] @ layer.down["fo"]).numpy().reshape(-1)
    own = layer.values["fo_w"].numpy().reshape(-1)
    # A number that falls between two steps may be taken either way by the last bit of a sum.
    assert np.mean(np.abs(served - trained) > 1e-4) < 0.001
    assert np.mean(np.abs(served - own) > 1e-4) > 0.2
    x = torch.randn(1, 3, 1536)
    layer._linear(x, "fo").sum().backward()
    assert layer.down["fo"].grad is not None and layer.down["fo"].grad.abs().sum() > 0
    assert layer.values["fo_w"].grad is None
