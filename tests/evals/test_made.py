"""Made vectors: the same from the same seed, of unit length, and clustered as those they are like."""

from __future__ import annotations

import numpy as np
import pytest

from evals.made import Made


@pytest.fixture(scope="module")
def real():
    random = np.random.default_rng(0)
    centres = random.standard_normal((40, 32))
    vectors = 3 + centres[random.integers(0, 40, 2_000)] + 0.4 * random.standard_normal((2_000, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_same_seed_gives_the_same_and_another_another(real):
    one, again, other = (np.concatenate(list(Made(real, 70_000, seed=seed).vectors())) for seed in (1, 1, 2))
    assert one.shape == (70_000, 32) and one.dtype == np.float32
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert np.abs(one.mean(axis=0) - real.mean(axis=0)).max() < 0.1


def test_a_question_lies_further_from_its_nearest_page_than_pages_do(real):
    made = Made(real, 5_000, seed=1)
    pages, questions = next(made.vectors()), made.queries(100)
    assert questions.shape == (100, 32)
    nearest = np.median(np.sort(questions @ pages.T, axis=1)[:, -1])
    among = pages[:100] @ pages.T
    np.fill_diagonal(among, -1)
    assert nearest < np.median(np.sort(among, axis=1)[:, -1])
    assert nearest > np.median(questions @ pages.T), "and still near something"
