"""What `--quick` makes of a benchmark: a small part of the data, and a few steps."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hf_relation.data import write_jsonl
from hf_relation.training import ExperimentData, limit_per_relation, load_experiment_data, single_relation


if TYPE_CHECKING:
    from experiment import BenchmarkArguments


# Enough to see that everything runs, in minutes on two cores.
QUICK_RELATIONS, QUICK_INSTANCES = 24, 12
# Options of every training run of a method.
QUICK_TRAINING = {
    "more": (
        "--max_steps 10 --classes_per_batch 12 --instances_per_class 3 --eval_strategy no --save_strategy no "
        "--load_best_model_at_end False"
    ).split(),
    "rocore": (
        "--num_train_epochs 1 --batches_per_epoch 4 --pretraining_epochs 0 --fixed_pretraining_epochs 2 --pseudo_n_init 2 "
        "--select_by last --eval_strategy no --save_strategy no"
    ).split(),
    "siamese_ure": "--num_train_epochs 2 --warmup_epochs 1 --save_strategy no".split(),
}


def quick_part(
    arguments: BenchmarkArguments, data: ExperimentData, folder: Path
) -> tuple[BenchmarkArguments, ExperimentData]:
    """A small part of the data, as files, so that training runs read the same part."""
    known = data.known_relations[:QUICK_RELATIONS]
    parts = {
        "train": limit_per_relation([row for row in data.train if single_relation(row) in known], QUICK_INSTANCES),
        "validation": limit_per_relation(data.validation, QUICK_INSTANCES) if data.validation else [],
        "test": limit_per_relation(data.test, QUICK_INSTANCES) if data.test else [],
        "unlabeled": limit_per_relation(data.unlabeled, 3 * QUICK_INSTANCES) if data.unlabeled else [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        write_jsonl(folder / f"{name}.jsonl", rows)
    small = dataclasses.replace(
        arguments,
        dataset="jsonl",
        train_file=[str(folder / "train.jsonl")],
        validation_file=str(folder / "validation.jsonl") if parts["validation"] else None,
        test_file=str(folder / "test.jsonl"),
        unlabeled_file=str(folder / "unlabeled.jsonl") if parts["unlabeled"] else None,
        train_dataset=None,
        test_dataset=None,
        unlabeled_share=0.0,
        held_out_relations=0,
        num_seeds=1,
        num_cluster_seeds=min(arguments.num_cluster_seeds, 2),
        n_init=min(arguments.n_init, 5),
        whitening_per_relation=min(arguments.whitening_per_relation, QUICK_INSTANCES),
    )
    return small, load_experiment_data(small)
