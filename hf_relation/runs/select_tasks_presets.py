"""Values of the presets of runs that select auxiliary tasks."""

from __future__ import annotations

from typing import Any


# Ma et al., "GradTS", EMNLP 2021; optimisation and lengths from the authors' MT-DNN settings. Batches of 4 x 4 accumulated.
GRADTS: dict[str, Any] = {
    "num_train_epochs": 7,
    "learning_rate": 5e-5,
    "optim": "adamw_torch",  # code: Adamax
    "batch_size": 16,
    "warmup_steps": 0.1,
    "max_grad_norm": 1.0,
    "max_length": 512,
    "text_embedding": "pooler",
    "head_dropout": 0.1,
    "rank_on": "train",  # paper, section 3.1
    "rank_epochs": 3,
    "method": "gate",
    "normalize": "l1",
    "selection_share": 0.1,  # paper, footnote 3
    "selection_seed": 42,
}
