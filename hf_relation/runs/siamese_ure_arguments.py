"""What a Siamese-URE run is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.clustering import finds_number
from hf_relation.errors import UsageError
from hf_relation.losses.scan import OVER_NEIGHBORS
from hf_relation.models.siamese_ure.configuration_siamese_ure import CLUSTER_LOSSES, SiameseUREConfig
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.training import ExperimentArguments, RelationTrainingArguments


COMMAND = "python examples/train_siamese_ure.py"
METHOD = "siamese-ure"
DESCRIPTION = """Train Siamese-URE on text without labels, and score it on held-out text of the same relations.

Labels of the corpus are read for the scores alone. For every training seed: score the model at its start, train it
(two dropout views of a sentence predict each other; after a warm-up, a sentence and its nearest neighbours share a
cluster), score it again. Prints a table and writes, under --output_dir, a checkpoint with its model card for every seed,
and results.json with all figures, the spread of the embeddings before and after, settings, versions and data counts.
To choose settings, use --novel held-out: known relations play the unlabelled ones, and no novel label is read.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --preset siamese-ure-minilm --dataset fewrel --data_dir data --output_dir runs/siamese
  {command} --preset siamese-ure-minilm --dataset redocred --marker_policy typed --output_dir runs/typed
  {command} --preset siamese-ure-minilm --dataset jsonl --unlabeled_file text.jsonl --test_file labelled.jsonl --output_dir runs/mine
"""

# Where the defaults of this run differ from those of the dataclasses; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/siamese-ure",
    "num_train_epochs": 20,
    "learning_rate": 1e-5,
    "lr_scheduler_type": "cosine",
    "weight_decay": 1e-4,
    "bf16": True,
    "eval_strategy": "no",
    "save_strategy": "epoch",
    "whitening_per_relation": 0,  # it takes labels
    "held_out_relations": 16,  # with --novel held-out; as many as FewRel's novel ones
}


@dataclass
class ScriptArguments(ExperimentArguments):
    """What to start from and how to learn; what to train on and how to score it is in [`ExperimentArguments`]."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of(METHOD))}; see above"}
    )
    novel: str = field(
        default="test",
        metadata={
            "choices": ["test", "held-out"],
            "help": "test: the corpus' unlabelled text and its test; held-out: --held_out_relations known relations in their "
            "place, --validation_per_relation instances of each to score on, the others as unlabelled text",
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
        default="entity",
        metadata={
            "choices": ["none", "entity", "typed"],
            "help": "marker tokens; typed needs entity types in the data (redocred, tacred, jsonl)",
        },
    )
    entity_types: list[str] = field(
        default_factory=list,
        metadata={"help": "types with markers, for --marker_policy typed; default: those in the unlabelled text"},
    )
    max_length: int = field(
        default=128, metadata={"help": "longest input in tokens; longer texts are cut around mentions"}
    )
    dropout: float | None = field(
        default=None,
        metadata={
            "help": "dropout of the encoder, all that tells the two views apart; default: the encoder's own (0.1 in BERT)"
        },
    )
    pooling: list[str] = field(
        default_factory=lambda: ["head_marker", "tail_marker"],
        metadata={"help": "summaries of token states, joined in this order; see hf_relation.models.encoder"},
    )
    normalize_blocks: bool = field(
        default=False, metadata={"help": "scale every summary to length one before joining"}
    )
    layer: int = field(default=-1, metadata={"help": "hidden states to pool; -1: the last layer"})
    cut_layers: bool = field(
        default=False,
        metadata={"help": "leave out the encoder's layers above --layer, which only cost time and memory"},
    )
    batch_size: int = field(default=64, metadata={"help": "rows of a batch, in every process"})
    warmup_epochs: int = field(default=5, metadata={"help": "epochs with the siamese loss alone"})
    neighbors: int = field(default=20, metadata={"help": "K: neighbours of a row"})
    neighbors_per_step: int | None = field(
        default=None,
        metadata={
            "help": "of these, how many a step draws; each goes through the encoder. Default: all; 1 with neighbor_cosine, as "
            "in the authors' code"
        },
    )
    neighbor_components: int | None = field(
        default=None,
        metadata={"help": "search neighbours among this many principal components of the text; default: as they are"},
    )
    num_clusters: str = field(
        default="true",
        metadata={
            "help": "clusters of the clustering head and of the scores: a number, for example the paper's 10 super-classes, or "
            "'true': as many as the scored text has relations"
        },
    )
    init_clusters: str = field(
        default="random",
        metadata={
            "choices": ["random", "kmeans"],
            "help": "start of the clustering head; kmeans: the centres of the unlabelled text after the warm-up",
        },
    )
    use_projection: bool = field(default=True, metadata={"help": "false: without the mapping networks g and d"})
    use_clustering: bool = field(default=True, metadata={"help": "false: without the clustering loss"})
    train_projector: bool = field(
        default=True,
        metadata={
            "help": "false: g stays as it starts, as in the authors' code with the options of their README; its outputs cannot "
            "collapse then, unless the encoder's do"
        },
    )
    projector_dims: list[int] | None = field(
        default=None, metadata={"help": "widths of the three layers of g; default: that of the representation"}
    )
    predictor_dim: int = field(default=512, metadata={"help": "width of the hidden layer of d"})
    cluster_loss: str = field(
        default="scan",
        metadata={"choices": [*CLUSTER_LOSSES], "help": "the paper's equation 7, or what the authors' code computes"},
    )
    cluster_weight: float = field(default=0.5, metadata={"help": "eta, the weight of the clustering loss"})
    entropy_weight: float = field(default=1.0, metadata={"help": "lambda, the weight of the entropy in it"})
    over_neighbors: str = field(
        default="sum",
        metadata={"choices": [*OVER_NEIGHBORS], "help": "the sum over the neighbours as in the paper, or their mean"},
    )
    analyse_neighbors: bool = field(
        default=False,
        metadata={
            "help": "log how many mined neighbours share the gold relation, where the text has one; chooses nothing"
        },
    )


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
        METHOD,
        argv,
        command=command,
        description=DESCRIPTION,
        defaults=DEFAULTS,
        check=_check,
    )


