"""Options of runs whose labels may be wrong: when a classifier learned them, and what that makes them weigh."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hf_relation.errors import UsageError
from hf_relation.training.learning_order import RECORDS


AUTO = "auto"


@dataclass
class LearningOrderArguments:
    """Where the learning order of the training labels comes from, and how it weighs them; the help of every field says what it is."""

    learning_order: str | None = field(
        default=None,
        metadata={
            "help": "weigh training instances by when a classifier learned their labels, for labels that may be wrong: 'auto' (train "
            "that classifier first, on the training instances of this run) or a JSONL file of them with the column "
            "learning_order; default: all weigh the same"
        },
    )
    learning_order_epochs: int = field(default=5, metadata={"help": "epochs of that classifier, with 'auto'"})
    learning_order_record: str = field(
        default="epoch",
        metadata={
            "choices": list(RECORDS),
            "help": "with 'auto': look at the labels while training (batch; at no cost) or after every epoch (epoch)",
        },
    )
    learning_order_learning_rate: float = field(default=1e-4, metadata={"help": "of that classifier, with 'auto'"})
    learning_order_batch_size: int = field(default=32, metadata={"help": "of that classifier, with 'auto'"})
    learning_order_alpha: float = field(
        default=math.e, metadata={"help": "weight of what was learned first; what was learned last weighs 1"}
    )
    learning_order_never_weight: float | None = field(
        default=None,
        metadata={
            "help": "weight of what was never learned, above 0; default: as what was learned last, 1, so that it counts 1/alpha of "
            "what was learned first; 0.1, say, keeps most of what is wrong out"
        },
    )


def check_learning_order(script: LearningOrderArguments) -> None:
    """Find what is wrong with the options.

    Raises:
        UsageError: a value out of range.
    """
    for name in ("epochs", "batch_size"):
        if getattr(script, f"learning_order_{name}") < 1:
            raise UsageError(f"`--learning_order_{name}` must be at least 1.")
    for name in ("learning_rate", "alpha", "never_weight"):
        value = getattr(script, f"learning_order_{name}")
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"`--learning_order_{name}` must be a finite number above 0, got {value}.")
