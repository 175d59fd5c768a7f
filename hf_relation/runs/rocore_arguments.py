"""What a RoCORE run is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.models.rocore import RoCOREConfig
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.runs.pseudo_label_arguments import PseudoLabelArguments, pseudo_label_rules
from hf_relation.training import ExperimentArguments, RelationTrainingArguments


COMMAND = "python examples/train_rocore.py"
DESCRIPTION = """Train RoCORE on known relations and on unlabelled text of novel ones, and discover the novel ones.

For every training seed: pre-train the autoencoder; in every epoch then cluster the unlabelled text and train encoder and
classifiers with the clusters as pseudo labels, beside the labels of the known relations. The test set is read once at the
end. Of the encoder, the layer that is pooled trains, unless --trained_layers (numbers from 0) or --trainable says otherwise.
Prints a table and writes, under --output_dir, a checkpoint with its model card for every seed, and results.json with
all figures, learning curves, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Choose settings with --novel held-out: held-out known relations then play the novel ones, and the test is not read. A
checkpoint given by --init must not have been trained on them.

Of the options below, --classes_per_batch, --instances_per_class, --gradient_cache_rows, --base_weight_average and those that
begin with --adversarial are of other methods.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --dataset fewrel --data_dir data --output_dir runs/rocore --preset rocore-minilm
  {command} --dataset fewrel --data_dir data --output_dir runs/held-out --preset rocore-minilm --novel held-out
  {command} --dataset jsonl --train_file known.jsonl --unlabeled_file texts.jsonl --num_novel_relations 10 --output_dir runs/mine
