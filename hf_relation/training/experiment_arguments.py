"""What a training script is told: corpora, seeds, how to score; and the loading that follows from it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hf_relation.data import load_corpus, split_by_frequency
from hf_relation.errors import UsageError
from hf_relation.training.experiment import ExperimentData, prepare_data


if TYPE_CHECKING:
    from hf_relation.data import Instance
    from hf_relation.training.arguments import RelationTrainingArguments


@dataclass
class ExperimentArguments:
    """Arguments that training scripts share; the help of every field says what it is.

    Example:

    ```python
    >>> from hf_relation.training import ExperimentArguments
    >>> ExperimentArguments(dataset="jsonl", train_file=["known.jsonl"]).held_out_relations
    8

    ```
    """

    dataset: str = field(
        default="fewrel",
        metadata={
            "choices": ["fewrel", "wiki80", "jsonl"],
            "help": "fewrel: 64 known relations, test on the frozen 1,600 sentences of 16 novel ones; wiki80: its known "
            "relations, the same test; jsonl: your own files",
        },
    )
    data_dir: str | None = field(default=None, metadata={"help": "folder of the corpora; default: $HF_RELATION_DATA"})
    train_file: list[str] | None = field(
        default=None, metadata={"help": "JSONL files to train on; with fewrel and wiki80, in addition to the corpus"}
    )
    validation_file: str | None = field(
        default=None, metadata={"help": "JSONL file of other known relations to choose by, instead of held-out ones"}
    )
    test_file: str | None = field(
        default=None, metadata={"help": "JSONL file of novel relations, instead of FewRel's test"}
    )
    held_out_relations: int = field(
        default=8, metadata={"help": "known relations to hold out and choose by; 0: no choosing"}
    )
    split_seed: int = field(
        default=0, metadata={"help": "which relations are held out; the same for all training seeds"}
    )
    frequency_split: list[int] | None = field(
        default=None,
        metadata={
            "help": "with --dataset jsonl, in the place of --test_file: LEAST MOST, for example 20 2000. Relations with so "
            "many instances are novel, half of them for validation (all their instances), half for test; the rest are known"
        },
    )
    validation_per_relation: int = field(default=100, metadata={"help": "instances of a held-out relation to keep"})
    max_train_instances: int | None = field(default=None, metadata={"help": "train on this many instances at most"})
    num_seeds: int = field(default=3, metadata={"help": "training seeds: --seed, --seed + 1, ..."})
    num_cluster_seeds: int = field(default=5, metadata={"help": "seeds of k-means in the final figures"})
    n_init: int = field(default=60, metadata={"help": "restarts of k-means in the final figures"})
    algorithm: str = field(
        default="kmeans",
        metadata={
            "choices": ["kmeans", "agglomerative", "adaptive", "mean_shift", "hdbscan"],
            "help": "how to cluster for the final figures; the last two find the number of relations themselves",
        },
    )
    cluster_kwargs: str = field(
        default="{}",
        metadata={
            "help": "arguments of the algorithm as JSON, e.g. '{\"bandwidth\": 0.5}'; without, the bandwidth of mean_shift is "
            "chosen on the held-out relations"
        },
    )
    pca_components: int = field(default=32, metadata={"help": "principal components in the final figures"})
    whitening_per_relation: int = field(
        default=100,
        metadata={"help": "training instances a relation that the whitening is fitted on; 0: no whitening"},
    )
    whitening_shrinkage: float = field(default=0.8, metadata={"help": "shrinkage of the whitening, in [0, 1]"})
    variant: str | None = field(
        default=None,
        metadata={
            "choices": ["plain", "pca", "whitening", "whitening+pca"],
            "help": "what is done to the embeddings before they are clustered, when an earlier run has chosen it; default: "
            "chosen on the held-out known relations",
        },
    )
    num_threads: int | None = field(default=None, metadata={"help": "CPU threads; default: what torch takes"})
    resume: bool = field(
        default=False,
        metadata={"help": "keep finished seeds and go on from the last complete checkpoint of the others"},
    )
    overwrite: bool = field(
        default=False,
        metadata={"help": "delete the run that --output_dir holds (results.json and the folders seed-N)"},
    )


def load_experiment_data(arguments: ExperimentArguments) -> ExperimentData:
    """Load the corpora and take what belongs to evaluation out of training.

    Args:
        arguments ([`ExperimentArguments`]): which corpora, what to hold out.

    Returns:
        [`ExperimentData`]: as [`prepare_data`] gives it. FewRel and wiki80 come with FewRel's frozen test set; sentences
        of its unlabelled part leave the training part, too.

    Raises:
        UsageError: files are missing, or nothing is left to train on.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    if arguments.frequency_split is not None:
        return _load_by_frequency(arguments, arguments.frequency_split)
    extra = [row for file in arguments.train_file or [] for row in load_corpus(Path(file))]
    test: list[Instance] = []
    others: list[list[Instance]] = []
    if arguments.dataset == "jsonl":
        if not extra:
            raise UsageError(
                "`--dataset jsonl` needs `--train_file`: one or more JSONL files with labelled instances."
            )
        train = extra
    else:
        splits = ["train"] if arguments.dataset == "fewrel" else ["train", "validation"]
        train = [
            row
            for split in splits
            for row in load_corpus(arguments.dataset, arguments.data_dir, split, drop_evaluation_sentences=False)
        ] + extra
        test = load_corpus("fewrel", arguments.data_dir, "test")
        others = [load_corpus("fewrel", arguments.data_dir, "novel_unlabeled")]
    if arguments.test_file is not None:
        test = load_corpus(Path(arguments.test_file))
    return prepare_data(
        train,
        test,
        validation=None if arguments.validation_file is None else load_corpus(Path(arguments.validation_file)),
        other_evaluation_sets=others,
        num_held_out=arguments.held_out_relations,
        split_seed=arguments.split_seed,
        validation_per_relation=arguments.validation_per_relation,
        max_train_instances=arguments.max_train_instances,
    )


