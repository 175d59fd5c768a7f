"""Values of KernelRE's presets: the paper's, and those for MiniLM."""

from __future__ import annotations

from typing import Any


# "Paper": Li and Tian, "Downstream Model Design of Pre-trained Language Model for Relation Extraction Task", 2020. "Code": what
# its authors published, which departs from the paper in places.
KERNEL_RE: dict[str, Any] = {
    "marker_policy": "none",
    "kernel_rank": None,  # paper, equation 4: full rank
    "head_layer": -2,  # paper, section 3.1
    "tail_layer": -1,
    "text_embedding": "cls",  # paper, equation 2; code: pooler
    "scale_scores": False,  # code: true
    "projection_bias": False,  # code: true
    "relation_bias": False,
    "loss": "cells",  # paper, equations 8 and 9
    "normalizer": "positives",  # paper, equation 9; code: mask
    "relation_reduction": "sum",  # paper, equation 10; code: mean
    "mask": "all_pairs",  # paper, equation 6; code: labelled_pairs
    "positive_weight": 1.0,
    "state_dropout": 0.0,
    "batch_size": 20,  # paper, table 1: 64 for SemEval, 20 for NYT and WebNLG
    "learning_rate": 3e-5,  # paper, table 1: 3e-5 for SemEval and WebNLG, 5e-5 for NYT
    "num_train_epochs": 30,  # paper, table 1: 50, 10, 30
    "weight_decay": 1e-5,  # code
    "warmup_steps": 300,  # code
    "lr_scheduler_type": "constant_with_warmup",  # code
    "max_length": 512,  # paper, table 1; 100 for NYT
    "thresholds": "default",  # paper: 0.5
    "calibration": "none",
}

# Tried on validation sentences of SemEval-2010 Task 8 and WebNLG, not searched; see docs/benchmarks.md.
KERNEL_RE_MINILM: dict[str, Any] = {
    "marker_policy": "entity",
    "kernel_rank": 64,
    "text_embedding": "cls",
    "scale_scores": True,
    "relation_bias": True,
    "loss": "pairs",
    "normalizer": "none",
    "relation_reduction": "sum",
    "state_dropout": 0.1,
    "batch_size": 20,
    "learning_rate": 1e-4,
    "head_learning_rate": 1e-3,
    "num_train_epochs": 5,
    "trainable": "last_n",  # the embeddings and the first two layers stay, which saves a third of the time
    "trainable_layers": 4,
    "weight_decay": 0.01,
    "warmup_steps": 0.1,
    "lr_scheduler_type": "linear",
    "max_length": 256,
}
