"""What the tagger of identifiers is taught with: marks by token, other people in the same sentence, and what is written."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from agent.identifiers import learned
from evals.casebank import Marked, identifier_cases, unmarked
from finetune import tagger
from finetune.swaps import swapped
from retrieval.embedders.encoder import opened, weights

TOLD = unmarked("a", "g", "en", "hi its ⟦NAME:Danny O'Rourke⟧, ring ⟦PHONE:07700 900142⟧. ⟦NAME:Danny⟧ has had 38.4 since Sunday")


def test_marks_are_taken_out_of_a_message_and_their_places_kept() -> None:
    assert TOLD.text == "hi its Danny O'Rourke, ring 07700 900142. Danny has had 38.4 since Sunday"
    assert [(TOLD.text[start:end], kind) for start, end, kind in TOLD.marks] == [
        ("Danny O'Rourke", "NAME"), ("07700 900142", "PHONE"), ("Danny", "NAME"),
    ]  # fmt: skip


def test_a_token_is_of_the_mark_that_it_touches_and_what_surrounds_a_message_is_not_learned() -> None:
    row = tagger.row_of(TOLD, weights().tokenizer, 256)
    assert len(row.tokens) == len(row.labels)
    ids, places = weights().tokenizer.placed(learned.PREFIX + TOLD.text)
    assert row.tokens[1:-1] == ids
    name, phone, none = learned.TYPES.index("NAME"), learned.TYPES.index("PHONE"), len(learned.TYPES)
    said = {}
    for label, (start, end) in zip(row.labels[1:-1], places, strict=True):
        said.setdefault(label, []).append((learned.PREFIX + TOLD.text)[start:end])
    assert {"Danny"} <= set(said[name]) and "07700900142".startswith("".join(said[phone])[:5])
    assert {"hi", "since", "Sunday"} <= set(said[none]) and set("".join(said[-100])) <= set("query: ")
    short = tagger.row_of(TOLD, weights().tokenizer, 8)
    assert len(short.tokens) == len(short.labels) == 8 and short.labels[-1] == -100


def test_other_people_stand_where_the_first_stood_and_the_rest_stays() -> None:
    told = [swapped(TOLD, random.Random(seed)) for seed in range(60)]
    for each in told:
        values = [each.text[start:end] for start, end, _ in each.marks]
        assert [kind for _, _, kind in each.marks] == ["NAME", "PHONE", "NAME"]
        assert values[0].split()[0].lower() == values[2].lower()  # one person, one name
        assert "38.4 since sunday" in each.text.lower() and len(values[1]) == len("07700 900142")
    assert len({each.text for each in told}) > 50
    assert sum(each.text.islower() for each in told) > 2


def test_chinese_names_are_swapped_for_others_of_their_length() -> None:
    told = unmarked("a", "g", "zh", "我是⟦NAME:张伟⟧的妈妈，⟦NAME:张伟⟧昨天发烧39度")
    others = {swapped(told, random.Random(seed)).text for seed in range(40)}
    assert len(others) > 30 and all(each.endswith("昨天发烧39度") for each in others)
    again = swapped(told, random.Random(3))
    assert len({again.text[start:end] for start, end, _ in again.marks}) == 1


def test_the_splits_are_whole_and_share_no_message() -> None:
    train, held = identifier_cases("train"), identifier_cases("validation")
    for cases, least in ((train, 900), (held, 150)):
        assert len(cases) >= least and {case.language for case in cases} == {"en", "zh"}
        assert 0.15 < sum(not case.marks for case in cases) / len(cases) < 0.5
        for case in cases:
            assert all(kind in learned.TYPES for _, _, kind in case.marks) and "⟦" not in case.text
    assert not {case.text for case in train} & {case.text for case in held}


def test_what_ships_was_made_by_the_recipe_and_reads_as_it_was_written(tmp_path: Path) -> None:
    import tomllib

    facts, arrays = opened(learned.PATH, made_by="finetune.tagger")
    assert facts["recipe"] == tomllib.loads(tagger.RECIPE.read_text(encoding="utf-8"))
    assert arrays["weight"].shape == (len(learned.TYPES) + 1, weights().sizes[0])
    assert np.isfinite(arrays["weight"]).all() and sum(facts["sizes"].values()) == arrays["changed"].size


def test_nobody_is_in_the_plain_messages() -> None:
    assert all(not case.marks for case in tagger.plain_cases()[:50])


def test_a_marked_message_without_marks_is_itself() -> None:
    assert unmarked("a", "g", "en", "my ⟨ear⟩ hurts") == Marked("a", "g", "en", "my ⟨ear⟩ hurts", ())


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    import torch

    from finetune.encoder import Encoder

    head = torch.nn.Linear(weights().sizes[0], len(learned.TYPES) + 1)
    tagger.write(Encoder(weights(), trained=1), head, recipe={"layers": 1}, path=tmp_path / "encoder-identifiers.npz")
    places, shares = learned.Tagger(tmp_path / "encoder-identifiers.npz").shares("ask bukky")
    assert shares.shape == (len(places), len(learned.TYPES) + 1) and np.allclose(shares.sum(axis=1), 1)
    facts, _ = opened(tmp_path / "encoder-identifiers.npz", made_by="finetune.tagger")
    assert facts["recipe"] == {"layers": 1} and [each.name for each in tmp_path.iterdir()] == ["encoder-identifiers.npz"]
