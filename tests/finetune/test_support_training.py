"""What the training of the checker of claims begins with, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from agent import support
from evals.claimbank import of_split
from finetune import support as training
from retrieval.embedders import encoder
from retrieval.embedders.graph import SPLIT


def test_going_on_begins_with_what_the_agent_serves() -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import Encoder, padded

    file, arrays = training.shipped()
    read = [(pair, file.tokenizer.encode(support.text(pair.claim, pair.passage), most=160)) for pair in of_split("validation")[:24]]
    pairs, rows = zip(*(one for one in read if len(one[1]) < 160), strict=True)  # longer ones are cut off in training
    assert len(pairs) >= 8
    made = Encoder(file, trained=file.sizes[1] - SPLIT)
    with torch.no_grad():
        vectors = made(padded(rows, file.tokenizer.pad)).numpy()
    logits = ((vectors - arrays["mean"]) / float(arrays["scale"])) @ arrays["weight"].T + arrays["bias"]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    served = np.vstack([support.support().shares(pair.claim, [pair.passage]) for pair in pairs])
    assert np.abs(shares - served).max() < 0.1  # the engine rounds activations to eight bits; torch does not
    assert (shares.argmax(axis=1) == served.argmax(axis=1)).mean() > 0.8
    untouched = encoder.weights().tensor("l11.fo.w")
    assert not np.array_equal(file.tensor("l11.fo.w"), untouched)


def test_an_unknown_argument_is_named_with_what_was_expected(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["finetune.support", "--forward"])
    assert training.main() == 2
    assert "[--onward]" in capsys.readouterr().err
