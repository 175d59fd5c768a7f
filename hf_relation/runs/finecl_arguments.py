"""What a FineCL pre-training run is told on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.data.distant import MATCHES
from hf_relation.errors import UsageError
from hf_relation.losses.relation_discrimination import REDUCTIONS
from hf_relation.runs.parsing import parse_run
from hf_relation.runs.presets import presets_of
from hf_relation.training import RelationTrainingArguments
from hf_relation.training.learning_order import RECORDS


COMMAND = "python examples/pretrain_finecl.py"
METHOD = "finecl"
CORPORA = ("redocred", "fewrel", "webnlg", "nyt_triples", "semeval", "tacred")
EVALUATION_CORPORA = ("fewrel", "wiki80", "semeval", "tacred")
OBJECTIVES = ("finecl", "contrastive", "wcl", "mlm")
DESCRIPTION = """Pre-train an encoder on documents whose relation labels may be wrong.

Stage 1 trains a classifier on the labels and records for each of them the first epoch at which it was predicted: right ones mostly come
before wrong ones. Stage 2 pre-trains the encoder: relation discrimination, in which labels weigh by how early they were learned, entity
discrimination and masked words. Writes under --output_dir, for every seed, the pre-trained model (an encoder for --encoders of
examples/finetune_relation.py, and for --model_name_or_path of train_more.py, train_rocore.py and train_kernel_re.py),
learning_order.jsonl (the documents with the column `learning_order`), the learned-per-epoch curve, and results.json.

Objectives: finecl; contrastive: all labels weigh the same, no stage 1; wcl: relation discrimination alone with labels weighed by the
probability that a classifier trained on clean documents gives them (after Wan et al., 2023), and masked words; mlm: masked words alone.

Presets set the defaults, and any option given wins over them (--preset NAME --help shows them in place):
{presets}

Examples:
  {command} --preset finecl-minilm --corpora redocred --data_dir data --apart_from wiki80 semeval --output_dir runs/finecl
  {command} --preset finecl-minilm --train_file documents.jsonl --facts facts.tsv --output_dir runs/mine
  {command} --preset finecl-minilm --corpora redocred --objective contrastive --output_dir runs/contrastive
