"""Rows 35 and 51 of the fault plan: processes that load batches."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from torch.utils.data import DataLoader

from hf_relation.training import RelationCollator, RelationDataset, RelationTrainer, RelationTrainingArguments
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


class Dies(RelationCollator):
    """Its process is killed, as by a machine whose memory is full, if it is not the first."""

    def __call__(self, rows: Any) -> Any:
        if os.getpid() != PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(rows)


PARENT = os.getpid()


@pytest.mark.timeout(60)
def test_fault_35_a_worker_that_is_killed_stops_the_run_with_an_error(tmp_path: Path) -> None:
    model, processor = tiny_more(loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        disable_tqdm=True,
        max_steps=2,
        classes_per_batch=2,
        instances_per_class=2,
        dataloader_num_workers=1,
        dataloader_pin_memory=False,
    )
    trainer = RelationTrainer(
        model, args, processor, train_dataset=sample_instances(12), data_collator=Dies(processor)
    )
    with pytest.raises(RuntimeError, match="DataLoader worker .*(killed by signal|exited unexpectedly)"):
        trainer.train()
    assert not list(tmp_path.glob("checkpoint-*"))


def batches(dataset: Any, collator: Any, **workers: Any) -> list[dict[str, torch.Tensor]]:
    rows = [dataset[number] for number in range(len(dataset))]
    return list(DataLoader(rows, batch_size=5, collate_fn=collator, **workers))


@pytest.mark.timeout(60)
def test_fault_51_forked_workers_and_what_spawned_ones_are_sent_make_the_same_batches() -> None:
    processor = tiny_more()[1]
    dataset, collator = RelationDataset(sample_instances(20), processor), RelationCollator(processor)
    expected = batches(dataset, collator)
    sent = pickle.loads(pickle.dumps((dataset, collator)))  # our own objects, as `spawn` sends them
    for found in (batches(*sent), batches(dataset, collator, num_workers=2, multiprocessing_context="fork")):
        for batch, other in zip(expected, found, strict=True):
            assert batch.keys() == other.keys() and all(torch.equal(batch[name], other[name]) for name in batch)


@pytest.mark.timeout(60)
def test_fault_51_the_processor_in_processes_of_datasets() -> None:
    processor = tiny_more()[1]
    rows = datasets.Dataset.from_list([{"instance": row["text"], **row} for row in sample_instances(20)])

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        return {"input_ids": processor([row])["input_ids"][0].tolist()}

    def encoded(**workers: Any) -> list[list[int]]:
        return list(rows.map(encode, load_from_cache_file=False, **workers)["input_ids"])

    assert encoded(num_proc=2) == encoded()