def model_settings(script: ScriptArguments, num_clusters: int) -> dict[str, Any]:
    """Give the settings of the model that the options say.

    Args:
        script ([`ScriptArguments`]): the options.
        num_clusters (`int`): of the clustering head.

    Returns:
        `dict[str, Any]`: fields of [`SiameseUREConfig`].
    """
    names = (
        "pooling normalize_blocks layer use_projection use_clustering projector_dims predictor_dim cluster_loss cluster_weight "
        "entropy_weight over_neighbors"
    )
    return {name: getattr(script, name) for name in names.split()} | {"num_clusters": num_clusters}


def per_step(script: ScriptArguments) -> int:
    """How many neighbours of a row a step sees."""
    if script.neighbors_per_step is not None:
        return script.neighbors_per_step
    return 1 if script.cluster_loss == "neighbor_cosine" else script.neighbors


def _check(script: ScriptArguments) -> None:
    """Find what is wrong before anything is loaded or written."""
    if script.num_clusters != "true" and not script.num_clusters.isdecimal():
        raise UsageError(f"`--num_clusters` must be a number or 'true', got {script.num_clusters!r}.")
    number = 2 if script.num_clusters == "true" else int(script.num_clusters)
    SiameseUREConfig(**model_settings(script, number) | {"layer": -1})  # the layer is checked with the encoder at hand
    if script.dropout is not None and not 0 < script.dropout < 1:
        raise UsageError(
            f"`--dropout` must be above 0 and below 1, got {script.dropout}. Without dropout the two views are the same, and "
            "nothing is learned from them."
        )
    if finds_number(script.algorithm, {}):
        raise UsageError(
            f"`--algorithm {script.algorithm}` finds the number of clusters itself; the scores of this run take a number. Use "
            "kmeans, agglomerative or adaptive."
        )
    if script.variant not in (None, "plain", "pca"):
        raise UsageError(f"`--variant {script.variant}` takes labels, and this method has none. Use plain or pca.")
    if script.whitening_per_relation:
        raise UsageError("`--whitening_per_relation` takes labels, and this method has none. Leave it out.")
    for name, value, least in (
        ("batch_size", script.batch_size, 2),
        ("warmup_epochs", script.warmup_epochs, 0),
        ("neighbors", script.neighbors, 1),
        ("neighbors_per_step", per_step(script), 1),
        ("neighbor_components", script.neighbor_components or 1, 1),
    ):
        if value < least:
            raise UsageError(f"`--{name}` must be at least {least}, got {value}.")
    if per_step(script) > script.neighbors:
        raise UsageError(
            f"`--neighbors_per_step` must be at most `--neighbors` ({script.neighbors}), got {script.neighbors_per_step}."
        )
    if script.init_clusters == "kmeans" and not (script.use_clustering and script.cluster_loss == "scan"):
        raise UsageError(
            "`--init_clusters kmeans` starts the clustering head, which this run has no use for. Leave it out."
        )
