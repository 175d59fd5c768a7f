from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from hf_relation.clustering import cluster
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.weighting import pair_weights
from hf_relation.errors import UsageError


def row(head: str, middle: str, tail: str, id: str = "") -> dict[str, Any]:
    text = f"{head} {middle} {tail}"
    return {
        "id": id,
        "text": text,
        "head": {"start": 0, "end": len(head)},
        "tail": {"start": len(text) - len(tail), "end": len(text)},
    }


def test_weights_by_hand() -> None:
    rows = [
        row("Ada Lind", "met", "Bob"),
        row("ADA  LIND", "wrote to", "bob"),  # the same pair but for case and white space
        row("Ada Lind", "saw", "Bob"),
        row("Bob", "met", "Ada Lind"),  # the other way round: another pair
        row("Eve", "met", "Dan"),
    ]
    assert pair_weights(rows, 0.0).tolist() == [1, 1, 1, 1, 1]
    np.testing.assert_allclose(pair_weights(rows, 1.0), [1 / 3, 1 / 3, 1 / 3, 1, 1])
    np.testing.assert_allclose(pair_weights(rows, 0.5), [3**-0.5, 3**-0.5, 3**-0.5, 1, 1])
    assert pair_weights(rows, 1.0).dtype == np.float64 and pair_weights([], 1.0).tolist() == []


def test_notices_that_differ_in_a_number_count_together() -> None:
    rows = [row(f"Flight {n}", "leaves for", f"Gate {n}") for n in range(4)]
    rows += [row("Flight 4", "arrives from", "Gate 4")]
    np.testing.assert_allclose(pair_weights(rows, 1.0), [0.25, 0.25, 0.25, 0.25, 1])
    # Without letters the figures are all there is, so that they count.
    figures = [row("1", "=", "2"), row("1", "=", "3"), row("1", "=", "2")]
    np.testing.assert_allclose(pair_weights(figures, 1.0), [0.5, 1, 0.5])
    # The larger of the two counts: this pair occurs three times, its frame twice.
    both = [row("Ada", "met", "Bob"), row("Ada", "met", "Bob"), row("Ada", "left", "Bob")]
    np.testing.assert_allclose(pair_weights(both, 1.0), [1 / 3] * 3)


@pytest.mark.parametrize("strength", [-0.1, 1.1, True, "1", None, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: Any) -> None:
    with pytest.raises(UsageError, match="`pair_weighting` must be a number from 0"):
        pair_weights([row("a", "b", "c")], strength)
    with pytest.raises(UsageError, match="`pair_weighting` must be a number from 0"):
        RelationDiscovery(num_relations=1, pair_weighting=strength).fit([row("a", "b", "c", "0")], np.eye(1))


def test_embeddings_alone_and_algorithms_that_cannot_weigh_are_refused() -> None:
    with pytest.raises(UsageError, match="pass `instances` along with `embeddings`, or set pair_weighting=0"):
        RelationDiscovery(num_relations=2, pair_weighting=0.5).fit(np.eye(4))
    with pytest.raises(UsageError, match='not with "agglomerative"'):
        RelationDiscovery(num_relations=1, algorithm="agglomerative", pair_weighting=0.5).fit(np.eye(4))


@pytest.mark.parametrize("algorithm", ["kmeans", "adaptive"])
def test_a_weight_is_a_number_of_repeated_rows(algorithm: Any) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 5)).astype(np.float32)
    counts = rng.integers(1, 5, size=40)
    weighted = cluster(rows, algorithm, 4, n_init=3, weights=counts)
    repeated = cluster(np.repeat(rows, counts, axis=0), algorithm, 4, n_init=3)
    first = np.cumsum(counts) - counts
    assert adjusted_rand_score(weighted, repeated[first]) == 1


@pytest.mark.parametrize("weights", [[0, 1], [-1, 1], [np.nan, 1], [np.inf, 1], [1], ["a", "b"]])
def test_bad_weights_are_refused(weights: Any) -> None:
    with pytest.raises(UsageError, match="weights"):
        cluster(np.eye(2), num_clusters=1, weights=weights)


def swamped() -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Two relations of ten pairs each, 0.8 apart, and one pair a hundred times, in two wordings far from both."""
    rng = np.random.default_rng(0)
    middles = np.array([[1.0, 0.4, 0], [1.0, -0.4, 0], [-1.0, 0, 0.45], [-1.0, 0, -0.45]])
    gold = np.repeat([0, 1, 2, 2], [10, 10, 50, 50])
    place = np.repeat([0, 1, 2, 3], [10, 10, 50, 50])
    vectors = middles[place] + rng.normal(scale=0.02, size=(120, 3))
    names = [chr(ord("a") + i) * 3 for i in range(20)]
    rows = [row(name, "born in" if i < 10 else "lives in", name + "x", f"i{i}") for i, name in enumerate(names)]
    rows += [row("Pat", f"{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10]} of", "Quo", f"s{i}") for i in range(100)]
    return rows, vectors, gold


def test_a_pair_that_swamps_the_corpus_no_longer_takes_a_relation_from_the_others() -> None:
    rows, vectors, gold = swamped()
    plain = RelationDiscovery(num_relations=3, n_init=10).fit(rows, vectors)
    weighted = RelationDiscovery(num_relations=3, n_init=10, pair_weighting=1.0).fit(rows, vectors)
    assert adjusted_rand_score(gold, weighted.labels_) == 1
    assert len(set(plain.labels_[:20].tolist())) == 1, "without weights the two wordings are two relations"
    assert weighted.predict(rows, vectors).labels.tolist() == weighted.labels_.tolist()
    assert sorted(relation.size for relation in weighted.relations_) == [10, 10, 100], "sizes count instances"
