"""What a fine-tuning run of pair classifiers is told on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.models.pair_classification.configuration_pair_classification import COMBINATIONS, KINDS, TEXTS
from hf_relation.runs.extraction_arguments import ExtractionDataArguments, check_data_options
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.training import RelationTrainingArguments


COMMAND = "python examples/finetune_relation.py"
METHOD = "pair-classification"
#: The encoder a run starts from where none is named.
BASE = "base"
DESCRIPTION = """Fine-tune a classifier of entity pairs on all or a small share of a corpus, from one encoder or several to compare.

For every training seed, every encoder and every share of the training texts: draw the share (in proportion to the relations; the seed
decides which, the same for all encoders, a smaller share within a larger one), train, and score the test once with the weights of the
last epoch. Sentences (SemEval, TACRED, wiki80) get one relation or none, by a softmax with a class of its own for "no relation";
documents (Re-DocRED, ...) any number of relations for every pair of entities, by one threshold chosen on the validation documents.
Prints micro, macro and weighted F1 over the relations ("no relation" is none of them), and for documents Ign F1, which leaves out
facts that the training documents state; writes under --output_dir results.json and for every seed, encoder and share a checkpoint.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --preset pair-classification-minilm --dataset semeval --data_dir data --train_shares 0.01 0.1 1 --output_dir runs/semeval
  {command} --preset pair-classification-minilm --dataset wiki80 --train_shares 0.01 \\
      --encoders base finecl=runs/finecl/seed-42 --num_seeds 5 --output_dir runs/wiki80
  {command} --dataset jsonl --train_file train.jsonl --test_file test.jsonl --encoders roberta-base --output_dir runs/mine
"""

# Where the defaults of this run differ from those of the dataclasses; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/pair-classification",
    "num_train_epochs": 8,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "eval_strategy": "no",
    "save_strategy": "steps",
    "save_steps": 500,
    "metric_for_best_model": "f1",
    "optim": "adamw_torch_fused",
    "eval_dtype": "float32",
    "bf16": False,
}


@dataclass
class PairClassificationArguments(ExtractionDataArguments):
    """What to train on, what to start from and how to learn; the help of every field says what it is."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of(METHOD))}; see above"}
    )
    encoders: list[str] = field(
        default_factory=lambda: [BASE],
        metadata={
            "help": "encoders to start from, each a folder or Hub id, with a name for tables and folders if wanted (NAME=FOLDER); folders "
            "of pre-trained FineCL models among them; base: the MiniLM-L6 base encoder"
        },
    )
    train_shares: list[float] = field(
        default_factory=lambda: [1.0],
        metadata={"help": "shares of the training texts to train on, each in (0, 1], e.g. 0.01 0.1 1"},
    )
    share_epochs: list[int] = field(
        default_factory=list,
        metadata={"help": "epochs for each of --train_shares; default: --num_train_epochs for all"},
    )
    kind: str = field(
        default="auto",
        metadata={
            "choices": ["auto", *KINDS],
            "help": "single_label: one relation or none for a pair; multi_label: any number; auto: single_label where every text has one "
            "marked pair with at most one relation",
        },
    )
    marker_policy: str = field(
        default="entity",
        metadata={
            "choices": ["none", "entity", "typed"],
            "help": "marker tokens around every mention; typed: with the types that the training data have",
        },
    )
    max_length: int | None = field(
        default=None, metadata={"help": "longest input in tokens; longer texts are cut into windows"}
    )
    batch_size: int = field(default=16, metadata={"help": "texts of a batch, in every process"})
    combination: str = field(
        default="linear",
        metadata={"choices": list(COMBINATIONS), "help": "of head and tail: a layer over both, or a form a relation"},
    )
    text: str = field(
        default="none", metadata={"choices": list(TEXTS), "help": "what of the text is added to the pair"}
    )
    hidden_dim: int | None = field(default=None, metadata={"help": "width of a layer in front of the classes"})
    dropout: float = field(default=0.1, metadata={"help": "of the pair's representation"})
    positive_weight: float = field(
        default=1.0, metadata={"help": "with multi_label: what a relation that holds counts in the loss"}
    )
    keep_models: bool = field(
        default=True, metadata={"help": "keep the weights of every classifier; without, only its figures"}
    )
    num_seeds: int = field(default=5, metadata={"help": "training seeds: --seed, --seed + 1, ..."})
    num_threads: int | None = field(default=None, metadata={"help": "CPU threads; default: what torch takes"})
    resume: bool = field(
        default=False,
        metadata={"help": "keep what is finished and go on from the last complete checkpoint of the others"},
    )
    overwrite: bool = field(
        default=False,
        metadata={"help": "delete the run that --output_dir holds (results.json and the folders seed-N)"},
    )

    @property
    def starts(self) -> dict[str, str | None]:
        """Encoders by name; `None` for the base encoder.

        Raises:
            UsageError: two have one name.
        """
        found: dict[str, str | None] = {}
        for each in self.encoders:
            name, equals, place = each.partition("=")
            if not equals:
                name, place = each.rstrip("/").rsplit("/", 1)[-1], each
            if not name or not place or name in found or "/" in name or name.startswith("."):
                raise UsageError(
                    f"`--encoders`: {each!r} needs a name of its own, without slashes: NAME=FOLDER_OR_HUB_ID."
                )
            found[name] = None if place == BASE else place
        return found

    def epochs_of(self, share: float, default: float) -> float:
        """How many epochs a share of the training texts is trained for."""
        return self.share_epochs[self.train_shares.index(share)] if self.share_epochs else default


def check(script: PairClassificationArguments) -> None:
    """Refuse options that contradict one another.

    Raises:
        UsageError: they do; the message says which.
    """
    check_data_options(script)
    if not script.starts:
        raise UsageError("`--encoders` names none.")
    for share in script.train_shares:
        if not 0 < share <= 1:
            raise UsageError(f"`--train_shares` must be in (0, 1], got {share}.")
    if not script.train_shares or len(set(script.train_shares)) < len(script.train_shares):
        raise UsageError(f"`--train_shares` must be one share or several different ones, got {script.train_shares}.")
    if script.share_epochs and len(script.share_epochs) != len(script.train_shares):
        raise UsageError(
            f"`--share_epochs` must have one number for each of the {len(script.train_shares)} `--train_shares`, got "
            f"{len(script.share_epochs)}."
        )
    if any(epochs < 1 for epochs in script.share_epochs):
        raise UsageError(f"`--share_epochs` must be at least 1, got {script.share_epochs}.")
    if script.batch_size < 1:
        raise UsageError(f"`--batch_size` must be at least 1, got {script.batch_size}.")


def parse(
    argv: Sequence[str] | None, *, command: str = COMMAND
) -> tuple[PairClassificationArguments, RelationTrainingArguments]:
    """Read the command line; see [`~hf_relation.runs.parsing.parse_run`]."""
    return parse_run(
        PairClassificationArguments,
        METHOD,
        argv,
        command=command,
        description=DESCRIPTION,
        defaults=DEFAULTS,
        check=check,
    )
