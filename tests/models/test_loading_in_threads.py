"""Models that several threads load leave transformers as it was."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from hf_relation.models.loading import load_model
from tests.common.tiny_checkpoints import save_tiny_checkpoint


@pytest.fixture
def own_method() -> Iterator[object]:
    """What ties weights, put back whatever happens: other tests of the process need it."""
    before = PreTrainedModel.tie_weights
    yield before
    PreTrainedModel.tie_weights = before  # type: ignore[method-assign]


def test_weights_are_still_tied_after_threads_loaded_models(tmp_path: Path, own_method: object) -> None:
    save_tiny_checkpoint(tmp_path / "model")
    with ThreadPoolExecutor(6) as pool:
        models = list(pool.map(load_model, [tmp_path / "model"] * 18))
    assert PreTrainedModel.tie_weights is own_method
    first = models[0].state_dict()
    for model in models[1:]:
        assert all(torch.equal(weight, first[name]) for name, weight in model.state_dict().items())
