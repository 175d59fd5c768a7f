"""Rounds of k-means over all rows, against scikit-learn's on all rows in one array, and in any order of completion."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import hf_relation.sharded.local as local
from hf_relation import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.sharded import ShardedSettings, discover_sharded
from hf_relation.sharded.stages.averaging import mean_centers, settle_relations
from tests.sharded.planted_files import settings, snapshot, write_planted


# Relations that overlap, so that rounds have something to do.
SIZES = (700, 420, 210, 110, 60)
CHOSEN = {"num_relations": 5, "shard_rows": 150, "sample_rows": 300, "num_centers": 25, "kmeans_rounds": 4}


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds")
    inputs, arrays, instances, embeddings, _ = write_planted(folder, SIZES, parts=(333,), dim=8, noise=0.3)
    found = discover_sharded(inputs, folder / "work", settings=settings(**CHOSEN), embeddings=arrays, workers=0)
    return inputs, arrays, instances, embeddings, found, folder


def test_rounds_are_those_of_lloyds_algorithm_on_all_rows(overlapping):
    _, _, _, embeddings, found, folder = overlapping
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    start = load_file(folder / "work/merge/all.safetensors")["centers"]
    moved = []
    for rounds in range(1, CHOSEN["kmeans_rounds"] + 1):
        lloyd = KMeans(5, init=start, n_init=1, max_iter=rounds, tol=0, algorithm="lloyd").fit(unit)
        ours = np.load(folder / f"work/mean-{rounds}/all.npy")
        np.testing.assert_allclose(ours, lloyd.cluster_centers_, atol=1e-5)
        moved.append(np.abs(ours - start).max())
    assert moved[0] > 0.01 and moved[0] < moved[1] < moved[3]  # it was not at its end before
    # Labels are those of the nearest centre after the last round, as scikit-learn's; numbered by size.
    sizes = np.bincount(lloyd.labels_)
    assert [relation.size for relation in found.relations] == sorted(sizes.tolist(), reverse=True)
    numbers = np.argsort(np.argsort(-sizes))
    assert found.labels().tolist() == numbers[lloyd.labels_].tolist()


def test_labels_are_of_the_nearest_point_of_the_last_assignment(overlapping):
    _, _, _, embeddings, found, folder = overlapping
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    points = np.load(folder / f"work/mean-{CHOSEN['kmeans_rounds']}/all.npy")
    relations = load_file(folder / "work/settle/all.safetensors")["relations"]
    distances = ((unit[:, None] - points[None]) ** 2).sum(axis=2)
    assert relations[distances.argmin(axis=1)].tolist() == found.labels().tolist()


def test_with_enough_rounds_it_is_the_unsharded_result_and_goes_no_further(overlapping, tmp_path):
    inputs, arrays, instances, embeddings, found, _ = overlapping
    chosen = settings(**(CHOSEN | {"kmeans_rounds": 60}))
    settled = discover_sharded(inputs, tmp_path / "w", settings=chosen, embeddings=arrays, workers=0)
    none = discover_sharded(
        inputs, tmp_path / "none", settings=settings(**(CHOSEN | {"kmeans_rounds": 0})), embeddings=arrays, workers=0
    )
    whole = RelationDiscovery(num_relations=5, n_init=20).fit_predict(instances, embeddings)
    assert adjusted_rand_score(whole.labels, none.labels()) < 0.98  # the sample was not enough
    assert settled.labels().tolist() == whole.labels.tolist()
    np.testing.assert_allclose(settled.scores(), whole.scores, atol=1e-4)
    made = len(list((tmp_path / "w").glob("mean-*")))
    assert made == len(list((tmp_path / "w").glob("assign-*"))) < 60
    last, before = (np.load(tmp_path / f"w/mean-{number}/all.npy") for number in (made, made - 1))
    assert last.tobytes() == before.tobytes()


def test_the_bytes_do_not_depend_on_the_order_in_which_shards_are_done(overlapping, tmp_path, monkeypatch):
    inputs, arrays, _, _, _, folder = overlapping
    orders: list[list[int]] = []
    plan = local.stage_tasks

    def shuffled(stage, workdir, record):
        tasks = plan(stage, workdir, record)
        orders.append(np.random.default_rng(len(orders)).permutation(len(tasks)).tolist())
        return [tasks[place] for place in orders[-1]]

    monkeypatch.setattr(local, "stage_tasks", shuffled)
    discover_sharded(inputs, tmp_path / "w", settings=settings(**CHOSEN), embeddings=arrays, workers=0)
    assert any(order != sorted(order) for order in orders)
    assert snapshot(tmp_path / "w") == snapshot(folder / "work")


def test_sums_of_shards_are_added_in_order_and_empty_centres_stay(tmp_path):
    # In float64 (1 + 1e16) - 1e16 is 0, in the other order 1: what is computed tells the order.
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "before.npy", np.array([[0.5], [7.0]], dtype=np.float32))
    paths = []
    for number, value in enumerate([1.0, 1e16, -1e16]):
        paths.append(tmp_path / f"{number}.safetensors")
        save_file({"counts": np.array([1, 0]), "sums": np.array([[value], [0.0]])}, paths[-1])
    rows, counts = mean_centers([tmp_path / "before.npy", *paths], tmp_path / "out", "all", {})
    assert np.load(tmp_path / "out/all.npy").tolist() == [[0.0], [7.0]]
    assert (rows, counts) == (2, {"moved": 1})
    mean_centers([tmp_path / "before.npy", *paths[::-1]], tmp_path / "out", "back", {})
    assert np.load(tmp_path / "out/back.npy").tolist() == [[np.float32(1 / 3)], [7.0]]


def test_a_relation_that_lost_all_rows_is_none(tmp_path):
    (tmp_path / "out").mkdir()
    arrays = {"counts": np.array([2, 0, 3]), "sums": np.array([[2.0], [0.0], [6.0]])}
    save_file(arrays, tmp_path / "a.safetensors")
    (tmp_path / "a.first_ids.json").write_text('{"0": "b", "2": "a"}')
    assert settle_relations(
        [tmp_path / "a.safetensors", tmp_path / "a.first_ids.json"], tmp_path / "out", "all", {}
    ) == (2, {"sizes": [3, 2]})
    settled = load_file(tmp_path / "out/all.safetensors")
    assert settled["relations"].tolist() == [1, -1, 0] and settled["centers"].tolist() == [[2.0], [1.0]]


def test_settings_out_of_range():
    with pytest.raises(UsageError, match="`kmeans_rounds` must be an integer from 0 up, got -1"):
        ShardedSettings(kmeans_rounds=-1)
    with pytest.raises(UsageError, match='"agglomerative" has no such rounds'):
        ShardedSettings(kmeans_rounds=1, algorithm="agglomerative")
