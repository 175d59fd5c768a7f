"""Rows 31, 37, 39 and 41 of the fault plan: bare installations, threads, memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.pipelines import TASK
from tests.common.faces import Outcome
from tests.common.planted import planted_corpus
from tests.common.tiny_tokenizers import sample_instances


Discover = Callable[..., Outcome]
pytestmark = pytest.mark.timeout(120)


def test_fault_31_a_saved_discovery_predicts_without_optional_packages(tmp_path: Path) -> None:
    instances, embeddings, gold = planted_corpus()
    RelationDiscovery(num_relations=3, n_init=3).fit(instances, embeddings).save_pretrained(tmp_path / "saved")
    np.save(tmp_path / "rows.npy", embeddings)
    program = """
import sys
for name in ("networkx", "matplotlib", "plotly", "spacy", "datasets", "gradio"):
    sys.modules[name] = None
import numpy as np
from hf_relation.discovery import RelationDiscovery
model = RelationDiscovery.from_pretrained(sys.argv[1])
result = model.predict(np.load(sys.argv[2]))
print(result.labels.tolist() == model.labels_.tolist(), len(model.merge([0, 1]).relations_))
"""
    arguments = [str(tmp_path / "saved"), str(tmp_path / "rows.npy")]
    found = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["True", "2"]


def test_fault_37_threads_that_predict_get_the_serial_results(tiny_checkpoint: Path) -> None:
    rows = sample_instances(20)
    model = RelationDiscovery.from_pretrained(tiny_checkpoint, dtype="float32").fit(rows)
    parts = [rows[start : start + 4] for start in range(0, 20, 2)]
    serial = [model.predict(part).to_dict() for part in parts]
    # The weights are loaded anew, by whichever thread comes first.
    fresh = RelationDiscovery.from_pretrained(tiny_checkpoint, dtype="float32")
    fresh._fitted = model._fitted
    with ThreadPoolExecutor(6) as pool:
        assert [found.to_dict() for found in pool.map(fresh.predict, parts)] == serial


def test_fault_37_threads_that_call_a_pipeline_get_the_serial_results(tiny_checkpoint: Path) -> None:
    pipe: Any = pipeline(TASK, model=str(tiny_checkpoint), device="cpu")
    parts = [sample_instances(20)[start:] for start in range(6)]
    serial = [pipe(part, num_relations=2) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: pipe(part, num_relations=2), parts)) == serial


@pytest.mark.parametrize("fits", [3, 1])
def test_fault_39_batches_that_do_not_fit_are_halved(
    discover: Discover, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = sample_instances()
    expected = discover(rows, dtype="float32")
    monkeypatch.setattr(MOREModel, "forward", limited(fits))
    found = discover(rows, dtype="float32")
    assert found.labels == expected.labels and list(found.labels) == [row["id"] for row in rows]


def test_fault_39_a_row_that_never_fits_is_an_error_with_advice(
    discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MOREModel, "forward", limited(0))
    outcome = discover(sample_instances(), dtype="float32")
    assert outcome.content is None and "memory" in outcome.message and outcome.code in (None, 1)


def limited(rows: int) -> Any:
    """A forward pass whose memory holds so many rows."""
    original = MOREModel.forward

    def forward(self: Any, input_ids: Any = None, *arguments: Any, **options: Any) -> Any:
        if len(input_ids) > rows:
            raise torch.OutOfMemoryError("out of memory (made up)")
        return original(self, input_ids, *arguments, **options)

    return forward


@pytest.mark.parametrize("algorithm", ["agglomerative", "mean_shift", "hdbscan"])
def test_fault_41_all_pairs_of_200k_rows_are_refused_with_the_estimate_and_the_way_out(algorithm: Any) -> None:
    rows = np.zeros((200_000, 2), dtype=np.float32)
    rows[:, 0] = np.arange(200_000)
    number: Any = {"num_relations": 3} if algorithm == "agglomerative" else {}
    with pytest.raises(UsageError, match=r"200,?000.*kmeans"):
        RelationDiscovery(algorithm=algorithm, **number).fit(rows)
