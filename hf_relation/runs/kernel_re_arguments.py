"""What a KernelRE run is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.losses.token_pairs import CELL_NORMALIZERS
from hf_relation.models.kernel_re.configuration_kernel_re import (
    KERNEL_LOSSES,
    PAIR_MASKS,
    REDUCTIONS,
    TEXT_EMBEDDINGS,
)
from hf_relation.runs.extraction_arguments import ExtractionDataArguments, check_data_options
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.training import RelationTrainingArguments


COMMAND = "python examples/train_kernel_re.py"
METHOD = "kernel-re"
DESCRIPTION = """Train KernelRE on documents with entities and labelled pairs, and score the triples it finds in others.

For every training seed: train, keep the weights with the best F1 on the validation documents (never the test), fit thresholds,
calibration and type constraints there and on the training data, and score the test once. Prints precision, recall and F1 of
triples by two ways of choosing candidate pairs (all pairs of the given entities; the gold pairs alone, as KernelRE's authors
did), in all and by overlap (Normal, EPO, SEO) and number of triples, and writes under --output_dir: a checkpoint with its model
card for every seed, figures of F1 by kind of text and of reliability (PNG, extra viz), and results.json.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --preset kernel-re-minilm --dataset semeval --data_dir data --output_dir runs/semeval
  {command} --preset kernel-re-minilm --dataset webnlg --data_dir data --output_dir runs/webnlg
  {command} --preset kernel-re-minilm --dataset webnlg --entity_types ENTITY --marker_policy none --output_dir runs/joint
  {command} --dataset jsonl --train_file train.jsonl --test_file test.jsonl --output_dir runs/mine
"""

# Where the defaults of this run differ from those of the dataclasses; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/kernel-re",
    "num_train_epochs": 10,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "load_best_model_at_end": True,
    "metric_for_best_model": "f1",
    "eval_dtype": "float32",
    "bf16": False,
}


@dataclass
class KernelREArguments(ExtractionDataArguments):
    """What to train on, what to start from and how to learn; the help of every field says what it is."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of(METHOD))}; see above"}
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "encoder to start from: folder or Hub id of an encoder, or of a model of this package whose encoder is taken, "
            "such as one that examples/pretrain_finecl.py wrote; default: the MiniLM-L6 base encoder"
        },
    )
    marker_policy: str = field(
        default="none",
        metadata={
            "choices": ["none", "entity", "typed"],
            "help": "marker tokens around every mention; none: the text as it is (paper), also for raw text; typed: with the types "
            "that the training data have",
        },
    )
    max_length: int | None = field(
        default=None, metadata={"help": "longest input in tokens; longer texts are cut into windows"}
    )
    batch_size: int = field(default=32, metadata={"help": "texts of a batch, in every process"})
    kernel_rank: int | None = field(
        default=None, metadata={"help": "rank of the kernels; default: full rank, as in the paper"}
    )
    head_layer: int = field(default=-2, metadata={"help": "hidden states of the head side; -2: the last but one"})
    tail_layer: int = field(default=-1, metadata={"help": "hidden states of the tail side; -1: the last layer"})
    text_embedding: str = field(
        default="cls",
        metadata={
            "choices": list(TEXT_EMBEDDINGS),
            "help": "what is added to every token of the head side; pooler: authors' code",
        },
    )
    scale_scores: bool = field(default=False, metadata={"help": "divide scores by sqrt(rank) (authors' code)"})
    projection_bias: bool = field(default=False, metadata={"help": "projections with a bias (authors' code)"})
    relation_bias: bool = field(
        default=False,
        metadata={
            "help": "a number for every relation; it starts at the log-odds of the relation in the training pairs"
        },
    )
    loss: str = field(
        default="cells",
        metadata={"choices": list(KERNEL_LOSSES), "help": "cross entropy over token cells, or over pairs of mentions"},
    )
    normalizer: str = field(
        default="positives",
        metadata={
            "choices": list(CELL_NORMALIZERS),
            "help": "divisor of the sum over the cells or pairs of a text and a relation; mask: authors' code",
        },
    )
    relation_reduction: str = field(
        default="sum", metadata={"choices": list(REDUCTIONS), "help": "over relations; mean: authors' code"}
    )
    mask: str = field(
        default="all_pairs",
        metadata={"choices": list(PAIR_MASKS), "help": "pairs that count in the loss; labelled_pairs: authors' code"},
    )
    positive_weight: float = field(
        default=1.0, metadata={"help": "what a pair that has a relation counts in the loss, against class imbalance"}
    )
    state_dropout: float = field(default=0.0, metadata={"help": "dropout in front of the kernels"})
    entity_types: list[str] = field(
        default_factory=list,
        metadata={
            "help": "train a tagger for these types beside the kernels (joint extraction from raw text); a single one is given to "
            "all mentions, whatever their type"
        },
    )
    tagger_weight: float = field(default=1.0, metadata={"help": "weight of the tagger's loss"})
    tagger_lstm_dim: int | None = field(
        default=None, metadata={"help": "a BiLSTM of this width in front of the tagger"}
    )
    thresholds: str = field(
        default="global",
        metadata={
            "choices": ["default", "global", "per_relation"],
            "help": "saved with the checkpoint: 0.5; one chosen on validation; or one for each relation with enough positives. The "
            "figures show 0.5 and the chosen one",
        },
    )
    calibration: str = field(
        default="temperature",
        metadata={"choices": ["none", "temperature", "isotonic"], "help": "of probabilities, fitted on validation"},
    )
    type_constraints: bool = field(
        default=True,
        metadata={"help": "save the types that every relation joins in the training data, where they are typed"},
    )
    symmetric_relations: list[str] = field(
        default_factory=list, metadata={"help": "relations that hold in both directions, and are given out once"}
    )
    num_seeds: int = field(default=3, metadata={"help": "training seeds: --seed, --seed + 1, ..."})
    num_threads: int | None = field(default=None, metadata={"help": "CPU threads; default: what torch takes"})
    plots: bool = field(
        default=True, metadata={"help": "write PNG figures, where matplotlib (extra viz) is installed"}
    )
    resume: bool = field(
        default=False,
        metadata={"help": "keep finished seeds and go on from the last complete checkpoint of the others"},
    )
    overwrite: bool = field(
        default=False,
        metadata={"help": "delete the run that --output_dir holds (results.json and the folders seed-N)"},
    )


def check(script: KernelREArguments) -> None:
    """Refuse options that contradict one another.

    Raises:
        UsageError: they do; the message says which.
    """
    check_data_options(script)
    if script.entity_types and script.marker_policy != "none":
        raise UsageError(
            "A tagger finds entities in raw text, which has no markers: leave out --marker_policy or --entity_types."
        )
    if script.batch_size < 1:
        raise UsageError(f"`--batch_size` must be at least 1, got {script.batch_size}.")


def parse(
    argv: Sequence[str] | None, *, command: str = COMMAND
) -> tuple[KernelREArguments, RelationTrainingArguments]:
    """Read the command line; see [`~hf_relation.runs.parsing.parse_run`]."""
    return parse_run(
        KernelREArguments, METHOD, argv, command=command, description=DESCRIPTION, defaults=DEFAULTS, check=check
    )


def model_settings(script: KernelREArguments) -> dict[str, Any]:
    """The options that are fields of [`~hf_relation.KernelREConfig`]."""
    names = (
        "kernel_rank head_layer tail_layer text_embedding scale_scores projection_bias relation_bias loss normalizer "
        "relation_reduction mask positive_weight state_dropout entity_types tagger_weight tagger_lstm_dim"
    )
    return {name: getattr(script, name) for name in names.split()}
