"""Options that runs over tagged sentences and labelled texts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.models.text_states import TEXT_STATES


# Where the defaults of these runs differ from those of the dataclasses; any of them can be given on the command line.
TASK_DEFAULTS: dict[str, Any] = {
    "num_train_epochs": 3,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "eval_strategy": "no",
    "save_strategy": "no",
    "logging_steps": 50,
    "eval_dtype": "float32",
    "bf16": False,
}


@dataclass
class TaskArguments:
    """Where the rows are, what is fine-tuned and how long its inputs are; the help of every field says what it is."""

    data_dir: str | None = field(default=None, metadata={"help": "folder of the corpora; default: $HF_RELATION_DATA"})
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "encoder to start from: folder or Hub id, for example google-bert/bert-base-multilingual-cased; default: the "
            "MiniLM-L6 base encoder (English)"
        },
    )
    text_embedding: str = field(
        default="mean",
        metadata={
            "choices": list(TEXT_STATES),
            "help": "what the heads of whole texts see: the mean over tokens, the first token, or the encoder's pooler",
        },
    )
    head_dropout: float = field(default=0.1, metadata={"help": "dropout in front of the heads of tasks"})
    max_length: int | None = field(
        default=None,
        metadata={
            "help": "longest input in pieces; default: what the encoder takes, at most 512. Tagged sentences that are longer become several "
            "inputs, texts are cut"
        },
    )
    batch_size: int = field(default=32, metadata={"help": "rows of a batch"})
    max_train_rows: int | None = field(
        default=None, metadata={"help": "train on so many rows of a corpus at most, drawn with --split_seed"}
    )
    max_eval_rows: int | None = field(
        default=None, metadata={"help": "choose by, rank on and test on so many rows of a corpus at most"}
    )
    validation_share: float = field(
        default=0.1, metadata={"help": "share of the training rows to choose by where the corpus has no part for it"}
    )
    test_share: float = field(
        default=0.2, metadata={"help": "share of the rows to test on where the corpus has no part for it"}
    )
    split_seed: int = field(default=0, metadata={"help": "which rows these are; the same for all training seeds"})
    num_seeds: int = field(default=3, metadata={"help": "training seeds: --seed, --seed + 1 and so on"})
    num_threads: int | None = field(default=None, metadata={"help": "CPU threads; default: what torch takes"})
    plots: bool = field(default=True, metadata={"help": "also draw pictures (extra viz)"})
    resume: bool = field(
        default=False, metadata={"help": "go on with the run in --output_dir; what has ended is not run again"}
    )
    overwrite: bool = field(default=False, metadata={"help": "delete the run in --output_dir first"})


def check_task_arguments(script: TaskArguments, world_size: int = 1) -> None:
    """Refuse numbers out of range.

    Raises:
        UsageError: a value is not allowed; or several processes.
    """
    for name in ("batch_size", "max_train_rows", "max_eval_rows"):
        value = getattr(script, name)
        if value is not None and value < 1:
            raise UsageError(f"`{name}` must be at least 1, got {value}.")
    for name in ("validation_share", "test_share"):
        value = getattr(script, name)
        if not 0 < value < 1:
            raise UsageError(f"`{name}` must be above 0 and below 1, got {value}.")
    if script.split_seed < 0:
        raise UsageError(f"`split_seed` must be at least 0, got {script.split_seed}.")
    if world_size > 1:
        raise UsageError(
            "This run searches in one process. Start it with plain `python`, and share seeds out with --seed and --num_seeds 1."
        )


def names_in(text: str, option: str) -> list[str]:
    """The names in a list with commas.

    Args:
        text (`str`): what was given.
        option (`str`): for the message.

    Raises:
        UsageError: none, or one twice.

    Example:

    ```python
    >>> from hf_relation.runs.task_arguments import names_in
    >>> names_in("de, zh", "targets")
    ['de', 'zh']

    ```
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"`--{option}` must be different names with commas between them, got {text!r}.")
    return names
