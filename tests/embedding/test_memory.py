"""Batches that shrink when the memory does not hold, and a model that several threads use at once."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from hf_relation.embedding.forward import inference_state
from hf_relation.embedding.memory import ShrinkingBatches
from hf_relation.errors import HfRelationError


CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), MemoryError(), torch.OutOfMemoryError("none left")]
)
def test_batches_shrink_and_every_row_runs_once(error: BaseException) -> None:
    tried: list[int] = []

    def run(rows: list[int]) -> list[int]:
        tried.append(len(rows))
        if len(rows) > 2:
            raise error
        return rows

    batches = ShrinkingBatches(80, CPU)
    found = list(batches.run([10] * 16, run, alone=str))
    assert sorted(row for rows, answer in found for row in answer) == list(range(16))
    assert all(rows == answer for rows, answer in found)
    assert tried[:3] == [8, 4, 2] and max(tried[2:]) == 2 and batches.max_tokens == 20


def test_one_row_alone_and_other_errors() -> None:
    def run(rows: list[int]) -> None:
        raise RuntimeError("out of memory" if rows[0] == 1 else "wrong shape")

    with pytest.raises(HfRelationError, match="row 1 is too large") as caught:
        list(ShrinkingBatches(10, CPU).run([3, 9], run, alone=lambda row: f"row {row} is too large"))
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(RuntimeError, match="wrong shape"):
        list(ShrinkingBatches(10, CPU).run([3], run, alone=str))


def test_too_large_for_another_reason() -> None:
    found = ShrinkingBatches(1_000, CPU).run([5] * 5, list, alone=str, too_large=lambda rows: len(rows) > 2)
    assert [rows for rows, _ in found] == [[0, 1], [2], [3, 4]]


def test_the_last_thread_puts_the_model_back() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
    model[1].eval()
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def first() -> None:
        with inference_state(model, CPU):
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with inference_state(model, CPU):
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(model.training or model[0].training)

    threads = [threading.Thread(target=job) for job in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False]
    assert (model.training, model[0].training, model[1].training) == (True, True, False)
