"""Where a stopped training goes on: from its own state, and not from what was learned from other texts."""

from __future__ import annotations

import pytest

from finetune import checkpoint

torch = pytest.importorskip("torch")


def test_what_was_learned_from_other_texts_or_by_another_recipe_is_no_beginning(tmp_path):
    path, recipe = tmp_path / "kept" / "reader.pt", {"rate": 0.1}
    part = torch.nn.Linear(2, 1)
    key = checkpoint.key(recipe, ["a cold", "a fever"])
    assert checkpoint.resume(path, key, {"part": part}) == 0
    checkpoint.keep(path, 3, key, {"part": part})
    other = torch.nn.Linear(2, 1)
    for changed in (checkpoint.key(recipe, ["a cold", "a fever", "a cough"]), checkpoint.key(recipe, ["a col", "da fever"]),
                    checkpoint.key({"rate": 0.2}, ["a cold", "a fever"])):
        assert checkpoint.resume(path, changed, {"part": other}) == 0
        assert not torch.equal(part.weight, other.weight)
    assert checkpoint.resume(path, checkpoint.key(recipe, iter(["a cold", "a fever"])), {"part": other}) == 3
    assert torch.equal(part.weight, other.weight)
