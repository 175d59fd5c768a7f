"""What a training script is told: corpora, seeds, how to score."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hf_relation.errors import UsageError
from hf_relation.training.corpus_roles import CORPUS_NAMES


if TYPE_CHECKING:
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
            "choices": [*CORPUS_NAMES, "jsonl"],
            "help": "fewrel: 64 known relations, test on the frozen 1,600 sentences of 16 novel ones; wiki80: its known "
            "relations, the same test; tacred, nyt_fb: their splits for relation discovery (bring the licensed files); "
            "semeval, redocred: pairs of SemEval-2010 Task 8 and of sentences of Re-DocRED, novel relations drawn by "
            "--novel_share; jsonl: your own files",
        },
    )
    train_dataset: str | None = field(
        default=None,
        metadata={
            "choices": [*CORPUS_NAMES, "jsonl"],
            "help": "the corpus of the known relations, where it is another than that of the novel ones; default: --dataset",
        },
    )
    test_dataset: str | None = field(
        default=None,
        metadata={
            "choices": [*CORPUS_NAMES, "jsonl"],
            "help": "the corpus of the novel relations (unlabelled text and test); default: --dataset",
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
    unlabeled_file: str | None = field(
        default=None,
        metadata={
            "help": "JSONL file of texts of novel relations, for methods that learn from them without labels; instead of the "
            "corpus' own"
        },
    )
    unlabeled_share: float = field(
        default=0.0,
        metadata={
            "help": "share of the novel instances, by sentence, that is unlabelled text and no longer test; for corpora "
            "without an unlabelled part"
        },
    )
    max_unlabeled_instances: int | None = field(
        default=None, metadata={"help": "learn from this many unlabelled instances at most"}
    )
    novel_share: float = field(
        default=0.34,
        metadata={"help": "share of the relations of semeval and redocred that is novel, drawn by --split_seed"},
    )
    shared_relations: str = field(
        default="novel",
        metadata={
            "choices": ["novel", "known"],
            "help": "what a relation is that two corpora share: novel (it leaves training) or known (it leaves the unlabelled "
            "text and the test)",
        },
    )
    semeval_labels: str = field(
        default="undirected",
        metadata={
            "choices": ["undirected", "directed", "oriented"],
            "help": "9 relations without a direction, 18 with one, or 9 with head and tail in the order of the gold label",
        },
    )
    nyt_fb_overlapping: bool = field(
        default=False,
        metadata={
            "help": "NYT+FB-sup as in MORE's code, both halves with the same novel relations: one is unlabelled text, the other "
            "the test"
        },
    )
    crop_tokens: int | None = field(
        default=None,
        metadata={
            "help": "cut longer sentences to so many words around the mentions, e.g. 80 for TACRED as RoCORE does"
        },
    )
    train_on_evaluation_sets: bool = field(
        default=False,
        metadata={
            "help": "let sentences of other published evaluation sets be trained on (redocred: its development pairs where "
            "there are no training documents); never score the model on those sets then"
        },
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
