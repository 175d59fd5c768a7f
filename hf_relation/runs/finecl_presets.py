"""Values of FineCL's presets and of those of its fine-tuning: the paper's, and those for MiniLM."""

from __future__ import annotations

import math
from typing import Any


# "Paper": Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022. "Code": what its authors
# published, which departs from the paper in places.
FINECL: dict[str, Any] = {
    "marker_policy": "none",
    "record": "batch",  # paper, figure 2
    "order_epochs": 15,  # paper, table 6
    "order_learning_rate": 4e-5,  # code
    "order_batch_size": 32,  # code
    "alpha": math.e,  # code
    "late_from": None,  # code: 5
    "weighted_positive": True,  # paper, equation 5; code: false
    "num_negatives": None,  # paper: all; code: 64
    "reduction": "sum",  # paper
    "temperature": 0.05,  # code
    "mask_share": 0.15,  # code
    "batch_size": 16,  # code, times 16 accumulated batches on three GPUs
    "gradient_accumulation_steps": 16,
    "learning_rate": 3e-5,  # code
    "warmup_steps": 500,  # code
    "max_steps": 6000,  # code: the checkpoint that was used
    "weight_decay": 1e-5,  # code
    "max_length": 512,
}

# Tried on validation sentences of wiki80 and SemEval-2010 Task 8 and by the time they take, not searched; see docs/benchmarks.md.
FINECL_MINILM: dict[str, Any] = {
    "marker_policy": "none",
    "record": "batch",
    "order_epochs": 5,
    "order_learning_rate": 1e-4,
    "order_head_learning_rate": 1e-2,
    "order_batch_size": 8,
    "reduction": "anchors",
    "mlm_weight": 0.1,  # its head is new: sentence encoders have none
    "batch_size": 8,
    "learning_rate": 1e-4,
    "num_train_epochs": 12,
    "warmup_steps": 0.1,
    "max_length": 512,
}

# Code; the document classifier takes 200 epochs there.
PAIR_CLASSIFICATION: dict[str, Any] = {
    "marker_policy": "entity",
    "learning_rate": 1e-5,
    "batch_size": 2,
    "train_shares": [0.01, 0.1, 1.0],
    "share_epochs": [50, 20, 8],
}

# Tried on validation sentences of wiki80 and SemEval-2010 Task 8 with the base encoder, not searched; see docs/benchmarks.md.
PAIR_CLASSIFICATION_MINILM: dict[str, Any] = {
    "marker_policy": "none",
    "learning_rate": 1e-4,
    "head_learning_rate": 1e-3,
    "trainable": "last_n",
    "trainable_layers": 4,
    "batch_size": 16,
    "max_length": 512,
    "train_shares": [0.01, 0.1, 1.0],
    "share_epochs": [20, 6, 2],
}
