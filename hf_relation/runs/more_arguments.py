"""What a MORE run is told on the command line."""

from __future__ import annotations

import json
from argparse import ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import HfArgumentParser

from hf_relation.errors import UsageError
from hf_relation.training import ExperimentArguments, RelationTrainingArguments, check_processes


COMMAND = "python examples/train_more.py"
DESCRIPTION = """Train MORE on known relations and score it on relations it has never seen.

For every training seed: train with class-balanced batches, keep the weights that cluster the held-out *known* relations
best, then read the test set once. Prints a table and writes, under --output_dir, a checkpoint with its model card for every
seed, and results.json with all figures, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Examples:
  {command} --dataset fewrel --data_dir data --output_dir runs/more --max_steps 240
  {command} --dataset jsonl --train_file known.jsonl --test_file novel.jsonl --output_dir runs/mine
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
    "save_total_limit": 1,
    "load_best_model_at_end": True,
    "logging_steps": 10,
    "dataloader_pin_memory": False,
}


@dataclass
class ScriptArguments(ExperimentArguments):
    """What to start from; what to train on and how to score it is in [`ExperimentArguments`]."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "encoder to start from: folder or Hub id; default: the MiniLM-L6 base encoder"}
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


class HelpFormatter(ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter):
    """Show defaults, and the description as it stands above."""


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
        UsageError: an option has a wrong value.
    """
    parser = HfArgumentParser(
        (ScriptArguments, RelationTrainingArguments),  # type: ignore[arg-type]
        prog=command,
        usage="%(prog)s [options]",
        description=DESCRIPTION.format(command=command),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    # Without use_cpu inside the script, CPU processes of `accelerate launch` do not find one another.
    parser.set_defaults(**DEFAULTS, use_cpu=not torch.cuda.is_available())
    script, args = parser.parse_args_into_dataclasses(args=None if argv is None else list(argv))
    try:
        wrong = "" if isinstance(json.loads(script.loss_kwargs), dict) else "not an object"
    except json.JSONDecodeError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"`--loss_kwargs` must be a JSON object such as '{{\"temperature\": 0.1}}': {wrong}.")
    if script.num_seeds < 1 or script.num_cluster_seeds < 1:
        raise UsageError("`num_seeds` and `num_cluster_seeds` must be at least 1.")
    if args.resume_from_checkpoint:
        raise UsageError("Use --resume: it finds the last complete checkpoint of every seed by itself.")
    if script.num_threads is not None:
        torch.set_num_threads(script.num_threads)
    check_processes(args)
    return script, args
