"""What a MORE run is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.clustering import finds_number, make_clusterer
from hf_relation.errors import UsageError
from hf_relation.losses import build_loss
from hf_relation.models.more import MOREConfig
from hf_relation.runs.learning_order_arguments import LearningOrderArguments, check_learning_order
from hf_relation.runs.parsing import json_object, parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.training import ExperimentArguments, RelationTrainingArguments


COMMAND = "python examples/train_more.py"
DESCRIPTION = """Train MORE on known relations and score it on relations it has never seen.

For every training seed: train with class-balanced batches, keep the weights that cluster the held-out *known* relations
best, then read the test set once. Prints a table and writes, under --output_dir, a checkpoint with its model card for every
seed, and results.json with all figures, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --dataset fewrel --data_dir data --output_dir runs/more --max_steps 240
  {command} --dataset jsonl --train_file known.jsonl --test_file novel.jsonl --output_dir runs/mine
  {command} --dataset fewrel --data_dir data --output_dir runs/cnn --preset more --encoder cnn --word_vectors glove.txt
  {command} --dataset jsonl --train_file noisy.jsonl --test_file novel.jsonl --output_dir runs/denoised --learning_order auto
"""

# Where the defaults of this run differ from those of RelationTrainingArguments; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/more",
    "max_steps": 120,
    "ema_decay": 0.97,
    "learning_rate": 5e-5,
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "bf16": True,
    "eval_strategy": "steps",
    "eval_steps": 20,
    "save_strategy": "steps",
    "save_steps": 20,
    "load_best_model_at_end": True,
}


@dataclass
class ScriptArguments(LearningOrderArguments, ExperimentArguments):
    """What to start from and how to learn; what to train on and how to score it is in [`ExperimentArguments`]."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of('more'))}; see above"}
    )
    encoder: str = field(
        default="transformer",
        metadata={
            "choices": ["transformer", "cnn"],
            "help": "a pretrained encoder, or the papers' small CNN over words",
        },
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "encoder to start from: folder or Hub id of an encoder, or of a model of this package whose encoder is taken, "
            "such as one that examples/pretrain_finecl.py wrote; default: the MiniLM-L6 base encoder"
        },
    )
    word_vectors: str | None = field(
        default=None,
        metadata={
            "help": "for --encoder cnn: a file in the format of GloVe (a word and its numbers on each line), or 'learned' "
            "(random start, words of the training texts); default: the word-piece table of --model_name_or_path"
        },
    )
    word_embedding_dim: int | None = field(
        default=None,
        metadata={
            "help": "for --encoder cnn: width of the word vectors; a word-piece table is reduced to it; default: the file's "
            "or the table's, 50 for learned ones"
        },
    )
    position_embedding_dim: int = field(
        default=5, metadata={"help": "for --encoder cnn: width of the embedding of the distance to each mention"}
    )
    marker_policy: str = field(
        default="entity", metadata={"choices": ["none", "entity", "typed"], "help": "marker tokens"}
    )
    entity_types: list[str] = field(
        default_factory=list, metadata={"help": "types with markers, for --marker_policy typed"}
    )
    max_length: int = field(
        default=128, metadata={"help": "longest input in tokens; longer texts are cut around mentions"}
    )
    pooling: list[str] = field(
        default_factory=lambda: ["head_mean", "tail_mean", "between_mean"],
        metadata={"help": "summaries of token states, joined in this order; see hf_relation.models.encoder"},
    )
    normalize_blocks: bool = field(default=True, metadata={"help": "scale every summary to length one before joining"})
    layer: int = field(default=-1, metadata={"help": "hidden states to pool; -1: the last layer"})
    projection_dim: int | None = field(
        default=None, metadata={"help": "width of a linear layer on top; default: none"}
    )
    loss: str = field(default="ranked_list", metadata={"choices": ["ranked_list", "sup_con"], "help": "training loss"})
    loss_kwargs: str = field(default="{}", metadata={"help": "its arguments as JSON, e.g. '{\"temperature\": 0.1}'"})
    adversarial_weight: float = field(
        default=0.0, metadata={"help": "weight of the virtual adversarial loss on the word embeddings; 0: without"}
    )
    adversarial_kwargs: str = field(
        default="{}", metadata={"help": 'its arguments as JSON, e.g. \'{"epsilon": 0.02, "num_power_iterations": 1}\''}
    )
    label_noise: float = field(
        default=0.0,
        metadata={"help": "share of the training instances that get another, wrong known relation, in [0, 1]"},
    )
    label_noise_seed: int = field(default=0, metadata={"help": "which ones; the same for all training seeds"})


def parse(
    argv: Sequence[str] | None = None, *, command: str = COMMAND
) -> tuple[ScriptArguments, RelationTrainingArguments]:
    """Read the command line.

    Args:
        argv (`Sequence[str]`, *optional*): the options; by default those of the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `tuple[ScriptArguments, RelationTrainingArguments]`: what the run is told.

    Raises:
        UsageError: an option has a wrong value, or options contradict one another.
        SystemExit: `--help`, or a value that is not of its option's type.
    """
    return parse_run(
        ScriptArguments,
        "more",
        argv,
        command=command,
        description=DESCRIPTION,
        defaults=DEFAULTS,
        check=_check,
    )


def _check(script: ScriptArguments) -> None:
    """Find what is wrong before anything is loaded or written."""
    loss_kwargs = json_object("loss_kwargs", script.loss_kwargs, '{"temperature": 0.1}')
    adversarial_kwargs = json_object("adversarial_kwargs", script.adversarial_kwargs, '{"epsilon": 0.02}')
    cluster_kwargs = json_object("cluster_kwargs", script.cluster_kwargs, '{"bandwidth": 0.5}')
    build_loss(script.loss, **loss_kwargs)
    check_learning_order(script)
    MOREConfig(
        pooling=script.pooling,
        projection_dim=script.projection_dim,
        loss=script.loss,
        adversarial_weight=script.adversarial_weight,
        adversarial_kwargs=adversarial_kwargs,
    )
    if script.algorithm == "mean_shift" and cluster_kwargs.get("bandwidth_quantile") == "auto":
        del cluster_kwargs["bandwidth_quantile"]  # chosen on the held-out relations
    number = None if finds_number(script.algorithm, cluster_kwargs) else 2
    make_clusterer(script.algorithm, number, n_init=script.n_init, **cluster_kwargs)  # type: ignore[arg-type]
    if script.encoder != "cnn":
        for name in ("word_vectors", "word_embedding_dim"):
            if getattr(script, name) is not None:
                raise UsageError(f"--{name} is for --encoder cnn; a transformer brings its own word embeddings.")
    elif script.word_vectors is not None and script.model_name_or_path is not None:
        raise UsageError(
            "--word_vectors and --model_name_or_path both say where the CNN's word vectors come from. Give one of them."
        )