def _load_by_frequency(arguments: ExperimentArguments, bounds: list[int]) -> ExperimentData:
    if len(bounds) != 2:
        raise UsageError(f"`frequency_split` takes two numbers, LEAST and MOST, for example 20 2000; got {bounds}.")
    if arguments.dataset != "jsonl" or not arguments.train_file or arguments.test_file or arguments.validation_file:
        raise UsageError(
            "`--frequency_split` makes validation and test relations of the instances in `--train_file`: give that and "
            "`--dataset jsonl`, and neither `--test_file` nor `--validation_file`."
        )
    split = split_by_frequency(
        (row for file in arguments.train_file for row in load_corpus(Path(file))),
        least=bounds[0],
        most=bounds[1],
        seed=arguments.split_seed,
    )
    data = prepare_data(
        split.train,
        split.test,
        validation=split.validation,
        split_seed=arguments.split_seed,
        validation_per_relation=None,  # as unbalanced as the test, or what is chosen on it would not fit the test
        max_train_instances=arguments.max_train_instances,
    )
    return dataclasses.replace(data, counts=data.counts | {"read_before_frequency_split": split.counts["read"]})


def check_processes(args: RelationTrainingArguments) -> None:
    """Refuse to let several processes train the same thing side by side.

    Args:
        args ([`RelationTrainingArguments`]): made in this process.

    Raises:
        UsageError: the launcher started several processes, but they are not joined.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) != args.world_size:
        raise UsageError(
            f"{os.environ['WORLD_SIZE']} processes were started, but they do not see one another (world size "
            f"{args.world_size}). On CPU, launch with: accelerate launch --config_file examples/accelerate_cpu2.yaml SCRIPT "
            "--use_cpu true, or: ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 SCRIPT"
        )
