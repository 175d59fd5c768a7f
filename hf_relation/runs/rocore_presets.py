"""Values of RoCORE's presets: the paper's, and those for MiniLM."""

from __future__ import annotations

from typing import Any


# "Paper": Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021. "Code": what its
# authors published, which departs from the paper in places.
ROCORE: dict[str, Any] = {
    "marker_policy": "none",  # paper, equations 1 to 3: the mentions are not marked
    "pooling": ["head_max", "tail_max"],  # paper, equations 2 and 3
    "normalize_blocks": False,
    "layer": 8,  # paper, section 4.3: layer 8 of BERT-base
    "trainable": "layers",
    "trained_layers": [
        7
    ],  # paper, section 4.3: the output layer alone, the eighth (code: the same, by a part of its name)
    "max_length": 160,  # code
    "autoencoder_dims": [512, 512, 256],  # paper, section 4.3
    "activation": "relu",  # paper, section 4.3; code: LeakyReLU
    "center_weight": 0.005,  # paper, table 1, FewRel (TACRED: 0.001)
    "reconstruction_reduction": "paper",  # paper, equation 6; code: a mean, beside which lambda counts 768 times as much
    "sigma": 2.0,  # paper, table 1
    "pairs": "all",  # code: all pairs of a batch, those of a row with itself too
    "rampup_maximum": 1.0,  # paper, table 1; code: 0.05
    "rampup_length": 10.0,  # paper, table 1; code: 50
    "learning_rate": 1e-4,  # paper, table 1
    "weight_decay": 0.0,  # paper: Adam, which AdamW is without weight decay; code: 1e-5 on the autoencoder
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "max_grad_norm": 0.0,  # neither paper nor code clips gradients
    "ema_decay": 0.0,  # neither averages weights
    "bf16": False,  # the code computes in float32
    "labelled_per_batch": 50,  # paper, table 1: batches of 100; how many are labelled it does not say
    "unlabelled_per_batch": 50,
    "pretraining_epochs": 10,  # paper, table 1
    "fixed_pretraining_epochs": 0,
    "pseudo_space": "latent",  # paper, equation 7: k-means on g(h)
    "pseudo_n_init": 10,
    # Paper: until convergence. Code: at most 100 epochs, the best one by gold labels of the novel relations. Here: until the
    # clusters settle.
    "num_train_epochs": 60,
    "stop_below": 0.01,
    "select_by": "last",
    "variant": "head",  # paper, equation 14: the novel classifier predicts
    "num_seeds": 5,
}

# Chosen on known relations of FewRel in the place of novel ones (--novel held-out); see docs/benchmarks.md.
ROCORE_MINILM: dict[str, Any] = {
    "init": "more-minilm-fewrel",
    "max_train_instances": 6400,  # a hundred of every known relation of FewRel; to save time
    "trained_layers": [4, 5],  # the last two of six
    "bf16": True,
    "eval_dtype": "bfloat16",  # of what pseudo labels are made from, to save time; final figures are in float32
    "learning_rate": 3e-5,
    "head_learning_rate": 1e-3,  # of classifiers and autoencoder: representations of length one need larger weights there
    "warmup_steps": 10,
    "start_classifiers": True,
    "novel_loss": "unified",  # the pairwise loss left the embeddings as good as they were
    "label_smoothing": 0.1,
    "labelled_per_batch": 32,
    "unlabelled_per_batch": 64,
    "num_train_epochs": 1,
    "batches_per_epoch": 80,
    "fixed_pretraining_epochs": 0,  # no step uses the autoencoder: what is clustered is h, and it does not train the encoder
    "pseudo_space": "embedding",
    "embedding": "pooled",  # g(h) scored lower on held-out relations
    "pseudo_keep": 0.7,
    "pseudo_balance": "sinkhorn",  # all of FewRel's novel relations have 600 unlabelled sentences
    "pseudo_whitening": True,
    "pseudo_shrinkage": 0.5,
    "pseudo_smoothing": 10,
    "pseudo_pca": 64,
    "pseudo_n_init": 3,
    "pseudo_averaged": True,
    "ema_decay": 0.95,
    "centroid_rows": 40,
    "whitening_per_relation": 50,
    "variant": "head",  # what the novel classifier predicts, as in the paper; best on held-out relations, too
    "n_init": 20,
    "seed": 0,
    "num_seeds": 3,
    "save_strategy": "no",
}