"""

# Where the defaults of this run differ from those of RelationTrainingArguments; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/rocore",
    "num_train_epochs": 10,
    "learning_rate": 1e-4,
    "lr_scheduler_type": "constant",
    "weight_decay": 0.0,
    "trainable": "layers",
    "eval_strategy": "no",
    "save_strategy": "epoch",
    "held_out_relations": 0,
}

VARIANTS = ("head", "transductive", "transductive, whitening+pca", "plain", "pca", "whitening", "whitening+pca")
SELECTIONS = ("last", "validation", "agreement")


@dataclass
class RoCOREArguments(PseudoLabelArguments, ExperimentArguments):
    """What to start from and how to learn; what to train on and how to score it is in [`ExperimentArguments`]."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of('rocore'))}; see above"}
    )
    novel: str = field(
        default="test",
        metadata={
            "choices": ["test", "held-out"],
            "help": "which relations are novel: those of the test; or the held-out known ones, of whose instances "
            "--validation_per_relation each are scored and the others are the unlabelled text, for choosing settings",
        },
    )
    num_novel_relations: int | None = field(
        default=None, metadata={"help": "relations to discover; default: the true number in the test"}
    )
    num_known_relations: int | None = field(
        default=None,
        metadata={
            "help": "train on so many of the known relations, chosen by --split_seed; --max_train_instances is spread evenly "
            "over them"
        },
    )
    label_fraction: float = field(
        default=1.0, metadata={"help": "share of the labelled training instances of every known relation to use"}
    )
    known_test_per_relation: int = field(
        default=0,
        metadata={
            "help": "instances of every known relation to keep for a test of known relations (see --incremental)"
        },
    )
    init: str | None = field(
        default=None,
        metadata={
            "help": "start from the encoder, processor, pooling and layer of a checkpoint of MORE: more-minilm-fewrel, a folder, or "
            "a Hub id; default: from --model_name_or_path"
        },
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "encoder to start from: folder or Hub id of an encoder, or of a model of this package whose encoder is taken, "
            "such as one that examples/pretrain_finecl.py wrote; default: the MiniLM-L6 base encoder"
        },
    )
    marker_policy: str = field(
        default="none", metadata={"choices": ["none", "entity", "typed"], "help": "marker tokens; with --init its own"}
    )
    entity_types: list[str] = field(
        default_factory=list, metadata={"help": "types with markers, for --marker_policy typed"}
    )
    max_length: int = field(
        default=128, metadata={"help": "longest input in tokens; longer texts are cut around mentions"}
    )
    pooling: list[str] | None = field(
        default=None,
        metadata={
            "help": "summaries of token states, joined in this order; default: that of --init, or head_max tail_max"
        },
    )
    normalize_blocks: bool | None = field(
        default=None,
        metadata={"help": "scale every summary to length one before joining; default: as --init does, or not"},
    )
    layer: int | None = field(
        default=None,
        metadata={"help": "hidden states to pool; -1: the last layer; default: that of --init, or the 8th or last"},
    )
    autoencoder_dims: list[int] = field(
        default_factory=lambda: [512, 512, 256], metadata={"help": "widths of g after its input"}
    )
    activation: str = field(
        default="relu", metadata={"choices": ["relu", "leaky_relu"], "help": "between the layers of g and d"}
    )
    embedding: str = field(
        default="latent",
        metadata={
            "choices": ["latent", "pooled"],
            "help": "what embeddings of the checkpoint are: g(h), or the pair representation h",
        },
    )
    center_weight: float = field(default=0.005, metadata={"help": "weight lambda of the centre loss"})
    reconstruction_weight: float = field(default=1.0, metadata={"help": "weight of the reconstruction loss"})
    reconstruction_reduction: str = field(
        default="paper",
        metadata={
            "choices": ["paper", "mean_all"],
            "help": "sum over the dimensions, or mean as in the authors' code",
        },
    )
    novel_loss: str = field(
        default="pairwise",
        metadata={
            "choices": ["pairwise", "unified"],
            "help": "what pseudo labels are learned by: the paper's pairwise loss, or one softmax over known and novel relations "
            "(UNO)",
        },
    )
    sigma: float = field(default=2.0, metadata={"help": "margin of the pairwise loss"})
    pairs: str = field(
        default="all",
        metadata={
            "choices": ["all", "distinct"],
            "help": "pairs of the pairwise loss: with those of a row with itself or not",
        },
    )
    use_reconstruction: bool = field(default=True, metadata={"help": "ablation: the reconstruction loss"})
    use_center: bool = field(default=True, metadata={"help": "ablation: the centre loss"})
    use_pairwise: bool = field(default=True, metadata={"help": "ablation: the loss on pseudo labels"})
    use_cross_entropy: bool = field(
        default=True, metadata={"help": "ablation: the cross-entropy over known relations"}
    )
    autoencoder_route: str = field(
        default="autoencoder",
        metadata={
            "choices": ["autoencoder", "all"],
            "help": "what reconstruction and centre loss train: g and d alone, or the encoder too",
        },
    )
    label_smoothing: float = field(
        default=0.0,
        metadata={"help": "of the cross-entropy over known relations (and, with --novel_loss unified, pseudo labels)"},
    )
    incremental: bool = field(
        default=False, metadata={"help": "one classifier over known and novel relations, trained with the ramp mu(t)"}
    )
    rampup_maximum: float = field(default=1.0, metadata={"help": "mu0 of the ramp"})
    rampup_length: float = field(default=10.0, metadata={"help": "T of the ramp, in epochs of joint training"})
    labelled_per_batch: int = field(default=50, metadata={"help": "labelled rows of a batch"})
    unlabelled_per_batch: int = field(
        default=50, metadata={"help": "unlabelled rows of a batch; an epoch is a pass over these"}
    )
    labelled_classes: int | None = field(
        default=None,
        metadata={"help": "draw the labelled rows of a batch from so many relations; default: from all rows alike"},
    )
    batches_per_epoch: int | None = field(
        default=None, metadata={"help": "batches between two clusterings; default: one pass over the unlabelled rows"}
    )
    select_by: str = field(
        default="last",
        metadata={
            "choices": list(SELECTIONS),
            "help": "which epoch is kept: the last; the one with the best B-cubed F1 on held-out known relations "
            "(--held_out_relations); or that in which classifier and clusters of the unlabelled text agree most",
        },
    )
    select_on_gold: bool = field(
        default=False,
        metadata={
            "help": "keep the epoch that is best by the gold labels of the unlabelled text, as the authors' code does; the "
            "figures are optimistic"
        },
    )
    log_gold: bool = field(
        default=False,
        metadata={"help": "log how good the pseudo labels are, by gold labels of the unlabelled text; for analysis"},
    )
    stop_below: float = field(
        default=0.0,
        metadata={
            "help": "stop when a smaller share of the unlabelled rows changes its cluster from one epoch to the next"
        },
    )
    tsne: bool = field(
        default=False,
        metadata={"help": "draw test instances at the start, after pre-training and at the end (embedding-map.png)"},
    )
    variant: str | None = field(
        default="head",
        metadata={
            "choices": list(VARIANTS),
            "help": "whose figures to quote: of the novel classifier's predictions, of the nearest centre among those of the "
            "unlabelled text, or of k-means over the test's embeddings",
        },
    )


