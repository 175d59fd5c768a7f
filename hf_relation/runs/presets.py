"""Named settings of runs: those of the papers, and those of the shipped checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError


@dataclass(frozen=True)
class Preset:
    """Settings that belong together; they stand in for the defaults of a run, and any option given wins over them.

    Args:
        about (`str`): what the settings are, in one sentence.
        source (`str`): where they come from.
        settings (`Mapping[str, Any]`): option -> value.
        method (`str`, defaults to `"more"`): the run it is for.
        of_encoder (`Mapping[str, Mapping[str, Any]]`): the settings that depend on `--encoder`.
    """

    about: str
    source: str
    settings: Mapping[str, Any]
    method: str = "more"
    of_encoder: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


# "Paper": Lou et al., "MORE", ICASSP 2021. "Code": what its authors published, which departs from the paper in places.
_MORE: dict[str, Any] = {
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

_MORE_OF_ENCODER: dict[str, dict[str, Any]] = {
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
_MORE_RLL = dict(_MORE)

# The command in model_cards/more-minilm-fewrel.md; what is not listed there is the default.
_MINILM: dict[str, Any] = {
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

# "Paper": Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021. "Code": what its
# authors published, which departs from the paper in places.
_ROCORE: dict[str, Any] = {
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

# Not chosen yet on held-out known relations.
_ROCORE_MINILM: dict[str, Any] = {
    "init": "more-minilm-fewrel",
    "trained_layers": [4, 5],
    "learning_rate": 5e-5,
    "num_seeds": 5,
}

# "Paper": Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction", ECAI 2023. "Code": what its
# authors published, which departs from the paper in places.
_SIAMESE_URE: dict[str, Any] = {
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
_SIAMESE_URE_MINILM: dict[str, Any] = {
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

PRESETS: dict[str, Preset] = {
    "more": Preset(
        "the paper's settings, over the encoder you name (the paper has BERT-base and a CNN)",
        "Lou et al., MORE, ICASSP 2021; steps and lengths from the authors' code",
        _MORE,
        of_encoder=_MORE_OF_ENCODER,
    ),
    "more-rll": Preset(
        "the settings of MORE's second paper, which are MORE's where it says nothing",
        "Lou et al., MORE-RLL, CCL 2021",
        _MORE_RLL,
        of_encoder=_MORE_OF_ENCODER,
    ),
    "minilm": Preset(
        "how the shipped checkpoint was trained",
        "model_cards/more-minilm-fewrel.md",
        _MINILM,
        of_encoder={"transformer": {}},
    ),
    "rocore": Preset(
        "the paper's settings, for an encoder of twelve layers that you name (the paper has BERT-base)",
        "Zhao et al., RoCORE, EMNLP 2021; lengths from the authors' code",
        _ROCORE,
        method="rocore",
    ),
    "rocore-minilm": Preset(
        "from the shipped checkpoint of MORE, with 22.7 M parameters",
        "not chosen yet",
        _ROCORE_MINILM,
        method="rocore",
    ),
    "siamese-ure": Preset(
        "the paper's settings, over the encoder you name (the paper has BERT-base-cased)",
        "Zhang and Chen, Siamese-URE, ECAI 2023; epochs and schedule from the authors' code",
        _SIAMESE_URE,
        method="siamese-ure",
    ),
    "siamese-ure-minilm": Preset(
        "for MiniLM-L6: its last two layers, AdamW, clusters that start at k-means, one neighbour at a time",
        "chosen on known relations of FewRel in the place of unlabelled ones (--novel held-out)",
        _SIAMESE_URE_MINILM,
        method="siamese-ure",
    ),
}

# Without a preset: what differs from the defaults for transformers.
OF_ENCODER: dict[str, dict[str, Any]] = {
    "transformer": {},
    "cnn": {
        "marker_policy": "none",
        "pooling": ["sentence_max"],
        "normalize_blocks": False,
        "projection_dim": 64,
        "max_length": 120,
        "learning_rate": 0.003,
        "weight_decay": 0.0,
        "max_steps": 1000,
        "eval_steps": 100,
        "save_steps": 100,
        "bf16": False,
    },
}


def presets_of(method: str) -> dict[str, Preset]:
    """Give the presets of a method.

    Args:
        method (`str`): `"more"`, `"rocore"`, ...

    Returns:
        `dict[str, Preset]`: by name.

    Example:

    ```python
    >>> from hf_relation.runs.presets import presets_of
    >>> list(presets_of("more"))
    ['more', 'more-rll', 'minilm']

    ```
    """
    return {name: preset for name, preset in PRESETS.items() if preset.method == method}


def preset_settings(name: str | None, encoder: str = "transformer", *, method: str = "more") -> dict[str, Any]:
    """Give the defaults that a preset and the kind of encoder stand for.

    Args:
        name (`str`, *optional*): a name in [`presets_of`].
        encoder (`str`, defaults to `"transformer"`): `"transformer"` or `"cnn"`.
        method (`str`, defaults to `"more"`): the run they are for.

    Returns:
        `dict[str, Any]`: option -> value.

    Raises:
        UsageError: an unknown preset, or one that is not for this encoder.

    Example:

    ```python
    >>> from hf_relation.runs.presets import preset_settings
    >>> settings = preset_settings("more")
    >>> settings["learning_rate"], settings["pooling"]
    (1e-05, ['head_marker', 'tail_marker'])
    >>> preset_settings("more", "cnn")["learning_rate"]
    0.003

    ```
    """
    base = OF_ENCODER.get(encoder, {}) if method == "more" else {}
    presets = presets_of(method)
    if name is None:
        return dict(base)
    if name not in presets:
        raise UsageError(f"There is no preset {name!r}. Use one of {', '.join(presets)}; --help says what they are.")
    preset = presets[name]
    if preset.of_encoder and encoder not in preset.of_encoder:
        raise UsageError(
            f"The preset {name!r} is for --encoder {' or '.join(preset.of_encoder)}, not for {encoder!r}."
        )
    return {**base, **preset.settings, **preset.of_encoder.get(encoder, {})}
