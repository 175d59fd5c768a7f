"""What a run that prunes attention heads is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from hf_relation.errors import UsageError
from hf_relation.heads.result import Method
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.task_arguments import TASK_DEFAULTS, TaskArguments, check_task_arguments, names_in
from hf_relation.runs.task_data import LANGUAGES
from hf_relation.selection.pruning_result import RANKINGS
from hf_relation.selection.trials import STOPS
from hf_relation.training import RelationTrainingArguments


COMMAND = "python examples/prune_heads.py"
METHOD = "prune-heads"
DEFAULTS: dict[str, Any] = {**TASK_DEFAULTS, "output_dir": "runs/prune-heads"}
SETTINGS_OF_TRAINING = ("cross-lingual", "multi-lingual")
COMBINATIONS = ("merge", "sum", "each")
DESCRIPTION = """Rank the attention heads of a fine-tuned encoder, prune the least important ones, and see what that does to every language.

For every training seed: fine-tune on the source languages, score all heads by one backward pass over their development sets,
prune the lowest heads one after another as long as the score on the development set does not fall (at most --max_heads), and
score every target language's test set before and after. Test sets choose nothing.

  --setting cross-lingual   train on the sources, search on their development sets, test on every target
  --setting multi-lingual   for every target, train on the sources and the target, search on the target's development set (the
                            ranking is still the sources'); targets without training rows are left out, which is said
  --combine                 several sources: merge their rows before ranking, sum their matrices, or try the ranking of each
  --rankings                as controls also prune the highest heads first, or random ones
  --retrain true            fine-tune anew at every step, with the heads gone (paper); else mask heads of the one fine-tuned model
  --curve 6 12 24           also score the test sets with so many heads masked, in every order, without training

Languages of --task pos: {pos}; ner: {ner}; slots: {slots}. Anything else as [NAME=]CORPUS[/CONFIGURATION][@FOLDER]:
cola, sst2, wnli, qnli, stsb, meld (with --task text), wnut17/ner for the types as published, or your own slot files
(train, valid and test, a token and its IOB tag on each line) as de=conll_slots@atis/de.

Writes under --output_dir: results.json (all figures), importance_*.json and .png (heads of every source and seed), figures, and
for every seed the unpruned and the pruned model.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{{presets}}

Examples:
  {{command}} --task pos --source en --targets de,zh,ja --model google-bert/bert-base-multilingual-cased --preset acl2021
  {{command}} --task ner --source wnut17/ner --rankings lowest random highest --curve 6 12 18 24 30 36
  {{command}} --task slots --source en --output_dir runs/slots
"""


@dataclass
class PruneHeadsArguments(TaskArguments):
    """What to rank for, what to prune and how to search; the help of every field says what it is."""

    preset: str | None = field(
        default=None, metadata={"help": "settings to start from: acl2021 (the paper's); see above"}
    )
    task: str = field(
        default="pos",
        metadata={
            "choices": list(LANGUAGES),
            "help": "pos: parts of speech; ner: named entities, with types other than PER, ORG and LOC as MISC; slots; text: classes "
            "of texts",
        },
    )
    source: str = field(default="en", metadata={"help": "languages to rank heads on, with commas between them"})
    targets: str | None = field(
        default=None, metadata={"help": "languages to test on, with commas between them; default: the sources"}
    )
    setting: str = field(
        default="cross-lingual", metadata={"choices": list(SETTINGS_OF_TRAINING), "help": "see above"}
    )
    combine: str = field(default="merge", metadata={"choices": list(COMBINATIONS), "help": "see above"})
    method: str = field(
        default="gate", metadata={"choices": list(get_args(Method)), "help": "how heads are scored; see docs"}
    )
    normalize: str = field(default="l1", metadata={"choices": ["l1", "l2", "none"], "help": "norm of every layer"})
    rank_on: str = field(
        default="validation",
        metadata={
            "choices": ["validation", "train"],
            "help": "rows to rank on: validation (ACL 2021), train (GradTS)",
        },
    )
    rankings: list[str] = field(
        default_factory=lambda: ["lowest"],
        metadata={"choices": list(RANKINGS), "help": "which heads go first; several for controls"},
    )
    retrain: bool = field(default=False, metadata={"help": "fine-tune anew at every step of the search"})
    stop: str = field(
        default="first_drop",
        metadata={
            "choices": list(STOPS),
            "help": "first_drop: stop when the score falls; best: try all numbers of heads and keep the best (optimistic)",
        },
    )
    max_heads: int = field(default=12, metadata={"help": "prune no more than so many"})
    curve: list[int] = field(
        default_factory=list, metadata={"help": "numbers of masked heads at which the test sets are scored"}
    )
    save_models: bool = field(default=True, metadata={"help": "keep the unpruned and the pruned model of every seed"})

    @property
    def sources(self) -> list[str]:
        """The languages to rank heads on."""
        return names_in(self.source, "source")

    @property
    def target_names(self) -> list[str]:
        """The languages to test on."""
        return self.sources if self.targets is None else names_in(self.targets, "targets")


def check(script: PruneHeadsArguments) -> None:
    """Refuse options that contradict one another.

    Raises:
        UsageError: see above.
    """
    check_task_arguments(script)
    if script.max_heads < 1:
        raise UsageError(f"`max_heads` must be at least 1, got {script.max_heads}.")
    if any(number < 1 for number in script.curve):
        raise UsageError(f"`curve` must list numbers of heads of at least 1, got {script.curve}.")
    if not script.rankings or len(set(script.rankings)) < len(script.rankings):
        raise UsageError(f"`rankings` must be different, at least one; got {script.rankings}.")
    if script.combine != "merge" and len(script.sources) < 2:
        raise UsageError(f"--combine {script.combine} is for several sources, got {script.source!r}.")
    _ = script.target_names


def parse(
    argv: Sequence[str] | None, *, command: str = COMMAND
) -> tuple[PruneHeadsArguments, RelationTrainingArguments]:
    """Read the command line of the run.

    Raises:
        UsageError: an option has a wrong value, or options contradict one another.
    """
    languages = {task: ", ".join(known) for task, known in LANGUAGES.items()}
    script, args = parse_run(
        PruneHeadsArguments,
        METHOD,
        argv,
        command=command,
        description=DESCRIPTION.format(**languages),
        defaults=DEFAULTS,
        check=check,
    )
    check_task_arguments(script, args.world_size)
    return script, args