def parse(
    argv: Sequence[str] | None = None, *, command: str = COMMAND
) -> tuple[RoCOREArguments, RelationTrainingArguments]:
    """Read the command line.

    Args:
        argv (`Sequence[str]`, *optional*): the options; by default those of the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `tuple[RoCOREArguments, RelationTrainingArguments]`: what the run is told.

    Raises:
        UsageError: an option has a wrong value, or options contradict one another.
        SystemExit: `--help`, or a value that is not of its option's type.
    """
    script, args = parse_run(
        RoCOREArguments,
        "rocore",
        argv,
        command=command,
        description=DESCRIPTION,
        defaults=DEFAULTS,
        check=_check,
    )
    _check_training(args)
    return script, args


def model_settings(script: RoCOREArguments) -> dict[str, Any]:
    """The fields of [`~hf_relation.models.rocore.RoCOREConfig`] that a run sets, without what depends on its start."""
    names = (
        "autoencoder_dims activation embedding center_weight reconstruction_weight reconstruction_reduction sigma pairs "
        "use_reconstruction use_center use_pairwise use_cross_entropy autoencoder_route label_smoothing incremental "
        "rampup_maximum rampup_length initializer_range novel_loss"
    )
    return {name: getattr(script, name) for name in names.split()}


def _check(script: RoCOREArguments) -> None:
    """Find what is wrong before anything is loaded or written."""
    pseudo_label_rules(script)
    RoCOREConfig(**model_settings(script), **({} if script.pooling is None else {"pooling": script.pooling}))
    for name, least in (
        ("num_novel_relations", 2),
        ("num_known_relations", 2),
        ("known_test_per_relation", 0),
        ("labelled_per_batch", 1),
        ("unlabelled_per_batch", 1),
        ("batches_per_epoch", 1),
        ("pretraining_epochs", 0),
        ("fixed_pretraining_epochs", 0),
        ("pretraining_batch_size", 1),
        ("centroid_rows", 1),
    ):
        value = getattr(script, name)
        if value is not None and value < least:
            raise UsageError(f"`{name}` must be at least {least}, got {value}.")
    if not 0 < script.sharpness < float("inf"):
        raise UsageError(f"`sharpness` must be a finite number above 0, got {script.sharpness}.")
    if not 0 < script.label_fraction <= 1:
        raise UsageError(f"`label_fraction` must be above 0 and at most 1, got {script.label_fraction}.")
    if not 0 <= script.stop_below < 1:
        raise UsageError(
            f"`stop_below` must be at least 0 and below 1 (a share of the rows), got {script.stop_below}."
        )
    if script.init is not None and script.model_name_or_path is not None:
        raise UsageError("--init and --model_name_or_path both say what to start from. Give one of them.")
    if script.algorithm != "kmeans":
        raise UsageError("RoCORE is scored with k-means and its classifier; leave --algorithm out.")
    if script.select_on_gold and script.select_by != "last":
        raise UsageError("--select_on_gold and --select_by both say which epoch is kept. Give one of them.")
    if script.novel == "held-out" and not script.held_out_relations and script.validation_file is None:
        raise UsageError("--novel held-out needs --held_out_relations: how many known relations play the novel ones.")
    held_out = script.held_out_relations or script.validation_file is not None
    if script.select_by == "validation" and (not held_out or script.novel == "held-out"):
        raise UsageError(
            "--select_by validation needs known relations that are held out beside the novel ones: give "
            "--held_out_relations (and --novel test)."
        )


def _check_training(args: RelationTrainingArguments) -> None:
    if (args.classes_per_batch, args.instances_per_class) != (24, 6):
        raise UsageError(
            "--classes_per_batch and --instances_per_class are for other methods; batches here are given by "
            "--labelled_per_batch, --unlabelled_per_batch and --labelled_classes."
        )
    if args.base_weight_average:
        raise UsageError(
            "--base_weight_average would mix trained classifiers with random ones. Leave it out; --ema_decay averages over "
            "the steps."
        )
