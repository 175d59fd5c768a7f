from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_relation.demo import DiscoveryWorker
from hf_relation.demo.run import FILES, DemoModel
from hf_relation.demo.texts import TextOptions
from hf_relation.demo.worker import _serve
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_tokenizers import sample_instances
from tests.demo.conftest import Served
from tests.demo.fake_serve import serve


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscoveryWorker]:
    monkeypatch.setattr("hf_relation.demo.worker._serve", serve)
    made = DiscoveryWorker("a model", timeout=60)
    yield made
    made.close()


def say(text: str) -> list[Any]:
    return [{"text": text}]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_in_a_process_is_the_estimators_result(served: Served, tiny_model: Path, tmp_path: Path) -> None:
    found = served.worker.run(sample_instances(20), {"num_relations": 3, "seed": 5}, tmp_path)
    expected = RelationDiscovery.from_pretrained(tiny_model, num_relations=3, seed=5).fit_predict(sample_instances(20))
    assert {key: found[key] for key in expected.to_dict()} == json.loads(json.dumps(expected.to_dict()))
    assert np.isfinite(found["points"]).all() and np.shape(found["points"]) == (20, 2)
    assert tuple(found["files"]) == FILES and all((tmp_path / name).stat().st_size for name in FILES)
    with pytest.raises(UsageError, match="`num_relations` must be between 1 and the number of instances"):
        served.worker.run(sample_instances(2), {"num_relations": 3}, tmp_path)
    assert served.worker.is_running


def test_one_process_does_all_runs_and_one_over_time_is_killed(worker: DiscoveryWorker, tmp_path: Path) -> None:
    assert not worker.is_running
    first = worker.run(say("hello"), {}, tmp_path)
    assert first == worker.run(say("hello"), {}, tmp_path) == {"pid": first["pid"], "model": "a model"}
    worker.timeout = 1
    with pytest.raises(UsageError, match="The run took longer than 1 seconds and was stopped. Use fewer"):
        worker.run(say("sleep"), {}, tmp_path)
    assert not is_alive(first["pid"])
    worker.timeout = 60
    second = worker.run(say("hello"), {}, tmp_path)["pid"]
    assert second != first["pid"] and is_alive(second)
    worker.close()
    assert not is_alive(second) and not worker.is_running


def test_a_process_that_dies_is_an_error_and_the_next_run_has_another(worker: DiscoveryWorker, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="has ended"):
        worker.run(say("die"), {}, tmp_path)
    pid = worker.run(say("hello"), {}, tmp_path)["pid"]
    os.kill(pid, signal.SIGKILL)
    while worker.is_running:
        time.sleep(0.01)
    assert worker.run(say("hello"), {}, tmp_path)["pid"] != pid


def test_a_run_that_fails_leaves_the_process_alone(worker: DiscoveryWorker, tmp_path: Path) -> None:
    pid = worker.run(say("hello"), {}, tmp_path)["pid"]
    with pytest.raises(RuntimeError, match="KeyError: 'x'"):
        worker.run(say("fail"), {}, tmp_path)
    assert worker.run(say("hello"), {}, tmp_path)["pid"] == pid


def test_close_does_not_wait_for_a_run(worker: DiscoveryWorker, tmp_path: Path) -> None:
    worker.timeout = 1000
    pid = worker.run(say("hello"), {}, tmp_path)["pid"]
    errors: list[BaseException] = []

    def run() -> None:
        try:
            worker.run(say("sleep"), {}, tmp_path)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    worker.close()
    thread.join(60)
    assert not thread.is_alive() and not is_alive(pid) and len(errors) == 1


def test_a_model_that_cannot_be_loaded_is_an_error_that_says_so(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    ours, theirs = multiprocessing.Pipe()
    try:
        _serve(theirs, str(tmp_path / "nothing"))  # the real one, in this process
    finally:
        signal.signal(signal.SIGINT, handler)
    worker = DiscoveryWorker()
    with pytest.raises(CheckpointError, match="nothing"):
        worker._receive(ours, 1, "Loading the model")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_and_equal_rows_have_a_map_and_all_files(tiny_model: Path, tmp_path: Path, rows: int) -> None:
    row = sample_instances(1)[0]
    found = DemoModel(str(tiny_model)).discover(
        [row | {"id": str(number)} for number in range(rows)], {"num_relations": 1}, tmp_path
    )
    assert np.shape(found["points"]) == (rows, 2) and np.isfinite(found["points"]).all()
    assert all((tmp_path / name).stat().st_size for name in FILES)


def test_texts_that_the_model_cannot_read_are_left_out_and_counted(tiny_model: Path, tmp_path: Path) -> None:
    long = " ".join(["x"] * 150)  # a mention of more tokens than the 128 that the model reads
    spans = [{"start": 0, "end": 3}, {"start": 8, "end": 8 + len(long)}]
    entities = [{"mentions": [0]}, {"mentions": [1]}]
    document = {"id": "b", "text": f"Bob met {long}.", "mentions": spans, "entities": entities}
    rows = [{"id": "a", "text": "Eve met Bob. Eve saw Dan."}, document]
    texts = asdict(TextOptions([("Eve", None), ("Bob", None), ("Dan", None)]))
    found = DemoModel(str(tiny_model)).discover(rows, {"num_relations": 1}, tmp_path, texts=texts)
    assert [row["id"].split("/")[0] for row in found["given"]] == ["a", "a"] and len(found["instances"]) == 2
    assert found["notes"][0] == "2 texts: 6 mentions of entities, 3 pairs."
    assert "1 pair left out: the model cannot read the mentions" in found["notes"][-1]
    with pytest.raises(UsageError, match="the model cannot read the mentions"):
        DemoModel(str(tiny_model)).discover(rows[1:], {"num_relations": 1}, tmp_path, texts=texts)


def test_the_model_is_loaded_once(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DemoModel(str(tiny_model))
    import hf_relation.discovery.with_encoder as module

    monkeypatch.setattr(module, "load_encoder", None)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert len(model.discover(sample_instances(6), {"num_relations": 2}, tmp_path / folder)["instances"]) == 6
