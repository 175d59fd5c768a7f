"""Values of MORE's presets: those of the papers, and those of the shipped checkpoint."""

from __future__ import annotations

from typing import Any


# "Paper": Wang et al., "MORE", ICASSP 2021. "Code": what its authors published, which departs from the paper in places.
MORE: dict[str, Any] = {
    "loss": "ranked_list",
    "loss_kwargs": '{"reduction": "sum", "positive_margin": 0.8, "negative_margin": 1.2, "temperature": 10.0, '
    '"balance": 0.5}',  # paper: equations 2 to 5, values in section 3.1; code: means over all positives and anchors, no lambda
    "projection_dim": 64,  # paper, section 2.1: a fully-connected layer; its width is the code's
    "normalize_blocks": False,  # paper, section 2.1: only the result is scaled to unit length
    "layer": -1,  # paper, section 2.1: the last hidden states
    "classes_per_batch": 24,  # paper, section 3.1
    "instances_per_class": 10,  # paper, section 3.1
    "adversarial_weight": 1.0,  # paper, beta of equation 7
    # Paper, section 2.3: epsilon 0.02, normalised start, one step; code: 0.03 on FewRel, noise in [0, 1] scaled over tokens.
    # The authors' README says that the paper's BERT rows are without it (memory); `--adversarial_weight 0` gives those.
    "adversarial_kwargs": '{"epsilon": 0.02, "num_power_iterations": 1, "start": "unit"}',
    "weight_decay": 0.0,  # paper: Adam, which AdamW is without weight decay; code: 1e-3 on the FC layer, 2e-4 on the CNN
    "lr_scheduler_type": "constant",  # paper, section 3.1: "we fix the learning rate"
    "warmup_steps": 0,  # the same
    "max_grad_norm": 0.0,  # neither paper nor code clips gradients
    "ema_decay": 0.0,  # neither averages weights
    "bf16": False,  # the code computes in float32
    "eval_steps": 200,  # code: every 200 batches; here on held-out known relations, there on the novel ones
    "save_steps": 200,  # as eval_steps, to keep the best
    "algorithm": "kmeans",  # paper, section 3.1, for FewRel (k given); for NYT+FB-sup it has mean-shift
    "n_init": 10,  # code
    "variant": "plain",  # embeddings are clustered as they are
    "whitening_per_relation": 0,  # the same
}

MORE_OF_ENCODER: dict[str, dict[str, Any]] = {
    "transformer": {
        "marker_policy": "entity",  # paper, equation 1: four markers around the mentions
        "pooling": ["head_marker", "tail_marker"],  # paper, section 2.1: the states of the two start markers
        "max_length": 128,  # code
        "learning_rate": 1e-5,  # paper, section 3.1
        "max_steps": 1000,  # code, for BERT
    },
    "cnn": {
        "marker_policy": "none",  # paper, section 2.1: the CNN of RSN knows the mentions by distances
        "pooling": ["sentence_max"],  # the same: max-pooling over the sentence
        "word_embedding_dim": 50,  # RSN's word vectors (GloVe)
        "position_embedding_dim": 5,  # RSN; the authors' command line has 10
        "max_length": 120,  # code
        "learning_rate": 0.003,  # paper, section 3.1; code: RMSprop with 3e-4
        "max_steps": 8000,  # code: 4 rounds of 2,000 batches
    },
}

# Of the CCL paper (Lou et al., "A Unified Representation Learning Strategy for Open Relation Extraction with Ranked List
# Loss", 2021) the abstract and the introduction were at hand. They name the same loss, the same adversarial training and the
# same data as MORE, and no number; so every value here is MORE's.
MORE_RLL: dict[str, Any] = dict(MORE)

# The command in model_cards/more-minilm-fewrel.md; what is not listed there is the default.
MINILM: dict[str, Any] = {
    "loss_kwargs": '{"reduction": "mean_informative"}',
    "learning_rate": 5e-5,
    "max_steps": 120,
    "ema_decay": 0.97,
    "classes_per_batch": 64,
    "instances_per_class": 3,
    "pca_components": 32,
    "variant": "whitening+pca",
    "seed": 0,  # and two more; the first one ships
    "num_seeds": 3,
    "held_out_relations": 0,  # all 64 known relations are trained on; what to choose was chosen on earlier runs
    "eval_strategy": "no",
    "save_strategy": "no",
    "load_best_model_at_end": False,
}
