from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hf_relation.discovery import DiscoveryResult, RelationDiscovery
from hf_relation.errors import UsageError
from tests.common.planted import planted_corpus


def result(algorithm: str = "kmeans", **settings: object) -> DiscoveryResult:
    instances, embeddings, _ = planted_corpus((12, 9, 6), noise=0.25)
    return RelationDiscovery(algorithm=algorithm, **settings).fit_predict(instances, embeddings)  # type: ignore[arg-type]


def test_instances_below_the_threshold_are_left_out_and_nothing_else_changes() -> None:
    found = result(num_relations=3, n_init=3)
    threshold = float(np.sort(found.scores)[5])
    kept = found.leave_out(threshold)
    below = np.arange(len(found))[found.scores < threshold]
    assert len(below) == 5
    assert kept.labels[below].tolist() == [-1] * 5 and kept.scores[below].tolist() == [0.0] * 5
    others = np.setdiff1d(np.arange(len(found)), below)
    assert np.array_equal(kept.labels[others], found.labels[others])
    assert np.array_equal(kept.scores[others], found.scores[others])
    assert kept.kinds is not None and set(kept.kinds[below]) == {"none"} and set(kept.kinds[others]) == {"novel"}
    assert (found.labels >= 0).all()  # the original is as it was
    assert len(kept.to_triples()) == len(others)
    assert found.leave_out(0).labels.tolist() == found.labels.tolist()


def test_those_left_out_go_to_the_nearest_centre_again() -> None:
    found = result(num_relations=3, n_init=3)
    assert found.leave_out(1.0).labels.tolist() == [-1] * len(found)
    back = found.leave_out(1.0).reassign()
    assert np.array_equal(back.labels, found.labels) and np.allclose(back.scores, found.scores, atol=1e-6)
    threshold = float(np.sort(found.scores)[5])
    assert np.array_equal(found.leave_out(1.0).reassign(threshold).labels, found.leave_out(threshold).labels)


def test_noise_of_hdbscan_is_given_to_the_nearest_relation_by_a_slow_loop() -> None:
    instances, embeddings, _ = planted_corpus((12, 9, 6), noise=0.1)
    far = [{**row, "id": f"far {row['id']}"} for row in instances[:2]]
    rows = np.concatenate([embeddings, np.eye(12, dtype=np.float32)[[9, 11]]])
    model = RelationDiscovery(algorithm="hdbscan", algorithm_kwargs={"min_cluster_size": 4})
    found = model.fit_predict([*instances, *far], rows)
    noise = np.flatnonzero(found.labels < 0)
    assert len(noise) and found.vectors is not None and found.centers is not None
    back = found.reassign()
    for row in range(len(found)):
        distances = [float(np.linalg.norm(found.vectors[row] - center)) for center in found.centers]
        expected = found.relations[int(np.argmin(distances))].id if row in noise else found.labels[row]
        assert back.labels[row] == expected


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "0.5", True, None])
def test_thresholds_out_of_range(threshold: float) -> None:
    found = result(num_relations=3, n_init=2)
    with pytest.raises(UsageError, match="`min_score` must be a number from 0 to 1"):
        found.leave_out(threshold)
    with pytest.raises(UsageError, match="`min_score` must be a number from 0 to 1"):
        found.reassign(threshold)


def test_centres_are_needed() -> None:
    with pytest.raises(UsageError, match="no `vectors` and `centers`"):
        replace(result(num_relations=3, n_init=2), vectors=None).reassign()
