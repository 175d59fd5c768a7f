from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery.steps import EmbeddingSteps, whitening_state
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from tests.common.planted import planted_corpus


def test_chain_equals_its_steps_done_by_hand() -> None:
    _, embeddings, gold = planted_corpus((30, 20, 10))
    whitening = WithinClassWhitening().fit(embeddings, gold)
    rows = EmbeddingSteps(whitening, 4).fit(embeddings).transform(embeddings)
    centred = whitening.transform(embeddings).astype(np.float64)
    expected = PCA(4, svd_solver="full").fit_transform(centred)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows @ rows.T, expected @ expected.T, atol=1e-5)  # up to signs


@pytest.mark.parametrize(("count", "width"), [(4, 12), (5, 4), (40, 4)])
def test_pca_is_left_out_for_few_distinct_rows(count: int, width: int) -> None:
    X = np.random.default_rng(0).normal(size=(count, 12)).astype(np.float32)
    steps = EmbeddingSteps(pca_components=4).fit(np.repeat(X, 2, axis=0))
    assert steps.transform(X).shape == (count, width) == (count, steps.width)


def test_row_order_and_duplicates_change_nothing() -> None:
    _, embeddings, _ = planted_corpus((30, 20, 10))
    order = np.random.default_rng(1).permutation(len(embeddings))
    first = EmbeddingSteps(pca_components=4).fit(embeddings).transform(embeddings)
    second = EmbeddingSteps(pca_components=4).fit(embeddings[order]).transform(embeddings[order])
    assert np.array_equal(first[order], second)


def test_no_variation_gives_no_nan_and_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    rows = EmbeddingSteps(pca_components=2).fit(np.ones((9, 5))).transform(np.ones((9, 5)))
    assert np.isfinite(rows).all()
    assert not recwarn.list


def test_state_round_trip_is_exact() -> None:
    _, embeddings, gold = planted_corpus((30, 20, 10))
    stored = WithinClassWhitening.from_state(WithinClassWhitening().fit(embeddings, gold).get_state("float16", rank=3))
    steps = EmbeddingSteps(stored, 4).fit(embeddings)
    state = steps.get_state()
    assert state["whitening.factor"].dtype == np.float16
    loaded = EmbeddingSteps.from_state(state, 12)
    assert np.array_equal(loaded.transform(embeddings), steps.transform(embeddings))
    assert whitening_state(WithinClassWhitening().fit(embeddings, gold))["factor"].dtype == np.float32


@pytest.mark.parametrize(
    "change",
    [
        {"pca.mean": None},
        {"pca.mean": np.zeros(3)},
        {"pca.components": np.zeros((2, 11))},
        {"pca.components": np.full((2, 12), np.nan)},
        {"pca.components": np.zeros((2, 12), dtype=np.int64)},
    ],
)
def test_damaged_state_is_refused(change: dict[str, np.ndarray | None]) -> None:
    state = {"pca.mean": np.zeros(12), "pca.components": np.zeros((2, 12))} | change
    with pytest.raises(CheckpointError):
        EmbeddingSteps.from_state({key: value for key, value in state.items() if value is not None}, 12)


def test_other_columns_and_bad_rows_are_refused() -> None:
    steps = EmbeddingSteps().fit(np.eye(3))
    with pytest.raises(UsageError, match="must have 3 columns.*got 2"):
        steps.transform(np.eye(2))
    with pytest.raises(InvalidRowError, match="row 1"):
        EmbeddingSteps().fit([[0.0], [np.inf]])
    assert steps.transform(np.empty((0, 3))).shape == (0, 3)
