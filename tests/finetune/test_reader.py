"""What each encoder of the learned reader is taught with, and what ships of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from agent import adapted, readings, refine
from finetune import reader
from retrieval.embedders.encoder import opened, weights


def _example(twin: str, *, urgency: str = "", policy: str = "") -> reader.Example:
    right = {"urgency": (urgency,), "policy": (policy,)}
    wanted = {task: np.array([label in right[task] for label in labels], np.float32) for task, labels in reader.TASKS.items()}
    return reader.Example(twin, [1, 2], wanted, twin)


BANK = [
    *(_example(f"t{number // 2}", urgency="routine", policy=readings.MET) for number in range(200)),
    *(_example(f"p{number}", policy="abuse") for number in range(50)),
]


def test_a_recipe_is_what_is_said_of_all_and_of_its_task() -> None:
    urgency, policy = reader.recipe_of("urgency"), reader.recipe_of("policy")
    assert urgency["layers"] == policy["layers"] and (urgency["task"], policy["task"]) == ("urgency", "policy")
    assert not {"urgency", "policy"} & urgency.keys()
    assert urgency["noise"] != policy["noise"] and policy["ships"] == ["policy"]


def test_the_other_banks_cases_are_drawn_anew_in_whole_pairs() -> None:
    recipe = {"task": "policy", "others": 0.4, "without": []}
    one, two = (reader.drawn(BANK, recipe, random.Random(seed)) for seed in (1, 2))
    for read in (one, two):
        assert sum(example.twin.startswith("p") for example in read) == 50
        stories = [example.twin for example in read if example.twin.startswith("t")]
        assert len(stories) == 80 and all(stories.count(twin) == 2 for twin in set(stories))
    assert {example.twin for example in one} != {example.twin for example in two}
    assert [example.twin for example in reader.drawn(BANK, recipe, random.Random(1))] == [example.twin for example in one]


def test_urgency_is_taught_with_its_own_bank_alone_or_with_all() -> None:
    read = reader.drawn(BANK, {"task": "urgency", "others": 0.0, "without": []}, random.Random(0))
    assert len(read) == 200 and all(example.wanted["urgency"].any() for example in read)
    assert len(reader.drawn(BANK, {"task": "urgency", "others": 1, "without": []}, random.Random(0))) == 250
    without = reader.drawn(BANK, {"task": "urgency", "others": 1, "without": ["p1", "t2"]}, random.Random(0))
    left = {example.twin for example in BANK} - {example.twin for example in without}
    assert left == {"p1", *(f"p1{digit}" for digit in range(10))}, "of its own bank nothing is left out"


@pytest.mark.parametrize("names", [[], ["mood"], ["urgency", "policy"]])
def test_an_unknown_task_is_named(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert reader.main(names) == 2
    assert "urgency | policy" in capsys.readouterr().err


def test_what_ships_was_trained_by_the_recipe_that_stands_here() -> None:
    for task in reader.TASKS:
        facts, _ = opened(adapted.path_of(task), made_by="finetune.reader")
        assert facts["tasks"] == facts["recipe"]["ships"] and task in facts["tasks"]
        given = dict(facts["recipe"])
        wanted = reader.recipe_of(task, onward="onward_from" in given)
        assert len(given.pop("onward_from", "-" * 16)) == 16, "the digest of what it went on from"
        wanted.pop("onward_from", None)
        assert given == wanted


def test_going_on_reads_the_newest_series_whole_and_of_all_else_the_same_share_each_time() -> None:
    reads = reader.read_onward({"newest": ["x9", "y1"], "share": 0.25})
    assert all(reads(name) for name in ("x9a-0001", "y1-zh"))
    kept = [name for name in map("x5-{:04}".format, range(2000)) if reads(name)]
    assert 400 < len(kept) < 600 and kept == [name for name in kept if reader.read_onward({"newest": ["z"], "share": 0.25})(name)]


def test_going_on_begins_with_what_the_agent_serves() -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import Encoder, padded

    file, arrays = reader.shipped("policy")
    texts = ["I want to end it tonight, I have the pills here", "我想知道感冒了能不能洗澡", "how do I forge a sick note"]
    encoder = Encoder(file, trained=6)
    with torch.no_grad():
        rows = [file.tokenizer.encode(f"query: {text}", most=140) for text in texts]
        vectors = (encoder(padded(rows, file.tokenizer.pad)).numpy() - arrays["mean"]) / float(arrays["scale"])
    made = vectors @ arrays["policy_weight"].T + arrays["policy_bias"]
    served = np.stack([adapted.adapted("policy").logits(text)["policy"] for text in texts])
    assert np.abs(made - served).max() < 1.0 and (made.argmax(axis=1) == served.argmax(axis=1)).all()


def test_going_on_without_a_recipe_for_it_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert reader.main(["urgency", "--onward"]) == 2
    assert "[urgency.onward]" in capsys.readouterr().err


def test_heads_that_do_not_ship_are_not_written(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import Encoder

    hidden = weights().sizes[0]
    heads = torch.nn.ModuleDict({task: torch.nn.Linear(hidden, len(labels)) for task, labels in reader.TASKS.items()})
    path = tmp_path / "encoder-urgency.npz"
    recipe = {**reader.recipe_of("urgency"), "ships": ["urgency"]}
    reader.write(Encoder(weights(), trained=1), heads, np.zeros(hidden), 1.0, recipe=recipe, path=path)
    with np.load(path) as data:
        assert json.loads(str(data["facts"]))["tasks"] == ["urgency"]
        assert not [name for name in data.files if name.startswith("policy")]
    made = adapted.Adapted(path).logits("a sore throat")
    assert set(made) == {"urgency"} and made["urgency"].shape == (len(refine.LEVELS),)
