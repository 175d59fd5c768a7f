from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hf_relation.demo import DiscoveryWorker
from hf_relation.demo.run import FILES, DemoModel, map_points
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_tokenizers import sample_instances


def test_a_run_is_the_estimators_result_and_one_over_time_is_stopped(tiny_model: Path, tmp_path: Path) -> None:
    worker = DiscoveryWorker(tiny_model, timeout=100)
    try:
        found = worker.run(sample_instances(20), {"num_relations": 3, "seed": 5}, tmp_path)
        expected = RelationDiscovery.from_pretrained(tiny_model, num_relations=3, seed=5).fit_predict(
            sample_instances(20)
        )
        assert {key: found[key] for key in expected.to_dict()} == json.loads(json.dumps(expected.to_dict()))
        assert np.isfinite(found["points"]).all() and np.shape(found["points"]) == (20, 2)
        assert tuple(found["files"]) == FILES and all((tmp_path / name).stat().st_size for name in FILES)
        pid = worker._process.pid
        with pytest.raises(UsageError, match="`num_relations` must be between 1 and the number of instances"):
            worker.run(sample_instances(2), {"num_relations": 3}, tmp_path)
        assert worker._process.pid == pid  # a refused run costs no new start
        worker.timeout = 0.001
        with pytest.raises(UsageError, match="The run took longer than 0.001 seconds and was stopped"):
            worker.run(sample_instances(20), {}, tmp_path)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        worker.timeout = 100
        assert worker.run(sample_instances(4), {"num_relations": 2}, tmp_path)["num_relations"]["found"] == 2
        worker._process.kill()
        worker._process.join()
        assert worker.run(sample_instances(4), {"num_relations": 2}, tmp_path)["num_relations"]["found"] == 2
    finally:
        worker.close()
    assert not worker.is_running


def test_a_process_that_dies_in_a_run_is_an_error_and_not_a_hang(tiny_model: Path, tmp_path: Path) -> None:
    worker = DiscoveryWorker(tiny_model, timeout=100)
    worker.start()

    def kill() -> None:
        while worker._process is None:
            time.sleep(0.01)
        worker._process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="has ended"):
        worker.run(sample_instances(4), {}, tmp_path)
    killer.join()
    worker.close()


def test_a_model_that_cannot_be_loaded_is_an_error_that_says_so(tmp_path: Path) -> None:
    worker = DiscoveryWorker(tmp_path / "nothing", timeout=100)
    with pytest.raises(CheckpointError, match="nothing"):
        worker.run(sample_instances(4), {}, tmp_path)
    worker.close()


@pytest.mark.parametrize("rows", [1, 2, 3, 9, 40])
def test_maps_of_few_equal_and_many_rows_are_finite(rows: int) -> None:
    random = np.random.default_rng(0).normal(size=(rows, 6))
    for vectors in (random, np.ones((rows, 6)), random[:, :1]):
        points = map_points(vectors)
        assert points.shape == (rows, 2) and np.isfinite(points).all()


def test_a_map_keeps_groups_apart() -> None:
    random = np.random.default_rng(0)
    centers = np.eye(6)[[0] * 15 + [1] * 15] * 20
    points = map_points(centers + random.normal(size=(30, 6)))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag([np.inf] * 30)
    assert ((distances.argmin(axis=1) < 15) == (np.arange(30) < 15)).all()


def test_the_model_is_loaded_once(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DemoModel(str(tiny_model))
    import hf_relation.discovery.relation_discovery as module

    monkeypatch.setattr(module, "load_encoder", None)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert len(model.discover(sample_instances(6), {"num_relations": 2}, tmp_path / folder)["instances"]) == 6
