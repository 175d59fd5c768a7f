"""Values of Siamese-URE's presets: the paper's, and those for MiniLM."""

from __future__ import annotations

from typing import Any


# "Paper": Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction", ECAI 2023. "Code": what its
# authors published, which departs from the paper in places.
SIAMESE_URE: dict[str, Any] = {
    "marker_policy": "entity",  # paper, equation 1: typed; give --marker_policy typed where the data has types
    "pooling": ["head_marker", "tail_marker"],  # paper, equation 3
    "normalize_blocks": False,
    "layer": -1,
    "max_length": 128,  # code
    "dropout": 0.1,  # paper, table 1
    "predictor_dim": 512,  # code
    "batch_size": 64,  # paper, table 1; code: 10
    "warmup_epochs": 5,  # paper, table 1; code: 6
    "num_train_epochs": 20,  # code
    "neighbors": 20,  # paper, table 1; code: 30
    "neighbors_per_step": None,  # paper, equation 7: all; code: one, drawn at random
    "cluster_loss": "scan",  # paper, equation 7; code: neighbor_cosine, with weight 1
    "cluster_weight": 0.5,  # paper, table 1
    "entropy_weight": 1.0,  # the paper does not give it
    "over_neighbors": "sum",  # paper, equation 7
    "init_clusters": "random",
    "num_clusters": "10",  # paper, section 3.3: ten super-classes
    "optim": "sgd",  # paper, table 1
    "optim_args": "momentum=0.9",  # paper, table 1
    "learning_rate": 1e-5,  # paper, table 1
    "weight_decay": 1e-4,  # paper, table 1
    "lr_scheduler_type": "cosine",  # code; but for the predictor, whose rate is constant there
    "warmup_steps": 0,
    "max_grad_norm": 0.0,  # neither paper nor code clips gradients
    "ema_decay": 0.0,  # neither averages weights
    "bf16": False,  # the code computes in float32
    "algorithm": "kmeans",  # paper, section 2
    "variant": "plain",  # embeddings are clustered as they are
}

# Chosen on known relations of FewRel in the place of unlabelled ones (--novel held-out); see docs/benchmarks.md.
SIAMESE_URE_MINILM: dict[str, Any] = {
    "marker_policy": "none",  # new markers blur what the encoder knows, and no label would teach it to use them
    "pooling": ["head_mean", "tail_mean", "between_mean"],
    "normalize_blocks": True,
    "layer": -1,  # on held-out relations as good as layer 4, and the better start
    "trainable": "layers",
    "trained_layers": [4, 5],
    "train_projector": False,  # at this learning rate, its outputs collapse within an epoch
    "batch_size": 64,
    "warmup_epochs": 0,
    "num_train_epochs": 2,
    "neighbors": 20,
    "neighbors_per_step": 1,
    "neighbor_components": 128,
    "cluster_weight": 1.0,
    "entropy_weight": 1.0,
    "over_neighbors": "mean",
    "init_clusters": "kmeans",  # a head that starts at random finds worse clusters than k-means does
    "learning_rate": 1e-4,
    "weight_decay": 0.01,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.05,
    "pca_components": 64,
    "variant": "pca",
    "seed": 0,
}