"""

# Where the defaults of this run differ from those of the dataclasses; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/finecl",
    "num_train_epochs": 10,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    # No epoch is chosen: of a single checkpoint that is kept, the best one would else be kept, and not the last.
    "metric_for_best_model": None,
    "optim": "adamw_torch_fused",
    "eval_dtype": "float32",
    "bf16": False,
}


@dataclass
class FineCLArguments:
    """What to train on, what to start from and how to learn; the help of every field says what it is."""

    preset: str | None = field(
        default=None, metadata={"help": f"settings to start from: {', '.join(presets_of(METHOD))}; see above"}
    )
    objective: str = field(default="finecl", metadata={"choices": list(OBJECTIVES), "help": "see above"})
    corpora: list[str] = field(
        default_factory=list,
        metadata={
            "help": f"corpora to train on: {', '.join(CORPORA)}. redocred: its training part as examples/finetune_relation.py splits it; "
            "fewrel: the known relations"
        },
    )
    data_dir: str | None = field(default=None, metadata={"help": "folder of the corpora; default: $HF_RELATION_DATA"})
    train_file: list[str] = field(
        default_factory=list,
        metadata={"help": "JSONL files of documents or instances to train on, beside or instead of --corpora"},
    )
    facts: str | None = field(
        default=None,
        metadata={
            "help": "file of facts (head, relation and tail with tabs between): the training texts are labelled by it, and labels that "
            "they have are left out (distant supervision)"
        },
    )
    match: str = field(default="name", metadata={"choices": list(MATCHES), "help": "what of an entity --facts names"})
    apart_from: list[str] = field(
        default_factory=list,
        metadata={
            "help": f"corpora to evaluate on later ({', '.join(EVALUATION_CORPORA)}): training texts that share a sentence with any part of "
            "them are left out"
        },
    )
    apart_from_file: list[str] = field(default_factory=list, metadata={"help": "the same for JSONL files of your own"})
    test_share: float = field(
        default=0.2,
        metadata={"help": "of redocred, where it has no part to score on: the share that is left out here"},
    )
    validation_share: float = field(
        default=0.1, metadata={"help": "share of the training texts set aside, whose losses are shown"}
    )
    split_seed: int = field(default=0, metadata={"help": "which texts these are; the same for all training seeds"})
    max_train_documents: int | None = field(default=None, metadata={"help": "train on this many texts at most"})
    label_noise: float = field(
        default=0.0,
        metadata={"help": "share of the labels that are replaced by another relation, to try what denoising does"},
    )
    label_noise_seed: int = field(default=0, metadata={"help": "which labels these are"})
    clean_share: float = field(
        default=0.1,
        metadata={
            "help": "with wcl: share of the training texts held to be clean, to which --label_noise does nothing"
        },
    )
    model_name_or_path: str | None = field(
        default=None, metadata={"help": "encoder to start from: folder or Hub id; default: the MiniLM-L6 base encoder"}
    )
    marker_policy: str = field(
        default="none",
        metadata={"choices": ["none", "entity"], "help": "marker tokens around every mention; none: paper"},
    )
    max_length: int | None = field(
        default=None, metadata={"help": "longest input in tokens; longer texts are cut into windows"}
    )
    batch_size: int = field(default=16, metadata={"help": "texts of a batch, in every process"})
    max_pairs: int = field(default=64, metadata={"help": "most labelled pairs of a text; of more, so many are drawn"})
    na_pairs: int = field(
        default=0, metadata={"help": 'pairs without a relation of every text, as class "no relation"'}
    )
    mask_share: float = field(default=0.15, metadata={"help": "share of the words outside mentions that are masked"})
    record: str = field(
        default="batch",
        metadata={
            "choices": list(RECORDS),
            "help": "learning order from the batches of training, or from a pass after every epoch",
        },
    )
    order_file: str | None = field(
        default=None, metadata={"help": "learning_order.jsonl of an earlier run on the same texts, instead of stage 1"}
    )
    order_epochs: int = field(default=15, metadata={"help": "epochs of stage 1"})
    order_until: int | None = field(
        default=None,
        metadata={"help": "use so many epochs of the learning order: what was learned later was never learned"},
    )
    order_learning_rate: float = field(default=4e-5, metadata={"help": "learning rate of stage 1"})
    order_head_learning_rate: float | None = field(default=None, metadata={"help": "of its classifier, if another"})
    order_batch_size: int = field(default=32, metadata={"help": "texts of a batch of stage 1"})
    alpha: float = field(
        default=math.e, metadata={"help": "weight of labels that were learned first; learned last: 1"}
    )
    late_from: int | None = field(
        default=None,
        metadata={"help": "labels learned in this epoch or later count as learned last (5 in the authors' code)"},
    )
    never_weight: float | None = field(default=None, metadata={"help": "weight of labels never learned; default: 1"})
    temperature: float = field(default=0.05, metadata={"help": "of both contrastive losses"})
    weighted_positive: bool = field(
        default=True, metadata={"help": "weigh the positive in the denominator as well (paper); false: authors' code"}
    )
    num_negatives: int | None = field(
        default=None, metadata={"help": "negatives drawn for every pair; default: all (64 in the authors' code)"}
    )
    skip_shared_entities: bool = field(
        default=False, metadata={"help": "pairs of one text that share an entity do not meet (authors' code)"}
    )
    reduction: str = field(
        default="mean",
        metadata={"choices": list(REDUCTIONS), "help": "of the contrastive losses over pairs; sum: paper"},
    )
    entity_weight: float = field(default=1.0, metadata={"help": "weight of entity discrimination"})
    relation_weight: float = field(default=1.0, metadata={"help": "weight of relation discrimination"})
    mlm_weight: float = field(default=1.0, metadata={"help": "weight of masked language modelling"})
    num_seeds: int = field(default=1, metadata={"help": "training seeds: --seed, --seed + 1, ..."})
    num_threads: int | None = field(default=None, metadata={"help": "CPU threads; default: what torch takes"})
    plots: bool = field(
        default=True, metadata={"help": "write PNG figures, where matplotlib (extra viz) is installed"}
    )
    resume: bool = field(
        default=False, metadata={"help": "keep finished seeds and stages and go on from the last complete checkpoint"}
    )
    overwrite: bool = field(
        default=False,
        metadata={"help": "delete the run that --output_dir holds (results.json and the folders seed-N)"},
    )

    @property
    def needs_order(self) -> bool:
        """Whether labels are weighed by their learning order."""
        return self.objective == "finecl"


def check(script: FineCLArguments) -> None:
    """Refuse options that contradict one another.

    Raises:
        UsageError: they do; the message says which.
    """
    if not script.corpora and not script.train_file:
        raise UsageError("There is nothing to train on: give --corpora or --train_file.")
    for name, given, allowed in (
        ("corpora", script.corpora, CORPORA),
        ("apart_from", script.apart_from, EVALUATION_CORPORA),
    ):
        unknown = [each for each in given if each not in allowed]
        if unknown:
            raise UsageError(f"`--{name}` {unknown[0]!r} is none of {', '.join(allowed)}.")
    for name in ("validation_share", "test_share", "clean_share"):
        if not 0 < getattr(script, name) < 1:
            raise UsageError(f"`--{name}` must be between 0 and 1, got {getattr(script, name)}.")
    if not 0 <= script.label_noise <= 1:
        raise UsageError(f"`--label_noise` must be in [0, 1], got {script.label_noise}.")
    for name in ("batch_size", "max_pairs", "order_epochs", "order_batch_size"):
        if getattr(script, name) < 1:
            raise UsageError(f"`--{name}` must be at least 1, got {getattr(script, name)}.")
    if script.order_until is not None and not 1 <= script.order_until <= script.order_epochs:
        raise UsageError(
            f"`--order_until` must be from 1 to --order_epochs ({script.order_epochs}), got {script.order_until}."
        )
    if script.order_file is not None and not script.needs_order:
        raise UsageError(f"`--order_file` is for --objective finecl; {script.objective} has no learning order.")
    if script.na_pairs < 0:
        raise UsageError(f"`--na_pairs` must be at least 0, got {script.na_pairs}.")


def parse(argv: Sequence[str] | None, *, command: str = COMMAND) -> tuple[FineCLArguments, RelationTrainingArguments]:
    """Read the command line; see [`~hf_relation.runs.parsing.parse_run`]."""
    return parse_run(
        FineCLArguments, METHOD, argv, command=command, description=DESCRIPTION, defaults=DEFAULTS, check=check
    )


def model_settings(script: FineCLArguments) -> dict[str, Any]:
    """The options that are fields of [`~hf_relation.FineCLConfig`], as the objective has them."""
    names = (
        "alpha late_from never_weight temperature weighted_positive num_negatives skip_shared_entities reduction entity_weight "
        "relation_weight mlm_weight"
    )
    found = {name: getattr(script, name) for name in names.split()}
    if script.objective == "contrastive":
        found |= {"alpha": 1.0, "late_from": None, "never_weight": None}
    elif script.objective == "wcl":
        found["entity_weight"] = 0.0
    elif script.objective == "mlm":
        found |= {"entity_weight": 0.0, "relation_weight": 0.0}
    return found
