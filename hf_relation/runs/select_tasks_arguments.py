"""What a run that selects auxiliary tasks is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from hf_relation.errors import UsageError
from hf_relation.heads.result import Method
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.task_arguments import TASK_DEFAULTS, TaskArguments, check_task_arguments, names_in
from hf_relation.selection.task_sets import RULES
from hf_relation.training import RelationTrainingArguments


COMMAND = "python examples/select_auxiliary_tasks.py"
METHOD = "select-tasks"
TASKS = "cola,sst2,wnli,qnli,stsb,pos=ud/en_ewt,snips,meld,wnut17"
SELECTIONS = ("single", "all", "random", "gradts", "gradts-instances", "autosem")
DEFAULTS: dict[str, Any] = {**TASK_DEFAULTS, "output_dir": "runs/select-tasks"}
DESCRIPTION = """Choose which auxiliary tasks to train together with a primary one, by the attention heads that tasks need (GradTS).

For every training seed: fine-tune the encoder on every task alone and score its heads; rank the candidates by Kendall's tau
between their heads and the primary task's; add them one after another as long as the primary task's validation score does not
fall. Beside that the ways it is compared with, each with its seconds:

  single            the primary task alone
  all               all tasks together
  random            sets drawn at random (--num_random)
  gradts            candidates in the order of tau (--rule paper: the first trial is the primary task alone)
  gradts-instances  instances of all candidates whose own heads agree with the primary task's; the threshold is chosen on
                    --selection_share of the training rows
  autosem           tasks by Thompson sampling, then their mixing ratio by a Gaussian process (after AutoSeM)

Validation scores choose; the test set of the primary task is scored once for what was chosen. Classification, regression and
labelling of tokens mix freely. Tasks are [NAME=]CORPUS[/CONFIGURATION][@FOLDER]; each has --max_train_rows rows.

Writes under --output_dir: results.json, taus.png (mean Kendall correlations of all tasks), and for every seed the importance of
heads of every task and the trials, which a run with --resume does not make again.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --primary cola --max_train_rows 2000 --data_dir data --output_dir runs/cola
  {command} --primary wnut17,cola --tasks wnut17,cola,sst2,pos=ud/en_ewt --selections single gradts all --num_seeds 3
"""


@dataclass
class SelectTasksArguments(TaskArguments):
    """Which tasks, how their heads are scored and what is tried; the help of every field says what it is."""

    preset: str | None = field(
        default=None, metadata={"help": "settings to start from: gradts (the paper's); see above"}
    )
    primary: str = field(default="cola", metadata={"help": "tasks whose score counts, one after the other"})
    tasks: str = field(default=TASKS, metadata={"help": "all tasks, with commas between them"})
    selections: list[str] = field(
        default_factory=lambda: list(SELECTIONS), metadata={"choices": list(SELECTIONS), "help": "what is compared"}
    )
    method: str = field(default="gate", metadata={"choices": list(get_args(Method)), "help": "how heads are scored"})
    normalize: str = field(default="l1", metadata={"choices": ["l1", "l2", "none"], "help": "norm of every layer"})
    rank_on: str = field(
        default="train",
        metadata={
            "choices": ["train", "validation"],
            "help": "rows to score heads on: train (GradTS), validation (ACL 2021)",
        },
    )
    rank_epochs: float | None = field(
        default=None,
        metadata={"help": "epochs of the fine-tuning that heads are scored after; default: --num_train_epochs"},
    )
    rule: str = field(
        default="paper",
        metadata={
            "choices": list(RULES),
            "help": "paper: the primary task alone is the first trial; repository: as the authors' code does, it is never compared",
        },
    )
    cache_dir: str | None = field(
        default=None,
        metadata={
            "help": "folder of trainings and measured heads, which runs may share: with more tasks, or other primary ones, only what "
            "is new is trained; default: trainings/ in --output_dir"
        },
    )
    num_random: int = field(default=3, metadata={"help": "random sets of tasks"})
    usage: list[float] = field(
        default_factory=lambda: [0.3, 0.5, 0.7, 0.9],
        metadata={"help": "gradts-instances: shares of the candidates' instances to keep; each gives a threshold"},
    )
    selection_share: float = field(
        default=0.1, metadata={"help": "share of the training rows that the threshold is chosen on (paper: 0.1)"}
    )
    selection_seed: int = field(default=42, metadata={"help": "which rows these are (paper: 42), and of all draws"})
    autosem_rounds: int = field(default=20, metadata={"help": "autosem: rounds of Thompson sampling"})
    autosem_steps: int = field(default=4, metadata={"help": "autosem: training steps of a round"})
    autosem_tasks: int = field(default=2, metadata={"help": "autosem: auxiliary tasks that it keeps"})
    autosem_trials: int = field(default=6, metadata={"help": "autosem: mixing ratios that are tried"})

    @property
    def primaries(self) -> list[str]:
        """The tasks whose score counts."""
        return names_in(self.primary, "primary")

    @property
    def task_names(self) -> list[str]:
        """All tasks, as they were given."""
        return names_in(self.tasks, "tasks")


def check(script: SelectTasksArguments) -> None:
    """Refuse options that contradict one another.

    Raises:
        UsageError: see above.
    """
    check_task_arguments(script)
    for name, least in (
        ("num_random", 1),
        ("autosem_rounds", 1),
        ("autosem_steps", 1),
        ("autosem_tasks", 1),
        ("autosem_trials", 1),
        ("selection_seed", 0),
    ):
        if getattr(script, name) < least:
            raise UsageError(f"`{name}` must be at least {least}, got {getattr(script, name)}.")
    if not script.usage or not all(0 < share <= 1 for share in script.usage):
        raise UsageError(f"`usage` must list shares above 0 and at most 1, got {script.usage}.")
    if not 0 < script.selection_share <= 1:
        raise UsageError(f"`selection_share` must be above 0 and at most 1, got {script.selection_share}.")
    if script.rank_epochs is not None and script.rank_epochs <= 0:
        raise UsageError(f"`rank_epochs` must be above 0, got {script.rank_epochs}.")
    if len(script.task_names) < 2:
        raise UsageError(f"`tasks` must name at least two tasks, got {script.tasks!r}.")
    if not script.selections or len(set(script.selections)) < len(script.selections):
        raise UsageError(f"`selections` must be different, at least one; got {script.selections}.")
    _ = script.primaries


def parse(
    argv: Sequence[str] | None, *, command: str = COMMAND
) -> tuple[SelectTasksArguments, RelationTrainingArguments]:
    """Read the command line of the run.

    Raises:
        UsageError: an option has a wrong value, or options contradict one another.
    """
    script, args = parse_run(
        SelectTasksArguments,
        METHOD,
        argv,
        command=command,
        description=DESCRIPTION,
        defaults=DEFAULTS,
        check=check,
    )
    check_task_arguments(script, args.world_size)
    return script, args
